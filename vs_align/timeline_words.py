"""A `Timeline` in words, for people."""

import textwrap
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from vs_align.enums import SegmentKind
from vs_align.timeline_fields import seconds_a_frame, seconds_of
from vs_align.timeline_passages import LONGEST_GAP, Passage, told_passages

if TYPE_CHECKING:
    from vs_align.timeline import Timeline

WIDTH = 100
"""Columns of a line."""
_MOST_ROWS = 100
_MOST_RUNS = 20

# Seconds of clip per second of ref. Each is known by the speed of clip.
_KNOWN_SPEEDS = (
    (Fraction(24000, 25025), "PAL speed-up"),
    (Fraction(24, 25), "PAL speed-up from 24 fps"),
    (Fraction(25025, 24000), "PAL slow-down"),
    (Fraction(25, 24), "PAL slow-down to 24 fps"),
    (Fraction(1000, 1001), "as 24 beside 23.976 fps"),
    (Fraction(1001, 1000), "as 23.976 beside 24 fps"),
    (Fraction(1), ""),
)
# A rate that was measured over a whole film is that close; and what is slower than the last is called a drift.
_SNAP, _LOOSEST_SNAP, _DRIFT = 2e-5, 2e-3, 9e-4


def words_of(timeline: "Timeline") -> str:
    """Text of `Timeline.explain`."""
    told = told_passages(timeline)
    lines = [*_verdict(timeline), *_sizes(timeline), "", *_table(timeline, told[:_MOST_ROWS])]
    if len(told) > _MOST_ROWS:
        lines.append(f"... and {len(told) - _MOST_ROWS} more passages")
    lines += _unshown(timeline, [passage for passage, _ in told])
    if timeline.residual_ms is not None:
        lines += ["", f"Left below a frame: {_signed(timeline.residual_ms, 2)} ms (clip time minus ref time)."]
    return "\n".join(lines)


def _verdict(timeline: "Timeline") -> Iterator[str]:
    if timeline.verdict is not None:
        yield f"Verdict: {timeline.verdict}"
    for reason in timeline.reasons:
        yield from textwrap.wrap(reason, WIDTH, initial_indent="- ", subsequent_indent="  ")
    if timeline.verdict is not None or timeline.reasons:
        yield ""


def _sizes(timeline: "Timeline") -> Iterator[str]:
    sides = (
        ("clip", timeline.clip_length, timeline.clip_times, timeline.clip_rate),
        ("ref", timeline.ref_length, timeline.ref_times, timeline.ref_rate),
    )
    for name, length, times, rate in sides:
        words = [f"{length} frame{'s' * (length != 1)}"]
        if times:
            words.append("time stamps of its own")
        elif rate:
            words.append(f"{float(rate):.6g} fps")
        else:
            words.append("rate unknown")
        end = _end(length - 1, times, rate)
        if end is not None:
            words.append(f"up to {_clock(end)}")
        yield f"{name + ':':5} {', '.join(words)}"
    matched = sum(frame is not None for frame in timeline.frame_map)
    yield f"{matched} of ref's {timeline.ref_length} frames have a counterpart in clip."


def _table(timeline: "Timeline", told: Sequence[tuple[Passage, float]]) -> Iterator[str]:
    rows = [_Row("ref time", "ref frames", "clip time", "offset ms", "frames", "sure")]
    rows += [_row(timeline, passage, rate) for passage, rate in told]
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    for row in rows:
        cells = [f"{cell:{'>' if i > 2 else ''}{widths[i]}}" for i, cell in enumerate(row[:6])]
        line = "  ".join((*cells, row.words)).rstrip()
        if len(line) <= WIDTH:
            yield line
            continue
        yield "  ".join(cells).rstrip()
        yield from textwrap.wrap(row.words, WIDTH, initial_indent="    ", subsequent_indent="    ")


class _Row(NamedTuple):
    ref_time: str = ""
    ref_frames: str = ""
    clip_time: str = ""
    milliseconds: str = ""
    frames: str = ""
    sure: str = ""
    words: str = ""


def _row(timeline: "Timeline", passage: Passage, rate: float) -> _Row:
    start = seconds_of(passage.ref_first, timeline.ref_times, timeline.ref_rate) if len(passage) else None
    end = _end(passage.ref_last, timeline.ref_times, timeline.ref_rate) if len(passage) else None
    row = _Row(
        ref_time="-" if start is None or end is None else f"{_clock(start)}-{_clock(end)}",
        ref_frames=f"{passage.ref_first}-{passage.ref_last}" if len(passage) else f"before {passage.ref_first}",
        clip_time="-",
        sure="" if passage.confidence is None else f"{passage.confidence:.2f}",
    )
    if passage.clip_first is None:
        dark = "black, " if passage.kind is SegmentKind.BLACK else ""
        return row._replace(words=f"{dark}clip lacks {_amount(len(passage), start, end)}")
    clip_start = seconds_of(passage.clip_first, timeline.clip_times, timeline.clip_rate)
    row = row._replace(clip_time=f"frame {passage.clip_first}" if clip_start is None else _clock(clip_start))
    if passage.kind is SegmentKind.MISSING:
        last = passage.clip_first if passage.clip_last is None else passage.clip_last
        clip_end = _end(last, timeline.clip_times, timeline.clip_rate)
        return row._replace(words=f"ref lacks {_amount(last - passage.clip_first + 1, clip_start, clip_end)}")
    return row._replace(
        milliseconds="-" if passage.offset_ms is None else _signed(passage.offset_ms, 1),
        frames=f"{passage.clip_first - passage.ref_first:+}",
        words="; ".join([_speed_words(timeline, passage, rate), *_irregular(timeline, passage, rate)]),
    )


