"""SIFT as a detector: built in, needs no download.

Source: D. Lowe, Distinctive image features from scale-invariant keypoints, IJCV 2004; descriptors are compared by the
Hellinger kernel (R. Arandjelovic and A. Zisserman, Three things everyone should know to improve object retrieval,
CVPR 2012).
"""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.images.views import Excluded, analysis_size, normalised, scaled, size_of, weight_of
from vs_align.measure.registration.features.detector import Features, Matches, paired

_LONGEST = 440
_RADIUS = 18
_MOST = 1200
_SMALLEST = 16
_RATIO = 0.85


class SiftDetector:
    """Finds up to 1200 features on locally normalised luma, so that grade and vignette hardly matter."""

    name = "sift"

    def detect(self, luma: Float32Array, excluded: Excluded = None) -> Features:
        """Find features; see `Detector`. A picture of less than 16 pixels to a side has none."""
        size = size_of(luma)
        small_size = analysis_size(size, _LONGEST)
        if min(small_size) < _SMALLEST:
            return Features(np.empty((0, 2)), np.empty((0, 128), np.float32), size)
        small = scaled(luma, small_size)
        weight = weight_of(small, excluded)
        even = normalised(small, weight, _RADIUS)
        picture = np.clip(even * 42 + 128, 0, 255).astype(np.uint8)
        # A descriptor reaches beyond its point: close to an area that does not count it would describe its edge.
        mask = cv2.erode(weight, np.ones((9, 9), np.uint8), borderValue=1).astype(np.uint8)
        # Precise upscaling, because the ordinary one shifts all points by a quarter of a pixel. An object of its own
        # for each call is what makes calls from several threads safe.
        sift = cv2.SIFT.create(nfeatures=_MOST, enable_precise_upscale=True)
        keypoints, raw = sift.detectAndCompute(picture, mask)
        if not keypoints:
            return Features(np.empty((0, 2)), np.empty((0, 128), np.float32), size)
        points = np.array([keypoint.pt for keypoint in keypoints], np.float64)
        # The order of equal responses is nobody's promise, and one point with two orientations is found twice.
        descriptors = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1))
        full = (points + 0.5) * (np.array(size) / np.array(small_size)) - 0.5
        return Features(full, descriptors.astype(np.float32), size)

    def match(self, clip: Features, ref: Features) -> Matches:
        """Pair features that choose each other clearly; see `Detector`."""
        return paired(clip, ref, self.name, ratio=_RATIO, distinct=4 * max(1, max(clip.size) / _LONGEST))
