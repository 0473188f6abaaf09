"""`framings`: which part of one film's picture the other one shows, as a guess to begin with."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vs_align.registration.geometry import Geometry
from vs_align.registration.views import warped_plane
from vs_align.timing import chain_kernels as kernels
from vs_align.timing.fingerprint import HEIGHT, WIDTH, Box, Fingerprints
from vs_align.timing.shapes import Shapes, shapes_of

Framing = tuple[Box, Box]
"""The part of clip's picture and the part of ref's that are to be compared."""

# Parts that are tried: sizes as shares of the picture, each in so many places along either side.
_SIZES, _PLACES = ((0.75, 0.75), (0.6, 0.6), (0.5, 0.5), (0.75, 1.0), (1.0, 0.75)), 3
# Frames of the one that ask, and of the other that answer.
_ASKING, _ANSWERING = 120, 1500
# A part that is nearly all of the picture needs no other look.
_WHOLE = 0.9


def guessed_framing(
    clip: Fingerprints, ref: Fingerprints, answering: npt.NDArray[np.int64], asking: npt.NDArray[np.int64]
) -> Framing:
    """Guess which part of one picture the other one is, by how well frames find answers anywhere.

    Args:
        clip: One film.
        ref: The other one.
        answering: Frames of clip from which some are taken, at least one.
        asking: Likewise of ref.
    """
    some_clip = answering[:: max(1, len(answering) // _ANSWERING)]
    some_ref = asking[:: max(1, len(asking) // _ASKING)]
    whole_clip, whole_ref = shapes_of(clip, some_clip), shapes_of(ref, some_ref)
    best, found = -1.0, (clip.box, ref.box)
    for box in _parts(ref.box):
        score = _answered(shapes_of(ref, some_ref, box), whole_clip)
        if score > best:
            best, found = score, (clip.box, box)
    for box in _parts(clip.box):
        score = _answered(whole_ref, shapes_of(clip, some_clip, box))
        if score > best:
            best, found = score, (box, ref.box)
    return found


def _answered(asking: Shapes, answering: Shapes) -> float:
    """How well the best answers agree, on average."""
    alike = np.empty((len(asking), len(answering)), np.float32)
    kernels.project(asking, answering, alike)
    return float(alike.max(axis=1).mean())


def _parts(box: Box) -> Iterator[Box]:
    """Parts of a box, in cells."""
    left, right, top, bottom = box
    for wide, high in _SIZES:
        width, height = round(wide * (right - left)), round(high * (bottom - top))
        for x in _starts(right - left - width):
            for y in _starts(bottom - top - height):
                yield left + x, left + x + width, top + y, top + y + height


def _starts(room: int) -> list[int]:
    return sorted({round(room * i / (_PLACES - 1)) for i in range(_PLACES)})


def framing_of(geometry: Geometry) -> Framing | None:
    """The parts of both pictures that lie on each other; None where they are nearly all of both."""
    seen = warped_plane(geometry.clip_weight, geometry.matrix, (WIDTH, HEIGHT)) * geometry.ref_weight
    back = warped_plane(geometry.ref_weight, np.linalg.inv(geometry.matrix), (WIDTH, HEIGHT))
    boxes = _box_of(back * geometry.clip_weight), _box_of(seen)
    if min((right - left) * (bottom - top) for left, right, top, bottom in boxes) >= _WHOLE * (WIDTH // 3) * (
        HEIGHT // 3
    ):
        return None
    return boxes


def _box_of(weight: npt.NDArray[np.float32]) -> Box:
    """The cells that count; all of them where hardly anything does."""
    cells = weight.reshape(HEIGHT // 3, 3, WIDTH // 3, 3).mean(axis=(1, 3)) > 0.5
    columns, rows = np.flatnonzero(cells.any(axis=0)), np.flatnonzero(cells.any(axis=1))
    if columns.size < 4 or rows.size < 4:
        return 0, WIDTH // 3, 0, HEIGHT // 3
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
