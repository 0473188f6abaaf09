"""`Registration`: result of the registration of one image pair."""

from dataclasses import dataclass

from vs_align.io.array_types import Float64Array
from vs_align.placement.homography import resize_matrix


@dataclass(frozen=True, eq=False)
class Registration:
    """The transform from pixels of ref to pixels of clip, or the reason for its rejection.

    Args:
        matrix: (3, 3), from ref pixels to clip pixels, last element 1. Exactly the neutral transform if not `found`.
        found: Whether the transform was found in the images and explains them better than the neutral one.
        inliers: Number of matches that agree with the matrix; for coarse registration the number of compared pixels.
        share: Share of matches that agree, 0..1; for coarse registration the correlation of the images.
        method: "near" for coarse registration, else the name of the detector and the model ("sift affine").
        reason: Why the transform was rejected; empty if it was found.
        agreement: NCC of the two images under the matrix after contrast normalization, -1..1.
    """

    matrix: Float64Array
    found: bool
    inliers: int
    share: float
    method: str
    reason: str
    agreement: float = 0.0


def rejected_registration(
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    method: str,
    reason: str,
    inliers: int = 0,
    share: float = 0.0,
    agreement: float = 0.0,
) -> Registration:
    """Return the neutral transform with the reason for the rejection; sizes are (width, height) in pixels."""
    return Registration(resize_matrix(clip_size, ref_size), False, inliers, share, method, reason, agreement)
