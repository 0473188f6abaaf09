"""Retiming of cues, such as lines of subtitles: which ref frames show a cue's clip frames, and times that hit them."""

from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import IntpArray
from vs_align.timeline.time_map import TimeMap, milliseconds

_BRIDGED_SECONDS = 0.5
"""Longest insert across which a cue stays on the screen. Trades flicker against text over unrelated images."""
_BACK_FRAMES = 3
"""Clip frames. A larger step back is a repetition of the scene, a smaller one jitter of the matches."""
_CUT_FRAMES = 12
"""Clip frames. A larger step ahead leaves out a part of the cue; the longest gap within a passage."""
_LOST_FRAMES = 2
"""Clip frames at either end of a cue that may be missing without its counting as clipped: the tolerance of passages."""
_REMNANT_MS = 250
"""Milliseconds. A showing that is shorter than this and than `_REMNANT_SHARE` is a flash, and left out."""
_REMNANT_SHARE = 0.1
"""Share of a cue's frames; see `_REMNANT_MS`."""


@dataclass(frozen=True, slots=True)
class Showing:
    """One showing of a cue in ref."""

    start: int
    """Milliseconds, at least 0."""
    end: int
    """Milliseconds, at least `start`."""
    first: int
    """First ref frame that shows it."""
    last: int
    """Last ref frame that shows it."""
    whole: bool
    """Whether no part of the cue was left out."""


class CueTimes:
    """Retimes cues of clip to ref.

    A player shows a cue on every frame whose time stamp, in whole milliseconds, is at least its start and below its
    end. The ref frames that show the cue's clip frames are looked up, and times are chosen such that exactly these
    frames show the cue: times on the line of the passage if they do, else times half-way between two frames, which no
    rounding moves to another frame.

    Args:
        times: Times and frames of the timeline.
        step: Unit of time of the file format, in milliseconds: 1 or 10.
    """

    def __init__(self, times: TimeMap, step: int = 1) -> None:
        self._times, self._step = times, step
        self._ref, self._clip = milliseconds(times.ref_times), milliseconds(times.clip_times)
        frame = float(times.ref_times[-1] - times.ref_times[0]) / len(times.frames)
        self._bridged = 1 + int(_BRIDGED_SECONDS / frame) if frame > 0 else 1

    def showings(self, start: int, end: int) -> list[Showing]:
        """Return when ref shows a cue: usually once, never if ref lacks its frames, several times if ref repeats them.

        Args:
            start: When it appears in clip, in milliseconds.
            end: When it disappears in clip, in milliseconds.
        """
        stamps = self._clip[:-1]
        first, last = (int(n) for n in np.searchsorted(stamps, (start, end)))
        last -= 1
        unseen = last < first
        if unseen:
            # No frame lies between its times: it follows the frame that is on the screen then.
            first = last = max(0, first - 1)
        frames = self._times.frames
        hits = np.flatnonzero((frames >= first) & (frames <= last))
        if hits.size == 0:
            return []
        occurrences = np.split(hits, np.flatnonzero(np.diff(frames[hits]) < -_BACK_FRAMES) + 1)
        found = [self._showing(part, start, end, first, last, unseen) for part in occurrences]
        return [showing for showing in found if showing is not None]

    def moment(self, showing: Showing, time: int) -> int:
        """Return when a showing of a cue reaches what clip shows at a time, in milliseconds, within the showing.

        Args:
            showing: One of `showings`.
            time: Milliseconds of clip, from the cue's start to its end.
        """
        frame = int(np.searchsorted(self._clip[:-1], time))
        frames = self._times.frames[showing.first : showing.last + 1]
        hits = np.flatnonzero((frames >= frame) & (frames >= 0))
        if hits.size == 0:
            return showing.end
        n = showing.first + int(hits[0])
        place = self._start(n, time if self._times.frames[n] == frame else None)
        return min(max(place, showing.start), showing.end)

    def beginning(self, start: int, end: int) -> int | None:
        """Return when ref first shows anything of what clip shows between two times, None if it never does.

        Args:
            start: Milliseconds of clip.
            end: Milliseconds of clip, above `start`.
        """
        first, stop = (int(n) for n in np.searchsorted(self._clip[:-1], (start, end)))
        frames = self._times.frames
        hits = np.flatnonzero((frames >= first) & (frames < max(stop, first + 1)))
        if hits.size == 0:
            return None
        n = int(hits[0])
        before, here = int(self._ref[n - 1]) if n > 0 else -1, int(self._ref[n])
        moved = self._on_line(n, start) if frames[n] == first else None
        rounded = here if moved is None else self._rounded(moved)
        return max(0, rounded if before < rounded <= here else here)

    def _showing(self, hits: IntpArray, start: int, end: int, first: int, last: int, unseen: bool) -> Showing | None:
        parts = np.split(hits, np.flatnonzero(np.diff(hits) > self._bridged) + 1)
        part = max(parts, key=len)
        head, tail = int(part[0]), int(part[-1])
        shown = self._times.frames[part]
        if unseen:
            moved = self._on_line(head, start)
            moved = int(self._ref[head]) if moved is None else moved
            begin = self._rounded(moved)
            finish = begin + max(0, end - start)
            # Nothing is shown before ref's clock begins.
            return Showing(max(0, begin), finish, head, head, True) if finish >= 0 else None
        length = int(self._ref[tail + 1] - self._ref[head])
        if length < _REMNANT_MS and int(shown[-1] - shown[0]) + 1 < _REMNANT_SHARE * (last - first + 1):
            return None
        begin = self._start(head, start if shown[0] == first else None)
        finish = self._end(tail, end if shown[-1] == last else None)
        whole = (
            len(parts) == 1
            and int(shown[0]) - first <= _LOST_FRAMES
            and last - int(shown[-1]) <= _LOST_FRAMES
            and not (np.diff(shown) > _CUT_FRAMES).any()
        )
        return Showing(begin, max(begin, finish), head, tail, whole)

    def _start(self, n: int, wanted: int | None) -> int:
        """Return a time at which a cue first shows on ref frame n."""
        here = int(self._ref[n])
        before = int(self._ref[n - 1]) if n > 0 else -1
        # No frame comes before the first, and times must not be negative.
        moved = None if wanted is None else self._on_line(n, wanted)
        if n == 0 and moved is not None:
            moved = min(max(0.0, moved), float(max(0, here)))
        return max(0, self._chosen(moved, before, here))

    def _end(self, n: int, wanted: int | None) -> int:
        """Return a time at which a cue ends that is last shown on ref frame n."""
        here, after = int(self._ref[n]), int(self._ref[n + 1])
        moved = None if wanted is None else self._on_line(n, wanted)
        if n + 1 == len(self._times.frames) and moved is not None and moved > after:
            # There is no frame behind the last that the cue could reach.
            return self._rounded(moved)
        return self._chosen(moved, here, after)

    def _on_line(self, n: int, time: int) -> float | None:
        stretch = self._times.stretch_at(n)
        return None if stretch is None else 1000 * stretch.ref_time(time / 1000)

    def _rounded(self, time: float) -> int:
        return self._step * int(np.floor(time / self._step + 0.5))

    def _chosen(self, moved: float | None, after: int, until: int) -> int:
        """Return the moved time if it lies in (after, until], else one in the middle."""
        if moved is not None:
            rounded = self._rounded(moved)
            for time in (rounded, rounded - self._step, rounded + self._step):
                if after < time <= until and abs(time - moved) <= self._step:
                    return time
        middle = (after + until) / 2
        time = self._rounded(middle)
        return time if after < time <= until else until
