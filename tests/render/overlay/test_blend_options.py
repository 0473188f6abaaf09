"""What a `BlendOptions` asks for: feather, opacity, masks, canvases, backgrounds."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.render.overlay.images import noise_of, noisy, painted, planes_of, shapes_of, upright
from vs_align.enums import Background, Canvas
from vs_align.errors import ArgumentError
from vs_align.io.array_types import AnyArray
from vs_align.placement.transform import Size, Transform
from vs_align.render.overlay.composite import BlendOptions, composite

SIZE, SMALL = (64, 48), (32, 24)


def flat(form: int, size: Size, value: float, **props: int) -> vs.VideoNode:
    return painted(form, size, [np.full(shape, value) for shape in shapes_of(form, size)], **props)


def shares(transform: Transform, look: BlendOptions, form: int = vs.GRAYS, **masks: vs.VideoNode) -> list[AnyArray]:
    """Return how much of fg there is in every sample."""
    return planes_of(composite(flat(form, SIZE, 0), flat(form, SMALL, 1), [transform], look, **masks))


def ramp(distance: np.ndarray, margin: float) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / margin, 0, 1))


def test_the_feather_is_a_cosine_over_its_margin() -> None:
    (plane,) = shares(upright(SIZE, SMALL, 16, 12), BlendOptions(smooth=True, margin=6))
    distance = np.arange(16) + 0.5
    assert plane[24, 16:32] == pytest.approx(ramp(distance, 6), abs=1e-6)
    assert plane[24, 32:48] == pytest.approx(ramp(distance, 6)[::-1], abs=1e-6)
    assert plane[12:24, 32] == pytest.approx(ramp(distance[:12], 6), abs=1e-6)
    assert plane[13, 17] == pytest.approx(ramp(np.array(1.5), 6) ** 2, abs=1e-6)
    assert (plane[24, 22:42] == 1).all() and (plane[:, :16] == 0).all()


def test_the_feather_of_chroma_is_where_chroma_lies() -> None:
    _, chroma, _ = shares(upright(SIZE, SMALL, 16, 12), BlendOptions(smooth=True, margin=6), vs.YUV420PS)
    assert chroma[12, 8:16] == pytest.approx(ramp(2 * np.arange(8) + 0.5, 6), abs=1e-6)


@pytest.mark.parametrize(
    ("at", "whole_edges"),
    [((0, 12), "left"), ((0.4, 12), "left"), ((32, 0), "right top"),
     ((31.7, 23.8), "right bottom"), ((-5, -5), "left top")],
)  # fmt: skip
def test_no_feather_at_edges_that_touch_the_border(at: tuple[float, float], whole_edges: str) -> None:
    (plane,) = shares(upright(SIZE, SMALL, *at), BlendOptions(smooth=True, margin=6))
    x, y = at
    middle = int(max(0, y) + min(48, y + 24)) // 2, int(max(0, x) + min(64, x + 32)) // 2
    left, top = int(np.ceil(max(0, x))), int(np.ceil(max(0, y)))
    right, bottom = int(min(64, x + 32)) - 1, int(min(48, y + 24)) - 1
    found = {
        "left": plane[middle[0], left], "right": plane[middle[0], right],
        "top": plane[top, middle[1]], "bottom": plane[bottom, middle[1]],
    }  # fmt: skip
    for name, share in found.items():
        assert (share == 1) == (name in whole_edges), (name, found)


def test_opacity() -> None:
    (plane,) = shares(upright(SIZE, SMALL, 16, 12), BlendOptions(opacity=0.3))
    assert (plane[12:36, 16:48] == np.float32(0.3)).all()
    assert plane.sum() == pytest.approx(0.3 * 32 * 24, rel=1e-6)
    bg, fg = flat(vs.YUV420P8, SIZE, 40), flat(vs.YUV420P8, SMALL, 200)
    luma, chroma, _ = planes_of(composite(bg, fg, [upright(SIZE, SMALL, 16, 12)], BlendOptions(opacity=0.25)))
    assert luma[20, 20] == chroma[10, 10] == 80
    (hidden,) = shares(upright(SIZE, SMALL, 16, 12), BlendOptions(opacity=0))
    assert not hidden.any()


@pytest.mark.parametrize("kind", [vs.GRAY8, vs.GRAY16, vs.GRAYS, vs.RGB24])
@pytest.mark.parametrize("form", [vs.YUV420P8, vs.YUV420PS, vs.RGB48])
def test_masks_multiply(kind: int, form: int) -> None:
    peaks = {vs.GRAY8: 255, vs.GRAY16: 65535, vs.GRAYS: 1, vs.RGB24: 255}
    ours, theirs = np.zeros((24, 32)), np.ones((48, 64))
    ours[:, 8:] = peaks[kind]
    theirs *= peaks[kind]
    theirs[20:, :] = 0
    planes = vs.core.get_video_format(kind).num_planes
    whole = 1 if form == vs.YUV420PS else 200
    result = composite(
        flat(form, SIZE, 0),
        flat(form, SMALL, whole),
        [upright(SIZE, SMALL, 16, 12)],
        BlendOptions(),
        mask=painted(kind, SMALL, [ours] * planes),
        bg_mask=painted(kind, SIZE, [theirs] * planes),
    )
    for plane, shape in zip(planes_of(result), shapes_of(form, SIZE), strict=True):
        step = 48 // shape[0]
        wanted = np.zeros(shape)
        wanted[12 // step : 20 // step, 24 // step : 48 // step] = whole
        np.testing.assert_array_equal(plane, wanted)


def test_masks_of_every_frame_count_and_the_last_is_held() -> None:
    mask = painted(vs.GRAY8, SMALL, lambda n: [np.full((24, 32), 255 * (n % 2))], 2)
    bg, fg = flat(vs.GRAY8, SIZE, 0) * 4, flat(vs.GRAY8, SMALL, 9) * 4
    result = composite(bg, fg, [upright(SIZE, SMALL, 16, 12)] * 4, BlendOptions(), mask=mask)
    assert [planes_of(result, n)[0].max() for n in range(4)] == [0, 9, 9, 9]


def test_a_mask_moves_with_fg() -> None:
    white = np.zeros((24, 32), np.float32)
    white[:, 10:] = 1
    (plane,) = shares(upright(SIZE, SMALL, 4, 4, 1.5), BlendOptions(), mask=painted(vs.GRAYS, SMALL, [white]))
    assert not plane[10:30, :15].any()
    assert plane[10:30, 25:50] == pytest.approx(1, abs=0.02)
    assert plane[20, 18] < 0.5 < plane[20, 20]


def test_a_canvas_of_both_in_steps_of_chroma() -> None:
    bg, fg = noisy(vs.YUV420P8, SIZE), noisy(vs.YUV420P8, SMALL, 1)
    result = composite(bg, fg, [upright(SIZE, SMALL, -9, 30)], BlendOptions(canvas=Canvas.UNION))
    assert (result.width, result.height) == (74, 54)
    luma = planes_of(result)[0]
    np.testing.assert_array_equal(luma[30:54, 1:33], noise_of(vs.YUV420P8, SMALL, 1)[0])
    np.testing.assert_array_equal(luma[:30, 10:], noise_of(vs.YUV420P8, SIZE)[0][:30])
    # beside both the edges of bg go on
    np.testing.assert_array_equal(luma[:30, :10], np.repeat(noise_of(vs.YUV420P8, SIZE)[0][:30, :1], 10, axis=1))
    np.testing.assert_array_equal(luma[48:, 33:], np.repeat(noise_of(vs.YUV420P8, SIZE)[0][-1:, 23:], 6, axis=0))


def test_a_canvas_of_both_holds_every_frame() -> None:
    bg, fg = noisy(vs.GRAY8, SIZE, length=3), noisy(vs.GRAY8, SMALL, 1, length=3)
    result = composite(
        bg,
        fg,
        [upright(SIZE, SMALL, -9, 30), None, upright(SIZE, SMALL, 50.5, -2.5)],
        BlendOptions(canvas=Canvas.UNION),
    )
    assert (result.width, result.height) == (9 + 83, 3 + 54)
    for n in range(3):
        np.testing.assert_array_equal(planes_of(result, n)[0][6:30, 42:58], noise_of(vs.GRAY8, SIZE)[0][3:27, 33:49])


@pytest.mark.parametrize(
    ("form", "full", "wanted"),
    [
        (vs.YUV420P8, 0, (16, 128)), (vs.YUV420P8, 1, (0, 128)), (vs.YUV420P10, 0, (64, 512)), (vs.GRAY16, 0, (4096,)),
        (vs.RGB24, 1, (0, 0)), (vs.YUV444PS, 0, (0, 0)), (vs.YUV444PH, 0, (0, 0)),
    ],
)  # fmt: skip
def test_black_is_black(form: int, full: int, wanted: tuple[int, ...]) -> None:
    bg, fg = noisy(form, SIZE, _Range=full), noisy(form, SMALL, 1, _Range=full)
    result = composite(
        bg, fg, [upright(SIZE, SMALL, -20, 40)], BlendOptions(canvas=Canvas.UNION, background=Background.BLACK)
    )
    for i, value in enumerate(wanted):
        plane = planes_of(result)[i]
        assert (plane[: plane.shape[0] // 2, :9] == value).all()


def test_a_blurred_background_is_bg_enlarged() -> None:
    bg, fg = flat(vs.YUV420P8, SIZE, 90), flat(vs.YUV420P8, SMALL, 200)
    result = composite(
        bg, fg, [upright(SIZE, SMALL, -20, 40)], BlendOptions(canvas=Canvas.UNION, background=Background.BLUR)
    )
    for plane in planes_of(result):
        assert (plane[: plane.shape[0] // 2] == 90).all()
    noise = noisy(vs.GRAYS, SIZE)
    result = composite(noise, flat(vs.GRAYS, SMALL, 0), [upright(SIZE, SMALL, -20, 40)],
                       BlendOptions(canvas=Canvas.UNION, background=Background.BLUR))  # fmt: skip
    fill_canvas = planes_of(result)[0][:38, :18]
    assert 0 < fill_canvas.std() < 0.1 and fill_canvas.mean() == pytest.approx(0.5, abs=0.1)


def test_the_canvas_of_fg_shows_bg_where_fg_lets_it_through() -> None:
    bg, fg = noisy(vs.YUV420P8, SIZE, marker=3), noisy(vs.YUV420P8, SMALL, 1, marker=4)
    white = np.full((24, 32), 255)
    white[:, :16] = 0
    whole = composite(bg, fg, [upright(SIZE, SMALL, 10, 8)], BlendOptions(canvas=Canvas.FG))
    for got, plane in zip(planes_of(whole), noise_of(vs.YUV420P8, SMALL, 1), strict=True):
        np.testing.assert_array_equal(got, plane)
    result = composite(
        bg, fg, [upright(SIZE, SMALL, 10, 8)], BlendOptions(canvas=Canvas.FG), mask=painted(vs.GRAY8, SMALL, [white])
    )
    assert [frame.props["marker"] for frame in result.frames(close=True)] == [3]
    luma = planes_of(result)[0]
    np.testing.assert_array_equal(luma[:, :16], noise_of(vs.YUV420P8, SIZE)[0][8:32, 10:26])
    np.testing.assert_array_equal(luma[:, 16:], noise_of(vs.YUV420P8, SMALL, 1)[0][:, 16:])


def test_the_canvas_of_fg_goes_on_where_fg_is_not_shown() -> None:
    bg, fg = noisy(vs.GRAY8, SIZE, length=3), noisy(vs.GRAY8, SMALL, 1, length=3)
    result = composite(bg, fg, [None, upright(SIZE, SMALL, 10, 8), None], BlendOptions(canvas=Canvas.FG))
    for n in (0, 2):
        np.testing.assert_array_equal(planes_of(result, n)[0], noise_of(vs.GRAY8, SIZE)[0][8:32, 10:42])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fg": "length"}, "fg must be as long as bg"),
        ({"transforms": 2}, "transforms must have 1 entries"),
        ({"mask": SIZE}, "mask must have the size 32x24"),
        ({"bg_mask": SMALL}, "bg_mask must have the size 64x48"),
        ({"scenes": [1]}, "scenes must begin with 0"),
        ({"margin": -1}, "margin must be at least 0"),
        ({"opacity": 1.5}, "opacity must be within 0 and 1"),
        ({"far": 1}, "canvas 'union' must stay within"),
        ({"odd": 1}, "canvas 'fg' needs"),
        ({"deep": 1}, "bg must have at most 16 bits"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said(change: dict[str, object], said: str) -> None:
    bg, fg = noisy(vs.GRAY8, SIZE), noisy(vs.GRAY8, SMALL, length=2 if change.get("fg") else 1)
    options: dict[str, object] = {
        name: vs.core.std.BlankClip(width=value[0], height=value[1], format=vs.GRAY8, length=1)  # type: ignore[index]
        for name, value in change.items()
        if "mask" in name
    }
    transforms = [upright(SIZE, SMALL, 0, 0)] * int(str(change.get("transforms", 1)))
    canvas = Canvas.BG
    if "scenes" in change:
        options["scenes"] = change["scenes"]
    if "far" in change:
        canvas, transforms = Canvas.UNION, [upright(SIZE, SMALL, 40000, 0)]
    if "odd" in change:
        bg, fg = noisy(vs.YUV420P8, SIZE), noisy(vs.GRAY8, (31, 24))
        canvas, transforms = Canvas.FG, [upright(SIZE, (31, 24), 0, 0)]
    if "deep" in change:
        bg = vs.core.std.BlankClip(bg, format=vs.GRAY32)
    with pytest.raises(ArgumentError, match=said):
        numbers = {name: value for name, value in change.items() if name in ("margin", "opacity")}
        composite(bg, fg, transforms, BlendOptions(canvas=canvas, **numbers), **options)  # type: ignore[arg-type]
