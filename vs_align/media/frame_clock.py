"""Display times of frames from the time stamps of a file, with repair of missing, restarting and jittering ones."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vs_align.io.array_types import Float64Array, Int64Array, IntpArray

_ROUNDING = 0.0021
"""Seconds. Containers round time stamps to a millisecond; two roundings may add up."""
_RATE_ERROR = 1e-5
"""Largest relative error of a fitted frame rate against a nominal one; NTSC and film rates differ by 1e-3."""
_JITTER_FRAMES = 0.3
"""Largest jitter of time stamps about a constant rate, in frame durations; telecined film has 0.2."""
_JITTER_SECONDS = 0.007
"""The same in seconds, if that is more; phones have 0.006."""
_MAX_JITTER_FRAMES = 0.45
"""Upper limit of both, in frame durations: from half a frame on, neighbors could not be told apart."""
_OUTLIER_FRAMES = 0.6
"""Distance from the middle between two regular neighbors, in frame durations, from which a stamp is an outlier."""
_REORDERED = 16
"""Frames by which time stamps may be out of order: the largest delay of a decoder of H.264 or HEVC."""
_GAP_FRAMES = 0.75
"""Delay of a frame, in frame durations, from which it begins behind a gap; above `_MAX_JITTER_FRAMES`."""
_TRACKING_GAIN = 0.1
"""Share of a delay by which the expected time of the next frame is corrected (first-order tracking loop): more follows
jitter, less follows a drift too slowly."""
_STEP_SPAN = 8
"""Frames over which a frame duration is measured: an eighth of the rounding error, and short against gaps."""
_REGULAR = 0.75
"""Share of regular steps from which the rate is that of the steps, and other steps are gaps."""
_DISCONTINUITY = 10.0
"""Seconds of a jump forward from which the clock restarts in MPEG streams: ffmpeg's default of -dts_delta_threshold."""
_DEFAULT_RATE = Fraction(25)
"""Frames per second if neither the container nor the time stamps give a rate: ffmpeg's default."""
_STANDARD_RATES = (
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120)),
    *(Fraction(rate) for rate in (5, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100, 120)),
)


@dataclass(frozen=True, slots=True, eq=False)
class FrameClock:
    """Display times of the frames of a file."""

    times: Float64Array
    """(n,) seconds since the first frame, not decreasing."""
    start: float
    """Time stamp of the first frame in seconds."""
    rate: Fraction
    """Frames per second: of the usual frame duration, or the average if there is none."""
    variable: bool
    """Whether frame durations differ."""
    restarts: tuple[int, ...] = ()
    """Frames at which the time stamps restart."""
    shifts: tuple[float, ...] = ()
    """Seconds that are added to the time stamps from each of those frames on."""
    missing: int = 0
    """Number of frames without a time stamp."""
    odd: int = 0
    """Number of frames whose time stamp is out of order."""

    @property
    def mended(self) -> bool:
        """Whether the times differ from the time stamps."""
        return bool(self.restarts or self.missing or self.odd)

    def remarks(self, name: str) -> tuple[str, ...]:
        """Return what was repaired, as sentences.

        Args:
            name: Name of the file.
        """
        said = []
        count = len(self.times)
        if self.restarts:
            places = ", ".join(f"{frame} ({self.times[frame]:.3f} s)" for frame in self.restarts[:3])
            more = f" and {len(self.restarts) - 3} more" if len(self.restarts) > 3 else ""
            said.append(f"time stamps of {name} start anew at frame {places}{more}: they were made continuous")
        if self.missing:
            amount = "no frame" if self.missing == count else f"only {count - self.missing} of {count} frames"
            has = "has" if count - self.missing < 2 else "have"
            said.append(f"{amount} of {name} {has} a time stamp: rebuilt at {float(self.rate):.6g} fps")
        if self.odd:
            said.append(f"{self.odd} time stamps of {name} lay out of order: they were put in order")
        return tuple(said)


