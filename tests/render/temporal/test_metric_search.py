"""The node graph of metrics that compare features, with a minimal metric."""

import gc
import random
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from tests.folders import REPOSITORY
from tests.measure.metrics.toy import MeanDifference
from tests.synth import clip_of, moving_pictures, noise_pictures, props_of, rgb_clip_of
from vs_align.decide.matching.search_window import SearchWindow
from vs_align.measure.metrics.metric import ScoreTolerance
from vs_align.measure.metrics.registry import METRICS
from vs_align.nodes.rgb import digest_of, rgb_array, rgb_of
from vs_align.render.temporal.metric_search import feature_matches
from vs_align.render.temporal.search_request import SearchRequest

core = vs.core
ROW = replace(METRICS["butteraugli"], name="butteraugli:toy", noise=ScoreTolerance(0.02, 2e-5))
FPS = Fraction(24), Fraction(24)


def matches_of(
    clip: vs.VideoNode, ref: vs.VideoNode, tr: int, metric: Any = None, rate: Fraction = Fraction(1), **options: Any
) -> vs.VideoNode:
    window = SearchWindow(tr, ref.num_frames, clip.num_frames, rate)
    return feature_matches(SearchRequest(clip, ref, window, FPS, ROW, **options), metric or MeanDifference())


def exhaustive(clip: vs.VideoNode, ref: vs.VideoNode, tr: int) -> list[int]:
    pictures = [[rgb_array(f) / 1.0 for f in rgb_of(node).frames(close=True)] for node in (clip, ref)]
    found = []
    for n, picture in enumerate(pictures[1]):
        window = [c for c in range(n - tr, n + tr + 1) if 0 <= c < clip.num_frames]
        scores = {c: float(np.abs(pictures[0][c] - picture).mean()) for c in window}
        found.append(min(window, key=lambda c: (scores[c], abs(c - n), -c)))
    return found


@pytest.mark.parametrize("format_id", [vs.RGB24, vs.RGB30, vs.RGB48, vs.RGBH, vs.RGBS])
@pytest.mark.parametrize("smooth", [True, False])
def test_known_shift_in_rgb(format_id: int, smooth: bool) -> None:
    pictures = moving_pictures(26, 33, 21)
    clip, ref = rgb_clip_of(pictures, format_id), rgb_clip_of(pictures[4:22], format_id)
    found = matches_of(clip, ref, 6, smooth=smooth)
    assert props_of(found, "VSAlignMatch") == [n + 4 for n in range(18)]
    assert props_of(found, "VSAlignScore") == [0.0] * 18
    assert props_of(found, "VSAlignMetric") == ["butteraugli:toy"] * 18
    assert props_of(found, "VSAlignOffsetMs") == pytest.approx([4000 / 24] * 18)


@pytest.mark.parametrize(
    "format_id",
    [vs.GRAY8, vs.GRAY10, vs.GRAY16, vs.GRAYH, vs.GRAYS, vs.YUV420P8, vs.YUV422P10, vs.YUV444P12, vs.YUV444P16,
     vs.YUV444PH, vs.YUV444PS, vs.YUV411P8],
)  # fmt: skip
def test_known_shift_in_grey_and_yuv(format_id: int) -> None:
    pictures = moving_pictures(20, 36, 22)
    clip, ref = clip_of(pictures, format_id), clip_of(pictures[3:17], format_id)
    assert props_of(matches_of(clip, ref, 5), "VSAlignMatch") == [n + 3 for n in range(14)]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 7), (9, 1), (31, 17)])
def test_awkward_sizes(width: int, height: int) -> None:
    pictures = moving_pictures(16, width, height, seed=2)
    clip, ref = rgb_clip_of(pictures[2:], vs.RGB48), rgb_clip_of(pictures, vs.RGB48)
    assert props_of(matches_of(clip, ref, 4), "VSAlignMatch")[2:] == list(range(14))


def test_grey_becomes_equal_channels_of_full_range() -> None:
    grey = core.std.BlankClip(format=vs.GRAY8, width=4, height=2, length=1, color=126).std.SetFrameProps(_Range=0)
    wrong = grey.std.SetFrameProps(_Matrix=0)
    for clip in (grey, wrong):
        with rgb_of(clip).get_frame(0) as frame:
            assert np.unique(rgb_array(frame)).tolist() == [round((126 - 16) * 255 / 219)]


@pytest.mark.parametrize("matrix", [1, 2, 5, 9])
def test_yuv_is_taken_by_its_own_matrix_else_709(matrix: int) -> None:
    red = core.std.BlankClip(format=vs.RGB24, width=4, height=4, length=1, color=[200, 30, 60])
    made = {1: "709", 2: "709", 5: "470bg", 9: "2020ncl"}[matrix]
    yuv = red.resize.Point(format=vs.YUV444P16, matrix_s=made).std.SetFrameProps(_Matrix=matrix)
    with rgb_of(yuv).get_frame(0) as frame:
        assert rgb_array(frame)[:, 0, 0] / 257 == pytest.approx([200, 30, 60], abs=0.1)


