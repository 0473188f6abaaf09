"""`composite`: one clip laid on another, frame by frame where transforms say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import vapoursynth as vs

from vs_align.api.arguments import describe
from vs_align.enums import Background, Canvas
from vs_align.errors import ArgumentError
from vs_align.placement.transform import Size, Transform
from vs_align.render.overlay.alpha import ALPHA, AlphaKind, alpha_clip, bled
from vs_align.render.overlay.color_match import light_of, matched
from vs_align.render.overlay.color_tags import Colours, by_colours
from vs_align.render.overlay.coverage import Coverage, coverage_clip, grids_of
from vs_align.render.overlay.layout import Layout, Rectangle, layout_of, union_of
from vs_align.render.overlay.masks import combined, grey_of
from vs_align.render.overlay.resize import backdrop, beside, bordered, merged, placed, steps_of
from vs_align.render.overlay.warp import WarpPlan, warped

# Each steady layout has filters of its own. With more layouts than this only those have that stay for some frames.
_MOST_STEADY, _STAYS = 32, 12
_WARP = -1


@dataclass(frozen=True, slots=True)
class Look:
    """How one picture is laid on another.

    Args:
        smooth: Whether edges that lie inside bg fade out.
        margin: Over how many bg pixels, at least 0.
        opacity: Of fg, 0..1.
        background: What is seen where no picture is.
        canvas: What the result shows.
        colour_match: Whether fg is given the colours of bg.

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
    look: Look,
    mask: vs.VideoNode | None = None,
    bg_mask: vs.VideoNode | None = None,
    scenes: Sequence[int] = (0,),
) -> vs.VideoNode:
    """Lay fg on bg. Nothing is computed before a frame is asked for.

    Upright pictures go through VapourSynth's own filters: at whole pixels and equal scale samples are copied, chroma
    too where its grid allows; else zimg samples them once. Turned pictures, and frames whose transform no other
    neighbourhood of frames shares, are sampled once by kernels of our own.

    Args:
        bg: GRAY, YUV or RGB of 8 to 16 bit integers, half or single floats. The result has its format and props.
        fg: As long as bg, of any constant format; brought to the colours of bg. Where a frame has alpha, in the prop
            `_Alpha`, it is straight alpha and counts like a mask.
        transforms: One for each frame, from pixels of fg to pixels of bg; one object for all frames that share it.
            None: fg is not shown.
        look: What is wanted.
        mask: Of fg's size, white (the largest value of its format) where fg is shown; the last frame is held.
            Multiplied with the alpha of fg.
        bg_mask: Of bg's size, white where bg may be covered, likewise.
        scenes: First frames of scenes, for `colour_match`, in order; the first is 0.

    Raises:
        ArgumentError: An argument breaks its rule.
    """
    _check(bg, fg, transforms, mask, bg_mask, scenes)
    if look.canvas is Canvas.FG and any(side % step for side, step in zip(_size(fg), steps_of(bg.format), strict=True)):
        rule = f"'fg' needs a size that {bg.format.name}, bg's format, can have"
        raise ArgumentError("overlay", "canvas", rule, f"{fg.width}x{fg.height}")
    plain = bg
    if bg.format.sample_type == vs.FLOAT and bg.format.bits_per_sample == 16:
        # filters that merge know no half floats; single ones hold all of their values
        plain = _scalable(bg).resize.Point(format=_single(bg.format).id)
    job = _Job.of(plain, fg, transforms, look, mask, bg_mask, scenes)
    result = job.node()
    if result.format.id != bg.format.id:
        result = _scalable(result).resize.Point(format=bg.format.id)
    # on the way the scaler has written tags where there were none, and a canvas of its own has none; the alpha of bg
    # is no part of what is shown
    return result.std.CopyFrameProps(bg).std.RemoveFrameProps(ALPHA)


