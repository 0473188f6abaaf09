"""Fg in the colours of bg: what both show of one scene is held against each other in linear light.

Source of the method: E. Reinhard, M. Ashikhmin, B. Gooch, P. Shirley, Color transfer between images, IEEE Computer
Graphics and Applications 21(5), 2001: mean and standard deviation of each channel. Here the channels are red, green and
blue in linear light, where a change of exposure, of white balance or of black level is a gain and an offset.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import AnyArray, BoolArray, Float64Array
from vs_align.nodes.clips import blank_like, tiny_clip
from vs_align.nodes.parallel import in_lanes, lane_count
from vs_align.placement.transform import Size, Transform
from vs_align.render.overlay.color_tags import Colours, by_colours

_SUMS, _FIT = "VSAlignSums", "VSAlignFit"
# Frames of a scene that are looked at, and the longer side of the pictures of them.
_SAMPLES, _LONGEST = 5, 320
# Light that is nearly black or nearly white has been cut off there, or may have been.
_DARKEST, _BRIGHTEST = 0.0004, 0.97
# Fewer pixels than these tell nothing.
_FEWEST = 64
_MOST_GAIN = 4.0
_FLAT = 1e-4
# Pixels that are so many times further apart than is usual show different things; so little is never apart.
_MOST_APART, _SAME = 6.0, 0.003

Fit = tuple[float, ...]
"""Gains and offsets of red, green and blue."""
_NO_CHANGE: Fit = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)


def light_of(bg: Colours, fg: Colours) -> Colours:
    """Return the colours in which fg is compared with bg: linear RGB, in bg's primaries where both are known."""
    known = bg.primaries is not None and fg.primaries is not None
    return replace(fg.linear(), primaries=bg.primaries if known else fg.primaries)


def matched(
    bg: vs.VideoNode, fg: vs.VideoNode, transforms: Sequence[Transform | None], scenes: Sequence[int]
) -> vs.VideoNode:
    """Return fg as linear RGB of single floats, in the colours of bg.

    Gain and offset are the same for all frames of a scene. They are found when the first frame of it is asked for,
    whichever that is.

    Args:
        bg: As long as fg.
        fg: What is changed.
        transforms: For each frame from pixels of fg to pixels of bg, None where fg is not shown.
        scenes: First frames of scenes, in order, the first of them 0.
    """
    numbers = [_samples(transforms, first, last) for first, last in _spans(scenes, fg.num_frames)]
    flat = [n for scene in numbers for n in scene]
    small_bg, small_fg = _small_sizes(transforms, (bg.width, bg.height), (fg.width, fg.height))
    seen = [_picked(_light(bg, fg, bg, small_bg), flat), _picked(_light(bg, fg, fg, small_fg), flat)]
    sizes = _Sizes((bg.width, bg.height), (fg.width, fg.height), small_bg, small_fg)
    pairs = _Pairs([transforms[n] for n in flat], sizes)
    carrier = tiny_clip(len(flat))
    sums = in_lanes([carrier, *seen], pairs.one, lane_count())
    parts = [sums.std.SelectEvery(_SAMPLES, [i]) for i in range(_SAMPLES)]
    fits = parts[0].std.ModifyFrame(parts, _fitted)
    return _applied(_light(bg, fg, fg, (fg.width, fg.height)), fits, list(scenes))


