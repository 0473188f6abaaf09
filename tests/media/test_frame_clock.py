"""When frames are shown, made out from stamps that lack, stray, restart or jitter."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from vs_align.media.frame_clock import FrameClock, frame_clock

NTSC = Fraction(24000, 1001)
N = np.arange(288)
EVEN = N / 24


def clock(stamps: npt.ArrayLike, nominal: Fraction | int = 24, *, restarts_forward: bool = False) -> FrameClock:
    return frame_clock(np.asarray(stamps, np.float64), Fraction(nominal), restarts_forward=restarts_forward)


def assert_even(found: FrameClock, rate: Fraction | int = 24, count: int = 288) -> None:
    assert (found.rate, found.variable) == (Fraction(rate), False)
    assert found.times == pytest.approx(np.arange(count) / float(rate), abs=1e-9)


@pytest.mark.parametrize("nominal", [Fraction(25), NTSC, Fraction(30000, 1001), Fraction(60)])
def test_rounded_times_are_constant(nominal: Fraction) -> None:
    stamps = np.round(np.arange(5000) / float(nominal), 3)
    assert_even(clock(stamps, nominal), nominal, 5000)
    assert_even(clock(stamps, 0), nominal, 5000)


def test_rate_is_measured_where_the_nominal_one_is_wrong() -> None:
    assert_even(clock(np.arange(500) / 50, 25), 50, 500)


def test_an_average_that_a_container_computed_is_no_rate() -> None:
    assert_even(clock(np.round(EVEN + 0.021, 3), Fraction(4608000, 191989)))


def test_one_frame_has_the_nominal_rate() -> None:
    for nominal, rate in ((30, 30), (0, 25)):
        found = clock(np.zeros(1), nominal)
        assert (found.rate, found.variable, found.times.tolist()) == (Fraction(rate), False, [0])


@pytest.mark.parametrize("place", [1, 100, 287])
def test_a_gap_stays_a_gap_and_is_no_rate(place: int) -> None:
    stamps = np.round(EVEN, 3)
    stamps[place:] += 1 / 24
    found = clock(stamps)
    assert (found.rate, found.variable, found.mended) == (Fraction(24), True, False)
    assert found.times == pytest.approx(EVEN + (place <= N) / 24, abs=1e-9)


def test_true_variable_rates_keep_their_stamps() -> None:
    stamps = np.cumsum([0, *[0.04, 0.08, 0.12] * 8])
    found = clock(stamps, 25)
    assert (found.rate, found.variable) == (Fraction(25, 2), True)
    assert found.times == pytest.approx(stamps)


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_jitter_of_6_ms_is_no_variable_rate(rate: int) -> None:
    stray = np.random.default_rng(0).uniform(-0.006, 0.006, 288)
    assert_even(clock(N / rate + stray, Fraction(rate * 1000, 999)), rate)


def test_telecined_film_has_the_rate_of_film() -> None:
    stamps = np.cumsum([0, *[3, 2] * 143]) * 1001 / 60000
    assert_even(clock(stamps, Fraction(30000, 1001)), NTSC, 287)


@pytest.mark.parametrize("stray", [-0.3, -0.03, 0.03, 0.0417, 5.0])
def test_a_single_odd_stamp_is_put_between_its_neighbours(stray: float) -> None:
    stamps = EVEN.copy()
    stamps[100] += stray
    found = clock(stamps)
    assert_even(found)
    assert (found.odd, found.mended) == (1, True)
    assert "1 time stamps of x" in found.remarks("x")[0]


def test_a_missing_stamp_is_rebuilt() -> None:
    stamps = np.round(N / float(NTSC), 3) + 0.5
    stamps[[0, 7, 8, 287]] = np.nan
    found = clock(stamps, NTSC)
    assert_even(found, NTSC)
    assert found.start == pytest.approx(0.5, abs=0.002)
    assert (found.missing, found.mended) == (4, True)


def test_stamps_of_every_twelfth_frame_alone_are_enough() -> None:
    stamps = np.full(288, np.nan)
    stamps[3::12] = 0.5 + N[3::12] / 25
    found = clock(stamps, 25)
    assert_even(found, 25)
    assert found.start == pytest.approx(0.5)


def test_no_stamps_at_all() -> None:
    found = clock(np.full(288, np.nan))
    assert_even(found)
    assert (found.start, found.remarks("x")) == (0, ("no frame of x has a time stamp: rebuilt at 24 fps",))


@pytest.mark.parametrize("anew", [0.0, 1.4, 5.0])
def test_a_clock_that_starts_anew_goes_on(anew: float) -> None:
    stamps = EVEN + 1.5
    stamps[144:] += anew - stamps[144]
    found = clock(stamps, Fraction(6888, 143))
    assert_even(found)
    assert (found.start, found.restarts) == (1.5, (144,))
    assert found.shifts == pytest.approx((7.5 - anew,))
    assert found.remarks("x")[0].startswith("time stamps of x start anew at frame 144 (6.000 s)")


def test_clocks_that_start_anew_twice() -> None:
    stamps = np.concatenate([EVEN[:100], EVEN[:100], EVEN[:88]])
    found = clock(stamps)
    assert_even(found)
    assert found.shifts == pytest.approx((100 / 24, 200 / 24))


def test_jumps_forward_are_a_new_clock_in_streams_alone() -> None:
    stamps = EVEN + 1000 * (N >= 144)
    found = clock(stamps, restarts_forward=True)
    assert_even(found)
    assert found.shifts == pytest.approx((-1000,))
    assert clock(stamps).times[-1] == pytest.approx(1000 + 287 / 24)


def test_stamps_of_packets_with_two_frames_are_put_in_order() -> None:
    order = np.array([0, *np.arange(1, 287).reshape(-1, 2)[:, ::-1].reshape(-1), 287])
    found = clock(EVEN[order])
    assert_even(found)
    assert (found.restarts, found.odd) == ((), 286)


def test_a_rate_that_somebody_said_counts() -> None:
    assert_even(frame_clock(EVEN + 2, Fraction(24), forced=Fraction(30)), 30)
