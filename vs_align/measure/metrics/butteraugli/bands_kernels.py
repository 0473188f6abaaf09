"""Numba kernels of Butteraugli for one image: linear light to opponent colors, colors to bands, bands to the mask.

They are serial and release the GIL, so that several threads may run them in parallel. Loops run along rows of
contiguous memory, which the compiler vectorizes. Constants are those of `butteraugli.constants`.
"""

from typing import Any

import numpy as np
from numba import njit

from vs_align.measure.metrics.butteraugli import constants as c

FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}

_F = np.float32
_M00, _M01, _M02 = (_F(v) for v in c.ABSORBANCE[0])
_M10, _M11, _M12 = (_F(v) for v in c.ABSORBANCE[1])
_M20, _M21, _M22 = (_F(v) for v in c.ABSORBANCE[2])
_BIAS0, _BIAS1, _BIAS2 = (_F(v) for v in c.BIAS)
_GAMMA_SCALE, _GAMMA_INSIDE, _GAMMA_OFFSET = _F(c.GAMMA_SCALE * np.log(2)), _F(c.GAMMA_INSIDE), _F(c.GAMMA_OFFSET)
_LEAST_SENSITIVITY = _F(1e-4)

_REMOVE_MF_X, _AMPLIFY_MF_Y, _AMPLIFY_HF_Y = _F(c.REMOVE_MF_X), _F(c.AMPLIFY_MF_Y), _F(c.AMPLIFY_HF_Y)
_REMOVE_HF_X, _REMOVE_UHF_X = _F(c.REMOVE_HF_X), _F(c.REMOVE_UHF_X)
_FLOOR, _SHARE, _SOFTNESS = _F(c.SUPPRESS_FLOOR), _F(c.SUPPRESS_SHARE * c.SUPPRESS_SOFTNESS), _F(c.SUPPRESS_SOFTNESS)
_SLOPE, _CLAMP_HF_Y, _CLAMP_UHF_Y = _F(c.CLAMP_SLOPE), _F(c.CLAMP_HF_Y), _F(c.CLAMP_UHF_Y)
_GAIN_HF_Y, _GAIN_UHF_Y = _F(c.GAIN_HF_Y), _F(c.GAIN_UHF_Y)
_LF_X, _LF_Y, _LF_B, _LF_B_FROM_Y = _F(c.LF_X), _F(c.LF_Y), _F(c.LF_B), _F(c.LF_B_FROM_Y)
_MASK_X, _MASK_Y = _F(c.MASK_X**2), _F(c.MASK_Y**2)
_MASK_GAIN, _MASK_OFFSET, _MASK_ROOT = _F(c.MASK_GAIN), _F(c.MASK_OFFSET), _F(np.sqrt(c.MASK_OFFSET))
_SHARE1, _SHARE2, _SHARE3 = (_F(v) for v in c.MASK_SHARES)
_STEP = c.MASK_STEP
_FAR = _F(3e38)

_ZERO, _ONE, _TWO = _F(0), _F(1), _F(2)
# log2 as a quotient of polynomials on 2/3 to 4/3, plus the exponent, as in libjxl
_SPLIT = np.int32(0x3F2AAAAB)
_P0, _P1, _P2 = _F(-1.850383340051831e-6), _F(1.4287160470083755), _F(0.74245873327820566)
_Q0, _Q1, _Q2 = _F(0.99032814277590719), _F(1.0096718572241148), _F(0.17409343003366853)


@njit(nogil=True, cache=True)
def apply_table(image: Any, table: Any, out: Any) -> Any:
    """Look up the luminance of integer samples.

    Args:
        image: Shape (3, height, width), any integer type.
        table: Luminance of each code value, float32.
        out: Shape (3, height, width), float32.
    """
    for plane in range(3):
        for y in range(image.shape[1]):
            source, target = image[plane, y], out[plane, y]
            for x in range(source.size):
                target[x] = table[source[x]]


