"""The lazy search of `temporal` by metrics that compare features, or that a plugin computes.

Each ref frame has a frame of evidence, made in a callback that declares its window; a second callback declares the
evidence of the neighbours and decides. Nothing depends on the order in which frames are asked for: features are kept
by what the pictures hold, and evidence is made of declared frames alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import inf, isnan, nan
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.matching.decision import SearchWindow
from vs_align.decide.matching.evidence import Evidence, decide
from vs_align.decide.matching.version_difference import EVERY, Look, look_at, small_picture, version_difference
from vs_align.decide.matching.viterbi import RADIUS
from vs_align.io.array_types import Float32Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.measure.metrics.best_match_search import Slack, search
from vs_align.measure.metrics.feature_cache import FeatureCache
from vs_align.measure.metrics.metric import Metric
from vs_align.measure.metrics.registry import MetricRow
from vs_align.nodes.clips import Stride, strided_window, tiny_clip
from vs_align.nodes.frames import offset_ms, peak_value
from vs_align.nodes.match_props import Match, copy_timing, write_match
from vs_align.nodes.parallel import in_lanes, lane_count
from vs_align.nodes.rgb import digest_of, picture_of, rgb_of

EVIDENCE, LOOK = "VSAlignEvidence", "VSAlignLook"
# Frames of one pixel: the neighbours of several frames that are worked at.
_KEPT_EVIDENCE = 512
# Bytes of digests: those of some ten thousand frames.
_DIGEST_BYTES = 1 << 20
# Bytes of small pictures: those of about 3500 frames.
_SMALL_BYTES = 32 << 20
_GREEN = 1


def metric_matches(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    window: SearchWindow,
    fps: tuple[Fraction, Fraction],
    thresh: float | None,
    row: MetricRow,
    metric: Metric[Any] | None,
    *,
    smooth: bool = True,
    all_scores: bool = False,
) -> vs.VideoNode:
    """Search the windows of all ref frames for the lowest score of a metric.

    Args:
        clip: The candidates.
        ref: The frames to find; format and size of `clip`.
        window: Which candidates belong to which ref frame.
        fps: Frame rates of clip and ref in frames per second for frames without a time stamp, 0 where unknown.
        thresh: The score from which on a match counts as missing; None: only where there is no candidate.
        row: The metric's row in the registry.
        metric: How features are compared, safe to call from several threads; None where a plugin does it.
        smooth: Whether neighbours have a say in the choice; see `vs_align.decide.matching.viterbi`.
        all_scores: Also score every candidate, for display.

    Returns:
        A clip of one pixel as long as `ref`, with the `VSAlign...` props of the match on each frame.
    """
    clip, ref = rgb_of(clip), rgb_of(ref)
    # a frame of room at either side for the rounding of centres
    width = 2 * window.radius + 3
    windows, stride = strided_window(clip, -window.radius - 1, window.rate, ref.num_frames, width)
    windows = [node[: ref.num_frames] for node in windows]
    shown = windows
    if metric is None:
        from vs_align.measure.metrics.butteraugli.plugins import plugin_scores

        windows = [plugin_scores(row.plugin, node, ref) for node in windows]
        scorer: _Scorer = _plugin_scores
        # whatever a plugin puts its scores on, these are the candidates
        windows = [*windows, *shown]
        lanes = 1
    else:
        slack = Slack(*row.noise.reach()) if smooth else Slack()
        scorer = _FeatureScorer(metric, window, Slack(0.0, inf) if all_scores else slack, equal_is_best=smooth).scores
        lanes = lane_count(row.lanes)
    looks = _Looks(peak_value(clip)) if smooth else None
    witness = _Witness(scorer, window, stride, fps, looks, width)
    carrier = tiny_clip(ref.num_frames)
    evidence = in_lanes([carrier, ref, *windows], witness.testify, lanes)
    return judged(evidence, window, row, thresh, smooth=smooth, all_scores=all_scores)


def judged(
    evidence: vs.VideoNode,
    window: SearchWindow,
    row: MetricRow,
    thresh: float | None,
    *,
    smooth: bool,
    all_scores: bool,
) -> vs.VideoNode:
    """Decide all ref frames.

    Args:
        evidence: A clip as long as ref, whose frames carry `Evidence` in the prop EVIDENCE, and the timing of ref's.
        window: Which candidates belong to which ref frame.
        row: The metric that the scores are of.
        thresh: The score from which on a match counts as missing; None: only where there is no candidate.
        smooth: Whether neighbours have a say in the choice; see `vs_align.decide.matching.viterbi`.
        all_scores: Also hand on all scores, for display.

    Returns:
        A clip of one pixel as long as `evidence`, with the `VSAlign...` props of the match and the timing props of
        ref on each frame.
    """
    evidence.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_KEPT_EVIDENCE, maxhistory=_KEPT_EVIDENCE)
    margin = RADIUS if smooth else 0
    around = [_shifted(evidence, offset) for offset in range(-margin, margin + 1)]
    judge = partial(_judge, window=window, row=row, thresh=thresh, smooth=smooth, all_scores=all_scores)
    carrier = tiny_clip(evidence.num_frames)
    return carrier.std.ModifyFrame([carrier, *around], judge)


type _Scorer = Callable[[int, vs.VideoFrame, dict[int, vs.VideoFrame]], dict[int, float]]
"""Takes a ref frame's number, that frame and the candidates by number; returns scores by number."""


