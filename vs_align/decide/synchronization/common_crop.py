"""Common crop: the parts of two videos' images that overlap under a placement, so that only those are compared."""

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, CellBox
from vs_align.measure.images.preprocessing import warp_plane
from vs_align.measure.registration.sequence.geometry import Geometry

CropPair = tuple[CellBox, CellBox]
"""The parts of clip's image and of ref's that are compared."""

_NEARLY_ALL = 0.9
"""Share of the cells from which on a crop is not worth a second comparison."""


def common_crop(geometry: Geometry) -> CropPair | None:
    """Find the parts of both images that overlap.

    Args:
        geometry: Placement of clip's thumbnails, `HEIGHT` x `WIDTH`, on those of ref.

    Returns:
        The part of clip and the part of ref, in cells of 3 x 3 pixels; None if both are nearly the whole image.
    """
    seen = warp_plane(geometry.clip_weight, geometry.matrix, (WIDTH, HEIGHT)) * geometry.ref_weight
    back = warp_plane(geometry.ref_weight, np.linalg.inv(geometry.matrix), (WIDTH, HEIGHT))
    boxes = _bounding_box(back * geometry.clip_weight), _bounding_box(seen)
    least = _NEARLY_ALL * (WIDTH // 3) * (HEIGHT // 3)
    if min((right - left) * (bottom - top) for left, right, top, bottom in boxes) >= least:
        return None
    return boxes


def _bounding_box(weight: Float32Array) -> CellBox:
    """Bounding box of the cells with weight; the whole image if there are hardly any."""
    cells = weight.reshape(HEIGHT // 3, 3, WIDTH // 3, 3).mean(axis=(1, 3)) > 0.5
    columns, rows = np.flatnonzero(cells.any(axis=0)), np.flatnonzero(cells.any(axis=1))
    if columns.size < 4 or rows.size < 4:
        return 0, WIDTH // 3, 0, HEIGHT // 3
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
