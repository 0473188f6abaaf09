"""`temporal`: known results, formats, borders, ties, frame props."""

import random
import threading
from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.synth import clip_of, first_pixels, moving_pictures, noise_pictures, numbered_clip, props_of

core = vs.core

FORMATS = {
    name: getattr(vs, name)
    for name in (
        "GRAY8", "GRAY9", "GRAY10", "GRAY12", "GRAY14", "GRAY16", "GRAYH", "GRAYS",
        "YUV420P8", "YUV422P10", "YUV444P16", "YUV444PH", "YUV444PS",
        "RGB24", "RGB30", "RGB48", "RGBH", "RGBS",
    )
}  # fmt: skip


def exhaustive(
    clip: vs.VideoNode, ref: vs.VideoNode, tr: int, rate: Fraction = Fraction(1)
) -> tuple[list[int], list[float]]:
    """The full search by `std.PlaneStats`, with the rule for equal scores written out."""
    windows = []
    for n in range(ref.num_frames):
        centre = int(n * rate)
        order = [centre, *(c for k in range(1, tr + 1) for c in (centre + k, centre - k))]
        windows.append([c for c in order if 0 <= c < clip.num_frames])
    scores = {}
    for offset in {c - n for n, window in enumerate(windows) for c in window}:
        # every pair (c, n) with c - n == offset, in one pass over shifted clips
        begin = max(0, -offset)
        length = min(clip.num_frames - max(0, offset), ref.num_frames - begin)
        pair = core.std.PlaneStats(clip[max(0, offset) :][:length], ref[begin : begin + length])
        for i, frame in enumerate(pair.frames(close=True)):
            scores[begin + i + offset, begin + i] = float(frame.props["PlaneStatsDiff"])
    # min keeps the first of equal scores
    winners = [min(window, key=lambda c: scores[c, n], default=-1) for n, window in enumerate(windows)]
    return winners, [scores.get((c, n), float("inf")) for n, c in enumerate(winners)]


@pytest.mark.parametrize("format_id", FORMATS.values(), ids=FORMATS.keys())
def test_known_shift_in_every_format(format_id: int) -> None:
    pictures = moving_pictures(30, 34, 26)
    clip, ref = clip_of(pictures, format_id), clip_of(pictures[5:25], format_id)
    result = vs_align.temporal(clip, ref, tr=7)
    assert props_of(result, "VSAlignMatch") == [n + 5 for n in range(20)]
    assert props_of(result, "VSAlignScore") == [0.0] * 20
    assert (result.format.id, result.width, result.height) == (format_id, 34, 26)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 9), (9, 1), (7, 5), (31, 33), (61, 37), (318, 238), (641, 361), (40001, 3)]
)
@pytest.mark.parametrize("format_id", [vs.GRAY8, vs.GRAY16, vs.GRAYS], ids=["8", "16", "single"])
def test_equals_exhaustive_search_at_awkward_sizes(width: int, height: int, format_id: int) -> None:
    rng = np.random.default_rng(width * 1000 + height)
    pictures = moving_pictures(12, width, height, seed=1)
    noisy = [np.clip(p + rng.normal(0, 0.02, p.shape), 0, 1) for p in pictures]
    clip, ref = clip_of(noisy, format_id), clip_of(pictures, format_id)
    matches, scores = exhaustive(clip, ref, 4)
    result = vs_align.temporal(clip, ref, tr=4, smooth=False)
    assert props_of(result, "VSAlignMatch") == matches
    assert props_of(result, "VSAlignScore") == scores  # to the last bit


@pytest.mark.parametrize("format_id", FORMATS.values(), ids=FORMATS.keys())
def test_equals_exhaustive_search_under_noise(format_id: int) -> None:
    clip = clip_of(noise_pictures(40, 66, 50, seed=1), format_id)
    ref = clip_of(noise_pictures(37, 66, 50, seed=2), format_id)
    matches, scores = exhaustive(clip, ref, 9)
    result = vs_align.temporal(clip, ref, tr=9, smooth=False)
    assert props_of(result, "VSAlignMatch") == matches
    assert props_of(result, "VSAlignScore") == scores


