"""`overlay`: composites one video on another, registered in space and synchronized in time; lazy."""

import logging
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.api.overlay_search import OverlaySearch, find_placement, find_timeline
from vs_align.api.overlay_terms import NAMES, for_overlay
from vs_align.api.sync import sync_videos
from vs_align.api.video import NodeVideo
from vs_align.decide.schedule.schedule import Schedule, schedule_of
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.enums import Background, Canvas, PlaceMethod, SyncEngine, Timing, Track
from vs_align.nodes.checks import check_depth, load_timeline
from vs_align.nodes.clips import steady_timing, tiny_clip
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vs_align.io.progress import Progress
    from vs_align.placement.transform import Transform
    from vs_align.render.overlay.composite import BlendOptions

type AnyTimeline = Timeline | str | PathLike[str]
"""A timeline, or the path of its JSON file."""

NAME = "overlay"

_log = logging.getLogger(__name__)


def overlay(
    bg: vs.VideoNode,
    fg: vs.VideoNode,
    *,
    timeline: AnyTimeline | tuple[AnyTimeline, AnyTimeline] | None = None,
    placement: Placement | str | PathLike[str] | None = None,
    engine: str | SyncEngine = "auto",
    place: "str | PlaceMethod | Sequence[float]" = "auto",
    timing: str | Timing | None = None,
    trim: bool = True,
    scale: float | None = None,
    smooth: bool = False,
    margin: int = 8,
    mask: vs.VideoNode | None = None,
    opacity: float = 1.0,
    background: str | Background = "keep",
    colour_match: bool = False,
    canvas: str | Canvas = "bg",
    bg_mask: vs.VideoNode | None = None,
    ref: vs.VideoNode | None = None,
    track: str | Track = "scene",
    cache: "str | PathLike[str] | bool | None" = None,
    progress: "Progress | None" = None,
    window: int = 100,
    drift_interval: int = 100,
) -> vs.VideoNode:
    """Lay `fg` over `bg` at the right place and the right time.

    What is not given is found: the time by `sync(bg, fg)`, the place by `register(bg, fg)`. Both read all frames when
    they are called and cache their results, so that a script that is loaded again has them at once. The result itself
    is lazy: with `timeline` and `placement` given, no frame is requested until one of the result is.

    Example:
        ```python
        vs_align.overlay(bg, fg).set_output()
        # or step by step, with numbers to look at and to edit
        timeline = vs_align.sync(bg, fg)
        placement = vs_align.register(bg, fg, timeline)
        vs_align.overlay(bg, fg, timeline=timeline, placement=placement, smooth=True).set_output()
        ```

    Args:
        bg: The clip below. Any constant format and size, any length.
        fg: The clip on top. Any constant format, size and length; it is converted to format and colors of `bg`. Alpha
            in its frame prop `_Alpha`, as readers attach it, is honoured: straight, white where `fg` is shown, on top
            of `mask`.
            Alpha of `bg` is ignored.
        timeline: `sync(bg, fg)`, or the path of its JSON file. With `timing="ref"` a pair: `sync(bg, ref)` and
            `sync(fg, ref)`.
        placement: `register(bg, fg)`, or the path of its JSON file.
        engine: How `sync` finds the time; see `SyncEngine`. Not "audio": there is no audio here.
        place: How `register` finds the place; see `PlaceMethod`. Or numbers, (x, y) or (x, y, scale): where the top
            left corner of `fg` lies in `bg`, in pixels from its top left corner, and pixels of `bg` per pixel of `fg`.
        timing: Whose time the result has; see `Timing`. "fg": every frame of `fg` once and in order, and of `bg` the
            frame that shows the same moment, held where it has none. "bg": `bg` keeps its time, at the higher of both
            frame rates; without `trim` from what begins first to what ends last. "ref": the frames of `ref`. None, the
            default: "fg", and "bg" where `fg` is a still. A still, a clip of one frame, has neither rate nor time: as
            `fg` it is shown in all frames of `bg`, as `bg` it lasts as long as `fg`. Only "fg" with a still `fg` gives
            one frame, that of `bg` which shows the still.
        trim: Limit the result to what is matched: from the first to the last matched frame of the clip whose time it
            has. Less than a second before and behind that both clips have, as at a fade, counts as matched.
        scale: Pixels of `bg` per pixel of `fg`, above 0; None: it is found.
        smooth: Let `fg` fade in over `margin` pixels inside those of its edges that do not touch an edge of `bg`.
        margin: Width of that fade in pixels of `bg`, at least 0; and of the band of `engine="border"`, in pixels of
            `fg`.
        mask: White where `fg` is shown: size of `fg`, and as long, or one frame for all. What its first frame hides
            does not count for `register` either.
        opacity: How much of `fg` is seen, 0..1.
        background: What is seen where there is no image; see `Background`.
        colour_match: Fit the colors of `fg` to those of `bg`, scene by scene.
        canvas: Which area the result shows; see `Canvas`.
        bg_mask: White where `bg` may be covered: size of `bg`, and as long, or one frame for all.
        ref: The clip whose time counts for `timing="ref"`.
        track: How steady the place is that `register` finds; see `Track`.
        cache: As in `sync`.
        progress: As in `sync`.
        window: As in `sync`.
        drift_interval: As in `sync`.

    Returns:
        A clip in the format and with the props of `bg`; of its size but for other `canvas`es. Its length, frame rate
        and timing props follow from `timing`; variable rates are kept. Each frame carries:

        - `VSAlignMatch`: number of the frame of `bg`; of the nearest where `bg` has none.
        - `VSAlignForeground`: number of the frame of `fg`, -1 where it is not shown.
        - `VSAlignConfidence`: how likely both time and place are right, 0 to 1: the lower of both.
        - `VSAlignVerdict`: "exact", "good", "doubtful" or "unrelated": the worse of the timeline's and the placement's.
        - `VSAlignX`, `VSAlignY`: where the top left corner of `fg` lies in `bg`, in pixels from its top left corner.
        - `VSAlignScaleX`, `VSAlignScaleY`: pixels of `bg` per pixel of `fg`.
        - `VSAlignRotation`: by how many degrees `fg` is turned clockwise.

        What is unknown is missing, and so are those from `VSAlignX` on where `fg` is not shown.

    Raises:
        ArgumentError: An argument breaks one of the rules above, or the two clips are not versions of one.
        AlignError: As in `sync` and `register`.
    """
    bg, fg = checks.check_clip(NAME, "bg", bg), checks.check_clip(NAME, "fg", fg)
    check_depth(NAME, "bg", bg)
    clock = checks.check_timing(NAME, timing)
    ref = checks.check_timing_ref(NAME, ref, clock)
    mask = checks.check_mask(NAME, "mask", mask, "fg", fg)
    bg_mask = checks.check_mask(NAME, "bg_mask", bg_mask, "bg", bg)
    trim = checks.check_flag(NAME, "trim", trim)
    chosen = checks.check_video_engine(NAME, engine)
    method, known_scale = checks.check_place(NAME, "place", place), checks.check_scale(NAME, scale)
    steadiness = checks.check_option(NAME, "track", track, Track)
    checks.check_cache_argument(NAME, cache)
    checks.check_progress(NAME, progress)

    from vs_align.render.overlay.composite import BlendOptions

    look = BlendOptions(
        smooth=checks.check_flag(NAME, "smooth", smooth),
        margin=checks.check_integer(NAME, "margin", margin, 0),
        opacity=checks.check_share(NAME, "opacity", opacity),
        background=checks.check_option(NAME, "background", background, Background),
        canvas=checks.check_option(NAME, "canvas", canvas, Canvas),
        colour_match=checks.check_flag(NAME, "colour_match", colour_match),
    )
    placed = None if placement is None else checks.check_placement(NAME, placement, bg, fg, ("bg", "fg"))
    search = OverlaySearch(
        sync=SyncOptions(
            engine=chosen,
            window=checks.check_integer(NAME, "window", window, 1),
            drift_interval=checks.check_integer(NAME, "drift_interval", drift_interval, 1),
            # so that the width of a soft edge is no reason to search again
            margin=max(1, look.margin) if chosen is SyncEngine.BORDER else SyncOptions().margin,
        ),
        place=method,
        scale=known_scale,
        track=steadiness,
        timing=clock,
        cache=None if timeline is not None and placed is not None else checks.check_cache(NAME, cache),
        refines_time=ref is None and timeline is None,
    )
    below = NodeVideo(bg, "bg", search.cache)
    above = NodeVideo(
        fg, "fg", search.cache, mask=None if mask is None else mask.std.Invert(), ignores_transparent=True
    )
    if ref is None:
        times: Timeline | tuple[Timeline, Timeline] = _timeline(below, above, timeline, search, placed, progress)
    else:
        times = _timelines(below, above, NodeVideo(ref, "ref", search.cache), timeline, search, progress)
    if placed is None:
        between = times if isinstance(times, Timeline) else times[0].then(times[1].inverse())
        found, placed = find_placement(below, above, between, search, progress)
        if placed.verdict == "doubtful":
            _log.warning("%s: the place of fg is doubtful: %s", NAME, "; ".join(placed.reasons))
        times = found if ref is None else times
    schedule = schedule_of(times, clock, trim)
    timed = ref if ref is not None else bg if schedule.clock is Timing.BG else fg
    return _rendered(bg, fg, timed, schedule, placed, look, mask, bg_mask)


