"""Text report of a `Timeline`: verdict, lengths, and a table of passages with offset, speed and gaps."""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from vs_align.enums import SegmentKind
from vs_align.timeline.passages import LONGEST_GAP, Passage, reported_passages, shown_in, steady_ends
from vs_align.timeline.speed import stamped_speed
from vs_align.timeline.validation import seconds_a_frame, seconds_of, usual_seconds_a_frame

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_SIDE = re.compile(r"\b(clip|ref)\b")

WIDTH = 100
"""Largest number of columns of a line."""
_MOST_ROWS = 100
"""Largest number of passages in the table."""
_MOST_RUNS = 20
"""Largest number of listed runs of clip frames that ref never shows."""

# Common speeds, in seconds of clip per second of ref, and their names.
_KNOWN_SPEEDS = (
    (Fraction(24000, 25025), "PAL speed-up"),
    (Fraction(24, 25), "PAL speed-up from 24 fps"),
    (Fraction(25025, 24000), "PAL slow-down"),
    (Fraction(25, 24), "PAL slow-down to 24 fps"),
    (Fraction(1000, 1001), "as 24 beside 23.976 fps"),
    (Fraction(1001, 1000), "as 23.976 beside 24 fps"),
    (Fraction(1), ""),
)
_GUESS = 0.05
"""Confidence below which a passage is called a guess and its speed is not reported."""
_SNAP = 2e-5
"""Relative deviation up to which a speed gets the name of a common one: precision of a rate over a whole film."""
_LOOSEST_SNAP = 2e-3
"""The same for short passages, whose rates are uncertain: the common speeds differ by 1e-3 or more."""
_DRIFT = 9e-4
"""Deviation from 1 below which a speed without a name is called a drift: just below 1001/1000."""
_JITTER_FRAMES = 0.1
"""Uncertainty of time stamps over a passage, in frames."""


type Renaming = Callable[[str], str]


def report_text(timeline: "Timeline", clip: str = "clip", ref: str = "ref") -> str:
    """Return the text of `Timeline.explain`."""
    names = {"clip": clip, "ref": ref}

    def said(text: str) -> str:
        return _SIDE.sub(lambda found: names[found[0]], text)

    reported = reported_passages(timeline)
    lines = [*_verdict(timeline), *_sizes(timeline, clip, ref), "", *_table(timeline, reported[:_MOST_ROWS], said)]
    if len(reported) > _MOST_ROWS:
        lines.append(f"... and {len(reported) - _MOST_ROWS} more passages")
    lines += map(said, _unshown(timeline, [passage for passage, _ in reported]))
    if timeline.residual_ms is not None:
        lines += ["", said(f"Left below a frame: {_signed(timeline.residual_ms, 2)} ms (clip time minus ref time).")]
    return "\n".join(lines)


def refused(reasons: Sequence[str]) -> str:
    """Return why two films were refused, to be appended to their names."""
    part = any(" in common" in reason for reason in reasons)
    return f"{'are not versions of one film' if part else 'have nothing in common'}: {'; '.join(reasons)}"


def _verdict(timeline: "Timeline") -> Iterator[str]:
    if timeline.verdict is not None:
        yield f"Verdict: {timeline.verdict}"
    for reason in timeline.reasons:
        yield from textwrap.wrap(reason, WIDTH, initial_indent="- ", subsequent_indent="  ")
    if timeline.verdict is not None or timeline.reasons:
        yield ""


def _sizes(timeline: "Timeline", clip: str, ref: str) -> Iterator[str]:
    width = max(len(clip), len(ref)) + 1
    sides = (
        (clip, timeline.clip_length, timeline.clip_times, timeline.clip_rate),
        (ref, timeline.ref_length, timeline.ref_times, timeline.ref_rate),
    )
    for name, length, times, rate in sides:
        words = [f"{length} frame{'s' * (length != 1)}"]
        if length == 1:
            words.append("a still")
        elif times:
            words.append("time stamps of its own")
        elif rate:
            words.append(f"{float(rate):.6g} fps")
        else:
            words.append("rate unknown")
        end = _end(length - 1, times, rate)
        if end is not None and length > 1:
            words.append(f"up to {_clock(end)}")
        yield f"{name + ':':{width}} {', '.join(words)}"
    matched = sum(frame is not None for frame in timeline.frame_map)
    yield f"{matched} of {ref}'s {timeline.ref_length} frames have a counterpart in {clip}."


def _table(timeline: "Timeline", reported: Sequence[tuple[Passage, float]], said: Renaming) -> Iterator[str]:
    found = [_Row("ref time", "ref frames", "clip time", "offset ms", "frames", "sure")]
    found += [_row(timeline, passage, rate) for passage, rate in reported]
    rows = [_Row(*map(said, row)) for row in found]
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
        lacks = "not shown for" if timeline.clip_length == 1 else "clip lacks"
        return row._replace(words=f"{dark}{lacks} {_amount(len(passage), start, end)}")
    clip_start = seconds_of(passage.clip_first, timeline.clip_times, timeline.clip_rate)
    row = row._replace(clip_time=f"frame {passage.clip_first}" if clip_start is None else _clock(clip_start))
    if passage.kind is SegmentKind.MISSING:
        last = passage.clip_first if passage.clip_last is None else passage.clip_last
        clip_end = _end(last, timeline.clip_times, timeline.clip_rate)
        return row._replace(words=f"ref lacks {_amount(last - passage.clip_first + 1, clip_start, clip_end)}")
    return row._replace(
        milliseconds="-" if passage.offset_ms is None else _signed(passage.offset_ms, 1),
        frames=f"{_offset_frames(timeline, passage):+}",
        words="; ".join([_speed_words(timeline, passage, rate), *_irregular(timeline, passage, rate)]),
    )


