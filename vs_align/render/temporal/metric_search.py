"""The search of `temporal` by metrics that compare features of RGB images, or that a plugin computes.

Each ref frame has a callback that declares its window and scores it. Nothing depends on the order in which frames are
requested: features are cached by the content of images, and scores follow from declared frames alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, isnan
from typing import Any

import vapoursynth as vs

from vs_align.decide.matching.search_window import SearchWindow
from vs_align.decide.matching.version_difference import SAMPLE_STEP, DifferenceSample
from vs_align.decide.matching.viterbi import MAX_COST
from vs_align.io.memory import MemoryTrimmer
from vs_align.io.prop_names import SCORE
from vs_align.measure.metrics.best_match_search import find_best_match
from vs_align.measure.metrics.feature_cache import FeatureCache
from vs_align.measure.metrics.metric import ALL_SCORES, Metric, ScoreTolerance
from vs_align.nodes.clips import Stride, strided_window, tiny_clip
from vs_align.nodes.frames import peak_value
from vs_align.nodes.match_props import copy_timing
from vs_align.nodes.parallel import run_parallel, worker_count
from vs_align.nodes.rgb import digest_of, rgb_array, rgb_of
from vs_align.render.temporal.butteraugli_plugins import plugin_scores
from vs_align.render.temporal.difference_sampling import DifferenceSampler
from vs_align.render.temporal.search_request import SearchRequest
from vs_align.render.temporal.window_decision import SAMPLE, SCORES, decided_matches, window_scores

_DIGEST_BYTES = 1 << 20
"""Bytes of cached digests: those of about ten thousand frames."""
_GREEN = 1
"""The plane of RGB that is compared for the version difference."""

type _Scorer = Callable[[int, vs.VideoFrame, dict[int, vs.VideoFrame]], dict[int, float]]
"""Takes the number of a ref frame, that frame and the candidates by number; returns scores by number."""


def feature_matches(request: SearchRequest, metric: Metric[Any]) -> vs.VideoNode:
    """Search the windows of all ref frames for the lowest score of a metric.

    Args:
        request: What to search.
        metric: How features are compared.

    Returns:
        A clip of one pixel as long as ref, with the `VSAlign...` props of the match on each frame.
    """
    clip, ref = rgb_of(request.clip), rgb_of(request.ref)
    windows, stride = _windows(clip, ref, request.window)
    exact = request.metric.noise.scaled(MAX_COST) if request.smooth else ScoreTolerance()
    scorer = _FeatureScorer(
        metric, request.window, ALL_SCORES if request.all_scores else exact, equal_is_best=request.smooth
    )
    lanes = worker_count(request.metric.parallel_frames)
    return _matches(request, clip, ref, windows, len(windows), stride, scorer.scores, lanes)


def plugin_matches(request: SearchRequest) -> vs.VideoNode:
    """Search the windows of all ref frames for the lowest score that a plugin computes; see `feature_matches`."""
    clip, ref = rgb_of(request.clip), rgb_of(request.ref)
    windows, stride = _windows(clip, ref, request.window)
    scored = [plugin_scores(request.metric.plugin, node, ref) for node in windows]
    # a plugin may attach its scores to frames of its own, so that the candidates are declared too
    return _matches(request, clip, ref, [*scored, *windows], len(windows), stride, _scores_in_props, 1)


def _windows(clip: vs.VideoNode, ref: vs.VideoNode, window: SearchWindow) -> tuple[list[vs.VideoNode], Stride]:
    # one more frame at either side for the rounding of centers
    width = 2 * window.radius + 3
    nodes, stride = strided_window(clip, -window.radius - 1, window.rate, ref.num_frames, width)
    return [node[: ref.num_frames] for node in nodes], stride


def _matches(
    request: SearchRequest,
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    declared: list[vs.VideoNode],
    width: int,
    stride: Stride,
    scorer: _Scorer,
    lanes: int,
) -> vs.VideoNode:
    sampler = DifferenceSampler(_GREEN, peak_value(clip)) if request.smooth else None
    window_scorer = _WindowScorer(scorer, request.window, stride, request.fps, sampler, width)
    carrier = tiny_clip(ref.num_frames)
    scored = run_parallel([carrier, ref, *declared], window_scorer.score, lanes)
    return decided_matches(scored, request)


def _scores_in_props(n: int, ref: vs.VideoFrame, candidates: dict[int, vs.VideoFrame]) -> dict[int, float]:
    return {number: float(frame.props[SCORE]) for number, frame in candidates.items()}


@dataclass(frozen=True, slots=True)
class _FrameSample:
    """A frame as a sample of `find_best_match`: its features are prepared when they are first needed."""

    digest: bytes
    frame: vs.VideoFrame
    metric: Metric[Any]
    cache: FeatureCache[Any]

    def features(self) -> Any:
        return self.cache.get(self.digest, lambda: self.metric.prepare(rgb_array(self.frame)))


class _FeatureScorer:
    """Scores windows by a metric; called from several threads at once.

    Args:
        metric: How images are compared.
        window: Candidates of each ref frame.
        exact: Range above the best score in which other scores must be exact.
        equal_is_best: Whether candidates that are equal to ref bit by bit get the best score, whatever the metric
            returns: neural metrics sometimes prefer others.
    """

    def __init__(
        self, metric: Metric[Any], window: SearchWindow, exact: ScoreTolerance, *, equal_is_best: bool
    ) -> None:
        self._metric = metric
        self._window = window
        self._exact = exact
        self._equal_is_best = equal_is_best
        self._features: FeatureCache[Any] = FeatureCache(metric.size)
        self._digests: FeatureCache[bytes] = FeatureCache(len, _DIGEST_BYTES)
        # offset of the last winner from its center; it changes the speed, not the result
        self._hint = 0

    def scores(self, n: int, ref: vs.VideoFrame, candidates: dict[int, vs.VideoFrame]) -> dict[int, float]:
        """Return the scores of candidates by number; those beyond the exact range may be lower bounds."""
        center = self._window.center(n)
        wanted = self._sample(("ref", n), ref)
        samples = {number: self._sample(("clip", number), frame) for number, frame in candidates.items()}
        found = find_best_match(self._metric, wanted, samples, center, center + self._hint, self._exact)
        if found.winner >= 0:
            self._hint = found.winner - center
        # scores that differ by rounding only are equal from here on
        best = min(found.scores.values(), default=inf)
        equal = {c for c in samples if samples[c].digest == wanted.digest} if self._equal_is_best else set()
        return {c: best if s <= best + self._metric.rounding or c in equal else s for c, s in found.scores.items()}

    def _sample(self, key: tuple[str, int], frame: vs.VideoFrame) -> _FrameSample:
        digest = self._digests.get(key, lambda: digest_of(frame))
        return _FrameSample(digest, frame, self._metric, self._features)


@dataclass(frozen=True, slots=True)
class _WindowScorer:
    """The callback that scores windows. It holds no node, which would outlive the script."""

    scorer: _Scorer
    window: SearchWindow
    stride: Stride
    fps: tuple[Fraction, Fraction]
    sampler: DifferenceSampler | None
    """None without confidence."""
    width: int
    """Frames of the window; the last ones that are declared show the candidates."""
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def score(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Score the window of ref frame n; `f` holds the carrier, the ref frame and the candidates."""
        self.trimmer.check()
        carrier, ref, *frames = f
        start = self.stride.first(n)
        numbers = range(self.window.first(n), self.window.last(n) + 1)
        candidates = {number: frames[number - start] for number in numbers}
        scores = self.scorer(n, ref, candidates)
        # a window beyond the end of clip holds copies of the last frame, which is then shown
        timed = candidates or {self.window.nearest(n): frames[0]}
        out = carrier.copy()
        props: Any = out.props
        props[SCORES] = window_scores(n, ref, scores, timed, self.window, self.fps).to_bytes()
        if self.sampler is not None and n % SAMPLE_STEP == 0:
            shown = frames[-self.width :]
            sample = self._sample(ref, scores, {number: shown[number - start] for number in numbers})
            if sample is not None:
                props[SAMPLE] = sample.to_bytes()
        copy_timing(ref.props, props)
        return out

    def _sample(
        self, ref: vs.VideoFrame, scores: dict[int, float], candidates: dict[int, vs.VideoFrame]
    ) -> DifferenceSample | None:
        """Return the version difference at the best candidate, None without one."""
        known = {number: inf if isnan(score) else score for number, score in scores.items()}
        match = min(known, key=known.__getitem__, default=-1)
        if self.sampler is None or match < 0 or known[match] == inf:
            return None
        numbers = range(min(candidates), max(candidates) + 1)
        return self.sampler.sample(ref, match, numbers, candidates.__getitem__)
