"""Checks of the fields of a `Timeline`, conversion to plain numbers, and times of frames."""

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from numbers import Rational
from statistics import median
from typing import Any

from vs_align.enums import Verdict
from vs_align.errors import ArgumentError
from vs_align.timeline.segment import finite_score, number, share, whole

type Rate = Fraction | float | str
"""A frame rate: a fraction, a number, or text such as "24000/1001"."""

FILE_KEYS = (
    "format",
    "version",
    "verdict",
    "reasons",
    "residual_ms",
    "clip",
    "ref",
    "segments",
    "frame_map",
    "scores",
    "confidences",
    "digest",
)
"""Keys of a timeline file. Any other key at its top level is a note."""


def as_rate(value: Any) -> Fraction:
    """Return a frame rate as a fraction; text is taken as written ("23.976" is 2997/125).

    Raises:
        ValueError: The value is not a rate; the message is a rule such as "must be ...".
    """
    rule = "must be frames per second, a number of at least 0 or text such as 24000/1001"
    if isinstance(value, str):
        text = value.replace(" ", "")
    elif isinstance(value, bool) or value is None:
        raise ValueError(rule)
    elif isinstance(value, Rational):
        text = f"{value.numerator}/{value.denominator}"
    else:
        text = str(value)
    # Matched before the conversion, because Fraction("1e999999999") would exhaust memory.
    if not re.fullmatch(r"[0-9]{1,18}([/.][0-9]{1,18})?", text):
        raise ValueError(rule)
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(rule) from None


def checked_rate(value: Any, name: str) -> Fraction:
    """Return a frame rate as a fraction."""
    try:
        return as_rate(value)
    except ValueError as error:
        raise ArgumentError("Timeline", name, str(error), repr(value)) from None


def checked_length(value: Any, name: str) -> int:
    """Return a number of frames, at least 1."""
    length = whole(value, "Timeline", name)
    if length == 0:
        raise ArgumentError("Timeline", name, "must be at least 1", 0)
    return length


def checked_frame(value: Any, i: int, clip_length: int) -> int:
    """Return entry i of a frame map as a frame of clip."""
    frame = value if value.__class__ is int else whole(value, "Timeline", f"frame_map[{i}]")
    if not 0 <= frame < clip_length:
        raise ArgumentError("Timeline", f"frame_map[{i}]", f"must be a frame of clip, 0..{clip_length - 1}", frame)
    return int(frame)


def _check_count(values: Sequence[Any], name: str, length: int) -> None:
    if len(values) not in (0, length):
        raise ArgumentError("Timeline", name, f"must be empty or have {length} entries", len(values))


def checked_scores(values: Sequence[Any], length: int) -> tuple[float | None, ...]:
    """Return scores as floats or None, one per ref frame or none at all."""
    _check_count(values, "scores", length)
    return tuple(
        value
        if value is None or (value.__class__ is float and 0 <= value < math.inf)
        else finite_score(value, "Timeline", f"scores[{i}]")
        for i, value in enumerate(values)
    )


def checked_confidences(values: Sequence[Any], length: int) -> tuple[float, ...]:
    """Return confidences as floats, one per ref frame or none at all."""
    _check_count(values, "confidences", length)
    return tuple(
        value if value.__class__ is float and 0 <= value <= 1 else share(value, "Timeline", f"confidences[{i}]")
        for i, value in enumerate(values)
    )


def checked_times(values: Sequence[Any], name: str, length: int) -> tuple[float, ...]:
    """Return time stamps as floats, one per frame or none at all."""
    _check_count(values, name, length)
    times = tuple(
        value if value.__class__ is float else number(value, "Timeline", f"{name}[{i}]")
        for i, value in enumerate(values)
    )
    for i, time in enumerate(times):
        if not math.isfinite(time) or (i > 0 and time < times[i - 1]):
            raise ArgumentError("Timeline", f"{name}[{i}]", "must be finite and not before the frame before", time)
    return times


def seconds_of(n: int, times: Sequence[float], rate: Fraction) -> float | None:
    """Return the time of frame n in seconds: its time stamp, else n / rate, None if unknown."""
    if times:
        return times[n]
    return n * rate.denominator / rate.numerator if rate else None


def seconds_a_frame(first: int, last: int, times: Sequence[float], rate: Fraction) -> Fraction | float | None:
    """Return the mean duration of the frames `first..last` in seconds, never 0; None if unknown."""
    if times and first != last and times[first] != times[last]:
        return (times[last] - times[first]) / (last - first)
    return 1 / rate if rate else None


def usual_seconds_a_frame(first: int, last: int, times: Sequence[float], rate: Fraction) -> Fraction | float | None:
    """Return the typical duration of the frames `first..last` in seconds, never 0; None if unknown.

    With time stamps it is the median of the means over windows of half of the frames, which is robust against single
    missing or long frames.
    """
    low, high = sorted((first, last))
    half = (high - low + 1) // 2
    if times and half:
        usual = median((times[n + half] - times[n]) / half for n in range(low, high + 1 - half))
        return usual or seconds_a_frame(first, last, times, rate)
    return seconds_a_frame(first, last, times, rate)


def checked_verdict(value: Any) -> str | None:
    """Return a verdict as plain text, or None."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in Verdict:
        rule = f"must be None or one of {', '.join(Verdict)}"
        raise ArgumentError("Timeline", "verdict", rule, repr(value))
    return str(value)


def checked_reasons(values: Any, owner: str = "Timeline") -> tuple[str, ...]:
    """Return reasons as a tuple of texts."""
    # a str is a sequence of str, too
    if isinstance(values, str):
        raise ArgumentError(owner, "reasons", "must be a sequence of texts", repr(values))
    reasons = tuple(values)
    for i, reason in enumerate(reasons):
        if not isinstance(reason, str):
            raise ArgumentError(owner, f"reasons[{i}]", "must be a text", repr(reason))
    return reasons


def checked_residual(value: Any) -> float | None:
    """Return the residual as a float, or None."""
    if value is None:
        return None
    residual = number(value, "Timeline", "residual_ms")
    if not math.isfinite(residual):
        raise ArgumentError("Timeline", "residual_ms", "must be finite", residual)
    return residual
