"""`composite`: fg composited over bg, each frame at the position that its transform gives."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import vapoursynth as vs

from vs_align.enums import Background, Canvas
from vs_align.errors import ArgumentError
from vs_align.nodes.checks import check_depth
from vs_align.placement.transform import Size, Transform
from vs_align.render.overlay.alpha import ALPHA, AlphaKind, alpha_clip, bleed_colors
from vs_align.render.overlay.color_match import match_colors, working_light
from vs_align.render.overlay.color_tags import ColorTags, select_by_tags
from vs_align.render.overlay.coverage import Coverage, coverage_clip, sample_grids
from vs_align.render.overlay.layout import Layout, Rectangle, layout_of, union_rectangle
from vs_align.render.overlay.masks import apply_masks, gray_mask
from vs_align.render.overlay.resize import (
    blend_by_mask,
    canvas_background,
    fill_canvas,
    pad_to_canvas,
    resize_into,
    subsampling_steps,
)
from vs_align.render.overlay.warp import WarpSettings, warp_onto_canvas

_MOST_STEADY = 32
"""Number of upright layouts that are built of resize filters; each has nodes of its own, which take memory."""
_STAYS = 12
"""Number of frames from which on a layout gets filters if there are more layouts than `_MOST_STEADY`."""
_WARP = -1
"""Key of frames that the warp kernels render."""


@dataclass(frozen=True, slots=True)
class BlendOptions:
    """Blend options of `overlay`.

    Args:
        smooth: Whether the edges of fg that lie inside bg are feathered.
        margin: Width of the feather in bg pixels, at least 0.
        opacity: Opacity of fg, 0..1.
        background: Content of the canvas outside of both images.
        canvas: Image area of the result.
        colour_match: Whether the colors of fg are matched to bg.

    Raises:
        ArgumentError: `margin` or `opacity` is out of range.
    """

    smooth: bool = False
    margin: int = 8
    opacity: float = 1.0
    background: Background = Background.KEEP
    canvas: Canvas = Canvas.BG
    colour_match: bool = False

    def __post_init__(self) -> None:
        if not self.margin >= 0:
            raise ArgumentError("overlay", "margin", "must be at least 0", self.margin)
        if not 0 <= self.opacity <= 1:
            raise ArgumentError("overlay", "opacity", "must be within 0 and 1", self.opacity)

    @property
    def feather(self) -> float:
        """Width of the feather in bg pixels, 0 for none."""
        return float(self.margin) if self.smooth else 0.0


def composite(
    bg: vs.VideoNode,
    fg: vs.VideoNode,
    transforms: Sequence[Transform | None],
    options: BlendOptions,
    mask: vs.VideoNode | None = None,
    bg_mask: vs.VideoNode | None = None,
    scenes: Sequence[int] = (0,),
) -> vs.VideoNode:
    """Composite fg over bg. Nothing is computed before a frame is requested.

    Upright images are rendered by VapourSynth's resize filters: at integer positions and equal scale samples are
    copied, else they are resampled once (zimg, Spline36). Rotated images, and frames of moving placements, are
    resampled once by Lanczos kernels, see `warp`.

    Args:
        bg: GRAY, YUV or RGB of 8 to 16 bit integers, 16 or 32 bit float. The result has its format and props.
        fg: As long as bg, of any constant format; converted to the color space of bg. Straight alpha in the prop
            `_Alpha` of a frame is used like a mask.
        transforms: For each frame the map from pixels of fg to pixels of bg; equal ones share one object. None: fg is
            not shown.
        options: Blend options.
        mask: Of fg's size, white (the largest value of its format) where fg is shown; the last frame is repeated.
            Multiplied with the alpha of fg.
        bg_mask: Of bg's size, white where bg may be covered; the last frame is repeated.
        scenes: First frames of scenes, for `colour_match`, in order; the first is 0.

    Raises:
        ArgumentError: An argument breaks its rule.
    """
    _check(bg, fg, transforms, mask, bg_mask, scenes)
    if options.canvas is Canvas.FG and any(
        side % step for side, step in zip(_size(fg), subsampling_steps(bg.format), strict=True)
    ):
        rule = f"'fg' needs a size that {bg.format.name}, bg's format, can have"
        raise ArgumentError("overlay", "canvas", rule, f"{fg.width}x{fg.height}")
    plain = bg
    if bg.format.sample_type == vs.FLOAT and bg.format.bits_per_sample == 16:
        # std.MaskedMerge and std.Expr do not support 16 bit float
        plain = _scalable(bg).resize.Point(format=_single(bg.format).id)
    job = _Compositor.of(plain, fg, transforms, options, mask, bg_mask, scenes)
    result = job.node()
    if result.format.id != bg.format.id:
        result = _scalable(result).resize.Point(format=bg.format.id)
    # resizers add tags that bg does not have; the alpha of bg does not belong to the result
    return result.std.CopyFrameProps(bg).std.RemoveFrameProps(ALPHA)


@dataclass(frozen=True, slots=True)
class _Compositor:
    """Builds the nodes of all layouts."""

    bg: vs.VideoNode
    fg: vs.VideoNode
    options: BlendOptions
    layouts: list[Layout]
    which: list[int]
    """For each frame the number of its layout."""
    keys: list[int]
    """For each frame the number of its layout, or `_WARP`."""
    size: Size
    mask: vs.VideoNode | None
    bg_mask: vs.VideoNode | None
    light: vs.VideoNode | None
    """Fg in linear light with the colors of bg, None without color matching."""

    @classmethod
    def of(
        cls,
        bg: vs.VideoNode,
        fg: vs.VideoNode,
        transforms: Sequence[Transform | None],
        options: BlendOptions,
        mask: vs.VideoNode | None,
        bg_mask: vs.VideoNode | None,
        scenes: Sequence[int],
    ) -> "_Compositor":
        layouts, which = _laid_out(bg, fg, transforms, options.canvas)
        steady = _steady_ones(layouts, which)
        return cls(
            bg,
            fg,
            options,
            layouts,
            which,
            [k if k in steady else _WARP for k in which],
            layouts[0].size,
            gray_mask(mask, bg.format, fg.num_frames),
            gray_mask(bg_mask, bg.format, fg.num_frames),
            match_colors(bg, fg, transforms, scenes) if options.colour_match and any(transforms) else None,
        )

    def node(self) -> vs.VideoNode:
        """Return the result, in the format of bg."""
        keys, sources = self.keys, [self.bg, self.fg]
        sources += [clip for clip in (self.mask, self.bg_mask, self.light) if clip is not None]
        example = vs.core.std.BlankClip(self.bg, width=self.size[0], height=self.size[1], keep=True)
        return select_by_tags(example, [self.bg, self.fg], sources, self._built, lambda n: keys[n], AlphaKind.of)

    def _built(self, key: int, bg: ColorTags, fg: ColorTags, alpha: AlphaKind | None) -> vs.VideoNode:
        if key != _WARP and self.layouts[key].fg_rectangle is None:
            alpha = None  # fg is not shown
        return (self if alpha is None else self._with_alpha(alpha))._laid(key, bg, fg)

    def _with_alpha(self, kind: AlphaKind) -> "_Compositor":
        """Return a copy whose mask is multiplied with the alpha of fg."""
        length = self.fg.num_frames
        alpha = alpha_clip(self.fg, kind)
        own = gray_mask(alpha, self.fg.format, length)
        fg = self.fg if own is None else bleed_colors(self.fg, own)
        mask = gray_mask(alpha, self.bg.format, length)
        if mask is not None and self.mask is not None:
            peak = (1 << mask.format.bits_per_sample) - 1 if mask.format.sample_type == vs.INTEGER else 1
            mask = vs.core.std.Expr([mask, self.mask], f"x y * {peak} /")
        return replace(self, fg=fg, mask=mask)

    def _laid(self, key: int, bg: ColorTags, fg: ColorTags) -> vs.VideoNode:
        if self.light is None:
            clip, wanted = self.fg, bg
        else:
            clip, fg, wanted = self.light, working_light(bg, fg), bg.with_curve()
        return self._warped(clip, fg, wanted) if key == _WARP else self._steady(self.layouts[key], clip, fg, wanted)

    def _steady(self, layout: Layout, clip: vs.VideoNode, source: ColorTags, wanted: ColorTags) -> vs.VideoNode:
        """Return all frames in one upright layout, rendered by resize filters."""
        form, size, rectangle = self.bg.format, layout.size, layout.fg_rectangle
        base = canvas_background(self.bg, wanted, layout, self.options.background, form)
        box = rectangle.tile(size, subsampling_steps(form)) if rectangle is not None else None
        if rectangle is None or box is None:
            return base
        over = pad_to_canvas(resize_into(clip, source, rectangle, box, wanted, form), box, size)
        coverage = Coverage.of_fg(layout, self.options.feather, self.options.opacity)
        fades = coverage.margin > 0 and bool(coverage.feathered.any())
        masks = (self.mask, self.bg_mask)
        if rectangle.covers(size) and self.options.opacity == 1 and not fades and masks == (None, None):
            return over
        share = coverage_clip(coverage, size, form, wanted.location, base.num_frames)
        return blend_by_mask(base, over, apply_masks(share, *masks, layout))

    def _warped(self, clip: vs.VideoNode, source: ColorTags, wanted: ColorTags) -> vs.VideoNode:
        """Return all frames, rendered by the warp kernels."""
        form, options = self.bg.format, self.options
        steps = subsampling_steps(form)
        width, height = (-(-side // step) * step for side, step in zip((clip.width, clip.height), steps, strict=True))
        whole = Rectangle(0, 0, clip.width, clip.height)
        over = resize_into(clip, source, whole, (0, 0, width, height), wanted, form)
        is_laid = options.canvas is Canvas.FG
        if is_laid:
            canvas = fill_canvas(self.bg, wanted, self.size, options.background, form)
        else:
            canvas = canvas_background(self.bg, wanted, self.layouts[0], options.background, form)
        peak = (1 << form.bits_per_sample) - 1 if form.sample_type == vs.INTEGER else None
        plan = WarpSettings(
            self.layouts,
            self.which,
            sample_grids(form, wanted.location),
            peak,
            options.feather,
            options.opacity,
            options.background is Background.KEEP,
        )
        return warp_onto_canvas(canvas, over, plan, self.bg if is_laid else None, self.mask, self.bg_mask)


def _laid_out(
    bg: vs.VideoNode, fg: vs.VideoNode, transforms: Sequence[Transform | None], canvas: Canvas
) -> tuple[list[Layout], list[int]]:
    """Return the distinct layouts, and for each frame the number of its layout."""
    bg_size, fg_size = _size(bg), _size(fg)
    whole = Rectangle(0, 0, *bg_size)
    union = (
        union_rectangle(transforms, bg_size, fg_size, subsampling_steps(bg.format)) if canvas is Canvas.UNION else whole
    )
    layouts: list[Layout] = []
    found: dict[tuple[Transform | None, bool], int] = {}
    # most frames share one transform object: compare identities before values
    seen: dict[tuple[int, bool], int] = {}
    which = []
    near = next((t for t in transforms if t is not None), None)
    for transform in transforms:
        near = transform or near
        shown = transform is not None
        place = near if shown or canvas is Canvas.FG else None
        number = seen.get((id(place), shown))
        if number is None:
            number = seen[id(place), shown] = found.setdefault((place, shown), len(layouts))
            if number == len(layouts):
                layouts.append(_layout(transform, near, canvas, bg_size, fg_size, union))
        which.append(number)
    return layouts, which


def _steady_ones(layouts: list[Layout], which: list[int]) -> set[int]:
    """Return the upright layouts that are rendered by resize filters."""
    upright = {k for k, layout in enumerate(layouts) if layout.is_upright}
    if len(upright) <= _MOST_STEADY:
        return upright
    often = Counter(k for k in which if k in upright).most_common(_MOST_STEADY)
    return {k for k, frames in often if frames >= _STAYS}


def _layout(
    transform: Transform | None, near: Transform | None, canvas: Canvas, bg_size: Size, fg_size: Size, union: Rectangle
) -> Layout:
    if transform is None and canvas is Canvas.FG and near is not None:
        # bg stays where it was in the last frame with fg
        steady = layout_of(near, canvas, bg_size, fg_size, union)
        return Layout(steady.size, bg_size, fg_size, steady.bg, None)
    return layout_of(transform, canvas, bg_size, fg_size, union)


def _scalable(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip without props that zimg rejects: field order, and a YUV matrix on RGB."""
    plain = clip.std.SetFieldBased(0)
    return plain.std.SetFrameProps(_Matrix=0) if clip.format.color_family == vs.RGB else plain


