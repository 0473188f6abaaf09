"""Tiling of network layers to limit memory, with exact results up to rounding.

Each step of the network has a finite receptive field. A tile is computed together with that much of its surroundings,
so that what is kept of it equals the result for the whole image and tiles need no blending. That holds for one step;
over the whole network the receptive fields add up to half an image. Therefore each step is tiled on its own, and the
data between steps is kept whole.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

Part = tuple[slice, slice]
"""Rows and columns of an image."""

_MEMORY_SHARE = 0.4
"""Share of the free memory to use: on CUDA two calls may run at once, and other programs need some, too."""
_MIN_BYTES = 1 << 28
"""Bytes that the work on a tile may take in any case; with less, tiles would consist of overlap mostly."""
_HELD_BYTES_PER_PIXEL = 200
"""Bytes per pixel that a pass holds for the whole image: images, features, flows. Measured with `_MIN_BYTES`."""
_MEMORY_TABLE = Path("/proc/meminfo")
_ASSUMED_BYTES = 4 << 30
"""Free bytes that are assumed if the system does not tell."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image, and the larger part that determines it."""

    kept: Part
    seen: Part

    @property
    def inner(self) -> Part:
        """The kept part relative to the corner of the seen part."""
        rows, columns = (
            slice(kept.start - seen.start, kept.stop - seen.start)
            for kept, seen in zip(self.kept, self.seen, strict=True)
        )
        return rows, columns


def plan_tiles(size: Sequence[int], most: int | None, reach: int, multiple: int) -> list[Tile]:
    """Divide an image into tiles with the least work that memory allows.

    Args:
        size: Height and width in pixels.
        most: Largest number of pixels that a tile may see; None: no limit. It is exceeded if each kept side would
            otherwise be shorter than twice the reach, because the work would grow without bound.
        reach: Number of pixels around the kept part that are seen at least, within the image.
        multiple: Tiles begin at multiples of this, and end there or at the end of the image.

    Returns:
        Tiles, row by row. Their kept parts cover each pixel of the image once.
    """
    height, width = size
    if most is None or height * width <= most:
        whole = slice(0, height), slice(0, width)
        return [Tile(whole, whole)]
    reach = _rounded_up(reach, multiple)
    least = max(2 * reach, multiple)
    ranked = []
    for count in range(1, -(-width // least) + 1):
        columns = _rounded_up(-(-width // count), multiple)
        across = min(width, columns + 2 * reach)
        tall = most // across
        rows = height if tall >= height else max((tall - 2 * reach) // multiple * multiple, least)
        rows = _rounded_up(-(-height // -(-height // rows)), multiple)
        seen = across * min(height, rows + 2 * reach)
        ranked.append((max(seen, most), seen * count * -(-height // rows), rows, columns))
    *_, rows, columns = min(ranked)
    bands = [list(_spans(length, core, reach)) for length, core in ((height, rows), (width, columns))]
    return [Tile((row[0], column[0]), (row[1], column[1])) for row in bands[0] for column in bands[1]]


def run_tiled(work: Callable[[Part], Tensor], tiles: Sequence[Tile]) -> Tensor:
    """Run a function on each tile.

    Args:
        work: Returns (n, channels, h, w) for a seen part, of the same height and width.
        tiles: Result of `plan_tiles`. A single tile is processed as a whole.

    Returns:
        (n, channels, height, width) for the whole image.
    """
    first, *others = tiles
    made = work(first.seen)
    if not others:
        return made
    whole = made.new_empty((*made.shape[:2], *(part.stop for part in tiles[-1].kept)))
    whole[(..., *first.kept)] = made[(..., *first.inner)]
    for tile in others:
        whole[(..., *tile.kept)] = work(tile.seen)[(..., *tile.inner)]
    return whole


def memory_budget(device: torch.device, pixels: int) -> int:
    """Return the number of bytes that the work on a tile of an image of so many pixels may take."""
    return max(_MIN_BYTES, int(_MEMORY_SHARE * _free_bytes(device)) - _HELD_BYTES_PER_PIXEL * pixels)


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        # Memory that the allocator holds in reserve is free, too.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + kept)
    if _MEMORY_TABLE.is_file():
        for line in _MEMORY_TABLE.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return _ASSUMED_BYTES


def _spans(length: int, core: int, reach: int) -> list[tuple[slice, slice]]:
    spans = []
    for start in range(0, length, core):
        stop = min(start + core, length)
        spans.append((slice(start, stop), slice(max(0, start - reach), min(length, stop + reach))))
    return spans


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
