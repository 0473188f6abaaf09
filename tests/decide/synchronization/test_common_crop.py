"""`common_crop`: the cells of two images that overlap under a placement."""

import numpy as np
import pytest

from tests.decide.synchronization.cropped_films import Part
from vs_align.decide.synchronization.common_crop import common_crop
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH
from vs_align.measure.registration.sequence.geometry import Geometry

WHOLE = np.ones((HEIGHT, WIDTH), np.float32)
ALL = (0, WIDTH // 3, 0, HEIGHT // 3)


@pytest.mark.parametrize(
    ("part", "box"),
    [
        (Part(0.25, 0.5, 0.5, 0.5), (8, 24, 9, 18)),
        (Part(0, 0, 0.5, 1), (0, 16, 0, 18)),
        (Part(0.5, 1 / 3, 0.25, 1 / 3), (16, 24, 6, 12)),
    ],
)
def test_a_part_of_clip_is_all_of_ref(part: Part, box: tuple[int, int, int, int]) -> None:
    assert common_crop(Geometry(part.matrix, WHOLE, WHOLE, 1.0)) == (box, ALL)
    assert common_crop(Geometry(np.linalg.inv(part.matrix), WHOLE, WHOLE, 1.0)) == (ALL, box)


def test_pictures_that_overlap() -> None:
    found = common_crop(Geometry(Part(0.5, 0, 1, 1).matrix, WHOLE, WHOLE, 1.0))
    assert found == ((16, 32, 0, 18), (0, 16, 0, 18))


def test_what_does_not_count_is_left_out() -> None:
    barred = WHOLE.copy()
    barred[:, :24] = 0
    assert common_crop(Geometry(np.eye(3), barred, WHOLE, 1.0)) == ((8, 32, 0, 18), (8, 32, 0, 18))
    assert common_crop(Geometry(np.eye(3), WHOLE, barred, 1.0)) == ((8, 32, 0, 18), (8, 32, 0, 18))


def test_nearly_all_is_all() -> None:
    assert common_crop(Geometry(np.eye(3), WHOLE, WHOLE, 1.0)) is None
    assert common_crop(Geometry(Part(0.02, 0.02, 0.97, 0.97).matrix, WHOLE, WHOLE, 1.0)) is None


def test_a_sliver_is_no_part() -> None:
    """Less than four cells tell nothing."""
    assert common_crop(Geometry(Part(0.92, 0, 1, 1).matrix, WHOLE, WHOLE, 1.0)) is None