def _plugin_scores(n: int, ref: vs.VideoFrame, candidates: dict[int, vs.VideoFrame]) -> dict[int, float]:
    return {number: float(frame.props["VSAlignScore"]) for number, frame in candidates.items()}


@dataclass(frozen=True, slots=True)
class _FrameSample:
    """A frame as the search sees it: its features are made when they are first asked for."""

    digest: bytes
    frame: vs.VideoFrame
    metric: Metric[Any]
    kept: FeatureCache[Any]

    def features(self) -> Any:
        return self.kept.get(self.digest, lambda: self.metric.prepare(picture_of(self.frame)))


class _FeatureScorer:
    """Scores windows by a metric; called from several threads at once.

    Args:
        metric: How pictures are compared.
        window: Which candidates belong to which ref frame.
        slack: Which scores are wanted exactly.
        equal_is_best: Whether candidates that are equal to ref bit by bit get the best score, whatever the metric
            thinks of them: neural ones have been seen to prefer others.
    """

    def __init__(self, metric: Metric[Any], window: SearchWindow, slack: Slack, *, equal_is_best: bool) -> None:
        self._metric = metric
        self._window = window
        self._slack = slack
        self._tolerance = float(getattr(metric, "tolerance", 0.0))
        self._equal_is_best = equal_is_best
        self._features: FeatureCache[Any] = FeatureCache(metric.size)
        self._digests: FeatureCache[bytes] = FeatureCache(len, _DIGEST_BYTES)
        # where the last winner lay, from its centre; it changes the speed, not the answer
        self._hint = 0

    def scores(self, n: int, ref: vs.VideoFrame, candidates: dict[int, vs.VideoFrame]) -> dict[int, float]:
        """Return the scores of candidates by number; those beyond the slack may be lower bounds."""
        centre = self._window.centre(n)
        wanted = self._sample(("ref", n), ref)
        samples = {number: self._sample(("clip", number), frame) for number, frame in candidates.items()}
        found = search(self._metric, wanted, samples, centre, centre + self._hint, self._slack)
        if found.winner >= 0:
            self._hint = found.winner - centre
        # what counts as equal is equal from here on
        best = min(found.scores.values(), default=inf)
        equal = {c for c in samples if samples[c].digest == wanted.digest} if self._equal_is_best else set()
        return {c: best if s <= best + self._tolerance or c in equal else s for c, s in found.scores.items()}

    def _sample(self, key: tuple[str, int], frame: vs.VideoFrame) -> _FrameSample:
        digest = self._digests.get(key, lambda: digest_of(frame))
        return _FrameSample(digest, frame, self._metric, self._features)


