"""Frame-rate ratios: the known one that fits, or the measured one."""

from fractions import Fraction

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import noise_pictures
from tests.memory_fingerprints import fingerprints_of
from vs_align.decide.synchronization.chaining import MatchedInterval
from vs_align.decide.synchronization.rates import SPEEDS, frame_rate_ratios, known_rates
from vs_align.measure.fingerprints.fingerprint import Fingerprints

NTSC = Fraction(24000, 1001)


def film(count: int, rate: Fraction | int) -> Fingerprints:
    return fingerprints_of(noise_pictures(4)[np.arange(count) % 4], Fraction(rate))


def line(first: float, last: float, speed: float, offset: float = 0.0, seed: int = 0) -> MatchedInterval:
    ref = np.arange(first, last, 1 / 3)
    noise = np.random.default_rng(seed).uniform(-1 / 14, 1 / 14, len(ref))
    return MatchedInterval(ref, ref * speed + offset + noise, float(len(ref)))


def test_speeds_are_those_of_conversions() -> None:
    assert Fraction(25) / NTSC in SPEEDS
    assert Fraction(24) / NTSC in SPEEDS
    assert Fraction(25, 24) in SPEEDS
    assert all(1 / speed in SPEEDS for speed in SPEEDS)


@pytest.mark.parametrize(
    ("clip", "ref", "first", "among"),
    [
        (Fraction(24), Fraction(24), [1.0], [25 / 24, 24 / 25, 1001 / 1000]),
        (Fraction(25), NTSC, [1.0, 25 * 1001 / 24000], []),
        (NTSC, Fraction(30000, 1001), [1.0, 0.8], []),
        (Fraction(50), Fraction(25), [1.0, 2.0], [2 * 25 / 24]),
    ],
)
def test_frame_for_frame_is_likeliest(clip: Fraction, ref: Fraction, first: list[float], among: list[float]) -> None:
    found = known_rates(clip, ref)
    assert found[: len(first)] == pytest.approx(first)
    assert len(set(found)) == len(found)
    for rate in among:
        assert min(abs(rate - each) for each in found) < 1e-12


@pytest.mark.parametrize(
    ("clip", "ref", "speed", "rate"),
    [
        (24, 24, 1.0, 1.0),
        # the same frames, shown faster
        (25, NTSC, 24000 / 25025, 1.0),
        (NTSC, 25, 25025 / 24000, 1.0),
        # the same time, shown in more frames
        (25, NTSC, 1.0, 25025 / 24000),
        (50, 25, 1.0, 2.0),
        (NTSC, Fraction(30000, 1001), 1.0, 0.8),
        # sound of PAL speed in a film of one rate
        (24, 24, 25 / 24, 25 / 24),
        # of no standard
        (24, 24, 1.07, 1.07),
        (25, 24, 0.9, 0.9375),
    ],
)
def test_known_rates_come_back(clip: Fraction | int, ref: Fraction | int, speed: float, rate: float) -> None:
    one, other = film(4000, clip), film(4000, ref)
    found = frame_rate_ratios([line(2, 150, speed, 3)], one, other)
    assert found.shape == (4000,)
    # no better than it can be measured
    assert found == pytest.approx(rate, rel=0.25 / 148)
    assert np.ptp(found) == 0
    if rate == 1:
        assert found[0] == 1


def test_each_part_has_its_own() -> None:
    clip, ref = film(4000, 24), film(4000, 24)
    found = frame_rate_ratios([line(0, 60, 1.0), line(70, 160, 25 / 24, 5, seed=1)], clip, ref)
    assert (found[: 60 * 24] == 1).all()
    assert found[75 * 24 :] == pytest.approx(25 / 24, rel=0.25 / 90)
    assert len(set(found.tolist())) == 2


@pytest.mark.parametrize(("clip", "rate"), [(24, 1.0), (25, 1.0), (48, 2.0), (Fraction(24, 2), 0.5)])
def test_without_a_long_stretch(clip: int, rate: float) -> None:
    one, other = film(300, clip), film(300, 24)
    assert frame_rate_ratios([], one, other).tolist() == [rate] * 300
    assert frame_rate_ratios([line(0, 5, 1.1)], one, other).tolist() == [rate] * 300


def test_a_short_stretch_tells_little() -> None:
    # 10 seconds of steps of a seventh of a second
    found = frame_rate_ratios([line(0, 10, 1.004)], film(240, 24), film(240, 24))
    assert (found == 1).all()
