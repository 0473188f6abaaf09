"""What the script said about each frame, read back from the JSON that vspipe writes."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """The match of one ref frame."""

    match: int
    """Number of the clip frame."""
    score: float | None
    """None where there was no candidate, or nothing was searched."""
    fallback: bool
    """Whether ref, or the nearest frame for lack of candidates, is shown."""


def read_matches(path: Path) -> list[FrameMatch]:
    """Read the matches of all frames in order.

    Args:
        path: What `vspipe -j` wrote. Lines are read one by one, because a film makes a file of many megabytes.

    Raises:
        MediaError: The file is not what vspipe writes, or a frame carries no match.
    """
    matches = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            text = line.strip().rstrip(",")
            if text in ("", "[", "]"):
                continue
            try:
                matches.append(_match(json.loads(text)))
            except (ValueError, KeyError, TypeError) as error:
                raise MediaError(f"vspipe wrote no match for frame {len(matches)}: {error}") from error
    return matches


def _match(props: dict[str, Any]) -> FrameMatch:
    score = props.get("VSAlignScore")
    return FrameMatch(
        match=int(props["VSAlignMatch"]),
        score=None if score is None or not math.isfinite(score) else float(score),
        fallback=bool(props["VSAlignFallback"]),
    )
