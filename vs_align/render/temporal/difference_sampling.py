"""Version difference samples of frames, with a cache of the thumbnails of clip."""

from collections.abc import Callable

import numpy as np
import vapoursynth as vs

from vs_align.decide.matching.version_difference import DifferenceSample, sample_difference, thumbnail
from vs_align.io.array_types import Float32Array
from vs_align.measure.metrics.feature_cache import FeatureCache

_CACHE_BYTES = 32 << 20
"""Bytes of cached thumbnails: those of about 3500 frames."""


class DifferenceSampler:
    """Measures `DifferenceSample` of matches; called from several threads at once.

    Args:
        plane: The plane to compare: 0 of gray and YUV, 1 (green) of RGB.
        peak: The value of full white.
    """

    def __init__(self, plane: int, peak: int) -> None:
        self._plane = plane
        self._peak = peak
        self._thumbnails: FeatureCache[Float32Array] = FeatureCache(lambda image: image.nbytes, _CACHE_BYTES)

    def sample(
        self, ref: vs.VideoFrame, match: int, candidates: range, clip: Callable[[int], vs.VideoFrame]
    ) -> DifferenceSample:
        """Measure one match.

        Args:
            ref: The ref frame.
            match: Number of the candidate with the best score.
            candidates: Numbers of the candidates, the match among them.
            clip: Returns a candidate by its number.
        """

        def of_clip(number: int) -> Float32Array:
            return self._thumbnails.get(number, lambda: self._thumbnail(clip(number)))

        return sample_difference(self._thumbnail(ref), match, candidates, of_clip)

    def _thumbnail(self, frame: vs.VideoFrame) -> Float32Array:
        return thumbnail(np.asarray(frame[self._plane]), self._peak)
