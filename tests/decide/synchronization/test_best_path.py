"""`best_path`: optimal against exhaustive search on random candidates, and correct on synthetic videos."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from math import inf

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import prints, share_right, truth
from tests.sync_films import BLACK, WORN, ShotFilm, dropped, repeated
from vs_align.decide.synchronization import best_path as best_path_module
from vs_align.decide.synchronization import best_path_kernels as kernels
from vs_align.decide.synchronization.best_path import FramePath, best_path, neighbor_cost, plateaus
from vs_align.decide.synchronization.candidate_ranges import CandidateRanges, all_candidates
from vs_align.decide.synchronization.similarity import dissimilarities
from vs_align.decide.synchronization.similarity_kernels import FLAT_ALIKE
from vs_align.io.array_types import Float32Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.registration.sequence.geometry import identity_geometry

PLACE = identity_geometry((WIDTH, HEIGHT))
NONE = np.empty(0, np.int64)


# --- the best of all maps, by trying them all


def maps(bands: CandidateRanges, n: int = 0, least: int = 0) -> Iterator[list[int]]:
    """All maps that never go back: a place in the row of candidates for each ref frame, or -1."""
    if n == len(bands):
        yield []
        return
    for rest in maps(bands, n + 1, least):
        yield [-1, *rest]
    for c in _candidates(bands, n):
        if c >= least:
            for rest in maps(bands, n + 1, c):
                yield [c, *rest]


def _candidates(bands: CandidateRanges, n: int) -> list[int]:
    ranges = zip(bands.lows[n].tolist(), bands.highs[n].tolist(), strict=True)
    return [c for low, high in ranges if low >= 0 for c in range(low, high + 1)]


def surprises(bands: CandidateRanges, values: Float32Array, floors: Float32Array) -> list[dict[int, float]]:
    """What each candidate of each ref frame says against itself."""
    out = []
    for n in range(len(bands)):
        row = values[bands.offsets[n] : bands.offsets[n + 1]]
        least = min((value for value in row if value != FLAT_ALIKE), default=np.float32(inf))
        costs = [float(kernels._negative_log_likelihood(value, np.float32(least), floors[n])) for value in row]
        out.append(dict(zip(_candidates(bands, n), costs, strict=True)))
    return out


def cost(
    chosen: list[int], costs: list[dict[int, float]], steps: Float32Array, cuts: tuple[set[int], set[int]]
) -> float:
    """Price of a map; infinite where it shows a clip frame on both sides of ref frames without a counterpart."""
    total, known = 0.0, [n for n, c in enumerate(chosen) if c >= 0]
    total += kernels._UNMATCHED * (len(chosen) - len(known))
    if not known:
        return total
    total += kernels._AT_END * ((known[0] > 0) + (known[-1] < len(chosen) - 1))
    total += sum(costs[n][chosen[n]] for n in known)
    for a, b in pairwise(known):
        way, ways = chosen[b] - chosen[a], [inf]
        if way > 0:
            ways.append(kernels._LEAVE + kernels._ENTER)
        if b == a + 1:
            if way > 0:
                at_cut = b in cuts[0] or chosen[b] in cuts[1]
                ways.append(kernels._JUMP_AT_CUT if at_cut else kernels._JUMP)
            if way < steps.shape[1]:
                ways.append(float(steps[b, way]))
        total += min(ways)
    return total


def walked(
    bands: CandidateRanges,
    values: Float32Array,
    floors: Float32Array,
    steps: Float32Array,
    cuts: tuple[set[int], set[int]],
) -> list[int]:
    at_cut, begins = np.zeros(len(bands), np.bool_), np.zeros(int(bands.highs.max()) + 2, np.bool_)
    at_cut[sorted(cuts[0])] = True
    begins[sorted(cuts[1])] = True
    frames, chosen = np.full(len(bands), -1, np.int64), np.full(len(bands), np.nan, np.float32)
    kernels.shortest_path(bands.lows, bands.highs, bands.offsets, values, floors, steps, at_cut, begins, frames, chosen)
    known = frames >= 0
    assert (np.isnan(chosen) == ~known).all()
    for n in np.flatnonzero(known):
        assert chosen[n] == values[bands.offsets[n] + _candidates(bands, int(n)).index(int(frames[n]))]
    out: list[int] = frames.tolist()
    return out


def random_bands(rng: np.random.Generator, length: int) -> CandidateRanges:
    lows, highs = (np.full((length, 2), -1, np.int64) for _ in range(2))
    for n in range(length):
        a, b, c, d = np.sort(rng.choice(9, 4, replace=False))
        kind = int(rng.integers(5))
        if kind:
            lows[n, 0], highs[n, 0] = a, min(b, a + 2)
        if kind > 2 and c > highs[n, 0] + 1:
            lows[n, 1], highs[n, 1] = c, min(d, c + 1)
    return CandidateRanges(lows, highs)


@pytest.mark.parametrize("kind", ["any", "alike", "flat"])
def test_no_map_is_better(kind: str) -> None:
    rng = np.random.default_rng(["any", "alike", "flat"].index(kind))
    ways: set[str] = set()
    for _ in range(60):
        bands = random_bands(rng, int(rng.integers(1, 7)))
        if bands.offsets[-1] == 0:
            continue
        # from equal to unlike
        values = (rng.uniform(0, 1, bands.offsets[-1]) ** (4 if kind == "alike" else 1)).astype(np.float32)
        if kind == "flat":
            values[rng.random(values.size) < 0.5] = FLAT_ALIKE
        floors = np.full(len(bands), 0.1, np.float32)
        steps = best_path_module._step_costs(np.full(len(bands), float(rng.choice([0.8, 1.0, 1.04, 2.0]))))
        cuts = (set(rng.integers(0, len(bands), 1).tolist()), set(rng.integers(0, 9, 1).tolist()))
        cuts = cuts if rng.random() < 0.5 else (set(), set())
        cuts = (cuts[0], {c for c in cuts[1] if c <= int(bands.highs.max())})
        costs = surprises(bands, values, floors)
        best = min(cost(each, costs, steps, cuts) for each in maps(bands))
        found = walked(bands, values, floors, steps, cuts)
        assert cost(found, costs, steps, cuts) == pytest.approx(best, abs=1e-3)
        known = [n for n, c in enumerate(found) if c >= 0]
        ways.add("none" if not known else "holes" if len(known) < len(found) else "whole")
    assert len(ways) >= 2


def test_step_costs_are_probabilities_that_like_the_rate() -> None:
    rates = np.array([0.5, 0.8, 1.0, 1.04, 2.0, 2.5])
    steps = best_path_module._step_costs(rates)
    assert (steps > 0).all()
    assert (np.exp(-steps.astype(float)).sum(axis=1) < 1.05).all()
    assert steps.argmin(axis=1).tolist()[1:5] == [1, 1, 1, 2]
    # a dropped frame is likelier than a jump, and one that is repeated too
    assert steps[2, 2] < kernels._JUMP_AT_CUT
    assert steps[2, 0] < kernels._JUMP_AT_CUT
    assert (np.diff(steps[2, 1:]) > 0).all()


# --- on films


def found_path(
    clip: Fingerprints, ref: Fingerprints, rate: float = 1.0, bands: CandidateRanges | None = None
) -> FramePath:
    bands = bands or all_candidates(len(clip), len(ref))
    unlike = dissimilarities(clip, ref, bands, [PLACE])
    found = best_path(bands, unlike, np.full(len(ref), rate), ref.cuts, clip.cuts)
    known = found.frames >= 0
    assert (np.diff(found.frames[known]) >= 0).all()
    assert (np.isfinite(found.differences) == known).all()
    assert found.floors.shape == found.frames.shape
    for n in np.flatnonzero(known):
        assert found.frames[n] in _candidates(bands, int(n))
    return found


def film(moments: list[int], worn: bool = False, seed: int = 21) -> Fingerprints:
    return prints(ShotFilm(seed, WORN) if worn else ShotFilm(seed), moments)


EDITS: dict[str, tuple[list[int], list[int]]] = {
    "the same": ([*range(300)], [*range(300)]),
    "ref begins earlier": ([*range(70, 300)], [*range(260)]),
    "clip begins earlier": ([*range(260)], [*range(70, 300)]),
    "dropped": (dropped([*range(300)], 0.05, 1), [*range(300)]),
    "repeated": (repeated([*range(300)], 0.05, 1), [*range(300)]),
    "ref lost frames": ([*range(300)], dropped([*range(300)], 0.05, 2)),
    "ref repeats frames": ([*range(300)], repeated([*range(300)], 0.05, 2)),
    "cut": ([*range(100), *range(160, 300)], [*range(300)]),
    "cut out of ref": ([*range(300)], [*range(100), *range(160, 300)]),
    "inserted": ([*range(300)], [*range(120), *range(3000, 3080), *range(120, 300)]),
    "black leader": ([*range(200)], [*[BLACK] * 40, *range(200)]),
    "both sides differ": ([*range(100), *range(5000, 5060), *range(100, 200)],
                          [*range(100), *range(7000, 7040), *range(100, 200)]),
    "one frame": ([*range(100)], [57]),
    "one candidate": ([57], [57]),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_plain_edits_are_found_to_the_frame(name: str) -> None:
    clip, ref = EDITS[name]
    found = found_path(film(clip), film(ref))
    wanted = truth(clip, ref)
    # black on neither side of clip has a counterpart
    right = [int(c) in them if them else c < 0 for c, them in zip(found.frames, wanted, strict=True)]
    assert [n for n, each in enumerate(right) if not each] == []


@pytest.mark.parametrize("name", EDITS)
def test_worn_edits_are_found_nearly_everywhere(name: str) -> None:
    clip, ref = EDITS[name]
    found = found_path(film(clip), film(ref, worn=True))
    # the crop moves the pictures by as much as the camera does in a few frames, and is not taken back here
    near = [
        any(abs(int(c) - k) <= 2 for k in them) for c, them in zip(found.frames, truth(clip, ref), strict=True) if them
    ]
    assert sum(near) / len(near) > 0.96


@pytest.mark.parametrize("rate", [2.0, 1.25, 25 / 24, 0.8, 0.5])
def test_other_rates(rate: float) -> None:
    clip = [*range(200)]
    # ref shows exactly what clip shows, now and then twice, or leaves something out
    ref = [int(n * rate + 1e-6) for n in range(int(200 / rate) - 2)]
    found = found_path(film(clip), film(ref), rate)
    assert share_right(found.frames, truth(clip, ref)) == 1


def test_black_meets_black_in_order() -> None:
    moments = [*range(60), *[BLACK] * 30, *range(60, 120)]
    found = found_path(film(moments), film(moments))
    assert found.frames.tolist() == list(range(150))
    black = film([BLACK] * 20)
    assert found_path(black, black).frames.tolist() == list(range(20))


def test_still_pictures_keep_one_offset() -> None:
    # a caption that stands for two seconds between two scenes
    moments = [*range(50), *[900] * 48, *range(50, 110)]
    found = found_path(film(moments), film(moments))
    assert found.frames.tolist() == list(range(158))


def test_a_damaged_frame_does_not_turn_the_path() -> None:
    spoiled = [*range(200)]
    spoiled[80], spoiled[140] = 6001, 7003
    found = found_path(film([*range(200)]), film(spoiled))
    wrong = np.flatnonzero(found.frames != np.arange(200)).tolist()
    assert set(wrong) <= {80, 140}


def test_bands_leave_no_choice_but_their_own() -> None:
    clip, ref = film([*range(150)]), film([*range(150)])
    none = np.full(150, -1)
    lows = np.where((np.arange(150) >= 40) & (np.arange(150) < 60), none, np.maximum(np.arange(150) - 3, 0))
    highs = np.where(lows < 0, none, np.minimum(np.arange(150) + 3, 149))
    found = found_path(
        clip, ref, bands=CandidateRanges(lows[:, None].astype(np.int64), highs[:, None].astype(np.int64))
    )
    assert found.frames[:40].tolist() == list(range(40))
    assert (found.frames[40:60] == -1).all()
    assert found.frames[60:].tolist() == list(range(60, 150))


def test_unrelated_films_have_few_frames_in_common() -> None:
    found = found_path(film([*range(250)]), film([*range(250)], seed=22))
    known = found.frames >= 0
    assert known.mean() < 0.6 or np.nanmedian(found.differences) > 0.4


def test_neighbor_costs_are_what_the_neighbors_lack() -> None:
    clip, ref = film([*range(150)]), film([*range(150)])
    bands = all_candidates(150, 150)
    unlike = dissimilarities(clip, ref, bands, [PLACE])
    found = best_path(bands, unlike, np.ones(150), ref.cuts, clip.cuts)
    assert found.frames.tolist() == list(range(150))
    before, after = (neighbor_cost(bands, unlike, found, beside) for beside in (-1, 1))
    assert before[0] == after[-1] == 0
    # every moment is another: each neighbour is worse
    assert (before[1:] > 0.5).all()
    assert (after[:-1] > 0.5).all()
    lows, highs = plateaus(bands, unlike, found)
    assert (lows <= found.frames).all()
    assert (highs >= found.frames).all()
    assert (highs - lows <= 4).all()


def test_the_plateau_of_a_still_reaches_to_both_sides() -> None:
    moments = [*range(30), *[900] * 20, *range(30, 60)]
    clip, ref = film(moments), film(moments)
    bands = all_candidates(80, 80)
    unlike = dissimilarities(clip, ref, bands, [PLACE])
    found = best_path(bands, unlike, np.ones(80), ref.cuts, clip.cuts)
    lows, highs = plateaus(bands, unlike, found)
    inside = slice(33, 46)
    assert (highs - lows)[inside].tolist() == [4] * 13
    assert lows[30] == 30
    assert highs[49] == 49
    # across nothing
    none = FramePath(np.full(80, -1, np.int64), np.full(80, np.nan, np.float32), found.floors)
    assert [each.tolist() for each in plateaus(bands, unlike, none)] == [[-1] * 80] * 2
    assert not neighbor_cost(bands, unlike, none, 1).any()


@pytest.mark.parametrize(("clip_step", "ref_step"), [(2, 1), (5, 4), (5, 2), (3, 1)])
def test_a_lower_rate_holds_frames_and_lacks_none(clip_step: int, ref_step: int) -> None:
    # as when one of both was made by leaving out frames of a film of a higher rate
    clip, ref = [*range(0, 360, clip_step)], [*range(0, 360, ref_step)]
    rate = ref_step / clip_step
    own, other = prints(ShotFilm(21), clip, Fraction(24)), prints(ShotFilm(21), ref, 24 * Fraction(clip_step, ref_step))
    found = found_path(own, other, rate)
    assert (found.frames >= 0).mean() > 0.97
    known = found.frames >= 0
    assert np.abs(found.frames - np.arange(len(ref)) * rate)[known].max() <= 1
