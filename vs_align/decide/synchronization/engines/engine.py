"""What every engine is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass

from vs_align.io.array_types import Float64Array, Int64Array

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a user may set; each engine looks at what concerns it.

    Args:
        window: Frames to either side of the diagonal that dynamic time warping may stray, and frames that the tunnel
            engines look ahead.
        drift_interval: Frames after which `precise` measures whether the map has drifted.
        margin: Width of the band of `border`, in pixels of ref's full frames.
        box: Where ref's picture lies on clip's: left, top, width and height as shares of clip's. None: on all of it.
    """

    window: int = 100
    drift_interval: int = 100
    margin: int = 8
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EngineMatch:
    """The clip frame of each ref frame.

    Args:
        frames: (n,) clip frame of each ref frame, -1 where there is none; otherwise never falling.
        confidences: (n,) 0 to 1, see `trust.confidences`; 0 where there is no frame.
        scores: (n,) how much the two pictures differ by the engine's own measure, lower is better; infinity where
            there is no frame.
    """

    frames: Int64Array
    confidences: Float64Array
    scores: Float64Array


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the work, which reports its progress as that part of the whole.

    Args:
        report: Gets 0 to 1.
        begin: Share of the whole that is done when this part begins.
        end: Likewise when it ends.
    """

    report: Progress | None
    begin: float = 0.0
    end: float = 1.0

    def done(self, share: float) -> None:
        """Report that a share of this part is done."""
        if self.report is not None:
            self.report(self.begin + (self.end - self.begin) * min(1.0, share))

    def part(self, begin: float, end: float) -> "Stage":
        """Return a part of this part, given as shares of it."""
        size = self.end - self.begin
        return Stage(self.report, self.begin + size * begin, self.begin + size * end)
