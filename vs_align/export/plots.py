"""Plots of what was matched. Needs Matplotlib, which the extra `report` brings."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.io.atomic_files import reason_of, save_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vs_align.timeline.passages import Passage
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "plot_matches"
_SIZE = (12.0, 7.0)
_RESOLUTION = 120  # pixels to an inch
_COLOURS = "viridis"  # tells its steps apart without colour vision, and in grey
_BEST, _RUNNER_UP, _UNKNOWN, _FALLBACK = "#0072b2", "#e69f00", "#8c8c8c", "#d55e00"  # apart in every colour vision
_BLACK = "#000000"
_DENSE = 400  # rows from which points are drawn small


@dataclass(frozen=True, slots=True)
class MatchRow:
    """What was found for one frame of ref."""

    ref: int
    """Frame number."""
    seconds: float | None
    """Its time; None where that is not known."""
    match: int
    """Number of the clip frame that was chosen."""
    offset: int
    """`match` - `ref`."""
    score: float
    """Of the frame that was chosen; lower is better."""
    runner_up: float | None
    """Score of the best picture that differs from it; None where there is none."""
    confidence: float | None
    """0 to 1; None where it was not judged."""
    fallback: bool
    """Whether no candidate was good enough, so that the fallback is shown."""


def plot_matches(rows: Sequence[MatchRow], path: str | os.PathLike[str]) -> None:
    """Draw the offset over time, coloured by confidence, above the scores of the best and of the runner-up.

    Offsets are in frames on the left, and in milliseconds on the right where at least two rows have a time. A frame
    that shows the fallback is a cross, one whose confidence is not known a grey point.

    Args:
        rows: One for each frame of ref, in rising order; at least one.
        path: The file to write, PNG, SVG or PDF by its ending. One that is there is replaced when the new one is
            whole.

    Raises:
        ArgumentError: There are no rows, or the ending is none of these.
        MediaError: The file cannot be written.
        MissingDependencyError: Matplotlib is not installed.
    """
    if not rows:
        raise ArgumentError(_FUNCTION, "rows", "must hold at least one row")
    kind = _kind(path, _FUNCTION)
    drawn = BytesIO()
    figure_of(rows).savefig(drawn, format=kind, dpi=_RESOLUTION)
    _write(drawn.getvalue(), path, _FUNCTION)


def figure_of(rows: Sequence[MatchRow]) -> "Figure":
    """Return the figure that `plot_matches` writes: axes of offsets, axes of scores, colour bar.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    figure = _blank_figure(_FUNCTION)
    offsets, scores = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_offsets(figure, offsets, rows)
    _draw_scores(scores, rows)
    return figure


def _draw_offsets(figure: "Figure", axes: "Axes", rows: Sequence[MatchRow]) -> None:
    area = 6 if len(rows) > _DENSE else 20
    matched = [row for row in rows if not row.fallback]
    judged = [row for row in matched if row.confidence is not None]
    unjudged = [row for row in matched if row.confidence is None]
    fallback = [row for row in rows if row.fallback]
    if judged:
        # the doubtful ones last, so that others do not hide them
        judged.sort(key=lambda row: row.confidence or 0.0, reverse=True)
        colours = [row.confidence for row in judged]
        points = axes.scatter(*_places(judged), area, colours, cmap=_COLOURS, vmin=0, vmax=1, label="match")
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
    style: dict[str, Any] = {"linewidth": 1, "marker": ".", "markersize": 3}  # a line alone hides what stands alone
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
    """Return how long a frame is on average, None where it is not known."""
    timed = [(row.ref, row.seconds) for row in rows if row.seconds is not None]
    if len(timed) < 2 or timed[-1][0] <= timed[0][0] or timed[-1][1] <= timed[0][1]:
        return None
    return 1000 * (timed[-1][1] - timed[0][1]) / (timed[-1][0] - timed[0][0])


def _time_label(rows: Sequence[MatchRow]) -> str:
    times = [row.seconds for row in rows if row.seconds is not None]
    return f"frame of ref ({times[0]:.2f} s to {times[-1]:.2f} s)" if times else "frame of ref"


