"""`argument_path`: relative names in arguments of vspipe, from whatever folder it is called."""

from pathlib import Path

import pytest

from vs_align import ArgumentError, argument_path


class Folders:
    """A folder in which vspipe is called, and one with a script into which vspipe has changed."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.caller, self.scripts = root / "videos", root / "videos" / "my scripts" / "deep"
        self.scripts.mkdir(parents=True)
        (self.scripts / "a.vpy").touch()
        monkeypatch.chdir(self.scripts)
        monkeypatch.setenv("PWD", str(root / "elsewhere"))
        monkeypatch.setattr("vs_align.api.script_arguments._folder_of_parent", lambda: "")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    return Folders(tmp_path, monkeypatch)


def found(script: Path | str, given: object = "dvd.mkv") -> str:
    return str(argument_path({"__file__": str(script), "dvd": given}, "dvd", "other.mkv"))


def test_the_folder_is_read_off_the_path_of_the_script(folders: Folders) -> None:
    assert found("my scripts/deep/a.vpy") == str(folders.caller / "dvd.mkv")
    assert found("my scripts/deep/a.vpy", "../sub/dvd.mkv") == str(folders.caller / "../sub/dvd.mkv")
    assert found("a.vpy") == str(folders.scripts / "dvd.mkv")


def test_the_shell_tells_where_it_is(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = folders.caller / "beside"
    beside.mkdir()
    monkeypatch.setenv("PWD", str(beside))
    assert found("../my scripts/deep/a.vpy") == str(beside / "dvd.mkv")
    assert found(folders.scripts / "a.vpy") == str(beside / "dvd.mkv")
    # from which the script cannot be reached: the folder of another program, which did not tell of its change
    assert found("my scripts/deep/a.vpy") == str(folders.caller / "dvd.mkv")


def test_a_symbolic_link_to_the_folder_of_the_script(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = folders.caller / "beside"
    beside.mkdir()
    (beside / "link").symlink_to(folders.scripts)
    monkeypatch.setenv("PWD", str(beside))
    assert found("link/a.vpy") == str(beside / "dvd.mkv")


def test_the_folder_of_the_calling_program(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PWD")
    monkeypatch.setattr("vs_align.api.script_arguments._folder_of_parent", lambda: str(folders.caller))
    assert found(folders.scripts / "a.vpy") == str(folders.caller / "dvd.mkv")


def test_a_file_beside_the_script_is_found_if_there_is_none_at_the_caller(folders: Folders) -> None:
    (folders.scripts / "dvd.mkv").touch()
    assert found("my scripts/deep/a.vpy") == str(folders.scripts / "dvd.mkv")
    (folders.caller / "dvd.mkv").touch()
    assert found("my scripts/deep/a.vpy") == str(folders.caller / "dvd.mkv")


def test_absolute_paths_defaults_and_none(folders: Folders) -> None:
    assert found("my scripts/deep/a.vpy", "/films/dvd.mkv") == "/films/dvd.mkv"
    variables = {"__file__": "my scripts/deep/a.vpy"}
    assert argument_path(variables, "dvd", "other.mkv") == str(folders.caller / "other.mkv")
    assert argument_path(variables, "dvd") is None
    # a previewer may run a script that has no file yet
    assert argument_path({}, "dvd", "other.mkv") == str(folders.scripts / "other.mkv")


def test_what_is_no_name() -> None:
    with pytest.raises(ArgumentError, match=r"vs_align.argument_path: dvd must be the name of a file, got 3\."):
        argument_path({"dvd": 3}, "dvd", "other.mkv")
