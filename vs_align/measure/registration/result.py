"""`Registration`: what a search for a transform found."""

from dataclasses import dataclass

from vs_align.io.array_types import Float64Array
from vs_align.measure.images.field import neutral_matrix


@dataclass(frozen=True, eq=False)
class Registration:
    """The map from pixels of ref to pixels of clip, or why it is not known.

    Args:
        matrix: (3, 3), from ref pixels to clip pixels, the last number 1. The neutral transform, to the last bit,
            where nothing was found.
        found: Whether the matrix was found in the pictures and lays them on each other better than the neutral one.
        inliers: How many matches agree with the matrix. For `near`, which has no matches, the pixels that were
            compared.
        share: How large a part of the matches agrees, 0..1. For `near`, the correlation of the pictures.
        method: What found it: "near", or the name of the detector and the kind of the transform ("sift affine").
        reason: Why it was not found; empty where it was.
        agreement: Correlation of the two pictures under the matrix, -1..1, after local normalisation of contrast.
    """

    matrix: Float64Array
    found: bool
    inliers: int
    share: float
    method: str
    reason: str
    agreement: float = 0.0


def not_found(
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    method: str,
    reason: str,
    inliers: int = 0,
    share: float = 0.0,
    agreement: float = 0.0,
) -> Registration:
    """The neutral transform and the reason for it; sizes are (width, height) in pixels."""
    return Registration(neutral_matrix(clip_size, ref_size), False, inliers, share, method, reason, agreement)
