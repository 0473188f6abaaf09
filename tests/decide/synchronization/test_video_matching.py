"""`match_video`: whole videos are matched to the frame by their images alone, and unrelated ones are not."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.decide.synchronization.cropped_films import Part, part_of
from tests.decide.synchronization.synthetic_fingerprints import prints, share_right, truth
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import BLACK, PLAIN, WORN, Look, ShotFilm, dropped, repeated, without
from vs_align.decide.synchronization import candidate_ranges
from vs_align.decide.synchronization.candidate_ranges import are_short
from vs_align.decide.synchronization.chaining import MatchedInterval
from vs_align.decide.synchronization.rates import known_rates
from vs_align.decide.synchronization.segmentation import linear_runs, segments_from_runs
from vs_align.decide.synchronization.video_matching import VideoMatch, match_video
from vs_align.io.array_types import Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

SEED = 31
LONG = 1000


@pytest.fixture(autouse=True)
def few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let films of this length not count as short, so that they are searched like long ones."""
    monkeypatch.setattr(candidate_ranges, "_TUNING", replace(candidate_ranges._TUNING, few_pairs=100_000))


def film(moments: Sequence[int], look: Look = PLAIN, rate: Fraction | int = 24, seed: int = SEED) -> Fingerprints:
    return prints(ShotFilm(seed, look), moments, Fraction(rate))


def matched(clip: Fingerprints, ref: Fingerprints) -> VideoMatch:
    found = match_video(clip, ref)
    frames = found.found.frames
    known = frames >= 0
    assert len(frames) == len(found.differences) == len(found.costs) == len(ref)
    assert (np.diff(frames[known]) >= 0).all()
    assert (frames < len(clip)).all()
    assert (found.found.lows <= frames).all()
    assert (found.found.highs >= frames).all()
    assert (np.isfinite(found.differences) == known).all()
    assert not found.costs[~known].any()
    assert -1 <= found.agreement <= 1
    assert found.geometries or found.agreement == 0
    return found


def whole(length: int) -> list[int]:
    return list(range(length))


CASES: dict[str, tuple[list[int], list[int]]] = {
    "the same": (whole(LONG), whole(LONG)),
    "starts apart": ([*range(3000, 3000 + LONG)], [*range(3400, 3000 + LONG + 300)]),
    "clip lost frames": (dropped(whole(LONG), 0.02, 1), whole(LONG)),
    "ref lost frames": (whole(LONG), dropped(whole(LONG), 0.02, 2)),
    "ref repeats frames": (whole(LONG), repeated(whole(LONG), 0.02, 3)),
    "three cuts": (without(whole(LONG), (200, 290), (500, 660), (900, 910)), whole(LONG)),
    "inserted into ref": (whole(LONG), [*range(400), *range(9000, 9300), *range(400, LONG)]),
    "black between": (whole(LONG), [*[BLACK] * 50, *range(600), *[BLACK] * 72, *range(600, LONG)]),
}


@pytest.mark.parametrize("name", ["starts apart", "three cuts", "black between"])
def test_plain_films(name: str) -> None:
    clip, ref = CASES[name]
    one, other = film(clip), film(ref)
    assert not are_short(one, other)
    found = matched(one, other)
    assert share_right(found.found.frames, truth(clip, ref)) > 0.998
    assert found.agreement > 0.9


@pytest.mark.parametrize("name", CASES)
def test_worn_films(name: str) -> None:
    clip, ref = CASES[name]
    found = matched(film(clip), film(ref, WORN))
    assert share_right(found.found.frames, truth(clip, ref)) >= 0.99
    assert found.agreement > 0.5
    frames, rates = written(found, len(clip))
    assert share_right(frames, truth(clip, ref)) >= 0.99
    assert rates == {1.0}


def written(found: VideoMatch, clip_length: int) -> tuple[Int64Array, set[float]]:
    """Clip frames of ref frames, -1 where there is none, and rates, as a timeline says them."""
    count = len(found.differences)
    lines = linear_runs(found.found, known_rates(Fraction(24), Fraction(24)))
    segments = segments_from_runs(
        lines, found.found, np.zeros(count, np.bool_), clip_length, np.ones(count), np.maximum(found.differences, 0)
    )
    made = Timeline(tuple(segments), Fraction(24), Fraction(24), clip_length, count)
    return np.array([-1 if frame is None else frame for frame in made.frame_map]), {line.rate for line in lines}


@pytest.mark.parametrize("seed", range(3))
def test_grain_does_not_turn_lost_frames_into_a_speed(seed: int) -> None:
    clip, ref = dropped(whole(LONG), 0.01, seed), repeated(whole(LONG), 0.01, seed + 9)
    found = matched(film(clip), film(ref, Look(gamma=1.2, gain=0.9, grain=14)))
    right = share_right(found.found.frames, truth(clip, ref))
    frames, rates = written(found, len(clip))
    # what the map has right is written as it is
    assert share_right(frames, truth(clip, ref)) > right - 0.005
    assert rates == {1.0}


