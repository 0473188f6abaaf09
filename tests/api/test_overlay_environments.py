"""What previewers and pipes do to a script with `overlay()`: reload the core, starve the cache."""

import pytest

from tests.api.test_environments import run

SCENE = """
import numpy as np
import vapoursynth as vs
import vs_align
from vs_align.api.overlay import overlay
from vs_align.placement.placement import Placement, Scene, Transform
from vs_align.timeline.timeline import Timeline
from tests.synth import numbered_clip

BG, FG = ({width}, {height}), (320, 180)


def script(order, timing):
    bg, fg = numbered_clip(200, width=BG[0], height=BG[1]), numbered_clip(len(order), width=FG[0], height=FG[1])
    moved = Transform(((1.0, 0.0, 20.0), (0.0, 1.0, 10.0), (0.0, 0.0, 1.0)), BG, FG)
    turned = Transform.from_parts(BG, FG, rotation=5)
    placement = Placement(BG, FG, (Scene(0, moved), Scene(60, turned), Scene(90, moved)))
    timeline = Timeline.from_frame_map(order, clip_rate=24, ref_rate=24, clip_length=200)
    return overlay(
        bg, fg.std.Expr("x 1000 +"), timeline=timeline, placement=placement, timing=timing, trim=False, smooth=True,
        background="black",
    )


def check(result, order, timing, wanted):
    for n in wanted:
        with result.get_frame(n) as frame:
            pixels = np.asarray(frame[0])
            assert int(pixels[0, 0]) == frame.props["VSAlignMatch"], (n, timing)
            if timing == "fg":
                assert frame.props["VSAlignMatch"] == order[n]
            foreground = frame.props["VSAlignForeground"]
            if foreground >= 0:
                assert int(pixels[90, 120]) == foreground + 1000, (n, timing)
"""

SMALL_CACHE = (
    SCENE.replace("{width}", "640").replace("{height}", "360")
    + """
core = vs.core
core.max_cache_size = 1
core.num_threads = {threads}
rng = np.random.default_rng(1)
steady = list(range(20, 140))
for order in (steady, [int(n) for n in np.sort(rng.integers(0, 200, 120))], [int(n) for n in rng.permutation(200)]):
    for timing in ("fg", "bg"):
        result = script(order, timing)
        check(result, order, timing, [*range(20), 119, 3, 77, 76, 61, 118])
        assert len(list(result[10:40].frames(close=True))) == 30
"""
)

RELOAD = (
    """
import gc
import vapoursynth as vs
from tests.previewer import policy
"""
    + SCENE.replace("{width}", "400").replace("{height}", "240")
    + """
for _ in range(3):
    environment = policy.api.create_environment()
    with policy.api.wrap_environment(environment).use():
        order = list(range(20, 140))
        for timing in ("fg", "bg"):
            check(script(order, timing), order, timing, [0, 70, 119, 5])
    policy.api.destroy_environment(environment)
    del environment
    gc.collect()
"""
)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_small_cache_neither_hangs_nor_changes_the_answer(threads: int) -> None:
    result = run(SMALL_CACHE.replace("{threads}", str(threads)))
    assert result.returncode == 0, result.stderr


def test_the_core_is_reloaded() -> None:
    result = run(RELOAD)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
