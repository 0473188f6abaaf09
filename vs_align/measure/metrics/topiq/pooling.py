"""Gate and adaptive average pooling of TOPIQ on the CPU, fused to save memory traffic."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vs_align.io.array_types import Float32Array
from vs_align.measure.metrics.topiq import kernels

_TAPS = 9
"""Taps of the last convolution of a gate, 3x3."""
_PADDED = 16
"""Columns of its matrix product: one with 9 columns is slower than one with 16."""


def pooled_in_one_pass(x: Tensor, y: Tensor, gate: nn.Sequential, size: tuple[int, int]) -> Tensor:
    """Compute `vs_align.measure.networks.cfanet.gated_means` for one pair of float32 maps on the CPU.

    The last convolution of a gate has one output channel, for which convolution libraries are slow: it becomes a
    matrix product and nine additions. The means of all three parts are computed in one pass over the maps.

    Args:
        x: (1, C, h, w) features of the candidate, fastest if channels last.
        y: (1, C, h, w) features of ref.
        gate: See `vs_align.measure.networks.cfanet.gated_means`.
        size: Rows and columns of cells (th, tw).

    Returns:
        (1, th tw, 3 C) gated means.
    """
    x_map, y_map = _last(x), _last(y)
    height, width, channels = x_map.shape
    difference = np.empty_like(x_map)
    kernels.differences(x_map.reshape(-1), y_map.reshape(-1), difference.reshape(-1))
    weights = np.empty((height, width), np.float32)
    kernels.gate(*_taps(torch.from_numpy(difference), gate), weights)
    pooled = np.empty((size[0] * size[1], 3 * channels), np.float32)
    kernels.gated_means(x_map, y_map, weights, *size, pooled)
    return torch.from_numpy(pooled)[None]


def _last(features: Tensor) -> Float32Array:
    """Return a map (1, C, h, w) as an array (h, w, C); without a copy if it is channels last."""
    array: Float32Array = features[0].permute(1, 2, 0).contiguous().numpy()
    return array


def _taps(difference: Tensor, gate: nn.Sequential) -> tuple[Float32Array, np.float32]:
    """Run a gate on (h, w, C) up to the last convolution; return (h, w, 16) and the bias of the sums."""
    first, second, last = gate[0], gate[2], gate[4]
    hidden = functional.gelu(functional.linear(difference, first.weight.flatten(1), first.bias))
    hidden = functional.gelu(second(hidden.permute(2, 0, 1)[None]))[0].permute(1, 2, 0)
    weights = hidden.new_zeros(_PADDED, hidden.shape[-1])
    weights[:_TAPS] = last.weight[0].flatten(1).T
    taps: Float32Array = functional.linear(hidden, weights).numpy()
    return taps, np.float32(last.bias.item())
