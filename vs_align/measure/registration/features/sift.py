"""SIFT features on locally normalized luma; built in, needs no download.

Source: D. Lowe, Distinctive image features from scale-invariant keypoints, IJCV 2004; descriptors are compared by the
Hellinger kernel (R. Arandjelovic and A. Zisserman, Three things everyone should know to improve object retrieval,
CVPR 2012).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.measure.images.preprocessing import analysis_size, normalize_contrast, pixel_weights, scaled, size_of
from vs_align.measure.registration.features.detector import Features, Matches, match_mutual


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of SIFT detection and matching."""

    longest: int = 440
    """Longer side in pixels of the image in which features are detected: a trade of time against accuracy."""
    radius: int = 18
    """Radius of the contrast normalization in pixels."""
    max_features: int = 1200
    """Largest number of features per image."""
    min_size: int = 16
    """Shortest side of an image that has features, in pixels."""
    ratio: float = 0.85
    """Lowe's ratio; looser than his 0.8, because robust estimation follows."""
    gray: int = 128
    """Gray level of a normalized value of 0."""
    gray_per_deviation: int = 42
    """Gray levels per standard deviation of normalized luma: 0..255 spans the range -3..3."""


_SETTINGS = _Settings()


class SiftDetector:
    """Detects up to 1200 SIFT features on locally normalized luma, insensitive to grading and vignetting."""

    name = "sift"

    def detect(self, luma: Float32Array, excluded: BoolArray | None = None) -> Features:
        """Detect features; see `Detector`. An image with a side of less than 16 pixels has none."""
        size = size_of(luma)
        small_size = analysis_size(size, _SETTINGS.longest)
        if min(small_size) < _SETTINGS.min_size:
            return Features(np.empty((0, 2)), np.empty((0, 128), np.float32), size)
        small = scaled(luma, small_size)
        weight = pixel_weights(small, excluded)
        normalized = normalize_contrast(small, weight, _SETTINGS.radius)
        image = np.clip(normalized * _SETTINGS.gray_per_deviation + _SETTINGS.gray, 0, 255).astype(np.uint8)
        # A descriptor extends beyond its point: close to an excluded area it would describe the edge of that area.
        mask = cv2.erode(weight, np.ones((9, 9), np.uint8), borderValue=1).astype(np.uint8)
        # Precise upscaling, because the default shifts all points by a quarter of a pixel. A new object per call
        # makes the function thread-safe.
        sift = cv2.SIFT.create(nfeatures=_SETTINGS.max_features, enable_precise_upscale=True)
        keypoints, raw = sift.detectAndCompute(image, mask)
        if not keypoints:
            return Features(np.empty((0, 2)), np.empty((0, 128), np.float32), size)
        points = np.array([keypoint.pt for keypoint in keypoints], np.float64)
        # OpenCV does not define the order of equal responses; a point with two orientations is found twice.
        descriptors = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1))
        full = (points + 0.5) * (np.array(size) / np.array(small_size)) - 0.5
        return Features(full, descriptors.astype(np.float32), size)

    def match(self, clip: Features, ref: Features) -> Matches:
        """Match mutual nearest neighbors that pass the ratio test; see `Detector`."""
        return match_mutual(
            clip, ref, self.name, ratio=_SETTINGS.ratio, distinct=4 * max(1, max(clip.size) / _SETTINGS.longest)
        )
