"""Checks of the arguments of the public functions: types, ranges, sizes and lengths.

Each takes the name of the public function first, returns the value in the type that the function works with, and
raises `ArgumentError` before any frame is requested. Checks that need only clips stand in `vs_align.nodes.checks`.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from fractions import Fraction
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

import vapoursynth as vs

from vs_align.api.overlay_terms import NAMES, for_overlay
from vs_align.enums import Device, PlaceMethod, SyncEngine, Timing
from vs_align.errors import ArgumentError, MissingDependencyError
from vs_align.io.install_advice import TORCH, install_command
from vs_align.nodes.checks import check_depth, describe, load_timeline
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

_ASPECT_TOLERANCE = 0.01
"""Largest relative difference of two aspect ratios that counts as rounding of sizes to whole or even pixels. Larger
values accept placements of other images, smaller ones refuse thumbnails of the same images."""
_MAX_COORDINATE = 1e6
"""Largest coordinate of a corner in pixels; more than any clip has."""
_MIN_SCALE = 0.01
"""Smallest scale in clip pixels per ref pixel; the largest is its reciprocal. Beyond it an image shrinks to a point."""
_SCALES = f"in {_MIN_SCALE:g}..{1 / _MIN_SCALE:g}"


def check_clip(function: str, name: str, clip: object) -> vs.VideoNode:
    """Return a video clip that has at least one frame, a constant format and a constant size."""
    if not isinstance(clip, vs.VideoNode):
        raise ArgumentError(function, name, "must be a video clip", type(clip).__name__)
    if clip.format is None or clip.format.color_family == vs.UNDEFINED:
        raise ArgumentError(function, name, "must have a constant format", "a clip of variable format")
    if 0 in (clip.width, clip.height):
        raise ArgumentError(function, name, "must have a constant size", "a clip of variable size")
    if clip.num_frames < 1:
        raise ArgumentError(function, name, "must have at least one frame", "an empty clip")
    return clip


def check_same_format(function: str, name: str, clip: vs.VideoNode, other_name: str, other: vs.VideoNode) -> None:
    """Raise if two clips differ in format or size."""
    mine, theirs = describe(clip), describe(other)
    if mine != theirs:
        raise ArgumentError(
            function, name, f"must have the format and size of {other_name} ({theirs})", f"{mine}; resize one of them"
        )


def check_rgb(function: str, name: str, node: object) -> vs.VideoNode:
    """Return an RGB clip of up to 16 bits or float; see `check_clip`."""
    clip = check_clip(function, name, node)
    if clip.format.color_family != vs.RGB:
        advice = 'convert it, as in resize.Bicubic(format=vs.RGB24, matrix_in_s="709")'
        raise ArgumentError(function, name, "must be RGB", f"{clip.format.name}; {advice}")
    return check_depth(function, name, clip)


def check_mask(function: str, name: str, mask: object, masked_name: str, masked: vs.VideoNode) -> vs.VideoNode | None:
    """Return a mask of the size of a clip that is as long as the clip or has one frame; None for None.

    Args:
        function: The public function that was called.
        name: Name of the argument.
        mask: The value of the argument.
        masked_name: Name of the argument that is masked.
        masked: The clip that is masked.
    """
    if mask is None:
        return None
    checked = check_clip(function, name, mask)
    if (checked.width, checked.height) != (masked.width, masked.height):
        rule = f"must have the size of {masked_name} ({masked.width}x{masked.height})"
        raise ArgumentError(function, name, rule, f"{checked.width}x{checked.height}")
    if checked.num_frames not in (1, masked.num_frames):
        rule = f"must have one frame or be as long as {masked_name} ({masked.num_frames} frames)"
        raise ArgumentError(function, name, rule, checked.num_frames)
    return checked


def check_integer(function: str, name: str, value: object, least: int) -> int:
    """Return a whole number that is at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentError(function, name, "must be a whole number", repr(value))
    if value < least:
        raise ArgumentError(function, name, f"must be at least {least}", value)
    return value


def check_flag(function: str, name: str, value: object) -> bool:
    """Return True or False; 1 and 0 are accepted."""
    if not isinstance(value, bool) and value not in (0, 1):
        raise ArgumentError(function, name, "must be True or False", repr(value))
    return bool(value)


