"""The speed that time stamps leave: none below a frame."""

from fractions import Fraction

import numpy as np
import pytest

from vs_align.timeline.speed import likely_speed, slope
from vs_align.timeline.time_map import TimeMap
from vs_align.timeline.timeline import Timeline

N = 288


def timeline(clip_times: object, rate: Fraction | int = 24, ref_rate: Fraction | int = 24) -> Timeline:
    return Timeline.from_frame_map(
        range(N),
        clip_rate=Fraction(rate),
        ref_rate=Fraction(ref_rate),
        clip_length=N,
        clip_times=np.asarray(clip_times).tolist(),
    )


@pytest.mark.parametrize("place", [1, 5, 280, N - 1])
def test_one_gap_is_no_speed_and_no_offset(place: int) -> None:
    times = np.arange(N) / 24 + (np.arange(N) >= place) / 24
    found = timeline(times)
    assert found.speed_of(found.segments[0]) == 1
    assert "frame for frame" in found.explain()
    assert "slower" not in found.explain()
    assert "drift" not in found.explain()
    (stretch,) = TimeMap(found, "test").stretches
    assert stretch.speed == 1
    assert stretch.clip_start == pytest.approx(0 if place > N / 2 else 1 / 24)


def test_jitter_is_no_drift() -> None:
    found = timeline(np.arange(N) / 24 + np.random.default_rng(0).uniform(0, 0.006, N))
    assert found.speed_of(found.segments[0]) == 1
    assert "drift" not in found.explain()


def test_more_than_a_frame_is_a_speed() -> None:
    found = timeline(np.arange(N) / 24 * 1.02)
    assert found.speed_of(found.segments[0]) == pytest.approx(1.02)
    assert TimeMap(found, "test").stretches[0].speed == pytest.approx(1.02)


def test_frame_rates_say_it_better_than_a_fit() -> None:
    rate = Fraction(24000, 1001)
    times = np.arange(N) / float(rate) + (np.arange(N) == N - 1) / 24
    found = timeline(times, rate)
    assert found.speed_of(found.segments[0]) == pytest.approx(1.001, abs=1e-9)


def test_likely_speeds() -> None:
    assert likely_speed(1.0005, 40, 1 / 24, None) == 1
    assert likely_speed(1.0009, 40, 1 / 24, 1.001) == 1.001
    assert likely_speed(1.002, 40, 1 / 24, 1.001) == 1.001
    assert likely_speed(1.02, 40, 1 / 24, 1.001) == 1.02
    assert slope([0, 1, 3], [5, 7, 11]) == pytest.approx(2)