class _Looks:
    """Looks at the best candidates; called from several threads at once.

    Args:
        peak: The value of full white.
    """

    def __init__(self, peak: int) -> None:
        self._peak = peak
        self._small: FeatureCache[Float32Array] = FeatureCache(lambda picture: picture.nbytes, _SMALL_BYTES)

    def look(self, ref: vs.VideoFrame, scores: dict[int, float], candidates: dict[int, vs.VideoFrame]) -> Look | None:
        """Look at the best of the candidates, None where there is none. All of them have scores, by number."""
        known = {number: inf if isnan(score) else score for number, score in scores.items()}
        match = min(known, key=known.__getitem__, default=-1)
        if match < 0 or known[match] == inf:
            return None

        def small(number: int) -> Float32Array:
            return self._small.get(number, lambda: self._made(candidates[number]))

        return look_at(self._made(ref), match, range(min(candidates), max(candidates) + 1), small)

    def _made(self, frame: vs.VideoFrame) -> Float32Array:
        return small_picture(np.asarray(frame[_GREEN]), self._peak)


@dataclass(frozen=True, slots=True)
class _Witness:
    """The callback that looks at windows. It holds no node, so that nothing outlives the script."""

    scorer: _Scorer
    window: SearchWindow
    stride: Stride
    fps: tuple[Fraction, Fraction]
    looks: _Looks | None
    """None where nothing is said about confidence."""
    width: int
    """Frames of the window; the last so many that are declared show the candidates."""
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def testify(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Return the evidence of ref frame n; `f` holds the carrier, the ref frame and the candidates."""
        self.trimmer.check()
        carrier, ref, *frames = f
        begin, start = self.window.centre(n) - self.window.radius, self.stride.first(n)
        numbers = range(self.window.first(n), self.window.last(n) + 1)
        candidates = {number: frames[number - start] for number in numbers}
        scores, late = np.full(2 * self.window.radius + 1, inf), np.full(2 * self.window.radius + 1, nan)
        found = self.scorer(n, ref, candidates)
        for number, score in found.items():
            scores[number - begin] = score
        for number, frame in candidates.items():
            milliseconds = offset_ms(frame, number, self.fps[0], ref, n, self.fps[1])
            late[number - begin] = nan if milliseconds is None else milliseconds
        if not candidates:
            # the window lies behind the end and holds stand-ins for the last frame, which is then shown
            milliseconds = offset_ms(frames[0], self.window.nearest(n), self.fps[0], ref, n, self.fps[1])
            late[0] = nan if milliseconds is None else milliseconds
        out = carrier.copy()
        props: Any = out.props
        props[EVIDENCE] = Evidence(scores, late, begin).to_bytes()
        if self.looks is not None and n % EVERY == 0:
            shown = frames[-self.width :]
            look = self.looks.look(ref, found, {number: shown[number - start] for number in numbers})
            if look is not None:
                props[LOOK] = look.to_bytes()
        copy_timing(ref.props, props)
        return out


def _shifted(clip: vs.VideoNode, offset: int) -> vs.VideoNode:
    """Show frame n + offset at n; beyond the ends any frame will do."""
    if offset >= 0:
        return clip[min(offset, clip.num_frames - 1) :]
    return (clip[0] * -offset + clip)[: clip.num_frames]


def _judge(
    n: int,
    f: Sequence[vs.VideoFrame],
    window: SearchWindow,
    row: MetricRow,
    thresh: float | None,
    smooth: bool,
    all_scores: bool,
) -> vs.VideoFrame:
    """Decide frame n; `f` holds the carrier and the evidence of n and its neighbours."""
    around = f[1:]
    reach = len(around) // 2
    there = range(max(0, n - reach), min(window.ref_length, n + reach + 1))
    known = [Evidence.from_bytes(around[number - n + reach].props[EVIDENCE]) for number in there]
    own = known[n - there.start]
    scores = [evidence.scores for evidence in known]
    seen = [around[number - n + reach].props.get(LOOK) for number in there] if smooth else []
    apart = version_difference([Look.from_bytes(bytes(look)) for look in seen if look is not None])
    at = n - there.start
    (found,) = decide(scores, at, at + 1, row.noise, row.name, smooth=smooth, apart=[apart])
    match = own.start + found.place if found.place >= 0 else window.nearest(n)
    place = match - own.start
    late = float(own.late[place if 0 <= place < own.late.size else 0])
    missing = found.place < 0 or (thresh is not None and found.score >= thresh)
    out = around[reach].copy()
    props: Any = out.props
    for name in (EVIDENCE, LOOK):
        if name in props:
            del props[name]
    described = Match(match, n, found.score, missing, row.name, None if isnan(late) else late, *found.details)
    write_match(props, described, own.start, own.scores.tolist() if all_scores else None)
    return out
