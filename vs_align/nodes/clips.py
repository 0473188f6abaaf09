"""Lazy clip helpers: readable planes, sliding windows, carriers of props, blank clips. No frame is requested."""

from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs

_LONGEST = 2**31 - 1
"""Largest number of frames of a clip in VapourSynth. std.Interleave multiplies the length."""
_MOST_COPIES = 2000
"""Largest number of interleaved copies: bounds the time to build the filter graph."""


def comparable(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip whose plane 0 is integer or 32 bit float. 16 bit float is converted without loss."""
    if clip.format.sample_type == vs.INTEGER or clip.format.bits_per_sample == 32:
        return clip
    gray = clip if clip.format.color_family == vs.GRAY else clip.std.ShufflePlanes(0, vs.GRAY)
    return gray.resize.Point(format=vs.GRAYS)


@dataclass(frozen=True, slots=True)
class Stride:
    """Position of a window of frames that advances by a rational step."""

    start: int
    step: Fraction

    def first(self, k: int) -> int:
        """Return the first frame of the window after k steps; it may lie outside the clip."""
        return self.start + k * self.step.numerator // self.step.denominator


def strided_window(
    clip: vs.VideoNode, start: int, step: Fraction, count: int, width: int
) -> tuple[list[vs.VideoNode], Stride]:
    """Return a sliding window of frames as clips.

    The window has `width` frames, begins at frame `start` and advances by `step` frames `count` times. It is built of
    std.Interleave and std.SelectEvery, so no Python runs per frame. A step whose denominator would need too many
    copies is rounded, by less than a frame over the whole range.

    Returns:
        `width` clips: frame k of clip i is frame first(k) + i of `clip`, clamped to its range; they may be longer than
        `count`. And the stride, which gives first(k).
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
    """Return the frames that are stored in the props of other frames, in sequence.

    The next pack is requested when three quarters of the current one remain, so that both are computed in parallel.

    Args:
        packs: A clip whose frames carry frames as props.
        names: Names of these props, in order.
        example: A clip with the format and size of the stored frames.
        length: Number of frames of the result.
    """
    # std.PropToClip requests the first frame to learn the format: give it a blank one
    first = tiny_clip(1)
    for name in names:
        first = first.std.ClipToProp(example[0], prop=name)
    packs_after = first + packs
    frames = vs.core.std.Interleave([packs_after.std.PropToClip(prop=name)[1:] for name in names])
    ahead = [packs] * len(names)
    ahead[len(names) // 4] = packs[1:] + packs[-1] if packs.num_frames > 1 else packs
    # copying a prop that does not exist has one effect: the other clip's frame is requested
    return frames[:length].std.CopyFrameProps(vs.core.std.Interleave(ahead)[:length], props=["VSAlignNone"])


def tiny_clip(length: int) -> vs.VideoNode:
    """Return a clip of one pixel, to carry frame props."""
    return vs.core.std.BlankClip(width=1, height=1, format=vs.GRAY8, length=length, keep=True)


def blank_like(clip: vs.VideoNode, timing: vs.VideoNode) -> vs.VideoNode:
    """Return a blank clip with the format and size of `clip`, and the length and frame rate of `timing`."""
    blank = vs.core.std.BlankClip(clip, length=timing.num_frames, keep=True)
    if timing.fps:
        return blank.std.AssumeFPS(src=timing)
    # no filter sets a variable frame rate; a splice of two rates has one
    return (blank.std.AssumeFPS(fpsnum=24) + blank.std.AssumeFPS(fpsnum=25))[: timing.num_frames]


def steady_timing(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip with the frame durations of `clip`; at a constant rate a blank one, which requests no frame."""
    return tiny_clip(clip.num_frames).std.AssumeFPS(src=clip) if clip.fps else clip
