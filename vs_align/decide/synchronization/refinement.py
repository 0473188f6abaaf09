"""`CloseLook`: frames compared at a size that shows slow motion, where small pictures cannot tell neighbours apart."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import vapoursynth as vs

from vs_align.decide.synchronization.search_bands import Bands
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.measure.registration.placement_search.anchor_frames import NearPictures, near_pictures, shared_boxes
from vs_align.measure.registration.sequence.sequence_pair import Sequences
from vs_align.placement.placement import Placement

_LONGEST, _RADIUS = 480, 7
# Ref frames that are compared at a time, frames to either side of a match, and most frames that are looked at.
_AT_ONCE, _REACH, _MOST = 48, 6, 3000
# What speaks against the frames beside a match of which nobody is in doubt, in negative logarithms of probabilities.
_DOUBT = 2.0
# Single frames of which nobody is in doubt amid others are looked at too.
_BRIDGED = 6


@dataclass(frozen=True, eq=False)
class CloseLook:
    """Compares frames of two films whose place on each other is known.

    Args:
        clip: Where frames are looked for, of any constant format.
        ref: What is looked for, likewise.
        placement: Where clip lies on ref.
        told: Told how many frames are done, and how many there are.
    """

    clip: vs.VideoNode
    ref: vs.VideoNode
    placement: Placement
    told: Callable[[int, int], object] | None = field(default=None, compare=False)

    def again(
        self, bands: Bands, unlike: Float32Array, frames: Int64Array, evidence: Float32Array
    ) -> tuple[Bands, Float32Array] | None:
        """Look closely at matches that are in doubt.

        Args:
            bands: The candidates of each ref frame.
            unlike: How unlike they are, see `vs_align.decide.synchronization.similarity.differences`.
            frames: (n,) the clip frame of each ref frame, -1 where there is none.
            evidence: (n,) what speaks against the frames beside.

        Returns:
            Candidates and differences with those of doubtful frames replaced; None where nothing is in doubt.
        """
        doubtful = _doubtful(frames, evidence)
        if not doubtful.any():
            return None
        lows, highs = bands.lows.copy(), bands.highs.copy()
        lows[doubtful], highs[doubtful] = -1, -1
        lows[doubtful, 0] = np.maximum(frames[doubtful] - _REACH, 0)
        highs[doubtful, 0] = np.minimum(frames[doubtful] + _REACH, self.clip.num_frames - 1)
        closer = Bands(lows, highs)
        out = np.empty(int(closer.places[-1]), np.float32)
        kept = np.flatnonzero(~doubtful)
        for n in kept.tolist():
            out[closer.places[n] : closer.places[n + 1]] = unlike[bands.places[n] : bands.places[n + 1]]
        numbers = np.flatnonzero(doubtful)
        groups = [
            group[first : first + _AT_ONCE]
            for group in np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
            for first in range(0, len(group), _AT_ONCE)
        ]
        done = 0
        for group in groups:
            self._compare(group, closer, out)
            done += len(group)
            if self.told is not None:
                self.told(done, len(numbers))
        return closer, out

    def _compare(self, group: Int64Array, bands: Bands, out: Float32Array) -> None:
        """Fill in the differences of some ref frames in a row."""
        lows, highs = bands.lows[group, 0], bands.highs[group, 0]
        transform = self.placement.at(int(group[len(group) // 2])).array
        pictures = self._pictures(group, lows, highs, transform)
        sequences = Sequences(pictures.clip, pictures.ref, *pictures.weights, pictures.size, _RADIUS)
        alike = sequences.correlations(pictures.inner(transform), pictures.windows)
        for row, n, window in zip(alike, group.tolist(), pictures.windows, strict=True):
            out[bands.places[n] : bands.places[n + 1]] = 1 - row[window.start : window.stop]

    def _pictures(
        self, group: Int64Array, lows: Int64Array, highs: Int64Array, transform: Float64Array
    ) -> NearPictures:
        sizes = (self.clip.width, self.clip.height), (self.ref.width, self.ref.height)
        windows = [range(low, high + 1) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
        return near_pictures(
            self.clip,
            self.ref,
            list(zip(group.tolist(), windows, strict=True)),
            shared_boxes(transform, *sizes),
            _LONGEST,
        )


def _doubtful(frames: Int64Array, evidence: Float32Array) -> BoolArray:
    """Matched frames that neighbours are hardly worse than, in stretches; no more than can be looked at."""
    matched = frames >= 0
    out = matched & (evidence < _DOUBT)
    sure = np.flatnonzero(~out)
    for run in np.split(sure, np.flatnonzero(np.diff(sure) != 1) + 1):
        if 0 < len(run) <= _BRIDGED and run[0] > 0 and run[-1] < len(out) - 1:
            out[run] = matched[run]
    return out & (np.cumsum(out) <= _MOST)