def plot_timeline(timeline: "Timeline", path: str | os.PathLike[str]) -> None:
    """Draw where each passage of a timeline lies in clip, above its offset, both over ref's time.

    A passage is a line, coloured by its confidence. What clip lacks is shaded over ref's time, what ref lacks over
    clip's. Times are in seconds, and offsets in milliseconds, clip time minus ref time; in frames where a rate is not
    known.

    Args:
        timeline: What to draw.
        path: The file to write, PNG, SVG or PDF by its ending. One that is there is replaced when the new one is
            whole.

    Raises:
        ArgumentError: The ending is none of these.
        MediaError: The file cannot be written.
        MissingDependencyError: Matplotlib is not installed.
    """
    kind = _kind(path, "plot_timeline")
    drawn = BytesIO()
    timeline_figure(timeline).savefig(drawn, format=kind, dpi=_RESOLUTION)
    _write(drawn.getvalue(), path, "plot_timeline")


def timeline_figure(timeline: "Timeline") -> "Figure":
    """Return the figure that `plot_timeline` writes: axes of places, axes of offsets, colour bar if any is known.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    figure = _blank_figure("plot_timeline")
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    places, offsets = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    passages, clock = timeline.passages(), _Clock(timeline)
    colours = colormaps[_COLOURS]
    for passage in passages:
        ends = _ends(timeline, passage)
        if ends is None:
            _shade(places, offsets, clock, passage)
            continue
        colour = _UNKNOWN if passage.confidence is None else colours(passage.confidence)
        refs, clips = [clock.ref(n) for n, _ in ends], [clock.clip(frame) for _, frame in ends]
        # a passage of one frame is a point, and lines of few frames are not seen among long ones
        style: dict[str, Any] = {"color": colour, "linewidth": 2.5, "marker": ".", "markersize": 5}
        places.plot(refs, clips, **style)
        offsets.plot(refs, [clock.offset(*end) for end in ends], **style)
    if any(passage.confidence is not None for passage in passages):
        shades = ScalarMappable(cmap=_COLOURS)
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
    """Where frames are drawn: at their times in seconds, or at their numbers where a rate is not known."""

    def __init__(self, timeline: "Timeline") -> None:
        self._sides = (timeline.clip_times, timeline.clip_rate), (timeline.ref_times, timeline.ref_rate)
        self.timed = all(times or rate for times, rate in self._sides)
        self.unit = "seconds" if self.timed else "frames"

    def clip(self, frame: int) -> float:
        """Place of a clip frame, or of the end of the last."""
        return self._place(0, frame)

    def ref(self, n: int) -> float:
        """Place of a ref frame, or of the end of the last."""
        return self._place(1, n)

    def offset(self, n: int, frame: int) -> float:
        """Clip minus ref, in milliseconds or frames."""
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
    """First and last ref frame of a passage that show clip frames, with these; None where none does."""
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
    colour = _BLACK if passage.kind is SegmentKind.BLACK else _RUNNER_UP
    for axes in (places, offsets):
        axes.axvspan(
            clock.ref(passage.ref_first), clock.ref(passage.ref_last + 1), color=colour, alpha=0.2, linewidth=0
        )


def _kind(path: str | os.PathLike[str], function: str) -> str:
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf"):
        raise ArgumentError(function, "path", "must end in .png, .svg or .pdf", repr(os.fspath(path)))
    return kind


def _blank_figure(function: str) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = f"vs_align.{function}: plots need Matplotlib. Install it with: pip install 'vs_align[report]'."
        raise MissingDependencyError(message) from error
    # a figure by itself: pyplot would keep it, and may open a window
    return Figure(_SIZE, layout="constrained")


def _write(content: bytes, path: Any, function: str) -> None:
    """Write a file: all of it, or nothing."""
    try:
        save_bytes(content, Path(path))
    except OSError as error:
        raise MediaError(f"vs_align.{function}: cannot write '{path}': {reason_of(error)}.") from error
