"""Plots of frame matches and timelines with Matplotlib."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.io.atomic_files import error_reason, save_bytes
from vs_align.io.install_advice import REPORT, install_command

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vs_align.timeline.passages import Passage
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "plot_matches"
_SIZE_INCHES = (12.0, 7.0)
"""Width and height of a figure."""
_PIXELS_PER_INCH = 120
"""Resolution of PNG files."""
_COLORMAP = "viridis"
"""Colors of confidences: perceptually uniform, also for color-blind readers and in gray."""
# From the palette of Okabe and Ito (2008), which color-blind readers tell apart.
_BEST = "#0072b2"
_RUNNER_UP = "#e69f00"
_FALLBACK = "#d55e00"
_UNKNOWN = "#8c8c8c"
_BLACK = "#000000"
_DENSE_ROWS = 400
"""Number of rows above which points are drawn small."""
_DENSE_AREA = 6
"""Area of a point of a dense plot, in square points."""
_SPARSE_AREA = 20
"""Area of a point of any other plot, in square points."""


@dataclass(frozen=True, slots=True)
class MatchRow:
    """Match of one frame of ref."""

    ref: int
    """Frame number."""
    seconds: float | None
    """Its time; None if unknown."""
    match: int
    """Number of the clip frame that was chosen."""
    offset: int
    """`match` - `ref`."""
    score: float
    """Score of the frame that was chosen; lower is better."""
    runner_up: float | None
    """Score of the best image that differs from it; None if there is none."""
    confidence: float | None
    """0 to 1; None if unknown."""
    fallback: bool
    """Whether the fallback is shown, because no candidate was good enough."""


def plot_matches(rows: Sequence[MatchRow], path: str | os.PathLike[str]) -> None:
    """Plot the offset over time, colored by confidence, above the scores of the best match and the runner-up.

    Offsets are in frames on the left, and in milliseconds on the right if at least two rows have a time. Frames that
    show the fallback are crosses, frames of unknown confidence gray points.

    Args:
        rows: One for each frame of ref, in rising order; at least one.
        path: The file to write, PNG, SVG or PDF by its ending. An existing file is replaced when the new one is
            complete.

    Raises:
        ArgumentError: There are no rows, or the ending is none of these.
        MediaError: The file cannot be written.
        MissingDependencyError: Matplotlib is not installed.
    """
    if not rows:
        raise ArgumentError(_FUNCTION, "rows", "must hold at least one row")
    kind = _kind(path, _FUNCTION)
    drawn = BytesIO()
    figure_of(rows).savefig(drawn, format=kind, dpi=_PIXELS_PER_INCH)
    _write(drawn.getvalue(), path, _FUNCTION)


def figure_of(rows: Sequence[MatchRow]) -> "Figure":
    """Return the figure that `plot_matches` writes: axes of offsets, axes of scores, color bar.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    figure = _blank_figure(_FUNCTION)
    offsets, scores = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_offsets(figure, offsets, rows)
    _draw_scores(scores, rows)
    return figure


def _draw_offsets(figure: "Figure", axes: "Axes", rows: Sequence[MatchRow]) -> None:
    area = _DENSE_AREA if len(rows) > _DENSE_ROWS else _SPARSE_AREA
    matched = [row for row in rows if not row.fallback]
    judged = [row for row in matched if row.confidence is not None]
    unjudged = [row for row in matched if row.confidence is None]
    fallback = [row for row in rows if row.fallback]
    if judged:
        # Doubtful matches last, so that no others hide them.
        judged.sort(key=lambda row: row.confidence or 0.0, reverse=True)
        colors = [row.confidence for row in judged]
        points = axes.scatter(*_places(judged), area, colors, cmap=_COLORMAP, vmin=0, vmax=1, label="match")
        figure.colorbar(points, ax=axes, label="confidence", pad=0.02)
    if unjudged:
        axes.scatter(*_places(unjudged), area, _UNKNOWN, label="match, confidence not known")
    if fallback:
        axes.scatter(*_places(fallback), 2 * area, _FALLBACK, marker="x", label="fallback")
    axes.set_ylabel("offset in frames")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if unjudged or fallback:
        axes.legend()
    frame = _milliseconds(rows)
    if frame:
        right = axes.secondary_yaxis("right", functions=(lambda frames: frames * frame, lambda ms: ms / frame))
        right.set_ylabel("offset in ms")


