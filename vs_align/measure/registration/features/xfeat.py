"""XFeat as a detector: a small network, for pictures in which SIFT finds too little. Needs torch, kornia and weights.

Source: G. Potje et al., XFeat: Accelerated features for lightweight image matching, CVPR 2024; the network is kornia's.
"""

from pathlib import Path

import numpy as np
import torch

from vs_align.errors import AlignError, MissingDependencyError
from vs_align.io.array_types import Float32Array
from vs_align.measure.images.views import Excluded, analysis_size, scaled, size_of, weight_of
from vs_align.measure.registration.features.detector import Features, Matches, paired

_LONGEST = 704
_CELL = 32  # the network halves the picture five times
_MOST = 2000
_THRESHOLD = 0.05
_LEAST = 0.82
_SMALLEST = 16


class XFeatDetector:
    """Finds up to 2000 features with a network. May be called from several threads.

    Args:
        weights: File of the network, `xfeat.pt`.
        device: Where the network runs, such as "cpu" or "cuda:0".

    Raises:
        MissingDependencyError: kornia is not installed.
        AlignError: The file does not fit the network.
    """

    name = "xfeat"

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        try:
            from kornia.feature import XFeat
        except ImportError as error:
            message = "vs_align: XFeat needs the package kornia; install it with `pip install vs_align[torch]`."
            raise MissingDependencyError(message) from error
        self._device = torch.device(device)
        self.network = XFeat(top_k=_MOST, detection_threshold=_THRESHOLD)
        try:
            self.network.net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except RuntimeError as error:
            raise AlignError(f"vs_align: '{weights}' does not fit XFeat ({error}).") from error
        self.network.eval().to(self._device)

    def detect(self, luma: Float32Array, excluded: Excluded = None) -> Features:
        """Find features; see `Detector`. A picture of less than 16 pixels to a side has none."""
        size = size_of(luma)
        if min(size) < _SMALLEST:
            return Features(np.empty((0, 2)), np.empty((0, 64), np.float32), size)
        width, height = analysis_size(size, _LONGEST)
        # Resized here and not by kornia, whose points would be off by a part of a pixel then.
        inner = max(_CELL, width // _CELL * _CELL), max(_CELL, height // _CELL * _CELL)
        small = scaled(luma, inner)
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(small)).to(self._device)[None, None]
            found = self.network.detectAndCompute(batch)[0]
            points = found["keypoints"].cpu().numpy().astype(np.float64)
            descriptors = found["descriptors"].float().cpu().numpy()
        columns, rows = np.rint(points).astype(np.intp).T
        keep = weight_of(small, excluded)[rows, columns] > 0
        full = (points[keep] + 0.5) * (np.array(size) / np.array(inner)) - 0.5
        return Features(full, np.ascontiguousarray(descriptors[keep]), size)

    def match(self, clip: Features, ref: Features) -> Matches:
        """Pair features that choose each other and are much alike; see `Detector`."""
        return paired(clip, ref, self.name, least=_LEAST)
