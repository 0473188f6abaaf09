"""Weights made by a rule, for tests and measurements of a network whose trained weights may not be at hand.

Each entry depends on its own name and shape only, so the order does not matter. With them the scores of TOPIQ say
nothing about quality, but every layer takes part in them, and the time that they take is that of the trained weights.
"""

import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

_COUNTER = "num_batches_tracked"


def generated_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.float32 | np.int64]]:
    """Make an array for each entry of a state dict of CFANet.

    Args:
        shapes: The shape of each entry by its name.

    Returns:
        float32 arrays of these shapes by name; counters of batches are int64 zeros.
    """
    return {name: _entry(name, shape) for name, shape in shapes.items()}


def _entry(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32 | np.int64]:
    if name.endswith(_COUNTER):
        return np.zeros(shape, np.int64)
    uniform = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).random(shape)
    spread = (2 * uniform - 1) * np.sqrt(3)  # mean 0, variance 1
    if name.endswith("running_mean"):
        value = 0.1 * spread
    elif name.endswith("running_var"):
        value = 0.5 + uniform
    elif name in ("h_emb", "w_emb"):
        value = 0.5 * spread
    elif len(shape) == 1 and name.endswith("weight"):
        # the last normalisation of a block is kept small, or sixteen blocks would add up to huge values
        value = (1 + 0.1 * spread) * (0.3 if name.endswith("bn3.weight") else 1)
    elif len(shape) == 1:
        value = 0.05 * spread
    else:
        gain = 2 if name.startswith(("semantic_model", "weight_pool")) else 1
        value = spread * np.sqrt(gain / np.prod(shape[1:]))
    return np.asarray(value, np.float32)
