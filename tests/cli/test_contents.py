"""What was in the inputs is in the result or named as left out, and a result that lost something is no success."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.calling import call
from tests.media.films import heard, lag, sound, write_film
from tests.media.rich_films import CHAPTERS, TITLE, chapter_times, held, packet_bytes, write_rich
from vs_align.errors import MediaError
from vs_align.media import assembly
from vs_align.media.remux import TrackCopy, remux
from vs_align.media.tracks import read_tracks

TIMES = [(chapter.start, chapter.end, chapter.title) for chapter in CHAPTERS]
ALL = [("video", None), ("audio", "jpn"), ("audio", "eng"), ("subtitle", "fre")]
QUICK = ["--preset", "ultrafast", "--crf", "30"]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # the picture is 23 ms late, as muxers leave it
    return write_rich(tmp_path_factory.mktemp("rich") / "rich.mkv", start=0.023)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("plain") / "plain.mkv", range(40), wave=sound(1.6, 3))


def written(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[dict[str, Any], str]:
    """The report of a command as JSON, and what it says on stderr."""
    assert call(*arguments, *QUICK, "--json", "-") == 0
    said = capfd.readouterr()
    return json.loads(said.out), " ".join(said.err.split())


def test_temporal_keeps_what_ref_has(
    rich: Path, plain: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mkv"
    report, said = written(capfd, "temporal", plain, rich, "-o", out, "--tr", 1)
    assert held(out) == ALL
    assert chapter_times(out) == TIMES
    assert read_tracks(out).tags == {"title": TITLE, "ARTIST": "Nobody"}
    for number in range(2):
        assert packet_bytes(out, "audio", number) == packet_bytes(rich, "audio", number)
    assert packet_bytes(out, "subtitle") == [b"Hello", b"World"]
    assert report["left_out"] == ["clip: audio track 1 (flac)"]
    assert "left out clip: audio track 1 (flac)" in said


def test_temporal_names_what_the_container_does_not_take(
    rich: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    report, _ = written(capfd, "temporal", rich, rich, "-o", out, "--tr", 1, "--audio", "clip")
    # clip's audio is cut by the timeline, and that is one track
    assert [track for track in held(out) if track[0] != "data"] == [("video", "und"), ("audio", "jpn")]
    assert chapter_times(out) == TIMES
    assert report["left_out"] == [
        "ref: audio track 1 (jpn, aac, Track jpn)",
        "ref: audio track 2 (eng, aac, Track eng)",
        "clip: audio track 2 (eng, aac, Track eng) (one track is cut)",
        "ref: subtitle track 1 (fre, subrip) (.mp4 does not take it)",
        "clip: subtitle track 1 (fre, subrip)",
        "clip: 2 chapters (its times change)",
    ]


def test_spatial_keeps_what_clip_has(
    rich: Path, plain: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mkv"
    report, _ = written(capfd, "spatial", rich, plain, "-o", out, "--precision", 1)
    assert held(out) == ALL
    assert chapter_times(out) == TIMES
    assert read_tracks(out).tags["title"] == TITLE
    assert report["left_out"] == ["ref: audio track 1 (flac)"]


def test_no_audio_is_wanted(rich: Path, plain: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Not wanted is left out too, and named."""
    out = tmp_path / "out.mkv"
    report, _ = written(capfd, "temporal", plain, rich, "-o", out, "--tr", 1, "--audio", "none")
    assert held(out) == [ALL[0], ALL[3]]
    assert chapter_times(out) == TIMES
    assert len(report["left_out"]) == 3  # two of ref, one of clip


