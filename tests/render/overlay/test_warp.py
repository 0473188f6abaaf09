"""Turned images and moving ones: known answers, and the same as upright ones where both can do it."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.render.overlay.images import (
    noise_of,
    noisy,
    painted,
    planes_of,
    sampled,
    shapes_of,
    turned,
    upright,
    wave,
)
from vs_align.enums import Background, Canvas
from vs_align.placement.transform import Transform
from vs_align.render.overlay.composite import BlendOptions, composite
from vs_align.render.overlay.coverage import sample_grids

SIZE, SMALL = (96, 72), (48, 40)
MANY = 33
"""So many layouts that kernels do them all."""


def inverse_wave(transform: Transform):  # type: ignore[no-untyped-def]
    """Return what fg shows where bg's pixels are."""
    back = np.linalg.inv(transform.array)

    def function(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in back)
        return wave(u / w / 1.5, v / w / 1.5)

    return function


def depth_inside(transform: Transform, location: int, form: int) -> list[np.ndarray]:
    """Return how many fg pixels each sample of bg lies inside of fg."""
    back = np.linalg.inv(transform.array)
    out = []
    for shape, grid in zip(shapes_of(form, SIZE), sample_grids(vs.core.get_video_format(form), location), strict=True):
        x = grid.step_x * np.arange(shape[1])[None, :] + grid.x
        y = grid.step_y * np.arange(shape[0])[:, None] + grid.y
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in back)
        out.append(
            np.minimum(np.minimum(u / w + 0.5, SMALL[0] - 0.5 - u / w), np.minimum(v / w + 0.5, SMALL[1] - 0.5 - v / w))
        )
    return out


PERSPECTIVE = Transform(((1.1, 0.08, 14.2), (-0.05, 1.05, 13.1), (4e-4, -3e-4, 1)), SIZE, SMALL)


@pytest.mark.parametrize("location", [0, 1, 2])
@pytest.mark.parametrize(
    "transform", [turned(SIZE, SMALL, 47.3, 35.1, 3.5), turned(SIZE, SMALL, 48, 36, -17, 1.3), PERSPECTIVE]
)
def test_turned_pictures_are_known_answers(transform: Transform, location: int) -> None:
    form = vs.YUV420PS
    fg = painted(
        form, SMALL, sampled(form, SMALL, lambda u, v: wave(u / 1.5, v / 1.5), location), _ChromaLocation=location
    )
    bg = painted(form, SIZE, sampled(form, SIZE, lambda u, v: 0 * u, location), _ChromaLocation=location)
    got = planes_of(composite(bg, fg, [transform], BlendOptions()))
    wanted = sampled(form, SIZE, inverse_wave(transform), location)
    for plane, answer, depth in zip(got, wanted, depth_inside(transform, location, form), strict=True):
        inside, outside = depth > 8, depth < -3
        assert inside.sum() > 100 and outside.sum() > 100
        assert np.abs(plane - answer)[inside].max() < 0.004
        assert not plane[outside].any()


def test_turned_edges_are_smooth_and_as_large_as_they_should_be() -> None:
    transform = turned(SIZE, SMALL, 48, 36, 11)
    bg, fg = (painted(vs.GRAYS, size, [np.full(size[::-1], value)]) for size, value in ((SIZE, 0.0), (SMALL, 1.0)))
    (plane,) = planes_of(composite(bg, fg, [transform], BlendOptions()))
    assert plane.sum() == pytest.approx(48 * 40, rel=0.002)
    assert ((plane > 0.05) & (plane < 0.95)).sum() > 100


def test_eight_bits_are_rounded_to_the_nearest() -> None:
    transform = turned(SIZE, SMALL, 47.3, 35.1, 3.5)
    planes = [[p * 255 for p in sampled(vs.YUV444PS, SMALL, lambda u, v: wave(u / 1.5, v / 1.5))]]
    fg = painted(vs.YUV444P8, SMALL, [np.rint(p) for p in planes[0]])
    bg = painted(vs.YUV444P8, SIZE, [np.zeros(s) for s in shapes_of(vs.YUV444P8, SIZE)])
    got = planes_of(composite(bg, fg, [transform], BlendOptions()))
    wanted = sampled(vs.YUV444PS, SIZE, inverse_wave(transform))
    inside = depth_inside(transform, 0, vs.YUV444PS)[0] > 8
    error = (got[0] - 255 * wanted[0])[inside]
    assert np.abs(error).max() < 2
    assert abs(error.mean()) < 0.05


