"""`overlay_audio`: the audio node that belongs to the video of `overlay`, spliced, resampled and mixed."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.enums import OverlayAudio, Timing
from vs_align.errors import ArgumentError

if TYPE_CHECKING:
    from vs_align.decide.schedule.schedule import Schedule
    from vs_align.timeline.timeline import Timeline

    type AnyTimeline = Timeline | str | PathLike[str]

_NAME = "overlay_audio"
_ONE_OF_BOTH = "must be given where bg_audio is not"
# Removed when the interpreter ends: files that were made without a cache are read until then.
_temporary: list[TemporaryDirectory[str]] = []


def overlay_audio(
    bg_audio: vs.AudioNode | None,
    fg_audio: vs.AudioNode | None,
    timeline: "AnyTimeline | Sequence[AnyTimeline]",
    prefer: str | OverlayAudio = "fg",
    *,
    timing: str | Timing | None = None,
    trim: bool = True,
    cache: str | PathLike[str] | bool | None = None,
) -> vs.AudioNode:
    """Return the audio of `overlay`: fg's, bg's, or both, in sync with the video at every moment.

    The result is as long as that of `overlay` with the same timeline, `timing` and `trim`, to the sample. Audio that
    keeps its speed is passed on bit for bit, moved by whole samples. Audio that does not, as for a film that was sped
    up for PAL, is resampled, which restores its pitch. Two segments that are no neighbors in their film fade within
    2 ms where they meet. If a side has no audio at a moment, there is silence. Resampled and faded segments are
    computed once and cached, so that a script that is loaded again has them at once; all else is lazy.

    Example:
        ```python
        timeline = vs_align.sync(bg, fg)
        vs_align.overlay(bg, fg, timeline=timeline).set_output(0)
        vs_align.overlay_audio(bg_audio, fg_audio, timeline).set_output(1)
        ```

    Args:
        bg_audio: Audio of bg, whose first sample is heard with bg's first frame, as BestSource gives it: any sample
            type, rate and channels. None: bg has none. It is silent behind its end.
        fg_audio: Audio of fg, under the same rules. At least one of both must be given.
        timeline: `sync(bg, fg)`, or a file that its `save` wrote. With `timing="ref"` two of them: `sync(bg, ref)`
            and `sync(fg, ref)`.
        prefer: Whose audio: "fg", "bg" or "mix". A side without audio is replaced by the other. A mix has the rate, the
            channels and the sample type of fg's audio; both are heard at full level, but if the loudest sample of the
            mix would clip, all of it is lowered to full scale. For that both are read once.
        timing: See `overlay`.
        trim: See `overlay`.
        cache: Folder for computed audio. None or True: a folder in the user's cache. False: nothing is kept.

    Returns:
        Audio in the format of fg's, or of bg's if that is heard alone.

    Raises:
        ArgumentError: An argument breaks one of the rules above, or the timeline has no rate of a side.
        MediaError: The timeline cannot be read, or the cache cannot be written to.
        MissingDependencyError: Something was computed, and BestSource is missing to read it.

    Source:
        J. O. Smith and P. Gossett, "A flexible sampling-rate conversion method" (ICASSP 1984).
    """
    chosen = checks.check_option(_NAME, "prefer", prefer, OverlayAudio)
    if chosen is OverlayAudio.NONE:
        raise ArgumentError(_NAME, "prefer", "must be one of fg, bg, mix", repr(chosen.value))
    clock = checks.check_timing(_NAME, timing)
    cut = checks.check_flag(_NAME, "trim", trim)
    folder = checks.check_cache(_NAME, cache, _default_cache)
    for name, node in (("bg_audio", bg_audio), ("fg_audio", fg_audio)):
        if node is not None and not isinstance(node, vs.AudioNode):
            raise ArgumentError(_NAME, name, "must be an audio node or None", type(node).__name__)
    if bg_audio is None and fg_audio is None:
        raise ArgumentError(_NAME, "fg_audio", _ONE_OF_BOTH, "None")
    given = _check_timelines(timeline, clock)

    from vs_align.decide.schedule.schedule import schedule_of

    return scheduled_audio(schedule_of(given, clock, cut, _NAME), bg_audio, fg_audio, chosen, folder)


def scheduled_audio(
    schedule: "Schedule",
    bg_audio: vs.AudioNode | None,
    fg_audio: vs.AudioNode | None,
    which: OverlayAudio,
    folder: Path | None,
) -> vs.AudioNode:
    """Return the audio of a schedule; see `overlay_audio`.

    Args:
        schedule: Which frames the result shows.
        bg_audio: Audio of bg, None without any.
        fg_audio: Audio of fg, None without any.
        which: Whose audio, not `NONE`.
        folder: Where computed audio is kept; None: in a temporary folder until the interpreter ends.

    Raises:
        ArgumentError: Neither side has audio, or the schedule has no rate of a side.
        MediaError: The folder cannot be written to.
    """
    from vs_align.decide.cut_list.overlay_segments import bg_segments, fg_segments
    from vs_align.nodes.audio import audio_identity
    from vs_align.render.audio.mix import convert_like, mix_nodes
    from vs_align.render.audio.splice import splice_segments

    place = folder or _temporary_folder()
    if fg_audio is not None and (bg_audio is None or which is OverlayAudio.FG):
        return splice_segments(fg_audio, fg_segments(schedule, fg_audio.sample_rate), place)
    if bg_audio is None:
        raise ArgumentError(_NAME, "fg_audio", _ONE_OF_BOTH, "None")
    if fg_audio is None or which is OverlayAudio.BG:
        return splice_segments(bg_audio, bg_segments(schedule, bg_audio.sample_rate), place)
    rate = fg_audio.sample_rate
    under, over = bg_segments(schedule, rate), fg_segments(schedule, rate)
    cache_key = () if folder is None else (audio_identity(bg_audio), audio_identity(fg_audio), under, over)
    below = splice_segments(convert_like(bg_audio, fg_audio), under, place)
    return mix_nodes(splice_segments(fg_audio, over, place), below, folder, cache_key)


def _default_cache() -> Path | None:
    from vs_align.io.user_folders import writable_cache

    home = writable_cache()
    return None if home is None else home / "sound"


def _check_timelines(timeline: object, timing: Timing | None) -> "Timeline | tuple[Timeline, Timeline]":
    if timing is not Timing.REF:
        return _check_timeline("timeline", timeline)
    rule = "must be two, sync(bg, ref) and sync(fg, ref), where timing is 'ref'"
    if isinstance(timeline, str) or not isinstance(timeline, Sequence):
        raise ArgumentError(_NAME, "timeline", rule, type(timeline).__name__)
    if len(timeline) != 2:
        raise ArgumentError(_NAME, "timeline", rule, len(timeline))
    return _check_timeline("timeline[0]", timeline[0]), _check_timeline("timeline[1]", timeline[1])


def _check_timeline(name: str, timeline: object) -> "Timeline":
    from vs_align.timeline.timeline import Timeline

    if isinstance(timeline, Timeline):
        return timeline
    if isinstance(timeline, str | PathLike):
        return Timeline.load(timeline)
    raise ArgumentError(_NAME, name, "must be a Timeline or the path of its JSON file", type(timeline).__name__)


def _temporary_folder() -> Path:
    if not _temporary:
        _temporary.append(TemporaryDirectory(prefix="vs_align-", ignore_cleanup_errors=True))
    return Path(_temporary[0].name)
