"""`localize`: the position of one image inside the other, without known frame correspondence."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.decide.synchronization.cropped_films import Part, part_of
from tests.decide.synchronization.synthetic_fingerprints import prints
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import BLACK, PLAIN, RATE, WORN, Look, ShotFilm
from vs_align.decide.synchronization.localization import localize
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints

FILM = ShotFilm(31)
# worn, with the picture where it is
USED = replace(WORN, zoom=1.0)
HALF = Part(0.25, 0.25, 0.5, 0.5)


def whole(moments: Sequence[int], look: Look = USED, rate: Fraction = RATE) -> Fingerprints:
    return replace(prints(replace(FILM, look=look), moments, rate), size=(1920, 1080))


@pytest.mark.parametrize(
    "part",
    [HALF, Part(0.07, 0.31, 0.6, 0.6), Part(0.52, 0.05, 0.4, 0.4), Part(0.2, 0.0, 0.5, 0.9)],
    ids=["half", "corner", "small", "tall"],
)
def test_a_window_is_found(part: Part) -> None:
    clip, ref = whole(range(100)), part_of(FILM, range(20, 90), part)
    best = localize(clip, ref)[0]
    assert part.off(best.matrix) < 1.5
    assert best.agreement > 0.6


def test_the_window_may_be_the_one_that_is_searched() -> None:
    clip, ref = part_of(FILM, range(20, 90), HALF), whole(range(100))
    assert HALF.off(np.linalg.inv(localize(clip, ref)[0].matrix)) < 1.5


def test_a_picture_that_was_squeezed_lies_edge_on_edge() -> None:
    ref = replace(whole(range(20, 90), PLAIN), size=(1440, 1080))
    assert Part(0, 0, 1, 1).off(localize(whole(range(100)), ref)[0].matrix) < 0.1


def test_long_films_meet_in_one_of_many_scenes() -> None:
    """Of 330 frames, a third of a second apart, ref shows 30."""
    moments, rate = range(0, 330 * 24, 24), Fraction(3)
    best = localize(whole(moments, PLAIN, rate), part_of(FILM, moments[200:230], HALF, rate))[0]
    # they are looked at in pictures of half the size
    assert HALF.off(best.matrix) < 3
    assert best.agreement > 0.6


def test_a_border_is_not_looked_at() -> None:
    barred = whole(range(100)).thumbnails(0, 100).copy()
    barred[:, :9] = barred[:, -9:] = 16
    best = localize(replace(fingerprints_of(barred, RATE), size=(1920, 1080)), part_of(FILM, range(20, 90), HALF))[0]
    assert HALF.off(best.matrix) < 1.5


def test_films_that_have_nothing_in_common_lie_nowhere() -> None:
    related = localize(whole(range(60)), part_of(FILM, range(20, 50), HALF))
    places = localize(whole(range(60)), part_of(ShotFilm(5), range(30), HALF))
    assert all(place.agreement < 0.35 for place in places)
    assert all(3 * place.score < related[0].score for place in places)


def test_the_best_is_the_first() -> None:
    places = localize(whole(range(60)), part_of(FILM, range(20, 50), HALF))
    scores = [place.score for place in places]
    assert len(scores) > 1 and scores == sorted(scores, reverse=True)


def test_nothing_lies_nowhere() -> None:
    nothing = prints(FILM, [BLACK] * 20)
    grey = fingerprints_of(np.full((20, HEIGHT, WIDTH), 90, np.uint8), RATE)
    for clip, ref in ((whole(range(40)), nothing), (nothing, whole(range(40))), (grey, grey)):
        assert localize(clip, ref) == []
