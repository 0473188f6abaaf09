"""The window of clip frames in which the counterpart of a ref frame is looked for."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class SearchWindow:
    """Which clip frames are candidates for which ref frame.

    Args:
        radius: How many frames to either side of the centre.
        ref_length: Frames of ref.
        clip_length: Frames of clip.
        rate: Clip frames per ref frame: 1 where both clips run at the same frame rate.
    """

    radius: int
    ref_length: int
    clip_length: int
    rate: Fraction = Fraction(1)

    def centre(self, n: int) -> int:
        """The clip frame on display when ref frame n begins; clip may have ended before."""
        return n * self.rate.numerator // self.rate.denominator

    def first(self, n: int) -> int:
        """The first candidate."""
        return max(0, self.centre(n) - self.radius)

    def last(self, n: int) -> int:
        """The last candidate, inclusive. Before the first one where clip has no frame in the window."""
        return min(self.clip_length - 1, self.centre(n) + self.radius)

    def nearest(self, n: int) -> int:
        """The clip frame nearest to the centre, for where nothing matches."""
        return min(self.centre(n), self.clip_length - 1)
