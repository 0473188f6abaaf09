"""Upright images: copies to the last bit, known answers between pixels, chroma where it belongs."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.render.overlay.images import noise_of, noisy, painted, planes_of, sampled, turned, upright, wave
from vs_align.render.overlay.composite import BlendOptions, composite

FORMATS = [
    vs.GRAY8, vs.GRAY10, vs.GRAY16, vs.GRAYH, vs.GRAYS,
    vs.YUV420P8, vs.YUV422P8, vs.YUV444P8, vs.YUV411P8, vs.YUV440P8, vs.YUV420P10, vs.YUV422P12, vs.YUV444P16,
    vs.YUV420PH, vs.YUV444PH, vs.YUV420PS, vs.YUV444PS, vs.RGB24, vs.RGB30, vs.RGB48, vs.RGBH, vs.RGBS,
]  # fmt: skip


def expected(form: int, bg: list[np.ndarray], fg: list[np.ndarray], x: int, y: int) -> list[np.ndarray]:
    """Lay planes on planes at whole samples."""
    found = vs.core.get_video_format(form)
    out = []
    for i, (below, above) in enumerate(zip(bg, fg, strict=True)):
        left, top = (x >> found.subsampling_w, y >> found.subsampling_h) if i else (x, y)
        plane = below.copy()
        rows = slice(max(0, top), min(plane.shape[0], top + above.shape[0]))
        columns = slice(max(0, left), min(plane.shape[1], left + above.shape[1]))
        plane[rows, columns] = above[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        out.append(plane)
    return out


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("at", [(12, 8), (0, 0), (-8, 20), (44, -12)], ids=str)
def test_whole_pixels_are_copied_to_the_last_bit(form: int, at: tuple[int, int]) -> None:
    size, small = (64, 48), (32, 24)
    result = composite(noisy(form, size), noisy(form, small, 1), [upright(size, small, *at)], BlendOptions())
    wanted = expected(form, noise_of(form, size), noise_of(form, small, 1), *at)
    assert result.format.id == form
    assert (result.width, result.height) == size
    for got, plane in zip(planes_of(result), wanted, strict=True):
        np.testing.assert_array_equal(got, plane)


@pytest.mark.parametrize("form", [vs.GRAY8, vs.RGB24, vs.YUV444P10], ids=lambda form: form.name)
def test_odd_sizes_at_odd_places(form: int) -> None:
    size, small = (63, 47), (31, 25)
    result = composite(noisy(form, size), noisy(form, small, 1), [upright(size, small, 7, 11)], BlendOptions())
    wanted = expected(form, noise_of(form, size), noise_of(form, small, 1), 7, 11)
    for got, plane in zip(planes_of(result), wanted, strict=True):
        np.testing.assert_array_equal(got, plane)


def test_luma_is_copied_at_odd_places_and_chroma_moves_by_half_a_sample() -> None:
    size, small, form = (64, 48), (33, 25), vs.YUV420PS
    fg = sampled(vs.YUV444PS, small, wave)
    result = composite(
        noisy(form, size), painted(vs.YUV444PS, small, fg), [upright(size, small, 7, 11)], BlendOptions()
    )
    got = planes_of(result)
    np.testing.assert_array_equal(got[0][11:36, 7:40], fg[0].astype(np.float32))
    wanted = sampled(form, size, lambda x, y: wave(x - 7, y - 11))
    # samples that lie whole inside of fg; those at its edges are of both
    assert np.abs(got[1][7:17, 6:18] - wanted[1][7:17, 6:18]).max() < 2e-3
    assert np.abs(noise_of(form, size)[1][7:17, 6:18] - wanted[1][7:17, 6:18]).max() > 0.3


def test_an_fg_as_large_as_bg_replaces_it() -> None:
    size = (64, 48)
    result = composite(
        noisy(vs.YUV420P8, size, marker=5),
        noisy(vs.YUV420P8, size, 1, marker=6),
        [upright(size, size, 0, 0)],
        BlendOptions(),
    )
    for got, plane in zip(planes_of(result), noise_of(vs.YUV420P8, size, 1), strict=True):
        np.testing.assert_array_equal(got, plane)
    assert [frame.props["marker"] for frame in result.frames(close=True)] == [5]


@pytest.mark.parametrize("location", [0, 1, 2], ids=["left", "centre", "top left"])
@pytest.mark.parametrize(("x", "y", "scale"), [(9.3, 7.6, 1.0), (8.25, 6.5, 1.37), (-13.4, -9.7, 2.6), (5, 3, 0.61)])
def test_sub_pixel_places_and_scales(location: int, x: float, y: float, scale: float) -> None:
    size, small, form = (96, 72), (48, 40), vs.YUV420PS
    stretch = max(scale, 1.0)
    fg = painted(form, small, sampled(form, small, lambda u, v: wave(u / 1.5, v / 1.5), location))
    bg = painted(form, size, sampled(form, size, lambda u, v: 0 * u), _ChromaLocation=location)
    result = planes_of(
        composite(
            bg, fg.std.SetFrameProps(_ChromaLocation=location), [upright(size, small, x, y, scale)], BlendOptions()
        )
    )
    wanted = sampled(
        form,
        size,
        lambda u, v: wave(((u + 0.5 - x) / scale - 0.5) / 1.5, ((v + 0.5 - y) / scale - 0.5) / 1.5),
        location,
    )
    for i, (got, plane) in enumerate(zip(result, wanted, strict=True)):
        step = 2 if i else 1
        inset = 6 * stretch
        rows = slice(int(np.ceil((max(0, y) + inset) / step)), int(min(72, y + 40 * scale - inset) / step))
        columns = slice(int(np.ceil((max(0, x) + inset) / step)), int(min(96, x + 48 * scale - inset) / step))
        assert got[rows, columns].size >= 40
        assert np.abs(got[rows, columns] - plane[rows, columns]).max() < (0.004 if scale >= 1 else 0.02)


def test_the_chroma_of_a_centered_fg_is_moved_to_the_left_of_a_left_sited_bg() -> None:
    size, small, form = (64, 48), (32, 24), vs.YUV420PS
    fg = painted(form, small, sampled(form, small, lambda u, v: u / 64, 1), _ChromaLocation=1)
    bg = painted(form, size, sampled(form, size, lambda u, v: 0 * u), _ChromaLocation=0)
    got = planes_of(composite(bg, fg, [upright(size, small, 16, 12)], BlendOptions()))
    # a quarter of a chroma sample, half a pixel: 1/128
    wanted = (2 * np.arange(32) - 16) / 64
    assert np.abs(got[1][12, 12:20] - wanted[12:20]).max() < 1e-5
    centered = planes_of(
        composite(bg.std.SetFrameProps(_ChromaLocation=1), fg, [upright(size, small, 16, 12)], BlendOptions())
    )
    assert np.abs(centered[1][12, 12:20] - wanted[12:20] - 1 / 128).max() < 1e-5


def test_edges_between_pixels_are_shared() -> None:
    size, small = (32, 24), (10, 8)
    bg, fg = (
        painted(vs.YUV420PS, box, [np.full(p.shape, value) for p in noise_of(vs.YUV420PS, box)])
        for box, value in ((size, 0.0), (small, 1.0))
    )
    luma, chroma, _ = planes_of(composite(bg, fg, [upright(size, small, 5.25, 6)], BlendOptions()))
    assert luma[8, 4:8] == pytest.approx([0, 0.75, 1, 1])
    assert luma[8, 13:17] == pytest.approx([1, 1, 0.25, 0])
    # a sample of chroma is covered as much as its pair of columns
    assert chroma[4, 1:4] == pytest.approx([0, 0.75 / 2, 1])
    assert chroma[4, 6:9] == pytest.approx([1, 1.25 / 2, 0])
    assert (luma[5, 8], luma[6, 8], luma[13, 8], luma[14, 8]) == (0, 1, 1, 0)


def test_a_turn_within_a_hair_is_no_turn() -> None:
    size, small = (64, 48), (32, 24)
    from vs_align.placement.transform import Transform

    nearly = Transform(((1 + 1e-6, 2e-6, 12 - 2e-4), (-2e-6, 1 - 1e-6, 8 + 2e-4), (0, 0, 1)), size, small)
    result = composite(noisy(vs.YUV420P8, size), noisy(vs.YUV420P8, small, 1), [nearly], BlendOptions())
    wanted = expected(vs.YUV420P8, noise_of(vs.YUV420P8, size), noise_of(vs.YUV420P8, small, 1), 12, 8)
    for got, plane in zip(planes_of(result), wanted, strict=True):
        np.testing.assert_array_equal(got, plane)


@pytest.mark.parametrize("form", [vs.RGB24, vs.RGBH, vs.YUV420PH, vs.GRAYH, vs.GRAY8], ids=lambda form: form.name)
def test_tags_that_cannot_be_do_no_harm(form: int) -> None:
    size, small = (64, 48), (32, 24)
    wrong = {"_Matrix": 0 if "RGB" not in vs.core.get_video_format(form).name else 1, "_FieldBased": 2}
    bg, fg = noisy(form, size, **wrong), noisy(form, small, 1, **wrong)
    result = composite(bg, fg, [upright(size, small, 12, 8)], BlendOptions())
    wanted = expected(form, noise_of(form, size), noise_of(form, small, 1), 12, 8)
    for got, plane in zip(planes_of(result), wanted, strict=True):
        np.testing.assert_array_equal(got, plane)


@pytest.mark.parametrize("degrees", [0, 1.5])
@pytest.mark.parametrize(
    "at", [(-16.01, 24), (80.01, 24), (-15.99, 24), (79.99, 24), (32, -11.9), (-500, 24), (32, 4000)]
)
def test_slivers_and_nothing_at_all(at: tuple[float, float], degrees: float) -> None:
    size, small = (64, 48), (32, 24)
    bg, fg = noisy(vs.YUV420P8, size), noisy(vs.YUV420P8, small, 1)
    result = planes_of(composite(bg, fg, [turned(size, small, *at, degrees)], BlendOptions(smooth=True)))
    for got, plane in zip(result, noise_of(vs.YUV420P8, size), strict=True):
        assert np.array_equal(got[:, 2:-2][2:], plane[:, 2:-2][2:])
