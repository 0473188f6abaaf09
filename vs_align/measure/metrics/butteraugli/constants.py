"""The numbers of Butteraugli, shared by the version on the CPU and the one on PyTorch.

Source: the psychovisual model of libjxl (Google, BSD-3-Clause), whose constants have been the same since version 0.8.
Channels are X (red against green), Y (luminance) and B (blue).
"""

import math

import numpy as np

from vs_align.io.array_types import Float32Array

SMALLEST = 8
"""Pictures with a shorter side are extended to it."""
FULL_SHARE, HALF_SHARE = 0.85, 0.5
"""How much the two levels count in the map."""

SAMPLE_STEP = 4
"""Every so many rows and columns a pixel is taken for the cheapest bound. The lowest band is much smoother."""
SAFETY = 1 - 2e-4
"""A bound times this is safe from rounding, which was never seen to change more than a third of it."""

# from linear RGB to the responses of the three kinds of cones
ABSORBANCE = (
    (0.29956550340058319, 0.63373087833825936, 0.077705617820981968),
    (0.22158691104574774, 0.69391388044116142, 0.0987313588422),
    (0.02, 0.02, 0.20480129041026129),
)
BIAS = (1.7557483643287353, 1.7557483643287353, 12.226454707163354)
GAMMA_SCALE, GAMMA_INSIDE, GAMMA_OFFSET = 19.245013259874995, 9.9710635769299145, 23.16046239805755

SIGMA_SENSITIVITY, SIGMA_LF, SIGMA_HF, SIGMA_UHF, SIGMA_MASK = 1.2, 7.15593339443, 3.22489901262, 1.56416327805, 2.7

# dead zones, gains and the soft limits of the bands
REMOVE_MF_X, AMPLIFY_MF_Y, REMOVE_HF_X, REMOVE_UHF_X, AMPLIFY_HF_Y = 0.29, 0.1, 1.5, 0.04, 0.132
SUPPRESS_FLOOR, SUPPRESS_SHARE, SUPPRESS_SOFTNESS = 0.653020556257, 0.346979443743, 46.0
CLAMP_SLOPE, CLAMP_HF_Y, CLAMP_UHF_Y, GAIN_HF_Y, GAIN_UHF_Y = (
    0.724216145665, 28.4691806922, 5.19175294647, 2.155, 2.69313763794,
)  # fmt: skip
LF_X, LF_Y, LF_B, LF_B_FROM_Y = 33.832837186260, 14.458268100570, 49.87984651440, 0.362267051518

MASK_GAIN, MASK_OFFSET = 6.19424080439, 6.19424080439 * 12.61050594197
MASK_X, MASK_Y = 2.5, 0.4
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

_FULL_KERNEL, _SPARSE_KERNEL = 0.39905817637, 0.611612573796
# uhfY, uhfX, hfY, hfX, mfY, mfX: weight, power of the asymmetry, norm, scale of the kernel
_MALTA = (
    (1.10039032555, 1.0, 71.7800275169, _FULL_KERNEL),
    (173.5, 1.0, 5.0, _FULL_KERNEL),
    (18.7237414387, 0.5, 4498534.45232, _SPARSE_KERNEL),
    (6923.99476109, 0.5, 8051.15833247, _SPARSE_KERNEL),
    (37.0819870399, 0.0, 130262059.556, _SPARSE_KERNEL),
    (8246.75321353, 0.0, 1009002.70582, _SPARSE_KERNEL),
)

# planes of a level
LF, MF, HF_X, HF_Y, UHF_X, UHF_Y, BLURRED, PLANES = 0, 3, 6, 7, 8, 9, 10, 11
MALTA_PLANES = (UHF_Y, UHF_X, HF_Y, HF_X, MF + 1, MF)
"""Which plane each of the six Malta terms looks at; the first two use the full lines, the others the sparse ones."""

# Halves of the lines in (columns, rows) from the centre; the other half is point-symmetric.
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
        asymmetry: More than 1 punishes what only the second picture has, less than 1 what only the first has.

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
    """Return factors of squared differences that come near the six Malta terms, shape (6,).

    Lines of uncorrelated differences add up to their squares times the pixels of all lines, those of smooth ones to
    more. Nothing but the order of work depends on it.
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
    """Return half a Gaussian, from the centre outwards, not normalised. Shape (radius + 1,)."""
    radius = max(1, int(2.25 * sigma))
    return np.exp(-(np.arange(radius + 1) ** 2) / (2 * sigma**2)).astype(np.float32)


def share_inside(size: int, half: Float32Array) -> Float32Array:
    """Return for each place of a line 1 / (sum of the taps that lie inside). Shape (size,)."""
    radius = half.size - 1
    line = np.concatenate([half[:0:-1], half]).astype(np.float64)
    inside = np.convolve(np.ones(size), line)[radius : radius + size]
    return (1 / inside).astype(np.float32)


def linear_table(levels: int, intensity: float) -> Float32Array:
    """Return the light of every code value of an integer format with the sRGB curve, in nits. Shape (levels,)."""
    codes = np.arange(levels) / (levels - 1)
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return (light * intensity).astype(np.float32)


def linear_light(codes: Float32Array, intensity: float) -> Float32Array:
    """Return the light of float samples with the sRGB curve, in nits.

    Below zero the straight part of the curve goes on, above one the bent part. What is no finite number counts as 0.
    """
    if not np.isfinite(codes.sum()):
        codes = np.nan_to_num(codes, nan=0, posinf=0, neginf=0)
    bent = ((np.maximum(codes, np.float32(0.04)) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    light = np.where(codes <= np.float32(0.04045), codes / np.float32(12.92), bent)
    return np.asarray(light * np.float32(intensity), np.float32)
