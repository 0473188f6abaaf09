"""Frame props of the result, read from the JSON that `vspipe -j` writes."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError
from vs_align.io import prop_names

_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """The match of one ref frame."""

    match: int
    """Number of the clip frame."""
    score: float | None
    """None if there was no candidate, or nothing was searched."""
    fallback: bool
    """Whether ref, or the nearest frame for lack of candidates, is shown."""
    confidence: float | None = None
    """Probability that the match is right, 0 to 1; None if unknown."""
    runner_up: float | None = None
    """Score of the best candidate that looks different; None if there is none or it was not searched."""
    metric: str | None = None
    """Name of the metric; None if nothing was searched."""
    framing: float | None = None
    """Difference of the framing of clip and ref around the frame, as a share of the width; None if unknown."""
    grade: float | None = None
    """Difference of their tone, as a share of the value range; None if unknown."""


@dataclass(frozen=True, slots=True)
class FrameAlignment:
    """Alignment of one clip frame with its ref frame; see `vs_align.spatial` for the props."""

    shift: tuple[float, float]
    rotation: float
    scale: tuple[float, float]
    residual: float | None
    """None if the images have no structure."""
    valid: float
    fallback: int
    engine: str
    reason: str = ""
    """Reason of the fallback; empty without one."""


def read_matches(path: Path) -> list[FrameMatch]:
    """Read the matches of all frames in order.

    Args:
        path: JSON file of `vspipe -j`.

    Raises:
        MediaError: The file is no JSON of vspipe, or a frame has no match.
    """
    return _read(path, _match, "match")


def read_alignments(path: Path, which: slice = _ALL) -> list[FrameAlignment]:
    """Read the alignments of frames in order.

    Args:
        path: JSON file of `vspipe -j`.
        which: The frames that carry alignments.

    Raises:
        MediaError: The file is no JSON of vspipe, or a frame has no alignment.
    """
    return _read(path, _alignment, "alignment", which)


def _read[T](path: Path, convert: Callable[[dict[str, Any]], T], what: str, which: slice = _ALL) -> list[T]:
    """Read line by line, because the file has many megabytes for a feature film."""
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
    metric = props.get(prop_names.METRIC)
    return FrameMatch(
        match=int(props[prop_names.MATCH]),
        score=_finite(props.get(prop_names.SCORE)),
        fallback=bool(props[prop_names.FALLBACK]),
        confidence=_finite(props.get(prop_names.CONFIDENCE)),
        runner_up=_finite(props.get(prop_names.RUNNER_UP)),
        metric=None if metric is None else str(metric),
        framing=_finite(props.get(prop_names.FRAMING)),
        grade=_finite(props.get(prop_names.GRADE)),
    )


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _alignment(props: dict[str, Any]) -> FrameAlignment:
    residual = props.get(prop_names.RESIDUAL)
    return FrameAlignment(
        shift=(float(props[prop_names.SHIFT_X]), float(props[prop_names.SHIFT_Y])),
        rotation=float(props[prop_names.ROTATION]),
        scale=(float(props[prop_names.SCALE_X]), float(props[prop_names.SCALE_Y])),
        residual=None if residual is None else float(residual),
        valid=float(props[prop_names.VALID]),
        fallback=int(props[prop_names.FALLBACK]),
        engine=str(props[prop_names.ENGINE]),
        reason=str(props.get(prop_names.REASON, "")),
    )