@njit(nogil=True, cache=True, fastmath=FAST)
def half_size(light: Any, out: Any) -> Any:
    """Average 2x2 pixels; at an odd border the pixels that exist.

    Args:
        light: Shape (3, height, width), float32.
        out: Shape (3, (height + 1) // 2, (width + 1) // 2), float32.
    """
    _, height, width = light.shape
    quarter = _F(0.25)
    for plane in range(3):
        for y in range(out.shape[1]):
            above, below, target = light[plane, 2 * y], light[plane, min(2 * y + 1, height - 1)], out[plane, y]
            for x in range(width // 2):
                target[x] = quarter * ((above[2 * x] + above[2 * x + 1]) + (below[2 * x] + below[2 * x + 1]))
            if width % 2:
                target[width // 2] = _F(0.5) * (above[width - 1] + below[width - 1])


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_two(a: Any, b: Any, c: Any, d: Any, first: Any, second: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] += first * (a[x] + b[x]) + second * (c[x] + d[x])


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_one(a: Any, b: Any, first: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] += first * (a[x] + b[x])


@njit(nogil=True, cache=True, fastmath=FAST)
def _scale(source: Any, factor: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] = source[x] * factor


@njit(nogil=True, cache=True, fastmath=FAST)
def _scale_by_row(row: Any, factors: Any) -> Any:
    for x in range(row.size):
        row[x] *= factors[x]


@njit(nogil=True, cache=True)
def _mirrored(place: Any, size: Any) -> Any:
    """Return the index of a sample beyond the border, mirrored symmetrically (the border sample is repeated)."""
    while place < 0 or place >= size:
        place = -1 - place if place < 0 else 2 * size - 1 - place
    return place


@njit(nogil=True, cache=True, fastmath=FAST)
def _blur_row(row: Any, half: Any, mirror: Any, line: Any, out: Any) -> Any:
    """Convolve one row, not normalized. `line` is a buffer for the row and the radius on both sides."""
    width, radius = row.size, half.size - 1
    line[radius : radius + width] = row
    for i in range(radius):
        line[i] = row[_mirrored(i - radius, width)] if mirror else _ZERO
        line[radius + width + i] = row[_mirrored(width + i, width)] if mirror else _ZERO
    _scale(row, half[0], out)
    for t in range(1, radius, 2):
        near, far = radius - t, radius + t
        _add_two(
            line[near : near + width], line[far : far + width],
            line[near - 1 : near - 1 + width], line[far + 1 : far + 1 + width],
            half[t], half[t + 1], out,
        )  # fmt: skip
    if radius % 2:
        _add_one(line[:width], line[2 * radius : 2 * radius + width], half[radius], out)


@njit(nogil=True, cache=True)
def _row_at(rows: Any, y: Any, mirror: Any, nothing: Any) -> Any:
    if mirror:
        y = _mirrored(y, rows.shape[0])
    return rows[y] if 0 <= y < rows.shape[0] else nothing


@njit(nogil=True, cache=True, fastmath=FAST)
def blur(plane: Any, half: Any, across: Any, down: Any, mirror: Any, rows: Any, out: Any) -> Any:
    """Blur a plane, rows first.

    Args:
        plane: Shape (height, width), float32.
        half: Taps from the center outwards, float32.
        across: Shape (width,), factor of each column of the sums.
        down: Shape (height,), factor of each row of the sums.
        mirror: Whether the image is mirrored at its borders; else taps outside of it are left out.
        rows: Buffer of the shape of the plane.
        out: Shape (height, width), float32; not `plane`.
    """
    height, width = plane.shape
    radius = half.size - 1
    line = np.empty(width + 2 * radius, np.float32)
    nothing = np.zeros(width, np.float32)
    for y in range(height):
        _blur_row(plane[y], half, mirror, line, rows[y])
        _scale_by_row(rows[y], across)
    for y in range(height):
        _scale(rows[y], half[0], out[y])
        for t in range(1, radius, 2):
            _add_two(
                _row_at(rows, y - t, mirror, nothing), _row_at(rows, y + t, mirror, nothing),
                _row_at(rows, y - t - 1, mirror, nothing), _row_at(rows, y + t + 1, mirror, nothing),
                half[t], half[t + 1], out[y],
            )  # fmt: skip
        if radius % 2:
            above, below = _row_at(rows, y - radius, mirror, nothing), _row_at(rows, y + radius, mirror, nothing)
            _add_one(above, below, half[radius], out[y])
        _scale(out[y], down[y], out[y])


@njit(nogil=True, cache=True, fastmath=FAST)
def _logarithms(values: Any, bits: Any, exponents: Any) -> Any:
    """Replace positive numbers by their base 2 logarithms. `bits` is the same memory as int32."""
    for x in range(bits.size):
        exponent = np.int32(np.int32(bits[x] - _SPLIT) >> np.int32(23))
        bits[x] = np.int32(bits[x] - np.int32(exponent << np.int32(23)))
        exponents[x] = _F(exponent)
    for x in range(values.size):
        t = values[x] - _ONE
        values[x] = exponents[x] + (_P0 + t * (_P1 + t * _P2)) / (_Q0 + t * (_Q1 + t * _Q2))


@njit(nogil=True, cache=True, fastmath=FAST)
def _sensitivity(red: Any, green: Any, blue: Any, weights: Any, bias: Any, out: Any, bits: Any, exponents: Any) -> Any:
    """Fill the sensitivity at this adaptation: logarithmic response divided by absorbed light."""
    m0, m1, m2 = weights
    for x in range(out.size):
        absorbed = max(m0 * red[x] + m1 * green[x] + m2 * blue[x] + bias, bias)
        out[x] = absorbed + _GAMMA_INSIDE
    _logarithms(out, bits, exponents)
    for x in range(out.size):
        absorbed = max(m0 * red[x] + m1 * green[x] + m2 * blue[x] + bias, bias)
        out[x] = max((_GAMMA_SCALE * out[x] - _GAMMA_OFFSET) / absorbed, _LEAST_SENSITIVITY)


@njit(nogil=True, cache=True, fastmath=FAST)
def _opponents(light: Any, sensitivity: Any, y: Any, out: Any) -> Any:
    red, green, blue = light[0, y], light[1, y], light[2, y]
    s0, s1, s2 = sensitivity[0], sensitivity[1], sensitivity[2]
    to_x, to_y, to_b = out[0, y], out[1, y], out[2, y]
    for x in range(red.size):
        r, g, b = red[x], green[x], blue[x]
        first = max((_M00 * r + _M01 * g + _M02 * b + _BIAS0) * s0[x], _BIAS0)
        second = max((_M10 * r + _M11 * g + _M12 * b + _BIAS1) * s1[x], _BIAS1)
        to_x[x] = first - second
        to_y[x] = first + second
        to_b[x] = max((_M20 * r + _M21 * g + _M22 * b + _BIAS2) * s2[x], _BIAS2)


@njit(nogil=True, cache=True, fastmath=FAST)
def opponent_colors(light: Any, half: Any, norm: Any, out: Any) -> Any:
    """Convert linear light to opponent colors: X (red against green), Y (luminance) and B (blue).

    Args:
        light: Shape (3, height, width), float32 linear RGB in nits.
        half: Taps of the blur that gives the light adaptation of the eye.
        norm: 1 / sum of its taps, float32.
        out: Shape (3, height, width), float32.
    """
    _, height, width = light.shape
    across, down = np.full(width, norm), np.full(height, norm)
    adapted = np.empty((3, height, width), np.float32)
    for plane in range(3):
        blur(light[plane], half, across, down, True, out[0], adapted[plane])
    sensitivity = np.empty((3, width), np.float32)
    bits, exponents = np.empty(width, np.int32), np.empty(width, np.float32)
    for y in range(height):
        red, green, blue = adapted[0, y], adapted[1, y], adapted[2, y]
        bits = sensitivity[0].view(np.int32)
        _sensitivity(red, green, blue, (_M00, _M01, _M02), _BIAS0, sensitivity[0], bits, exponents)
        bits = sensitivity[1].view(np.int32)
        _sensitivity(red, green, blue, (_M10, _M11, _M12), _BIAS1, sensitivity[1], bits, exponents)
        bits = sensitivity[2].view(np.int32)
        _sensitivity(red, green, blue, (_M20, _M21, _M22), _BIAS2, sensitivity[2], bits, exponents)
        _opponents(light, sensitivity, y, out)


@njit(nogil=True, cache=True, fastmath=FAST, inline="always")
def _remove(value: Any, width: Any) -> Any:
    """Shrink a value towards zero by `width` (dead zone)."""
    return max(value - width, _ZERO) + min(value + width, _ZERO)


@njit(nogil=True, cache=True, fastmath=FAST, inline="always")
def _amplify(value: Any, width: Any) -> Any:
    """Increase the magnitude of a value by at most `width`, at most to its double."""
    return value + min(max(value, -width), width)


@njit(nogil=True, cache=True, fastmath=FAST, inline="always")
def _softly_clamped(value: Any, most: Any) -> Any:
    """Reduce the slope of a value beyond `most`."""
    inside = min(max(value, -most), most)
    return inside + (value - inside) * _SLOPE


@njit(nogil=True, cache=True, fastmath=FAST)
def _subtract(plane: Any, blurred: Any) -> Any:
    for y in range(plane.shape[0]):
        row, other = plane[y], blurred[y]
        for x in range(row.size):
            row[x] -= other[x]


@njit(nogil=True, cache=True, fastmath=FAST)
def _finish_low(bands: Any) -> Any:
    """Scale the low band for comparison, and apply dead zone and gain to the medium one."""
    for y in range(bands.shape[1]):
        lf_x, lf_y, lf_b, mf_x, mf_y = bands[0, y], bands[1, y], bands[2, y], bands[3, y], bands[4, y]
        for x in range(lf_x.size):
            lf_x[x] *= _LF_X
            lf_b[x] = _LF_B * (lf_b[x] - _LF_B_FROM_Y * lf_y[x])
            lf_y[x] *= _LF_Y
        for x in range(mf_x.size):
            mf_x[x] = _remove(mf_x[x], _REMOVE_MF_X)
            mf_y[x] = _amplify(mf_y[x], _AMPLIFY_MF_Y)


@njit(nogil=True, cache=True, fastmath=FAST)
def _suppress(high_x: Any, high_y: Any) -> Any:
    """Reduce color contrast where luminance varies."""
    for y in range(high_x.shape[0]):
        row, other = high_x[y], high_y[y]
        for x in range(row.size):
            row[x] *= _FLOOR + _SHARE / (other[x] * other[x] + _SOFTNESS)


@njit(nogil=True, cache=True, fastmath=FAST)
def _finish_high(high: Any, bands: Any) -> Any:
    """Split the remainder after the medium band in high and ultra high; bands 6 and 7 hold it blurred."""
    for y in range(high.shape[1]):
        high_x, high_y = high[0, y], high[1, y]
        hf_x, hf_y, uhf_x, uhf_y = bands[6, y], bands[7, y], bands[8, y], bands[9, y]
        for x in range(high_x.size):
            uhf_x[x] = _remove(high_x[x] - hf_x[x], _REMOVE_UHF_X)
            hf_x[x] = _remove(hf_x[x], _REMOVE_HF_X)
        for x in range(high_y.size):
            soft = _softly_clamped(hf_y[x], _CLAMP_HF_Y)
            uhf_y[x] = _GAIN_UHF_Y * _softly_clamped(high_y[x] - soft, _CLAMP_UHF_Y)
            hf_y[x] = _amplify(_GAIN_HF_Y * soft, _AMPLIFY_HF_Y)


@njit(nogil=True, cache=True, fastmath=FAST)
def _activity(bands: Any, out: Any) -> Any:
    for y in range(out.shape[0]):
        row = out[y]
        hf_x, hf_y, uhf_x, uhf_y = bands[6, y], bands[7, y], bands[8, y], bands[9, y]
        for x in range(row.size):
            in_x, in_y = uhf_x[x] + hf_x[x], uhf_y[x] + hf_y[x]
            energy = np.sqrt(_MASK_X * in_x * in_x + _MASK_Y * in_y * in_y)
            row[x] = np.sqrt(_MASK_GAIN * energy + _MASK_OFFSET) - _MASK_ROOT


@njit(nogil=True, cache=True, fastmath=FAST)
def split_bands(colors: Any, taps: Any, across: Any, down: Any, bands: Any) -> Any:
    """Split an image into bands and blur the activity that masks differences.

    Args:
        colors: Shape (3, height, width), float32 X, Y, B; overwritten.
        taps: Halves of the four Gaussians: lf, hf, uhf, mask.
        across: For each Gaussian the factors of the columns, shape (width,) each.
        down: For each Gaussian the factors of the rows, shape (height,) each.
        bands: Shape (11, height, width), float32: lf X, Y, B; mf X, Y, B; hf X, Y; uhf X, Y; blurred activity.
    """
    rows = np.empty(colors.shape[1:], np.float32)
    for plane in range(3):
        blur(colors[plane], taps[0], across[0], down[0], False, rows, bands[plane])
        _subtract(colors[plane], bands[plane])
        blur(colors[plane], taps[1], across[1], down[1], False, rows, bands[3 + plane])
        if plane < 2:
            _subtract(colors[plane], bands[3 + plane])
    _finish_low(bands)
    _suppress(colors[0], colors[1])
    for plane in range(2):
        blur(colors[plane], taps[2], across[2], down[2], False, rows, bands[6 + plane])
    _finish_high(colors, bands)
    _activity(bands, colors[2])
    blur(colors[2], taps[3], across[3], down[3], False, rows, bands[10])


@njit(nogil=True, cache=True)
def any_nonzero(plane: Any) -> Any:
    """Return whether a plane has a value other than zero."""
    for y in range(plane.shape[0]):
        row = plane[y]
        for x in range(row.size):
            if row[x] != _ZERO:
                return True
    return False


@njit(nogil=True, cache=True, fastmath=FAST)
def _keep_three(first: Any, second: Any, third: Any, row: Any) -> Any:
    """Update the three smallest values of each pixel with a row."""
    for x in range(first.size):
        value = row[x]
        more = max(first[x], value)
        first[x] = min(first[x], value)
        most = max(second[x], more)
        second[x] = min(second[x], more)
        third[x] = min(third[x], most)


@njit(nogil=True, cache=True, fastmath=FAST)
def erode(blurred: Any, out: Any) -> Any:
    """Fill the mask: the weighted mean of the three smallest activities around each pixel, which ends with its texture.

    Args:
        blurred: Shape (height, width), float32, not negative.
        out: Shape (height, width), float32.
    """
    height, width = blurred.shape
    padded = np.full((height + 2 * _STEP, width + 2 * _STEP), _FAR)
    padded[_STEP : _STEP + height, _STEP : _STEP + width] = blurred
    second, third = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(height):
        first = out[y]
        first[:] = blurred[y]
        _scale(first, _TWO, second)
        third[:] = second
        for down in range(0, 2 * _STEP + 1, _STEP):
            for across in range(0, 2 * _STEP + 1, _STEP):
                if down != _STEP or across != _STEP:
                    _keep_three(first, second, third, padded[y + down, across : across + width])
        for x in range(width):
            first[x] = _SHARE1 * first[x] + _SHARE2 * second[x] + _SHARE3 * third[x]
