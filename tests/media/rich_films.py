"""A film with all that a file can hold: two audio tracks, subtitles, chapters, title and languages."""

from pathlib import Path

import av
import numpy as np

from tests.media.films import SOUND_RATE, sound, write_audio, write_film
from vs_align.media.remux import TrackCopy, remux
from vs_align.media.tracks import FileChapter

CHAPTERS = (FileChapter(0.0, 0.8, "One"), FileChapter(0.8, 1.6, "Two"))
SUBTITLES = "1\n00:00:00,500 --> 00:00:01,000\nHello\n\n2\n00:00:01,200 --> 00:00:01,500\nWorld\n"
TITLE = "My film"


def write_rich(
    path: Path, frames: int = 40, *, start: float = 0.0, default: int = 0, seeds: tuple[int, int] = (1, 2)
) -> Path:
    """Write the frames of the film of `tests.media.films` at 25 fps, with audio tracks in Japanese and English.

    Args:
        path: The file, in Matroska.
        frames: Number of frames.
        start: When all but the chapters begins, in seconds.
        default: Which of the audio tracks is flagged.
        seeds: Of the noise in each of them.
    """
    folder = path.parent / f"{path.stem}-parts"
    folder.mkdir()
    picture = write_film(folder / "picture.mkv", range(frames))
    copies = [TrackCopy(picture, 0, start)]
    for number, (language, seed) in enumerate(zip(("jpn", "eng"), seeds, strict=True)):
        samples = sound(frames / 25, seed).astype(np.float32)[:, None]
        audio = write_audio(folder / f"{language}.mp4", samples, SOUND_RATE, "mono", "aac", 96_000)
        tags = {"language": language, "title": f"Track {language}"}
        copies.append(TrackCopy(audio, 0, start, tags=tags, default=number == default))
    (folder / "subtitles.srt").write_text(SUBTITLES)
    copies.append(TrackCopy(folder / "subtitles.srt", 0, start, tags={"language": "fre"}, default=False))
    remux(path, copies, CHAPTERS, {"title": TITLE, "ARTIST": "Nobody"})
    return path


def held(path: Path) -> list[tuple[str, str | None]]:
    """Kind and language of each track."""
    with av.open(str(path)) as container:
        return [(stream.type, stream.metadata.get("language")) for stream in container.streams]


def chapter_times(path: Path) -> list[tuple[float, float, str]]:
    """Beginning, end and title of each chapter."""
    with av.open(str(path)) as container:
        return [
            (
                round(float(given["start"] * given["time_base"]), 3),
                round(float(given["end"] * given["time_base"]), 3),
                given["metadata"]["title"],
            )
            for given in container.chapters()
        ]


def packet_bytes(path: Path, kind: str, number: int = 0) -> list[bytes]:
    """The packets of a track that are shown or heard: decoders throw away what is before time 0."""
    with av.open(str(path)) as container:
        stream = [stream for stream in container.streams if stream.type == kind][number]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]
