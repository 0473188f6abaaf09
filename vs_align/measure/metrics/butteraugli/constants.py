"""Constants of Butteraugli, shared by the versions for CPU and PyTorch, and small functions of them.

Unless stated otherwise they are those of the psychovisual model of libjxl (Google, BSD-3-Clause), unchanged since its
version 0.8. Channels are X (red against green), Y (luminance) and B (blue). Bands are lf, mf, hf and uhf: low, medium,
high and ultra high spatial frequencies.
"""

import math

import numpy as np

from vs_align.io.array_types import Float32Array

SMALLEST = 8
"""Images with a shorter side, in pixels, are extended to it."""
FULL_SHARE = 0.85
"""Weight of the full level in the map."""
HALF_SHARE = 0.5
"""Weight of the half level in the map."""

SAMPLE_STEP = 4
"""Pixels from one sample of the cheapest bound to the next, in both directions; our own. The low band is smoother."""
SAFETY = 1 - 2e-4
"""Factor that makes bounds safe from rounding, of which a third of the margin at most was observed; our own."""

# from linear RGB to the responses of the three kinds of cones
ABSORBANCE = (
    (0.29956550340058319, 0.63373087833825936, 0.077705617820981968),
    (0.22158691104574774, 0.69391388044116142, 0.0987313588422),
    (0.02, 0.02, 0.20480129041026129),
)
BIAS = (1.7557483643287353, 1.7557483643287353, 12.226454707163354)
# cone response: GAMMA_SCALE * ln(absorbed + GAMMA_INSIDE) - GAMMA_OFFSET
GAMMA_SCALE = 19.245013259874995
GAMMA_INSIDE = 9.9710635769299145
GAMMA_OFFSET = 23.16046239805755

# standard deviations of the Gaussians, in pixels
SIGMA_SENSITIVITY = 1.2
SIGMA_LF = 7.15593339443
SIGMA_HF = 3.22489901262
SIGMA_UHF = 1.56416327805
SIGMA_MASK = 2.7

# dead zones, gains and the soft limits of the bands
REMOVE_MF_X = 0.29
AMPLIFY_MF_Y = 0.1
REMOVE_HF_X = 1.5
REMOVE_UHF_X = 0.04
AMPLIFY_HF_Y = 0.132
SUPPRESS_FLOOR = 0.653020556257
SUPPRESS_SHARE = 0.346979443743
SUPPRESS_SOFTNESS = 46.0
CLAMP_SLOPE = 0.724216145665
CLAMP_HF_Y = 28.4691806922
CLAMP_UHF_Y = 5.19175294647
GAIN_HF_Y = 2.155
GAIN_UHF_Y = 2.69313763794
LF_X = 33.832837186260
LF_Y = 14.458268100570
LF_B = 49.87984651440
LF_B_FROM_Y = 0.362267051518

# masking by activity
MASK_GAIN = 6.19424080439
MASK_OFFSET = 6.19424080439 * 12.61050594197
MASK_X = 2.5
MASK_Y = 0.4
MASK_DIFFERENCE = 10.0
MASK_STEP = 3
MASK_SHARES = (0.45, 0.3, 0.25)
GLOBAL_SCALE = 1 / (17.83 * 0.79079917404)
# offset, factor of the mask and numerator
MASK_OF_DC = (0.20025578522, 3.87449418804, 0.505054525019)
MASK_OF_AC = (0.829591754942, 0.451936922203, 2.5485944793)

WEIGHTS_LF = (29.2353797994, 0.844626970982, 0.703646627719)
WEIGHTS_MF = (2150.0, 10.6195433239, 16.2176043152)
WEIGHTS_HF = (400.0, 1.50815703118)

# penalties apply if the second image is below or above these multiples of the first
MALTA_LOW = 0.55
MALTA_HIGH = 1.05
SQUARES_LOW = 0.4
SQUARES_HIGH = 1.0

_FULL_KERNEL = 0.39905817637
_SPARSE_KERNEL = 0.611612573796
# uhfY, uhfX, hfY, hfX, mfY, mfX: weight, power of the asymmetry, norm, scale of the kernel
_MALTA = (
    (1.10039032555, 1.0, 71.7800275169, _FULL_KERNEL),
    (173.5, 1.0, 5.0, _FULL_KERNEL),
    (18.7237414387, 0.5, 4498534.45232, _SPARSE_KERNEL),
    (6923.99476109, 0.5, 8051.15833247, _SPARSE_KERNEL),
    (37.0819870399, 0.0, 130262059.556, _SPARSE_KERNEL),
    (8246.75321353, 0.0, 1009002.70582, _SPARSE_KERNEL),
)

# planes of a level; 0 to 2 are lf X, Y, B
MF, HF_X, HF_Y, UHF_X, UHF_Y, BLURRED, PLANES = 3, 6, 7, 8, 9, 10, 11
MALTA_PLANES = (UHF_Y, UHF_X, HF_Y, HF_X, MF + 1, MF)
"""Plane of each of the six Malta terms; the first two use the full lines, the others the sparse ones."""