@pytest.mark.parametrize("tr", [0, 1, 5, 20, 60, 300])
def test_equals_exhaustive_search_at_every_radius(tr: int) -> None:
    rng = random.Random(tr)
    pictures = moving_pictures(70, 48, 40, seed=3)
    order = [max(0, min(69, n + rng.randint(-9, 9))) for n in range(70)]
    clip, ref = clip_of([pictures[i] for i in order], vs.GRAY10), clip_of(pictures, vs.GRAY10)
    matches, _ = exhaustive(clip, ref, tr)
    assert props_of(vs_align.temporal(clip, ref, tr=tr, smooth=False), "VSAlignMatch") == matches


def test_many_equal_frames_among_few_pictures() -> None:
    # every tie rule is met often: three pictures in random order
    rng = random.Random(5)
    pictures = moving_pictures(3, 24, 16)
    clip = clip_of([rng.choice(pictures) for _ in range(90)])
    ref = clip_of([rng.choice(pictures) for _ in range(90)])
    matches, _ = exhaustive(clip, ref, 6)
    assert props_of(vs_align.temporal(clip, ref, tr=6, smooth=False), "VSAlignMatch") == matches


@pytest.mark.parametrize("picture", [0.0, 0.5, 1.0])
def test_still_pictures_stay_where_they_are(picture: float) -> None:
    clip = clip_of([np.full((20, 30), picture)] * 50)
    assert props_of(vs_align.temporal(clip, clip, tr=11), "VSAlignOffset") == [0] * 50


def test_of_two_equally_near_frames_the_later_wins() -> None:
    a, b = moving_pictures(2, 20, 20)
    clip, ref = clip_of([b, a, b]), clip_of([b, b, b])
    assert props_of(vs_align.temporal(clip, ref, tr=1), "VSAlignMatch") == [0, 2, 2]


def test_radius_zero_compares_with_the_same_number() -> None:
    pictures = moving_pictures(20, 20, 20)
    result = vs_align.temporal(clip_of(pictures[::-1]), clip_of(pictures), tr=0)
    assert props_of(result, "VSAlignMatch") == list(range(20))


def test_frames_that_do_not_exist_are_no_candidates() -> None:
    pictures = moving_pictures(30, 20, 20)
    # ref begins before clip and goes on after it
    clip, ref = clip_of(pictures[10:20]), clip_of(pictures)
    matches = props_of(vs_align.temporal(clip, ref, tr=10, smooth=False), "VSAlignMatch")
    # from ref frame 20 on no clip frame is within reach
    assert matches == exhaustive(clip, ref, 10)[0][:20] + [9] * 10


def test_no_candidate_shows_the_nearest_frame_and_says_so() -> None:
    pictures = moving_pictures(40, 20, 20)
    result = vs_align.temporal(clip_of(pictures[:10]), clip_of(pictures), out=numbered_clip(10), tr=3)
    assert props_of(result, "VSAlignFallback") == [0] * 13 + [1] * 27
    assert first_pixels(result)[13:] == [9] * 27
    assert props_of(result, "VSAlignScore")[13:] == [float("inf")] * 27
    assert props_of(result, "VSAlignMatch")[13:] == [9] * 27


def test_no_candidate_shows_the_fallback() -> None:
    pictures = moving_pictures(40, 20, 20)
    fallback = numbered_clip(40).std.Expr("x 100 +")
    result = vs_align.temporal(
        clip_of(pictures[:10]), clip_of(pictures), out=numbered_clip(10), fallback=fallback, tr=3
    )
    assert first_pixels(result)[13:] == [n + 100 for n in range(13, 40)]
    assert first_pixels(result)[:10] == list(range(10))


def test_a_score_not_below_the_threshold_shows_the_fallback() -> None:
    flat = [np.full((8, 8), value / 255) for value in range(10)]
    clip, ref = clip_of([flat[0]] * 10), clip_of(flat)
    fallback = numbered_clip(12).std.Expr("x 100 +")
    result = vs_align.temporal(clip, ref, out=numbered_clip(10), tr=2, fallback=fallback, thresh=5 / 255)
    assert first_pixels(result) == [0, 1, 2, 3, 4, 105, 106, 107, 108, 109]
    assert props_of(result, "VSAlignFallback") == [0] * 5 + [1] * 5
    assert props_of(result, "VSAlignMatch") == list(range(10))
    assert result.num_frames == 10


