"""`vs-align sync`: every wrong input gets one clear line and a non-zero exit before anything is done."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from tests.cli.calling import call
from tests.media.films import sound, write_film
from vs_align.cli.sync.checks import AUDIO_ENDINGS
from vs_align.errors import ArgumentError
from vs_align.io.install_advice import EXPORT, REPORT, install_command
from vs_align.media.ffmpeg import find_ffmpeg

SUBTITLES = "1\n00:00:01,000 --> 00:00:02,000\nhello\n"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv", range(60))


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("talkie") / "talkie.mp4", range(60), wave=sound(2.4))


class Refusal:
    """Calls the command and checks that it refuses, in one line, decodes nothing and writes nothing."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder, self._capfd = folder, capfd

        def work(*_: Any, **__: Any) -> None:
            raise AssertionError("work was begun")

        patch.setattr("vs_align.api.sync.sync_videos", work)

    def __call__(self, clip: object, ref: object, *options: object, cache: object = None) -> str:
        """Return the line with which the command refused."""
        before = sorted(self.folder.rglob("*"))
        code = call("sync", clip, ref, "--cache", cache or self.folder, *options)
        said = self._capfd.readouterr()
        assert code == 1
        assert said.out == ""
        lines = [line for line in said.err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        assert sorted(self.folder.rglob("*")) == before
        return lines[0]


@pytest.fixture
def refusal(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refusal:
    return Refusal(tmp_path, capfd, monkeypatch)


def test_no_file_and_no_video(refusal: Refusal, film: Path) -> None:
    assert "nowhere.mkv does not exist." in refusal(refusal.folder / "nowhere.mkv", film)
    assert "nowhere.mkv does not exist." in refusal(film, refusal.folder / "nowhere.mkv")
    assert "is a folder, not a video." in refusal(film, refusal.folder)
    empty, text = refusal.folder / "empty.mkv", refusal.folder / "notes.mkv"
    empty.touch()
    text.write_text("It was a dark and stormy night. " * 200)
    assert "empty.mkv is empty." in refusal(empty, film)
    assert "notes.mkv is not a video" in refusal(film, text)


def test_sound_without_picture(refusal: Refusal, film: Path) -> None:
    path = refusal.folder / "sound.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=48000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=4096)
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "sound.mka has no video stream." in refusal(path, film)
    assert "sound.mka has no video stream." in refusal(film, path)


@pytest.mark.parametrize("kind", ["film", "talkie"])
def test_truncated(refusal: Refusal, film: Path, talkie: Path, kind: str) -> None:
    whole = {"film": film, "talkie": talkie}[kind]
    part = refusal.folder / f"cut{whole.suffix}"
    part.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    assert f"cut{whole.suffix} is truncated" in refusal(film, part)
    assert f"cut{whole.suffix} is truncated" in refusal(part, film)


def test_no_sound_where_it_is_asked_for(refusal: Refusal, film: Path, talkie: Path) -> None:
    out = refusal.folder
    assert "--engine audio: film.mkv has no audio." in refusal(talkie, film, "--engine", "audio")
    assert "--engine audio: film.mkv has no audio." in refusal(film, talkie, "--engine", "audio")
    assert "leave out --no-sound." in refusal(talkie, talkie, "--engine", "audio", "--no-sound")
    assert "--audio-out a.mka: film.mkv has no audio." in refusal(film, talkie, "--audio-out", out / "a.mka")
    assert "--mux a.mkv: film.mkv has no audio." in refusal(film, talkie, "--mux", out / "a.mkv")


@pytest.mark.parametrize(
    ("option", "name", "ending"),
    [
        ("--csv", "a.txt", ".csv"),
        ("--edl", "a.txt", ".edl"),
        ("--fcpxml", "a.edl", ".fcpxml"),
        ("--otio", "a.json", ".otio"),
        ("--plot", "a.bmp", "one of .png, .svg, .pdf"),
        ("--audio-out", "a.mkw", f"one of {', '.join(AUDIO_ENDINGS)}"),
        ("--mux", "a.avi", "one of .mkv, .mp4, .webm"),
        ("--subs-out", "a.txt", "one of .srt, .vtt, .ass, .ssa"),
        ("--chapters-out", "a.mkv", "one of .txt, .ogm, .xml, .ffmetadata, .ini"),
    ],
)
def test_endings(refusal: Refusal, talkie: Path, option: str, name: str, ending: str) -> None:
    source = refusal.folder / "in.srt"
    source.write_text(SUBTITLES)
    given = {"--subs-out": ("--subs", source), "--chapters-out": ("--chapters", source)}.get(option, ())
    said = refusal(talkie, talkie, option, refusal.folder / name, *given)
    assert said == f"error: {option} {name}: must end in {ending}."


def test_endings_of_sound_are_those_that_can_be_written(tmp_path: Path, talkie: Path) -> None:
    from vs_align.export.audio import retime_audio
    from vs_align.media.probe import probe
    from vs_align.media.source import open_source
    from vs_align.timeline.timeline import Timeline

    source = open_source(probe(talkie))
    timeline = Timeline.from_frame_map(range(60), clip_rate=25, ref_rate=25, clip_length=60)
    with pytest.raises(ArgumentError, match=r"must end in one of (.*), got") as caught:
        retime_audio(timeline, source, source, tmp_path / "a.xyz")
    assert tuple(re.findall(r"\.\w+(?=,)", str(caught.value).split("one of")[1])) == AUDIO_ENDINGS


@pytest.mark.parametrize("option", ["--json", "--timecodes", "--csv", "--audio-out"])
def test_outputs_that_cannot_be_written(refusal: Refusal, talkie: Path, option: str) -> None:
    name = {"--csv": "a.csv", "--audio-out": "a.wav"}.get(option, "a.json")
    (refusal.folder / "file").touch()
    target = refusal.folder / "file" / name
    assert f"{target} cannot be written: {target.parent} is not a folder." in refusal(talkie, talkie, option, target)


def test_outputs_over_inputs_and_each_other(refusal: Refusal, film: Path, talkie: Path) -> None:
    size = talkie.stat().st_size
    assert "is one of the inputs" in refusal(talkie, film, "--mux", talkie)
    assert talkie.stat().st_size == size
    source = refusal.folder / "in.srt"
    source.write_text(SUBTITLES)
    assert "is one of the inputs" in refusal(film, film, "--subs", source, "--subs-out", source)
    assert source.read_text() == SUBTITLES
    same = refusal.folder / "same.json"
    assert "is named for two of the files" in refusal(film, film, "--json", same, "--timecodes", same)
    assert f"{refusal.folder} is a folder" in refusal(film, film, "--json", refusal.folder)


def test_targets_without_sources(refusal: Refusal, film: Path) -> None:
    assert "--subs-out a.srt: needs --subs" in refusal(film, film, "--subs-out", refusal.folder / "a.srt")
    assert "--chapters-out a.xml: needs --chapters" in refusal(film, film, "--chapters-out", refusal.folder / "a.xml")


def test_subtitles_and_chapters_that_are_none(refusal: Refusal, film: Path) -> None:
    missing = refusal.folder / "missing.srt"
    assert "source must name a file that can be read" in refusal(film, film, "--subs", missing)
    assert "source must name a file that can be read" in refusal(film, film, "--chapters", missing.with_suffix(".txt"))
    prose = refusal.folder / "prose.srt"
    prose.write_text("It was a dark and stormy night.")
    assert "retime_subtitles: source must" in refusal(film, film, "--subs", prose)
    latin = refusal.folder / "latin.srt"
    latin.write_bytes(SUBTITLES.replace("hello", "grün").encode("latin-1"))
    assert "encoding must be that of the source, got utf-8" in refusal(film, film, "--subs", latin)
    assert "encoding must be one that Python knows" in refusal(
        film, film, "--subs", latin, "--subs-encoding", "klingon"
    )


def test_video_without_chapters(refusal: Refusal, film: Path) -> None:
    said = refusal(film, film, "--chapters", film, "--chapters-out", refusal.folder / "a.xml")
    assert "source must have chapters" in said


def test_missing_packages(refusal: Refusal, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    for option in ("edl", "otio"):
        said = refusal(film, film, f"--{option}", refusal.folder / f"a.{option}")
        assert install_command(*EXPORT) in said
    monkeypatch.setattr("vs_align.cli.preparation.find_spec", lambda name: None)
    assert install_command(*REPORT) in refusal(film, film, "--plot", refusal.folder / "a.png")


def test_caches_that_cannot_be(refusal: Refusal, film: Path) -> None:
    blocked = refusal.folder / "file"
    blocked.touch()
    assert f"--cache {blocked} cannot be made" in refusal(film, film, cache=blocked)
    assert f"--cache {blocked / 'in'} cannot be made" in refusal(film, film, cache=blocked / "in")
    assert "must be left out with --no-cache." in refusal(film, film, "--no-cache")


@pytest.mark.parametrize(
    "options",
    [
        ("--search", "0"),
        ("--search", "-3"),
        ("--search", "nan"),
        ("--search", "inf"),
        ("--search", "far"),
        ("--engine", "psychic"),
        ("--min-segment", "-1"),
        ("--window", "0"),
        ("--margin", "0"),
        ("--drift-interval", "0"),
        ("--pitch", "up"),
        ("--nosuch",),
    ],
)
def test_usage_errors_have_exit_code_2(capfd: pytest.CaptureFixture[str], options: tuple[str, ...]) -> None:
    assert call("sync", "a.mkv", "b.mkv", *options) == 2
    said = capfd.readouterr()
    assert options[0] in said.err
    assert said.out == ""


def test_file_that_is_damaged_inside(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Damage in the middle shows only when it is decoded; what can be read counts, and nothing hangs."""
    whole = write_film(tmp_path / "whole.mkv", range(90))
    damaged = tmp_path / "damaged.ts"
    subprocess.run(
        [str(find_ffmpeg()), "-v", "error", "-i", str(whole), "-c", "copy", "-f", "mpegts", str(damaged)], check=True
    )
    data = bytearray(damaged.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    damaged.write_bytes(data)
    assert call("sync", damaged, whole, "--no-cache", "--json", "-", "-q") in (0, 1, 3)
    said = capfd.readouterr()
    assert "Traceback" not in said.err
