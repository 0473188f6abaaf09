"""Checks of clips that several layers need: pixel formats, and timelines against the lengths of their clips."""

from os import PathLike

import vapoursynth as vs

from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Timeline

_MAX_BITS = 16
"""Most bits of an integer sample that NumPy arrays of frames and the resizers of VapourSynth both handle."""


def describe(clip: vs.VideoNode) -> str:
    """Return format and size of a clip as text, such as "YUV420P8 1920x1080"."""
    return f"{clip.format.name} {clip.width}x{clip.height}"


def check_depth(function: str, name: str, clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip of at most 16 bits or of floats.

    Args:
        function: The public function that was called.
        name: Name of the argument.
        clip: The value of the argument.

    Raises:
        ArgumentError: It has integers of more than 16 bits.
    """
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > _MAX_BITS:
        raise ArgumentError(function, name, f"must have at most {_MAX_BITS} bits, or be float", clip.format.name)
    return clip


def load_timeline(
    function: str, timeline: object, clip: vs.VideoNode, ref: vs.VideoNode, sides: tuple[str, str] = ("clip", "ref")
) -> Timeline:
    """Return a timeline of two clips, given as such or as the path of its JSON file.

    Args:
        function: The public function that was called.
        timeline: The value of the argument.
        clip: Must be as long as the timeline's clip.
        ref: Must be as long as the timeline's ref.
        sides: The names of both arguments.

    Raises:
        ArgumentError: It is no timeline, or one of clips of other lengths.
    """
    if isinstance(timeline, str | PathLike):
        timeline = Timeline.load(timeline)
    if not isinstance(timeline, Timeline):
        rule = f"must be a Timeline of sync({', '.join(sides)}) or the path of its JSON file"
        raise ArgumentError(function, "timeline", rule, type(timeline).__name__)
    found, wanted = (timeline.clip_length, timeline.ref_length), (clip.num_frames, ref.num_frames)
    if found != wanted:
        rule = f"must be sync({', '.join(sides)}), from {wanted[0]} frames of {sides[0]} to {wanted[1]} of {sides[1]}"
        advice = f"; was it made by sync({sides[1]}, {sides[0]})? Use .inverse()" if found == wanted[::-1] else ""
        raise ArgumentError(function, "timeline", rule, f"one from {found[0]} frames to {found[1]}{advice}")
    return timeline