def _irregular(timeline: "Timeline", passage: Passage, rate: float) -> Iterator[str]:
    lost = sum(frame is None for frame in timeline.frame_map[passage.ref_first : passage.ref_last + 1])
    for count, words in ((passage.dropped, "left out"), (passage.repeated, "repeated"), (lost, "without a match")):
        if count and not (words == "repeated" and passage.kind is SegmentKind.HOLD):
            yield f"{count} frame{'s' * (count != 1)} {words}"
    end = next((n for n in range(passage.ref_last, -1, -1) if timeline.frame_map[n] is not None), 0)
    offset = timeline.to_ms(end)
    known = rate != passage.rate and offset is not None and passage.offset_ms is not None
    if known and abs((offset or 0) - (passage.offset_ms or 0)) >= 0.05:
        yield f"offset {_signed(offset or 0, 1)} ms at the end"


def _speed_words(timeline: "Timeline", passage: Passage, rate: float) -> str:
    """How fast clip runs in a match or hold whose single frames obey a rate."""
    if passage.kind is SegmentKind.HOLD or passage.rate == 0:
        return "clip stands still"
    even = abs(rate - 1) < 1e-9
    speed = _speed(timeline, passage, rate)
    if speed is None:
        return "frame for frame" if even else f"{rate:.6g} clip frames per ref frame"
    known, name = min(_KNOWN_SPEEDS, key=lambda pair: abs(pair[0] - speed))
    if abs(known - speed) > (_SNAP if rate != passage.rate else _snap(timeline, passage)):
        known, name = Fraction(0), ""
    if known == 1:
        return "frame for frame" if even else "same speed"
    words = _faster(float(known or speed))
    if not known and abs(speed - 1) < _DRIFT:
        words = f"drift of {(speed - 1) * 1e6:+.0f} ppm ({(speed - 1) * 60_000:+.1f} ms a minute)"
    return (f"{name}: " if name else "") + words + (", frame for frame" if even else "")


def _speed(timeline: "Timeline", passage: Passage, rate: float) -> float | None:
    """Seconds of clip per second of ref in a match of that rate."""
    clip_ends = passage.clip_first or 0, passage.clip_last or 0
    clip_frame = seconds_a_frame(*clip_ends, timeline.clip_times, timeline.clip_rate)
    ref_frame = seconds_a_frame(passage.ref_first, passage.ref_last, timeline.ref_times, timeline.ref_rate)
    return None if clip_frame is None or ref_frame is None else float(rate * clip_frame / ref_frame)


def _snap(timeline: "Timeline", passage: Passage) -> float:
    """How far a speed may lie from a known one to be called it: a rate fitted to few frames says little."""
    if timeline.segment_at(passage.ref_first).ref_last == passage.ref_last:
        return _SNAP
    return min(max(_SNAP, 1 / len(passage)), _LOOSEST_SNAP)


def _faster(speed: float) -> str:
    if speed < 0:
        return "clip runs backwards" + ("" if abs(speed + 1) < _SNAP else f", {-speed:.4g} times as far as ref")
    if not 0.5 < speed < 2:
        return f"clip shows {speed:.4g} s for each second of ref"
    # What shows less of its own time for the same pictures runs faster.
    return f"clip runs {abs(1 / speed - 1):.2%} {'faster' if speed < 1 else 'slower'}".replace("%", " %")


def _unshown(timeline: "Timeline", passages: Sequence[Passage]) -> Iterator[str]:
    """Yield lines for the clip frames of which no passage speaks."""
    named = bytearray(timeline.clip_length)
    for passage in passages:
        if passage.clip_first is not None and passage.clip_last is not None:
            low, high = sorted((passage.clip_first, passage.clip_last))
            named[low : high + 1] = b"\1" * (high + 1 - low)
    runs, first = [], 0
    while (first := named.find(0, first)) >= 0:
        end = named.find(1, first)
        stop = len(named) if end < 0 else end
        if stop - first > LONGEST_GAP:
            runs.append((first, stop - 1))
        first = stop
    if not runs:
        return
    yield ""
    yield "Frames of clip that ref never shows:"
    for first, last in runs[:_MOST_RUNS]:
        start = seconds_of(first, timeline.clip_times, timeline.clip_rate)
        end_time = _end(last, timeline.clip_times, timeline.clip_rate)
        clock = "" if start is None or end_time is None else f"{_clock(start)}-{_clock(end_time)}  "
        yield f"{clock}{first}-{last}  {_amount(last - first + 1, start, end_time)}"
    if len(runs) > _MOST_RUNS:
        yield f"... and {len(runs) - _MOST_RUNS} more runs"


def _amount(frames: int, start: float | None, end: float | None) -> str:
    words = f"{frames} frame{'s' * (frames != 1)}"
    return words if start is None or end is None else f"{words} ({end - start:.3f} s)"


def _end(n: int, times: Sequence[float], rate: Fraction) -> float | None:
    """Time at which frame n has been shown, in seconds; None where it is unknown."""
    if not times:
        return seconds_of(n + 1, times, rate)
    if n + 1 < len(times):
        return times[n + 1]
    return times[-1] + float(seconds_a_frame(0, len(times) - 1, times, rate) or 0)


def _signed(value: float, digits: int) -> str:
    # Adding zero turns a minus zero, which rounding may leave, into a plus.
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def _clock(seconds: float) -> str:
    """Time as hh:mm:ss.mmm."""
    total = round(abs(seconds) * 1000)
    sign = "-" if seconds < 0 and total else ""
    return f"{sign}{total // 3_600_000:02}:{total // 60_000 % 60:02}:{total // 1000 % 60:02}.{total % 1000:03}"