def _draw_scores(axes: "Axes", rows: Sequence[MatchRow]) -> None:
    numbers = [row.ref for row in rows]
    style: dict[str, Any] = {"linewidth": 1, "marker": ".", "markersize": 3}  # a line alone hides isolated points
    axes.plot(numbers, [_finite(row.runner_up) for row in rows], color=_RUNNER_UP, label="runner-up", **style)
    axes.plot(numbers, [_finite(row.score) for row in rows], color=_BEST, label="best", **style)
    axes.set_ylabel("score (lower is better)")
    axes.set_xlabel(_time_label(rows))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()


def _places(rows: Sequence[MatchRow]) -> tuple[list[int], list[int]]:
    return [row.ref for row in rows], [row.offset for row in rows]


def _finite(score: float | None) -> float:
    return score if score is not None and math.isfinite(score) else math.nan


def _milliseconds(rows: Sequence[MatchRow]) -> float | None:
    """Return the mean duration of a frame in milliseconds, None if unknown."""
    timed = [(row.ref, row.seconds) for row in rows if row.seconds is not None]
    if len(timed) < 2 or timed[-1][0] <= timed[0][0] or timed[-1][1] <= timed[0][1]:
        return None
    return 1000 * (timed[-1][1] - timed[0][1]) / (timed[-1][0] - timed[0][0])


def _time_label(rows: Sequence[MatchRow]) -> str:
    times = [row.seconds for row in rows if row.seconds is not None]
    return f"frame of ref ({times[0]:.2f} s to {times[-1]:.2f} s)" if times else "frame of ref"


def plot_timeline(timeline: "Timeline", path: str | os.PathLike[str]) -> None:
    """Plot where each passage of a timeline lies in clip, above its offset, both over ref's time.

    A passage is a line, colored by its confidence. Frames that clip lacks are shaded over ref's time, frames that ref
    lacks over clip's. Times are in seconds and offsets, clip time minus ref time, in milliseconds; both are in frames
    if a rate is unknown.

    Args:
        timeline: The timeline.
        path: The file to write, PNG, SVG or PDF by its ending. An existing file is replaced when the new one is
            complete.

    Raises:
        ArgumentError: The ending is none of these.
        MediaError: The file cannot be written.
        MissingDependencyError: Matplotlib is not installed.
    """
    kind = _kind(path, "plot_timeline")
    drawn = BytesIO()
    timeline_figure(timeline).savefig(drawn, format=kind, dpi=_PIXELS_PER_INCH)
    _write(drawn.getvalue(), path, "plot_timeline")


