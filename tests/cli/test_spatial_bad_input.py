"""What `vs-align spatial` refuses: in one clear line, with a non-zero exit, before anything is written."""

from pathlib import Path

import pytest

from tests.cli.calling import call
from tests.media.films import sound, write_film
from vs_align.placement.placement import Placement


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv", range(10))


class Refusal:
    """Calls the command and checks that it refuses, in one line, and writes nothing."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.out, self._capfd = folder, folder / "out.mkv", capfd

    def __call__(self, clip: object, ref: object, *options: object) -> str:
        """Return the line with which the command refused."""
        before = sorted(self.folder.rglob("*"))
        code = call("spatial", clip, ref, "-o", self.out, *options)
        said = self._capfd.readouterr()
        assert code == 1
        assert said.out == ""
        known = ("reading ", "note: ", "looking for engine ")
        lines = [line for line in said.err.splitlines() if not line.startswith(known)]
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        assert sorted(self.folder.rglob("*")) == before
        return lines[0]


@pytest.fixture
def refusal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refusal:
    return Refusal(tmp_path, capfd)


def test_missing_files(refusal: Refusal, film: Path) -> None:
    nowhere = refusal.folder / "nowhere.mkv"
    assert "nowhere.mkv does not exist." in refusal(nowhere, film)
    assert "nowhere.mkv does not exist." in refusal(film, nowhere)


@pytest.mark.parametrize("option", ["--mask", "--clip-mask"])
def test_masks_that_are_no_pictures(refusal: Refusal, film: Path, option: str) -> None:
    assert "nowhere.png does not exist." in refusal(film, film, option, refusal.folder / "nowhere.png")
    text = refusal.folder / "notes.png"
    text.write_text("It was a dark and stormy night. " * 20)
    assert "notes.png is not a video" in refusal(film, film, option, text)


def test_placements_that_are_none(refusal: Refusal, film: Path) -> None:
    assert "nowhere.json" in refusal(film, film, "--placement", refusal.folder / "nowhere.json")
    other = refusal.folder / "other.json"
    Placement.neutral((64, 64), (64, 48)).save(other)
    said = refusal(film, film, "--placement", other)
    assert "--placement other.json: it was made for CLIP of 64x64 and REF of 64x48; film.mkv has 160x90" in said
    broken = refusal.folder / "broken.json"
    broken.write_text("{")
    assert "broken.json" in refusal(film, film, "--placement", broken)


def test_no_sound_where_it_is_asked_for(refusal: Refusal, film: Path) -> None:
    talkie = write_film(refusal.folder / "talkie.mkv", range(10), wave=sound(0.4))
    assert "--audio clip: film.mkv has no audio." in refusal(film, talkie, "--audio", "clip")
    assert "--audio ref: film.mkv has no audio." in refusal(talkie, film, "--audio", "ref")


def test_outputs_over_inputs(refusal: Refusal, film: Path) -> None:
    mine = refusal.folder / "mine.mkv"
    mine.write_bytes(film.read_bytes())
    assert "is one of the inputs" in refusal(mine, film, "--compare", mine)
    assert "is one of the inputs" in refusal(film, film, "--mask", mine, "--compare", mine)


def test_outputs_of_one_name(refusal: Refusal, film: Path) -> None:
    assert "is named for two of the files" in refusal(film, film, "--compare", refusal.out)


def test_comparison_without_a_known_extension(refusal: Refusal, film: Path) -> None:
    assert "side.png must end in one of .avi" in refusal(film, film, "--compare", refusal.folder / "side.png")


def test_unknown_encoder(refusal: Refusal, film: Path) -> None:
    assert "--codec nosuch: " in refusal(film, film, "--codec", "nosuch")


def test_engine_that_does_not_run_there(refusal: Refusal, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said by the library before any file is indexed."""
    from vs_align.measure.flow import engine as engines

    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert "vs_align.spatial: engine 'rife' needs PyTorch" in refusal(film, film, "--engine", "rife")


@pytest.mark.parametrize(
    "options", [("--precision", "5"), ("--iterations", "0"), ("--stabilize", "shot"), ("--batch-size", "0")]
)
def test_usage_errors_have_exit_code_2(capfd: pytest.CaptureFixture[str], options: tuple[str, str]) -> None:
    assert call("spatial", "a.mkv", "b.mkv", "-o", "c.mkv", *options) == 2
    assert options[0] in capfd.readouterr().err


def test_nothing_to_write(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("spatial", "a.mkv", "b.mkv") == 2
    assert "--compare" in capfd.readouterr().err