def test_the_worn_film_may_be_the_one_that_is_searched() -> None:
    clip, ref = CASES["three cuts"]
    found = matched(film(clip, replace(WORN, zoom=1.08)), film(ref))
    assert share_right(found.found.frames, truth(clip, ref)) >= 0.99


@pytest.mark.parametrize(("clip_rate", "ref_rate"), [(25, Fraction(24000, 1001)), (Fraction(24000, 1001), 24)])
def test_frame_for_frame_at_another_speed(clip_rate: Fraction | int, ref_rate: Fraction | int) -> None:
    moments = whole(LONG)
    found = matched(film(moments, rate=clip_rate), film(moments[100:], WORN, ref_rate))
    assert share_right(found.found.frames, truth(moments, moments[100:])) >= 0.99


def test_the_same_time_in_more_frames() -> None:
    # 24 of 30 frames a second, each of which is in both where their times meet
    clip, ref = [*range(0, 4000, 5)], [*range(0, 4000, 4)]
    found = matched(film(clip, rate=24), film(ref, WORN, 30))
    frames = found.found.frames
    assert (frames >= 0).mean() > 0.97
    meet = np.arange(0, len(ref), 5)
    known = frames[meet] >= 0
    assert (np.abs(frames[meet] - meet * 0.8)[known] < 0.6).mean() > 0.97
    assert (np.abs(frames - np.arange(len(ref)) * 0.8)[frames >= 0] <= 1.01).mean() > 0.98


def test_time_stamps_of_a_variable_rate() -> None:
    times = np.cumsum([0.0, *np.random.default_rng(0).choice([1 / 30, 1 / 15, 1 / 5], LONG - 1)])
    rate = Fraction(LONG / float(times[-1])).limit_denominator(1001)
    clip = prints(ShotFilm(SEED), range(LONG), rate, times.tolist())
    ref = prints(ShotFilm(SEED, WORN), range(300, LONG), rate, (times[300:] - times[300]).tolist())
    found = matched(clip, ref)
    assert share_right(found.found.frames, truth(whole(LONG), whole(LONG)[300:])) >= 0.99


@pytest.mark.parametrize("look", [PLAIN, WORN])
def test_a_freeze_keeps_the_offset(look: Look) -> None:
    # a title that stands for twenty seconds
    moments = [*range(300), *[299] * 480, *range(300, 520)]
    found = matched(film(moments), film(moments[60:], look))
    assert (found.found.frames - np.arange(len(moments) - 60) == 60).mean() > 0.97


def test_a_film_of_one_picture() -> None:
    found = matched(film([40] * 800), film([40] * 800))
    offsets = found.found.frames - np.arange(800)
    assert (found.found.frames >= 0).mean() > 0.95
    assert (offsets == np.median(offsets)).mean() > 0.9


def test_a_loop_keeps_one_offset() -> None:
    moments = [*range(120)] * 7
    found = matched(film(moments), film(moments[60:], WORN))
    assert (found.found.frames - np.arange(len(moments) - 60) == 60).mean() > 0.99


@pytest.mark.parametrize("kind", ["mirrored", "negative", "backwards"])
def test_what_was_turned_round_is_another_film(kind: str) -> None:
    pictures = film(whole(800)).thumbnails(0, 800)
    turned = {"mirrored": pictures[:, :, ::-1], "negative": 255 - pictures, "backwards": pictures[::-1]}[kind]
    found = matched(film(whole(800)), fingerprints_of(np.ascontiguousarray(turned), Fraction(24)))
    assert (found.found.frames >= 0).mean() < 0.1


def test_bars_and_a_logo() -> None:
    moments = whole(LONG)
    luma = film(moments, WORN).thumbnails(0, LONG).copy()
    luma[:, :7] = luma[:, -7:] = 16
    luma[:, 9:14, 82:92] = 230
    found = matched(film(moments), fingerprints_of(luma[250:], Fraction(24)))
    assert share_right(found.found.frames, truth(moments, moments[250:])) >= 0.99


def test_evidence_is_high_where_frames_move() -> None:
    found = matched(film(whole(LONG)), film(whole(LONG), replace(WORN, grain=3)))
    assert np.median(found.costs) > 1
    assert (found.costs[1:-1] > 0).mean() > 0.95


@pytest.mark.parametrize("seeds", [(40, 41), (42, 43), (44, 45)])
def test_unrelated_films(seeds: tuple[int, int]) -> None:
    found = matched(film(whole(LONG), seed=seeds[0]), film(whole(LONG), seed=seeds[1]))
    assert (found.found.frames >= 0).mean() < 0.1 or found.agreement < 0.4


@pytest.mark.parametrize("look", [PLAIN, WORN])
@pytest.mark.parametrize(
    ("clip", "ref"), [(whole(60), whole(60)), (whole(200), whole(130)[40:]), (whole(90)[30:], whole(80))]
)
def test_short_films(look: Look, clip: list[int], ref: list[int]) -> None:
    one, other = film(clip), film(ref, look)
    assert are_short(one, other)
    assert share_right(matched(one, other).found.frames, truth(clip, ref)) >= 0.97


