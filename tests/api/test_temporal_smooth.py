"""`temporal(smooth=True)`: the offset is steady if frames look alike, and right if they differ."""

import random
from dataclasses import replace

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.synth import clip_of, moving_pictures, noise_pictures, numbered_clip, props_of

core = vs.core


def looped(length: int, period: int) -> list[np.ndarray]:
    pictures = moving_pictures(period, 24, 16)
    return [pictures[n % period] for n in range(length)]


IDENTICAL = {
    "black": [np.zeros((18, 22))] * 150,
    "white": [np.ones((18, 22))] * 80,
    "static": moving_pictures(1, 22, 18) * 90,
    "loop of two": looped(90, 2),
    "loop of seven": looped(90, 7),
    "loop as long as the window": looped(120, 23),
    "moving, then still, then moving": [
        *moving_pictures(30, 22, 18), *(moving_pictures(30, 22, 18)[-1:] * 40), *moving_pictures(30, 22, 18, seed=2)
    ],
    "grain": noise_pictures(90, 22, 18),
    "cuts": [p for seed in range(9) for p in moving_pictures(9, 22, 18, seed=seed)],
}  # fmt: skip


@pytest.mark.parametrize("pictures", IDENTICAL.values(), ids=IDENTICAL.keys())
@pytest.mark.parametrize("tr", [0, 1, 11, 40])
def test_identical_input_stays_where_it_is(pictures: list[np.ndarray], tr: int) -> None:
    clip = clip_of(pictures)
    result = vs_align.temporal(clip, clip, tr=tr)
    assert props_of(result, "VSAlignOffset") == [0] * len(pictures)
    assert props_of(result, "VSAlignScore") == [0.0] * len(pictures)


def test_a_still_scene_holds_the_offset_of_what_is_around_it() -> None:
    first, second = moving_pictures(30, 30, 20), moving_pictures(40, 30, 20, seed=5)
    pictures = [*first, *([first[-1]] * 14), *second]
    clip, ref = clip_of(pictures[5:]), clip_of(pictures)
    result = vs_align.temporal(clip, ref, tr=9)
    assert props_of(result, "VSAlignOffset")[5:] == [-5] * (len(pictures) - 5)
    plain = props_of(vs_align.temporal(clip, ref, tr=9, smooth=False), "VSAlignOffset")
    assert plain[5:] != [-5] * (len(pictures) - 5)


def test_noise_on_a_still_scene_makes_no_jumps() -> None:
    moving = moving_pictures(25, 480, 270)
    still = [*moving, *([moving[-1]] * 12), *moving_pictures(25, 480, 270, seed=9)]
    rng = np.random.default_rng(3)

    def noisy() -> list[np.ndarray]:
        return [np.clip(p + rng.normal(0, 0.02, p.shape), 0, 1) for p in still]

    clip, ref = clip_of(noisy(), vs.GRAY16), clip_of(noisy(), vs.GRAY16)
    assert props_of(vs_align.temporal(clip, ref, tr=8), "VSAlignOffset") == [0] * 62
    assert props_of(vs_align.temporal(clip, ref, tr=8, smooth=False), "VSAlignOffset") != [0] * 62


@pytest.mark.parametrize("seed", range(3))
def test_lost_and_repeated_frames_are_found(seed: int) -> None:
    rng = random.Random(seed)
    pictures = moving_pictures(140, 40, 30, seed=seed)
    order, at = [], 3
    for _ in range(120):
        order.append(at)
        at = min(139, at + rng.choice([0, 1, 1, 1, 1, 1, 2]))
    clip, ref = clip_of([pictures[i] for i in order]), clip_of(pictures[:120])
    found = vs_align.temporal(clip, ref, tr=20, out=numbered_clip(120))
    shown = [order[int(str(match))] for match in props_of(found, "VSAlignMatch")]
    # ref frames that clip lost, or that lie outside the window, have no right answer
    right = [n for n in range(120) if any(order[c] == n for c in range(max(0, n - 20), min(120, n + 21)))]
    assert len(right) > 80
    assert [shown[n] for n in right] == right


def test_every_chunk_and_order_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from vs_align.render.temporal import planestats_search

    pictures = noise_pictures(70, 24, 18, seed=1, strength=0.05)
    clip, ref = clip_of(pictures[2:]), clip_of(noise_pictures(70, 24, 18, seed=2, strength=0.05))
    expected = [dict(f.props) for f in vs_align.temporal(clip, ref, tr=7, out=clip).frames(close=True)]
    for most, order in ((2, range(70)), (3, range(69, -1, -1)), (17, random.Random(0).sample(range(70), 70))):
        monkeypatch.setattr(planestats_search, "LIMITS", replace(planestats_search.LIMITS, max_refs=most))
        result = vs_align.temporal(clip, ref, tr=7, out=clip)
        for n in order:
            with result.get_frame(n) as frame:
                assert dict(frame.props) == expected[n]


@pytest.mark.parametrize("format_id", [vs.GRAY8, vs.GRAY16, vs.GRAYS])
@pytest.mark.parametrize("tr", [2, 30])
def test_smoothing_needs_no_more_scores_than_the_search_gives_exactly(format_id: int, tr: int) -> None:
    """The result is the same if all scores are exact, as with `debug`."""
    from fractions import Fraction

    from vs_align.decide.matching.search_window import SearchWindow
    from vs_align.measure.metrics.registry import METRICS
    from vs_align.render.temporal.planestats_search import planestats_matches
    from vs_align.render.temporal.search_request import SearchRequest

    clip = clip_of(noise_pictures(60, 40, 30, seed=1, strength=0.02), format_id)
    ref = clip_of([*moving_pictures(20, 40, 30), *noise_pictures(40, 40, 30, seed=2, strength=0.02)], format_id)
    window, fps = SearchWindow(tr, 60, 60), (Fraction(24), Fraction(24))
    request = SearchRequest(clip, ref, window, fps, METRICS["planestats"])
    names = ("VSAlignMatch", "VSAlignScore", "VSAlignConfidence", "VSAlignRunnerUp")
    found = [
        [{name: f.props.get(name) for name in names} for f in matches.frames(close=True)]
        for matches in (planestats_matches(request), planestats_matches(replace(request, all_scores=True)))
    ]
    assert found[0] == found[1]


def test_confidence_tells_clear_matches_from_none() -> None:
    pictures = moving_pictures(60, 40, 30)
    clip = clip_of(pictures)
    sure = props_of(vs_align.temporal(clip, clip, tr=9), "VSAlignConfidence")
    unrelated = clip_of(moving_pictures(60, 40, 30, seed=77))
    guessed = props_of(vs_align.temporal(unrelated, clip, tr=9), "VSAlignConfidence")
    assert min(map(float, map(str, sure))) > max(map(float, map(str, guessed)))


def test_props_of_smoothing_are_there_with_it_only() -> None:
    clip = clip_of(moving_pictures(10, 20, 16))
    with vs_align.temporal(clip, clip, tr=3).get_frame(4) as frame:
        assert frame.props["VSAlignMetric"] == "planestats"
        assert 0 <= frame.props["VSAlignConfidence"] <= 1
        assert frame.props["VSAlignRunnerUp"] > 0
    with vs_align.temporal(clip, clip, tr=3, smooth=False).get_frame(4) as frame:
        assert frame.props["VSAlignMetric"] == "planestats"
        assert not {"VSAlignConfidence", "VSAlignRunnerUp"} & set(frame.props)
    black = clip_of([np.zeros((16, 20))] * 10)
    with vs_align.temporal(black, black, tr=3).get_frame(4) as frame:
        assert "VSAlignRunnerUp" not in frame.props
