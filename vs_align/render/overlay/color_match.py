"""Color matching of fg to bg: gain and offset of each channel in linear light, one fit per scene.

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
from vs_align.nodes.parallel import run_parallel, worker_count
from vs_align.placement.transform import Size, Transform
from vs_align.render.overlay.color_tags import ColorTags, select_by_tags

_SUMS, _FIT = "VSAlignSums", "VSAlignFit"
_SAMPLES = 5
"""Number of frames of a scene that are compared: more delay the first frame of a scene."""
_LONGEST = 320
"""Longer side in pixels of the images that are compared: larger ones are slower and give the same means."""
_DARKEST = 0.0004
"""Linear light, 0..1, up to which a pixel may be clipped to black and is ignored."""
_BRIGHTEST = 0.97
"""Linear light from which on a pixel may be clipped to white and is ignored."""
_FEWEST = 64
"""Least number of pixels for a fit; with fewer fg stays unchanged."""
_MOST_GAIN = 4.0
"""Largest gain, and inverse of the smallest one: a bound for scenes that do not show the same."""
_FLAT = 1e-4
"""Deviation of linear light up to which a channel is flat; its gain is 1."""
_MOST_APART = 6.0
"""Residual, in medians of all residuals, up to which a pixel shows the same in both: rejects logos."""
_SAME = 0.003
"""Residual in linear light that is always accepted: quantization."""

Fit = tuple[float, ...]
"""Gains and offsets of red, green and blue."""
_NO_CHANGE: Fit = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)


def working_light(bg: ColorTags, fg: ColorTags) -> ColorTags:
    """Return the color tags for the comparison: linear RGB, with the primaries of bg if both are known, else of fg."""
    known = bg.primaries is not None and fg.primaries is not None
    return replace(fg.linear(), primaries=bg.primaries if known else fg.primaries)


def match_colors(
    bg: vs.VideoNode, fg: vs.VideoNode, transforms: Sequence[Transform | None], scenes: Sequence[int]
) -> vs.VideoNode:
    """Return fg as linear RGB of 32 bit float with the colors of bg.

    All frames of a scene have the same gains and offsets. They are computed when any frame of the scene is requested.

    Args:
        bg: The clip whose colors are taken, as long as fg.
        fg: The clip that is changed.
        transforms: For each frame the map from pixels of fg to pixels of bg, None if fg is not shown.
        scenes: First frames of the scenes, in order, the first of them 0.
    """
    numbers = [_samples(transforms, first, last) for first, last in _spans(scenes, fg.num_frames)]
    flat = [n for scene in numbers for n in scene]
    small_bg, small_fg = _small_sizes(transforms, (bg.width, bg.height), (fg.width, fg.height))
    seen = [_picked(_light(bg, fg, bg, small_bg), flat), _picked(_light(bg, fg, fg, small_fg), flat)]
    sizes = _Sizes((bg.width, bg.height), (fg.width, fg.height), small_bg, small_fg)
    pairs = _Pairs([transforms[n] for n in flat], sizes)
    carrier = tiny_clip(len(flat))
    sums = run_parallel([carrier, *seen], pairs.one, worker_count())
    parts = [sums.std.SelectEvery(_SAMPLES, [i]) for i in range(_SAMPLES)]
    fits = parts[0].std.ModifyFrame(parts, _fitted)
    return _applied(_light(bg, fg, fg, (fg.width, fg.height)), fits, list(scenes))


def _applied(light: vs.VideoNode, fits: vs.VideoNode, scenes: list[int]) -> vs.VideoNode:
    """Return a clip in linear light with the fit of each scene applied."""
    # the fit depends on the scene only, so it is kept here: with a small frame cache it would be computed repeatedly
    known: dict[int, Fit] = {}
    length = light.num_frames

    def scene_of(n: int) -> int:
        return bisect_right(scenes, n) - 1

    def with_known(n: int, f: Any) -> vs.VideoFrame:
        return _recolored(f, known[scene_of(n)])

    def with_asked(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        values: Any = f[1].props[_FIT]
        fit = known[scene_of(n)] = tuple(float(value) for value in values)
        return _recolored(f[0], fit)

    lookup = tiny_clip(length).std.FrameEval(lambda n: fits[scene_of(n)], clip_src=[fits])
    late = light.std.ModifyFrame([light, lookup], with_asked)
    soon = run_parallel([light], lambda n, f: with_known(n, f[0] if isinstance(f, list) else f), worker_count())
    return blank_like(light, light).std.FrameEval(
        lambda n: soon if scene_of(n) in known else late, clip_src=[soon, late]
    )


def _recolored(frame: vs.VideoFrame, fit: Fit) -> vs.VideoFrame:
    from vs_align.render.overlay.kernels import apply_gains

    out = frame.copy()
    for plane in range(3):
        apply_gains(np.asarray(out[plane]), np.float32(fit[plane]), np.float32(fit[3 + plane]))
    return out


@dataclass(frozen=True, slots=True)
class _Sizes:
    bg: Size
    fg: Size
    small_bg: Size
    small_fg: Size


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Callback that computes the sums of corresponding pixels of a pair of thumbnails. It holds no node."""

    transforms: Sequence[Transform | None]
    sizes: _Sizes

    def one(self, k: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Compute the sums of pair k; `f` holds a carrier and thumbnails of bg and fg in linear light."""
        import cv2

        from vs_align.measure.images.field import homography_field

        out = f[0].copy()
        props: Any = out.props
        props[_SUMS] = [0.0] * 13
        transform = self.transforms[k]
        if transform is None:
            return out
        small = transform.resized(self.sizes.small_bg, self.sizes.small_fg)
        places = homography_field(small.array, self.sizes.small_fg)
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
    """Return which pixels agree up to a gain and an offset: an outlier test by medians, for example against logos.

    Args:
        bg: Linear light, shape (3, n).
        fg: Linear light of the corresponding pixels, shape (3, n).

    Returns:
        Shape (n,).
    """
    centers, spreads = [], []
    for light in (bg, fg):
        center = np.median(light, axis=1, keepdims=True)
        centers.append(center)
        spreads.append(np.median(np.abs(light - center), axis=1, keepdims=True))
    gains = np.where((spreads[0] > _FLAT) & (spreads[1] > _FLAT), spreads[0] / np.maximum(spreads[1], _FLAT), 1.0)
    apart = np.abs(bg - centers[0] - gains * (fg - centers[1]))
    usual = np.median(apart, axis=1, keepdims=True)
    return np.asarray((apart <= _MOST_APART * usual + _SAME).all(axis=0), np.bool_)


def _fitted(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
    """Compute the gains and offsets of a scene from the sums of its frames."""
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
    """Return bg or fg in linear light, resized."""

    def build(_key: int, bg_colors: ColorTags, fg_colors: ColorTags) -> vs.VideoNode:
        wanted = working_light(bg_colors, fg_colors)
        source = (bg_colors if clip is bg else fg_colors).with_curve()
        if clip is bg:
            wanted = bg_colors.linear()
        options = source.toward(clip.format, wanted, vs.core.get_video_format(vs.RGBS))
        return source.marked(clip).resize.Bilinear(*size, **options)

    example = vs.core.std.BlankClip(clip, width=size[0], height=size[1], format=vs.RGBS, keep=True)
    return select_by_tags(example, [bg, fg], [clip], build)


def _picked(clip: vs.VideoNode, numbers: list[int]) -> vs.VideoNode:
    blank = vs.core.std.BlankClip(clip, length=len(numbers), keep=True)
    return blank.std.FrameEval(lambda n: clip[numbers[n]], clip_src=[clip])


def _spans(scenes: Sequence[int], length: int) -> list[tuple[int, int]]:
    return list(zip(scenes, [*scenes[1:], length], strict=True))


def _samples(transforms: Sequence[Transform | None], first: int, last: int) -> list[int]:
    """Return evenly spread frames of a scene that show fg; short scenes repeat frames."""
    shown = [n for n in range(first, last) if transforms[n] is not None] or [first]
    return [shown[(2 * i + 1) * len(shown) // (2 * _SAMPLES)] for i in range(_SAMPLES)]


def _small_sizes(transforms: Sequence[Transform | None], bg: Size, fg: Size) -> tuple[Size, Size]:
    """Return thumbnail sizes of bg and fg at about the same scale of the content."""
    shrinks = max(1.0, max(bg) / _LONGEST)
    example = next((t for t in transforms if t is not None), None)
    linear = np.eye(2) if example is None else example.array[:2, :2]
    scale = float(np.sqrt(max(abs(np.linalg.det(linear)), 1e-6))) / shrinks
    small_bg = max(1, round(bg[0] / shrinks)), max(1, round(bg[1] / shrinks))
    small_fg = tuple(min(max(1, round(side * scale)), 2 * _LONGEST, side) for side in fg)
    return small_bg, (small_fg[0], small_fg[1])
