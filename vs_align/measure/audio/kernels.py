"""Numba kernels of audio matching: band levels, whitening, correlations, GCC-PHAT weighting, resampling, Viterbi."""

from typing import Any

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract", "arcp", "nsz"}
"""Floating-point rewrites allowed: reordering and reciprocals, but NaN and infinity keep their meaning."""
_F = np.float32


@njit(nogil=True, cache=True, fastmath=_FAST)
def band_levels(spectra: Any, edges: Any, floor: Any, out: Any) -> Any:
    """Fill the natural logarithm of the power in each band.

    Args:
        spectra: (n, bins) complex64.
        edges: (bands + 1,) first bin of each band, and the end of the last.
        floor: Power per bin added before the logarithm, so that silence is constant.
        out: (n, bands) float32, filled.
    """
    for i in range(out.shape[0]):
        for b in range(out.shape[1]):
            total = _F(0)
            for k in range(edges[b], edges[b + 1]):
                value = spectra[i, k]
                total += value.real * value.real + value.imag * value.imag
            out[i, b] = np.log(total + floor * (edges[b + 1] - edges[b]))


@njit(nogil=True, cache=True)
def whiten(levels: Any, mean_reach: Any, deviation_reach: Any, floor: Any) -> Any:
    """Subtract the running mean of each band and divide by its running standard deviation, in place; clip to -3..3.

    Args:
        levels: (n, bands) float32.
        mean_reach: Half width of the running mean, frames.
        deviation_reach: Half width of the running deviation, frames.
        floor: Added to the variance, so that constant bands stay near 0.
    """
    n, bands = levels.shape
    sums = np.zeros(n + 1)
    for b in range(bands):
        for i in range(n):
            sums[i + 1] = sums[i] + levels[i, b]
        for i in range(n):
            first, end = max(0, i - mean_reach), min(n, i + mean_reach + 1)
            levels[i, b] -= (sums[end] - sums[first]) / (end - first)
        for i in range(n):
            sums[i + 1] = sums[i] + levels[i, b] * levels[i, b]
        for i in range(n):
            first, end = max(0, i - deviation_reach), min(n, i + deviation_reach + 1)
            value = levels[i, b] / np.sqrt((sums[end] - sums[first]) / (end - first) + floor)
            levels[i, b] = min(_F(3), max(_F(-3), value))


@njit(nogil=True, cache=True, fastmath=_FAST)
def cross_spectra(chunk: Any, blocks: Any, out: Any) -> Any:
    """Fill the cross-spectrum conj(chunk) * block of each block, summed over the bands.

    Args:
        chunk: (bands, bins) complex64.
        blocks: (blocks, bands, bins) complex64.
        out: (blocks, bins) complex64, filled.
    """
    for j in range(out.shape[0]):
        row = out[j]
        row[:] = 0
        for b in range(chunk.shape[0]):
            left, right = chunk[b], blocks[j, b]
            for k in range(row.shape[0]):
                row[k] += np.conj(left[k]) * right[k]


@njit(nogil=True, cache=True, fastmath=_FAST)
def line_correlation(ref: Any, clip: Any, first: Any, speed: Any, step: Any, floor: Any, out: Any) -> Any:
    """Fill the correlation of both tracks along a line, one value per `step` ref frames.

    Args:
        ref: (n, bands) float32, whitened.
        clip: (m, bands) float32, whitened.
        first: Clip frame at ref frame 0.
        speed: Clip frames per ref frame.
        step: Ref frames per value.
        floor: Added to the denominator, so that silence correlates with nothing.
        out: (steps,) float32 from -1 to 1, filled; 0 where clip has no frames.
    """
    for i in range(out.shape[0]):
        total, left, right = _F(0), _F(0), _F(0)
        for n in range(i * step, min((i + 1) * step, ref.shape[0])):
            m = int(np.floor(first + n * speed + 0.5))
            if m < 0 or m >= clip.shape[0]:
                continue
            for b in range(ref.shape[1]):
                x, y = ref[n, b], clip[m, b]
                total += x * y
                left += x * x
                right += y * y
        out[i] = total / (np.sqrt(left * right) + floor)


