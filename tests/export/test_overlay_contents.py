"""Tracks, chapters and tags of both sides in an overlay's file, and the list of what is left out."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.export.test_overlay_audio import line, make, silent_side
from tests.media.films import sound as noise
from tests.media.films import write_film
from tests.media.rich_films import CHAPTERS, TITLE, chapter_times, held, packet_bytes, write_rich
from vs_align.enums import OverlayAudio, SegmentKind, Timing
from vs_align.errors import MediaError
from vs_align.export import audio, audio_encoding
from vs_align.export.mux import mux_audio
from vs_align.export.stream_copy import AudioInput
from vs_align.io.array_types import Float32Array
from vs_align.media import assembly, verification
from vs_align.media.probe import probe
from vs_align.media.remux import remux
from vs_align.media.source import open_source
from vs_align.media.tracks import read_tracks
from vs_align.timeline.timeline import Segment, Timeline

TIMES = [(chapter.start, chapter.end, chapter.title) for chapter in CHAPTERS]
SECOND = "audio track 2 (eng, aac, Track eng)"


def rich_side(folder: Path, **options: Any) -> AudioInput:
    file = probe(write_rich(folder / "rich.mkv", **options))
    return AudioInput(file, file.video_start, file.fps, 40)


WHOLE = line([Segment(0, 39, 0)], 40)
CUT = line([Segment(0, 9, 20), Segment(10, 19, None, kind=SegmentKind.INSERT), Segment(20, 39, 0)], 40)


@pytest.mark.parametrize("which", [OverlayAudio.BG, OverlayAudio.FG])
@pytest.mark.parametrize("end", [".mkv", ".mp4"])
def test_a_side_that_is_copied(tmp_path: Path, end: str, which: OverlayAudio) -> None:
    """All its tracks with their languages, chapters at their times, tags; in MP4 all but subtitles."""
    rich, other = rich_side(tmp_path, start=0.023), silent_side(tmp_path, 40)
    sides = (rich, other) if which is OverlayAudio.BG else (other, rich)
    out = tmp_path / f"out{end}"
    summary = make(WHOLE, *sides, out, which)
    assert summary.copied
    tracks = [track for track in held(out) if track[0] != "data"]
    assert tracks[1:3] == [("audio", "jpn"), ("audio", "eng")]
    assert tracks[3:] == ([("subtitle", "fre")] if end == ".mkv" else [])
    assert chapter_times(out) == TIMES
    assert read_tracks(out).tags["title"] == TITLE
    for number in range(2):
        given = packet_bytes(rich.file.path, "audio", number)
        made = packet_bytes(out, "audio", number)
        assert made == given[: len(made)]
        assert len(given) - len(made) <= 1
    refused = [f"{which.value}: subtitle track 1 (fre, subrip) (.mp4 does not take it)"]
    assert list(summary.left_out) == ([] if end == ".mkv" else refused)


def test_a_side_that_is_cut(tmp_path: Path) -> None:
    """One track is encoded, with its language; chapters move with their frames, and the rest is listed."""
    bg = rich_side(tmp_path)
    out = tmp_path / "out.mkv"
    summary = make(CUT, bg, silent_side(tmp_path, 40), out, OverlayAudio.BG, trim=False)
    assert (summary.copied, summary.codec) == (False, "aac")
    assert held(out) == [("video", None), ("audio", "jpn")]
    # frames 20 to 29, nothing, frames 0 to 19: the second chapter begins with frame 20, which is shown first
    assert chapter_times(out) == [(0.0, 0.4, "Two"), (0.8, 1.6, "One")]
    assert list(summary.left_out) == [
        f"bg: {SECOND} (one track is encoded)",
        "bg: subtitle track 1 (fre, subrip) (its times change within)",
    ]


def test_a_part_is_shown(tmp_path: Path) -> None:
    """Fg lies 0.4 s into bg: its chapters and subtitles are that much later. A side that is not heard is named."""
    timeline = line([Segment(0, 39, 10)], 60)
    fg = rich_side(tmp_path)
    (tmp_path / "bg").mkdir()
    bg_file = probe(write_rich(tmp_path / "bg" / "bg.mkv", 60))
    bg = AudioInput(bg_file, bg_file.video_start, bg_file.fps, 60)
    out = tmp_path / "out.mkv"
    summary = make(timeline, bg, fg, out, timing=Timing.BG, trim=False)
    assert chapter_times(out) == [(0.4, 1.2, "One"), (1.2, 2.0, "Two")]
    assert packet_bytes(out, "subtitle") == [b"Hello", b"World"]
    assert list(summary.left_out) == [
        "bg: audio track 1 (jpn, aac, Track jpn)",
        f"bg: {SECOND}",
        "bg: subtitle track 1 (fre, subrip)",
        "bg: 2 chapters (the other file's are kept)",
    ]


def test_chapters_that_are_not_shown_are_named(tmp_path: Path) -> None:
    timeline = line([Segment(0, 14, 0)], 40, 25)
    summary = make(timeline, rich_side(tmp_path), None, tmp_path / "out.mkv", OverlayAudio.BG)
    assert chapter_times(tmp_path / "out.mkv") == [(0.0, 0.6, "One")]
    assert "bg: chapter Two (it is not shown)" in summary.left_out


def lossy(verified: Callable[..., None], lose: Callable[[Path], None]) -> Callable[..., None]:
    """A verification before which a file loses something."""

    def verify(path: Path, *more: Any) -> None:
        lose(path)
        verified(path, *more)

    return verify


def halved(path: Path) -> None:
    """Leave the first half second of each track."""
    from vs_align.media.remux import TrackCopy

    short = path.with_name(f"short-{path.name}")
    tracks = read_tracks(path).of_kind("video", "audio")
    remux(short, [TrackCopy(path, track.index, stop=0.5) for track in tracks])
    short.replace(path)


def test_lost_packets_are_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied audio that is lost is encoded instead; where that is lost too, it is an error and nothing is written."""
    fg = rich_side(tmp_path)
    out = tmp_path / "made" / "out.mp4"
    out.parent.mkdir()
    out.write_bytes(b"old")
    monkeypatch.setattr(assembly, "verify", lossy(verification.verify, halved))
    with pytest.raises(MediaError, match=r"^out\.mp4 was written, but not as it was meant.*packets instead of"):
        make(WHOLE, None, fg, out)
    assert out.read_bytes() == b"old"
    assert [path.name for path in out.parent.iterdir() if path.is_file()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("name", "copied"), [("out.mka", True), ("out.m4a", True), ("out.wav", False), ("out.ogg", False)]
)
def test_lost_audio_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, copied: bool) -> None:
    clip = open_source(probe(write_rich(tmp_path / "clip.mkv")))
    ref = open_source(probe(write_film(tmp_path / "ref.mkv", range(40))))
    timeline = Timeline.from_frame_map(range(40), clip_rate=25, ref_rate=25, clip_length=40)
    report = audio.retime_audio(timeline, clip, ref, tmp_path / name)
    assert report.copied == copied
    assert report.left_out == (f"clip: {SECOND}",)
    whole = (tmp_path / name).read_bytes()
    monkeypatch.setattr(audio, "verify", lossy(verification.verify, halved))
    with pytest.raises(MediaError, match=rf"^{name} was written, but not as it was meant.*audio track 1"):
        audio.retime_audio(timeline, clip, ref, tmp_path / name)
    assert (tmp_path / name).read_bytes() == whole