def timeline_figure(timeline: "Timeline") -> "Figure":
    """Return the figure that `plot_timeline` writes: axes of positions, axes of offsets, color bar if any is known.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    figure = _blank_figure("plot_timeline")
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    places, offsets = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    passages, clock = timeline.passages(), _Clock(timeline)
    colors = colormaps[_COLORMAP]
    for passage in passages:
        ends = _ends(timeline, passage)
        if ends is None:
            _shade(places, offsets, clock, passage)
            continue
        color = _UNKNOWN if passage.confidence is None else colors(passage.confidence)
        refs, clips = [clock.ref(n) for n, _ in ends], [clock.clip(frame) for _, frame in ends]
        # Markers show passages of one or a few frames, whose lines are too short.
        style: dict[str, Any] = {"color": color, "linewidth": 2.5, "marker": ".", "markersize": 5}
        places.plot(refs, clips, **style)
        offsets.plot(refs, [clock.offset(*end) for end in ends], **style)
    if any(passage.confidence is not None for passage in passages):
        shades = ScalarMappable(cmap=_COLORMAP)
        shades.set_clim(0, 1)
        figure.colorbar(shades, ax=places, label="confidence", pad=0.02)
    places.set_ylabel(f"clip ({clock.unit})")
    offsets.set_xlabel(f"ref ({clock.unit})")
    offsets.set_ylabel(f"offset in {'ms' if clock.timed else 'frames'}")
    if timeline.verdict is not None:
        places.set_title(f"verdict: {timeline.verdict}")
    for axes in (places, offsets):
        axes.grid(alpha=0.3)
    places.set_xlim(clock.ref(0), clock.ref(len(timeline)))
    return figure


class _Clock:
    """Coordinates of frames: their times in seconds, or their numbers if a rate is unknown."""

    def __init__(self, timeline: "Timeline") -> None:
        self._sides = (timeline.clip_times, timeline.clip_rate), (timeline.ref_times, timeline.ref_rate)
        self.timed = all(times or rate for times, rate in self._sides)
        self.unit = "seconds" if self.timed else "frames"

    def clip(self, frame: int) -> float:
        """Return the coordinate of a clip frame, or of the end of the last."""
        return self._place(0, frame)

    def ref(self, n: int) -> float:
        """Return the coordinate of a ref frame, or of the end of the last."""
        return self._place(1, n)

    def offset(self, n: int, frame: int) -> float:
        """Return clip minus ref, in milliseconds or frames."""
        return 1000 * (self.clip(frame) - self.ref(n)) if self.timed else frame - n

    def _place(self, side: int, frame: int) -> float:
        times, rate = self._sides[side]
        if not self.timed:
            return frame
        if not times:
            return float(frame / rate)
        if frame < len(times):
            return times[frame]
        return times[-1] + (times[-1] - times[0]) / max(1, len(times) - 1)


def _ends(timeline: "Timeline", passage: "Passage") -> list[tuple[int, int]] | None:
    """Return the first and last ref frame of a passage that show clip frames, with these; None if none does."""
    found = []
    for numbers in (
        range(passage.ref_first, passage.ref_last + 1),
        range(passage.ref_last, passage.ref_first - 1, -1),
    ):
        shown = next((n for n in numbers if timeline.frame_map[n] is not None), None)
        frame = None if shown is None else timeline.frame_map[shown]
        if shown is None or frame is None:
            return None
        found.append((shown, frame))
    return found


def _shade(places: "Axes", offsets: "Axes", clock: _Clock, passage: "Passage") -> None:
    if passage.kind is SegmentKind.MISSING and passage.clip_first is not None:
        last = passage.clip_first if passage.clip_last is None else passage.clip_last
        places.axhspan(clock.clip(passage.clip_first), clock.clip(last + 1), color=_FALLBACK, alpha=0.2, linewidth=0)
        return
    color = _BLACK if passage.kind is SegmentKind.BLACK else _RUNNER_UP
    for axes in (places, offsets):
        axes.axvspan(clock.ref(passage.ref_first), clock.ref(passage.ref_last + 1), color=color, alpha=0.2, linewidth=0)


def _kind(path: str | os.PathLike[str], function: str) -> str:
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf"):
        raise ArgumentError(function, "path", "must end in .png, .svg or .pdf", repr(os.fspath(path)))
    return kind


def _blank_figure(function: str) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = f"vs_align.{function}: plots need Matplotlib. Run: {install_command(*REPORT)}"
        raise MissingDependencyError(message) from error
    # Not by pyplot, which would keep the figure and may open a window.
    return Figure(_SIZE_INCHES, layout="constrained")


def _write(content: bytes, path: Any, function: str) -> None:
    """Write a file atomically."""
    try:
        save_bytes(content, Path(path))
    except OSError as error:
        raise MediaError(f"vs_align.{function}: cannot write '{path}': {error_reason(error)}.") from error
