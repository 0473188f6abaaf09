"""Large pictures in tiles, where memory would not hold the work on the whole.

Each step of the network looks no further than its reach. A tile is seen together with that much of what surrounds it,
and what is kept of it is what the whole picture would have given, to rounding: neighbours agree where they meet, and
there is no seam to blend away. That holds for one step. Over the whole network the reaches add up to half a picture,
so tiles go round each step and not round all of them, and what one step hands the next is kept whole.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

Part = tuple[slice, slice]
"""Rows and columns of a picture."""

_SHARE = 0.4
"""Of the free memory: on CUDA two calls may run at once, and others want some too."""
_LEAST = 1 << 28
"""Bytes that the work on a tile may take in any case; in less, it would be overlap and little else."""
_HELD = 200
"""Bytes for each pixel that a pass holds of the whole picture: pictures, features, flows. Measured with `_LEAST`."""
_MEMORY_TABLE = Path("/proc/meminfo")
_UNKNOWN = 4 << 30
"""Bytes taken to be free where the system does not say."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture, and the larger part that must be seen to know it."""

    kept: Part
    seen: Part

    @property
    def inner(self) -> Part:
        """What is kept, counted from the corner of what is seen."""
        rows, columns = (
            slice(kept.start - seen.start, kept.stop - seen.start)
            for kept, seen in zip(self.kept, self.seen, strict=True)
        )
        return rows, columns


def plan(size: Sequence[int], most: int | None, reach: int, multiple: int) -> list[Tile]:
    """Cut a picture into tiles, with the least work that memory allows.

    Args:
        size: Height and width in pixels.
        most: How many pixels a tile may see, None for all. More are seen where each side kept would otherwise be less
            than twice the reach, because the work would grow without bound.
        reach: How many pixels round what is kept are seen at least, where the picture has them.
        multiple: Tiles begin at multiples of this, and end there or where the picture ends.

    Returns:
        The tiles, row by row. What they keep makes up the picture, each pixel once.
    """
    height, width = size
    if most is None or height * width <= most:
        whole = slice(0, height), slice(0, width)
        return [Tile(whole, whole)]
    reach = _raised(reach, multiple)
    least = max(2 * reach, multiple)
    ranked = []
    for count in range(1, -(-width // least) + 1):
        columns = _raised(-(-width // count), multiple)
        across = min(width, columns + 2 * reach)
        tall = most // across
        rows = height if tall >= height else max((tall - 2 * reach) // multiple * multiple, least)
        rows = _raised(-(-height // -(-height // rows)), multiple)
        seen = across * min(height, rows + 2 * reach)
        ranked.append((max(seen, most), seen * count * -(-height // rows), rows, columns))
    *_, rows, columns = min(ranked)
    bands = [list(_spans(length, core, reach)) for length, core in ((height, rows), (width, columns))]
    return [Tile((row[0], column[0]), (row[1], column[1])) for row in bands[0] for column in bands[1]]


def in_tiles(work: Callable[[Part], Tensor], tiles: Sequence[Tile]) -> Tensor:
    """Do the work on each tile.

    Args:
        work: Makes of what a tile sees something of the same size, (n, channels, h, w).
        tiles: As `plan` returns them. A single one is worked on as if there were none.

    Returns:
        The same for the whole picture.
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


def room_on(device: torch.device, pixels: int) -> int:
    """Return how many bytes the work on a tile of a picture of so many pixels may take."""
    return max(_LEAST, int(_SHARE * _free(device)) - _HELD * pixels)


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        # what the allocator keeps for later is free as well
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + kept)
    if _MEMORY_TABLE.is_file():
        for line in _MEMORY_TABLE.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return _UNKNOWN


def _spans(length: int, core: int, reach: int) -> list[tuple[slice, slice]]:
    spans = []
    for start in range(0, length, core):
        stop = min(start + core, length)
        spans.append((slice(start, stop), slice(max(0, start - reach), min(length, stop + reach))))
    return spans


def _raised(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