def test_a_threshold_without_fallback_changes_nothing() -> None:
    pictures = moving_pictures(10, 20, 20)
    result = vs_align.temporal(clip_of(pictures[::-1]), clip_of(pictures), tr=0, thresh=0)
    assert props_of(result, "VSAlignFallback") == [0] * 10


def test_out_is_copied_bit_by_bit() -> None:
    pictures = moving_pictures(30, 20, 20)
    rng = np.random.default_rng(0)
    out = clip_of([rng.random((38, 62)) for _ in range(30)], vs.YUV420P16)
    result = vs_align.temporal(clip_of(pictures), clip_of(pictures[4:24]), out=out, tr=5)
    assert (result.format.id, result.width, result.height) == (vs.YUV420P16, 62, 38)
    for n, frame in enumerate(result.frames()):
        with out.get_frame(n + 4) as original:
            for plane in range(3):
                assert np.array_equal(np.asarray(frame[plane]), np.asarray(original[plane]))


@pytest.mark.parametrize(
    ("clip_fps", "ref_fps"),
    [
        ((30, 1), (24, 1)),
        ((24000, 1001), (25, 1)),
        ((25, 1), (24000, 1001)),
        ((60, 1), (24, 1)),
        ((30000, 1001), (25, 1)),
    ],
)
@pytest.mark.parametrize("tr", [0, 2, 7])
def test_rates_centre_the_window_on_the_same_time(clip_fps: tuple[int, int], ref_fps: tuple[int, int], tr: int) -> None:
    rate = Fraction(*clip_fps) / Fraction(*ref_fps)
    pictures = moving_pictures(90, 30, 20, seed=2)
    clip = clip_of(pictures, vs.GRAY8, clip_fps)
    ref = clip_of([pictures[min(89, int((n + 0.4) * rate))] for n in range(int(88 / rate))], vs.GRAY8, ref_fps)
    result = vs_align.temporal(
        clip,
        ref,
        tr=tr,
        clip_num=clip_fps[0],
        clip_den=clip_fps[1],
        ref_num=ref_fps[0],
        ref_den=ref_fps[1],
        smooth=False,
    )
    assert props_of(result, "VSAlignMatch") == exhaustive(clip, ref, tr, rate)[0]
    assert result.num_frames == ref.num_frames


def test_rates_with_a_huge_denominator() -> None:
    rate = Fraction(24000, 1001) / Fraction(23976, 1000)
    pictures = moving_pictures(60, 30, 20)
    clip, ref = clip_of(pictures[3:]), clip_of(pictures)
    result = vs_align.temporal(
        clip, ref, tr=5, clip_num=24000, clip_den=1001, ref_num=23976, ref_den=1000, smooth=False
    )
    assert props_of(result, "VSAlignMatch") == exhaustive(clip, ref, 5, rate)[0]


def test_rates_keep_the_window_in_place_over_a_long_clip() -> None:
    # a drift of 0.1 frame per chunk would be seen after a few hundred frames
    length, rate = 3000, Fraction(24000, 1001) / Fraction(25)
    ref_length = int(length / rate)
    clip = numbered_clip(length, vs.GRAY16, 4, 4)
    ref = numbered_clip(ref_length, vs.GRAY16, 4, 4).std.Lut(function=lambda x: min(65535, int(x * rate)))
    result = vs_align.temporal(clip, ref, tr=1, clip_num=24000, clip_den=1001, ref_num=25, ref_den=1)
    assert props_of(result, "VSAlignMatch") == [int(n * rate) for n in range(ref_length)]


def test_props_travel_with_the_frame_and_timing_is_that_of_ref() -> None:
    pictures = moving_pictures(20, 20, 20)
    clip = clip_of(pictures, fps=(25, 1)).std.SetFrameProps(
        _SceneChangePrev=1, _SceneChangeNext=1, _PictType="I", _Matrix=1, _AbsoluteTime=7.0, Mine=5
    )
    ref = clip_of(pictures, fps=(24000, 1001)).std.SetFrameProps(_Matrix=5, _AbsoluteTime=6.5, Theirs=1)
    result = vs_align.temporal(clip, ref, tr=2)
    assert result.fps == Fraction(24000, 1001)
    with result.get_frame(3) as frame:
        props = dict(frame.props)
    assert (props["_DurationNum"], props["_DurationDen"], props["_AbsoluteTime"]) == (1001, 24000, 6.5)
    assert (props["Mine"], props["_Matrix"]) == (5, 1)
    assert not {"_SceneChangePrev", "_SceneChangeNext", "_PictType", "Theirs"} & set(props)
    assert props["VSAlignOffsetMs"] == 500.0


