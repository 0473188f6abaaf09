"""Continuous clock of a file's audio: time stamps that restart are mapped onto one rising time line."""

from collections.abc import Sequence

_STEP_BACK_SECONDS = 1.0
"""Time stamps that step back by less belong to a packet that begins too early; by more, the clock restarts."""
GAP_SECONDS = 0.02
"""Less than this is no gap: containers round time stamps to a millisecond, and audio packets last some 20 ms."""


class AudioClock:
    """Maps time stamps of audio, given in the order of the file, to the continuous clock of the video.

    Args:
        shifts: Seconds that are added to the container's clock after each place at which it restarts, as found in the
            video; empty if it does not restart or there is no video.
    """

    def __init__(self, shifts: Sequence[float] = ()) -> None:
        self._shifts = [0.0, *shifts]
        self._part = 0
        self._own = 0.0

    def continuous(self, time: float, due: float | None) -> tuple[float, bool]:
        """Return a time stamp on the continuous clock, and whether a gap or restart lies before it.

        Args:
            time: The time stamp in seconds of the container's clock.
            due: When the next sample is expected on the continuous clock; None for the first.
        """
        moved = time + self._shifts[self._part] + self._own
        if due is None or abs(moved - due) <= GAP_SECONDS:
            return moved, due is None
        # Either the video went on to its next clock, or there is a gap within this one: the nearer of both counts.
        parts = range(self._part, len(self._shifts))
        self._part = min(parts, key=lambda part: abs(time + self._shifts[part] + self._own - due))
        moved = time + self._shifts[self._part] + self._own
        if moved < due - _STEP_BACK_SECONDS:
            self._own += due - moved
            moved = due
        return moved, True
