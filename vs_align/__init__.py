"""vs_align: two versions of the same footage in, one exactly aligned result out, with the numbers that prove it.

The public names are loaded when they are first used, so that `import vs_align` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vs_align.io.user_folders import ready_numba_cache
from vs_align.version import __version__

if TYPE_CHECKING:
    from vs_align.api.overlay import overlay
    from vs_align.api.overlay_audio import overlay_audio
    from vs_align.api.register import register
    from vs_align.api.script_arguments import argument_path
    from vs_align.api.spatial import spatial
    from vs_align.api.sync import sync
    from vs_align.api.temporal import temporal
    from vs_align.enums import (
        Backend,
        Background,
        Canvas,
        Device,
        FlowEngine,
        OverlayAudio,
        PlaceMethod,
        SegmentKind,
        SpatialPrecision,
        Stabilize,
        SyncEngine,
        TemporalPrecision,
        Timing,
        Track,
        Unaligned,
    )
    from vs_align.errors import AlignError, ArgumentError, MediaError, MissingDependencyError
    from vs_align.placement.placement import Placement, Scene, Transform
    from vs_align.timeline.passages import Passage
    from vs_align.timeline.timeline import Segment, Timeline

__all__ = [
    "AlignError",
    "ArgumentError",
    "Backend",
    "Background",
    "Canvas",
    "Device",
    "FlowEngine",
    "MediaError",
    "MissingDependencyError",
    "OverlayAudio",
    "Passage",
    "PlaceMethod",
    "Placement",
    "Scene",
    "Segment",
    "SegmentKind",
    "SpatialPrecision",
    "Stabilize",
    "SyncEngine",
    "TemporalPrecision",
    "Timeline",
    "Timing",
    "Track",
    "Transform",
    "Unaligned",
    "__version__",
    "argument_path",
    "overlay",
    "overlay_audio",
    "register",
    "spatial",
    "sync",
    "temporal",
]

_HOMES = {
    "AlignError": "vs_align.errors",
    "ArgumentError": "vs_align.errors",
    "MediaError": "vs_align.errors",
    "MissingDependencyError": "vs_align.errors",
    "Backend": "vs_align.enums",
    "Background": "vs_align.enums",
    "Canvas": "vs_align.enums",
    "Device": "vs_align.enums",
    "OverlayAudio": "vs_align.enums",
    "PlaceMethod": "vs_align.enums",
    "Timing": "vs_align.enums",
    "Track": "vs_align.enums",
    "FlowEngine": "vs_align.enums",
    "SpatialPrecision": "vs_align.enums",
    "Stabilize": "vs_align.enums",
    "SyncEngine": "vs_align.enums",
    "Unaligned": "vs_align.enums",
    "SegmentKind": "vs_align.enums",
    "TemporalPrecision": "vs_align.enums",
    "Placement": "vs_align.placement.placement",
    "Scene": "vs_align.placement.placement",
    "Transform": "vs_align.placement.placement",
    "Segment": "vs_align.timeline.timeline",
    "Timeline": "vs_align.timeline.timeline",
    "Passage": "vs_align.timeline.passages",
    "argument_path": "vs_align.api.script_arguments",
    "overlay": "vs_align.api.overlay",
    "overlay_audio": "vs_align.api.overlay_audio",
    "register": "vs_align.api.register",
    "spatial": "vs_align.api.spatial",
    "sync": "vs_align.api.sync",
    "temporal": "vs_align.api.temporal",
}


ready_numba_cache()


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