def test_a_time_stamp_that_ref_lacks_is_removed() -> None:
    pictures = moving_pictures(8, 20, 20)
    clip, ref = clip_of(pictures).std.SetFrameProps(_AbsoluteTime=7.0), clip_of(pictures)
    with vs_align.temporal(clip, ref, tr=2).get_frame(0) as frame:
        assert "_AbsoluteTime" not in frame.props


def test_offset_in_milliseconds_is_counted_at_the_frame_rates() -> None:
    pictures = moving_pictures(30, 20, 20)
    clip, ref = clip_of(pictures, fps=(24000, 1001)), clip_of(pictures[6:26], fps=(24000, 1001))
    result = vs_align.temporal(clip, ref, tr=8)
    assert props_of(result, "VSAlignOffset") == [6] * 20
    assert props_of(result, "VSAlignOffsetMs") == pytest.approx([6 * 1001 / 24] * 20, abs=1e-9)


def test_offset_in_milliseconds_between_different_rates() -> None:
    pictures = moving_pictures(30, 20, 20)
    clip, ref = clip_of(pictures, fps=(25, 1)), clip_of(pictures, fps=(24, 1))
    offsets = props_of(vs_align.temporal(clip, ref, tr=8), "VSAlignOffsetMs")
    assert offsets == pytest.approx([1000 * (n / 25 - n / 24) for n in range(30)], abs=1e-9)


def test_variable_frame_rate() -> None:
    pictures = moving_pictures(12, 20, 20)
    clip = clip_of(pictures)
    slow, fast = clip_of(pictures[:6], fps=(24, 1)), clip_of(pictures[6:], fps=(30, 1))
    ref = slow + fast
    assert ref.fps == 0
    result = vs_align.temporal(clip, ref, tr=2)
    assert result.fps == 0
    durations = [(f.props["_DurationNum"], f.props["_DurationDen"]) for f in result.frames(close=True)]
    assert durations == [(1, 24)] * 6 + [(1, 30)] * 6
    # nothing says when a frame of ref is shown, and nothing is invented
    assert all("VSAlignOffsetMs" not in f.props for f in result.frames(close=True))


def test_variable_frame_rate_with_time_stamps() -> None:
    pictures = moving_pictures(12, 20, 20)
    times = [n / 24 if n < 6 else 0.25 + (n - 6) / 30 for n in range(12)]
    ref = core.std.Splice(
        [
            clip_of([p], fps=(24 + 6 * (n >= 6), 1)).std.SetFrameProps(_AbsoluteTime=times[n])
            for n, p in enumerate(pictures)
        ]
    )
    clip = clip_of([pictures[0]] * 2 + pictures, fps=(24, 1))
    offsets = props_of(vs_align.temporal(clip, ref, tr=3), "VSAlignOffsetMs")
    assert offsets[1:] == pytest.approx([1000 * ((n + 2) / 24 - times[n]) for n in range(1, 12)], abs=1e-9)


def test_frames_in_any_order_are_the_same() -> None:
    pictures = moving_pictures(150, 40, 30, seed=4)
    rng = random.Random(1)
    order = [max(0, min(149, n + rng.randint(-5, 5))) for n in range(150)]
    clip, ref = clip_of([pictures[i] for i in order]), clip_of(pictures)
    in_order = [dict(f.props) for f in vs_align.temporal(clip, ref, tr=9).frames(close=True)]
    shuffled = vs_align.temporal(clip, ref, tr=9)
    for n in rng.sample(range(150), 150) + rng.choices(range(150), k=60):
        with shuffled.get_frame(n) as frame:
            assert dict(frame.props) == in_order[n]


def test_several_threads_ask_at_once() -> None:
    pictures = moving_pictures(120, 40, 30, seed=6)
    clip, ref = clip_of(pictures[3:]), clip_of(pictures)
    result = vs_align.temporal(clip, ref, tr=5)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for n in random.Random(seed).sample(range(3, 117), 80):
            with result.get_frame(n) as frame:
                if frame.props["VSAlignMatch"] != n - 3:
                    wrong.append(n)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


