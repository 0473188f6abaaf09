"""The window of clip frames in which the match of a ref frame is searched."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class SearchWindow:
    """Candidates of each ref frame.

    Args:
        radius: Candidates to either side of the center, in frames of clip.
        ref_length: Frames of ref.
        clip_length: Frames of clip.
        rate: Clip frames per ref frame: 1 if both clips have the same frame rate.
    """

    radius: int
    ref_length: int
    clip_length: int
    rate: Fraction = Fraction(1)

    def center(self, n: int) -> int:
        """Return the clip frame on display when ref frame n begins; it may lie beyond the end of clip."""
        return n * self.rate.numerator // self.rate.denominator

    def first(self, n: int) -> int:
        """Return the first candidate."""
        return max(0, self.center(n) - self.radius)

    def last(self, n: int) -> int:
        """Return the last candidate, inclusive. Smaller than the first one if clip has no frame in the window."""
        return min(self.clip_length - 1, self.center(n) + self.radius)

    def nearest(self, n: int) -> int:
        """Return the clip frame nearest to the center, which is shown if nothing matches."""
        return min(self.center(n), self.clip_length - 1)

    def start(self, n: int) -> int:
        """Return the clip frame at index 0 of the window, center - radius; it may lie outside clip."""
        return self.center(n) - self.radius