@dataclass(frozen=True, slots=True)
class _Job:
    """Everything that nodes are built from."""

    bg: vs.VideoNode
    fg: vs.VideoNode
    look: Look
    layouts: list[Layout]
    which: list[int]
    """For each frame the number of its layout."""
    keys: list[int]
    """For each frame the number of its layout, or _WARP for the kernels."""
    size: Size
    mask: vs.VideoNode | None
    bg_mask: vs.VideoNode | None
    light: vs.VideoNode | None
    """Fg in linear light and the colours of bg, where that is wanted."""

    @classmethod
    def of(
        cls,
        bg: vs.VideoNode,
        fg: vs.VideoNode,
        transforms: Sequence[Transform | None],
        look: Look,
        mask: vs.VideoNode | None,
        bg_mask: vs.VideoNode | None,
        scenes: Sequence[int],
    ) -> "_Job":
        layouts, which = _laid_out(bg, fg, transforms, look.canvas)
        steady = _steady_ones(layouts, which)
        return cls(
            bg,
            fg,
            look,
            layouts,
            which,
            [k if k in steady else _WARP for k in which],
            layouts[0].size,
            grey_of(mask, bg.format, fg.num_frames),
            grey_of(bg_mask, bg.format, fg.num_frames),
            matched(bg, fg, transforms, scenes) if look.colour_match and any(transforms) else None,
        )

    def node(self) -> vs.VideoNode:
        """Return the result, in the format of bg."""
        keys, sources = self.keys, [self.bg, self.fg]
        sources += [clip for clip in (self.mask, self.bg_mask, self.light) if clip is not None]
        example = vs.core.std.BlankClip(self.bg, width=self.size[0], height=self.size[1], keep=True)
        return by_colours(example, [self.bg, self.fg], sources, self._built, lambda n: keys[n], AlphaKind.of)

    def _built(self, key: int, bg: Colours, fg: Colours, alpha: AlphaKind | None) -> vs.VideoNode:
        if key != _WARP and self.layouts[key].fg_rectangle is None:
            alpha = None  # fg is not shown
        return (self if alpha is None else self._with_alpha(alpha))._laid(key, bg, fg)

    def _with_alpha(self, kind: AlphaKind) -> "_Job":
        """Return the same, with the alpha of fg as a part of its mask."""
        length = self.fg.num_frames
        alpha = alpha_clip(self.fg, kind)
        own = grey_of(alpha, self.fg.format, length)
        fg = self.fg if own is None else bled(self.fg, own)
        mask = grey_of(alpha, self.bg.format, length)
        if mask is not None and self.mask is not None:
            peak = (1 << mask.format.bits_per_sample) - 1 if mask.format.sample_type == vs.INTEGER else 1
            mask = vs.core.std.Expr([mask, self.mask], f"x y * {peak} /")
        return replace(self, fg=fg, mask=mask)

    def _laid(self, key: int, bg: Colours, fg: Colours) -> vs.VideoNode:
        if self.light is None:
            clip, wanted = self.fg, bg
        else:
            clip, fg, wanted = self.light, light_of(bg, fg), bg.with_curve()
        return self._warped(clip, fg, wanted) if key == _WARP else self._steady(self.layouts[key], clip, fg, wanted)

    def _steady(self, layout: Layout, clip: vs.VideoNode, source: Colours, wanted: Colours) -> vs.VideoNode:
        """Return all frames in one upright layout."""
        form, size, rectangle = self.bg.format, layout.size, layout.fg_rectangle
        base = backdrop(self.bg, wanted, layout, self.look.background, form)
        box = rectangle.tile(size, steps_of(form)) if rectangle is not None else None
        if rectangle is None or box is None:
            return base
        over = bordered(placed(clip, source, rectangle, box, wanted, form), box, size)
        coverage = Coverage.of_fg(layout, self.look.feather, self.look.opacity)
        fades = coverage.margin > 0 and bool(coverage.feathered.any())
        masks = (self.mask, self.bg_mask)
        if rectangle.covers(size) and self.look.opacity == 1 and not fades and masks == (None, None):
            return over
        share = coverage_clip(coverage, size, form, wanted.location, base.num_frames)
        return merged(base, over, combined(share, *masks, layout))

    def _warped(self, clip: vs.VideoNode, source: Colours, wanted: Colours) -> vs.VideoNode:
        """Return all frames by kernels."""
        form, look = self.bg.format, self.look
        steps = steps_of(form)
        width, height = (-(-side // step) * step for side, step in zip((clip.width, clip.height), steps, strict=True))
        whole = Rectangle(0, 0, clip.width, clip.height)
        over = placed(clip, source, whole, (0, 0, width, height), wanted, form)
        is_laid = look.canvas is Canvas.FG
        if is_laid:
            canvas = beside(self.bg, wanted, self.size, look.background, form)
        else:
            canvas = backdrop(self.bg, wanted, self.layouts[0], look.background, form)
        peak = (1 << form.bits_per_sample) - 1 if form.sample_type == vs.INTEGER else None
        plan = WarpPlan(
            self.layouts,
            self.which,
            grids_of(form, wanted.location),
            peak,
            look.feather,
            look.opacity,
            look.background is Background.KEEP,
        )
        return warped(canvas, over, plan, self.bg if is_laid else None, self.mask, self.bg_mask)


def _laid_out(
    bg: vs.VideoNode, fg: vs.VideoNode, transforms: Sequence[Transform | None], canvas: Canvas
) -> tuple[list[Layout], list[int]]:
    """Return the distinct layouts, and the number of that of each frame."""
    bg_size, fg_size = _size(bg), _size(fg)
    whole = Rectangle(0, 0, *bg_size)
    union = union_of(transforms, bg_size, fg_size, steps_of(bg.format)) if canvas is Canvas.UNION else whole
    layouts: list[Layout] = []
    found: dict[tuple[Transform | None, bool], int] = {}
    # comparing numbers takes time, and most frames share their object with others
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
    """Return the upright layouts that get filters of their own."""
    upright = {k for k, layout in enumerate(layouts) if layout.is_upright}
    if len(upright) <= _MOST_STEADY:
        return upright
    often = Counter(k for k in which if k in upright).most_common(_MOST_STEADY)
    return {k for k, frames in often if frames >= _STAYS}


def _layout(
    transform: Transform | None, near: Transform | None, canvas: Canvas, bg_size: Size, fg_size: Size, union: Rectangle
) -> Layout:
    if transform is None and canvas is Canvas.FG and near is not None:
        # bg stays where it was when fg was last seen
        steady = layout_of(near, canvas, bg_size, fg_size, union)
        return Layout(steady.size, bg_size, fg_size, steady.bg, None)
    return layout_of(transform, canvas, bg_size, fg_size, union)


def _scalable(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip without props that the scaler trips over: fields, and an RGB clip that says it is YUV."""
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
    if bg.format.sample_type == vs.INTEGER and bg.format.bits_per_sample > 16:
        raise ArgumentError("overlay", "bg", "must have 8 to 16 bits or be float", describe(bg))
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
