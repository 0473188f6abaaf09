"""Butteraugli by plugins. None is installed where these tests run: an object in its place records the calls."""

from types import SimpleNamespace
from typing import Any

import pytest
import vapoursynth as vs

from vs_align.errors import ArgumentError, MissingDependencyError
from vs_align.render.temporal.butteraugli_plugins import PLUGINS, installed, plugin_scores


class _StandIn:
    """Has the functions of one plugin, and leaves the number of the frame plus a half as the score."""

    def __init__(self, function: str, prop: str) -> None:
        self.calls: list[tuple[vs.VideoNode, vs.VideoNode, dict[str, Any]]] = []
        self._prop = prop
        setattr(self, function, self._compare)

    def _compare(self, candidate: vs.VideoNode, ref: vs.VideoNode, **options: Any) -> vs.VideoNode:
        self.calls.append((candidate, ref, options))

        def score(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            scored = f.copy()
            if self._prop:
                scored.props[self._prop] = n + 0.5
            return scored

        return candidate.std.ModifyFrame(candidate, score)


def _clip(form: int = vs.RGB24) -> vs.VideoNode:
    return vs.core.std.BlankClip(width=16, height=8, format=form, length=3)


@pytest.mark.parametrize(
    ("name", "function", "prop", "given", "taken", "options"),
    [
        ("julek", "Butteraugli", "_FrameButteraugli", vs.RGB24, vs.RGB24, {"intensity_target": 80.0}),
        ("julek", "Butteraugli", "_FrameButteraugli", vs.RGB48, vs.RGB48, {"intensity_target": 80.0}),
        ("julek", "Butteraugli", "_FrameButteraugli", vs.YUV420P8, vs.RGB24, {"intensity_target": 80.0}),
        ("vship", "BUTTERAUGLI", "_BUTTERAUGLI_INFNorm", vs.RGB24, vs.RGBS, {"intensity_multiplier": 80.0}),
        ("vship", "BUTTERAUGLI", "_BUTTERAUGLI_INFNorm", vs.RGBS, vs.RGBS, {"intensity_multiplier": 80.0}),
    ],
)
def test_what_plugins_are_asked(
    name: str, function: str, prop: str, given: int, taken: int, options: dict[str, float]
) -> None:
    plugin = _StandIn(function, prop)
    core = SimpleNamespace(**{name: plugin})
    assert installed(core) == (name,)
    scored = plugin_scores(name, _clip(given), _clip(given), core)
    assert [frame.props["VSAlignScore"] for frame in scored.frames(close=True)] == [0.5, 1.5, 2.5]
    ((candidate, ref, asked),) = plugin.calls
    assert (candidate.format.id, ref.format.id, asked) == (taken, taken, options)


def test_a_plugin_without_the_function_is_not_installed() -> None:
    assert installed(SimpleNamespace(julek=SimpleNamespace(SSIMULACRA=print))) == ()


@pytest.mark.parametrize("name", PLUGINS)
def test_a_missing_plugin_is_named(name: str) -> None:
    with pytest.raises(MissingDependencyError, match=rf"needs core\.{name}; install the plugin"):
        plugin_scores(name, _clip(), _clip(), SimpleNamespace())
    if name not in installed():
        with pytest.raises(MissingDependencyError, match=name):
            plugin_scores(name, _clip(), _clip())


def test_an_unknown_plugin() -> None:
    with pytest.raises(ArgumentError, match="name must be one of vship, julek, got 'other'"):
        plugin_scores("other", _clip(), _clip())


def test_a_score_that_is_missing_is_told() -> None:
    core = SimpleNamespace(julek=_StandIn("Butteraugli", ""))
    scored = plugin_scores("julek", _clip(), _clip(), core)
    with pytest.raises(vs.Error, match=r"core\.julek set no _FrameButteraugli on frame 0"):
        scored.get_frame(0)