def test_one_frame() -> None:
    assert matched(film([70]), film([70])).found.frames.tolist() == [0]
    assert matched(film(whole(120)), film([70])).found.frames.tolist() == [70]
    within = matched(film([70]), film(whole(120))).found.frames
    assert within[70] == 0
    assert (within >= 0).sum() <= 12
    # of another film
    other = matched(film([70], seed=2), film([70]))
    assert other.found.frames.tolist() == [-1] or other.agreement < 0.5


def test_short_films_of_different_content() -> None:
    found = matched(film(whole(100), seed=50), film(whole(100), seed=51))
    assert (found.found.frames >= 0).mean() < 0.2 or found.agreement < 0.4


@pytest.mark.parametrize("length", [1, 30, 900])
def test_all_black(length: int) -> None:
    black = film([BLACK] * length)
    found = matched(black, black)
    assert found.agreement <= 0.0
    assert matched(film(whole(200)), black).found.frames.max() == -1
    assert (matched(black, film(whole(200))).found.frames >= 0).mean() < 0.1


def test_reach() -> None:
    clip, ref = whole(LONG), [*range(480, LONG)]
    one, other = film(clip), film(ref)
    within = match_video(one, other, reach=21.0).found.frames
    assert share_right(within, truth(clip, ref)) > 0.99
    beyond = match_video(one, other, reach=10.0)
    assert (beyond.found.frames >= 0).mean() < 0.2


@pytest.mark.parametrize("length", [150, 420])
def test_a_part_of_the_picture(length: int) -> None:
    part, clip, ref = Part(0.4, 0.1, 0.5, 0.5), whole(length), whole(length)[60:-40]
    one, other = film(clip, replace(WORN, zoom=1.0)), part_of(ShotFilm(SEED), ref, part)
    assert are_short(one, other) == (length < 400)
    found = matched(one, other)
    assert share_right(found.found.frames, truth(clip, ref)) == 1
    assert part.off(found.geometries[0].matrix) < 0.7


def test_a_part_may_be_what_is_searched() -> None:
    part, clip, ref = Part(0.25, 0.25, 0.5, 0.5), whole(120)[30:110], whole(120)
    found = matched(part_of(ShotFilm(SEED), clip, part), film(ref))
    assert share_right(found.found.frames, truth(clip, ref)) >= 0.97
    assert part.off(np.linalg.inv(found.geometries[0].matrix)) < 0.7


@pytest.mark.parametrize("length", [150, 420])
def test_a_place_that_is_known_is_not_looked_for(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vs_align.decide.synchronization.video_matching.localize", lambda *_: pytest.fail("it was looked for")
    )
    monkeypatch.setattr(
        "vs_align.decide.synchronization.video_matching.find_geometries",
        lambda *_, **__: pytest.fail("it was looked for"),
    )
    clip, ref = whole(length), whole(length)[60:-40]
    part = Part(0.05, 0.35, 0.45, 0.45)
    known = Placement.from_corner((1920, 1080), (432, 243), 96, 378, 2)
    found = match_video(film(clip, replace(WORN, zoom=1.0)), part_of(ShotFilm(SEED), ref, part), placement=known)
    assert share_right(found.found.frames, truth(clip, ref)) == 1
    assert part.off(found.geometries[0].matrix) < 1e-6
    wrong = Placement.from_corner((1920, 1080), (432, 243), 900, 20, 2)
    found = match_video(film(clip), part_of(ShotFilm(SEED), ref, part), placement=wrong)
    assert share_right(found.found.frames, truth(clip, ref)) < 0.2


def test_prior_intervals_are_used_if_the_frames_agree() -> None:
    clip, ref = whole(LONG), [*range(400, LONG)]
    one, other = film(clip), film(ref)
    ref_times = np.arange(2.0, 24.0, 1 / 3)
    true = MatchedInterval(ref_times, ref_times + 400 / 24, 50.0)
    wrong = MatchedInterval(ref_times, ref_times + 3.0, 50.0)
    # the reach excludes the true offset from the search by frames
    hinted = match_video(one, other, prior=[true], reach=0.01)
    assert share_right(hinted.found.frames, truth(clip, ref)) > 0.99
    misled = match_video(one, other, prior=[wrong], reach=0.01)
    assert (misled.found.frames >= 0).mean() < 0.2 or misled.agreement < 0.4
    # without that limit no prior is needed
    assert share_right(match_video(one, other, prior=[wrong]).found.frames, truth(clip, ref)) > 0.99


def test_progress() -> None:
    told: list[tuple[str, int, int]] = []
    match_video(film(whole(LONG)), film(whole(LONG)), progress=lambda *args: told.append(args))
    for text in ("searching", "comparing"):
        steps = [(done, total) for name, done, total in told if name == text]
        assert steps
        assert all(0 <= done <= total for done, total in steps)
        assert steps[-1][0] == steps[-1][1] or text == "comparing"
    assert [done for name, done, _ in told if name == "searching"] == [0, 1, 2, 3]
