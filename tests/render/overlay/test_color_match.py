"""Colors of fg are fitted to those of bg: a known gain and offset are given back."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.render.overlay.images import noise_of, painted, planes_of, turned, upright, wave
from vs_align.placement.transform import Transform
from vs_align.render.overlay.composite import BlendOptions, composite

SIZE, SMALL = (128, 96), (80, 64)
GAINS, OFFSETS = (1.3, 0.8, 0.6), (0.02, -0.01, 0.05)


def scene(seed: int, shift: float = 0.0) -> list[np.ndarray]:
    """Return linear red, green and blue, 0.15 to 0.5, of bg's size."""
    xs, ys = np.meshgrid(np.arange(SIZE[0], dtype=float), np.arange(SIZE[1], dtype=float))
    return [0.15 + 0.35 * wave(1.7 * xs + 31 * i + 7 * seed + shift, ys * (1 + 0.2 * i)) for i in range(3)]


def cut(planes: list[np.ndarray], x: int, y: int) -> list[np.ndarray]:
    return [plane[y : y + SMALL[1], x : x + SMALL[0]] for plane in planes]


def spoiled(planes: list[np.ndarray], gains: tuple[float, ...] = GAINS) -> list[np.ndarray]:
    """Return light whose fit to the given one is known."""
    return [(plane - offset) / gain for plane, gain, offset in zip(planes, gains, OFFSETS, strict=True)]


def filmed(frames: list[list[np.ndarray]], form: int) -> vs.VideoNode:
    """Return a clip in a format from linear light."""
    size = frames[0][0].shape[1], frames[0][0].shape[0]
    light = painted(vs.RGBS, size, lambda n: frames[n], len(frames), _Matrix=0, _Transfer=8, _Primaries=1)
    matrix = {} if vs.core.get_video_format(form).color_family == vs.RGB else {"matrix": 1}
    return light.resize.Bicubic(format=form, transfer=1, **matrix)


@pytest.mark.parametrize(
    ("bg_form", "fg_form", "near"),
    [
        (vs.RGBS, vs.RGBS, 0.002),
        (vs.RGB48, vs.YUV444P16, 0.003),
        (vs.YUV420P8, vs.YUV444P10, 0.02),
        (vs.RGBH, vs.RGBS, 0.004),
    ],
)
def test_a_known_gain_and_offset_are_given_back(bg_form: int, fg_form: int, near: float) -> None:
    light = scene(0)
    bg, fg = filmed([light], bg_form), filmed([spoiled(cut(light, 20, 14))], fg_form)
    plain, fitted = (
        composite(bg, fg, [upright(SIZE, SMALL, 20, 14)], BlendOptions(colour_match=wanted)) for wanted in (False, True)
    )
    assert fitted.format.id == bg_form
    errors = []
    for clip in (plain, fitted):
        whole = bg.format.sample_type == vs.INTEGER and (1 << bg.format.bits_per_sample) - 1
        errors.append(
            max(
                float(np.abs(a.astype(float) - b)[4:-4, 4:-4].max()) / (whole or 1)
                for a, b in zip(planes_of(clip), planes_of(bg), strict=True)
            )
        )
    assert errors[0] > 3 * near
    assert errors[1] < near


@pytest.mark.parametrize(
    "transform", [turned(SIZE, SMALL, 60, 46, 4), upright(SIZE, SMALL, 21.3, 15.8, 0.9), upright(SIZE, SMALL, -30, 50)]
)
def test_only_what_both_show_is_held_against_each_other(transform: Transform) -> None:
    xs, ys = np.meshgrid(np.arange(SMALL[0]), np.arange(SMALL[1]))
    u, v, _ = (row[0] * xs + row[1] * ys + row[2] for row in transform.array)
    seen = [0.15 + 0.35 * wave(1.7 * u + 31 * i, v * (1 + 0.2 * i)) for i in range(3)]
    light = scene(0)
    # what fg does not show is of other colors
    from vs_align.render.overlay.layout import edge_lines

    edges = edge_lines(transform.array, SMALL)
    xs, ys = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    outside = (np.stack([e[0] * xs + e[1] * ys + e[2] for e in edges]).min(axis=0)) < -2
    for plane in light:
        plane[outside] = 0.9
    fitted = composite(
        filmed([light], vs.RGBS), filmed([spoiled(seen)], vs.RGBS), [transform], BlendOptions(colour_match=True)
    )
    truth = composite(filmed([light], vs.RGBS), filmed([seen], vs.RGBS), [transform], BlendOptions())
    for a, b in zip(planes_of(fitted), planes_of(truth), strict=True):
        assert np.abs(a - b).max() < 0.015


