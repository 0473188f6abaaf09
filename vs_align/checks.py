"""Checks of arguments, one line where they are called. Each raises before any frame is asked for."""

from enum import Enum
from fractions import Fraction
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

import vapoursynth as vs

from vs_align.enums import Device
from vs_align.errors import ArgumentError, MissingDependencyError


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


def check_option[E: Enum](function: str, name: str, value: object, options: type[E]) -> E:
    """One of the values of an enum, given as the member, its value, or its name in any case."""
    if isinstance(value, options):
        return value
    wanted = value.lower() if isinstance(value, str) else value
    for option in options:
        if not isinstance(wanted, bool) and wanted in (option.value, option.name.lower()):
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
        from vs_align.sync_cache import cache_folder

        return cache_folder()
    if isinstance(cache, str | PathLike):
        return Path(cache)
    raise ArgumentError(function, "cache", "must be a folder, True or False", repr(cache))


def describe(clip: vs.VideoNode) -> str:
    """Format and size as people write them."""
    return f"{clip.format.name} {clip.width}x{clip.height}"
