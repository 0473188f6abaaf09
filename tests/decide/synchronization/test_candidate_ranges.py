"""Candidate ranges contain the true counterpart of every ref frame, and few others."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import noise_pictures, prints, truth
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import BLACK, WORN, ShotFilm, dropped
from vs_align.decide.synchronization import candidate_ranges as candidate_ranges_module
from vs_align.decide.synchronization.candidate_ranges import (
    CandidateRanges,
    all_candidates,
    are_short,
    candidates_around,
    split_at_bends,
)
from vs_align.decide.synchronization.chaining import MatchedInterval, chain_matches
from vs_align.io.array_types import Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

RATE = 24


def line(first: float, last: float, offset: float, speed: float = 1.0, jitter: float = 0.0) -> MatchedInterval:
    """A stretch of three answers a second; clip = ref * speed + offset."""
    ref = np.arange(first, last, 1 / 3)
    noise = np.random.default_rng(0).uniform(-jitter, jitter, len(ref))
    return MatchedInterval(ref, ref * speed + offset + noise, float(len(ref)))


def film(count: int, rate: Fraction | int = RATE) -> Fingerprints:
    pictures = noise_pictures(4)
    return fingerprints_of(pictures[np.arange(count) % 4], Fraction(rate))


def candidates(bands: CandidateRanges, n: int) -> list[int]:
    rows = zip(bands.lows[n].tolist(), bands.highs[n].tolist(), strict=True)
    return [c for low, high in rows if low >= 0 for c in range(low, high + 1)]


def assert_in_order(bands: CandidateRanges, clip_length: int) -> None:
    for lows, highs in zip(bands.lows, bands.highs, strict=True):
        known = lows >= 0
        assert (known == (highs >= 0)).all()
        # those that are known come first
        assert (np.diff(known.astype(int)) <= 0).all()
        a, b = lows[known], highs[known]
        assert (a <= b).all()
        assert (b < clip_length).all()
        assert (a[1:] > b[:-1] + 1).all()


def holds(bands: CandidateRanges, wanted: Sequence[int | None]) -> float:
    """Share of the ref frames that have a counterpart whose candidates hold it."""
    found = [any(low <= c <= high for low, high in zip(bands.lows[n], bands.highs[n], strict=True) if low >= 0)
             for n, c in enumerate(wanted) if c is not None]  # fmt: skip
    assert found
    return sum(found) / len(found)


def test_places_and_wanted_frames() -> None:
    lows = np.array([[2, 9], [-1, -1], [3, -1], [0, 4]])
    highs = np.array([[4, 9], [-1, -1], [5, -1], [1, 12]])
    bands = CandidateRanges(lows, highs)
    assert len(bands) == 4
    assert bands.offsets.tolist() == [0, 4, 4, 7, 18]
    assert bands.clip_frames(0, 1).tolist() == [2, 3, 4, 9]
    assert bands.clip_frames(1, 2).tolist() == []
    assert bands.clip_frames(0, 3).tolist() == [2, 3, 4, 5, 9]
    assert bands.clip_frames(3, 4).tolist() == [0, 1, *range(4, 13)]


def test_whole_bands() -> None:
    bands = all_candidates(5, 3)
    assert [candidates(bands, n) for n in range(3)] == [[0, 1, 2, 3, 4]] * 3
    assert bands.offsets[-1] == 15
    assert are_short(film(100), film(100))
    assert not are_short(film(2000), film(2000))


@pytest.mark.parametrize("speed", [1.0, 24000 / 25025, 25 / 24, 1.00015])
@pytest.mark.parametrize("offset", [0.0, 7.3])
def test_a_line_lies_in_the_middle(speed: float, offset: float) -> None:
    clip, ref = film(1800), film(1200)
    bands = candidates_around([line(5, 45, offset, speed, jitter=0.07)], clip, ref)
    assert_in_order(bands, 1800)
    wanted = [round((n / RATE * speed + offset) * RATE) for n in range(1200)]
    assert holds(bands, [c if c < 1800 else None for c in wanted]) == 1
    sizes = np.diff(bands.offsets)
    assert sizes[150:1000].max() < 1.2 * RATE
    # where nothing answered it may be farther away
    assert sizes[1199] > sizes[600]


def test_a_jump_has_candidates_of_both_sides() -> None:
    clip, ref = film(2400), film(1800)
    bands = candidates_around([line(0, 30, 2), line(30.4, 75, 12)], clip, ref)
    assert_in_order(bands, 2400)
    for n in range(26 * RATE, 34 * RATE):
        found = candidates(bands, n)
        assert n + 2 * RATE in found
        assert n + 12 * RATE in found
    assert len(candidates(bands, 20 * RATE)) < 1.2 * RATE


def test_gaps_are_covered_by_either_neighbour() -> None:
    clip, ref = film(2400), film(1800)
    bands = candidates_around([line(0, 20, 0), line(40, 75, 10)], clip, ref)
    for n in range(20 * RATE, 40 * RATE):
        assert n in candidates(bands, n)
    for n in range(37 * RATE, 40 * RATE):
        assert n + 10 * RATE in candidates(bands, n)


def test_what_clip_lacks_has_no_candidates() -> None:
    clip, ref = film(480), film(1200)
    bands = candidates_around([line(10, 30, -10)], clip, ref)
    assert_in_order(bands, 480)
    for n in (0, 100, 8 * RATE, 32 * RATE, 1199):
        assert candidates(bands, n) == []
    assert candidates(bands, 20 * RATE)
    assert min(candidates(bands, 10 * RATE + 1)) == 0


def test_random_stretches_keep_the_order_and_hold_their_lines() -> None:
    rng = np.random.default_rng(3)
    for _ in range(25):
        clip, ref = film(int(rng.integers(200, 1500))), film(int(rng.integers(200, 1500)))
        edges = np.sort(rng.uniform(0, ref.duration, 2 * int(rng.integers(1, 5))))
        stretches, offset = [], -float(edges[0])
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            offset += float(rng.choice([0.0, 0.3, 2.0, 9.0]))
            if last - first > 1.2:
                stretches.append(line(float(first), float(last), offset))
        if not stretches:
            continue
        bands = candidates_around(stretches, clip, ref)
        assert len(bands) == len(ref)
        assert_in_order(bands, len(clip))
        for each in stretches:
            wanted = np.searchsorted(clip.times, each.clip - 1e-6)
            for r, c in zip(np.searchsorted(ref.times, each.ref - 1e-6), wanted, strict=True):
                if r < len(ref) and c < len(clip):
                    assert c in candidates(bands, int(r))


def test_ranges_are_merged_like_sets() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        columns: list[tuple[int, Int64Array, Int64Array]] = []
        wanted: list[set[int]] = [set() for _ in range(12)]
        for _ in range(int(rng.integers(1, 6))):
            first = int(rng.integers(0, 12))
            low = rng.integers(0, 30, int(rng.integers(0, 13 - first)))
            high = low + rng.integers(0, 8, len(low))
            gone = rng.random(len(low)) < 0.2
            low, high = np.where(gone, -1, low), np.where(gone, -1, high)
            columns.append((first, low, high))
            for i, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
                wanted[first + i] |= set(range(a, b + 1)) if a >= 0 else set()
        bands = CandidateRanges(*candidate_ranges_module._merged(12, columns))
        assert_in_order(bands, 100)
        assert [set(candidates(bands, n)) for n in range(12)] == wanted


def test_straight_lines_stay_whole() -> None:
    for speed in (1.0, 25025 / 24000, 0.96):
        own = line(3, 90, 5, speed, jitter=0.07)
        (kept,) = split_at_bends(own)
        assert kept is own
    short = line(0, 1.2, 0)
    assert split_at_bends(short) == [short]


def test_a_stretch_is_split_where_it_bends() -> None:
    a, b, c = line(0, 20, 1), line(20, 50, 1.9), line(50, 90, 50 * (1 - 25 / 24) + 1.9, 25 / 24)
    both = MatchedInterval(
        np.concatenate([a.ref, b.ref, c.ref]), np.concatenate([a.clip, b.clip, c.clip]), a.weight + b.weight + c.weight
    )
    parts = split_at_bends(both)
    assert sum(part.weight for part in parts) == pytest.approx(both.weight)
    assert np.array_equal(np.concatenate([part.ref for part in parts]), both.ref)
    firsts = [float(part.ref[0]) for part in parts]
    assert min(abs(first - 20) for first in firsts) < 0.7
    assert len(parts) <= 5
    for part in parts:
        slope, begin = np.polyfit(part.ref, part.clip, 1)
        assert np.abs(part.clip - begin - slope * part.ref).max() < 0.31


@pytest.mark.parametrize(
    ("clip_moments", "ref_moments"),
    [
        (list(range(1500)), dropped(range(200, 1500), 0.03)),
        (dropped([*range(300), *range(420, 1500)], 0.03), list(range(1500))),
        (list(range(400, 1500)), [BLACK] * 60 + list(range(1500))),
    ],
)
def test_every_true_counterpart_is_a_candidate(clip_moments: list[int], ref_moments: list[int]) -> None:
    clip, ref = prints(ShotFilm(8), clip_moments), prints(ShotFilm(8, WORN), ref_moments)
    bands = candidates_around(chain_matches(clip, ref), clip, ref)
    assert_in_order(bands, len(clip))
    wanted = [next(iter(frames), None) for frames in truth(clip_moments, ref_moments)]
    assert holds(bands, wanted) > 0.995
    # and they are few
    assert bands.offsets[-1] < 0.12 * len(clip) * len(ref)


def test_frames_lie_where_their_time_stamps_say() -> None:
    times = np.cumsum([0.0, *np.random.default_rng(1).choice([0.02, 0.1], 799)])
    clip, ref = film(1200), fingerprints_of(noise_pictures(4)[np.arange(800) % 4], Fraction(800, 48), times)
    bands = candidates_around([line(0, float(times[-1]), 0.5)], clip, ref)
    wanted: list[int | None] = [round((time + 0.5) * RATE) for time in times.tolist()]
    assert holds(bands, [c if c is not None and c < 1200 else None for c in wanted]) == 1
