"""`framing_of`: which parts of two films' pictures lie on each other, so that only those are compared."""

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Box
from vs_align.measure.images.views import warped_plane
from vs_align.measure.registration.sequence.geometry import Geometry

Framing = tuple[Box, Box]
"""The part of clip's picture and the part of ref's that are to be compared."""

# A part that is nearly all of the picture needs no other look.
_WHOLE = 0.9


def framing_of(geometry: Geometry) -> Framing | None:
    """Find the parts of both pictures that lie on each other.

    Args:
        geometry: How small pictures of clip, `HEIGHT` x `WIDTH`, lie on those of ref.

    Returns:
        The part of clip and the part of ref, in cells of 3 x 3 pixels; None where they are nearly all of both.
    """
    seen = warped_plane(geometry.clip_weight, geometry.matrix, (WIDTH, HEIGHT)) * geometry.ref_weight
    back = warped_plane(geometry.ref_weight, np.linalg.inv(geometry.matrix), (WIDTH, HEIGHT))
    boxes = _box_of(back * geometry.clip_weight), _box_of(seen)
    least = _WHOLE * (WIDTH // 3) * (HEIGHT // 3)
    if min((right - left) * (bottom - top) for left, right, top, bottom in boxes) >= least:
        return None
    return boxes


def _box_of(weight: Float32Array) -> Box:
    """The cells that count; all of them where hardly anything does."""
    cells = weight.reshape(HEIGHT // 3, 3, WIDTH // 3, 3).mean(axis=(1, 3)) > 0.5
    columns, rows = np.flatnonzero(cells.any(axis=0)), np.flatnonzero(cells.any(axis=1))
    if columns.size < 4 or rows.size < 4:
        return 0, WIDTH // 3, 0, HEIGHT // 3
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
