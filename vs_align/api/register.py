"""`register`: the transforms that map pixels of ref to pixels of clip, over their whole lengths."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.enums import PlaceMethod, Track
from vs_align.errors import ArgumentError
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from vs_align.decide.synchronization.options import Progress
    from vs_align.io.array_types import BoolArray

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
    of `ref`, the same for all scenes that it explains as well as any. Numbers that are within a hair of whole pixels,
    of the original size or of the edges of `clip` are exactly that; versions that lie on each other already get exactly
    the neutral transform. It works at once, not when frames are asked for, and keeps what it finds. Never call it
    within a filter's callback.

    Example:
        ```python
        timeline = vs_align.sync(bg, fg)
        placement = vs_align.register(bg, fg, timeline)
        x, y = placement.at(0).apply([(-0.5, -0.5)])[0] + 0.5  # where fg's corner lies in bg
        vs_align.overlay(bg, fg, timeline=timeline, placement=placement).set_output()
        ```

    Args:
        clip: The picture in which the other one lies. Any constant format and size, any length.
        ref: The other one, likewise.
        timeline: `sync(clip, ref)`, or the path of its file. None: both show the same moments, frame by frame.
        method: What finds the place; see `PlaceMethod`. Or numbers, (x, y) or (x, y, scale): the place of `ref`'s top
            left corner in `clip`, in clip pixels from its edges, and clip pixels per ref pixel.
        scale: Clip pixels per ref pixel, where it is known, above 0.
        track: "scene" or "scan": whether slow moves within a scene are followed; see `Track`.
        mask: What does not count in `clip`, such as a logo: white is left out. Any format, its first frame counts, and
            is stretched to `clip`.
        ref_mask: Likewise for `ref`.
        cache: Folder for what is kept. None or True: a folder in the user's cache. False: nothing is kept.
        progress: Called with what is being done, how much of it is done, and how much there is.

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
    kind, corner = _check_method(method)
    factor = checks.check_scale(_NAME, scale)
    follow = checks.check_option(_NAME, "track", track, Track)
    masks = _check_mask("mask", mask), _check_mask("ref_mask", ref_mask)
    frames = _check_timeline(timeline, clip, ref)
    folder = checks.check_cache(_NAME, cache)
    sizes = (clip.width, clip.height), (ref.width, ref.height)
    if corner is not None:
        return Placement.from_corner(*sizes, corner[0], corner[1], corner[2] if len(corner) > 2 else factor or 1.0)

    from vs_align.measure.fingerprints.extraction import node_fingerprints
    from vs_align.measure.registration.placement_search.estimator import PlaceOptions, Side, middle_placement
    from vs_align.measure.registration.placement_search.placement_cache import kept_placement
    from vs_align.nodes.thumbnails import node_identity

    if kind is PlaceMethod.CENTER:
        return middle_placement(*sizes, factor)
    names = [node_identity(node) if folder is not None else "" for node in (clip, ref)]
    films = [
        node_fingerprints(node, name, folder, progress, identity)
        for node, name, identity in zip((clip, ref), ("clip", "ref"), names, strict=True)
    ]
    sides = [
        Side(node, film, white_of(mask, node), name)
        for node, film, mask, name in zip((clip, ref), films, masks, names, strict=True)
    ]
    return kept_placement(folder, sides[0], sides[1], frames, PlaceOptions(kind, factor, follow), progress)


def _check_method(method: object) -> tuple[PlaceMethod, Sequence[float] | None]:
    if isinstance(method, str | PlaceMethod) or not isinstance(method, Sequence):
        return checks.check_option(_NAME, "method", method, PlaceMethod), None
    if len(method) not in (2, 3):
        raise ArgumentError(_NAME, "method", "must have two or three numbers: x, y and scale", repr(method))
    return PlaceMethod.CENTER, checks.check_corner(_NAME, "method", method)


def _check_mask(name: str, mask: object) -> vs.VideoNode | None:
    return None if mask is None else checks.check_clip(_NAME, name, mask)


def _check_timeline(timeline: object, clip: vs.VideoNode, ref: vs.VideoNode) -> "Sequence[int | None]":
    if timeline is None:
        common = min(clip.num_frames, ref.num_frames)
        return [*range(common), *[None] * (ref.num_frames - common)]
    if isinstance(timeline, str | PathLike):
        timeline = Timeline.load(timeline)
    if not isinstance(timeline, Timeline):
        rule = "must be a Timeline or the path of its JSON file"
        raise ArgumentError(_NAME, "timeline", rule, type(timeline).__name__)
    wanted = timeline.clip_length, timeline.ref_length
    for name, node, length in (("clip", clip, wanted[0]), ("ref", ref, wanted[1])):
        if node.num_frames != length:
            swapped = (ref.num_frames, clip.num_frames) == wanted
            advice = "; was it made by sync(ref, clip)? Use timeline.inverse()" if swapped else ""
            rule = f"must be as long as the timeline's {name} ({length} frames{advice})"
            raise ArgumentError(_NAME, name, rule, node.num_frames)
    return timeline.frame_map


def white_of(mask: vs.VideoNode | None, node: vs.VideoNode) -> "BoolArray | None":
    """Where the first frame of a mask is white, stretched to a clip; None without a mask, and for a black one."""
    if mask is None:
        return None
    from vs_align.nodes.frames import mask_array
    from vs_align.nodes.resize import mask_of

    frame: Any = next(mask_of(mask[:1], node.width, node.height).frames(close=False))
    return mask_array(frame)
