"""Butteraugli scores by optional VapourSynth plugins: Vship on a GPU, julek on the CPU.

julek computes the same score as `vs_align.measure.metrics.butteraugli.metric`. Vship differs in some kernels and in the
transfer curve: its scores are within about 10 % of those, and only comparable with each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import vapoursynth as vs

from vs_align.errors import AlignError, ArgumentError, MissingDependencyError
from vs_align.io.prop_names import SCORE
from vs_align.nodes.rgb import rgb_of

_INTENSITY = 80.0
"""Luminance of white in nits, the default of the metric on the CPU."""


@dataclass(frozen=True, slots=True)
class _Plugin:
    function: str
    prop: str
    """Frame prop in which the plugin returns the score."""
    formats: tuple[int, ...]
    """Formats that it accepts; other ones are converted to the last."""
    advice: str
    compare: Callable[[Any, vs.VideoNode, vs.VideoNode], vs.VideoNode]


PLUGINS: dict[str, _Plugin] = {
    "vship": _Plugin(
        function="BUTTERAUGLI",
        prop="_BUTTERAUGLI_INFNorm",
        formats=(vs.RGBS,),
        advice="install the plugin Vship for your GPU (a library for the plugin folder of VapourSynth)",
        compare=lambda space, candidate, ref: space.BUTTERAUGLI(candidate, ref, intensity_multiplier=_INTENSITY),
    ),
    "julek": _Plugin(
        function="Butteraugli",
        prop="_FrameButteraugli",
        formats=(vs.RGB24, vs.RGB48, vs.RGBS),
        advice="install the plugin julek (a library for the plugin folder of VapourSynth)",
        compare=lambda space, candidate, ref: space.Butteraugli(candidate, ref, intensity_target=_INTENSITY),
    ),
}


def installed(core: Any = None) -> tuple[str, ...]:
    """Return the names of the installed plugins.

    Args:
        core: The core, or an object with its namespaces as attributes; default: the core of the script.
    """
    source = vs.core if core is None else core
    return tuple(name for name, plugin in PLUGINS.items() if hasattr(getattr(source, name, None), plugin.function))


def plugin_scores(name: str, candidate: vs.VideoNode, ref: vs.VideoNode, core: Any = None) -> vs.VideoNode:
    """Compare each frame of a clip with the same frame of another.

    Args:
        name: "vship" or "julek".
        candidate: Any constant format; YUV without the frame prop `_Matrix` counts as Rec. 709.
        ref: Format and size of `candidate`.
        core: See `installed`; tests pass an object that replaces the plugin.

    Returns:
        A clip as long as `candidate` whose frames carry the max norm as the prop `VSAlignScore`.

    Raises:
        ArgumentError: There is no such plugin.
        MissingDependencyError: It is not installed.
    """
    plugin = PLUGINS.get(name)
    if plugin is None:
        raise ArgumentError("plugin_scores", "name", f"must be one of {', '.join(PLUGINS)}", repr(name))
    source = vs.core if core is None else core
    if name not in installed(source):
        raise MissingDependencyError(f"vs_align: Butteraugli by {name} needs core.{name}; {plugin.advice}.")
    target = plugin.formats[-1]
    pair = [rgb_of(clip) for clip in (candidate, ref)]
    pair = [clip if clip.format.id in plugin.formats else clip.resize.Point(format=target) for clip in pair]
    scored = plugin.compare(getattr(source, name), *pair)

    def rename(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        score = f.props.get(plugin.prop)
        if score is None:
            raise AlignError(f"vs_align: core.{name} set no {plugin.prop} on frame {n}; update the plugin.")
        renamed = f.copy()
        renamed.props[SCORE] = float(score)
        return renamed

    return scored.std.ModifyFrame(scored, rename)
