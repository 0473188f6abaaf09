"""Files beside a finished video are written whatever becomes of the others."""

from pathlib import Path

import pytest

from vs_align.cli.console import Interrupted
from vs_align.cli.side_outputs import Writing
from vs_align.errors import MediaError


def fail(path: Path) -> None:
    path.write_text("half")
    raise MediaError(f"vs_align.save: cannot write '{path}': it is Friday.")


def test_faults_are_told_together_in_the_words_of_the_files(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{name}.txt" for name in ("one", "two", "three"))
    with pytest.raises(MediaError) as caught, Writing() as writing:
        writing.write(one, fail)
        writing.write(None, fail)
        writing.write(two, lambda path: path.write_text("whole"))
        writing.write(three, lambda path: path.with_name("nowhere").read_text())
    assert str(caught.value) == (
        f"vs_align.save: cannot write '{one}': it is Friday. "
        f"{three} cannot be written: No such file or directory. Written: {two}."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["two.txt"]


def test_an_interruption_says_what_was_written(tmp_path: Path) -> None:
    def interrupted(path: Path) -> None:
        raise Interrupted

    with pytest.raises(Interrupted, match=r"one\.txt is whole, nothing else was written$"), Writing() as writing:
        writing.write(tmp_path / "one.txt", lambda path: path.write_text("whole"))
        writing.write(tmp_path / "two.txt", interrupted)
    with pytest.raises(Interrupted, match=r"^$"), Writing() as writing:
        writing.write(tmp_path / "two.txt", interrupted)
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt"]
