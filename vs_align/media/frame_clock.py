"""When each frame is shown, made out from the time stamps of a file: those that lack, restart, stray or jitter."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vs_align.io.array_types import Float64Array, Int64Array, IntpArray

# Containers round time stamps to a millisecond; two roundings may stand against each other.
_ROUNDING = 0.0021
# A fitted speed may be off by so much of the span before it contradicts a nominal rate.
_RATE_ERROR = 1e-5
# Stamps stray about an even row by so much of a frame at most (telecined film by 0.2, phones by 6 ms) ...
_JITTER_SHARE, _JITTER_SECONDS = 0.3, 0.007
# ... and at high rates by less than half a frame.
_MOST_JITTER_SHARE = 0.45
# A stamp so many frames away from the middle between two regular neighbours is odd.
_ODD = 0.6
# Stamps out of order belong to frames at most so many frames away: decoders hold no more.
_NEARBY = 16
# A frame that comes so many frames late begins behind a gap.
_LATE = 0.75
# Share of the lateness by which the expected time of the next frame follows.
_FOLLOW = 0.1
# Frames over which a step is measured, so that rounding to milliseconds counts little.
_SPAN = 8
# From this share of regular steps on the rate is that of the steps, and what lies between is a gap.
_REGULAR = 0.75
# Jumps forward by more seconds are a new clock where a format allows for one, as ffmpeg takes it.
_NEW_CLOCK = 10.0
_USUAL_RATE = Fraction(25)
_STANDARD_RATES = (
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120)),
    *(Fraction(rate) for rate in (5, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100, 120)),
)


@dataclass(frozen=True, slots=True, eq=False)
class FrameClock:
    """When each frame of a file is shown."""

    times: Float64Array
    """(n,) seconds since the first frame, never falling."""
    start: float
    """When the first frame is shown, in seconds of the container's clock."""
    rate: Fraction
    """Frames per second: that of the usual step, or the average where there is no usual one."""
    variable: bool
    """Whether frames are shown for different times."""
    restarts: tuple[int, ...] = ()
    """Frames at which the container's clock starts anew."""
    shifts: tuple[float, ...] = ()
    """Seconds that are added to the container's clock from each of those frames on."""
    missing: int = 0
    """Frames without a time stamp."""
    odd: int = 0
    """Frames whose time stamp lies out of order."""

    @property
    def mended(self) -> bool:
        """Whether the times are not those that the container says."""
        return bool(self.restarts or self.missing or self.odd)

    def remarks(self, name: str) -> tuple[str, ...]:
        """Say in words what was mended.

        Args:
            name: How the file or the side is called.
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
    """Make out when each frame is shown.

    Gaps stay gaps. Stamps that jitter about an even row are taken for even ones, stamps that are missing are rebuilt
    from the rate, and where stamps step back the clock is taken to start anew right behind the frame before.

    Args:
        stamps: (n,) time of each frame in seconds, in the order in which they are shown, NaN for none; at least one.
        nominal: The rate that the container names, frames per second; 0 where it names none.
        restarts_forward: Whether a jump forward by more than 10 seconds is a new clock, as in MPEG streams.
        forced: Frames per second that count whatever the stamps say.
    """
    stamps = np.array(stamps, np.float64)
    count, missing = len(stamps), int(np.isnan(stamps).sum())
    if forced is not None or missing == count:
        rate = forced or nominal or _USUAL_RATE
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
    """Seconds from frame to frame, as they usually are."""
    known = np.flatnonzero(~np.isnan(stamps))
    for reach in (_SPAN, 1):
        if len(known) <= reach:
            continue
        steps = (stamps[known[reach:]] - stamps[known[:-reach]]) / (known[reach:] - known[:-reach])
        steps = steps[steps > 0]
        if steps.size:
            return float(np.median(steps))
    return float(1 / (nominal or _USUAL_RATE))


def _odd_ones(stamps: Float64Array, step: float) -> IntpArray:
    """Frames whose stamp lies elsewhere than between two regular neighbours."""
    if len(stamps) < 3 or not _is_regular(stamps, step):
        return np.array([], np.intp)
    padded = np.concatenate([[np.nan], stamps, [np.nan]])
    before, here, behind = padded[1:-3], padded[2:-2], padded[3:-1]
    further_before, further_behind = padded[:-4], padded[4:]
    with np.errstate(invalid="ignore"):
        fits = np.abs(behind - before - 2 * step) < step / 2
        strays = np.abs(here - (before + behind) / 2) > _ODD * step
        # at either end of the file, and beside a missing stamp, there is nothing to be held against it
        uneven = np.abs(before - further_before - step) > step / 2
        uneven |= np.abs(further_behind - behind - step) > step / 2
    return np.flatnonzero(fits & strays & ~uneven) + 1


def _is_regular(stamps: Float64Array, step: float) -> bool:
    """Whether most frames follow each other by the usual step: else no time stamp is odd among the others."""
    steps = np.diff(stamps[~np.isnan(stamps)])
    return steps.size > 0 and float(np.mean(np.abs(steps - step) < step / 2)) >= _REGULAR


def _sorted(stamps: Float64Array, step: float) -> int:
    """Sort stamps in place that belong to frames nearby, as files with several frames a packet have; return how many.

    A clock that starts anew has times twice; these are all different.
    """
    known = np.flatnonzero(~np.isnan(stamps))
    values = stamps[known]
    back = np.flatnonzero(np.diff(values) < -step / 2)
    if not back.size or float(np.diff(values).min()) < -_NEARBY * step:
        return 0
    ordered = np.sort(values)
    beside = np.unique(np.clip(back[:, None] + np.arange(-_NEARBY, _NEARBY + 1), 0, len(values) - 2))
    if float(np.diff(ordered)[beside].min()) < step / 2:
        return 0
    stamps[known] = ordered
    return int(np.count_nonzero(ordered != values))


def _continued(stamps: Float64Array, step: float, forward: bool) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Let stamps go on, in place, where the clock starts anew; return where that is, and what was added from there."""
    known = np.flatnonzero(~np.isnan(stamps))
    jumps = np.diff(stamps[known])
    anew = jumps < -step / 2
    if forward:
        anew |= jumps > _NEW_CLOCK
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
    """Put missing stamps between their neighbours, and a step apart at either end."""
    known = np.flatnonzero(~np.isnan(stamps))
    numbers = np.arange(len(stamps))
    filled: Float64Array = np.interp(numbers, known, stamps[known])
    filled[: known[0]] -= step * (known[0] - numbers[: known[0]])
    filled[known[-1] + 1 :] += step * (numbers[known[-1] + 1 :] - known[-1])
    return filled


