"""`chain_matches`: intervals that two videos have in common, at any offset; none for unrelated videos."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import prints
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import BLACK, PLAIN, WORN, Look, ShotFilm, dropped, repeated
from vs_align.decide.synchronization.chaining import MatchedInterval, chain_matches, sample_frames
from vs_align.measure.fingerprints.fingerprint import Fingerprints

RATE = 24


def film(moments: Sequence[int], look: Look = PLAIN, rate: Fraction | int = RATE, seed: int = 8) -> Fingerprints:
    return prints(ShotFilm(seed, look), moments, Fraction(rate))


def covered(stretches: Sequence[MatchedInterval], duration: float) -> float:
    """Share of ref's time that lies within stretches."""
    return sum(float(each.ref[-1] - each.ref[0]) for each in stretches) / duration


def assert_follow_each_other(stretches: Sequence[MatchedInterval]) -> None:
    assert all((np.diff(each.ref) > 0).all() and (np.diff(each.clip) >= 0).all() for each in stretches)
    assert all(len(each.ref) == len(each.clip) >= 3 for each in stretches)
    assert all(0 < each.weight <= len(each.ref) + 1e-3 for each in stretches)
    for a, b in pairwise(stretches):
        assert a.ref[-1] < b.ref[0]
        assert a.clip[-1] <= b.clip[0] + 0.5


@pytest.mark.parametrize(
    ("look", "clip_from", "ref_from"), [(PLAIN, 0, 0), (PLAIN, 3000, 0), (WORN, 0, 3000), (WORN, 3000, 0)]
)
def test_offsets_of_minutes(look: Look, clip_from: int, ref_from: int) -> None:
    first = max(clip_from, ref_from)
    clip, ref = film(range(clip_from, first + 600)), film(range(ref_from, first + 600), look)
    found = chain_matches(clip, ref)
    assert_follow_each_other(found)
    offset = (ref_from - clip_from) / RATE
    for each in found:
        assert np.median(each.clip - each.ref) == pytest.approx(offset, abs=0.15)
    assert covered(found, 600 / RATE) > 0.85
    assert found[0].ref[0] >= (first - ref_from) / RATE - 1.0


def test_inserted_and_cut_parts() -> None:
    own = film(range(900))
    clip = film([*range(300), *range(500, 900)])
    # ref has what clip lacks, frames 300 to 499
    found = chain_matches(clip, own)
    assert_follow_each_other(found)
    for each in found:
        inside = each.ref[(each.ref > 13) & (each.ref < 20.5)]
        assert inside.size <= 2
        late = each.ref >= 500 / RATE
        assert np.abs((each.clip - each.ref)[late] + 200 / RATE).max(initial=0) < 0.4
        assert np.abs((each.clip - each.ref)[each.ref < 300 / RATE]).max(initial=0) < 0.4
    assert covered(found, 700 / RATE) > 0.8
    # and the other way round
    turned = chain_matches(own, clip)
    assert_follow_each_other(turned)
    assert covered(turned, 700 / RATE) > 0.8
    offsets = np.concatenate([each.clip - each.ref for each in turned])
    assert np.abs(offsets[:5]).max() < 0.4
    assert np.abs(offsets[-5:] - 200 / RATE).max() < 0.4


def test_an_advertisement_of_another_film_is_left_out() -> None:
    other = prints(ShotFilm(99), range(240)).thumbnails(0, 240)
    own = film(range(600))
    pictures = own.thumbnails(0, 600)
    ref = fingerprints_of(np.concatenate([pictures[:300], other, pictures[300:]]), Fraction(RATE))
    found = chain_matches(own, ref)
    assert_follow_each_other(found)
    asked = np.concatenate([each.ref for each in found])
    assert ((asked > 13) & (asked < 22)).sum() <= 2
    assert covered(found, 600 / RATE) > 0.8


@pytest.mark.parametrize(("clip_rate", "ref_rate"), [(25, Fraction(24000, 1001)), (Fraction(24000, 1001), 25)])
def test_pal_speed(clip_rate: Fraction | int, ref_rate: Fraction | int) -> None:
    found = chain_matches(film(range(1400), rate=clip_rate), film(range(1400), WORN, ref_rate))
    assert_follow_each_other(found)
    assert covered(found, 1400 / float(ref_rate)) > 0.85
    ref = np.concatenate([each.ref for each in found])
    clip = np.concatenate([each.clip for each in found])
    assert np.polyfit(ref, clip, 1)[0] == pytest.approx(float(Fraction(ref_rate) / Fraction(clip_rate)), rel=2e-3)


