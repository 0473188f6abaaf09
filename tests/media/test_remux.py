"""Tracks that are copied are the same packets at the same times, however the containers round."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media.films import SOUND_RATE, frame_seconds, heard, lag, sound, write_audio, write_film
from tests.media.rich_films import CHAPTERS, TITLE, held, packet_bytes, write_rich
from vs_align.errors import MediaError
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.media.remux import TrackCopy, remux
from vs_align.media.tracks import read_tracks, shifted_chapters
from vs_align.media.verification import ExpectedTrack, expected_audio_track, verify
from vs_align.media.verification import expected_video_track as video_track


def audio_file(folder: Path, codec: str, suffix: str, seconds: float = 2.0) -> Path:
    samples = sound(seconds).astype(np.float32)[:, None]
    bits = None if codec == "flac" else 96_000
    return write_audio(folder / f"{codec}{suffix}", samples, SOUND_RATE, "mono", codec, bits)


@pytest.mark.parametrize("end", [".mp4", ".mov", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize(("codec", "suffix"), [("aac", ".mp4"), ("ac3", ".mp4"), ("libmp3lame", ".mp4")])
def test_every_container_keeps_picture_and_audio_together(tmp_path: Path, codec: str, suffix: str, end: str) -> None:
    wave = sound(2.0)
    audio = audio_file(tmp_path, codec, suffix)
    picture = write_film(tmp_path / f"picture{'.mp4' if end == '.mov' else end}", range(50))
    with av.open(str(picture)) as container:
        stream = container.streams.video[0]
        start = float((stream.start_time or 0) * (stream.time_base or 0))
    out = tmp_path / f"out{end}"
    meant = remux(out, [TrackCopy(picture, 0, -start), TrackCopy(audio, 0)])
    verify(out, [video_track([n / 25 for n in range(50)], 0.04), *meant[1:]], out)
    made, given = packet_bytes(out, "audio"), packet_bytes(audio, "audio")
    if end in (".mp4", ".mov", ".mkv"):
        assert made == given
        assert packet_bytes(out, "video") == packet_bytes(picture, "video")
    # AVI begins all tracks with their first packets and frames are counted as they are stored
    due, found = wave[: SOUND_RATE * 3 // 2], heard(out, 1.5)
    seconds, likeness = lag(due, found)
    assert abs(seconds) < (0.1 if end == ".avi" else 0.0015)
    assert likeness > (0.9 if end == ".avi" else 0.97)


@pytest.mark.parametrize("end", [".mp4", ".mkv"])
def test_a_picture_without_first_decoding_times(tmp_path: Path, end: str) -> None:
    """Matroska has no decoding times, and where frames are reordered the first are not known."""
    plain, picture = write_film(tmp_path / "plain.mkv", range(30), Fraction(24000, 1001)), tmp_path / "picture.mkv"
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(plain), "-c:v", "libx264", "-bf", "3", str(picture)]
    subprocess.run(command, check=True)
    with av.open(str(picture)) as container:
        assert [packet.dts for packet in container.demux(video=0)][:1] == [None]
    out = tmp_path / f"out{end}"
    verify(out, remux(out, [TrackCopy(picture, 0)]), out)
    np.testing.assert_allclose(frame_seconds(out), frame_seconds(picture), atol=1e-3)


def test_samples_are_counted_where_a_container_rounds(tmp_path: Path) -> None:
    """Matroska knows milliseconds; in MP4 each packet begins where the one before it ends."""
    first = tmp_path / "audio.mka"
    remux(first, [TrackCopy(audio_file(tmp_path, "aac", ".mp4"), 0)])
    out = tmp_path / "out.m4a"
    remux(out, [TrackCopy(first, 0, 0.5)])
    with av.open(str(out)) as container:
        stamps = [packet.pts for packet in container.demux(audio=0) if packet.pts is not None]
    assert set(np.diff(stamps)) == {1024}
    assert abs(stamps[1] - 0.5 * SOUND_RATE) <= 48


def test_all_is_kept(tmp_path: Path) -> None:
    rich = write_rich(tmp_path / "rich.mkv", default=1)
    file = read_tracks(rich)
    assert [track.words() for track in file.tracks] == [
        "video track 1 (h264)",
        "audio track 1 (jpn, aac, Track jpn)",
        "audio track 2 (eng, aac, Track eng)",
        "subtitle track 1 (fre, subrip)",
    ]
    assert file.audio is not None
    assert file.audio.language == "eng"
    assert dict(file.tags) == {"title": TITLE, "ARTIST": "Nobody"}
    out = tmp_path / "out.mkv"
    copies = [TrackCopy(rich, track.index, 1.0) for track in file.tracks]
    verify(out, remux(out, copies, file.chapters, file.tags), out)
    again = read_tracks(out)
    assert (again.tracks, again.chapters, again.tags) == (file.tracks, CHAPTERS, file.tags)
    assert packet_bytes(out, "subtitle") == [b"Hello", b"World"]
    assert held(out) == held(rich)


def test_a_stretch_is_copied(tmp_path: Path) -> None:
    audio = audio_file(tmp_path, "flac", ".mka")
    out = tmp_path / "out.mka"
    (meant,) = remux(out, [TrackCopy(audio, 0, -0.5, first=-0.001, stop=1.0)])
    verify(out, [meant], out)
    given = packet_bytes(audio, "audio")
    made = packet_bytes(out, "audio")
    first = given.index(made[0])
    assert made == given[first : first + len(made)]
    assert meant.first == pytest.approx(first * 4608 / SOUND_RATE - 0.5, abs=0.002)
    assert meant.last is not None
    assert 0.9 < meant.last < 1.0


def test_chapters_keep_their_times_where_a_muxer_moved_the_picture() -> None:
    assert shifted_chapters(CHAPTERS, 0.021) == CHAPTERS
    moved = shifted_chapters(CHAPTERS, 0.5)
    assert [(round(c.start, 3), round(c.end, 3)) for c in moved] == [(0.0, 0.3), (0.3, 1.1)]
    assert [chapter.title for chapter in shifted_chapters(CHAPTERS, 1.0)] == ["Two"]


def test_what_a_container_refuses_is_said(tmp_path: Path) -> None:
    picture = write_film(tmp_path / "picture.mkv", range(3))
    with pytest.raises(MediaError, match=r"tracks of picture\.mkv cannot be copied to \.webm"):
        remux(tmp_path / "out.webm", [TrackCopy(picture, 0)])
    with pytest.raises(MediaError, match=r"nothing\.mkv cannot be copied"):
        remux(tmp_path / "out.mkv", [TrackCopy(tmp_path / "nothing.mkv", 0)])


def test_what_is_not_as_it_was_meant_is_found(tmp_path: Path) -> None:
    """Lost packets, wrong times, and tracks that are missing or too many."""
    picture, audio = write_film(tmp_path / "picture.mkv", range(25)), audio_file(tmp_path, "aac", ".mp4", 1.0)
    out = tmp_path / "out.mkv"
    copies = [TrackCopy(picture, 0), TrackCopy(audio, 0)]
    video, heard_track = remux(out, copies)
    verify(out, [video, heard_track], out)
    verify(out, [video_track([n / 25 for n in range(25)], 0.04), expected_audio_track(1.0)], out)
    part = tmp_path / ".out.0123abcd.part.mkv"
    out.rename(part)
    for meant, said in (
        ([video], "its tracks should be video, but they are video, audio"),
        ([video, heard_track, heard_track], "its tracks should be video, audio, audio, but they are video, audio"),
        (
            [video_track([n / 25 for n in range(26)], 0.04), heard_track],
            "video track 1 has 25 packets instead of 26",
        ),
        (
            [video_track([n / 24 for n in range(25)], 0.04), heard_track],
            "has its last packet at 0.960 s instead of 1",
        ),
        ([video, expected_audio_track(1.5)], "audio track 1 ends at"),
        (
            [video, ExpectedTrack("audio", None, 0.4, None, 1.0)],
            r"audio track 1 begins at -0\.021 s instead of 0\.400 s",
        ),
    ):
        with pytest.raises(MediaError, match=rf"^out\.mkv was written, but not as it was meant.*{said}"):
            verify(part, meant, part)
    for shift, stop, said in ((0.0, 0.1, "packets instead of"), (0.004, None, "instead of")):
        remux(part, [copies[0], TrackCopy(audio, 0, shift, stop=stop)])
        with pytest.raises(MediaError, match=f"audio track 1 .*{said}"):
            verify(part, [video, heard_track], part)
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(MediaError, match=r"^out\.mkv was written, but"):
        verify(part, [video, heard_track], part)


@pytest.mark.parametrize("codec", ["aac", "ac3", "libmp3lame"])
@pytest.mark.parametrize("lead", [0.021, 0.1])
def test_matroska_keeps_a_packet_before_the_picture(tmp_path: Path, codec: str, lead: float) -> None:
    """Files of older ffmpeg have no delay of a codec and begin with a packet of its encoder; none is lost."""
    plain = tmp_path / "plain.mkv"
    picture = write_film(tmp_path / "picture.mkv", range(50))
    encoded = audio_file(tmp_path, codec, ".mp4")
    # time stamps from 0 on: the first packet is no delay any more
    remux(plain, [TrackCopy(picture, 0, lead), TrackCopy(encoded, 0, 0.1, tags={"language": "fre"})])
    out = tmp_path / "out.mkv"
    first = -0.15
    meant = remux(out, [TrackCopy(plain, 0, -lead), TrackCopy(plain, 1, -0.1 - lead, first=first)])
    verify(out, [video_track([n / 25 for n in range(50)], 0.04), *meant[1:]], out)
    assert packet_bytes(out, "audio") == packet_bytes(plain, "audio")
    assert held(out)[1] == ("audio", "fre")
    seconds, likeness = lag(sound(2.0)[round(lead * SOUND_RATE) :][:48_000], heard(out, 1.0))
    assert abs(seconds) < 0.0015
    assert likeness > 0.97