# Halves of the lines in (columns, rows) from the center; the other half is point-symmetric.
FULL_LINES = (
    ((1, 0), (2, 0), (3, 0), (4, 0)), ((0, 1), (0, 2), (0, 3), (0, 4)),
    ((1, 1), (2, 2), (3, 3)), ((-1, 1), (-2, 2), (-3, 3)),
    ((1, 1), (1, 2), (2, 3)), ((-1, 1), (-1, 2), (-2, 3)), ((1, 1), (2, 1), (3, 2)), ((-1, 1), (-2, 1), (-3, 2)),
)  # fmt: skip
FULL_LINES_TWICE = (
    ((0, 1), (-1, 2), (-1, 3), (-1, 4)), ((0, 1), (1, 2), (1, 3), (1, 4)),
    ((1, 0), (2, 1), (3, 1), (4, 1)), ((1, 0), (-2, 1), (-3, 1), (-4, 1)),
)  # fmt: skip
SPARSE_LINES = (
    ((2, 0), (4, 0)), ((0, 2), (0, 4)), ((2, 2), (3, 3)), ((-2, 2), (-3, 3)),
    ((-1, 2), (-1, 4)), ((1, 2), (1, 4)), ((2, 1), (4, 1)), ((-2, 1), (-4, 1)),
    ((1, 2), (2, 3)), ((-1, 2), (-2, 3)), ((2, 1), (3, 2)), ((-2, 1), (-3, 2)),
    ((-2, 1), (-4, 2)), ((2, 1), (4, 2)), ((1, 2), (2, 4)), ((-1, 2), (-2, 4)),
)  # fmt: skip


def malta_weights(asymmetry: float) -> Float32Array:
    """Return the factors of the six Malta terms.

    Args:
        asymmetry: More than 1 weighs detail that only the second image has higher, less than 1 that of the first.

    Returns:
        Shape (6, 3): factor of the difference, factor of the penalty, norm.
    """
    length = 2 * 3.75 + 1
    rows = []
    for weight, power, norm, scale in _MALTA:
        factor = asymmetry**power
        above = scale * math.sqrt(0.5 * weight * factor) / length * norm
        below = scale * math.sqrt(0.33 * weight / factor) / length * norm
        rows.append((above, below, norm))
    return np.array(rows, np.float32)


def rough_weights(asymmetry: float) -> Float32Array:
    """Return factors of squared differences that approximate the six Malta terms, shape (6,).

    Squared sums along lines of uncorrelated differences add up to their squares times the pixels of all lines, those
    of smooth differences to more. Only the order of the tiles depends on it.
    """
    gains = np.array([136, 136, 180, 180, 300, 300])
    weights = malta_weights(asymmetry)
    return np.asarray((weights[:, 0] / weights[:, 2]) ** 2 * gains, np.float32)


def square_weights(asymmetry: float) -> Float32Array:
    """Return the factors of the squared differences.

    Args:
        asymmetry: As in `malta_weights`.

    Returns:
        Shape (10,): lf X, Y, B; mf X, Y, B; hf X difference, X penalty, Y difference, Y penalty.
    """
    hf = [0.8 * weight * factor for weight in WEIGHTS_HF for factor in (asymmetry, 1 / asymmetry)]
    return np.array([*WEIGHTS_LF, *WEIGHTS_MF, *hf], np.float32)


def taps(sigma: float) -> Float32Array:
    """Return half a Gaussian, from the center outwards, not normalized. Shape (radius + 1,)."""
    radius = max(1, int(2.25 * sigma))
    return np.exp(-(np.arange(radius + 1) ** 2) / (2 * sigma**2)).astype(np.float32)


def share_inside(size: int, half: Float32Array) -> Float32Array:
    """Return for each pixel of a line 1 / (sum of the taps that lie inside). Shape (size,)."""
    radius = half.size - 1
    line = np.concatenate([half[:0:-1], half]).astype(np.float64)
    inside = np.convolve(np.ones(size), line)[radius : radius + size]
    return (1 / inside).astype(np.float32)


def linear_table(levels: int, intensity: float) -> Float32Array:
    """Return the luminance of every code value of an integer format by the sRGB curve, in nits. Shape (levels,)."""
    codes = np.arange(levels) / (levels - 1)
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return (light * intensity).astype(np.float32)


def linear_light(codes: Float32Array, intensity: float) -> Float32Array:
    """Return the luminance of float samples by the sRGB curve, in nits.

    Below 0 the linear segment of the curve continues, above 1 the power segment. NaN and infinity count as 0.
    """
    if not np.isfinite(codes.sum()):
        codes = np.nan_to_num(codes, nan=0, posinf=0, neginf=0)
    power = ((np.maximum(codes, np.float32(0.04)) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    light = np.where(codes <= np.float32(0.04045), codes / np.float32(12.92), power)
    return np.asarray(light * np.float32(intensity), np.float32)
