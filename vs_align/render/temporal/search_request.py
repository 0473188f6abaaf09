"""Arguments of a search, the same for all metrics."""

from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs

from vs_align.decide.matching.search_window import SearchWindow
from vs_align.enums import Device
from vs_align.measure.metrics.registry import MetricRow
from vs_align.placement.placement import Placement


@dataclass(frozen=True, slots=True, eq=False)
class SearchRequest:
    """What `temporal` searches. Callbacks must not keep it: its nodes would outlive the script."""

    clip: vs.VideoNode
    """The candidates."""
    ref: vs.VideoNode
    """The frames to find; format and size of `clip`, unless the metric registers."""
    window: SearchWindow
    """Candidates of each ref frame."""
    fps: tuple[Fraction, Fraction]
    """Frame rates of clip and ref in frames per second for frames without a time stamp, 0 if unknown."""
    metric: MetricRow
    thresh: float | None = None
    """Scores from here on count as no match; None: only if there is no candidate."""
    smooth: bool = True
    """Whether to smooth; see `vs_align.decide.matching.viterbi`."""
    all_scores: bool = False
    """Whether to score every candidate exactly and to return all scores, for display."""
    device: Device = Device.CPU
    """Device of metrics that use PyTorch."""
    batch_size: int | None = None
    """Candidates that a neural metric compares at once; None for its default."""
    placement: Placement | None = None
    """Maps pixels of ref to pixels of clip, for metrics that register; None: it is measured."""
