"""`register_files`: where one file's picture lies in another's; fingerprints that `sync_files` took are used again."""

from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.measure.registration.placement_search.estimator import PlaceOptions, Side
from vs_align.measure.registration.placement_search.placement_cache import kept_placement
from vs_align.media.cache import file_identity

if TYPE_CHECKING:
    import vapoursynth as vs

    from vs_align.decide.synchronization.options import Progress
    from vs_align.io.array_types import BoolArray
    from vs_align.media.source import Source
    from vs_align.placement.placement import Placement
    from vs_align.timeline.timeline import Timeline


def register_files(
    clip: "tuple[Source, vs.VideoNode]",
    ref: "tuple[Source, vs.VideoNode]",
    timeline: "Timeline",
    options: PlaceOptions,
    hidden: "BoolArray | None",
    folder: Path | None,
    progress: "Progress | None" = None,
) -> "Placement":
    """Find where ref's picture lies in clip's.

    Args:
        clip: The file in which the other one lies, and its frames.
        ref: The other one.
        timeline: Which frame of clip belongs to which frame of ref.
        options: How to look.
        hidden: What does not count in ref's picture, bool (h, w); None: nothing.
        folder: Where fingerprints and conclusions are kept; None: nowhere.
        progress: Told what is being done, how much of it is done, and how much there is.

    Raises:
        MediaError: A file cannot be decoded, or the folder cannot be written to.
    """
    from vs_align.measure.fingerprints.extraction import file_fingerprints

    sides = [
        Side(node, file_fingerprints(source.file, folder, progress), excluded, file_identity(source.file.path))
        for (source, node), excluded in ((clip, None), (ref, hidden))
    ]
    return kept_placement(folder, sides[0], sides[1], timeline.frame_map, options, progress)