def test_each_scene_has_its_own_fit_and_order_does_not_matter() -> None:
    scenes, gains = [0, 4, 9], [(1.3, 0.8, 0.6), (0.7, 1.2, 1.0), (1.0, 1.0, 1.4)]
    lights = [scene(k, 3.0 * n) for k in range(3) for n in range([4, 5, 3][k])]
    which = [0] * 4 + [1] * 5 + [2] * 3
    bg = filmed(lights, vs.RGBS)
    fg = filmed([spoiled(cut(light, 20, 14), gains[k]) for light, k in zip(lights, which, strict=True)], vs.RGBS)
    transforms = [upright(SIZE, SMALL, 20, 14)] * 12
    results = []
    for order in (range(12), (11, 5, 0, 3, 8, 4, 10, 1, 2, 9, 7, 6)):
        clip = composite(bg, fg, transforms, BlendOptions(colour_match=True), scenes=scenes)
        results.append({n: planes_of(clip, n) for n in order})
    for n in range(12):
        for one, other, truth in zip(results[0][n], results[1][n], planes_of(bg, n), strict=True):
            np.testing.assert_array_equal(one, other)
            assert np.abs(one - truth).max() < 0.004


def test_clipped_pixels_and_flat_pictures_spoil_nothing() -> None:
    light = scene(0)
    for plane in light:
        plane[30:60, 40:90] = 1.2
    given = spoiled(cut(light, 20, 14))
    bg = filmed([[np.clip(plane, 0, 1) for plane in light]], vs.RGB48)
    fg = filmed([[np.clip(plane, 0, 1) for plane in given]], vs.RGB48)
    fitted = planes_of(composite(bg, fg, [upright(SIZE, SMALL, 20, 14)], BlendOptions(colour_match=True)))
    for a, b in zip(fitted, planes_of(bg), strict=True):
        assert np.abs(a.astype(float) - b)[65:].max() / 65535 < 0.01
    dark = filmed([[np.zeros(SIZE[::-1])] * 3], vs.RGBS), filmed([[np.zeros(SMALL[::-1])] * 3], vs.RGBS)
    for plane in planes_of(composite(*dark, [upright(SIZE, SMALL, 20, 14)], BlendOptions(colour_match=True))):
        assert np.abs(plane).max() < 1e-6


def test_a_logo_on_one_of_both_is_no_brightness() -> None:
    light = scene(0)
    given = spoiled(cut(light, 20, 14))
    for plane in light:
        plane[20:30, 30:50] = 0.85
    bg, fg = filmed([light], vs.RGBS), filmed([given], vs.RGBS)
    fitted = composite(bg, fg, [upright(SIZE, SMALL, 20, 14)], BlendOptions(colour_match=True))
    for a, b in zip(planes_of(fitted), planes_of(filmed([scene(0)], vs.RGBS)), strict=True):
        assert np.abs(a - b)[14:78, 20:100].max() < 0.006


def test_gains_are_bounded_and_gray_works() -> None:
    noise = noise_of(vs.GRAYS, SIZE)[0] * 0.5 + 0.2
    faint = (noise - noise.mean()) * 0.01 + noise.mean()
    bg, fg = painted(vs.GRAYS, SIZE, [noise]), painted(vs.GRAYS, SMALL, cut([faint], 20, 14))
    (plane,) = planes_of(composite(bg, fg, [upright(SIZE, SMALL, 20, 14)], BlendOptions(colour_match=True)))
    inside = plane[14:78, 20:100]
    assert inside.std() < 6 * faint.std()
    assert inside.std() > 2 * faint.std()


def test_nothing_shown_is_nothing_to_fit() -> None:
    bg, fg = filmed([scene(0)] * 2, vs.RGBS), filmed([cut(scene(0), 0, 0)] * 2, vs.RGBS)
    result = composite(bg, fg, [None, None], BlendOptions(colour_match=True))
    for a, b in zip(planes_of(result), planes_of(bg), strict=True):
        np.testing.assert_array_equal(a, b)