def _places(stamps: Float64Array, step: float) -> Int64Array:
    """Number each frame by the steps before it: a gap is so many numbers left out."""
    places = np.empty(len(stamps), np.int64)
    place = 0
    places[0] = place
    expected = float(stamps[0]) + step
    for n, stamp in enumerate(stamps[1:].tolist(), 1):
        late = stamp - expected
        skipped = round(late / step) if late > _LATE * step else 0
        place += 1 + skipped
        places[n] = place
        late -= skipped * step
        expected += (1 + skipped) * step + _FOLLOW * late
    return places


def _rated(stamps: Float64Array, places: Int64Array, nominal: Fraction) -> tuple[Fraction, bool, Float64Array]:
    """Frames per second, whether they vary, and when frames are shown."""
    times = stamps - stamps[0]
    span, count = float(times[-1]), len(times)
    if count < 2 or span <= 0:
        return nominal or _USUAL_RATE, False, times
    step, first = np.polyfit(places - places.mean(), times, 1)
    first -= step * places.mean()
    stray = float(np.abs(times - first - step * places).max())
    allowed = min(max(_JITTER_SHARE * step, _JITTER_SECONDS), _MOST_JITTER_SHARE * step)
    if stray > max(allowed, _ROUNDING):
        return Fraction((count - 1) / span).limit_denominator(1001), True, times
    gaps = np.diff(places) != 1
    # the ends of a row that jitters are known no better than its stamps
    slack = _ROUNDING + (stray if stray > _ROUNDING else 0.0)
    rate = _named_rate(float(step), int(places[-1]), slack, nominal)
    if not gaps.any():
        return rate, False, _even(count, rate)
    even: Float64Array = places.astype(np.float64) * rate.denominator / rate.numerator
    if gaps.mean() > 1 - _REGULAR:
        rate = Fraction((count - 1) / span).limit_denominator(1001)
    return rate, True, even


def _named_rate(step: float, steps: int, slack: float, nominal: Fraction) -> Fraction:
    """The rate that a file names, or a standard one, where it loses no time against what was measured, else that."""
    named = [nominal] if nominal else []
    standard = sorted(_STANDARD_RATES, key=lambda rate: abs(float(1 / rate) - step))
    # an average that a container computes is no name
    usual = [rate for rate in named if rate.denominator in (1, 1001)]
    for rate in (*usual, *standard, *named):
        if abs(float(1 / rate) - step) * steps <= slack + steps * step * _RATE_ERROR:
            return rate
    return Fraction(1 / step).limit_denominator(1001)
