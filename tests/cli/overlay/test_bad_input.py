"""`vs-align overlay`: every wrong input gets one clear line and a non-zero exit before anything is done."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.media.films import sound, write_film
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv", range(12))


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("talkie") / "talkie.mp4", range(12), wave=sound(0.5))


class Refusal:
    """Calls the command and checks that it refuses, in one line, searches nothing and writes nothing."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder, self._capfd = folder, capfd

        def work(*_: Any, **__: Any) -> None:
            raise AssertionError("work was begun")

        patch.setattr("vs_align.api.overlay_search.sync_videos", work)
        patch.setattr("vs_align.media.encode.encode", work)

    def __call__(self, bg: object, fg: object, *options: object, code: int = 1) -> str:
        """Return what the command said when it refused."""
        before = sorted(self.folder.rglob("*"))
        given = () if "-o" in options else ("-o", self.folder / "out.mp4")
        assert call("overlay", bg, fg, "--cache", self.folder, *given, *options) == code
        said = self._capfd.readouterr()
        assert said.out == ""
        assert sorted(self.folder.rglob("*")) == before
        assert "Traceback" not in said.err
        if code == 2:  # of the options themselves, in a frame
            return re.sub(r"[\s│]+", " ", said.err)
        lines = [line for line in said.err.splitlines() if not line.startswith(("note: ", "bg ", "fg ", "reading "))]
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        return lines[0]


