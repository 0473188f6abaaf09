"""Side outputs of a command: each file is written even if another fails, and errors are raised at the end."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from vs_align.cli.console import Interrupted
from vs_align.errors import AlignError, MediaError
from vs_align.io.atomic_files import error_reason, replace, temporary_paths


class Writing:
    """Context manager that writes output files one by one and raises all errors at the end of the block.

    Example:
        ```python
        with Writing() as writing:
            writing.name(part, video)
            writing.write(script, lambda path: write_script(text, path))
        ```
    """

    def __init__(self) -> None:
        self.done: list[Path] = []
        """Files that were written, in order."""
        self._faults: list[str] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise the errors of writing, or name the files that were written before an interruption.

        Raises:
            MediaError: A file could not be written.
            Interrupted: A signal ended the program.
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
        """Rename a finished temporary file to its target.

        Raises:
            MediaError: The file system reports an error.
        """
        replace(part, target)
        self.done.append(target)

    def write(self, target: Path | None, write: Callable[[Path], object]) -> None:
        """Write a file by a function of its temporary path; None is no file. An error is raised at the end."""
        if target is None:
            return
        hidden = target
        try:
            with temporary_paths(target) as (hidden,):
                write(hidden)
                self.name(hidden, target)
        except (AlignError, OSError) as error:
            self._fail(error, hidden, target)

    def attempt(self, action: Callable[[], object]) -> None:
        """Call a function that may fail, such as writing to stdout. An error is raised at the end."""
        try:
            action()
        except AlignError as error:
            self._faults.append(str(error))

    def _fail(self, error: AlignError | OSError, hidden: Path, target: Path) -> None:
        """Store an error, with the target instead of the temporary path in its message."""
        message = str(error) if isinstance(error, AlignError) else f"{target} cannot be written: {error_reason(error)}."
        self._faults.append(message.replace(str(hidden), str(target)))
