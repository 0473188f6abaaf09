"""The sound of the result."""

from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.cli.console import step

if TYPE_CHECKING:
    from vs_align.media.audio_piece import AudioPiece
    from vs_align.media.encode import AudioInput
    from vs_align.media.source import Source
    from vs_align.timeline import Timeline


def whole_sound(source: "Source") -> "AudioInput":
    """Return the sound of a file as it is, in its place beside the picture."""
    from vs_align.media.audio import sound_format
    from vs_align.media.encode import AudioInput

    return AudioInput(source.file, source.start, sound_format(source.file.path).channels)


def add_clip_sound(clip: "Source", ref: "Source", found: "Timeline", video: Path, target: Path, folder: Path) -> None:
    """Mux a finished picture with clip's sound, cut so that it follows a timeline."""
    from vs_align.media.audio import SoundReader, mux_pieces
    from vs_align.timing.matched_timeline import sound_pieces

    speed, pieces = sound_pieces(found, clip, ref)
    _tell_cuts(pieces)
    reader = SoundReader(clip.file.path, clip.start, speed)
    mux_pieces(video, target, reader, pieces, folder)


def _tell_cuts(pieces: "list[AudioPiece]") -> None:
    silent = sum(piece.ref_end - piece.ref_start for piece in pieces if piece.clip_start is None)
    count = "1 piece" if len(pieces) == 1 else f"{len(pieces)} pieces"
    step(f"cutting clip's sound: {count}, {silent:.2f} s of silence")
