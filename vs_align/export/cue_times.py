"""When a cue of clip, such as a line of subtitles, is to be shown in ref."""

from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import IntpArray
from vs_align.timeline.time_map import TimeMap, milliseconds

_BRIDGED_SECONDS = 0.5  # so short an insert does not take a cue off the screen
_BACK_FRAMES = 3  # a step back of more than this is the same scene once more
_CUT_FRAMES = 12  # a step ahead of more than this leaves something out
_LOST_FRAMES = 2  # frames at either end of a cue that may be missing without its being clipped
_REMNANT_MS, _REMNANT_SHARE = 250, 0.1  # less than both is a flash of what has been cut


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
    """Whether nothing of it was left out."""


class CueTimes:
    """Finds where cues of clip belong in ref.

    A player shows a cue on every frame whose time stamp, in whole milliseconds, is at least its start and below its
    end. The frames of ref that show the same frames of clip are looked up, and the times are chosen such that exactly
    these show the cue: those that lie on the line of the passage where they do that, else half-way between two
    frames, where no rounding can move them to another one.

    Args:
        times: Times and frames of the timeline.
        step: Milliseconds that the file format counts in, 1 or 10.
    """

    def __init__(self, times: TimeMap, step: int = 1) -> None:
        self._times, self._step = times, step
        self._ref, self._clip = milliseconds(times.ref_times), milliseconds(times.clip_times)
        frame = float(times.ref_times[-1] - times.ref_times[0]) / len(times.frames)
        self._bridged = 1 + int(_BRIDGED_SECONDS / frame) if frame > 0 else 1

    def showings(self, start: int, end: int) -> list[Showing]:
        """Return when ref shows a cue: once as a rule, not at all where ref lacks its frames, oftener where it repeats.

        Args:
            start: When it appears in clip, milliseconds.
            end: When it goes, milliseconds.
        """
        stamps = self._clip[:-1]
        first, last = (int(n) for n in np.searchsorted(stamps, (start, end)))
        last -= 1
        unseen = last < first
        if unseen:
            # No frame lies between its times; it goes where the picture goes that is seen then.
            first = last = max(0, first - 1)
        frames = self._times.frames
        hits = np.flatnonzero((frames >= first) & (frames <= last))
        if hits.size == 0:
            return []
        occurrences = np.split(hits, np.flatnonzero(np.diff(frames[hits]) < -_BACK_FRAMES) + 1)
        found = [self._showing(part, start, end, first, last, unseen) for part in occurrences]
        return [showing for showing in found if showing is not None]

    def moment(self, showing: Showing, time: int) -> int:
        """Return when a showing of a cue reaches what clip shows at a time, in milliseconds within the showing.

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
        """Return when ref first shows anything of what clip shows between two times, None where it never does.

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
            # Before ref's clock begins there is nothing to be seen.
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
        """A time at which a cue first shows on ref frame n."""
        here = int(self._ref[n])
        before = int(self._ref[n - 1]) if n > 0 else -1
        # Nothing comes before the first frame, and there negative times would be all the room there is.
        moved = None if wanted is None else self._on_line(n, wanted)
        if n == 0 and moved is not None:
            moved = min(max(0.0, moved), float(max(0, here)))
        return max(0, self._chosen(moved, before, here))

    def _end(self, n: int, wanted: int | None) -> int:
        """A time at which a cue goes that is last shown on ref frame n."""
        here, after = int(self._ref[n]), int(self._ref[n + 1])
        moved = None if wanted is None else self._on_line(n, wanted)
        if n + 1 == len(self._times.frames) and moved is not None and moved > after:
            # Behind the last frame there is none that it could reach.
            return self._rounded(moved)
        return self._chosen(moved, here, after)

    def _on_line(self, n: int, time: int) -> float | None:
        stretch = self._times.stretch_at(n)
        return None if stretch is None else 1000 * stretch.ref_time(time / 1000)

    def _rounded(self, time: float) -> int:
        return self._step * int(np.floor(time / self._step + 0.5))

    def _chosen(self, moved: float | None, after: int, until: int) -> int:
        """The moved time if it lies behind `after` and not behind `until`, else one in the middle."""
        if moved is not None:
            rounded = self._rounded(moved)
            for time in (rounded, rounded - self._step, rounded + self._step):
                if after < time <= until and abs(time - moved) <= self._step:
                    return time
        middle = (after + until) / 2
        time = self._rounded(middle)
        return time if after < time <= until else until