def _size(clip: vs.VideoNode) -> Size:
    return clip.width, clip.height


def _single(form: vs.VideoFormat) -> vs.VideoFormat:
    return vs.core.query_video_format(form.color_family, vs.FLOAT, 32, form.subsampling_w, form.subsampling_h)


def _check(
    bg: vs.VideoNode,
    fg: vs.VideoNode,
    transforms: Sequence[Transform | None],
    mask: vs.VideoNode | None,
    bg_mask: vs.VideoNode | None,
    scenes: Sequence[int],
) -> None:
    check_depth("overlay", "bg", bg)
    if fg.num_frames != bg.num_frames:
        raise ArgumentError("overlay", "fg", f"must be as long as bg ({bg.num_frames} frames)", fg.num_frames)
    if len(transforms) != bg.num_frames:
        raise ArgumentError("overlay", "transforms", f"must have {bg.num_frames} entries, one a frame", len(transforms))
    sizes = _size(bg), _size(fg)
    for transform in {id(t): t for t in transforms if t is not None}.values():
        if (transform.clip_size, transform.ref_size) != sizes:
            rule = f"must be from {fg.width}x{fg.height} to {bg.width}x{bg.height} pixels"
            raise ArgumentError("overlay", "transforms", rule, f"{transform.ref_size} to {transform.clip_size}")
    for name, clip, of in (("mask", mask, fg), ("bg_mask", bg_mask, bg)):
        if clip is not None and _size(clip) != _size(of):
            rule = f"must have the size {of.width}x{of.height}"
            raise ArgumentError("overlay", name, rule, f"{clip.width}x{clip.height}")
    if list(scenes[:1]) != [0] or any(a >= b for a, b in pairwise(scenes)):
        raise ArgumentError("overlay", "scenes", "must begin with 0 and go up", list(scenes))