def _timeline(
    bg: NodeVideo,
    fg: NodeVideo,
    given: object,
    search: OverlaySearch,
    placement: Placement | None,
    progress: "Progress | None",
) -> Timeline:
    """Return the timeline that was given, or find it: `sync(bg, fg)`."""
    if given is None:
        timeline = find_timeline(bg, fg, search, placement, progress)
        _warn_of_doubt(timeline, NAMES)
    else:
        timeline = load_timeline(NAME, given, bg.node, fg.node, NAMES)
    checks.check_related(NAME, timeline)
    return timeline


def _timelines(
    bg: NodeVideo, fg: NodeVideo, ref: NodeVideo, given: object, search: OverlaySearch, progress: "Progress | None"
) -> tuple[Timeline, Timeline]:
    """Return the timelines that were given, or find them: `sync(bg, ref)` and `sync(fg, ref)`."""
    if given is None:
        found = []
        for video in (bg, fg):
            found.append(sync_videos(video, ref, search.sync, search.cache, progress))
            _warn_of_doubt(found[-1], (video.name, ref.name))
        pair = found[0], found[1]
    else:
        pair = checks.load_timeline_pair(NAME, given, bg.node, fg.node, ref.node)
    for timeline, video in zip(pair, (bg, fg), strict=True):
        checks.check_related(NAME, timeline, sides=(video.name, ref.name))
    return pair