def test_the_default_track_is_heard_everywhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first track is of another film; the second one is flagged, and is what sync goes by, copies and muxes."""
    ref = write_film(tmp_path / "ref.mkv", range(60), wave=sound(2.4, 2))
    clip = write_rich(tmp_path / "clip.mkv", 60, default=1)
    out, alone = tmp_path / "out.mkv", tmp_path / "alone.mka"
    arguments = ["sync", clip, ref, "--no-cache", "--engine", "audio", "--mux", out, "--audio-out", alone]
    assert call(*arguments) == 0
    said = " ".join(capfd.readouterr().err.split())
    assert held(out) == [("video", None), ("audio", "eng")]
    assert held(alone) == [("audio", "eng")]
    assert packet_bytes(out, "audio") == packet_bytes(clip, "audio", 1)[-len(packet_bytes(out, "audio")) :]
    seconds, likeness = lag(sound(2.4, 2)[:96_000], heard(out, 2.0))
    assert abs(seconds) < 0.0015
    assert likeness > 0.97
    assert "left out: ref: audio track 1 (flac); clip: audio track 1 (jpn, aac, Track jpn)" in said


def losing(seconds: float) -> Callable[..., list[Any]]:
    """A copy that loses all audio from a time on, and does not say so."""

    def lossy(target: Path, copies: Sequence[TrackCopy], *more: Any) -> list[Any]:
        meant = remux(target, copies, *more)
        remux(target, [copies[0], *(replace(copy, stop=seconds) for copy in copies[1:])], *more)
        return meant

    return lossy


@pytest.mark.parametrize("end", [".mkv", ".mp4"])
def test_audio_that_leads_the_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str], end: str) -> None:
    """What is heard before the first frame is left out and named; from the first frame on nothing is missing."""
    wave = sound(2.0, 4)
    ref = write_film(tmp_path / "ref.mkv", range(40), start=0.25, wave=wave)
    out = tmp_path / f"out{end}"
    report, _ = written(capfd, "temporal", ref, ref, "-o", out, "--tr", 1)
    assert "ref: 0.25 s of audio before the first frame" in report["left_out"]
    found = heard(out, 1.6)
    np.testing.assert_allclose(found[:4800], wave[12_000:][:4800], atol=1e-3)
    seconds, likeness = lag(wave[12_000:][: len(found)], found)
    assert abs(seconds) < 0.0015
    assert likeness > 0.97


def test_time_stamps_that_go_back_are_no_obstacle(
    rich: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What cannot be copied is encoded, and named where it is more than one track."""

    def refusing(target: Path, copies: Sequence[TrackCopy], *more: Any) -> list[Any]:
        if any(copy.path == rich for copy in copies):
            raise MediaError("time stamps go back")
        return remux(target, copies, *more)

    monkeypatch.setattr(assembly, "remux", refusing)
    out = tmp_path / "out.mkv"
    report, said = written(capfd, "temporal", plain, rich, "-o", out, "--tr", 1)
    assert "note: tracks cannot be copied, so the audio is encoded: time stamps go back" in said
    assert held(out) == [("video", None), ("audio", "jpn")]
    seconds, likeness = lag(sound(1.6, 1)[: 48_000 * 3 // 2], heard(out, 1.5))
    assert abs(seconds) < 0.0015
    assert likeness > 0.97
    assert report["left_out"] == [
        "clip: audio track 1 (flac)",
        "ref: audio track 2 (eng, aac, Track eng) (it cannot be copied)",
        "ref: subtitle track 1 (fre, subrip)",
    ]


@pytest.mark.parametrize("command", ["temporal", "spatial", "sync"])
def test_a_loss_is_no_success(
    rich: Path,
    plain: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setattr(assembly, "remux", losing(0.1))
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    arguments = {
        "temporal": ["temporal", plain, rich, "-o", out, "-y", "--tr", 1, *QUICK],
        "spatial": ["spatial", rich, plain, "-o", out, "-y", "--precision", 1, *QUICK],
        "sync": ["sync", plain, rich, "--no-cache", "--no-sound", "-y", "--mux", out],
    }[command]
    assert call(*arguments) == 1
    said = " ".join(capfd.readouterr().err.split())
    assert "out.mkv was written, but not as it was meant" in said
    assert "audio track 1 has" in said
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]
    assert out.read_text() == "precious"
