"""From window scores in frame props to matches in frame props, in one node.

Searches attach the scores of each window to a frame of one pixel. The node here declares the windows of the neighbors
of each frame and decides. Its result depends on declared frames alone, and not on the order of the requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isnan, nan
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.matching.decision import WindowScores, decide
from vs_align.decide.matching.search_window import SearchWindow
from vs_align.decide.matching.version_difference import DifferenceSample, version_difference
from vs_align.decide.matching.viterbi import RADIUS
from vs_align.measure.metrics.registry import MetricRow
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.frames import offset_ms
from vs_align.nodes.match_props import Match, write_match
from vs_align.render.temporal.search_request import SearchRequest

SCORES = "VSAlignWindow"
"""Frame prop with `WindowScores` as bytes; removed before the result."""
SAMPLE = "VSAlignDifference"
"""Frame prop with a `DifferenceSample` as bytes; removed before the result."""
_CACHED_WINDOWS = 512
"""Frames of one pixel that the core caches: the neighbors of several frames in progress."""


def window_scores(
    n: int,
    ref: vs.VideoFrame,
    scores: Mapping[int, float],
    frames: Mapping[int, vs.VideoFrame],
    window: SearchWindow,
    fps: tuple[Fraction, Fraction],
) -> WindowScores:
    """Return the scores and time offsets of a window.

    Args:
        n: Number of the ref frame.
        ref: The ref frame.
        scores: Scores of candidates by number.
        frames: The candidates by number; without candidates the nearest frame of clip.
        window: Candidates of each ref frame.
        fps: Frame rates of clip and ref, for frames without a time stamp.
    """
    count, start = 2 * window.radius + 1, window.start(n)
    row, offsets = np.full(count, inf), np.full(count, nan)
    for number, score in scores.items():
        row[number - start] = score
    for number, frame in frames.items():
        milliseconds = offset_ms(frame, number, fps[0], ref, n, fps[1])
        # the nearest frame of a window beyond the end of clip has no index, and its offset is stored at 0
        index = number - start if 0 <= number - start < count else 0
        offsets[index] = nan if milliseconds is None else milliseconds
    return WindowScores(row, offsets, start)


def decided_matches(windows: vs.VideoNode, request: SearchRequest) -> vs.VideoNode:
    """Decide the matches of all ref frames.

    Args:
        windows: A clip as long as ref, whose frames carry the prop SCORES, perhaps SAMPLE, and the timing props of ref.
        request: The search.

    Returns:
        A clip of one pixel as long as `windows`, with the `VSAlign...` props of the match and the timing props of ref
        on each frame.
    """
    windows.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_CACHED_WINDOWS, maxhistory=_CACHED_WINDOWS)
    radius = RADIUS if request.smooth else 0
    around = [_shifted(windows, offset) for offset in range(-radius, radius + 1)]
    decider = _Decider(request.window, request.metric, request.thresh, request.smooth, request.all_scores)
    carrier = tiny_clip(windows.num_frames)
    return carrier.std.ModifyFrame([carrier, *around], decider.match)


def _shifted(clip: vs.VideoNode, offset: int) -> vs.VideoNode:
    """Return a clip that shows frame n + offset at n; frames beyond the ends are not used."""
    if offset >= 0:
        return clip[min(offset, clip.num_frames - 1) :]
    return (clip[0] * -offset + clip)[: clip.num_frames]


@dataclass(frozen=True, slots=True)
class _Decider:
    """The callback that decides; fields as of `SearchRequest`. It holds no node, which would outlive the script."""

    window: SearchWindow
    metric: MetricRow
    thresh: float | None
    smooth: bool
    all_scores: bool

    def match(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Decide frame n; `f` holds the carrier and the windows of n and its neighbors."""
        around = f[1:]
        radius = len(around) // 2
        numbers = range(max(0, n - radius), min(self.window.ref_length, n + radius + 1))
        frames = [around[number - n + radius] for number in numbers]
        windows = [WindowScores.from_bytes(frame.props[SCORES]) for frame in frames]
        at = n - numbers.start
        own = windows[at]
        samples = [frame.props[SAMPLE] for frame in frames if SAMPLE in frame.props] if self.smooth else []
        difference = version_difference([DifferenceSample.from_bytes(bytes(sample)) for sample in samples])
        scores = [window.scores for window in windows]
        (found,) = decide(scores, at, at + 1, self.metric, smooth=self.smooth, differences=[difference])
        match = own.start + found.index if found.index >= 0 else self.window.nearest(n)
        index = match - own.start
        offset = float(own.offsets_ms[index if 0 <= index < own.offsets_ms.size else 0])
        missing = found.index < 0 or (self.thresh is not None and found.score >= self.thresh)
        out = around[radius].copy()
        props: Any = out.props
        for name in (SCORES, SAMPLE):
            if name in props:
                del props[name]
        time_offset = None if isnan(offset) else offset
        described = Match(match, n, found.score, missing, self.metric.name, time_offset, *found.details)
        write_match(props, described, own.start, own.scores.tolist() if self.all_scores else None)
        return out