def test_an_encoder_that_stops_early_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bg = rich_side(tmp_path)
    write = audio_encoding.write_encoded

    def one_block(path: Path, blocks: Iterable[Float32Array], *rest: Any) -> None:
        write(path, list(blocks)[:1], *rest)

    monkeypatch.setattr(audio_encoding, "write_encoded", one_block)
    with pytest.raises(MediaError, match=r"audio track 1 ends at 0\.4.* instead of 1\.600 s"):
        make(CUT, bg, None, tmp_path / "out.mp4", OverlayAudio.BG, trim=False)


@pytest.mark.parametrize(("suffix", "copied"), [(".mp4", True), (".m4a", False), (".mka", True)])
def test_flac_is_copied_where_it_can_be(tmp_path: Path, suffix: str, copied: bool) -> None:
    """Files of Apple's names do not hold it, and get AAC instead of an error; MP4 does, muxed too."""
    clip = open_source(probe(write_film(tmp_path / "clip.mkv", range(40), wave=noise(1.6))))
    ref = open_source(probe(write_film(tmp_path / "ref.mkv", range(40))))
    timeline = Timeline.from_frame_map(range(40), clip_rate=25, ref_rate=25, clip_length=40)
    report = audio.retime_audio(timeline, clip, ref, tmp_path / f"out{suffix}")
    assert (report.copied, report.codec) == (copied, "flac" if copied else "aac")
    if suffix == ".mp4":
        muxed = mux_audio(timeline, clip, ref, tmp_path / "muxed.mp4")
        assert muxed.copied
        assert packet_bytes(tmp_path / "muxed.mp4", "audio") == packet_bytes(clip.file.path, "audio")
