"""The graph: many scenes, frames without fg, any order, a starved cache, a reloaded core, rates."""

from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs

from tests.api.test_environments import run
from tests.render.overlay.images import noise_of, noisy, painted, planes_of, turned, upright
from vs_align.render.overlay.composite import BlendOptions, composite

SIZE, SMALL = (64, 48), (32, 24)

SMALL_CACHE = """
import numpy as np
import vapoursynth as vs
from tests.render.overlay.images import noise_of, noisy, planes_of, turned, upright
from vs_align.render.overlay.composite import BlendOptions, composite
from vs_align.enums import Background, Canvas
core = vs.core
core.max_cache_size = 1
core.num_threads = {threads}
size, small = (640, 360), (320, 200)
bg, fg = noisy(vs.YUV420P8, size, length=40), noisy(vs.YUV420P8, small, 1, length=40)
still, other = upright(size, small, 100, 50), turned(size, small, 320, 180, 5)
cases = [
    ([still] * 40, BlendOptions(smooth=True)),
    ([still] * 20 + [other] * 20, BlendOptions(colour_match=True)),
    ([upright(size, small, n, 50) for n in range(40)], BlendOptions(canvas=Canvas.FG, background=Background.BLUR)),
]
for transforms, look in cases:
    result = composite(bg, fg, transforms, look, scenes=[0, 20])
    for n in (0, 39, 5, 25, 26, 4):
        planes = planes_of(result, n)
        if look.smooth:
            assert np.array_equal(planes[0][60:240, 110:410], noise_of(vs.YUV420P8, small, 1)[0][10:190, 10:310])
    assert len(list(result.frames(close=True))) == 40
"""

RELOAD = """
import gc
import vapoursynth as vs
from tests.previewer import policy
import numpy as np
from vs_align.render.overlay.composite import BlendOptions, composite  # stays imported over reloads
from tests.render.overlay.images import noisy, planes_of, turned, upright


def script():
    size, small = (64, 48), (32, 24)
    bg, fg = noisy(vs.YUV420P8, size, length=9), noisy(vs.YUV420P8, small, 1, length=9)
    transforms = [upright(size, small, 4, 6)] * 3 + [turned(size, small, 30, 20, 3)] * 3 + [None] * 3
    result = composite(bg, fg, transforms, BlendOptions(smooth=True, colour_match=True), scenes=[0, 3])
    return [planes_of(result, n) for n in (8, 4, 0)]


seen = []
for _ in range(3):
    environment = policy.api.create_environment()
    with policy.api.wrap_environment(environment).use():
        seen.append(script())
    policy.api.destroy_environment(environment)
    del environment
    gc.collect()
for one, *others in zip(*seen):
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(one, other))
"""


def numbered(n: int) -> list[np.ndarray]:
    return [np.full((24, 32), n + 1)]


@pytest.mark.parametrize("count", [5, 40], ids=["by filters", "by kernels"])
def test_every_frame_has_its_own_place_in_any_order(count: int) -> None:
    length = 3 * count
    places = [upright(SIZE, SMALL, k % 30, k % 22) for k in range(count)]
    transforms = [places[n // 3] if n % 5 else None for n in range(length)]
    bg, fg = painted(vs.GRAY8, SIZE, [np.zeros((48, 64))], length), painted(vs.GRAY8, SMALL, numbered, length)
    result = composite(bg, fg, transforms, BlendOptions())
    rng = np.random.default_rng(0)
    for n in rng.permutation(length).tolist():
        (plane,) = planes_of(result, n)
        wanted = np.zeros((48, 64))
        if n % 5:
            x, y = n // 3 % 30, n // 3 % 22
            wanted[y : y + 24, x : x + 32] = n + 1
        np.testing.assert_array_equal(plane, wanted)


def test_equal_places_are_one_and_those_that_stay_have_filters() -> None:
    from vs_align.enums import Canvas
    from vs_align.render.overlay.composite import _laid_out, _steady_ones

    bg, fg = noisy(vs.GRAY8, SIZE, length=1), noisy(vs.GRAY8, SMALL)
    equal = [upright(SIZE, SMALL, 3, 4) for _ in range(100)]
    layouts, which = _laid_out(bg, fg, equal, Canvas.BG)
    assert len(layouts) == 1 and which == [0] * 100
    moving = [upright(SIZE, SMALL, 3 + n / 7, 4) for n in range(1, 60)]
    layouts, which = _laid_out(bg, fg, [*equal, *moving, *equal[:5], None], Canvas.BG)
    assert len(layouts) == 61 and which[-6:] == [0] * 5 + [60]
    assert _steady_ones(layouts, which) == {0}
    assert _steady_ones(layouts[:20], which) == set(range(20))


def test_turned_and_upright_scenes_in_one_clip() -> None:
    transforms = [upright(SIZE, SMALL, 4, 6), turned(SIZE, SMALL, 30, 20, 5), None]
    bg, fg = noisy(vs.YUV420P8, SIZE, length=3, marker=7), noisy(vs.YUV420P8, SMALL, 1, length=3)
    result = composite(bg, fg, transforms, BlendOptions())
    np.testing.assert_array_equal(planes_of(result, 0)[0][6:30, 4:36], noise_of(vs.YUV420P8, SMALL, 1)[0])
    assert not np.array_equal(planes_of(result, 1)[0], noise_of(vs.YUV420P8, SIZE)[0])
    for got, plane in zip(planes_of(result, 2), noise_of(vs.YUV420P8, SIZE), strict=True):
        np.testing.assert_array_equal(got, plane)
    assert [frame.props["marker"] for frame in result.frames(close=True)] == [7] * 3


def test_props_tags_and_rates_are_those_of_bg() -> None:
    bg = noisy(vs.YUV420P8, SIZE, length=4, _FieldBased=2).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    fg = noisy(vs.YUV444P16, SMALL, 1, length=4, _Matrix=6, note=1)
    result = composite(bg, fg, [upright(SIZE, SMALL, 4.5, 6)] * 4, BlendOptions())
    assert result.fps == Fraction(30000, 1001) and result.num_frames == 4
    for mine, theirs in zip(result.frames(close=True), bg.frames(close=True), strict=True):
        assert dict(mine.props) == dict(theirs.props)


def test_building_asks_for_no_frame() -> None:
    def never(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise AssertionError("a frame was asked for")

    bg, fg = (noisy(vs.YUV420P8, size, length=50) for size in (SIZE, SMALL))
    transforms = [turned(SIZE, SMALL, 30, 20, n % 3) for n in range(50)]
    composite(bg.std.ModifyFrame(bg, never), fg.std.ModifyFrame(fg, never), transforms, BlendOptions(colour_match=True))


@pytest.mark.parametrize("threads", [1, 4])
def test_a_small_cache_neither_hangs_nor_changes_the_answer(threads: int) -> None:
    result = run(SMALL_CACHE.format(threads=threads), 120)
    assert result.returncode == 0, result.stderr


def test_the_core_is_reloaded() -> None:
    result = run(RELOAD, 120)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
