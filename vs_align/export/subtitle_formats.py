"""Times of SRT, VTT, ASS and SSA texts, read and rewritten in place: all other text is kept as it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from vs_align.export.ass_tags import retagged
from vs_align.timeline.time_map import clock_text

FORMATS = ("srt", "vtt", "ass", "ssa")
"""Formats that are rewritten in place."""

_CLOCK = r"(?:\d+:)?\d{1,2}:\d{2}[,.]\d{1,3}"
_ARROW = re.compile(rf"^[ \t]*(-?{_CLOCK})[ \t]*-->[ \t]*(-?{_CLOCK})(.*)$")
_EVENT = re.compile(r"^((?:Dialogue|Comment):[^,]*,)([^,]*),([^,]*)(,.*)$", re.DOTALL)
_NUMBER = re.compile(r"^\s*\d+\s*$")
_INNER = re.compile(r"<((?:\d+:)?\d{2}:\d{2}[,.]\d{3})>")

type Times = list["CueTime"]
type Retimer = Callable[["Cue"], Times]


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue of the file. Times in milliseconds."""

    start: int
    end: int
    text: str
    comment: bool = False
    """Whether it is a comment, which no player shows."""


@dataclass(frozen=True, slots=True)
class CueTime:
    """New times of a cue, in milliseconds."""

    start: int
    end: int
    moment: Callable[[int], int]
    """Maps a time within the cue of the file to the new one, `start` to `end`."""


def guess_format(text: str) -> str | None:
    """Return which of `FORMATS` a text is in, None if it is in none of them."""
    if text.lstrip("\ufeff \t\r\n").startswith("WEBVTT"):
        return "vtt"
    if re.search(r"^\[V4\+ Styles\]", text, re.MULTILINE | re.IGNORECASE):
        return "ass"
    if re.search(r"^\[V4 Styles\]", text, re.MULTILINE | re.IGNORECASE):
        return "ssa"
    if re.search(r"^\[Script Info\]", text, re.MULTILINE | re.IGNORECASE):
        return "ass"
    return "srt" if any(_ARROW.match(line) for line in text.splitlines()) else None


def rewritten(text: str, form: str, retime: Retimer) -> str:
    """Return a text with other times.

    Args:
        text: The file.
        form: One of `FORMATS`.
        retime: Returns the new times of each cue, in file order: none to leave it out, several to repeat it.

    Raises:
        ValueError: A time cannot be read; the message is a rule such as "must ...".
    """
    return _rewritten_lines(text, retime) if form in ("ass", "ssa") else _rewritten_blocks(text, form, retime)


def _rewritten_lines(text: str, retime: Retimer) -> str:
    lines = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        event = _EVENT.match(line)
        if event is None:
            lines.append(line)
            continue
        head, start, end, rest = event.groups()
        cue = Cue(_read(start, number), _read(end, number), rest.split(",", 7)[-1].strip(), line.startswith("Comment"))
        for time in retime(cue):
            lines.append(f"{head}{_centiseconds(time.start)},{_centiseconds(time.end)}{_retagged(rest, cue, time)}")
    return "".join(lines)


def _retagged(rest: str, cue: Cue, time: CueTime) -> str:
    """Return the rest of an event behind its times, with the times in its text moved."""
    length = cue.end - cue.start

    def moved(inside: int) -> int:
        place = time.moment(cue.start + min(inside, length))
        return place - time.start + max(0, inside - length)

    # Style, name, three margins and effect come before the text, which may hold commas.
    *fields, text = rest.split(",", 7)
    return ",".join([*fields, retagged(text, moved)])


def _rewritten_blocks(text: str, form: str, retime: Retimer) -> str:
    """Rewrite SubRip or WebVTT: blocks of lines, separated by blank lines."""
    newline = "\r\n" if "\r\n" in text else "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines = text.removeprefix("\ufeff").splitlines()
    places = [i for i, line in enumerate(lines) if _ARROW.match(line)]
    heads = [_head(lines, place, form) for place in places]
    written = lines[: heads[0]] if places else lines
    cues: list[tuple[int, list[str]]] = []
    others: list[list[str]] = []
    for place, head, stop in zip(places, heads, [*heads[1:], len(lines)], strict=True):
        body, rest = _body(lines[place + 1 : stop], form)
        arrow = _ARROW.match(lines[place])
        start, end, settings = arrow.groups() if arrow else ("", "", "")
        cue = Cue(_read(start, place + 1), _read(end, place + 1), " ".join(body).strip())
        for time in retime(cue):
            comma = "," if form == "srt" else "."
            times = f"{clock_text(time.start, comma)} --> {clock_text(time.end, comma)}{settings}"
            cues.append((time.start, [*lines[head:place], times, *_inner_moved(body, time, comma)]))
        others.append(rest)
    # Scenes may be in another order, and players expect rising times.
    cues.sort(key=lambda found: found[0])
    blocks = [block for _, block in cues]
    if form == "srt":
        blocks = [[str(i), *(block[1:] if _NUMBER.match(block[0]) else block)] for i, block in enumerate(blocks, 1)]
    loose = [line for rest in others for line in rest]
    joined = [line for block in blocks for line in [*block, ""]]
    end = newline if not joined or text.endswith(2 * newline) else ""
    return mark + newline.join([*written, *loose, *joined]) + end


def _inner_moved(body: list[str], time: CueTime, comma: str) -> list[str]:
    """Return the lines of a cue with moved inner time stamps, at which the text behind them appears."""

    def moved(found: re.Match[str]) -> str:
        place = time.moment(_read(found[1], 0))
        # Text that appears with the cue needs no time stamp, and the format allows none at its start.
        return f"<{clock_text(place, comma)}>" if place > time.start else ""

    return [_INNER.sub(moved, line) for line in body]


def _head(lines: list[str], place: int, form: str) -> int:
    """Return the first line of the block whose times stand in line `place`: its number or name if it has one."""
    if place == 0 or not lines[place - 1].strip():
        return place
    named = form == "vtt" and (place == 1 or not lines[place - 2].strip())
    return place - 1 if named or _NUMBER.match(lines[place - 1]) else place


def _body(lines: list[str], form: str) -> tuple[list[str], list[str]]:
    """Return the lines of a cue, and the lines behind it that belong to no cue."""
    if form == "srt":
        # Blank lines within a cue are against the format and common: all text up to the next number is kept.
        while lines and not lines[-1].strip():
            lines = lines[:-1]
        return lines, []
    blank = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    rest = lines[blank + 1 :]
    while rest and not rest[-1].strip():
        rest = rest[:-1]
    return lines[:blank], [*rest, ""] if rest else []


def _read(clock: str, line: int) -> int:
    text = clock.strip()
    sign = -1 if text.startswith("-") else 1
    parts = re.fullmatch(r"-?(?:(\d+):)?(\d+):(\d+)[.,:](\d{1,3})", text)
    if parts is None:
        raise ValueError(f"must hold times such as 0:01:02.50 (line {line} has {text!r})")
    hours, minutes, seconds, fraction = parts.groups()
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return sign * (1000 * whole + int(fraction.ljust(3, "0")))


def _centiseconds(milliseconds: int) -> str:
    hours, rest = divmod((milliseconds + 5) // 10, 360_000)
    minutes, rest = divmod(rest, 6000)
    return f"{hours}:{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
