"""Subtitles out of videos: which track, in which format, on which clock."""

import struct
import subprocess
from pathlib import Path

import pytest

from tests.media.films import sound, write_film
from vs_align.errors import ArgumentError, MediaError
from vs_align.export.subtitles import retime_subtitles, subtitle_text
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.media.subtitle_track import find_track, is_media, track_text
from vs_align.timeline.timeline import Segment, Timeline

FRENCH = "1\n00:00:00,520 --> 00:00:01,520\n<i>L'été</i>\n\n2\n00:00:01,600 --> 00:00:01,800\nfin\n\n"
ENGLISH = FRENCH.replace("L'été", "Summer")
ASS = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n"
ASS += "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
ASS += "Dialogue: 0,0:00:00.52,0:00:01.52,Default,,0,0,0,,{\\k20}la\n"


def muxed(folder: Path, name: str, *tracks: tuple[str, str], options: tuple[str, ...] = (), start: float = 0.0) -> Path:
    """A film with subtitle tracks, each a file name and its text."""
    film = write_film(folder / "film.mkv", range(50), 25, start=start, wave=sound(2))
    command = [str(find_ffmpeg()), "-v", "error", "-y", "-i", str(film)]
    for file, text in tracks:
        (folder / file).write_bytes(text.encode() if not file.endswith(".sup") else text.encode("latin-1"))
        command += ["-i", str(folder / file)]
    for number in range(len(tracks) + 1):
        command += ["-map", str(number)]
    subprocess.run([*command, "-c", "copy", *options, str(folder / name)], check=True)
    return folder / name


def bitmap() -> str:
    """The least that is a track of PGS: one composition with nothing on it, as letters of Latin-1."""
    composition = struct.pack(">HHBHBBBB", 160, 90, 0x10, 0, 0x80, 0, 0, 0)
    segments = ((0x16, composition), (0x80, b""))
    made = b"".join(b"PG" + struct.pack(">IIBH", 90000, 0, kind, len(body)) + body for kind, body in segments)
    return made.decode("latin-1")


def test_the_default_text_track_is_taken_else_the_first(tmp_path: Path) -> None:
    tracks = (("a.sup", bitmap()), ("f.srt", FRENCH), ("e.srt", ENGLISH))
    languages = ("-metadata:s:s:1", "language=fre", "-metadata:s:s:2", "language=eng")
    dispositions = ("-disposition:s:0", "default", "-disposition:s:1", "0", "-disposition:s:2")
    film = muxed(tmp_path, "none.mkv", *tracks, options=(*languages, *dispositions, "0"))
    track = find_track(film)
    assert (track.index, track.codec, track.language, track.form) == (3, "subrip", "fre", "srt")
    assert str(track) == "track 3 (subrip, fre, one of 2 text tracks)"
    assert track_text(track) == FRENCH
    film = muxed(tmp_path, "second.mkv", *tracks, options=(*languages, *dispositions, "default"))
    assert find_track(film).language == "eng"
    assert subtitle_text(film) == ENGLISH


def test_bitmaps_are_refused(tmp_path: Path) -> None:
    film = muxed(tmp_path, "images.mkv", ("a.sup", bitmap()))
    with pytest.raises(MediaError, match=r"^images\.mkv has subtitles as images only \(hdmv_pgs_subtitle\): turn them"):
        find_track(film)
    with pytest.raises(MediaError, match=r"film\.mkv has no subtitles"):
        find_track(tmp_path / "film.mkv")
    (tmp_path / "noise.mkv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(MediaError, match=r"noise\.mkv is neither a subtitle file nor a video with subtitles"):
        subtitle_text(tmp_path / "noise.mkv")


@pytest.mark.parametrize(("name", "codec", "form"), [("a.mkv", "copy", "ass"), ("a.mp4", "mov_text", "srt")])
def test_formats(name: str, codec: str, form: str, tmp_path: Path) -> None:
    source = ("a.ass", ASS) if form == "ass" else ("f.srt", FRENCH)
    options = ("-c:a", "copy" if name.endswith("mkv") else "aac", "-c:s", codec)
    track = find_track(muxed(tmp_path, name, source, options=options))
    assert track.form == form
    text = track_text(track)
    if form == "ass":
        assert "Dialogue: 0,0:00:00.52,0:00:01.52,Default,,0,0,0,,{\\k20}la" in text
    else:
        assert "00:00:00,520 --> 00:00:01,520" in text
        assert "L'été" in text


def test_times_are_those_of_the_files_clock(tmp_path: Path) -> None:
    """Images begin at 0.52 s, with the first cue: it is seen from ref's first frame on."""
    film = muxed(tmp_path, "late.mkv", ("f.srt", FRENCH), start=0.52)
    timeline = Timeline((Segment(0, 49, 0),), 25, 25, 50, 50)  # type: ignore[arg-type]
    retime_subtitles(film, tmp_path / "out.srt", timeline, clip_start=0.52)
    text = (tmp_path / "out.srt").read_text(encoding="utf-8")
    assert text.startswith("1\n00:00:00,000 --> 00:00:01,000\n<i>L'été</i>\n\n2\n00:00:01,080 --> 00:00:01,280\n")


def test_texts_are_told_from_media(tmp_path: Path) -> None:
    text = tmp_path / "in.srt"
    for encoding in ("utf-8", "latin-1", "utf-16"):
        text.write_bytes(FRENCH.encode(encoding))
        assert not is_media(text)
    text.write_bytes(FRENCH.encode("utf-16-le"))
    assert subtitle_text(text, "utf-16-le") == FRENCH
    text.write_bytes(FRENCH.encode("latin-1"))
    with pytest.raises(ArgumentError, match="encoding must be that of the source, got utf-8"):
        subtitle_text(text)
    assert is_media(write_film(tmp_path / "film.mkv", range(3)))
    assert is_media(write_film(tmp_path / "film.mp4", range(3)))