@pytest.mark.parametrize(
    "form", [vs.GRAY8, vs.YUV420P8, vs.YUV422P10, vs.YUV420PH, vs.RGB24, vs.RGBS], ids=lambda f: f.name
)
def test_many_layouts_at_whole_pixels_are_copied_too(form: int) -> None:
    transforms = [upright(SIZE, SMALL, 2 * (n % 20), 2 * (n // 2)) for n in range(MANY)]
    bg, fg = noisy(form, SIZE, length=MANY), noisy(form, SMALL, 1, length=MANY)
    found = vs.core.get_video_format(form)
    result = composite(bg, fg, transforms, BlendOptions())
    for n in (0, 7, 32):
        for i, (got, below, above) in enumerate(
            zip(planes_of(result, n), noise_of(form, SIZE), noise_of(form, SMALL, 1), strict=True)
        ):
            left, top = 2 * (n % 20), 2 * (n // 2)
            if i:
                left, top = left >> found.subsampling_w, top >> found.subsampling_h
            wanted = below.copy()
            wanted[top : top + above.shape[0], left : left + above.shape[1]] = above
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("canvas", list(Canvas))
@pytest.mark.parametrize("background", list(Background))
@pytest.mark.parametrize("form", [vs.YUV420PS, vs.RGBS], ids=lambda f: f.name)
def test_kernels_and_filters_agree(canvas: Canvas, background: Background, form: int) -> None:
    look = BlendOptions(smooth=True, margin=5, opacity=0.8, canvas=canvas, background=background)
    near = [upright(SIZE, SMALL, -7.3 + 1e-3 * n, 11.6, 1.4) for n in range(MANY)]
    far = [near[0]] * MANY
    bg = painted(form, SIZE, sampled(form, SIZE, wave), MANY)
    fg = painted(form, SMALL, sampled(form, SMALL, lambda u, v: wave(v / 1.3, u / 1.5)), MANY)
    white = np.ones(SMALL[::-1], np.float32)
    white[:, 30:] = 0.25
    masks = {
        "mask": painted(vs.GRAYS, SMALL, [white]),
        "bg_mask": painted(vs.GRAYS, SIZE, [np.repeat(np.linspace(0, 1, 96)[None], 72, axis=0)]),
    }
    by_kernels, by_filters = (composite(bg, fg, transforms, look, **masks) for transforms in (near, far))
    assert (by_kernels.width, by_kernels.height) == (by_filters.width, by_filters.height)
    for one, other in zip(planes_of(by_kernels), planes_of(by_filters), strict=True):
        difference = np.abs(one - other)
        assert one.std() > 0.05
        # kernels repeat what lies beyond an edge where zimg mirrors it, and a mask's edge is blurred in two ways
        assert difference.mean() < 0.004
        assert np.percentile(difference, 97) < 0.02


def test_a_moving_fg_is_where_it_should_be_in_every_frame() -> None:
    transforms = [upright(SIZE, SMALL, 10 + 0.37 * n, 12, 1.2) for n in range(40)]
    fg = painted(vs.GRAYS, SMALL, sampled(vs.GRAYS, SMALL, lambda u, v: u / 48), 40)
    result = composite(noisy(vs.GRAYS, SIZE, length=40), fg, transforms, BlendOptions())
    for n in (39, 3, 20, 3):
        row = planes_of(result, n)[0][30, 30:50]
        wanted = ((np.arange(30, 50) + 0.5 - 10 - 0.37 * n) / 1.2 - 0.5) / 48
        assert np.abs(row - wanted).max() < 1e-3


def test_shrunk_pictures_are_not_aliased() -> None:
    stripes = np.tile(np.arange(400) % 2, (320, 1)).astype(np.float32)
    fg = painted(vs.GRAYS, (400, 320), [stripes])
    transform = turned(SIZE, (400, 320), 48, 36, 2, 0.2)
    (plane,) = planes_of(composite(noisy(vs.GRAYS, SIZE), fg, [transform], BlendOptions()))
    assert np.abs(plane[20:50, 25:70] - 0.5).max() < 0.03


def test_a_turned_feather_and_masks() -> None:
    transform = turned(SIZE, SMALL, 48, 36, 8)
    bg, fg = (painted(vs.GRAYS, size, [np.full(size[::-1], value)]) for size, value in ((SIZE, 0.0), (SMALL, 1.0)))
    (plane,) = planes_of(composite(bg, fg, [transform], BlendOptions(smooth=True, margin=6)))
    depth = depth_inside(transform, 0, vs.GRAYS)[0]
    wanted = 0.5 - 0.5 * np.cos(np.pi * np.clip(depth / 6, 0, 1))
    u, v, _ = np.linalg.inv(transform.array) @ np.stack(
        [*np.meshgrid(np.arange(96), np.arange(72)), np.ones((72, 96))]
    ).reshape(3, -1)
    side = ((np.abs(v - 19.5) < 8) & (np.abs(u - 23.5) > 15)).reshape(72, 96) & (depth > 0.8)
    assert side.sum() > 50
    assert np.abs(plane - wanted)[side].max() < 1e-3
    (masked,) = planes_of(
        composite(
            bg,
            fg,
            [transform],
            BlendOptions(),
            mask=painted(vs.GRAY8, SMALL, [np.tile((np.arange(48) < 24) * 255, (40, 1))]),
        )
    )
    assert masked.sum() == pytest.approx(24 * 40, rel=0.01)
    assert masked[36, 40] == pytest.approx(1) and masked[36, 56] == 0


@pytest.mark.parametrize("background", list(Background))
def test_the_canvas_of_a_turned_fg(background: Background) -> None:
    transform = turned(SIZE, SMALL, 20, 36, 6)
    bg = painted(vs.GRAYS, SIZE, sampled(vs.GRAYS, SIZE, wave))
    result = composite(
        bg, noisy(vs.GRAYS, SMALL), [transform], BlendOptions(opacity=0, canvas=Canvas.FG, background=background)
    )
    (plane,) = planes_of(result)
    xs, ys = np.meshgrid(np.arange(48), np.arange(40))
    u, v, _ = (row[0] * xs + row[1] * ys + row[2] for row in transform.array)
    inside = (u > 5) & (v > 5) & (u < 90) & (v < 66)
    assert inside.sum() > 500
    assert np.abs(plane - wave(u, v))[inside].max() < 0.01
    fill_canvas = plane[u < -2]
    assert fill_canvas.size > 20
    assert (fill_canvas == 0).all() == (background is Background.BLACK)
