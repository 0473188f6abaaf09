"""Summary statistics of a finished match, for a table or for JSON."""

import math
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from vs_align.decide.verdict import Judgment
from vs_align.timeline.timeline import Timeline

SURE = 0.9
"""Confidence from which on a match counts as sure, 0 to 1."""


def match_report(timeline: Timeline, verdict: Judgment, metric: str | None = None) -> dict[str, Any]:
    """Return verdict, counts, offsets, scores and confidence of a timeline. Unknown values are None.

    Args:
        timeline: The result of the match.
        verdict: Its verdict, with reasons.
        metric: Name of the metric, None if nothing was searched.
    """
    frames = [timeline.offset_at(n) for n in range(len(timeline))]
    milliseconds = [timeline.to_ms(n) for n in range(len(timeline))]
    matched = [n for n, frame in enumerate(frames) if frame is not None]
    scores = [score for n in matched if timeline.scores and (score := timeline.scores[n]) is not None]
    return {
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "frames": len(timeline),
        "matched": len(matched),
        "fallback": len(timeline) - len(matched),
        "offset_frames": _spread(frames, digits=1),
        "offset_ms": _spread(milliseconds, digits=3),
        "metric": metric,
        "score": _score_summary(scores),
        "confidence": _confidence_summary([timeline.confidences[n] for n in matched] if timeline.confidences else []),
        "segments": len(timeline.segments),
    }


def _spread(values: Sequence[float | None], digits: int) -> dict[str, float | bool | None]:
    known = [value for value in values if value is not None]
    if not known:
        return {"constant": None, "min": None, "median": None, "max": None}
    low, high = min(known), max(known)
    return {
        "constant": high - low < 1e-6,
        "min": round(low, digits),
        "median": round(median(known), digits),
        "max": round(high, digits),
    }


def _score_summary(scores: Sequence[float]) -> dict[str, float | None]:
    if not scores:
        return {"mean": None, "median": None, "p95": None, "max": None}
    ranked = sorted(scores)
    return {
        "mean": fmean(ranked),
        "median": median(ranked),
        "p95": ranked[math.ceil(0.95 * len(ranked)) - 1],
        "max": ranked[-1],
    }


def _confidence_summary(confidences: Sequence[float]) -> dict[str, float | None]:
    if not confidences:
        return {"mean": None, "median": None, "sure": None}
    return {
        "mean": fmean(confidences),
        "median": median(confidences),
        "sure": sum(value >= SURE for value in confidences) / len(confidences),
    }
