"""The files beside a finished video: each is written whatever becomes of the others."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from vs_align.cli.console import Interrupted
from vs_align.errors import AlignError, MediaError
from vs_align.io.atomic_files import parts, reason_of, replace


class Writing:
    """Gives files their names one by one, and says at the end of the block what could not be written.

    Example:
        ```python
        with Writing() as writing:
            writing.name(part, video)
            writing.write(script, lambda path: write_script(text, path))
        ```
    """

    def __init__(self) -> None:
        self.done: list[Path] = []
        """Files that were written."""
        self._faults: list[str] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise what could not be written, or what was written before an interruption.

        Raises:
            MediaError: Something could not be written.
            Interrupted: Somebody asked the program to end.
        """
        names = " and ".join(map(str, self.done))
        if isinstance(value, Interrupted) and names:
            raise Interrupted(
                f"{names} {'is' if len(self.done) == 1 else 'are'} whole, nothing else was written"
            ) from None
        if kind is None and self._faults:
            kept = f" Written: {names}." if names else ""
            raise MediaError(" ".join(self._faults) + kept)

    def name(self, part: Path, target: Path) -> None:
        """Give a finished file its name.

        Raises:
            MediaError: The file system refuses.
        """
        replace(part, target)
        self.done.append(target)

    def write(self, target: Path | None, write: Callable[[Path], object]) -> None:
        """Write a file with a function that takes its path; None is no file. A fault is kept for the end."""
        if target is None:
            return
        hidden = target
        try:
            with parts(target) as (hidden,):
                write(hidden)
                self.name(hidden, target)
        except (AlignError, OSError) as error:
            self._fail(error, hidden, target)

    def attempt(self, action: Callable[[], object]) -> None:
        """Do something else that may fail, such as writing to stdout. A fault is kept for the end."""
        try:
            action()
        except AlignError as error:
            self._faults.append(str(error))

    def _fail(self, error: AlignError | OSError, hidden: Path, target: Path) -> None:
        """Keep a fault in the words of the file that was wanted."""
        said = str(error) if isinstance(error, AlignError) else f"{target} cannot be written: {reason_of(error)}."
        self._faults.append(said.replace(str(hidden), str(target)))
