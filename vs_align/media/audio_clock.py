"""The clock of a file's sound, made continuous where time stamps start anew."""

from collections.abc import Sequence

# Sound that steps back by less begins a packet too early; by more its clock starts anew.
_STEP_BACK = 1.0
GAP_SECONDS = 0.02
"""Less than this is no gap: containers round time stamps to a millisecond, and packets of sound last some 20 ms."""


class SoundClock:
    """Turns time stamps of sound, asked for in the order of the file, into those of the picture's continuous clock.

    Args:
        shifts: Seconds that are added to the container's clock from each place on where it starts anew, as the picture
            says; empty where it does not or there is none.
    """

    def __init__(self, shifts: Sequence[float] = ()) -> None:
        self._shifts = [0.0, *shifts]
        self._part = 0
        self._own = 0.0

    def continuous(self, time: float, due: float | None) -> tuple[float, bool]:
        """Return when a time stamp is on the continuous clock, and whether the next sample begins a new row there.

        Args:
            time: The time stamp in seconds of the container's clock.
            due: When the next sample should come on the continuous clock; None for the first.
        """
        moved = time + self._shifts[self._part] + self._own
        if due is None or abs(moved - due) <= GAP_SECONDS:
            return moved, due is None
        # The picture may have gone on to the next clock; a gap within the same one is nearer.
        parts = range(self._part, len(self._shifts))
        self._part = min(parts, key=lambda part: abs(time + self._shifts[part] + self._own - due))
        moved = time + self._shifts[self._part] + self._own
        if moved < due - _STEP_BACK:
            self._own += due - moved
            moved = due
        return moved, True