@pytest.fixture
def refusal(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refusal:
    return Refusal(tmp_path, capfd, monkeypatch)


def test_inputs_that_are_not_there(refusal: Refusal, film: Path, tmp_path: Path) -> None:
    assert "gone.mkv does not exist" in refusal(film, tmp_path / "gone.mkv")
    assert "gone.mkv does not exist" in refusal(tmp_path / "gone.mkv", film)
    assert "gone.mkv does not exist" in refusal(film, film, "--fg", tmp_path / "gone.mkv")
    assert "gone.png does not exist" in refusal(film, film, "--mask", tmp_path / "gone.png")
    assert "gone.json" in refusal(film, film, "--timeline", tmp_path / "gone.json")
    assert "gone.json" in refusal(film, film, "--placement", tmp_path / "gone.json")


def test_outputs_that_cannot_be(refusal: Refusal, film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mkv"
    other.write_bytes(film.read_bytes())
    assert "is one of the inputs" in refusal(film, other, "-o", other)
    assert other.read_bytes() == film.read_bytes()
    assert "must end in one of" in refusal(film, film, "-o", tmp_path / "out.doc")
    assert "other.mkv is not a folder" in refusal(film, film, "-o", other / "out.mp4")
    assert "cannot be written" in refusal(film, film, "-o", "/proc/out.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert "is a folder" in refusal(film, film, "-o", tmp_path / "folder.mp4")
    (tmp_path / "out.vpy").mkdir()
    assert "out.vpy is a folder" in refusal(film, film, "--keep-script")
    (tmp_path / "out.report.html").mkdir()
    assert "out.report.html is a folder" in refusal(film, film, "--report")
    assert "is named for two" in refusal(film, film, "--json", tmp_path / "out.mp4")


@pytest.mark.parametrize("place", ["nowhere", "1", "1,2,3,4", "1,nan", "1,2,0", "1,2,-1", "1;2", ""])
def test_places_that_are_none(refusal: Refusal, film: Path, place: str) -> None:
    assert "must be one of auto, template" in refusal(film, film, "--place", place, code=2)


@pytest.mark.parametrize("bits", ["", "k", "192 kilobits", "7k", "-1", "5M", "nan", "inf"])
def test_bitrates_that_are_none(refusal: Refusal, film: Path, bits: str) -> None:
    assert "must be bits a second" in refusal(film, film, "--audio-bitrate", bits, code=2)


def test_options_out_of_range(refusal: Refusal, film: Path) -> None:
    assert "0.01..100" in refusal(film, film, "--scale", 0, code=2)
    assert "0.01..100" in refusal(film, film, "--scale", "nan", code=2)
    refusal(film, film, "--opacity", 1.5, code=2)
    refusal(film, film, "--margin", 0, code=2)
    refusal(film, film, "--timing", "ref", code=2)
    refusal(film, film, "--engine", "nosuch", code=2)


def test_options_that_contradict_each_other(refusal: Refusal, film: Path, tmp_path: Path) -> None:
    assert "leave out --place" in refusal(film, film, "--skip-spatial", "--place", "template")
    assert "leave out --place" in refusal(film, film, "--skip-spatial", "--placement", tmp_path / "p.json")
    assert "--canvas union" in refusal(film, film, "--fg", film, "--canvas", "union")
    assert "must be left out with --no-cache" in refusal(film, film, "--no-cache")


def test_sound_that_is_not_there(refusal: Refusal, film: Path, talkie: Path) -> None:
    assert "--audio bg: film.mkv has no audio" in refusal(film, talkie, "--audio", "bg")
    assert "--engine audio: film.mkv has no audio" in refusal(talkie, film, "--engine", "audio")
    assert "--engine audio: film.mkv has no audio" in refusal(talkie, talkie, "--fg", film, "--engine", "audio")


def test_encoders_and_formats_that_are_not_there(refusal: Refusal, film: Path) -> None:
    assert "--codec nosuch" in refusal(film, film, "--codec", "nosuch")
    assert "--pixel-format nv12: must be the name of a planar format" in refusal(film, film, "--pixel-format", "nv12")
    said = refusal(film, film, "--pixel-format", "yuv420p16le")
    assert "--pixel-format yuv420p16le: libx264 takes " in said
    assert "yuv420p10le" in said


def test_masks_for_other_videos(refusal: Refusal, film: Path, tmp_path: Path) -> None:
    short = write_film(tmp_path / "short.mkv", range(5))
    said = refusal(film, film, "--mask", short)
    assert "--mask short.mkv: must be an image or have as many frames as film.mkv (12), has 5" in said
    assert "--bg-mask short.mkv: must be an image" in refusal(film, film, "--bg-mask", short)


def test_findings_for_other_videos(refusal: Refusal, film: Path, tmp_path: Path) -> None:
    kept = tmp_path / "t.json"
    Timeline.from_frame_map(range(9), clip_rate=25, ref_rate=25, clip_length=12).save(kept)
    said = refusal(film, film, "--timeline", kept)
    assert "--timeline t.json: it was made for a FG of 9 frames, film.mkv has 12" in said
    Timeline.from_frame_map(range(12), clip_rate=25, ref_rate=25, clip_length=12).save(kept)
    placed = tmp_path / "p.json"
    Placement.neutral((160, 90), (80, 54)).save(placed)
    said = refusal(film, film, "--timeline", kept, "--placement", placed)
    assert "--placement p.json: it was made for BG of 160x90 and FG of 80x54; film.mkv has 160x90, film.mkv has" in said
    (tmp_path / "broken.json").write_text("{")
    assert "broken.json" in refusal(film, film, "--timeline", tmp_path / "broken.json")


def test_differences_are_said(film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tall = write_film(tmp_path / "tall.mkv", range(8), 30, size=(120, 180))
    # it stops at the missing codec's neighbour, a broken timeline, after both were looked at
    Timeline.from_frame_map(range(9), clip_rate=25, ref_rate=25, clip_length=12).save(tmp_path / "t.json")
    options = ("--cache", tmp_path, "-o", tmp_path / "out.mp4", "--timeline", tmp_path / "t.json")
    assert call("overlay", film, tall, *options) == 1
    said = capfd.readouterr().err
    assert "film.mkv: 160x90, 25.000 fps" in said
    assert "no audio" in said
    assert "their shapes differ: tall.mkv is 0.67 times as wide as high, film.mkv 1.78" in said
    assert "tall.mkv has more pixels than film.mkv" in said
    assert "their rates differ: 30.000 and 25.000 fps" in said
    assert "neither has audio" in said
