"""vs_align: two versions of the same footage in, one exactly aligned result out, with the numbers that prove it.

The public names are loaded when they are first used, so that `import vs_align` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vs_align.version import __version__

if TYPE_CHECKING:
    from vs_align.enums import Device, SegmentKind, TemporalPrecision
    from vs_align.errors import AlignError, ArgumentError, MediaError, MissingDependencyError
    from vs_align.temporal_alignment import temporal
    from vs_align.timeline import Segment, Timeline

__all__ = [
    "AlignError",
    "ArgumentError",
    "Device",
    "MediaError",
    "MissingDependencyError",
    "Segment",
    "SegmentKind",
    "TemporalPrecision",
    "Timeline",
    "__version__",
    "temporal",
]

_HOMES = {
    "AlignError": "vs_align.errors",
    "ArgumentError": "vs_align.errors",
    "MediaError": "vs_align.errors",
    "MissingDependencyError": "vs_align.errors",
    "Device": "vs_align.enums",
    "SegmentKind": "vs_align.enums",
    "TemporalPrecision": "vs_align.enums",
    "Segment": "vs_align.timeline",
    "Timeline": "vs_align.timeline",
    "temporal": "vs_align.temporal_alignment",
}


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
