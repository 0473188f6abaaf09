"""Disk cache of placements, keyed by videos, matched frames, masks and options."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from vs_align.io.progress import Progress
from vs_align.measure.registration.placement_search.estimator import PlacementOptions, estimate_placement
from vs_align.measure.video import Video
from vs_align.media.cache import memoized_placement
from vs_align.placement.placement import Placement


def cached_placement(
    folder: Path | None,
    clip: Video,
    ref: Video,
    frames: Sequence[int | None],
    options: PlacementOptions,
    progress: Progress | None = None,
) -> Placement:
    """Estimate a placement, or return the cached one of the same videos, frames and options.

    Args:
        folder: Folder of the cache; None: no cache.
        clip: The video that contains the other one.
        ref: The other video.
        frames: The clip frame of each ref frame, or None.
        options: Options of the search.
        progress: Called with stage, finished and total number of steps.

    Raises:
        MediaError: The folder cannot be written to.
    """
    numbers = np.array([-1 if frame is None else frame for frame in frames], np.int64)
    sums = blake2b(numbers.tobytes(), digest_size=16)
    for side in (clip, ref):
        sums.update(b"" if side.excluded is None else np.packbits(side.excluded).tobytes())
    question = clip.identity, ref.identity, clip.size, ref.size, options, sums.hexdigest()
    return memoized_placement(folder, question, lambda: estimate_placement(clip, ref, frames, options, progress))
