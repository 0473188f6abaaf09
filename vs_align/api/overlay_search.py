"""What `overlay` finds: the time, then the place, then the time again with the frames registered by that place.

One search for nodes and files. `find_timeline` is the first step, `find_placement` the other two; callers refuse or
replace an unrelated timeline between them.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from vs_align.api.overlay_terms import placement_for_overlay, timeline_for_overlay
from vs_align.api.register import PlaceInput, register_videos
from vs_align.api.sync import is_worth_another_look, sync_videos
from vs_align.decide.schedule.still_frames import lasting_still, timeless
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.enums import PlaceMethod, Timing, Track
from vs_align.measure.video import Video
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from pathlib import Path

    from vs_align.io.progress import Progress
    from vs_align.media.source import Source
    from vs_align.placement.placement import Placement

_CLOCK_TOLERANCE = 0.25
"""Share of a frame by which clocks of two videos may round differently."""


class OverlayVideo(Video, Protocol):
    """A video with what is known of its times without reading frames."""

    @property
    def rate(self) -> Fraction:
        """Frames per second; 0 if unknown."""

    @property
    def stamps(self) -> tuple[float, ...]:
        """When each frame is shown, in seconds since the first; empty if the rate is constant or nothing is known."""


@dataclass(frozen=True, slots=True)
class OverlaySearch:
    """How time and place of fg on bg are found.

    Args:
        sync: How the time is found.
        place: How the place is found, or the place.
        scale: Pixels of bg per pixel of fg; None: unknown.
        track: Whether one place holds per scene, or moves within scenes.
        timing: Whose time the result has; None: what is usual for the two.
        cache: Folder in which findings are kept; None: nowhere.
        refines_time: Whether the time is searched again once the place is known.
    """

    sync: SyncOptions
    place: PlaceInput
    scale: float | None
    track: Track
    timing: Timing | None
    cache: "Path | None"
    refines_time: bool = True

    @property
    def place_is_known(self) -> bool:
        """Whether no place is searched."""
        return self.place is PlaceMethod.CENTER or not isinstance(self.place, PlaceMethod)


def find_timeline(
    bg: OverlayVideo,
    fg: OverlayVideo,
    search: OverlaySearch,
    placement: "Placement | None" = None,
    progress: "Progress | None" = None,
) -> Timeline:
    """Find which frame of bg belongs to which frame of fg.

    If one of both is a still that lasts and the place is known, there is no time to find, and nothing is read.

    Args:
        bg: The video below.
        fg: The video on top.
        search: How it is found.
        placement: Where fg lies in bg if that was given.
        progress: Called with the stage, how much of it is done and how much there is.

    Raises:
        MediaError: A video cannot be decoded, or the cache cannot be written to.
    """
    known = placement is not None or search.place_is_known
    if known and lasting_still(bg.length, fg.length, search.timing):
        return timeless_timeline(bg, fg)
    return timeline_for_overlay(sync_videos(bg, fg, search.sync, search.cache, progress))


def find_placement(
    bg: OverlayVideo,
    fg: OverlayVideo,
    timeline: Timeline,
    search: OverlaySearch,
    progress: "Progress | None" = None,
) -> "tuple[Timeline, Placement]":
    """Find where fg lies in bg, and then the time again: registered frames tell neighbors apart that hardly differ.

    Args:
        bg: The video below.
        fg: The video on top.
        timeline: From bg to fg.
        search: How both are found.
        progress: Called with the stage, how much of it is done and how much there is.

    Returns:
        The timeline, found again if that is worth it and not found to be unrelated; and the placement.

    Raises:
        MediaError: A video cannot be decoded, or the cache cannot be written to.
    """
    placement = placement_for_overlay(
        register_videos(bg, fg, timeline.frame_map, search.place, search.scale, search.track, search.cache, progress)
    )
    if (
        not search.refines_time
        or placement.verdict == "doubtful"
        or lasting_still(bg.length, fg.length, search.timing)
        or not is_worth_another_look(timeline, search.sync.engine)
    ):
        return timeline, placement
    found = sync_videos(bg, fg, replace(search.sync, placement=placement), search.cache, progress)
    return timeline if found.verdict == "unrelated" else timeline_for_overlay(found), placement


def timeless_timeline(bg: OverlayVideo, fg: OverlayVideo) -> Timeline:
    """Return the timeline of two videos of which one is a still whose place is known, without reading either."""
    sides = [(video.length, video.rate, video.stamps) for video in (bg, fg)]
    return timeless(sides[0], sides[1])


def best_unrelated(found: Timeline) -> Timeline | None:
    """Return an unrelated timeline as a doubtful one, for want of a better one; None if it matches no frame."""
    if all(frame is None for frame in found.frame_map):
        return None
    reason = "the two have nothing in common: the best map that was found was used all the same"
    return replace(found, verdict="doubtful", reasons=(*found.reasons, reason))


def centered_timeline(bg: "Source", fg: "Source") -> Timeline:
    """Return the doubtful timeline that aligns the middle of fg in time with the middle of bg.

    Args:
        bg: The file below.
        fg: The file on top.
    """
    import numpy as np

    wanted = np.array(fg.times) + (bg.duration - fg.duration) / 2
    # the frame that is on display, even if two clocks round differently
    ends = wanted + bg.frame_seconds * _CLOCK_TOLERANCE
    frames = np.searchsorted(np.array(bg.times), ends, side="right") - 1
    inside = (frames >= 0) & (wanted < bg.duration)
    found = Timeline.from_frame_map(
        [int(frame) if there else None for frame, there in zip(frames, inside, strict=True)],
        clip_rate=bg.rate,
        ref_rate=fg.rate,
        clip_length=bg.length,
        clip_times=bg.times if bg.variable else (),
        ref_times=fg.times if fg.variable else (),
    )
    reason = "the two do not match: the middle of one was laid on the middle of the other"
    return replace(found, verdict="doubtful", reasons=(reason,))
