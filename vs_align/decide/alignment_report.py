"""`alignment_report`: statistics of a spatial alignment over all frames, ready for a table or JSON."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from vs_align.decide.verdict import Judgment
from vs_align.media.frame_props import FrameAlignment


def alignment_report(frames: Sequence[FrameAlignment], judgment: Judgment) -> dict[str, Any]:
    """Return the verdict, counts, and minimum, median and maximum of each number. Unknown values are None.

    Args:
        frames: The alignment of each frame, at least one.
        judgment: The judgment of these frames by `judge_alignment`.
    """
    residuals = [frame.residual for frame in frames]
    return {
        "verdict": judgment.verdict.value,
        "reason": judgment.reason,
        "frames": len(frames),
        "engine": frames[0].engine,
        "fallback": {str(kind): sum(frame.fallback == kind for frame in frames) for kind in (1, 2, 3)},
        "shift_x": _spread([frame.shift[0] for frame in frames]),
        "shift_y": _spread([frame.shift[1] for frame in frames]),
        "rotation": _spread([frame.rotation for frame in frames]),
        "scale_x": _spread([frame.scale[0] for frame in frames]),
        "scale_y": _spread([frame.scale[1] for frame in frames]),
        "residual": _worst(residuals, highest=True),
        "valid": _worst([frame.valid for frame in frames], highest=False),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"min": round(min(values), 5), "median": round(median(values), 5), "max": round(max(values), 5)}


def _worst(values: Sequence[float | None], *, highest: bool) -> dict[str, float | int | None]:
    """Return the median, the worst value, and the number of its frame."""
    known = {n: value for n, value in enumerate(values) if value is not None}
    if not known:
        return {"median": None, "worst": None, "worst_frame": None}
    worst = (max if highest else min)(known, key=known.__getitem__)
    return {"median": round(median(known.values()), 5), "worst": round(known[worst], 5), "worst_frame": worst}