@pytest.mark.parametrize("format_id", [vs.GRAY8, vs.YUV420P10, vs.RGB24, vs.RGBH, vs.RGBS])
def test_debug_draws_on_the_frame(format_id: int) -> None:
    pictures = [np.zeros((240, 400))] * 8
    clip = clip_of(pictures, format_id)
    plain, drawn = vs_align.temporal(clip, clip, tr=3), vs_align.temporal(clip, clip, tr=3, debug=True)
    assert (drawn.format.id, drawn.width, drawn.height) == (format_id, 400, 240)
    with plain.get_frame(4) as a, drawn.get_frame(4) as b:
        difference = np.abs(np.asarray(a[0]).astype(float) - np.asarray(b[0]).astype(float)).max(axis=1)
        assert difference.max() > 0
        assert difference[-8:].max() == 0
        assert b.props["VSAlignMatch"] == 4


def test_debug_names_method_match_and_scores() -> None:
    from vs_align.nodes.debug_text import match_lines

    carrier = core.std.BlankClip(length=1).std.SetFrameProps(
        VSAlignMatch=12, VSAlignOffset=1, VSAlignScore=0.25, VSAlignOffsetMs=41.7, VSAlignFallback=0,
        VSAlignWindowFirst=9, VSAlignWindowScores=[0.5, float("inf"), 0.4, 0.25, 0.6],
    )  # fmt: skip
    with carrier.get_frame(0) as frame:
        lines = match_lines(11, frame.props, "PlaneStats", 640, 360)
    assert lines[0] == "vs_align.temporal: PlaneStats"
    assert lines[1] == "ref 11 -> clip 12 (+1 frames, +41.7 ms)"
    assert lines[2] == "score 0.250000"
    assert lines[3].split() == ["9:", "0.500000", "11:", "0.400000", ">12:", "0.250000", "13:", "0.600000"]


def test_debug_scores_are_those_of_the_window() -> None:
    from vs_align.decide.matching.search_window import SearchWindow
    from vs_align.measure.metrics.registry import METRICS
    from vs_align.render.temporal.planestats_search import planestats_matches
    from vs_align.render.temporal.search_request import SearchRequest

    pictures = moving_pictures(20, 20, 20)
    clip = clip_of(pictures)
    window, fps = SearchWindow(2, 20, 20), (Fraction(24), Fraction(24))
    request = SearchRequest(clip, clip, window, fps, METRICS["planestats"], smooth=False, all_scores=True)
    matches = planestats_matches(request)
    expected = [core.std.PlaneStats(clip[c], clip[1]).get_frame(0).props["PlaneStatsDiff"] for c in range(4)]
    with matches.get_frame(1) as frame:
        assert frame.props["VSAlignWindowFirst"] == -1
        assert frame.props["VSAlignWindowScores"] == [float("inf"), *expected]


def test_the_result_does_not_hold_the_script() -> None:
    import gc
    import weakref

    clip = clip_of(moving_pictures(40, 20, 20))
    result = vs_align.temporal(clip, clip, tr=4)
    for _ in result.frames(close=True):
        pass
    watched = weakref.ref(result)
    del result
    gc.collect()
    assert watched() is None


@pytest.mark.parametrize(
    "name", ["bbb_3d-animation_cuts_music_480p24.mkv", "his-girl-friday_static_dialogue_bw_480p30.mp4"]
)
def test_real_footage_equals_exhaustive_search(shared_clips: "object", name: str) -> None:
    source = core.bs.VideoSource(f"{shared_clips}/{name}", cachemode=0)[:60]
    ref = core.resize.Bicubic(source, 320, 180, format=vs.GRAY8)
    pictures = [np.asarray(f[0]).copy() / 255 for f in ref.frames()]
    rng = np.random.default_rng(0)
    clip = clip_of([np.clip(0.9 * pictures[min(59, n + 3)] + rng.normal(0, 0.02, (180, 320)), 0, 1) for n in range(60)])
    matches, scores = exhaustive(clip, ref, 8)
    result = vs_align.temporal(clip, ref, tr=8, smooth=False)
    assert props_of(result, "VSAlignMatch") == matches
    assert props_of(result, "VSAlignScore") == scores
