"""Numba kernels that compare sounds."""

from typing import Any

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "arcp", "nsz"}
_F = np.float32


@njit(nogil=True, cache=True, fastmath=FAST)
def band_levels(spectra: Any, edges: Any, floor: Any, out: Any) -> Any:
    """Write the logarithm of the power in each band.

    Args:
        spectra: (n, bins) complex64.
        edges: (bands + 1,) first bin of each band, and the end of the last.
        floor: Power per bin that is added, so that silence is level.
        out: (n, bands) float32.
    """
    for i in range(out.shape[0]):
        for b in range(out.shape[1]):
            total = _F(0)
            for k in range(edges[b], edges[b + 1]):
                value = spectra[i, k]
                total += value.real * value.real + value.imag * value.imag
            out[i, b] = np.log(total + floor * (edges[b + 1] - edges[b]))


@njit(nogil=True, cache=True)
def whiten(levels: Any, near: Any, far: Any, floor: Any) -> Any:
    """Take from each band its running mean and divide by its running deviation, in place.

    Args:
        levels: (n, bands) float32.
        near: Half the width of the mean, frames.
        far: Half the width of the deviation, frames.
        floor: Added to the variance, so that what is level stays so.
    """
    n, bands = levels.shape
    sums = np.zeros(n + 1)
    for b in range(bands):
        for i in range(n):
            sums[i + 1] = sums[i] + levels[i, b]
        for i in range(n):
            first, end = max(0, i - near), min(n, i + near + 1)
            levels[i, b] -= (sums[end] - sums[first]) / (end - first)
        for i in range(n):
            sums[i + 1] = sums[i] + levels[i, b] * levels[i, b]
        for i in range(n):
            first, end = max(0, i - far), min(n, i + far + 1)
            value = levels[i, b] / np.sqrt((sums[end] - sums[first]) / (end - first) + floor)
            levels[i, b] = min(_F(3), max(_F(-3), value))


@njit(nogil=True, cache=True, fastmath=FAST)
def cross_spectra(chunk: Any, blocks: Any, out: Any) -> Any:
    """Sum conj(chunk) * block over the bands.

    Args:
        chunk: (bands, bins) complex64.
        blocks: (blocks, bands, bins) complex64.
        out: (blocks, bins) complex64.
    """
    for j in range(out.shape[0]):
        row = out[j]
        row[:] = 0
        for b in range(chunk.shape[0]):
            left, right = chunk[b], blocks[j, b]
            for k in range(row.shape[0]):
                row[k] += np.conj(left[k]) * right[k]


@njit(nogil=True, cache=True, fastmath=FAST)
def evidence(ref: Any, clip: Any, first: Any, speed: Any, step: Any, floor: Any, out: Any) -> Any:
    """Write how alike both are along a line, for each `step` frames of ref: a correlation of -1 to 1.

    Args:
        ref: (n, bands) float32, whitened.
        clip: (m, bands) float32, whitened.
        first: Clip frame at ref frame 0.
        speed: Clip frames per ref frame.
        step: Ref frames per value.
        floor: Added to what the product is divided by, so that silence is like nothing.
        out: (steps,) float32. Where clip has nothing it is 0.
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
def best_way(gains: Any, places: Any, jump: Any, back: Any, gap: Any) -> Any:
    """Return the line with the best sum of gains at each step, -1 where none is good (Viterbi 1967).

    Args:
        gains: (lines, steps) float32, above 0 where a line is better than none.
        places: (lines, steps) float32, clip frame of each line at each step.
        jump: Cost of another line.
        back: Cost of another line that is further back in clip.
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
                    price = back if places[j, i] < places[k, i] - 5 else jump
                    if k != j and cost[k] - price > best:
                        best, source = cost[k] - price, k
                new[j] = best + gains[j, i]
            came[j, i] = source
        cost[:] = new
    way = np.empty(steps, np.int16)
    state = int(np.argmax(cost))
    for i in range(steps - 1, -1, -1):
        way[i] = state if state < lines else -1
        state = came[state, i]
    return way


@njit(nogil=True, cache=True, fastmath=FAST)
def resample(samples: Any, first: Any, speed: Any, out: Any) -> Any:
    """Take samples at first, first + speed, ...: cubic Lagrange interpolation; 0 outside.

    Args:
        samples: (n,) int16.
        first: Place of the first in samples; may be a fraction.
        speed: Samples from one to the next.
        out: (m,) float32.
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


@njit(nogil=True, cache=True, fastmath=FAST)
def phase_only(left: Any, right: Any, first: Any, end: Any) -> Any:
    """Write conj(left) * right with all magnitudes 1 into left: bins from `first` to before `end`, 0 elsewhere."""
    total = _F(0)
    for k in range(first, end):
        value = np.conj(left[k]) * right[k]
        total += np.sqrt(value.real * value.real + value.imag * value.imag)
        left[k] = value
    # Bins in which there is next to nothing hold rounding only, and must not be raised to the rest.
    floor = _F(1e-4) * total / _F(max(1, end - first)) + _F(1e-20)
    left[:first] = 0
    left[end:] = 0
    for k in range(first, end):
        value = left[k]
        left[k] = value / (np.sqrt(value.real * value.real + value.imag * value.imag) + floor)


@njit(nogil=True, cache=True, fastmath=FAST)
def lag_products(ref: Any, clip: Any, begin: Any, end: Any, first: Any, speed: Any, out: Any) -> Any:
    """Write how alike frames `begin` to before `end` of ref are to clip along a line, for each lag about it.

    Args:
        ref: (n, bands) float32, whitened.
        clip: (m, bands) float32, whitened.
        begin: Ref frame.
        end: Ref frame.
        first: Clip frame at ref frame 0.
        speed: Clip frames per ref frame.
        out: (2 * reach + 1,) float32 for lags of -reach to reach clip frames.
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


@njit(nogil=True, cache=True, fastmath=FAST)
def phase_likeness(left: Any, right: Any, first: Any, end: Any, out: Any) -> Any:
    """Write the mean cosine of the differences of phase in bins from `first` to before `end`.

    Args:
        left: (n, bins) complex64.
        right: (n, bins) complex64.
        first: Bin.
        end: Bin.
        out: (n,) float32, -1 to 1; 0 is chance or silence.
    """
    for i in range(out.shape[0]):
        total = _F(0)
        for k in range(first, end):
            x, y = left[i, k], right[i, k]
            power = (x.real * x.real + x.imag * x.imag) * (y.real * y.real + y.imag * y.imag)
            total += (x.real * y.real + x.imag * y.imag) / (np.sqrt(power) + _F(1))
        out[i] = total / _F(max(1, end - first))
