"""XFeat features: a small network for images in which SIFT finds too little. Needs torch, kornia and weights.

Source: G. Potje et al., XFeat: Accelerated features for lightweight image matching, CVPR 2024; kornia's network.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vs_align.errors import AlignError, MissingDependencyError
from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.io.install_advice import TORCH, install_command
from vs_align.measure.images.preprocessing import analysis_size, pixel_weights, scaled, size_of
from vs_align.measure.registration.features.detector import Features, Matches, match_mutual


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of XFeat detection and matching."""

    longest: int = 704
    """Longer side in pixels of the image that the network receives."""
    cell: int = 32
    """Sides of the network's input are multiples of this: it halves the image five times."""
    max_features: int = 2000
    """Largest number of features per image."""
    threshold: float = 0.05
    """Detection threshold of the network's keypoint scores (the default of XFeat)."""
    min_similarity: float = 0.82
    """Smallest cosine similarity of a match (the default of XFeat's matcher)."""
    min_size: int = 16
    """Shortest side of an image that has features, in pixels."""


_SETTINGS = _Settings()


class XFeatDetector:
    """Detects up to 2000 features with a network. Thread-safe.

    Args:
        weights: File `xfeat.pt`.
        device: Torch device of the network, such as "cpu" or "cuda:0".

    Raises:
        MissingDependencyError: kornia is not installed.
        AlignError: The file does not fit the network.
    """

    name = "xfeat"

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        try:
            from kornia.feature import XFeat
        except ImportError as error:
            message = f"vs_align: XFeat needs the package kornia. Run: {install_command(*TORCH)}"
            raise MissingDependencyError(message) from error
        self._device = torch.device(device)
        self.network = XFeat(top_k=_SETTINGS.max_features, detection_threshold=_SETTINGS.threshold)
        try:
            self.network.net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except RuntimeError as error:
            raise AlignError(f"vs_align: '{weights}' does not fit XFeat ({error}).") from error
        self.network.eval().to(self._device)

    def detect(self, luma: Float32Array, excluded: BoolArray | None = None) -> Features:
        """Detect features; see `Detector`. An image with a side of less than 16 pixels has none."""
        size = size_of(luma)
        if min(size) < _SETTINGS.min_size:
            return Features(np.empty((0, 2)), np.empty((0, 64), np.float32), size)
        width, height = analysis_size(size, _SETTINGS.longest)
        # Resized here: with kornia's own resizing, points are off by a fraction of a pixel.
        inner = (
            max(_SETTINGS.cell, width // _SETTINGS.cell * _SETTINGS.cell),
            max(_SETTINGS.cell, height // _SETTINGS.cell * _SETTINGS.cell),
        )
        small = scaled(luma, inner)
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(small)).to(self._device)[None, None]
            found = self.network.detectAndCompute(batch)[0]
            points = found["keypoints"].cpu().numpy().astype(np.float64)
            descriptors = found["descriptors"].float().cpu().numpy()
        columns, rows = np.rint(points).astype(np.intp).T
        keep = pixel_weights(small, excluded)[rows, columns] > 0
        full = (points[keep] + 0.5) * (np.array(size) / np.array(inner)) - 0.5
        return Features(full, np.ascontiguousarray(descriptors[keep]), size)

    def match(self, clip: Features, ref: Features) -> Matches:
        """Match mutual nearest neighbors of high similarity; see `Detector`."""
        return match_mutual(clip, ref, self.name, min_similarity=_SETTINGS.min_similarity)
