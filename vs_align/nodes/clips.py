"""Clips in, clips out: planes, shifted copies, props. Nothing here asks for a frame."""

from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs

# std.Interleave multiplies the length of a clip; this is the longest clip that VapourSynth can number.
_LONGEST = 2**31 - 1
_MOST_COPIES = 2000


def comparable(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip whose plane 0 can be read as integers or single floats, which hold all values of half floats."""
    if clip.format.sample_type == vs.INTEGER or clip.format.bits_per_sample == 32:
        return clip
    gray = clip if clip.format.color_family == vs.GRAY else clip.std.ShufflePlanes(0, vs.GRAY)
    return gray.resize.Point(format=vs.GRAYS)


@dataclass(frozen=True, slots=True)
class Stride:
    """Where a window of frames stands that moves on by a step."""

    start: int
    step: Fraction

    def first(self, k: int) -> int:
        """The frame at the left edge of the window after k steps; it may lie outside the clip."""
        return self.start + k * self.step.numerator // self.step.denominator


def strided_window(
    clip: vs.VideoNode, start: int, step: Fraction, count: int, width: int
) -> tuple[list[vs.VideoNode], Stride]:
    """Show a window of `width` frames that begins at frame `start` and moves on by `step`, `count` times.

    The moves are made by copying and selecting in C++, which costs nothing. A step whose denominator would take too
    many copies is rounded, by less than a frame in all.

    Returns:
        Clips, of which frame k of clip i is frame first(k) + i of `clip`, or the nearest one where there is no such
        frame; they are as long as it takes, or longer. And the stride, which knows first(k).
    """
    most = max(1, min(_MOST_COPIES, _LONGEST // (2 * (clip.num_frames + 2 * width + int(count * step)))))
    step = step.limit_denominator(most)
    front = max(0, -start)
    stop = start + (count - 1) * step.numerator // step.denominator + width
    padded = clip
    if front:
        padded = clip[0] * front + padded
    if stop > clip.num_frames:
        padded = padded + clip[-1] * (stop - clip.num_frames)
    copies = padded if step.denominator == 1 else vs.core.std.Interleave([padded] * step.denominator)
    nodes = []
    for i in range(width):
        skipped, offset = divmod((start + front + i) * step.denominator, step.numerator)
        every = copies if step.numerator == 1 else copies.std.SelectEvery(step.numerator, [offset])
        nodes.append(every[skipped:])
    return nodes, Stride(start, step)


def unpacked(packs: vs.VideoNode, names: list[str], example: vs.VideoNode, length: int) -> vs.VideoNode:
    """Return the frames that lie in the props of other frames, one after the other.

    The next pack is asked for while a quarter of the present one is still to come, so that both are worked at.

    Args:
        packs: A clip whose frames carry frames.
        names: The props that hold them, in order.
        example: A clip with the format and size of those frames.
        length: Where to cut the result.
    """
    # std.PropToClip asks for the first frame to learn its format: it gets one that costs nothing
    first = tiny_clip(1)
    for name in names:
        first = first.std.ClipToProp(example[0], prop=name)
    packs_after = first + packs
    frames = vs.core.std.Interleave([packs_after.std.PropToClip(prop=name)[1:] for name in names])
    ahead = [packs] * len(names)
    ahead[len(names) // 4] = packs[1:] + packs[-1] if packs.num_frames > 1 else packs
    # copying a prop that is not there only asks for the other clip's frame
    return frames[:length].std.CopyFrameProps(vs.core.std.Interleave(ahead)[:length], props=["VSAlignNone"])


def tiny_clip(length: int) -> vs.VideoNode:
    """Return a clip of one pixel, to carry frame props."""
    return vs.core.std.BlankClip(width=1, height=1, format=vs.GRAY8, length=length, keep=True)


def blank_like(clip: vs.VideoNode, timing: vs.VideoNode) -> vs.VideoNode:
    """Return a blank clip with the format and size of `clip`, and the length and frame rate of `timing`."""
    blank = vs.core.std.BlankClip(clip, length=timing.num_frames, keep=True)
    if timing.fps:
        return blank.std.AssumeFPS(src=timing)
    # a variable frame rate cannot be asked for; a splice of two rates has one
    return (blank.std.AssumeFPS(fpsnum=24) + blank.std.AssumeFPS(fpsnum=25))[: timing.num_frames]


def steady_timing(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip with the frame durations of `clip`, which needs no frame of it where they are all the same."""
    return tiny_clip(clip.num_frames).std.AssumeFPS(src=clip) if clip.fps else clip