def _warn_of_doubt(timeline: Timeline, sides: tuple[str, str]) -> None:
    if timeline.verdict in ("doubtful", "unrelated"):
        reasons = "; ".join(for_overlay(reason, sides) for reason in timeline.reasons)
        _log.warning("%s: sync(%s) is %s: %s", NAME, ", ".join(sides), timeline.verdict, reasons)


def _rendered(
    bg: vs.VideoNode,
    fg: vs.VideoNode,
    clock: vs.VideoNode,
    schedule: Schedule,
    placement: Placement,
    look: "BlendOptions",
    mask: vs.VideoNode | None,
    bg_mask: vs.VideoNode | None,
) -> vs.VideoNode:
    """Build the graph. Nothing here asks for a frame."""
    from vs_align.render.overlay.composite import composite
    from vs_align.render.overlay.frame_order import adopt_timing, blacken_gaps, filled, reorder_frames
    from vs_align.render.overlay.props import write_overlay_props

    bg_frames, fg_frames = filled(schedule.bg.frame_map), filled(schedule.fg.frame_map)
    below = reorder_frames(bg, bg_frames)
    if look.background is Background.BLACK:
        below = blacken_gaps(below, schedule.bg.frame_map)
    transforms = _transforms(schedule, placement)
    laid = composite(
        below,
        reorder_frames(fg, fg_frames),
        transforms,
        look,
        None if mask is None else reorder_frames(mask, fg_frames),
        None if bg_mask is None else reorder_frames(bg_mask, bg_frames),
        _scene_starts(schedule, placement),
    )
    noted = write_overlay_props(laid, schedule, bg_frames, transforms, placement)
    return adopt_timing(noted, _timing(clock, schedule))


def _transforms(schedule: Schedule, placement: Placement) -> "list[Transform | None]":
    """Transform of each frame; the same object for a frame of fg that is held."""
    known: dict[int, Transform] = {}
    out: list[Transform | None] = []
    for n in schedule.fg.frame_map:
        if n is None:
            out.append(None)
            continue
        if n not in known:
            known[n] = placement.at(n)
        out.append(known[n])
    return out


def _scene_starts(schedule: Schedule, placement: Placement) -> list[int]:
    """Frames of the result at which a scene of fg begins; what lies between two of its frames belongs to the first."""
    scenes = placement.scenes
    # a moving placement splits one shot into several scenes
    firsts = np.array([s.ref_first for i, s in enumerate(scenes) if i == 0 or not scenes[i - 1].moving])
    shown = [(i, n) for i, n in enumerate(schedule.fg.frame_map) if n is not None]
    if not shown:
        return [0]
    places, numbers = np.array(shown).T
    changes = np.flatnonzero(np.diff(np.searchsorted(firsts, numbers, side="right"))) + 1
    return [0, *places[changes].tolist()]


def _timing(clock: vs.VideoNode, schedule: Schedule) -> vs.VideoNode:
    """A clip as long as the result with its frame durations."""
    length, own = len(schedule), schedule.bg if schedule.clock is Timing.BG else schedule.fg
    if schedule.clock is Timing.BG and own.ref_rate > own.clip_rate > 0:
        rate = own.ref_rate
        return tiny_clip(length).std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)
    if clock.fps:
        return tiny_clip(length).std.AssumeFPS(src=clock)
    first, stop = schedule.first, schedule.first + length
    inside = clock[max(first, 0) : min(stop, clock.num_frames)]
    if first >= 0 and stop <= clock.num_frames:
        return steady_timing(inside)
    return _padded(inside, max(0, -first), max(0, stop - clock.num_frames), own)


def _padded(clock: vs.VideoNode, before: int, behind: int, own: Timeline) -> vs.VideoNode:
    """Add frames of mean duration to the time stamps of a clip of variable rate."""
    times = own.clip_times
    step = (times[-1] - times[0]) / max(1, len(times) - 1) if times else 1 / float(own.clip_rate or 24)
    carrier = tiny_clip(clock.num_frames).std.CopyFrameProps(clock, props=["_DurationNum", "_DurationDen"])
    spare = tiny_clip(1).std.SetFrameProps(_DurationNum=max(1, round(step * 1_000_000)), _DurationDen=1_000_000)
    parts = [spare * before] * (before > 0) + [carrier] + [spare * behind] * (behind > 0)
    return vs.core.std.Splice([*parts, tiny_clip(1).std.AssumeFPS(fpsnum=25)], mismatch=True)[:-1]