def _offset_frames(timeline: "Timeline", passage: Passage) -> int:
    """Return clip frame minus ref frame at the beginning of a match or hold, on the line of most of its frames."""
    first = passage.ref_first
    steady = steady_ends(shown_in(timeline, passage), passage.rate)[0]
    frame = timeline.frame_map[steady] or 0
    return frame - first if steady == first else round(frame - passage.rate * (steady - first)) - first


def _irregular(timeline: "Timeline", passage: Passage, rate: float) -> Iterator[str]:
    lost = sum(frame is None for frame in timeline.frame_map[passage.ref_first : passage.ref_last + 1])
    for count, words in ((passage.dropped, "left out"), (passage.repeated, "repeated"), (lost, "without a match")):
        if count and not (words == "repeated" and passage.kind is SegmentKind.HOLD):
            yield f"{count} frame{'s' * (count != 1)} {words}"
    end = steady_ends(shown_in(timeline, passage), passage.rate)[1]
    offset = timeline.to_ms(end)
    known = rate != passage.rate and offset is not None and passage.offset_ms is not None
    if known and abs((offset or 0) - (passage.offset_ms or 0)) >= 0.05:
        yield f"offset {_signed(offset or 0, 1)} ms at the end"


def _speed_words(timeline: "Timeline", passage: Passage, rate: float) -> str:
    """Return the speed of clip in a match or hold in words."""
    if timeline.clip_length == 1:
        return "the still is shown" if len(passage) > 1 else "one frame"
    if passage.confidence is not None and passage.confidence < _GUESS:
        return "a guess: the frames do not tell"
    if passage.kind is SegmentKind.HOLD or passage.rate == 0:
        return "clip stands still"
    if len(passage) == 1:
        return "one frame"  # which has no speed
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
    """Return seconds of clip per second of ref in a match of that rate."""
    if timeline.clip_times or timeline.ref_times:
        fitted = stamped_speed(timeline, passage.ref_first, passage.ref_last, rate)
        if fitted is not None:
            return fitted
    clip_ends = passage.clip_first or 0, passage.clip_last or 0
    clip_frame = usual_seconds_a_frame(*clip_ends, timeline.clip_times, timeline.clip_rate)
    ref_frame = usual_seconds_a_frame(passage.ref_first, passage.ref_last, timeline.ref_times, timeline.ref_rate)
    return None if clip_frame is None or ref_frame is None else float(rate * clip_frame / ref_frame)


def _snap(timeline: "Timeline", passage: Passage) -> float:
    """Return the relative deviation up to which the speed of a passage gets the name of a common one.

    It grows for short passages: rates are fitted to few frames, and time stamps are rounded and jitter.
    """
    if timeline.clip_times or timeline.ref_times:
        return min(max(_SNAP, _JITTER_FRAMES / len(passage)), _LOOSEST_SNAP)
    if timeline.segment_at(passage.ref_first).ref_last == passage.ref_last:
        return _SNAP
    return min(max(_SNAP, 1 / len(passage)), _LOOSEST_SNAP)


def _faster(speed: float) -> str:
    if speed < 0:
        return "clip runs backwards" + ("" if abs(speed + 1) < _SNAP else f", {-speed:.4g} times as far as ref")
    if not 0.5 < speed < 2:
        return f"clip shows {speed:.4g} s for each second of ref"
    # clip that needs less of its own time for the same images runs faster
    return f"clip runs {abs(1 / speed - 1):.2%} {'faster' if speed < 1 else 'slower'}".replace("%", " %")


def _unshown(timeline: "Timeline", passages: Sequence[Passage]) -> Iterator[str]:
    """Yield lines for the clip frames that no passage shows; none if ref is a still."""
    if timeline.ref_length == 1:
        return
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
    """Return the end time of frame n in seconds, None if unknown."""
    if not times:
        return seconds_of(n + 1, times, rate)
    if n + 1 < len(times):
        return times[n + 1]
    return times[-1] + float(seconds_a_frame(0, len(times) - 1, times, rate) or 0)


def _signed(value: float, digits: int) -> str:
    # adding 0.0 turns -0.0 into 0.0
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def _clock(seconds: float) -> str:
    """Format a time in seconds as hh:mm:ss.mmm."""
    total = round(abs(seconds) * 1000)
    sign = "-" if seconds < 0 and total else ""
    return f"{sign}{total // 3_600_000:02}:{total // 60_000 % 60:02}:{total // 1000 % 60:02}.{total % 1000:03}"
