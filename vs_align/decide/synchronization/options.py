"""`SyncOptions`: how two films are looked at."""

from collections.abc import Callable
from dataclasses import dataclass

from vs_align.enums import SyncEngine
from vs_align.placement.placement import Placement

Progress = Callable[[str, int, int], object]
"""Takes what is being done, how much of it is done, and how much there is, 0 where nobody knows."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to look.

    Args:
        engine: What finds the frames.
        reach: Seconds by which times of both may differ at most; None: any.
        min_segment: Seconds that a stretch must have to be believed.
        window: See `vs_align.decide.synchronization.engines.engine.EngineOptions`, also for the rest.
        drift_interval: Likewise.
        margin: Likewise.
        box: Likewise.
        placement: Maps pixels of ref to pixels of clip, if that is known: then it is not looked for.
        force: Whether a map is kept whose verdict is "unrelated"; it stays "unrelated".
    """

    engine: SyncEngine = SyncEngine.AUTO
    reach: float | None = None
    min_segment: float = 1.0
    window: int = 100
    drift_interval: int = 100
    margin: int = 8
    box: tuple[float, float, float, float] | None = None
    placement: Placement | None = None
    force: bool = False
