"""`SyncOptions`: options of the synchronization pipeline."""

from dataclasses import dataclass

from vs_align.enums import SyncEngine
from vs_align.placement.placement import Placement


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """Options of the synchronization pipeline.

    Args:
        engine: What finds the frames.
        reach: Largest difference of the times of matching frames in seconds; None: any.
        min_segment: Shortest segment between two jumps that is kept, in seconds.
        window: Frames to either side that the engines fast, precise, mask, border and tunnel search.
        drift_interval: Frames between two measurements of drift of the engines precise, mask and border.
        margin: Width of the band that the engine border compares, in pixels of ref.
        box: Where ref lies in clip for the engines: left, top, width and height as shares of clip; None: searched.
        placement: Maps pixels of ref to pixels of clip, if that is known: not searched then.
        force: Whether a map is kept whose verdict is "unrelated"; the verdict stays.
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

    @property
    def uses_audio(self) -> bool:
        """Whether the engine goes by audio, alone or together with the frames."""
        return self.engine in (SyncEngine.AUTO, SyncEngine.AUDIO)
