"""Ref's video and clip's retimed audio in one file."""

from pathlib import Path

import av
import pytest

from tests.media.films import SOUND_RATE, heard, lag, sound, write_film
from vs_align.errors import ArgumentError, MediaError
from vs_align.export.mux import mux_audio
from vs_align.media.probe import probe
from vs_align.media.source import Source, open_source
from vs_align.timeline.timeline import Timeline


def opened(path: Path, count: int, **options: object) -> Source:
    return open_source(probe(write_film(path, range(count), **options)))  # type: ignore[arg-type]


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(("suffix", "copied"), [(".mkv", True), (".mp4", True), (".mp4", False)])
@pytest.mark.parametrize("start", [0.0, 1.5])
def test_sound_is_heard_where_its_picture_is(tmp_path: Path, suffix: str, copied: bool, start: float) -> None:
    wave = sound(4.0)
    clip = opened(tmp_path / f"clip{suffix}", 100, wave=wave)
    ref = opened(tmp_path / f"ref{suffix}", 80, start=start)
    # clip begins earlier; two pieces cannot be copied
    frames = list(range(20, 100)) if copied else [*range(25, 70), None, *range(46, 80)]
    timeline = Timeline.from_frame_map(frames, clip_rate=25, ref_rate=25, clip_length=100)
    out = tmp_path / f"out{suffix}"
    out.write_text("something older")
    report = mux_audio(timeline, clip, ref, out)
    assert report.copied == copied
    assert packets(out) == packets(ref.file.path)
    found = heard(out, 1.7)
    first = 20 if copied else 25
    due = wave[first * SOUND_RATE // 25 :][: len(found)]
    seconds, likeness = lag(due, found)
    assert abs(seconds) < 0.0015
    assert likeness > 0.97
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"clip{suffix}", f"out{suffix}", f"ref{suffix}"]


def test_what_cannot_be(tmp_path: Path) -> None:
    clip, ref = opened(tmp_path / "clip.mkv", 20, wave=sound(0.8)), opened(tmp_path / "ref.mkv", 20)
    timeline = Timeline.from_frame_map(range(20), clip_rate=25, ref_rate=25, clip_length=20)
    with pytest.raises(
        ArgumentError, match=r"mux_audio: target must end in one of \.mkv, \.mp4, \.webm, got 'out\.avi'"
    ):
        mux_audio(timeline, clip, ref, tmp_path / "out.avi")
    with pytest.raises(MediaError, match="is one of the inputs"):
        mux_audio(timeline, clip, ref, tmp_path / "ref.mkv")
    # H.264 does not go into WebM
    with pytest.raises(MediaError, match=r"cannot be copied to \.webm"):
        mux_audio(timeline, clip, ref, tmp_path / "out.webm")
    assert len(list(tmp_path.iterdir())) == 2