def _applied(light: vs.VideoNode, fits: vs.VideoNode, scenes: list[int]) -> vs.VideoNode:
    """Return a clip in linear light with the fit of each scene applied."""
    # what was found is a matter of the scene alone, so it may be kept: asking for its frame again and again would
    # compute it anew wherever the cache is small
    known: dict[int, Fit] = {}
    length = light.num_frames

    def scene_of(n: int) -> int:
        return bisect_right(scenes, n) - 1

    def with_known(n: int, f: Any) -> vs.VideoFrame:
        return _recoloured(f, known[scene_of(n)])

    def with_asked(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        values: Any = f[1].props[_FIT]
        fit = known[scene_of(n)] = tuple(float(value) for value in values)
        return _recoloured(f[0], fit)

    lookup = tiny_clip(length).std.FrameEval(lambda n: fits[scene_of(n)], clip_src=[fits])
    late = light.std.ModifyFrame([light, lookup], with_asked)
    soon = in_lanes([light], lambda n, f: with_known(n, f[0] if isinstance(f, list) else f), lane_count())
    return blank_like(light, light).std.FrameEval(
        lambda n: soon if scene_of(n) in known else late, clip_src=[soon, late]
    )


def _recoloured(frame: vs.VideoFrame, fit: Fit) -> vs.VideoFrame:
    from vs_align.render.overlay.kernels import recolour

    out = frame.copy()
    for plane in range(3):
        recolour(np.asarray(out[plane]), np.float32(fit[plane]), np.float32(fit[3 + plane]))
    return out


@dataclass(frozen=True, slots=True)
class _Sizes:
    bg: Size
    fg: Size
    small_bg: Size
    small_fg: Size


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The callback that sums up what a pair of small pictures shows of the same things. It holds no node."""

    transforms: Sequence[Transform | None]
    sizes: _Sizes

    def one(self, k: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Sum up pair k; `f` holds a carrier and small pictures of bg and fg in linear light."""
        import cv2

        from vs_align.measure.images.field import field_of

        out = f[0].copy()
        props: Any = out.props
        props[_SUMS] = [0.0] * 13
        transform = self.transforms[k]
        if transform is None:
            return out
        small = transform.resized(self.sizes.small_bg, self.sizes.small_fg)
        places = field_of(small.array, self.sizes.small_fg)
        xs, ys = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
        width, height = self.sizes.small_bg
        shared = (xs >= 0) & (ys >= 0) & (xs <= width - 1) & (ys <= height - 1)
        above = np.stack([np.array(f[2][i], np.float32) for i in range(3)])
        below = np.stack(
            [
                cv2.remap(np.array(f[1][i], np.float32), xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                for i in range(3)
            ]
        )
        whole = _within(above) & _within(below) & shared
        used = whole if whole.sum() >= _FEWEST else shared
        a, b = below[:, used].astype(np.float64), above[:, used].astype(np.float64)
        if a.size and np.isfinite(a.sum() + b.sum()):
            agrees = _agreeing(a, b)
            used, a, b = agrees, a[:, agrees], b[:, agrees]
            sums = [a.sum(axis=1), b.sum(axis=1), np.square(a).sum(axis=1), np.square(b).sum(axis=1)]
            props[_SUMS] = [float(used.sum()), *np.concatenate(sums).tolist()]
        return out


def _agreeing(bg: Float64Array, fg: Float64Array) -> BoolArray:
    """Return which pixels, shape (3, n) each, show the same thing but for a gain and an offset.

    A logo that one of both has would be taken for brightness. Medians tell first what gain and offset are about, which
    half of the pixels cannot mislead.
    """
    centres, spreads = [], []
    for light in (bg, fg):
        centre = np.median(light, axis=1, keepdims=True)
        centres.append(centre)
        spreads.append(np.median(np.abs(light - centre), axis=1, keepdims=True))
    gains = np.where((spreads[0] > _FLAT) & (spreads[1] > _FLAT), spreads[0] / np.maximum(spreads[1], _FLAT), 1.0)
    apart = np.abs(bg - centres[0] - gains * (fg - centres[1]))
    usual = np.median(apart, axis=1, keepdims=True)
    return np.asarray((apart <= _MOST_APART * usual + _SAME).all(axis=0), np.bool_)


def _fitted(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
    """Find gain and offset of a scene from the sums of its frames."""
    out = f[0].copy()
    props: Any = out.props
    total = np.sum([np.array(frame.props[_SUMS], np.float64) for frame in f], axis=0)
    props[_FIT] = list(_fit(total))
    return out


def _fit(total: Float64Array) -> Fit:
    count = total[0]
    if count < _FEWEST:
        return _NO_CHANGE
    wanted, given, wanted_squares, given_squares = (total[1:] / count).reshape(4, 3)
    spread, mine = (
        np.sqrt(np.maximum(squares - np.square(mean), 0))
        for squares, mean in ((wanted_squares, wanted), (given_squares, given))
    )
    gains = np.where((mine > _FLAT) & (spread > _FLAT), spread / np.maximum(mine, _FLAT), 1.0)
    gains = np.clip(gains, 1 / _MOST_GAIN, _MOST_GAIN)
    return (*gains.tolist(), *(wanted - gains * given).tolist())


def _within(light: AnyArray) -> BoolArray:
    return np.asarray(((light > _DARKEST) & (light < _BRIGHTEST)).all(axis=0), np.bool_)


def _light(bg: vs.VideoNode, fg: vs.VideoNode, clip: vs.VideoNode, size: Size) -> vs.VideoNode:
    """Return bg or fg in linear light, at a size."""

    def build(_key: int, bg_colours: Colours, fg_colours: Colours) -> vs.VideoNode:
        wanted = light_of(bg_colours, fg_colours)
        source = (bg_colours if clip is bg else fg_colours).with_curve()
        if clip is bg:
            wanted = bg_colours.linear()
        options = source.toward(clip.format, wanted, vs.core.get_video_format(vs.RGBS))
        return source.marked(clip).resize.Bilinear(*size, **options)

    example = vs.core.std.BlankClip(clip, width=size[0], height=size[1], format=vs.RGBS, keep=True)
    return by_colours(example, [bg, fg], [clip], build)


def _picked(clip: vs.VideoNode, numbers: list[int]) -> vs.VideoNode:
    blank = vs.core.std.BlankClip(clip, length=len(numbers), keep=True)
    return blank.std.FrameEval(lambda n: clip[numbers[n]], clip_src=[clip])


def _spans(scenes: Sequence[int], length: int) -> list[tuple[int, int]]:
    return list(zip(scenes, [*scenes[1:], length], strict=True))


def _samples(transforms: Sequence[Transform | None], first: int, last: int) -> list[int]:
    """Return frames of a scene that show fg, spread evenly; one may be there several times in a short scene."""
    shown = [n for n in range(first, last) if transforms[n] is not None] or [first]
    return [shown[(2 * i + 1) * len(shown) // (2 * _SAMPLES)] for i in range(_SAMPLES)]


def _small_sizes(transforms: Sequence[Transform | None], bg: Size, fg: Size) -> tuple[Size, Size]:
    """Return sizes for small pictures of bg and fg that show about as much in a pixel."""
    shrinks = max(1.0, max(bg) / _LONGEST)
    example = next((t for t in transforms if t is not None), None)
    linear = np.eye(2) if example is None else example.array[:2, :2]
    scale = float(np.sqrt(max(abs(np.linalg.det(linear)), 1e-6))) / shrinks
    small_bg = max(1, round(bg[0] / shrinks)), max(1, round(bg[1] / shrinks))
    small_fg = tuple(min(max(1, round(side * scale)), 2 * _LONGEST, side) for side in fg)
    return small_bg, (small_fg[0], small_fg[1])
