"""`temporal` with clips of very different lengths: ref frames beyond the end of clip, in any order."""

import random
from collections.abc import Callable
from fractions import Fraction
from math import inf
from typing import Any

import pytest
import vapoursynth as vs

import vs_align
from tests.footage import Shot
from tests.structure_cases import grey
from tests.synth import numbered_clip
from vs_align.decide.matching.search_window import SearchWindow
from vs_align.measure.metrics.registry import METRICS
from vs_align.render.temporal import metric_search
from vs_align.render.temporal.search_request import SearchRequest

core = vs.core

PICTURES = Shot(3, (97, 55), (0.7, 0.2), shake=0.9).film(range(200))
LENGTHS = [(20, 40), (20, 200), (1, 40), (1, 11), (200, 20), (90, 1), (1, 1)]
BUILT_IN = ["planestats", "butteraugli", "butteraugli:3norm", "structure"]
OPTIONS: dict[str, Callable[[vs.VideoNode, vs.VideoNode], dict[str, Any]]] = {
    "plain": lambda clip, ref: {},
    "not smooth": lambda clip, ref: {"smooth": False},
    "debug": lambda clip, ref: {"debug": True},
    "out": lambda clip, ref: {"out": numbered_clip(clip.num_frames)},
    "fallback": lambda clip, ref: {"fallback": core.std.BlankClip(clip, length=ref.num_frames), "thresh": inf},
}


def pair(lengths: tuple[int, int]) -> tuple[vs.VideoNode, vs.VideoNode]:
    clip, ref = (grey(PICTURES[:length]) for length in lengths)
    return clip, ref


def shuffled(result: vs.VideoNode) -> dict[int, dict[str, Any]]:
    """Return the props of some frames, asked for from the end and at random."""
    last = result.num_frames - 1
    order = random.Random(3).sample(range(last + 1), min(last + 1, 30))
    return {n: dict(result.get_frame(n).props) for n in [last, *order, 0]}


def check(props: dict[int, dict[str, Any]], lengths: tuple[int, int], tr: int, rate: Fraction = Fraction(1)) -> None:
    """Within the window the frame of the same moment; behind it the last frame of clip, as a fallback."""
    for n, frame in props.items():
        centre = int(n * rate)
        if centre - tr > lengths[0] - 1:
            assert (frame["VSAlignMatch"], frame["VSAlignFallback"], frame["VSAlignScore"]) == (lengths[0] - 1, 1, inf)
            assert frame.get("VSAlignConfidence", 0) == 0
        elif abs(centre - n) <= tr and n < lengths[0]:
            assert (frame["VSAlignMatch"], frame["VSAlignFallback"]) == (n, 0)
        else:
            assert max(0, centre - tr) <= frame["VSAlignMatch"] <= min(lengths[0] - 1, centre + tr)
        assert frame["VSAlignOffset"] == frame["VSAlignMatch"] - n


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(
    ("metric", "tr"), [("planestats", 0), ("planestats", 3), ("planestats", 25), *((row, 3) for row in BUILT_IN[1:])]
)
def test_every_metric_at_every_length(metric: str, lengths: tuple[int, int], tr: int) -> None:
    result = vs_align.temporal(*pair(lengths), tr=tr, metric=metric)
    assert result.num_frames == lengths[1]
    check(shuffled(result), lengths, tr)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("metric", BUILT_IN)
def test_every_option_behind_the_end(metric: str, option: str) -> None:
    clip, ref = pair((20, 70))
    if option == "debug":
        clip, ref = clip.resize.Point(96, 64), ref.resize.Point(96, 64)
    result = vs_align.temporal(clip, ref, tr=4, metric=metric, **OPTIONS[option](clip, ref))
    check(shuffled(result), (20, 70), 4)


@pytest.mark.parametrize("rates", [(50, 1, 25, 1), (24000, 1001, 30000, 1001), (1, 1, 10, 1)])
@pytest.mark.parametrize("lengths", [(20, 200), (1, 30), (200, 20)])
def test_windows_that_follow_the_clock(lengths: tuple[int, int], rates: tuple[int, int, int, int]) -> None:
    clip_num, clip_den, ref_num, ref_den = rates
    result = vs_align.temporal(
        *pair(lengths), tr=5, clip_num=clip_num, clip_den=clip_den, ref_num=ref_num, ref_den=ref_den
    )
    check(shuffled(result), lengths, 5, Fraction(rates[0], rates[1]) / Fraction(rates[2], rates[3]))


@pytest.mark.parametrize("lengths", LENGTHS)
def test_metrics_of_plugins(lengths: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(name: str, candidate: vs.VideoNode, ref: vs.VideoNode) -> vs.VideoNode:
        gray = [node.std.ShufflePlanes(0, vs.GRAY) for node in (candidate, ref)]
        measured = core.std.PlaneStats(*gray)

        def scored(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            out = f.copy()
            props: Any = out.props
            props["VSAlignScore"] = props["PlaneStatsDiff"]
            return out

        return measured.std.ModifyFrame(measured, scored)

    monkeypatch.setattr(metric_search, "plugin_scores", compared)
    clip, ref = pair(lengths)
    window, row = SearchWindow(3, lengths[1], lengths[0]), METRICS["butteraugli:julek"]
    request = SearchRequest(clip, ref, window, (Fraction(24), Fraction(24)), row)
    result = metric_search.plugin_matches(request)
    check(shuffled(result), lengths, 3)
