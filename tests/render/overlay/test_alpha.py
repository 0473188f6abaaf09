"""Alpha of fg: a frame prop, straight, of any depth and size."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.render.overlay.images import planes_of, turned, upright
from tests.render.overlay.test_blend_options import flat
from tests.synth import clip_of
from vs_align.placement.transform import Size
from vs_align.render.overlay.alpha import ALPHA, bleed_colors, transparent_areas
from vs_align.render.overlay.composite import BlendOptions, composite

BG, FG = (64, 48), (32, 24)
core = vs.core


def steps(size: Size) -> np.ndarray:
    """Transparent, half and opaque thirds."""
    out = np.zeros((size[1], size[0]))
    out[:, size[0] // 4 : size[0] // 2] = 128 / 255
    out[:, size[0] // 2 :] = 1
    return out


def with_alpha(clip: vs.VideoNode, alpha: vs.VideoNode) -> vs.VideoNode:
    return clip.std.ClipToProp(alpha * clip.num_frames, prop=ALPHA)


@pytest.mark.parametrize("form", [vs.GRAY8, vs.GRAY16, vs.YUV420P8, vs.YUV444P10, vs.RGB24, vs.RGBS])
@pytest.mark.parametrize("alpha_form", [vs.GRAY8, vs.GRAY16])
def test_alpha_is_a_share_of_fg(form: int, alpha_form: int) -> None:
    sample = core.get_video_format(form)
    peak = 1 if sample.sample_type == vs.FLOAT else (1 << sample.bits_per_sample) - 1
    low, high = 0.2 * peak, 0.8 * peak
    fg = with_alpha(flat(form, FG, high), clip_of([steps(FG)], alpha_form))
    planes = planes_of(composite(flat(form, BG, low), fg, [upright(BG, FG, 16, 12)], BlendOptions()))
    plane = planes[0]
    near = 0.004 * peak + (0 if peak == 1 else 0.51)
    # the first quarter of fg is transparent, the second half so
    assert plane[12:36, :24] == pytest.approx(low, abs=near)
    assert plane[12:36, 25:31] == pytest.approx((low + high) / 2, abs=near)
    assert plane[12:36, 32:48] == pytest.approx(high, abs=near)


def test_frames_differ() -> None:
    """Some have alpha, some of another depth, some none; and any order will do."""
    fg = flat(vs.GRAY8, FG, 200)
    clear = with_alpha(fg, flat(vs.GRAY8, FG, 0))
    half = with_alpha(fg, flat(vs.GRAY16, FG, 32768))
    transform = upright(BG, FG, 16, 12)
    clip = composite(flat(vs.GRAY8, BG, 100) * 4, clear + fg + half + clear, [transform] * 4, BlendOptions())
    for n, wanted in ((3, 100), (1, 200), (2, 150), (0, 100)):
        assert abs(float(planes_of(clip, n)[0][24, 32]) - wanted) <= 1


def test_alpha_mask_and_opacity_are_multiplied() -> None:
    fg = with_alpha(flat(vs.GRAYS, FG, 1), flat(vs.GRAY8, FG, 128))
    mask = flat(vs.GRAYS, FG, 0.5)
    (plane,) = planes_of(
        composite(flat(vs.GRAYS, BG, 0), fg, [upright(BG, FG, 16, 12)], BlendOptions(opacity=0.5), mask)
    )
    assert plane[24, 32] == pytest.approx(128 / 255 / 4, abs=1e-3)


def test_alpha_of_a_turned_picture() -> None:
    alpha = np.zeros((FG[1], FG[0]))
    alpha[:, FG[0] // 2 :] = 1
    fg = with_alpha(flat(vs.GRAYS, FG, 1), clip_of([alpha]))
    (plane,) = planes_of(composite(flat(vs.GRAYS, BG, 0), fg, [turned(BG, FG, 32, 24, 90)], BlendOptions()))
    # turned clockwise, its right half is the lower one
    assert plane[30:36, 32] == pytest.approx(1, abs=1e-3)
    assert plane[12:20, 32] == pytest.approx(0, abs=1e-3)


def test_alpha_of_another_size_is_stretched() -> None:
    """As a resizer leaves it, which keeps props."""
    large = 2 * FG[0], 2 * FG[1]
    fg = with_alpha(flat(vs.GRAY8, large, 200), clip_of([steps(large)])).resize.Bilinear(*FG)
    (plane,) = planes_of(composite(flat(vs.GRAY8, BG, 100), fg, [upright(BG, FG, 16, 12)], BlendOptions()))
    assert plane[24, 18] == 100
    assert abs(int(plane[24, 28]) - 150) <= 1
    assert plane[24, 40] == 200


def test_alpha_of_bg_is_no_part_of_the_result() -> None:
    bg = with_alpha(flat(vs.GRAY8, BG, 100), flat(vs.GRAY8, BG, 0))
    result = composite(bg, flat(vs.GRAY8, FG, 200), [upright(BG, FG, 16, 12)], BlendOptions())
    with result.get_frame(0) as frame:
        assert ALPHA not in frame.props
        assert np.asarray(frame[0])[0, 0] == 100
        assert np.asarray(frame[0])[24, 32] == 200


def test_black_of_transparent_pixels_does_not_darken_edges() -> None:
    """A white disc on transparent black, made smaller on white: nothing but white is seen."""
    y, x = np.mgrid[:96, :96]
    disc = (np.hypot(x - 47.5, y - 47.5) < 40).astype(float)
    gray = clip_of([disc])
    rgb = core.std.ShufflePlanes(gray, [0, 0, 0], vs.RGB)
    white = core.std.BlankClip(format=vs.YUV420P8, width=64, height=64, length=1, color=[235, 128, 128])
    laid = composite(white, with_alpha(rgb, gray), [upright((64, 64), (96, 96), 0, 0, 0.6)], BlendOptions())
    for plane, value in zip(planes_of(laid), (235, 128, 128), strict=True):
        assert np.abs(plane.astype(int) - value).max() <= 2


def test_colors_bleed_into_what_is_transparent_alone() -> None:
    values = np.full((24, 32), 0.8)
    values[:, :16] = 0
    alpha = clip_of([(values > 0).astype(float)])
    rgb = core.std.ShufflePlanes(clip_of([values]), [0, 0, 0], vs.RGB)
    (red, *_) = planes_of(bleed_colors(rgb, alpha))
    assert (red[:, 16:] == 204).all()
    assert np.abs(red[:, 12:16].astype(int) - 204).max() <= 12


def test_what_is_transparent_does_not_count_for_a_search() -> None:
    alpha = np.zeros((24, 32))
    alpha[:, 20:] = 1
    fg = with_alpha(flat(vs.GRAY8, FG, 9), clip_of([alpha]))
    hidden = transparent_areas(fg)
    assert hidden is not None
    (plane,) = planes_of(hidden)
    assert (plane[:, :20] == 255).all() and (plane[:, 20:] == 0).all()
    assert transparent_areas(flat(vs.GRAY8, FG, 9)) is None
    assert transparent_areas(with_alpha(flat(vs.GRAY8, FG, 9), flat(vs.GRAY8, FG, 255))) is None
    assert transparent_areas(with_alpha(flat(vs.GRAY8, FG, 9), flat(vs.GRAY8, FG, 0))) is None, "nothing would be left"
