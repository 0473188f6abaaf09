"""Engine interface: options, result, and progress of the parts of a run."""

from dataclasses import dataclass

from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.io.progress import ShareProgress


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of the engines; each engine uses those that concern it.

    Args:
        window: Half width of the band of dynamic time warping around the diagonal, and number of frames that the
            tunnel engines look ahead; frames.
        drift_interval: Frames per drift measurement of `precise`.
        margin: Width of the band of `border`, in pixels of ref's full frames.
        box: Position of ref's image inside clip's: left, top, width and height as shares of clip's. None: all of it.
    """

    window: int = 100
    drift_interval: int = 100
    margin: int = 8
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EngineMatch:
    """The clip frame of each ref frame.

    Args:
        frames: (n,) clip frame of each ref frame, -1 for none; otherwise never falling.
        scores: (n,) dissimilarity of each pair by the engine's own measure, lower is better; infinity for none.
    """

    frames: Int64Array
    scores: Float64Array


@dataclass(frozen=True, slots=True)
class ProgressPart:
    """A part of the work, whose progress is reported as that part of the whole.

    Args:
        report: Called with the progress of the whole, 0 to 1; None: not reported.
        begin: Progress of the whole when this part begins.
        end: Progress of the whole when it ends.
    """

    report: ShareProgress | None
    begin: float = 0.0
    end: float = 1.0

    def done(self, share: float) -> None:
        """Report that a share of this part is done."""
        if self.report is not None:
            self.report(self.begin + (self.end - self.begin) * min(1.0, share))

    def part(self, begin: float, end: float) -> "ProgressPart":
        """Return a part of this part, given as shares of it."""
        size = self.end - self.begin
        return ProgressPart(self.report, self.begin + size * begin, self.begin + size * end)