def test_dropped_and_repeated_frames() -> None:
    clip, ref = film(dropped(range(1200), 0.04)), film(repeated(range(1200), 0.04), WORN)
    found = chain_matches(clip, ref)
    assert_follow_each_other(found)
    assert covered(found, 1200 / RATE) > 0.85


@pytest.mark.parametrize("seeds", [(8, 9), (8, 10), (9, 10)])
def test_unrelated_films_have_little_in_common(seeds: tuple[int, int]) -> None:
    clip, ref = film(range(1500), seed=seeds[0]), film(range(1500), seed=seeds[1])
    found = chain_matches(clip, ref)
    assert_follow_each_other(found)
    # what stands by chance is short, and says less for itself
    assert max((float(each.ref[-1] - each.ref[0]) for each in found), default=0.0) < 8
    assert sum(each.weight for each in found) < 0.4 * sum(each.weight for each in chain_matches(clip, clip))


def test_reach() -> None:
    clip, ref = film(range(1200)), film(range(720, 1200))
    (found,) = chain_matches(clip, ref)
    assert found.clip[0] - found.ref[0] == pytest.approx(30, abs=0.2)
    (within,) = chain_matches(clip, ref, reach=31)
    assert np.array_equal(within.ref, found.ref)
    for each in chain_matches(clip, ref, reach=20):
        assert np.abs(each.clip - each.ref).max() <= 20 + 1e-9
        assert len(each.ref) < 20


def test_content_that_is_shown_again_keeps_its_order() -> None:
    # the opening comes again in the middle, in both films
    moments = [*range(200), *range(1000, 1400), *range(200), *range(1400, 1800)]
    found = chain_matches(film(moments), film(moments, WORN))
    assert_follow_each_other(found)
    offsets = np.concatenate([each.clip - each.ref for each in found])
    assert (np.abs(offsets) < 0.4).mean() > 0.95
    assert covered(found, len(moments) / RATE) > 0.85


def test_scenes_in_another_order_follow_each_other_on_both_sides() -> None:
    found = chain_matches(film([*range(500, 700), *range(500)]), film(range(700)))
    assert_follow_each_other(found)
    # the longer part wins
    offsets = np.concatenate([each.clip - each.ref for each in found])
    assert np.median(offsets) == pytest.approx(200 / RATE, abs=0.1)
    assert covered(found, 700 / RATE) > 0.55


def test_short_and_empty_films() -> None:
    long, one, black = film(range(400)), film([17]), film([BLACK] * 300)
    for a, b in [(one, one), (long, one), (black, long), (long, black), (black, black), (black, one)]:
        assert chain_matches(a, b) == []
    # a picture may stand; but not beyond its scene
    for each in chain_matches(one, long):
        assert np.abs(each.ref - 17 / RATE).max() < 1.5


def test_sampled_frames() -> None:
    own = film([*range(48), *[BLACK] * 24, *range(48, 60)])
    numbers = sample_frames(own, 1 / 3)
    assert numbers.tolist() == [0, 8, 16, 24, 32, 40, 72, 80]
    # never more often than there are frames
    assert sample_frames(own, 0.0).tolist() == [*range(48), *range(72, 84)]
    assert sample_frames(film([3]), 1.0).tolist() == [0]


def test_time_stamps_count_not_frames() -> None:
    times = np.cumsum([0.0, *np.random.default_rng(0).choice([1 / 24, 3 / 24], 799)])
    ref = prints(ShotFilm(8), range(800), Fraction(12), times.tolist())
    # clip shows each frame when ref shows it, but half a minute later
    clip = prints(ShotFilm(8), range(800), Fraction(12), times.tolist())
    found = chain_matches(clip, ref)
    assert covered(found, float(times[-1])) > 0.85
    assert np.abs(np.concatenate([each.clip - each.ref for each in found])).max() < 0.4
