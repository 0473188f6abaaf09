"""Checks of the arguments of `overlay`, each before any frame is asked for."""

from collections.abc import Sequence
from os import PathLike

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.api.overlay_terms import NAMES, for_overlay
from vs_align.enums import PlaceMethod, SyncEngine, Timing
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Timeline

type AnyTimeline = Timeline | str | PathLike[str]

NAME = "overlay"


def check_depth(bg: vs.VideoNode) -> None:
    """A format that pictures can be merged in."""
    if bg.format.sample_type == vs.INTEGER and bg.format.bits_per_sample > 16:
        raise ArgumentError(NAME, "bg", "must have 8 to 16 bits or be float", checks.describe(bg))


def check_timing(timing: object) -> Timing | None:
    """Whose time counts; None: what is usual for the two clips."""
    return None if timing is None else checks.check_option(NAME, "timing", timing, Timing)


def check_engine(engine: object) -> SyncEngine:
    """A method of `sync` that goes by pictures: there is no sound here."""
    chosen = checks.check_option(NAME, "engine", engine, SyncEngine)
    if chosen is SyncEngine.AUDIO:
        rule = "must go by pictures; for sound give timeline=sync(bg, fg, engine='audio', audio=..., ref_audio=...)"
        raise ArgumentError(NAME, "engine", rule, repr(chosen.value))
    return chosen


def check_ref(ref: object, timing: Timing | None) -> vs.VideoNode | None:
    """A third clip where its time counts, and none where it does not."""
    if timing is Timing.REF:
        if ref is None:
            raise ArgumentError(NAME, "ref", "must be given for timing 'ref': the clip whose time counts", "None")
        return checks.check_clip(NAME, "ref", ref)
    if ref is not None:
        said = (timing or Timing.FG).value
        raise ArgumentError(NAME, "ref", "must be left out but for timing 'ref'", f"timing {said!r}")
    return None


def check_mask(name: str, mask: object, side: str, clip: vs.VideoNode) -> vs.VideoNode | None:
    """A mask for a clip: of its size, and as long or of one frame."""
    if mask is None:
        return None
    checked = checks.check_clip(NAME, name, mask)
    if (checked.width, checked.height) != (clip.width, clip.height):
        rule = f"must have the size of {side} ({clip.width}x{clip.height})"
        raise ArgumentError(NAME, name, rule, f"{checked.width}x{checked.height}")
    if checked.num_frames not in (1, clip.num_frames):
        rule = f"must have one frame or be as long as {side} ({clip.num_frames} frames)"
        raise ArgumentError(NAME, name, rule, checked.num_frames)
    return checked


def check_place(place: object) -> PlaceMethod | tuple[float, ...]:
    """A method of `register`, or the numbers (x, y) or (x, y, scale)."""
    if isinstance(place, str):
        return checks.check_option(NAME, "place", place, PlaceMethod)
    rule = "must be the name of a method, (x, y) or (x, y, scale)"
    if not isinstance(place, Sequence) or len(place) not in (2, 3):
        raise ArgumentError(NAME, "place", rule, repr(place))
    return checks.check_corner(NAME, "place", place)


def check_share(name: str, value: object) -> float:
    """A number in 0..1."""
    checked = checks.check_number(NAME, name, value)
    if not 0 <= checked <= 1:
        raise ArgumentError(NAME, name, "must lie in 0..1", value)
    return checked


def check_cache(cache: object) -> None:
    """A folder, or whether to keep anything."""
    if cache is not None and not isinstance(cache, bool | str | PathLike):
        raise ArgumentError(NAME, "cache", "must be a folder, True or False", repr(cache))


def check_progress(progress: object) -> None:
    """Something that can be called, or nothing."""
    if progress is not None and not callable(progress):
        raise ArgumentError(NAME, "progress", "must be a function", repr(progress))


def load_timeline(given: object, clip: vs.VideoNode, ref: vs.VideoNode, sides: tuple[str, str]) -> Timeline:
    """A timeline of two clips, or the path of its file.

    Args:
        given: What the user gave.
        clip: Must be as long as the timeline's clip.
        ref: Must be as long as the timeline's ref.
        sides: The names of both arguments.
    """
    if isinstance(given, str | PathLike):
        timeline = Timeline.load(given)
    elif isinstance(given, Timeline):
        timeline = given
    else:
        rule = f"must be a Timeline of sync({', '.join(sides)}) or the path of its file"
        raise ArgumentError(NAME, "timeline", rule, type(given).__name__)
    found, wanted = (timeline.clip_length, timeline.ref_length), (clip.num_frames, ref.num_frames)
    if found != wanted:
        rule = f"must be sync({', '.join(sides)}), from {wanted[0]} frames of {sides[0]} to {wanted[1]} of {sides[1]}"
        advice = f"; was it made by sync({sides[1]}, {sides[0]})? Use .inverse()" if found == wanted[::-1] else ""
        raise ArgumentError(NAME, "timeline", rule, f"one from {found[0]} frames to {found[1]}{advice}")
    return timeline


def load_pair(given: object, bg: vs.VideoNode, fg: vs.VideoNode, ref: vs.VideoNode) -> tuple[Timeline, Timeline]:
    """The timelines of bg and of fg against a third clip."""
    rule = "must be a pair, sync(bg, ref) and sync(fg, ref), for timing 'ref'"
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise ArgumentError(NAME, "timeline", rule, type(given).__name__)
    return load_timeline(given[0], bg, ref, ("bg", "ref")), load_timeline(given[1], fg, ref, ("fg", "ref"))


def check_related(timeline: Timeline, name: str = "timeline", sides: tuple[str, str] = NAMES) -> None:
    """Two clips, named `sides`, of which something was found in common. A result must not silently show nonsense."""
    if any(frame is not None for frame in timeline.frame_map):
        return
    reasons = (for_overlay(reason, sides) for reason in timeline.reasons)
    said = "; ".join(filter(None, (timeline.verdict, *reasons))) or "a timeline without any match"
    if min(timeline.clip_length, timeline.ref_length) == 1:
        raise ArgumentError(NAME, "place", "must be given for a still of which the other clip shows nothing", said)
    rule = f"must match frames: give {name}= and placement= by hand, or engine='duration'"
    raise ArgumentError(NAME, "timeline", rule, said)
