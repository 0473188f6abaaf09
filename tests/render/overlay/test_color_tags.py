"""Fg of another format, matrix, range or depth."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.render.overlay.images import noisy, painted, planes_of, shapes_of, upright
from vs_align.render.overlay.color_tags import ColorTags
from vs_align.render.overlay.composite import BlendOptions, composite

SIZE, SMALL = (64, 48), (32, 24)
RGB = (0.8, 0.3, 0.2)
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}


def yuv(rgb: tuple[float, float, float], matrix: int) -> tuple[float, float, float]:
    """BT.709 or BT.601, from 0..1 to 0..1 and -0.5..0.5."""
    red, blue = LUMA[matrix]
    y = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    return y, (rgb[2] - y) / (2 - 2 * blue), (rgb[0] - y) / (2 - 2 * red)


def coded(color: tuple[float, ...], bits: int, full: bool) -> list[float]:
    peak, step = (1 << bits) - 1, 1 << (bits - 8)
    middle = 1 << (bits - 1)
    if full:
        return [color[0] * peak, *(middle + c * peak for c in color[1:])]
    return [(16 + 219 * color[0]) * step, *((128 + 224 * c) * step for c in color[1:])]


def flat(form: int, values: list[float], **props: int) -> vs.VideoNode:
    kind = vs.core.get_video_format(form).sample_type
    planes = [
        np.full(s, v if kind == vs.FLOAT else round(v)) for s, v in zip(shapes_of(form, SMALL), values, strict=True)
    ]
    return painted(form, SMALL, planes, **props)


FGS = {
    "601": (flat, vs.YUV420P8, coded(yuv(RGB, 6), 8, False), {"_Matrix": 6}),
    "709 of 10 bits": (flat, vs.YUV422P10, coded(yuv(RGB, 1), 10, False), {"_Matrix": 1}),
    "full range": (flat, vs.YUV444P16, coded(yuv(RGB, 1), 16, True), {"_Matrix": 1, "_Range": 1}),
    "small and silent": (flat, vs.YUV420P8, coded(yuv(RGB, 6), 8, False), {}),
    "RGB": (flat, vs.RGB24, [255 * c for c in RGB], {}),
    "RGB floats": (flat, vs.RGBS, list(RGB), {}),
}


@pytest.mark.parametrize("name", FGS)
@pytest.mark.parametrize(
    ("form", "matrix", "full"),
    [
        (vs.YUV420P8, 1, False),
        (vs.YUV420P8, 6, True),
        (vs.YUV444P10, 1, False),
        (vs.RGB24, 0, True),
        (vs.YUV420PS, 1, False),
        (vs.RGBH, 0, True),
    ],
)
@pytest.mark.parametrize("degrees", [0, 3])
def test_an_fg_of_any_format_gets_the_colors_of_bg(name: str, form: int, matrix: int, full: bool, degrees: int) -> None:
    from tests.render.overlay.images import turned

    make, kind, values, props = FGS[name]
    found = vs.core.get_video_format(form)
    bg = noisy(form, SIZE, **({"_Matrix": matrix} if matrix else {}), _Range=int(full))
    transform = turned(SIZE, SMALL, 32, 24, degrees)
    result = composite(bg, make(kind, values, **props), [transform], BlendOptions())
    if matrix == 0:
        wanted = [c * (255 if found.sample_type == vs.INTEGER else 1) for c in RGB]
    elif found.sample_type == vs.FLOAT:
        wanted = list(yuv(RGB, matrix))
    else:
        wanted = coded(yuv(RGB, matrix), found.bits_per_sample, full)
    near = 0.004 if found.sample_type == vs.FLOAT else 1.2 * (1 << (found.bits_per_sample - 8))
    for plane, value in zip(planes_of(result), wanted, strict=True):
        assert plane[plane.shape[0] // 2, plane.shape[1] // 2] == pytest.approx(value, abs=near)
    frame = next(iter(result.frames(close=False)))
    assert frame.props.get("_Matrix") == (matrix or None)
    assert frame.props["_Range"] == int(full)
    frame.close()


def test_gray_takes_luma_and_gives_neutral_colors() -> None:
    fg = flat(vs.YUV420P8, [150, 90, 200], _Matrix=6)
    (luma,) = planes_of(composite(noisy(vs.GRAY8, SIZE), fg, [upright(SIZE, SMALL, 4, 4)], BlendOptions()))
    assert luma[10, 10] == 150
    gray = composite(noisy(vs.YUV420P8, SIZE), flat(vs.GRAY8, [150]), [upright(SIZE, SMALL, 4, 4)], BlendOptions())
    assert [plane[8, 8] for plane in planes_of(gray)] == [150, 128, 128]


def test_known_primaries_and_curves_are_converted_and_unknown_ones_are_not() -> None:
    bg = noisy(vs.YUV444P8, SIZE, _Matrix=1, _Primaries=1, _Transfer=1)
    values = coded(yuv(RGB, 1), 8, False)
    for tags, same in (
        ({}, True),
        ({"_Primaries": 9}, True),  # without a curve there is no converting primaries
        ({"_Primaries": 1, "_Transfer": 6}, True),  # one curve by two names
        ({"_Primaries": 9, "_Transfer": 1}, False),
        ({"_Transfer": 4}, False),
    ):
        fg = flat(vs.YUV444P8, values, _Matrix=1, **tags)
        planes = planes_of(composite(bg, fg, [upright(SIZE, SMALL, 4, 4)], BlendOptions()))
        assert ([round(v) for v in values] == [plane[10, 10] for plane in planes]) == same, tags


def test_tags_may_change_from_frame_to_frame() -> None:
    fg = flat(vs.YUV420P8, coded(yuv(RGB, 6), 8, False), _Matrix=6) + flat(
        vs.YUV420P8, coded(yuv(RGB, 1), 8, False), _Matrix=1
    )
    bg = noisy(vs.YUV420P8, SIZE, length=2, _Matrix=1)
    result = composite(bg, fg, [upright(SIZE, SMALL, 4, 4)] * 2, BlendOptions())
    for n in (1, 0):
        assert [plane[8, 8] for plane in planes_of(result, n)] == pytest.approx(coded(yuv(RGB, 1), 8, False), abs=1.2)


def test_what_a_frame_does_not_say_is_taken_as_players_do() -> None:
    small, large = noisy(vs.YUV420P8, SIZE), vs.core.std.BlankClip(width=1280, height=720, format=vs.YUV420P8)
    assert ColorTags.of({}, small) == ColorTags(6, False, 0, None, None)
    assert ColorTags.of({"_Matrix": 2, "_ChromaLocation": 9, "_Primaries": 2}, large) == ColorTags(
        1, False, 0, None, None
    )
    assert ColorTags.of({"_Matrix": 5}, noisy(vs.RGB24, SIZE)) == ColorTags(0, True, 0, None, None)