def frame_clock(
    stamps: Float64Array, nominal: Fraction, *, restarts_forward: bool = False, forced: Fraction | None = None
) -> FrameClock:
    """Compute display times from time stamps.

    Gaps are kept. Jitter about a constant rate is removed, missing time stamps are rebuilt from the rate, and if time
    stamps step back, the clock is assumed to restart one frame after the frame before.

    Args:
        stamps: (n,) time stamps in seconds in display order, NaN if missing; n at least 1.
        nominal: Frames per second that the container declares; 0 if it declares none.
        restarts_forward: Whether a jump forward by more than 10 seconds restarts the clock, as in MPEG streams.
        forced: Frames per second that replace the time stamps; None: the time stamps count.
    """
    stamps = np.array(stamps, np.float64)
    count, missing = len(stamps), int(np.isnan(stamps).sum())
    if forced is not None or missing == count:
        rate = forced or nominal or _DEFAULT_RATE
        known = stamps[~np.isnan(stamps)]
        start = float(known[0]) if known.size else 0.0
        return FrameClock(_even(count, rate), start, rate, False, missing=0 if forced else missing)
    step = _usual_step(stamps, nominal)
    odd = _odd_ones(stamps, step)
    stamps[odd] = np.nan
    swapped = _sorted(stamps, step)
    restarts, shifts = _continued(stamps, step, restarts_forward)
    stamps = np.maximum.accumulate(_filled(stamps, step))
    places = _places(stamps, step)
    rate, variable, times = _rated(stamps, places, nominal)
    return FrameClock(times, float(stamps[0]), rate, variable, restarts, shifts, missing, int(odd.size) + swapped)


def _even(count: int, rate: Fraction) -> Float64Array:
    times: Float64Array = np.arange(count, dtype=np.float64) * rate.denominator / rate.numerator
    return times


def _usual_step(stamps: Float64Array, nominal: Fraction) -> float:
    """Return the median frame duration in seconds."""
    known = np.flatnonzero(~np.isnan(stamps))
    for reach in (_STEP_SPAN, 1):
        if len(known) <= reach:
            continue
        steps = (stamps[known[reach:]] - stamps[known[:-reach]]) / (known[reach:] - known[:-reach])
        steps = steps[steps > 0]
        if steps.size:
            return float(np.median(steps))
    return float(1 / (nominal or _DEFAULT_RATE))


def _odd_ones(stamps: Float64Array, step: float) -> IntpArray:
    """Return the frames whose time stamp is not between those of two regular neighbors."""
    if len(stamps) < 3 or not _is_regular(stamps, step):
        return np.array([], np.intp)
    padded = np.concatenate([[np.nan], stamps, [np.nan]])
    before, here, behind = padded[1:-3], padded[2:-2], padded[3:-1]
    further_before, further_behind = padded[:-4], padded[4:]
    with np.errstate(invalid="ignore"):
        fits = np.abs(behind - before - 2 * step) < step / 2
        strays = np.abs(here - (before + behind) / 2) > _OUTLIER_FRAMES * step
        # at the ends of the file, and beside a missing stamp, nothing can be compared
        uneven = np.abs(before - further_before - step) > step / 2
        uneven |= np.abs(further_behind - behind - step) > step / 2
    return np.flatnonzero(fits & strays & ~uneven) + 1


def _is_regular(stamps: Float64Array, step: float) -> bool:
    """Return whether most steps are the usual step; else no outliers can be found."""
    steps = np.diff(stamps[~np.isnan(stamps)])
    return steps.size > 0 and float(np.mean(np.abs(steps - step) < step / 2)) >= _REGULAR


def _sorted(stamps: Float64Array, step: float) -> int:
    """Sort time stamps of neighboring frames in place, as needed for packets of several frames; return how many.

    Only if all time stamps are different: after a restart of the clock some occur twice.
    """
    known = np.flatnonzero(~np.isnan(stamps))
    values = stamps[known]
    back = np.flatnonzero(np.diff(values) < -step / 2)
    if not back.size or float(np.diff(values).min()) < -_REORDERED * step:
        return 0
    ordered = np.sort(values)
    beside = np.unique(np.clip(back[:, None] + np.arange(-_REORDERED, _REORDERED + 1), 0, len(values) - 2))
    if float(np.diff(ordered)[beside].min()) < step / 2:
        return 0
    stamps[known] = ordered
    return int(np.count_nonzero(ordered != values))


