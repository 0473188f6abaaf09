"""`HighResolutionMatcher`: compares ambiguous matches again at up to 480 pixels, where thumbnails show no motion."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vs_align.decide.synchronization.candidate_ranges import CandidateRanges
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.measure.registration.placement_search.anchor_frames import AnchorFrames, overlap_boxes, read_anchor_frames
from vs_align.measure.registration.sequence.sequence_pair import SequencePair
from vs_align.measure.video import Video
from vs_align.placement.placement import Placement


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Sizes and limits of the comparison."""

    longest_side: int = 480
    """Longest side of the compared images in pixels."""
    contrast_radius: int = 7
    """Half width in pixels of the window of local contrast normalization."""
    batch: int = 48
    """Ref frames compared at a time."""
    reach: int = 6
    """Clip frames to either side of a match that are compared."""
    most_frames: int = 3000
    """Ref frames compared at most; bounds time."""
    doubt: float = 2.0
    """Increase of the negative log-likelihood of the neighbors below which a match is ambiguous."""
    bridged: int = 6
    """Unambiguous frames between ambiguous ones that are compared too, so that runs stay whole."""


_TUNING = _Tuning()


@dataclass(frozen=True, eq=False)
class HighResolutionMatcher:
    """Compares frames of two videos whose placement is known.

    Args:
        clip: The node that is searched, of any constant format.
        ref: The node whose frames are looked up, of any constant format.
        placement: Maps pixels of ref to pixels of clip.
        on_progress: Called with the number of frames done and their total.
    """

    clip: Video
    ref: Video
    placement: Placement
    on_progress: Callable[[int, int], object] | None = field(default=None, compare=False)

    def rematch(
        self, candidates: CandidateRanges, differences: Float32Array, frames: Int64Array, costs: Float32Array
    ) -> tuple[CandidateRanges, Float32Array] | None:
        """Compare ambiguous matches at high resolution.

        Args:
            candidates: The candidates of each ref frame.
            differences: Their dissimilarities, see `dissimilarities`.
            frames: (n,) the clip frame of each ref frame, -1 for none.
            costs: (n,) increase of the negative log-likelihood if a neighboring frame were shown.

        Returns:
            Candidates and dissimilarities with those of ambiguous frames replaced; None if no match is ambiguous.
        """
        ambiguous = _ambiguous(frames, costs)
        if not ambiguous.any():
            return None
        lows, highs = candidates.lows.copy(), candidates.highs.copy()
        lows[ambiguous], highs[ambiguous] = -1, -1
        lows[ambiguous, 0] = np.maximum(frames[ambiguous] - _TUNING.reach, 0)
        highs[ambiguous, 0] = np.minimum(frames[ambiguous] + _TUNING.reach, self.clip.length - 1)
        narrowed = CandidateRanges(lows, highs)
        out = np.empty(int(narrowed.offsets[-1]), np.float32)
        kept = np.flatnonzero(~ambiguous)
        for n in kept.tolist():
            old = differences[candidates.offsets[n] : candidates.offsets[n + 1]]
            out[narrowed.offsets[n] : narrowed.offsets[n + 1]] = old
        numbers = np.flatnonzero(ambiguous)
        groups = [
            group[first : first + _TUNING.batch]
            for group in np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
            for first in range(0, len(group), _TUNING.batch)
        ]
        done = 0
        for group in groups:
            self._compare(group, narrowed, out)
            done += len(group)
            if self.on_progress is not None:
                self.on_progress(done, len(numbers))
        return narrowed, out

    def _compare(self, group: Int64Array, candidates: CandidateRanges, out: Float32Array) -> None:
        """Fill in the dissimilarities of consecutive ref frames."""
        lows, highs = candidates.lows[group, 0], candidates.highs[group, 0]
        transform = self.placement.at(int(group[len(group) // 2])).array
        images = self._images(group, lows, highs, transform)
        sequences = SequencePair(images.clip, images.ref, *images.weights, images.size, _TUNING.contrast_radius)
        correlations = sequences.correlations(images.to_cropped(transform), images.windows)
        for row, n, window in zip(correlations, group.tolist(), images.windows, strict=True):
            out[candidates.offsets[n] : candidates.offsets[n + 1]] = 1 - row[window.start : window.stop]

    def _images(self, group: Int64Array, lows: Int64Array, highs: Int64Array, transform: Float64Array) -> AnchorFrames:
        windows = [range(low, high + 1) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
        return read_anchor_frames(
            self.clip,
            self.ref,
            list(zip(group.tolist(), windows, strict=True)),
            overlap_boxes(transform, self.clip.size, self.ref.size),
            _TUNING.longest_side,
        )


def _ambiguous(frames: Int64Array, costs: Float32Array) -> BoolArray:
    """Matches whose neighbors fit almost as well, in runs; at most `most_frames`."""
    matched = frames >= 0
    out = matched & (costs < _TUNING.doubt)
    sure = np.flatnonzero(~out)
    for run in np.split(sure, np.flatnonzero(np.diff(sure) != 1) + 1):
        if 0 < len(run) <= _TUNING.bridged and run[0] > 0 and run[-1] < len(out) - 1:
            out[run] = matched[run]
    return out & (np.cumsum(out) <= _TUNING.most_frames)
