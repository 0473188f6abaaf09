"""Whether what is sought lies within the search windows, and what to do where it does not."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_AT_EDGE, _UNMATCHED = 0.05, 0.2
# Matches at the edge are a creeping offset where the frames beside them lie within so many frames of it, and where no
# more than this share of all matches is there.
_CREEP, _MOST_CREEPING = 2, 0.3
_SYNC = (
    "`vs-align sync CLIP REF --json t.json` finds any offset, and `vs-align temporal --use-timeline t.json` renders it"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What the places of the matches in their windows say."""

    doubt: str = ""
    """Empty without."""
    advice: str = ""
    """What to do where not one frame has a match."""
    lost: bool = False
    """Whether many of the matches are of other moments."""


def reach_of(
    frame_map: Sequence[int | None], centres: Sequence[int], tr: int | None, clip_length: int | None = None
) -> Reach:
    """Judge by the places of matches whether the windows were wide enough.

    Args:
        frame_map: Clip frame of each ref frame, None where none was good enough.
        centres: Clip frame in the middle of each search window, or empty where nothing was searched.
        tr: Radius of the search windows in frames; None where nothing was searched.
        clip_length: Frames of clip; None where it is not known.
    """
    if not frame_map:
        return Reach()
    count = sum(frame is not None for frame in frame_map)
    unmatched = 1 - count / len(frame_map)
    missing = f"{round(100 * unmatched)} % of the frames have no match"
    if not centres or tr is None:
        return Reach(missing if unmatched > _UNMATCHED else "")
    offsets = [None if frame is None else frame - centre for frame, centre in zip(frame_map, centres, strict=True)]
    edge = [offset is not None and tr > 0 and abs(offset) >= tr for offset in offsets]
    share = sum(edge) / max(1, count)
    signs = []
    if share > _AT_EDGE:
        signs.append(f"{round(100 * share)} % of the matches lie at the edge of the search window of {tr} frames")
    if unmatched > _UNMATCHED:
        signs.append(missing)
    if not signs:
        return Reach(advice=_SYNC)
    longer = 0 if clip_length is None else abs(clip_length - centres[-1] - 1)
    if unmatched <= _UNMATCHED and longer <= tr and share <= _MOST_CREEPING and _creeps(offsets, edge, tr):
        return Reach(f"{signs[0]}, which the offset creeps up to: raise --tr", _SYNC)
    if longer > tr:
        signs.append(f"clip and ref differ in length by {longer} frames")
    return Reach(f"{_joined(signs)}: {_SYNC}", _SYNC, lost=share > _UNMATCHED or unmatched > _UNMATCHED)


def _creeps(offsets: Sequence[int | None], edge: Sequence[bool], tr: int) -> bool:
    """Whether most of the matches at the edge are reached from, or left for, places just beside it."""
    creeping, start = 0, 0
    for reaching, run in groupby(edge):
        end = start + len(list(run))
        if reaching:
            sign = 1 if (offsets[start] or 0) > 0 else -1
            beside = [offsets[n] for n in (start - 1, end) if 0 <= n < len(offsets)]
            near = [offset is not None and sign * offset >= tr - _CREEP for offset in beside]
            if near and all(near):
                creeping += end - start
        start = end
    return 2 * creeping > sum(edge)


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
