"""What the script said about each frame, read back from the JSON that vspipe writes."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError

_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """The match of one ref frame."""

    match: int
    """Number of the clip frame."""
    score: float | None
    """None where there was no candidate, or nothing was searched."""
    fallback: bool
    """Whether ref, or the nearest frame for lack of candidates, is shown."""
    confidence: float | None = None
    """How likely the match is right, 0 to 1; None where that was not judged."""
    runner_up: float | None = None
    """Score of the best candidate that looks different; None where there is none or it was not looked for."""
    metric: str | None = None
    """Name of the metric; None where nothing was searched."""
    framing: float | None = None
    """By how much clip's framing differs from ref's around the frame, as a share of the width; None where unknown."""
    grade: float | None = None
    """By how much its tone differs, as a share of the range; None where unknown."""


@dataclass(frozen=True, slots=True)
class FrameAlignment:
    """How one clip frame was laid on its ref frame; see `vs_align.spatial` for what the numbers mean."""

    shift: tuple[float, float]
    rotation: float
    scale: tuple[float, float]
    residual: float | None
    """None where the pictures have no structure."""
    valid: float
    fallback: int
    engine: str
    reason: str = ""
    """Why the fallback, empty without one."""


def read_matches(path: Path) -> list[FrameMatch]:
    """Read the matches of all frames in order.

    Args:
        path: What `vspipe -j` wrote.

    Raises:
        MediaError: The file is not what vspipe writes, or a frame carries no match.
    """
    return _read(path, _match, "match")


def read_alignments(path: Path, which: slice = _ALL) -> list[FrameAlignment]:
    """Read how frames were aligned, in order.

    Args:
        path: What `vspipe -j` wrote.
        which: The frames that carry alignments.

    Raises:
        MediaError: The file is not what vspipe writes, or a frame does not say how it was aligned.
    """
    return _read(path, _alignment, "alignment", which)


def _read[T](path: Path, convert: Callable[[dict[str, Any]], T], what: str, which: slice = _ALL) -> list[T]:
    """Read line by line, because a film makes a file of many megabytes."""
    found = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        stripped = (line.strip().rstrip(",") for line in lines)
        frames = (text for text in stripped if text not in ("", "[", "]"))
        for text in islice(frames, which.start, which.stop, which.step):
            try:
                found.append(convert(json.loads(text)))
            except (ValueError, KeyError, TypeError) as error:
                raise MediaError(f"vspipe wrote no {what} for frame {len(found)}: {error}") from error
    return found


def _match(props: dict[str, Any]) -> FrameMatch:
    metric = props.get("VSAlignMetric")
    return FrameMatch(
        match=int(props["VSAlignMatch"]),
        score=_finite(props.get("VSAlignScore")),
        fallback=bool(props["VSAlignFallback"]),
        confidence=_finite(props.get("VSAlignConfidence")),
        runner_up=_finite(props.get("VSAlignRunnerUp")),
        metric=None if metric is None else str(metric),
        framing=_finite(props.get("VSAlignFraming")),
        grade=_finite(props.get("VSAlignGrade")),
    )


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _alignment(props: dict[str, Any]) -> FrameAlignment:
    residual = props.get("VSAlignResidual")
    return FrameAlignment(
        shift=(float(props["VSAlignShiftX"]), float(props["VSAlignShiftY"])),
        rotation=float(props["VSAlignRotation"]),
        scale=(float(props["VSAlignScaleX"]), float(props["VSAlignScaleY"])),
        residual=None if residual is None else float(residual),
        valid=float(props["VSAlignValid"]),
        fallback=int(props["VSAlignFallback"]),
        engine=str(props["VSAlignEngine"]),
        reason=str(props.get("VSAlignReason", "")),
    )
