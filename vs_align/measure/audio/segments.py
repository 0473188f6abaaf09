"""Choice of the audible line over time: Viterbi path over candidate lines of offset and speed, cut into segments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.audio.features import FRAMES
from vs_align.measure.audio.gcc_phat import AudioLine
from vs_align.measure.audio.kernels import line_correlation, viterbi_path
from vs_align.measure.audio.offset_search import LagLine


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the path. Costs are in steps of full correlation."""

    step: int = 25
    """Feature frames per step of the path (half a second)."""
    jump: float = 4.0
    """Cost of changing to another line: two seconds of audio on it pay for the change."""
    back: float = 12.0
    """Cost of changing to a line that lies earlier in clip; reordered scenes are rare."""
    gap: float = 2.0
    """Cost of beginning and of ending a line."""
    neutral: float = 0.4
    """Share of the usual correlation at which a line is as likely as none."""
    same_frames: int = 8
    """Lines nearer than this, in feature frames, are no alternatives to each other."""


_TUNING = _Tuning()


@dataclass(frozen=True, slots=True)
class AudioSegment:
    """A span of ref that is heard in clip along a line. Seconds, counted from sample 0."""

    start: float
    end: float
    line: AudioLine
    correlation: float = 0.0
    """Mean correlation of the whitened band levels, -1 to 1."""
    runner_up: float = 0.0
    """Correlation of the best other line divided by that of this one: 1 for an equally good alternative."""
    from_waveform: bool = False
    """Whether the line was measured on the waveform, to a fraction of a sample."""

    @property
    def middle(self) -> float:
        """Ref seconds."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> float:
        """Ref seconds."""
        return self.end - self.start


def choose_segments(clip: Float32Array, ref: Float32Array, lines: Sequence[LagLine]) -> list[AudioSegment]:
    """Choose the line that is heard in each half second, with few changes of line.

    Args:
        clip: (m, bands) whitened features, see `audio_features`.
        ref: (n, bands) whitened features.
        lines: Candidates, in feature frames.
    """
    step = _TUNING.step
    steps = -(-len(ref) // step)
    if not lines or not steps:
        return []
    correlations = np.zeros((len(lines), steps), np.float32)
    floor = np.float32(0.1 * ref.shape[1] * step)
    for row, line in zip(correlations, lines, strict=True):
        line_correlation(ref, clip, line.first, line.speed, step, floor, row)
    middles = (np.arange(steps) + 0.5) * step
    positions = np.array([line.first + line.speed * middles for line in lines], np.float32)
    inside = (positions >= 0) & (positions < len(clip))
    smooth = _running_mean(correlations, 4)
    # The usual correlation of these recordings if they match at all: noise and room echo lower it.
    usual = max(0.1, float(np.percentile(smooth.max(axis=0), 75)))
    gains = np.where(inside, _running_mean(correlations, 1) / usual - _TUNING.neutral, -1.0).astype(np.float32)
    path = viterbi_path(gains, positions, _TUNING.jump, _TUNING.back, _TUNING.gap)
    edges = np.flatnonzero(np.diff(path)) + 1
    segments = []
    for first, end in zip([0, *edges.tolist()], [*edges.tolist(), steps], strict=True):
        if path[first] < 0:
            continue
        line = lines[path[first]]
        mean = float(correlations[path[first], first:end].mean())
        part = slice(first, end)
        # Compared only at steps inside clip for both: an alternative beyond the ends of the file is not refuted.
        apart = (np.abs(positions[:, part] - positions[path[first], part]) > _TUNING.same_frames) & inside[:, part]
        others = np.where(apart, correlations[:, part], 0).sum(axis=1)
        own = np.where(apart, correlations[path[first], part], 0).sum(axis=1)
        comparable = (apart.mean(axis=1) > 0.5) & (own > 0)
        segments.append(
            AudioSegment(
                start=first * step / FRAMES,
                end=min(end * step, len(ref)) / FRAMES,
                line=AudioLine(line.first / FRAMES, line.speed),
                correlation=mean,
                runner_up=float((others[comparable] / own[comparable]).max(initial=0.0)),
            )
        )
    return segments


def _running_mean(values: Float32Array, reach: int) -> Float32Array:
    """Running mean along the second axis, over fewer values at the ends."""
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1)
    n = values.shape[1]
    low, high = np.maximum(np.arange(n) - reach, 0), np.minimum(np.arange(n) + reach + 1, n)
    out: Float32Array = ((sums[:, high] - sums[:, low]) / (high - low)).astype(np.float32)
    return out


def join_segments(
    segments: Sequence[AudioSegment], longest_gap: float = 15.0, tolerance: float = 0.004
) -> list[AudioSegment]:
    """Join neighbors that lie on one line.

    Args:
        segments: In the order of ref.
        longest_gap: Largest gap between joined neighbors, seconds.
        tolerance: Largest distance of their lines on either side of the gap, seconds.
    """
    joined: list[AudioSegment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if last is not None and segment.start - last.end <= longest_gap:
            meeting = np.array([last.end, segment.start])
            apart = np.abs(last.line.at(meeting) - segment.line.at(meeting)).max()
            if apart <= tolerance and abs(last.line.speed - segment.line.speed) < 1e-4:
                longer = max(last, segment, key=lambda s: s.length)
                runner_up = max(last.runner_up, segment.runner_up)
                joined[-1] = replace(longer, start=last.start, end=segment.end, runner_up=runner_up)
                continue
        joined.append(segment)
    return joined
