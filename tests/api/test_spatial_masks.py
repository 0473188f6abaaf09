"""`spatial`: what masks leave out does not bend the field, and what alpha says."""

from typing import Any

import cv2
import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.synth import coloured, grid, planes_of, props_of, rgb_clip_of, texture
from vs_align import Placement, Scene, Transform
from vs_align.io.array_types import BoolArray, Float64Array

core = vs.core

WIDTH, HEIGHT = 160, 90
SHIFT = (1.7, -1.2)
MASK_FORMATS = ("GRAY8", "GRAY16", "GRAYH", "GRAYS", "RGB24", "RGBS", "YUV420P8", "YUV444P10", "YUV444PS")


def align(clip: vs.VideoNode, ref: vs.VideoNode, mask: vs.VideoNode | None = None, **options: Any) -> vs.VideoNode:
    return vs_align.spatial(clip, ref, mask, engine="dis", **options)


def painted(x: float = 0, y: float = 0, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Float64Array:
    u, v = grid(*size)
    return coloured(texture(u + x, v + y, seed))


def inside(left: int, top: int, right: int, bottom: int) -> BoolArray:
    out = np.zeros((HEIGHT, WIDTH), bool)
    out[top:bottom, left:right] = True
    return out


def covered(picture: Float64Array, where: BoolArray, seed: int = 9) -> Float64Array:
    """Lay something else over a part of an image."""
    return np.where(where[..., None], painted(seed=seed), picture)


def mask_clip(areas: list[BoolArray], format_id: int = vs.GRAY8) -> vs.VideoNode:
    rgb = rgb_clip_of([np.where(area, 1.0, 0.0) for area in areas], vs.RGB24)
    if core.get_video_format(format_id).color_family == vs.RGB:
        return rgb.resize.Point(format=format_id)
    return rgb.resize.Bilinear(format=format_id, matrix_s="709")


def off_by(result: vs.VideoNode, truth: Float64Array, where: BoolArray) -> float:
    """99th percentile of the distance from the truth over an area, away from the edge of the image."""
    away = inside(6, 6, WIDTH - 6, HEIGHT - 6)
    return float(np.percentile(np.abs(planes_of(result.get_frame(0)) - truth).max(axis=-1)[where & away], 99))


LOGOS = {
    "logo": inside(10, 8, 60, 30),
    "thin line": inside(0, 40, WIDTH, 42),
    "subtitles at the edge": inside(20, 70, 140, 90),
    "left half": inside(0, 0, WIDTH // 2, HEIGHT),
}


@pytest.mark.parametrize("where", LOGOS.values(), ids=LOGOS.keys())
@pytest.mark.parametrize("side", ["ref", "clip"])
@pytest.mark.parametrize("options", [{}, {"wide_search": True}], ids=["near", "wide"])
def test_what_is_masked_does_not_bend_the_field(side: str, where: BoolArray, options: dict[str, Any]) -> None:
    clip, ref = painted(), painted(*SHIFT)
    mask = mask_clip([where])
    if side == "ref":
        result = align(rgb_clip_of([clip]), rgb_clip_of([covered(ref, where)]), mask, **options)
        # 0.1 px on the steepest slopes of this texture is 0.05
        assert off_by(result, ref, where) < 0.05
        assert off_by(result, ref, ~where) < 0.03
    else:
        # what lies under the mask of clip cannot come back, but all the rest must
        result = align(rgb_clip_of([covered(clip, where)]), rgb_clip_of([ref]), clip_mask=mask, **options)
        far = cv2.dilate(where.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
        assert off_by(result, ref, far) < 0.03
    props = result.get_frame(0).props
    assert props["VSAlignShiftX"] == pytest.approx(SHIFT[0], abs=0.03)
    assert props["VSAlignShiftY"] == pytest.approx(SHIFT[1], abs=0.03)


def test_without_the_mask_it_does_bend() -> None:
    """The tests above can fail."""
    where = LOGOS["left half"]
    clip, ref = painted(), painted(*SHIFT)
    result = align(rgb_clip_of([clip]), rgb_clip_of([np.where(where[..., None], painted(-2, 2), ref)]))
    assert off_by(result, ref, where) > 0.3


@pytest.mark.parametrize("format_name", MASK_FORMATS)
@pytest.mark.parametrize("scale", [1, 2, 0.5])
def test_masks_of_any_format_and_size_do_the_same(format_name: str, scale: float) -> None:
    where = inside(40, 20, 80, 60)
    clip, ref = rgb_clip_of([painted()]), rgb_clip_of([covered(painted(*SHIFT), where)])
    expected = planes_of(align(clip, ref, mask_clip([where])).get_frame(0))
    mask = mask_clip([where], getattr(vs, format_name))
    if scale != 1:
        mask = mask.resize.Point(int(WIDTH * scale), int(HEIGHT * scale) // 2 * 2)
    result = planes_of(align(clip, ref, mask).get_frame(0))
    # a mask of another size may be wider by a pixel
    assert np.abs(result - expected).max() < (1e-6 if scale == 1 else 0.02)


def test_gray_of_less_than_half_is_not_masked() -> None:
    clip, ref = rgb_clip_of([painted()]), rgb_clip_of([painted(*SHIFT)])
    plain = planes_of(align(clip, ref).get_frame(0))
    gray = core.std.BlankClip(width=WIDTH, height=HEIGHT, format=vs.GRAYS, color=0.4, length=1)
    assert np.array_equal(planes_of(align(clip, ref, gray).get_frame(0)), plain)


def test_masks_still_moving_and_too_short() -> None:
    areas = [inside(10 + 30 * n, 10, 50 + 30 * n, 70) for n in range(4)]
    truth = painted(*SHIFT)
    clip = rgb_clip_of([painted()] * 4)
    moving = rgb_clip_of([covered(truth, area) for area in areas])
    result = align(clip, moving, mask_clip(areas), batch_size=3)
    assert all(off_by(result[n], truth, area) < 0.05 for n, area in enumerate(areas))
    still = rgb_clip_of([covered(truth, areas[0]), *[covered(truth, areas[1])] * 3])
    result = align(clip, still, mask_clip(areas[:2]), batch_size=3)
    assert all(off_by(result[n], truth, areas[min(n, 1)]) < 0.05 for n in range(4))
    result = align(clip, rgb_clip_of([covered(truth, areas[2])] * 4), mask_clip([areas[2]]))
    assert all(off_by(result[n], truth, areas[2]) < 0.05 for n in range(4))


WHITE = inside(0, 0, WIDTH, HEIGHT)


@pytest.mark.parametrize("options", [{}, {"wide_search": True}, {"stabilize": "scene"}, {"stabilize": "clip"}], ids=str)
@pytest.mark.parametrize("name", ["mask", "clip_mask"])
def test_all_of_it_masked_leaves_the_coarse_transform_alone(name: str, options: dict[str, Any]) -> None:
    clip, ref = rgb_clip_of([painted()] * 2), rgb_clip_of([painted(*SHIFT)] * 2)
    result = align(clip, ref, **{name: mask_clip([WHITE])}, **options)
    for frame in result.frames(close=True):
        assert np.abs(planes_of(frame) - painted()).max() < 1e-5
        assert frame.props["VSAlignShiftX"] == pytest.approx(0, abs=1e-4)
    placement = placed(shift=(3, 2))
    result = align(clip, ref, **{name: mask_clip([WHITE])}, placement=placement, **options)
    moved = painted()[2:, 3:]
    assert np.abs(planes_of(result.get_frame(1))[: HEIGHT - 2, : WIDTH - 3] - moved).max() < 1e-4


def placed(**parts: Any) -> Placement:
    size = (WIDTH, HEIGHT)
    return Placement(size, size, (Scene(0, Transform.from_parts(size, size, **parts)),))


ALPHA = {"RGB24": 255, "RGB30": 1023, "RGB48": 65535, "RGBH": 1, "RGBS": 1}


@pytest.mark.parametrize(("format_name", "peak"), ALPHA.items())
@pytest.mark.parametrize("unaligned", ["keep", "mask"])
def test_alpha_is_white_inside_clips_picture_and_black_outside(format_name: str, peak: int, unaligned: str) -> None:
    clip, ref = rgb_clip_of([painted()], getattr(vs, format_name)), rgb_clip_of([painted(12, -6)])
    given = clip.std.ClipToProp(core.std.BlankClip(clip, format=vs.GRAY8, color=77))
    frame = align(given, ref, alpha=True, unaligned=unaligned).get_frame(0)
    alpha = frame.props["_Alpha"]
    assert alpha.format.color_family == vs.GRAY
    assert alpha.format.sample_type == clip.format.sample_type
    assert alpha.format.bits_per_sample == clip.format.bits_per_sample
    assert alpha.props["_Range"] == vs.RANGE_FULL
    plane = np.asarray(alpha[0])
    assert set(np.unique(plane)) == {0, peak}
    # columns 148 and on lie outside, and so do rows 0 to 5; the border itself may fall to either side
    assert (plane[:, 149:] == 0).all()
    assert (plane[:5] == 0).all()
    assert (plane[8:, :146] == peak).mean() > (0.97 if unaligned == "mask" else 0.9999)
    assert "_Alpha" not in align(given, ref).get_frame(0).props


def test_outside_the_edge_is_repeated() -> None:
    clip = painted()
    result = align(
        rgb_clip_of([clip]), rgb_clip_of([painted(30, 0)]), mask_clip([WHITE]), placement=placed(shift=(30, 0))
    )
    out = planes_of(result.get_frame(0))
    assert np.allclose(out[:, 130:], clip[:, -1:], atol=1e-5)
    assert np.allclose(out[:, :130], clip[:, 30:], atol=1e-5)


def test_unaligned_masks_an_object_that_differs() -> None:
    where = inside(60, 25, 110, 65)
    clip, ref = painted(), painted(*SHIFT)
    for pair in ((covered(clip, where), ref), (clip, covered(ref, where))):
        clips = [rgb_clip_of([picture]) for picture in pair]
        masked = align(*clips, alpha=True, unaligned="mask").get_frame(0)
        kept = align(*clips, alpha=True).get_frame(0)
        told = np.asarray(masked.props["_Alpha"][0]) == 0
        core_of_it, far = inside(68, 33, 102, 57), ~inside(44, 9, 126, 81) & inside(6, 6, WIDTH - 6, HEIGHT - 6)
        assert told[core_of_it].mean() > 0.8
        assert told[far].mean() < 0.02
        assert (np.asarray(kept.props["_Alpha"][0])[inside(6, 6, WIDTH - 6, HEIGHT - 6)] == 1).all()
        # the image is the same
        assert np.array_equal(planes_of(masked), planes_of(kept))


def test_the_numbers_tell_right_from_wrong() -> None:
    size = (320, 180)
    right = align(rgb_clip_of([painted(size=size)]), rgb_clip_of([painted(*SHIFT, size=size)])).get_frame(0).props
    wrong = align(rgb_clip_of([painted(size=size)]), rgb_clip_of([painted(seed=4, size=size)])).get_frame(0).props
    assert right["VSAlignResidual"] < 0.1
    assert right["VSAlignValid"] > 0.97
    assert wrong["VSAlignResidual"] > 0.3
    assert wrong["VSAlignValid"] < 0.6


def test_where_there_is_nothing_to_see_no_residual_is_told() -> None:
    flat = core.std.BlankClip(width=64, height=48, format=vs.RGBS, color=[0.2, 0.3, 0.4], length=1)
    props = align(flat, flat.std.Expr("x 0.1 +")).get_frame(0).props
    assert "VSAlignResidual" not in props
    assert props["VSAlignShiftX"] == props["VSAlignShiftY"] == 0
    assert props_of(align(flat, flat, placement=Placement.neutral((64, 48), (64, 48))), "VSAlignFallback") == [0]
