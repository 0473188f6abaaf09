"""How well frames were laid on each other, in words."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from vs_align.decide.matching.verdict import Verdict
from vs_align.media.frame_props import FrameAlignment

# The residual is measured on pictures of so many pixels across. There, versions that differ by grade and grain stay
# below a tenth of a pixel, and those that show different things are off by pixels.
_MEASURED_AT = 320
_GOOD_RESIDUAL, _WORST_RESIDUAL = 0.15, 0.6
_GOOD_VALID = 0.5
_ODD_FRAMES = 0.05
# Less cannot be seen, and a search that finds nothing to do gives exactly 0.
_NOTHING = 1e-3
_NO_COUNTERPART = 3


def judge_alignment(frames: Sequence[FrameAlignment], ref_size: tuple[int, int]) -> Verdict:
    """Judge an alignment by its residuals and by how much of the pictures it explains.

    Args:
        frames: At least one.
        ref_size: Width and height of ref in pixels, in which residuals are measured.

    Returns:
        The verdict; every finding that casts doubt is in the reason.
    """
    unit = max(1.0, max(ref_size) / _MEASURED_AT)
    known = [frame.residual for frame in frames if frame.residual is not None]
    if not known:
        return Verdict("doubtful", "the pictures have no structure that could be aligned")
    residual, valid = median(known), median(frame.valid for frame in frames)
    doubts = []
    if valid < _GOOD_VALID or residual > _GOOD_RESIDUAL * unit:
        doubts.append(
            f"{100 * valid:.0f} % of the picture shows what ref shows, to {residual:.2f} px (medians): the two lie far "
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
        return Verdict("doubtful", "; ".join(doubts))
    if all(_is_in_place(frame) for frame in frames):
        return Verdict("exact", "clip already lies on ref, nothing was moved")
    return Verdict("good", f"{100 * valid:.1f} % of the picture lies on ref to {residual:.2f} px")


def _is_odd(frame: FrameAlignment, unit: float) -> bool:
    return frame.valid < _GOOD_VALID or (frame.residual is not None and frame.residual > _WORST_RESIDUAL * unit)


def _is_in_place(frame: FrameAlignment) -> bool:
    off = (*frame.shift, frame.rotation, frame.scale[0] - 1, frame.scale[1] - 1, frame.residual or 0.0)
    return max(map(abs, off)) < _NOTHING and frame.fallback == 0
