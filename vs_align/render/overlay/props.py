"""Frame props of the result of `overlay`: frame numbers, position, scale and rotation of fg, confidence, verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.schedule.schedule import Schedule
from vs_align.enums import Verdict
from vs_align.io.prop_names import (
    CONFIDENCE,
    FOREGROUND,
    MATCH,
    ROTATION,
    SCALE_X,
    SCALE_Y,
    VERDICT,
    X,
    Y,
)
from vs_align.nodes.clips import tiny_clip
from vs_align.placement.placement import Placement
from vs_align.placement.transform import Transform
from vs_align.timeline.timeline import Timeline

_PLACE = (X, Y, SCALE_X, SCALE_Y, ROTATION)
_ALL = [MATCH, FOREGROUND, CONFIDENCE, VERDICT, *_PLACE]
_MOST_PLACES = 256
"""Number of cached poses: a moving placement has one per frame."""


@dataclass(frozen=True, slots=True)
class FgPose:
    """Position, scale and rotation of fg in bg.

    Args:
        x: Top left corner of fg, in bg pixels from the left edge of bg.
        y: Top left corner of fg, in bg pixels from the top edge of bg.
        scale_x: Bg pixels per fg pixel along the rows of fg, at the center of fg.
        scale_y: Bg pixels per fg pixel perpendicular to its rows, at the center of fg.
        rotation: Rotation of fg in degrees, clockwise.
    """

    x: float
    y: float
    scale_x: float
    scale_y: float
    rotation: float

    @classmethod
    def of(cls, transform: Transform) -> "FgPose":
        """Decompose a transform from pixels of fg to pixels of bg."""
        corner = transform.apply([-0.5, -0.5]) + 0.5
        matrix, (width, height) = transform.array, transform.ref_size
        middle = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
        depth = float((matrix[2] * middle).sum())
        found = (matrix[:2] * middle).sum(axis=1) / depth
        # Jacobian of the homography at the center
        across, down = ((matrix[:2, i] - found * matrix[2, i]) / depth for i in (0, 1))
        scale_x = math.hypot(across[0], across[1])
        scale_y = float(across[0] * down[1] - across[1] * down[0]) / scale_x
        rotation = math.degrees(math.atan2(across[1], across[0]))
        return cls(float(corner[0]), float(corner[1]), scale_x, scale_y, rotation)


def write_overlay_props(
    clip: vs.VideoNode,
    schedule: Schedule,
    bg_shown: Sequence[int],
    transforms: Sequence[Transform | None],
    placement: Placement,
) -> vs.VideoNode:
    """Return a clip with the `VSAlign...` props of `overlay`.

    Args:
        clip: The result.
        schedule: The frames of bg and fg, with verdicts and confidences.
        bg_shown: Bg frame of each output frame.
        transforms: From pixels of fg to pixels of bg for each output frame, None if fg is not shown.
        placement: The placement, with verdict and confidences.
    """
    fg_shown, sure = schedule.fg.frame_map, _confidences(schedule)
    verdict = Verdict.worst((schedule.bg.verdict, schedule.fg.verdict, placement.verdict))
    places: dict[int, FgPose] = {}

    def note(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        props: Any = out.props
        foreground, transform = fg_shown[n], transforms[n]
        props[MATCH], props[FOREGROUND] = bg_shown[n], -1 if foreground is None else foreground
        if verdict is not None:
            props[VERDICT] = verdict.value
        if foreground is None or transform is None:
            return out
        known = [value for value in (sure(n), placement.scene_at(foreground).confidence) if value is not None]
        if known:
            props[CONFIDENCE] = min(known)
        place = places.get(id(transform))
        if place is None:
            if len(places) >= _MOST_PLACES:
                places.clear()
            place = places[id(transform)] = FgPose.of(transform)
        for name, value in zip(_PLACE, (place.x, place.y, place.scale_x, place.scale_y, place.rotation), strict=True):
            props[name] = value
        return out

    carrier = tiny_clip(len(schedule))
    # CopyFrameProps removes listed props that the carrier lacks: props that bg has from elsewhere
    return clip.std.CopyFrameProps(carrier.std.ModifyFrame(carrier, note), props=_ALL)


def _confidences(schedule: Schedule) -> Any:
    """Return a function that gives the confidence of the match of a frame, None if unknown."""

    def of(timeline: Timeline, n: int) -> float | None:
        return timeline.confidences[n] if timeline.confidences else timeline.segment_at(n).confidence

    def both(n: int) -> float | None:
        known = [value for value in (of(schedule.bg, n), of(schedule.fg, n)) if value is not None]
        return min(known) if known else None

    return both
