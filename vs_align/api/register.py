"""`register`: the transform from pixels of ref to pixels of clip for each scene, estimated from matched frames."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.enums import PlaceMethod, Track
from vs_align.nodes.checks import load_timeline
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from pathlib import Path

    from vs_align.io.progress import Progress
    from vs_align.measure.video import Video

type PlaceInput = PlaceMethod | Sequence[float]
"""How a place is found; or the place in pixels, (x, y) or (x, y, scale)."""

_NAME = "register"


def register(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    timeline: "Timeline | str | PathLike[str] | None" = None,
    *,
    method: "str | PlaceMethod | Sequence[float]" = "auto",
    scale: float | None = None,
    track: str | Track = "scene",
    mask: vs.VideoNode | None = None,
    ref_mask: vs.VideoNode | None = None,
    cache: "str | PathLike[str] | bool | None" = None,
    progress: "Progress | None" = None,
) -> Placement:
    """Find where the image of `ref` lies in that of `clip`: smaller, larger, cropped, letterboxed, turned, in part.

    The result maps pixels of `ref` to pixels of `clip`; see `Placement`.

    What is found is pooled over many frames, right to a fraction of a pixel, and steady: one transform for each scene
    of `ref`, the same for all scenes that it explains as well as any. Numbers very close to whole pixels, to the
    original size or to the edges of `clip` are snapped to them; versions that coincide already get exactly the resize
    transform. The search runs when the function is called, not when frames are requested, and its results are cached.
    Never call it within a filter's callback.

    Example:
        ```python
        timeline = vs_align.sync(bg, fg)
        placement = vs_align.register(bg, fg, timeline)
        x, y = placement.at(0).apply([(-0.5, -0.5)])[0] + 0.5  # where fg's corner lies in bg
        vs_align.overlay(bg, fg, timeline=timeline, placement=placement).set_output()
        ```

    Args:
        clip: The clip in whose frames the other one lies. Any constant format and size, any length.
        ref: The other clip. Any constant format and size, any length.
        timeline: `sync(clip, ref)`, or the path of its file. None: both show the same moments, frame by frame.
        method: How the placement is found; see `PlaceMethod`. Or numbers, (x, y) or (x, y, scale): the position of
            `ref`'s top left corner in `clip`, in clip pixels from its edges, and clip pixels per ref pixel.
        scale: Clip pixels per ref pixel, above 0; None: unknown.
        track: "scene" or "scan": whether slow moves within a scene are followed; see `Track`.
        mask: White where `clip` is ignored, such as a logo. Any format; its first frame counts, resized to `clip`.
        ref_mask: White where `ref` is ignored. Any format; its first frame counts, resized to `ref`.
        cache: Folder of cached results. None or True: a folder in the user's cache. False: no cache.
        progress: Called with the name of the stage, how much of it is done, and how much there is (0 if unknown).

    Returns:
        A placement, from pixels of `ref` to pixels of `clip`, with one entry for each scene, confidences and a verdict.
        If the images do not tell, `ref` lies in the middle of `clip` and the verdict is "doubtful".

    Raises:
        ArgumentError: An argument breaks one of the rules above.
        MediaError: The cache cannot be written to.

    Source:
        Masked normalised correlation (D. Padfield, IEEE Transactions on Image Processing, 2012) over scales, then
        efficient second-order minimisation (S. Benhimane and E. Malis, IROS 2004) on all frames together; SIFT
        (D. Lowe, International Journal of Computer Vision 60, 2004) where that does not convince.
    """
    clip, ref = checks.check_clip(_NAME, "clip", clip), checks.check_clip(_NAME, "ref", ref)
    place = checks.check_place(_NAME, "method", method)
    factor = checks.check_scale(_NAME, scale)
    follow = checks.check_option(_NAME, "track", track, Track)
    masks = _check_mask("mask", mask), _check_mask("ref_mask", ref_mask)
    frames = _matched_frames(timeline, clip, ref)
    folder = checks.check_cache(_NAME, cache)

    from vs_align.api.video import NodeVideo

    videos = [
        NodeVideo(node, name, folder, mask=excluded)
        for node, name, excluded in ((clip, "clip", masks[0]), (ref, "ref", masks[1]))
    ]
    return register_videos(videos[0], videos[1], frames, place, factor, follow, folder, progress)


def register_videos(
    clip: "Video",
    ref: "Video",
    frames: "Sequence[int | None]",
    place: PlaceInput,
    scale: float | None,
    track: Track,
    cache: "Path | None",
    progress: "Progress | None" = None,
) -> Placement:
    """Find where ref lies in clip, or return what was found before.

    Args:
        clip: The video in which the other one lies.
        ref: The other one.
        frames: The clip frame of each ref frame, or None.
        place: How the place is found; or numbers, (x, y) or (x, y, scale): ref's top left corner in clip in clip
            pixels, and clip pixels per ref pixel.
        scale: Clip pixels per ref pixel; None: unknown.
        track: Whether one transform holds per scene, or moves within scenes.
        cache: Folder in which placements are kept; None: nowhere.
        progress: Called with the stage, how much of it is done and how much there is.

    Raises:
        MediaError: A video cannot be decoded, or the cache cannot be written to.
    """
    from vs_align.measure.registration.placement_search.estimator import PlacementOptions, centered_placement
    from vs_align.measure.registration.placement_search.placement_cache import cached_placement

    if not isinstance(place, PlaceMethod):
        x, y, *rest = place
        return Placement.from_corner(clip.size, ref.size, x, y, rest[0] if rest else scale or 1.0)
    if place is PlaceMethod.CENTER:
        return centered_placement(clip.size, ref.size, scale)
    return cached_placement(cache, clip, ref, frames, PlacementOptions(place, scale, track), progress)


def _check_mask(name: str, mask: object) -> vs.VideoNode | None:
    return None if mask is None else checks.check_clip(_NAME, name, mask)


def _matched_frames(timeline: object, clip: vs.VideoNode, ref: vs.VideoNode) -> "Sequence[int | None]":
    if timeline is None:
        common = min(clip.num_frames, ref.num_frames)
        return [*range(common), *[None] * (ref.num_frames - common)]
    return load_timeline(_NAME, timeline, clip, ref).frame_map
