"""What the frames of `overlay`'s result say of themselves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.schedule.schedule import Schedule
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.match_props import CONFIDENCE, MATCH
from vs_align.placement.placement import Placement
from vs_align.placement.transform import Transform
from vs_align.timeline.timeline import Timeline
from vs_align.timeline.validation import VERDICTS

FOREGROUND = "VSAlignForeground"
X, Y = "VSAlignX", "VSAlignY"
SCALE_X, SCALE_Y = "VSAlignScaleX", "VSAlignScaleY"
ROTATION = "VSAlignRotation"
VERDICT = "VSAlignVerdict"

_PLACE = (X, Y, SCALE_X, SCALE_Y, ROTATION)
_ALL = [MATCH, FOREGROUND, CONFIDENCE, VERDICT, *_PLACE]
# Of placements that move, so many are remembered.
_MOST_PLACES = 256


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transform puts fg, as a person would say it.

    Args:
        x: Where fg's top left corner lies in bg, in pixels from bg's left edge.
        y: Likewise from its upper edge.
        scale_x: Pixels of bg per pixel of fg, along fg's rows, in the middle of fg.
        scale_y: Likewise across them.
        rotation: By how many degrees fg is turned clockwise.
    """

    x: float
    y: float
    scale_x: float
    scale_y: float
    rotation: float

    @classmethod
    def of(cls, transform: Transform) -> "Place":
        """Describe a transform from pixels of fg to pixels of bg."""
        corner = transform.apply([-0.5, -0.5]) + 0.5
        matrix, (width, height) = transform.array, transform.ref_size
        middle = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
        depth = float((matrix[2] * middle).sum())
        found = (matrix[:2] * middle).sum(axis=1) / depth
        # how bg pixels change with fg pixels there; without perspective it is the same everywhere
        across, down = ((matrix[:2, i] - found * matrix[2, i]) / depth for i in (0, 1))
        scale_x = math.hypot(across[0], across[1])
        scale_y = float(across[0] * down[1] - across[1] * down[0]) / scale_x
        rotation = math.degrees(math.atan2(across[1], across[0]))
        return cls(float(corner[0]), float(corner[1]), scale_x, scale_y, rotation)


def with_props(
    clip: vs.VideoNode,
    schedule: Schedule,
    bg_shown: Sequence[int],
    transforms: Sequence[Transform | None],
    placement: Placement,
) -> vs.VideoNode:
    """Write the `VSAlign...` props of `overlay` on frames.

    Args:
        clip: The result.
        schedule: What it shows; its verdicts and confidences are told.
        bg_shown: Bg frame of each of its frames.
        transforms: From fg to bg, None where fg is not shown.
        placement: Whose verdict and confidences are told.
    """
    fg_shown, sure = schedule.fg.frame_map, _confidences(schedule)
    verdict = _worst(schedule.bg.verdict, schedule.fg.verdict, placement.verdict)
    places: dict[int, Place] = {}

    def note(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        props: Any = out.props
        foreground, transform = fg_shown[n], transforms[n]
        props[MATCH], props[FOREGROUND] = bg_shown[n], -1 if foreground is None else foreground
        if verdict is not None:
            props[VERDICT] = verdict
        if foreground is None or transform is None:
            return out
        known = [value for value in (sure(n), placement.scene_at(foreground).confidence) if value is not None]
        if known:
            props[CONFIDENCE] = min(known)
        place = places.get(id(transform))
        if place is None:
            if len(places) >= _MOST_PLACES:
                places.clear()
            place = places[id(transform)] = Place.of(transform)
        for name, value in zip(_PLACE, (place.x, place.y, place.scale_x, place.scale_y, place.rotation), strict=True):
            props[name] = value
        return out

    carrier = tiny_clip(len(schedule))
    # a listed prop that is not there is taken off, so that nothing stays that bg brought from elsewhere
    return clip.std.CopyFrameProps(carrier.std.ModifyFrame(carrier, note), props=_ALL)


def _worst(*verdicts: str | None) -> str | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return max(known, key=VERDICTS.index) if known else None


def _confidences(schedule: Schedule) -> Any:
    """A function that says how sure the match of a frame is, None where nobody has measured it."""

    def of(timeline: Timeline, n: int) -> float | None:
        return timeline.confidences[n] if timeline.confidences else timeline.segment_at(n).confidence

    def both(n: int) -> float | None:
        known = [value for value in (of(schedule.bg, n), of(schedule.fg, n)) if value is not None]
        return min(known) if known else None

    return both
