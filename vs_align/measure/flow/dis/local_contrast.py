"""Local contrast normalization of luma, noise estimation, and presmoothing of noisy images.

Normalized luma is independent of grading, fades and gamma, as far as these are linear within a window.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.measure.flow.dis.kernels import block_noise, divide_by_deviation


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of noise estimation and local contrast."""

    window: int = 15
    """Side of the normalization window in pixels."""
    min_deviation: float = 0.01
    """Standard deviation of luma, of 1, that is added in quadrature, so that flat areas are not amplified."""
    deviation_per_noise: float = 2.0
    """The same for noisy images, in standard deviations of the noise."""
    sigma_per_noise: float = 50.0
    """Sigma of the presmoothing in pixels per standard deviation of noise, of 1."""
    max_sigma: float = 1.5
    """Largest sigma of the presmoothing in pixels."""
    harmless_noise: float = 0.006
    """Standard deviation of noise, of 1, up to which nothing is smoothed."""
    noise_block: int = 16
    """Side in pixels of the blocks in which noise is estimated."""
    min_noise: float = 0.001
    """Noise of a block, of 1, below which it is perfectly flat (clipped or synthetic) and left out."""
    percentile: int = 20
    """Percentile of the noise of the blocks: the smoothest ones have the least texture."""


_SETTINGS = _Settings()


def estimate_noise(luma: Float32Array) -> float:
    """Estimate the standard deviation of noise.

    Args:
        luma: (h, w) float32, 0..1.

    Returns:
        Standard deviation, of 1: the 20th percentile of the blocks that are not perfectly flat; 0 if there are none.

    Source:
        J. Immerkaer, Fast noise variance estimation, Computer Vision and Image Understanding 64(2), 1996.
    """
    blocks = np.zeros(
        (max(0, luma.shape[0] - 2) // _SETTINGS.noise_block, max(0, luma.shape[1] - 2) // _SETTINGS.noise_block),
        np.float32,
    )
    block_noise(luma, _SETTINGS.noise_block, blocks)
    # The mean absolute value of a Gaussian, and the gain of the kernel.
    blocks *= np.float32(np.sqrt(np.pi / 2) / 6)
    noisy = blocks[blocks > _SETTINGS.min_noise]
    return float(np.percentile(noisy, _SETTINGS.percentile)) if noisy.size else 0.0


def presmoothing_sigma(noise: float) -> float:
    """Return the standard deviation in pixels of the Gaussian for an image with this noise; 0 for none."""
    return min(max(0.0, (noise - _SETTINGS.harmless_noise) * _SETTINGS.sigma_per_noise), _SETTINGS.max_sigma)


def local_contrast(luma: Float32Array, noise: float, excluded: BoolArray | None = None) -> Float32Array:
    """Return luma in units of its local contrast.

    Args:
        luma: (h, w) float32, 0..1 nominal.
        noise: Standard deviation of its noise, of 1.
        excluded: Pixels to ignore, (h, w), or None.

    Returns:
        (luma - mean) / deviation over a window around each pixel, (h, w) float32; NaN where excluded.
    """
    floor = max(_SETTINGS.min_deviation, _SETTINGS.deviation_per_noise * noise)
    size = (_SETTINGS.window, _SETTINGS.window)
    border = cv2.BORDER_REFLECT_101 if min(luma.shape) > _SETTINGS.window // 2 else cv2.BORDER_REPLICATE
    if excluded is None or not excluded.any():
        mean = cv2.boxFilter(luma, -1, size, borderType=border)
        square = cv2.sqrBoxFilter(luma, -1, size, borderType=border)
    else:
        counted = np.where(excluded, np.float32(0), np.float32(1))
        share = np.maximum(cv2.boxFilter(counted, -1, size, borderType=border), np.float32(1e-6))
        mean = cv2.boxFilter(luma * counted, -1, size, borderType=border) / share
        square = cv2.boxFilter(luma * luma * counted, -1, size, borderType=border) / share
    out = np.empty_like(luma)
    divide_by_deviation(luma, mean, square, np.float32(floor), out)
    if excluded is not None:
        out[excluded] = np.nan
    return out