@njit(nogil=True, cache=True)
def viterbi_path(gains: Any, positions: Any, jump: Any, back: Any, gap: Any) -> Any:
    """Return the line with the highest total gain at each step, -1 for none (A. Viterbi 1967).

    Args:
        gains: (lines, steps) float32, above 0 where a line is better than none.
        positions: (lines, steps) float32, clip frame of each line at each step.
        jump: Cost of changing to another line.
        back: Cost of changing to a line whose clip position lies earlier.
        gap: Cost of the end and of the beginning of a line.
    """
    lines, steps = gains.shape
    came = np.empty((lines + 1, steps), np.int16)
    cost, new = np.zeros(lines + 1), np.zeros(lines + 1)
    for i in range(steps):
        for j in range(lines + 1):
            best, source = cost[j], j
            if j == lines:
                for k in range(lines):
                    if cost[k] - gap > best:
                        best, source = cost[k] - gap, k
                new[j] = best
            else:
                if cost[lines] - gap > best:
                    best, source = cost[lines] - gap, lines
                for k in range(lines):
                    price = back if positions[j, i] < positions[k, i] - 5 else jump
                    if k != j and cost[k] - price > best:
                        best, source = cost[k] - price, k
                new[j] = best + gains[j, i]
            came[j, i] = source
        cost[:] = new
    path = np.empty(steps, np.int16)
    state = int(np.argmax(cost))
    for i in range(steps - 1, -1, -1):
        path[i] = state if state < lines else -1
        state = came[state, i]
    return path


@njit(nogil=True, cache=True, fastmath=_FAST)
def resample(samples: Any, first: Any, speed: Any, out: Any) -> Any:
    """Sample at first, first + speed, ... by cubic Lagrange interpolation; 0 outside.

    Args:
        samples: (n,) int16.
        first: Position of the first output in samples; may be a fraction.
        speed: Input samples per output sample.
        out: (m,) float32, filled.
    """
    size = samples.shape[0]
    for i in range(out.shape[0]):
        place = first + i * speed
        k = int(np.floor(place))
        if k < 1 or k >= size - 2:
            out[i] = _F(samples[k]) if 0 <= k < size else _F(0)
            continue
        x = _F(place - k)
        a, b, c, d = _F(samples[k - 1]), _F(samples[k]), _F(samples[k + 1]), _F(samples[k + 2])
        out[i] = (
            -a * x * (x - _F(1)) * (x - _F(2)) / _F(6)
            + b * (x + _F(1)) * (x - _F(1)) * (x - _F(2)) / _F(2)
            - c * (x + _F(1)) * x * (x - _F(2)) / _F(2)
            + d * (x + _F(1)) * x * (x - _F(1)) / _F(6)
        )


@njit(nogil=True, cache=True, fastmath=_FAST)
def phase_transform(left: Any, right: Any, first: Any, end: Any) -> Any:
    """Write the phase-transform weighted cross-spectrum conj(left) * right / |left * right| into left (GCC-PHAT).

    Args:
        left: (bins,) complex64, overwritten.
        right: (bins,) complex64.
        first: First bin of the pass band.
        end: One past its last bin; bins outside the pass band become 0.
    """
    total = _F(0)
    for k in range(first, end):
        value = np.conj(left[k]) * right[k]
        total += np.sqrt(value.real * value.real + value.imag * value.imag)
        left[k] = value
    # Bins with almost no power hold rounding errors only, and must not be raised to the weight of the rest.
    floor = _F(1e-4) * total / _F(max(1, end - first)) + _F(1e-20)
    left[:first] = 0
    left[end:] = 0
    for k in range(first, end):
        value = left[k]
        left[k] = value / (np.sqrt(value.real * value.real + value.imag * value.imag) + floor)


@njit(nogil=True, cache=True, fastmath=_FAST)
def lag_correlation(ref: Any, clip: Any, begin: Any, end: Any, first: Any, speed: Any, out: Any) -> Any:
    """Fill the inner products of ref frames begin..end-1 with clip along a line, for each lag about the line.

    Args:
        ref: (n, bands) float32, whitened.
        clip: (m, bands) float32, whitened.
        begin: First ref frame.
        end: One past the last ref frame.
        first: Clip frame at ref frame 0.
        speed: Clip frames per ref frame.
        out: (2 * reach + 1,) float32 for lags of -reach to reach clip frames, filled.
    """
    reach = out.shape[0] // 2
    out[:] = 0
    for n in range(begin, end):
        place = int(np.floor(first + n * speed + 0.5))
        for k in range(-reach, reach + 1):
            m = place + k
            if m < 0 or m >= clip.shape[0]:
                continue
            total = _F(0)
            for b in range(ref.shape[1]):
                total += ref[n, b] * clip[m, b]
            out[k + reach] += total


@njit(nogil=True, cache=True, fastmath=_FAST)
def phase_coherence(left: Any, right: Any, first: Any, end: Any, out: Any) -> Any:
    """Fill the mean cosine of the phase differences over bins first..end-1.

    Args:
        left: (n, bins) complex64.
        right: (n, bins) complex64.
        first: First bin.
        end: One past the last bin.
        out: (n,) float32 from -1 to 1, filled; 0 for unrelated audio or silence.
    """
    for i in range(out.shape[0]):
        total = _F(0)
        for k in range(first, end):
            x, y = left[i, k], right[i, k]
            power = (x.real * x.real + x.imag * x.imag) * (y.real * y.real + y.imag * y.imag)
            total += (x.real * y.real + x.imag * y.imag) / (np.sqrt(power) + _F(1))
        out[i] = total / _F(max(1, end - first))