def check_number(function: str, name: str, value: object) -> float:
    """Return a number that is not NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ArgumentError(function, name, "must be a number", repr(value))
    return float(value)


def check_share(function: str, name: str, value: object) -> float:
    """Return a number in 0..1."""
    checked = check_number(function, name, value)
    if not 0 <= checked <= 1:
        raise ArgumentError(function, name, "must lie in 0..1", value)
    return checked


def check_scale(function: str, scale: object) -> float | None:
    """Return a scale in 0.01..100; None for None, which means unknown."""
    if scale is None:
        return None
    value = check_number(function, "scale", scale)
    if not _MIN_SCALE <= value <= 1 / _MIN_SCALE:
        raise ArgumentError(function, "scale", f"must lie {_SCALES}", scale)
    return value


def check_corner(function: str, name: str, corner: Sequence[object]) -> tuple[float, ...]:
    """Return the numbers (x, y) or (x, y, scale): x and y in pixels, the scale in 0.01..100."""
    numbers = tuple(check_number(function, name, number) for number in corner)
    if not all(abs(number) <= _MAX_COORDINATE for number in numbers[:2]):
        raise ArgumentError(function, name, f"must have x and y within {_MAX_COORDINATE:g} pixels", repr(corner))
    if not all(_MIN_SCALE <= number <= 1 / _MIN_SCALE for number in numbers[2:]):
        raise ArgumentError(function, name, f"must have a scale {_SCALES}", repr(corner))
    return numbers


def check_place(function: str, name: str, place: object) -> PlaceMethod | tuple[float, ...]:
    """Return a method of `register`, given as in `check_option`, or the numbers (x, y) or (x, y, scale)."""
    if isinstance(place, str):
        return check_option(function, name, place, PlaceMethod)
    if not isinstance(place, Sequence) or len(place) not in (2, 3):
        rule = "must be the name of a method, (x, y) or (x, y, scale)"
        raise ArgumentError(function, name, rule, repr(place))
    return check_corner(function, name, place)


def check_placement(
    function: str, placement: object, clip: vs.VideoNode, ref: vs.VideoNode, sides: tuple[str, str] = ("clip", "ref")
) -> Placement:
    """Return a `Placement`, given as such or as a path, for two clips; one for other sizes of them is resized.

    Args:
        function: The public function that was called.
        placement: The value of the argument.
        clip: The clip whose pixels the matrices give.
        ref: The clip whose pixels the matrices take.
        sides: The names of both arguments.
    """
    if isinstance(placement, str | PathLike):
        placement = Placement.load(placement)
    if not isinstance(placement, Placement):
        rule = f"must be a Placement of register({', '.join(sides)}) or the path of its JSON file"
        raise ArgumentError(function, "placement", rule, type(placement).__name__)
    found, wanted = (placement.clip_size, placement.ref_size), ((clip.width, clip.height), (ref.width, ref.height))
    fitted = fit_placement(placement, *wanted)
    if fitted is not None:
        return fitted
    advice = "was it made at another size? Use .resized()"
    if found == wanted[::-1]:
        advice = f"was it made by register({sides[1]}, {sides[0]})? Call it with {sides[0]} first"
    rule = "must be for {} of {}x{} and {} of {}x{}, or of their aspect ratios".format(
        sides[0], *wanted[0], sides[1], *wanted[1]
    )
    given = "one for {}x{} and {}x{}".format(*found[0], *found[1])
    raise ArgumentError(function, "placement", rule, f"{given}; {advice}")


def fit_placement(placement: Placement, clip_size: tuple[int, int], ref_size: tuple[int, int]) -> Placement | None:
    """Return a placement resized to two sizes in pixels; None if its aspect ratios differ or its sides are swapped."""
    found, wanted = (placement.clip_size, placement.ref_size), (clip_size, ref_size)
    if found == wanted:
        return placement
    if found == wanted[::-1] or not all(_has_aspect_of(*sizes) for sizes in zip(found, wanted, strict=True)):
        return None
    return placement.resized(*wanted)


def _has_aspect_of(size: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= _ASPECT_TOLERANCE


def check_option[E: Enum](function: str, name: str, value: object, options: type[E]) -> E:
    """Return a member of an enum, given as the member, its value, or its name in any case."""
    if isinstance(value, options):
        return value
    wanted = value.lower() if isinstance(value, str) else value
    for member, option in options.__members__.items():  # with its aliases
        if not isinstance(wanted, bool) and wanted in (option.value, member.lower()):
            return option
    choices = ", ".join(repr(option.value) for option in options)
    raise ArgumentError(function, name, f"must be one of {choices}", repr(value))


def check_rates(function: str, **parts: int | None) -> tuple[Fraction, Fraction] | None:
    """Return two frame rates, given as four whole numbers above 0; None if all four are None.

    Returns:
        The frame rates of clip and ref in frames per second, or None.
    """
    missing = [name for name, value in parts.items() if value is None]
    if len(missing) == len(parts):
        return None
    if missing:
        raise ArgumentError(function, ", ".join(parts), "must be given all or none", f"no {', no '.join(missing)}")
    clip_num, clip_den, ref_num, ref_den = (check_integer(function, name, value, 1) for name, value in parts.items())
    return Fraction(clip_num, clip_den), Fraction(ref_num, ref_den)


def check_device(function: str, device: object) -> Device:
    """Return a device that is available."""
    chosen = check_option(function, "device", device, Device)
    if chosen is Device.CUDA:
        advice = f"Run: {install_command(*TORCH)}"
        if find_spec("torch") is None:
            raise MissingDependencyError(f"vs_align.{function}: device 'cuda' needs PyTorch. {advice}")
        import torch

        if not torch.cuda.is_available():
            raise MissingDependencyError(
                f"vs_align.{function}: device 'cuda' needs a CUDA device that PyTorch can use, and torch "
                f"{torch.__version__} sees none. Check the driver with nvidia-smi, or install a CUDA build of torch."
            )
    return chosen


def check_cache_argument(function: str, cache: object) -> None:
    """Raise if a value is neither a folder nor True, False or None; the folder is not looked at."""
    if cache is not None and not isinstance(cache, bool | str | PathLike):
        raise ArgumentError(function, "cache", "must be a folder, True or False", repr(cache))


def check_cache(function: str, cache: object, default: Callable[[], Path | None] | None = None) -> Path | None:
    """Return the folder in which results are kept; None to keep nothing.

    Args:
        function: The public function that was called.
        cache: A folder; None or True for the default folder; False for none.
        default: Returns the default folder, None if it cannot be written to. Default: the user's cache.
    """
    check_cache_argument(function, cache)
    if cache is False:
        return None
    if isinstance(cache, str | PathLike):
        return Path(cache)
    if default is not None:
        return default()
    from vs_align.media.cache import writable_cache_folder

    return writable_cache_folder()


def check_progress(function: str, progress: object) -> None:
    """Raise if a value is neither None nor callable."""
    if progress is not None and not callable(progress):
        raise ArgumentError(function, "progress", "must be a function", repr(progress))


def check_timing(function: str, timing: object) -> Timing | None:
    """Return whose time a result has; None for None, which means that the two clips decide."""
    return None if timing is None else check_option(function, "timing", timing, Timing)


def check_timing_ref(function: str, ref: object, timing: Timing | None) -> vs.VideoNode | None:
    """Return the third clip, which must be given for timing "ref" and must be None for any other."""
    if timing is Timing.REF:
        if ref is None:
            raise ArgumentError(function, "ref", "must be given for timing 'ref': the clip whose time counts", "None")
        return check_clip(function, "ref", ref)
    if ref is not None:
        actual = (timing or Timing.FG).value
        raise ArgumentError(function, "ref", "must be left out but for timing 'ref'", f"timing {actual!r}")
    return None


def check_video_engine(function: str, engine: object) -> SyncEngine:
    """Return a method of `sync` that compares frames, which is any but "audio"."""
    chosen = check_option(function, "engine", engine, SyncEngine)
    if chosen is SyncEngine.AUDIO:
        rule = "must compare frames; for audio give timeline=sync(bg, fg, engine='audio', audio=..., ref_audio=...)"
        raise ArgumentError(function, "engine", rule, repr(chosen.value))
    return chosen


def load_timeline_pair(
    function: str, timelines: object, bg: vs.VideoNode, fg: vs.VideoNode, ref: vs.VideoNode
) -> tuple[Timeline, Timeline]:
    """Return the timelines of bg and of fg against a third clip; see `load_timeline`."""
    rule = "must be a pair, sync(bg, ref) and sync(fg, ref), for timing 'ref'"
    if not isinstance(timelines, Sequence) or isinstance(timelines, str) or len(timelines) != 2:
        raise ArgumentError(function, "timeline", rule, type(timelines).__name__)
    return (
        load_timeline(function, timelines[0], bg, ref, ("bg", "ref")),
        load_timeline(function, timelines[1], fg, ref, ("fg", "ref")),
    )


def check_related(function: str, timeline: Timeline, sides: tuple[str, str] = NAMES) -> None:
    """Raise if a timeline matches no frame: a result must not silently show unrelated frames.

    Args:
        function: The public function that was called.
        timeline: Of the two clips.
        sides: The names of both arguments.
    """
    if any(frame is not None for frame in timeline.frame_map):
        return
    reasons = (for_overlay(reason, sides) for reason in timeline.reasons)
    found = "; ".join(filter(None, (timeline.verdict, *reasons))) or "a timeline without any match"
    if min(timeline.clip_length, timeline.ref_length) == 1:
        raise ArgumentError(function, "place", "must be given for a still of which the other clip shows nothing", found)
    rule = "must match frames: give timeline= and placement= by hand, or engine='duration'"
    raise ArgumentError(function, "timeline", rule, found)