def _continued(stamps: Float64Array, step: float, forward: bool) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Make time stamps continuous, in place, if the clock restarts; return the frames and the seconds added."""
    known = np.flatnonzero(~np.isnan(stamps))
    jumps = np.diff(stamps[known])
    anew = jumps < -step / 2
    if forward:
        anew |= jumps > _DISCONTINUITY
    restarts, shifts, shift = [], [], 0.0
    for i in np.flatnonzero(anew):
        frame = int(known[i + 1])
        shift += step * (frame - int(known[i])) - float(jumps[i])
        restarts.append(frame)
        shifts.append(shift)
    for frame, before, now in zip(restarts, [0.0, *shifts], shifts, strict=False):
        stamps[frame:] += now - before
    return tuple(restarts), tuple(shifts)


def _filled(stamps: Float64Array, step: float) -> Float64Array:
    """Interpolate missing time stamps, and extrapolate them at both ends by the usual step."""
    known = np.flatnonzero(~np.isnan(stamps))
    numbers = np.arange(len(stamps))
    filled: Float64Array = np.interp(numbers, known, stamps[known])
    filled[: known[0]] -= step * (known[0] - numbers[: known[0]])
    filled[known[-1] + 1 :] += step * (numbers[known[-1] + 1 :] - known[-1])
    return filled


def _places(stamps: Float64Array, step: float) -> Int64Array:
    """Return the index of each frame on the grid of the usual step; a gap skips indices."""
    places = np.empty(len(stamps), np.int64)
    place = 0
    places[0] = place
    expected = float(stamps[0]) + step
    for n, stamp in enumerate(stamps[1:].tolist(), 1):
        late = stamp - expected
        skipped = round(late / step) if late > _GAP_FRAMES * step else 0
        place += 1 + skipped
        places[n] = place
        late -= skipped * step
        expected += (1 + skipped) * step + _TRACKING_GAIN * late
    return places


def _rated(stamps: Float64Array, places: Int64Array, nominal: Fraction) -> tuple[Fraction, bool, Float64Array]:
    """Return frames per second, whether the rate is variable, and the display times."""
    times = stamps - stamps[0]
    span, count = float(times[-1]), len(times)
    if count < 2 or span <= 0:
        return nominal or _DEFAULT_RATE, False, times
    step, first = np.polyfit(places - places.mean(), times, 1)
    first -= step * places.mean()
    stray = float(np.abs(times - first - step * places).max())
    allowed = min(max(_JITTER_FRAMES * step, _JITTER_SECONDS), _MAX_JITTER_FRAMES * step)
    if stray > max(allowed, _ROUNDING):
        return Fraction((count - 1) / span).limit_denominator(1001), True, times
    gaps = np.diff(places) != 1
    # with jitter the ends are known no better than their time stamps
    slack = _ROUNDING + (stray if stray > _ROUNDING else 0.0)
    rate = _named_rate(float(step), int(places[-1]), slack, nominal)
    if not gaps.any():
        return rate, False, _even(count, rate)
    even: Float64Array = places.astype(np.float64) * rate.denominator / rate.numerator
    if gaps.mean() > 1 - _REGULAR:
        rate = Fraction((count - 1) / span).limit_denominator(1001)
    return rate, True, even


def _named_rate(step: float, steps: int, slack: float, nominal: Fraction) -> Fraction:
    """Return the nominal or a standard rate if it agrees with the measured step, else the measured rate."""
    named = [nominal] if nominal else []
    standard = sorted(_STANDARD_RATES, key=lambda rate: abs(float(1 / rate) - step))
    # other denominators are averages that the container has computed
    usual = [rate for rate in named if rate.denominator in (1, 1001)]
    for rate in (*usual, *standard, *named):
        if abs(float(1 / rate) - step) * steps <= slack + steps * step * _RATE_ERROR:
            return rate
    return Fraction(1 / step).limit_denominator(1001)
