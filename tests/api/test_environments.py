"""What previewers and pipes do to a script: reload the core, starve the cache, import in passing."""

import subprocess
import sys

import pytest

from tests.folders import REPOSITORY

SMALL_CACHE = """
import vapoursynth as vs, vs_align
core = vs.core
core.max_cache_size = 2
core.num_threads = {threads}
# frames of 0.9 MB: the window alone is many times the cache
source = core.std.BlankClip(format=vs.GRAYS, width=640, height=360, length=120)
ramp = source.std.BoxBlur(hradius=3, vradius=3)
result = vs_align.temporal(ramp[2:], ramp, out=source.resize.Point(format=vs.RGBS)[2:], tr={tr})
offsets = [f.props["VSAlignOffset"] for f in result.frames(close=True)]
assert offsets == [0] * 118 + [-1, -2], offsets
"""

SMALL_CACHE_IN_SPACE = """
import numpy as np
import vapoursynth as vs, vs_align
from tests.synth import coloured, grid, rgb_clip_of, texture
core = vs.core
core.max_cache_size = {megabytes}
core.num_threads = {threads}
# frames of 0.7 MB: what one result needs does not fit
u, v = grid(320, 180)
picture, moved = coloured(texture(u, v)), coloured(texture(u + 1.5, v - 1))
clip, ref = rgb_clip_of([picture] * 30), rgb_clip_of([moved] * 30)
mask = core.std.BlankClip(ref, format=vs.GRAY8, color=0)
result = vs_align.spatial(clip, ref, mask, precision=1, engine="dis", alpha=True, **{options})
wanted = [*range(8), 29, 3, 17, 16]
for n in wanted:
    with result.get_frame(n) as frame:
        assert abs(frame.props["VSAlignShiftX"] - 1.5) < 0.03, (n, frame.props)
assert len(list(result[10:20].frames(close=True))) == 10
"""

RELOAD = """
import gc
import numpy as np
import vapoursynth as vs
from tests.previewer import policy
import vs_align  # stays imported over reloads, like in a previewer
from tests.synth import clip_of, coloured, grid, moving_pictures, numbered_clip, rgb_clip_of, texture


def script():
    pictures = moving_pictures(50, 40, 30)
    result = vs_align.temporal(clip_of(pictures[4:]), clip_of(pictures), out=numbered_clip(46), tr=6)
    u, v = grid(80, 60)
    still, moved = (rgb_clip_of([coloured(texture(u + x, v))] * 5, vs.RGB24) for x in (0, 0.5))
    placed = [
        vs_align.spatial(still, moved, engine="dis", **options)
        for options in ({"wide_search": True}, {"stabilize": "scene"}, {"stabilize": "clip", "alpha": True})
    ]
    for node in placed:
        assert all(abs(f.props["VSAlignShiftX"] - 0.5) < 0.03 for f in node.frames(close=True))
    return [(int(np.asarray(f[0])[0, 0]), dict(f.props)) for f in result.frames(close=True)]


seen = []
for _ in range(3):
    environment = policy.api.create_environment()
    with policy.api.wrap_environment(environment).use():
        seen.append(script())
    policy.api.destroy_environment(environment)
    del environment
    gc.collect()
assert seen[0][10][0] == 6
assert seen[0] == seen[1] == seen[2]
"""

LIGHT = """
import sys, time
import vapoursynth
began = time.perf_counter()
import vs_align
elapsed = time.perf_counter() - began
heavy = {"torch", "cv2", "numba", "scipy", "pydantic", "av", "numpy", "rich", "typer"} & set(sys.modules)
heavy -= {"numpy"} if "numpy" in before else set()
assert not heavy, heavy
assert elapsed < 0.3, elapsed
assert not hasattr(vs_align, "no_such_name")
assert set(vs_align.__all__) <= set(dir(vs_align))
"""


def run(script: str, timeout: int = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", script],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("tr", [1, 12])
def test_a_cache_of_two_megabytes_neither_hangs_nor_changes_the_answer(threads: int, tr: int) -> None:
    result = run(SMALL_CACHE.format(threads=threads, tr=tr))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("options", "threads", "megabytes"),
    [
        ({}, 1, 1),
        ({}, 4, 8),
        ({"wide_search": True}, 2, 1),
        ({"stabilize": "scene"}, 1, 1),
        ({"stabilize": "scene", "wide_search": True}, 4, 1),
        ({"stabilize": "clip"}, 2, 1),
    ],
    ids=str,
)
def test_a_small_cache_neither_hangs_spatial_nor_changes_the_answer(
    options: dict[str, object], threads: int, megabytes: int
) -> None:
    result = run(SMALL_CACHE_IN_SPACE.format(threads=threads, megabytes=megabytes, options=options))
    assert result.returncode == 0, result.stderr


def test_the_core_is_reloaded() -> None:
    result = run(RELOAD)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""


def test_importing_is_cheap_and_silent() -> None:
    result = run("import sys; import vapoursynth; before = set(sys.modules)\n" + LIGHT)
    assert result.returncode == 0, result.stderr
    assert result.stdout == result.stderr == ""


def test_every_public_name_loads() -> None:
    import vs_align

    for name in dir(vs_align):
        assert getattr(vs_align, name) is not None
    # a file never bears its function's name, whoever imports what first
    assert callable(vs_align.temporal)
