"""Checks of arguments, one line where they are called. Each raises before any frame is asked for."""

from collections.abc import Sequence
from enum import Enum
from fractions import Fraction
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

import vapoursynth as vs

from vs_align.enums import Device
from vs_align.errors import ArgumentError, MissingDependencyError
from vs_align.placement.placement import Placement

_SAME_SHAPE = 0.01
"""Largest relative difference of two aspect ratios that is due to sizes in whole, or even, pixels."""
_FARTHEST = 1e6
"""Largest coordinate of a corner in pixels; more than any clip has."""
_LEAST_SCALE = 0.01
"""Smallest scale; the largest is its reciprocal. Beyond it an image shrinks to a point."""
_SCALES = f"in {_LEAST_SCALE:g}..{1 / _LEAST_SCALE:g}"


def check_clip(function: str, name: str, clip: object) -> vs.VideoNode:
    """A video clip with frames, and with one format and size throughout."""
    if not isinstance(clip, vs.VideoNode):
        raise ArgumentError(function, name, "must be a video clip", type(clip).__name__)
    if clip.format is None or clip.format.color_family == vs.UNDEFINED:
        raise ArgumentError(function, name, "must have a constant format", "a clip of variable format")
    if 0 in (clip.width, clip.height):
        raise ArgumentError(function, name, "must have a constant size", "a clip of variable size")
    if clip.num_frames < 1:
        raise ArgumentError(function, name, "must have at least one frame", "an empty clip")
    return clip


def check_same_picture(function: str, name: str, clip: vs.VideoNode, other_name: str, other: vs.VideoNode) -> None:
    """Both have the same format and size."""
    mine, theirs = describe(clip), describe(other)
    if mine != theirs:
        raise ArgumentError(
            function, name, f"must have the format and size of {other_name} ({theirs})", f"{mine}; resize one of them"
        )


def check_integer(function: str, name: str, value: object, least: int) -> int:
    """A whole number, not below the least."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentError(function, name, "must be a whole number", repr(value))
    if value < least:
        raise ArgumentError(function, name, f"must be at least {least}", value)
    return value


def check_flag(function: str, name: str, value: object) -> bool:
    """True or False; 1 and 0 are taken too."""
    if not isinstance(value, bool) and value not in (0, 1):
        raise ArgumentError(function, name, "must be True or False", repr(value))
    return bool(value)


def check_number(function: str, name: str, value: object) -> float:
    """A number that is not NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ArgumentError(function, name, "must be a number", repr(value))
    return float(value)


def check_scale(function: str, scale: object) -> float | None:
    """A scale that leaves something to see, or None if it is not known."""
    if scale is None:
        return None
    value = check_number(function, "scale", scale)
    if not _LEAST_SCALE <= value <= 1 / _LEAST_SCALE:
        raise ArgumentError(function, "scale", f"must lie {_SCALES}", scale)
    return value


def check_corner(function: str, name: str, corner: Sequence[object]) -> tuple[float, ...]:
    """The numbers (x, y) or (x, y, scale) of a place, in pixels."""
    numbers = tuple(check_number(function, name, number) for number in corner)
    if not all(abs(number) <= _FARTHEST for number in numbers[:2]):
        raise ArgumentError(function, name, f"must have x and y within {_FARTHEST:g} pixels", repr(corner))
    if not all(_LEAST_SCALE <= number <= 1 / _LEAST_SCALE for number in numbers[2:]):
        raise ArgumentError(function, name, f"must have a scale {_SCALES}", repr(corner))
    return numbers


def check_placement(
    function: str, placement: object, clip: vs.VideoNode, ref: vs.VideoNode, sides: tuple[str, str] = ("clip", "ref")
) -> Placement:
    """A `Placement` or the path of its file, for two clips; one for the same images at other sizes is resized.

    Args:
        function: The public function that was called.
        placement: What the user gave.
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
    fitted = fitted_placement(placement, *wanted)
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


def fitted_placement(placement: Placement, clip_size: tuple[int, int], ref_size: tuple[int, int]) -> Placement | None:
    """Return a placement for two sizes in pixels; None if it was made for other aspect ratios, or the other way round.

    A placement for the same images at other sizes is resized.
    """
    found, wanted = (placement.clip_size, placement.ref_size), (clip_size, ref_size)
    if found == wanted:
        return placement
    if found == wanted[::-1] or not all(_same_shape(*sizes) for sizes in zip(found, wanted, strict=True)):
        return None
    return placement.resized(*wanted)


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= _SAME_SHAPE


def check_option[E: Enum](function: str, name: str, value: object, options: type[E]) -> E:
    """One of the values of an enum, given as the member, its value, or its name in any case."""
    if isinstance(value, options):
        return value
    wanted = value.lower() if isinstance(value, str) else value
    for member, option in options.__members__.items():  # with its aliases
        if not isinstance(wanted, bool) and wanted in (option.value, member.lower()):
            return option
    choices = ", ".join(repr(option.value) for option in options)
    raise ArgumentError(function, name, f"must be one of {choices}", repr(value))


def check_rates(function: str, **parts: int | None) -> tuple[Fraction, Fraction] | None:
    """Two frame rates given as four whole numbers above 0, or none of the four.

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
    """A device that is there."""
    chosen = check_option(function, "device", device, Device)
    if chosen is Device.CUDA:
        advice = "Install it with: pip install 'vs_align[torch]'"
        if find_spec("torch") is None:
            raise MissingDependencyError(f"vs_align.{function}: device 'cuda' needs PyTorch. {advice}.")
        import torch

        if not torch.cuda.is_available():
            raise MissingDependencyError(
                f"vs_align.{function}: device 'cuda' needs a CUDA device that PyTorch can use, and torch "
                f"{torch.__version__} sees none. Check the driver with nvidia-smi, or install a CUDA build of torch."
            )
    return chosen


def check_cache(function: str, cache: object) -> Path | None:
    """A folder, True or None for the usual one; None where nothing is to be kept."""
    if cache is False:
        return None
    if cache is None or cache is True:
        from vs_align.media.cache import writable_cache_folder

        return writable_cache_folder()
    if isinstance(cache, str | PathLike):
        return Path(cache)
    raise ArgumentError(function, "cache", "must be a folder, True or False", repr(cache))


def describe(clip: vs.VideoNode) -> str:
    """Format and size as people write them."""
    return f"{clip.format.name} {clip.width}x{clip.height}"
