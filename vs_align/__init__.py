"""vs_align: two versions of the same footage in, one exactly aligned result out, with the numbers that prove it.

The public names are loaded when they are first used, so that `import vs_align` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vs_align.user_folders import ready_numba_cache
from vs_align.version import __version__

if TYPE_CHECKING:
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
    from vs_align.overlay_compositing import overlay
    from vs_align.overlay_sound import overlay_audio
    from vs_align.placement import Placement, Scene, Transform
    from vs_align.registering import register
    from vs_align.script_arguments import argument_path
    from vs_align.spatial_alignment import spatial
    from vs_align.synchronisation import sync
    from vs_align.temporal_alignment import temporal
    from vs_align.timeline import Segment, Timeline
    from vs_align.timeline_passages import Passage

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
    "Placement": "vs_align.placement",
    "Scene": "vs_align.placement",
    "Transform": "vs_align.placement",
    "Segment": "vs_align.timeline",
    "Timeline": "vs_align.timeline",
    "Passage": "vs_align.timeline_passages",
    "argument_path": "vs_align.script_arguments",
    "overlay": "vs_align.overlay_compositing",
    "overlay_audio": "vs_align.overlay_sound",
    "register": "vs_align.registering",
    "spatial": "vs_align.spatial_alignment",
    "sync": "vs_align.synchronisation",
    "temporal": "vs_align.temporal_alignment",
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
