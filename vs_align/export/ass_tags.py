"""Retiming of override tags in ASS and SSA lines: karaoke, transitions, moves and fades."""

import re
from collections.abc import Callable

_TOLERANCE_MS = 10
"""Changes up to this, the format's unit of time, leave a line untouched."""

_BLOCK = re.compile(r"\{[^}]*\}")
_NUMBER = r"\s*-?\d+(?:\.\d+)?\s*"
_TAG = re.compile(
    rf"\\(?P<karaoke>kt|kf|ko|k|K)(?P<length>\d+(?:\.\d+)?)"
    rf"|(?P<transition>\\t\()(?P<t1>\s*\d+\s*),(?P<t2>\s*\d+\s*),"
    rf"|(?P<move>\\move\((?:{_NUMBER},){{4}})(?P<m1>\s*\d+\s*),(?P<m2>\s*\d+\s*)\)"
    rf"|(?P<fade>\\fade\((?:{_NUMBER},){{3}})(?P<f>\s*\d+\s*(?:,\s*\d+\s*){{3}})\)"
)

type Moved = Callable[[int], int]
"""From milliseconds since the old start of a line to milliseconds since its new one."""


def retagged(text: str, moved: Moved) -> str:
    """Return the text of a line with retimed tags.

    Tags count from the line's start, so nothing changes if the whole line is shifted. If it is played faster or slower
    or has lost its beginning, each syllable keeps its position. `fad` counts from both ends and stays as it is.

    Args:
        text: Text of the line, with its override tags.
        moved: Maps times within the line.
    """
    clock = _Karaoke(moved)
    made = _BLOCK.sub(lambda block: _TAG.sub(clock.tag, block[0]), text)
    return made if clock.far else text


class _Karaoke:
    """Retimes the tags of a line in order, and adds up the durations of its syllables."""

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self._reached = 0  # milliseconds since the old start at which the next syllable begins
        self.far = False
        """Whether any time changes by more than the tolerance."""

    def tag(self, found: re.Match[str]) -> str:
        """Return a tag with its new times."""
        if found["karaoke"]:
            return self._syllable(found["karaoke"], round(10 * float(found["length"])))
        for name, times in (("transition", ("t1", "t2")), ("move", ("m1", "m2"))):
            if found[name]:
                close = "," if name == "transition" else ")"
                return f"{found[name]}{self._times([found[time] for time in times])}{close}"
        return f"{found['fade']}{self._times(found['f'].split(','))})"

    def _syllable(self, name: str, length: int) -> str:
        if name == "kt":
            self._reached = length
            return f"\\kt{self._placed(length) // 10}"
        begin = self._placed(self._reached)
        self._reached += length
        # Both ends are rounded to hundredths, so that errors do not add up.
        return f"\\{name}{(self._placed(self._reached) + 5) // 10 - (begin + 5) // 10}"

    def _times(self, times: list[str]) -> str:
        numbers = [int(time) for time in times]
        # All zeros stand for the whole line.
        return ",".join(str(self._placed(number) if any(numbers) else number) for number in numbers)

    def _placed(self, time: int) -> int:
        placed = max(0, self._moved(time))
        self.far = self.far or abs(placed - time) > _TOLERANCE_MS
        return placed
