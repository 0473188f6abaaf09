"""`judge_alignment`: the verdict on a spatial alignment, from residuals and the share of pixels that it explains."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from vs_align.decide.verdict import Judgment
from vs_align.enums import Verdict
from vs_align.media.frame_props import FrameAlignment

# The limits trade missed misalignments off against false alarms. Versions that differ by grade and grain have residuals
# below 0.1 px at this size; those that show different things are off by several pixels.
_MEASURED_AT = 320
"""Longer side in pixels of the images for which the limits of the residual hold; larger images scale them up."""
_GOOD_RESIDUAL = 0.15
"""Largest median residual of a good alignment, in pixels at `_MEASURED_AT`."""
_WORST_RESIDUAL = 0.6
"""Residual from which on a frame counts as not aligned, in pixels at `_MEASURED_AT`."""
_GOOD_VALID = 0.5
"""Least share of valid pixels, of the median and of each frame."""
_ODD_FRAMES = 0.05
"""Share of the frames that may be not aligned, or not refined."""
_INVISIBLE = 1e-3
"""Largest motion of an unmoved frame in pixels, degrees and scale: it cannot be seen. An identity gives exactly 0."""
_NO_COUNTERPART = 3
"""Value of `VSAlignFallback` if clip and ref show different things."""


def judge_alignment(frames: Sequence[FrameAlignment], ref_size: tuple[int, int]) -> Judgment:
    """Judge a spatial alignment.

    Args:
        frames: The alignment of each frame, at least one.
        ref_size: Width and height of ref in pixels. Residuals are in these pixels.

    Returns:
        "exact" if nothing was moved, "good", or "doubtful" with all findings that cast doubt.
    """
    unit = max(1.0, max(ref_size) / _MEASURED_AT)
    known = [frame.residual for frame in frames if frame.residual is not None]
    if not known:
        return Judgment(Verdict.DOUBTFUL, ("the images have no structure that could be aligned",))
    residual, valid = median(known), median(frame.valid for frame in frames)
    doubts = []
    if valid < _GOOD_VALID or residual > _GOOD_RESIDUAL * unit:
        doubts.append(
            f"{100 * valid:.0f} % of the image shows what ref shows, to {residual:.2f} px (medians): the two lie far "
            "apart (try --wide-search), or show other moments (run vs-align temporal first) or other footage"
        )
    elif odd := [n for n, frame in enumerate(frames) if _is_odd(frame, unit)]:
        share = len(odd) / len(frames)
        if share > _ODD_FRAMES:
            doubts.append(f"{100 * share:.0f} % of the frames do not show what ref shows, the first is frame {odd[0]}")
    unfound = [frame.reason for frame in frames if frame.fallback >= _NO_COUNTERPART]
    if len(unfound) > _ODD_FRAMES * len(frames):
        why = Counter(unfound).most_common(1)[0][0]
        doubts.append(f"{len(unfound)} of {len(frames)} frames could not be refined" + (f" ({why})" if why else ""))
    if doubts:
        return Judgment(Verdict.DOUBTFUL, tuple(doubts))
    if all(_is_in_place(frame) for frame in frames):
        return Judgment(Verdict.EXACT, ("clip already lies on ref, nothing was moved",))
    return Judgment(Verdict.GOOD, (f"{100 * valid:.1f} % of the image lies on ref to {residual:.2f} px",))


def _is_odd(frame: FrameAlignment, unit: float) -> bool:
    return frame.valid < _GOOD_VALID or (frame.residual is not None and frame.residual > _WORST_RESIDUAL * unit)


def _is_in_place(frame: FrameAlignment) -> bool:
    off = (*frame.shift, frame.rotation, frame.scale[0] - 1, frame.scale[1] - 1, frame.residual or 0.0)
    return max(map(abs, off)) < _INVISIBLE and frame.fallback == 0
