"""`kept_placement`: places that were found before."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from vs_align.decide.synchronization.options import Progress
from vs_align.measure.registration.placement_search.estimator import PlaceOptions, Side, place_films
from vs_align.media.cache import remembered_placement
from vs_align.placement.placement import Placement


def kept_placement(
    folder: Path | None,
    clip: Side,
    ref: Side,
    frames: Sequence[int | None],
    options: PlaceOptions,
    progress: Progress | None = None,
) -> Placement:
    """Find a placement, or return the one that was found before for the same films, frames and options.

    Args:
        folder: Where placements are kept; None: nowhere.
        clip: See `place_films`, also for the rest.
        ref: Likewise.
        frames: Likewise.
        options: Likewise.
        progress: Likewise.

    Raises:
        MediaError: The folder cannot be written to.
    """
    numbers = np.array([-1 if frame is None else frame for frame in frames], np.int64)
    sums = blake2b(numbers.tobytes(), digest_size=16)
    for side in (clip, ref):
        sums.update(b"" if side.excluded is None else np.packbits(side.excluded).tobytes())
    question = clip.identity, ref.identity, clip.size, ref.size, options, sums.hexdigest()
    return remembered_placement(folder, question, lambda: place_films(clip, ref, frames, options, progress))
