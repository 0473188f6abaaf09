"""Two sounds at once, block by block."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vs_align.io.array_types import Float32Array


def summed(first: "Iterator[Float32Array]", second: "Iterator[Float32Array]") -> "Iterator[Float32Array]":
    """Yield the sums of two sounds of one length, float32 of shape (n, channels), whatever blocks they come in."""
    left, right = next(first, None), next(second, None)
    while left is not None and right is not None:
        count = min(len(left), len(right))
        yield left[:count] + right[:count]
        left = left[count:] if len(left) > count else next(first, None)
        right = right[count:] if len(right) > count else next(second, None)


def safe_gain(blocks: "Iterable[Float32Array]") -> float:
    """Return by what a sound must be multiplied so that it does not clip: 1.0 where it does not anyway."""
    peak = 1.0
    for block in blocks:
        peak = max(peak, float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
    return 1 / peak
