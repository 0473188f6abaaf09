"""`overlay`: one video on another, at the right place and the right time."""

import logging
from fractions import Fraction
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.api import overlay_arguments as checked
from vs_align.api.overlay_arguments import NAME, AnyTimeline
from vs_align.api.overlay_terms import for_overlay, placement_for_overlay
from vs_align.api.sync import is_worth_another_look, sync
from vs_align.decide.schedule.schedule import Schedule, schedule_of
from vs_align.decide.schedule.still_frames import lasting_still, timeless
from vs_align.enums import Background, Canvas, PlaceMethod, SyncEngine, Timing, Track
from vs_align.nodes.clips import steady_timing, tiny_clip
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vs_align.decide.synchronization.options import Progress
    from vs_align.placement.transform import Transform
    from vs_align.render.overlay.composite import Look

_log = logging.getLogger(__name__)
# The band of the engine border where nobody asks for a width.
_BAND = 8


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

    What is not given is found: the time by `sync(bg, fg)`, the place by `register(bg, fg)`. Both look at all frames at
    once when they are called, and keep what they find, so that a script that is loaded again has it at once. The
    result itself is lazy: with `timeline` and `placement` given, no frame is asked for until one of it is.

    Example:
        ```python
        vs_align.overlay(bg, fg).set_output()
        # or step by step, with numbers to look at and to edit
        timeline = vs_align.sync(bg, fg)
        placement = vs_align.register(bg, fg, timeline)
        vs_align.overlay(bg, fg, timeline=timeline, placement=placement, smooth=True).set_output()
        ```

    Args:
        bg: The picture beneath. Any constant format and size, any length.
        fg: The picture on top, likewise; it is brought to the format and the colours of `bg`. Alpha in its frame prop
            `_Alpha`, as readers attach it, is honoured: straight alpha, white where `fg` is shown, on top of `mask`.
            Alpha of `bg` is ignored.
        timeline: `sync(bg, fg)`, or the path of its JSON file. With `timing="ref"` a pair: `sync(bg, ref)` and
            `sync(fg, ref)`.
        placement: `register(bg, fg)`, or the path of its JSON file.
        engine: How `sync` finds the time; see `SyncEngine`. Not "audio": there is no sound here.
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
        scale: Pixels of `bg` per pixel of `fg`, above 0, where they are known. Default: found.
        smooth: Let `fg` fade in over `margin` pixels inside those of its edges that do not touch an edge of `bg`.
        margin: Width of that fade in pixels of `bg`, at least 0; and of the band of `engine="border"`, in pixels of
            `fg`.
        mask: White where `fg` is shown: size of `fg`, and as long, or one frame for all. What its first frame hides
            does not count for `register` either.
        opacity: How much of `fg` is seen, 0..1.
        background: What is seen where there is no picture; see `Background`.
        colour_match: Fit the colours of `fg` to those of `bg`, scene by scene.
        canvas: What the picture of the result holds; see `Canvas`.
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
    checked.check_depth(bg)
    clock = checked.check_timing(timing)
    ref = checked.check_ref(ref, clock)
    mask = checked.check_mask("mask", mask, "fg", fg)
    bg_mask = checked.check_mask("bg_mask", bg_mask, "bg", bg)
    trim = checks.check_flag(NAME, "trim", trim)
    chosen = checked.check_engine(engine)
    method, known_scale = checked.check_place(place), checks.check_scale(NAME, scale)
    steadiness = checks.check_option(NAME, "track", track, Track)
    checked.check_cache(cache)
    checked.check_progress(progress)

    from vs_align.render.overlay.composite import Look

    look = Look(
        smooth=checks.check_flag(NAME, "smooth", smooth),
        margin=checks.check_integer(NAME, "margin", margin, 0),
        opacity=checked.check_share("opacity", opacity),
        background=checks.check_option(NAME, "background", background, Background),
        canvas=checks.check_option(NAME, "canvas", canvas, Canvas),
        colour_match=checks.check_flag(NAME, "colour_match", colour_match),
    )
    searching: dict[str, Any] = {
        "engine": chosen,
        "cache": cache,
        "progress": progress,
        "window": checks.check_integer(NAME, "window", window, 1),
        "drift_interval": checks.check_integer(NAME, "drift_interval", drift_interval, 1),
        "margin": max(1, look.margin) if chosen is SyncEngine.BORDER else _BAND,
    }
    placed = None if placement is None else checks.check_placement(NAME, placement, bg, fg, ("bg", "fg"))
    is_still = lasting_still(bg.num_frames, fg.num_frames, clock)
    known = placed is not None or method is PlaceMethod.CENTER or not isinstance(method, PlaceMethod)
    if is_still and known and timeline is None:
        # the place is known, and a still has no time to look for
        times: Timeline | tuple[Timeline, Timeline] = _untimed(bg, fg)
    else:
        times = _timelines(bg, fg, ref, timeline, searching)
    schedule = schedule_of(times, clock, trim)
    if placed is None:
        both = times if isinstance(times, Timeline) else times[0].then(times[1].inverse())
        options = {"method": method, "scale": known_scale, "track": steadiness, "cache": cache, "progress": progress}
        placed = _registered(bg, fg, both, mask, options, look=not known)
        if placed.verdict == "doubtful":
            _log.warning("%s: the place of fg is doubtful: %s", NAME, "; ".join(placed.reasons))
        elif _may_be_found_better(times, timeline, chosen, is_still):
            # exact numbers tell frames apart that hardly differ
            times = sync(bg, fg, **searching, placement=placed)
            schedule = schedule_of(times, clock, trim)
    timed = ref if ref is not None else bg if schedule.clock is Timing.BG else fg
    return _rendered(bg, fg, timed, schedule, placed, look, mask, bg_mask)