def test_digests_tell_pictures_apart() -> None:
    pictures = moving_pictures(5, 20, 10)
    digests = [digest_of(f) for f in rgb_clip_of([*pictures, pictures[2]], vs.RGB24).frames(close=True)]
    assert digests[5] == digests[2]
    assert len(set(digests)) == 5


@pytest.mark.parametrize("bounded", [True, False])
def test_plain_choice_equals_comparing_everything(bounded: bool) -> None:
    clip = rgb_clip_of(noise_pictures(30, 20, 14, seed=1), vs.RGB24)
    ref = rgb_clip_of(noise_pictures(27, 20, 14, seed=2), vs.RGB24)
    found = matches_of(clip, ref, 6, MeanDifference(bounded), smooth=False)
    assert props_of(found, "VSAlignMatch") == exhaustive(clip, ref, 6)


@pytest.mark.parametrize("smooth", [True, False])
def test_frames_in_any_order_are_the_same(smooth: bool) -> None:
    rng = random.Random(1)
    pictures = moving_pictures(60, 30, 20, seed=4)
    order = [max(0, min(59, n + rng.randint(-1, 1))) for n in range(60)]
    clip, ref = rgb_clip_of([pictures[i] for i in order], vs.RGB24), rgb_clip_of(pictures, vs.RGB24)
    in_order = [dict(f.props) for f in matches_of(clip, ref, 5, smooth=smooth).frames(close=True)]
    shuffled = matches_of(clip, ref, 5, smooth=smooth)
    for n in rng.sample(range(60), 60) + rng.choices(range(60), k=20):
        with shuffled.get_frame(n) as frame:
            assert dict(frame.props) == in_order[n]


def test_several_threads_ask_at_once() -> None:
    pictures = moving_pictures(60, 30, 20, seed=6)
    clip, ref = rgb_clip_of(pictures[3:], vs.RGB24), rgb_clip_of(pictures, vs.RGB24)
    metric = MeanDifference()
    result = matches_of(clip, ref, 5, metric)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for n in random.Random(seed).sample(range(3, 60), 50):
            with result.get_frame(n) as frame:
                if frame.props["VSAlignMatch"] != n - 3:
                    wrong.append(n)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    # clip and ref show the same pictures, each of which is prepared once
    assert metric.prepared == 60


def test_missing_candidates_and_thresholds_are_said() -> None:
    pictures = moving_pictures(20, 20, 12)
    clip, ref = rgb_clip_of(pictures[:8], vs.RGB24), rgb_clip_of(pictures, vs.RGB24)
    found = matches_of(clip, ref, 3, thresh=1e-9)
    assert props_of(found, "VSAlignFallback") == [0] * 8 + [1] * 12
    assert props_of(found, "VSAlignMatch")[11:] == [7] * 9
    assert props_of(found, "VSAlignScore")[11:] == [float("inf")] * 9
    assert props_of(found, "VSAlignConfidence")[11:] == [0.0] * 9
    assert props_of(found, "VSAlignOffsetMs")[12] == pytest.approx(-5000 / 24)


def test_different_rates() -> None:
    pictures = moving_pictures(60, 30, 20)
    clip = rgb_clip_of(pictures, vs.RGB24)
    ref = rgb_clip_of([pictures[int(n * 1.25)] for n in range(47)], vs.RGB24)
    found = matches_of(clip, ref, 3, rate=Fraction(5, 4))
    assert props_of(found, "VSAlignMatch") == [int(n * 1.25) for n in range(47)]


def test_all_scores_are_exact() -> None:
    pictures = moving_pictures(12, 20, 12)
    clip = rgb_clip_of(pictures, vs.RGBS)
    with matches_of(clip, clip, 2, all_scores=True).get_frame(1) as frame:
        assert frame.props["VSAlignWindowFirst"] == -1
        scores = np.array(frame.props["VSAlignWindowScores"])
    expected = [np.abs(pictures[c] - pictures[1]).mean() for c in range(4)]
    assert scores[0] == np.inf
    assert scores[1:] == pytest.approx(expected, rel=1e-5)


def test_the_result_does_not_hold_the_script() -> None:
    clip = rgb_clip_of(moving_pictures(20, 20, 12), vs.RGB24)
    result = matches_of(clip, clip, 4)
    for _ in result.frames(close=True):
        pass
    watched = weakref.ref(result)
    del result
    gc.collect()
    assert watched() is None


SMALL_CACHE = """
import vapoursynth as vs
core = vs.core
core.max_cache_size = 8
core.num_threads = {threads}
from tests.render.temporal.test_metric_search import matches_of
source = core.std.BlankClip(format=vs.RGBS, width=640, height=360, length=40)
ramp = source.std.BoxBlur(hradius=3, vradius=3)
result = matches_of(ramp[2:], ramp, 4)
offsets = [f.props["VSAlignOffset"] for f in result.frames(close=True)]
assert offsets == [0] * 38 + [-1, -2], offsets
"""


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_starved_cache_does_not_hang(threads: int) -> None:
    code = SMALL_CACHE.format(threads=threads)
    root = REPOSITORY
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
