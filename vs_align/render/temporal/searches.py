"""The search of each kind of metric. A new metric uses one of them by the field `search` of its row.

Each function imports its module when it is called: they load numba and more, which rendering a timeline does not need.
"""

from collections.abc import Callable
from dataclasses import dataclass

import vapoursynth as vs

from vs_align.measure.metrics.registry import SearchKind, build
from vs_align.render.temporal.search_request import SearchRequest


def _feature_matches(request: SearchRequest) -> vs.VideoNode:
    from vs_align.render.temporal.metric_search import feature_matches

    return feature_matches(request, build(request.metric, request.device, request.batch_size))


def _plugin_matches(request: SearchRequest) -> vs.VideoNode:
    from vs_align.render.temporal.metric_search import plugin_matches

    return plugin_matches(request)


def _planestats_matches(request: SearchRequest) -> vs.VideoNode:
    from vs_align.render.temporal.planestats_search import planestats_matches

    return planestats_matches(request)


def _planestats_frames(request: SearchRequest) -> vs.VideoNode | None:
    from vs_align.render.temporal.planestats_search import planestats_frames

    return planestats_frames(request)


def _structure_matches(request: SearchRequest) -> vs.VideoNode:
    from vs_align.render.temporal.structure_search import structure_matches

    return structure_matches(request)


def _no_frames(request: SearchRequest) -> vs.VideoNode | None:
    return None


@dataclass(frozen=True, slots=True)
class Search:
    """How a kind of metric is searched."""

    matches: Callable[[SearchRequest], vs.VideoNode]
    """Returns a clip of one pixel as long as ref, with the `VSAlign...` props of the match on each frame."""
    carries_timing: bool = True
    """Whether the frames of `matches` carry the timing props of ref too."""
    frames: Callable[[SearchRequest], vs.VideoNode | None] = _no_frames
    """Returns the matching frames of clip, with the same props and the timing of ref, or None if the search cannot.
    Faster than `matches` if the result shows frames of the searched clip itself."""


SEARCHES: dict[SearchKind, Search] = {
    SearchKind.FEATURES: Search(_feature_matches),
    SearchKind.PLUGIN: Search(_plugin_matches),
    SearchKind.PLANES: Search(_planestats_matches, carries_timing=False, frames=_planestats_frames),
    SearchKind.STRUCTURE: Search(_structure_matches),
}