def _may_be_found_better(times: object, given: object, engine: SyncEngine, is_still: bool) -> bool:
    """Whether the time is worth another search, now that the place is known."""
    return isinstance(times, Timeline) and given is None and not is_still and is_worth_another_look(times, engine)


def _registered(
    bg: vs.VideoNode,
    fg: vs.VideoNode,
    times: Timeline,
    mask: vs.VideoNode | None,
    options: dict[str, Any],
    *,
    look: bool,
) -> Placement:
    """Find the place of fg, or take the one that the options name; what is transparent does not count."""
    from vs_align.api.register import register
    from vs_align.render.overlay.alpha import transparent_areas, united

    hidden = None if mask is None else mask.std.Invert()
    clear = transparent_areas(fg) if look else None
    if clear is not None:
        hidden = united(hidden, clear)
    return placement_for_overlay(register(bg, fg, times, ref_mask=hidden, **options))


def _untimed(bg: vs.VideoNode, fg: vs.VideoNode) -> Timeline:
    """The timeline of two clips of which one is a still, without a look at either."""
    sides = [(node.num_frames, Fraction(node.fps), ()) for node in (bg, fg)]
    return timeless(sides[0], sides[1])


def _timelines(
    bg: vs.VideoNode, fg: vs.VideoNode, ref: vs.VideoNode | None, given: object, searching: dict[str, Any]
) -> Timeline | tuple[Timeline, Timeline]:
    """Return what was given, or find it: sync(bg, fg), or with a ref sync(bg, ref) and sync(fg, ref)."""

    def found(clip: vs.VideoNode, other: vs.VideoNode, sides: tuple[str, str]) -> Timeline:
        timeline = sync(clip, other, **searching)
        if timeline.verdict in ("doubtful", "unrelated"):
            said = "; ".join(for_overlay(reason, sides) for reason in timeline.reasons)
            _log.warning("%s: sync(%s) is %s: %s", NAME, ", ".join(sides), timeline.verdict, said)
        return timeline

    if ref is not None:
        if given is None:
            pair = found(bg, ref, ("bg", "ref")), found(fg, ref, ("fg", "ref"))
        else:
            pair = checked.load_pair(given, bg, fg, ref)
        for timeline, side in zip(pair, ("bg", "fg"), strict=True):
            checked.check_related(timeline, sides=(side, "ref"))
        return pair
    timeline = found(bg, fg, ("bg", "fg")) if given is None else checked.load_timeline(given, bg, fg, ("bg", "fg"))
    checked.check_related(timeline)
    return timeline


def _rendered(
    bg: vs.VideoNode,
    fg: vs.VideoNode,
    clock: vs.VideoNode,
    schedule: Schedule,
    placement: Placement,
    look: "Look",
    mask: vs.VideoNode | None,
    bg_mask: vs.VideoNode | None,
) -> vs.VideoNode:
    """Build the graph. Nothing here asks for a frame."""
    from vs_align.render.overlay.composite import composite
    from vs_align.render.overlay.frame_order import arranged, filled, with_black, with_clock
    from vs_align.render.overlay.props import with_props

    bg_frames, fg_frames = filled(schedule.bg.frame_map), filled(schedule.fg.frame_map)
    below = arranged(bg, bg_frames)
    if look.background is Background.BLACK:
        below = with_black(below, schedule.bg.frame_map)
    transforms = _transforms(schedule, placement)
    laid = composite(
        below,
        arranged(fg, fg_frames),
        transforms,
        look,
        None if mask is None else arranged(mask, fg_frames),
        None if bg_mask is None else arranged(bg_mask, bg_frames),
        _scene_starts(schedule, placement),
    )
    noted = with_props(laid, schedule, bg_frames, transforms, placement)
    return with_clock(noted, _timing(clock, schedule))


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
    # where a picture moves, one shot is told as several scenes
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
