"""One entry of a cut list for sound."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudioPiece:
    """A stretch of ref's time and the stretch of clip's sound that belongs there. All in seconds."""

    ref_start: float
    ref_end: float
    clip_start: float | None
    """When the piece begins on clip's clock, after any difference in speed has been taken out. None is silence."""
