"""`overlay_audio`: the sound that belongs to the picture of `overlay`."""

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
# Removed when the interpreter ends: what is made without a cache is read until then.
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
    """Return the sound of `overlay`: fg's, bg's, or both, in time with the picture at every moment.

    The result is as long as that of `overlay` with the same timeline, `timing` and `trim`, to the sample. Where a
    sound keeps its speed its samples are passed on as they are, moved by whole samples; where it does not, as for a
    film that was sped up for PAL, it is resampled, which restores its pitch. Two pieces that are no neighbours in
    their film fade within two milliseconds where they meet, and silence is where there is no sound. Resampled and
    faded pieces are computed at the first time and kept, so that a script that is loaded again has them at once; all
    else is lazy.

    Example:
        ```python
        timeline = vs_align.sync(bg, fg)
        vs_align.overlay(bg, fg, timeline=timeline).set_output(0)
        vs_align.overlay_audio(bg_audio, fg_audio, timeline).set_output(1)
        ```

    Args:
        bg_audio: Sound of bg, whose first sample is heard with bg's first frame, as BestSource gives it: any sample
            type, rate and channels. None: bg has none. Behind its end it is silent.
        fg_audio: Sound of fg, likewise. At least one of both must be given.
        timeline: `sync(bg, fg)`, or a file that its `save` wrote. With `timing="ref"` two of them: `sync(bg, ref)`
            and `sync(fg, ref)`.
        prefer: Whose sound: "fg", "bg" or "mix". Where that side has none it is the other's. A mix has the rate, the
            channels and the sample type of fg's sound; both are heard at their full level, but where the loudest
            place of the mix would clip, all of it is lowered by as much as that place needs. It takes reading both
            once.
        timing: See `overlay`.
        trim: See `overlay`.
        cache: Folder for what is kept. None or True: a folder in the user's cache. False: nothing is kept.

    Returns:
        Sound in the format of fg's, or bg's where that is what is heard alone.

    Raises:
        ArgumentError: An argument breaks one of the rules above, or the timeline has no rate of a side.
        MediaError: The timeline cannot be read, or the cache cannot be written to.
        MissingDependencyError: Something was computed, and BestSource is not there to read it.

    Source:
        J. O. Smith and P. Gossett, "A flexible sampling-rate conversion method" (ICASSP 1984).
    """
    chosen = checks.check_option(_NAME, "prefer", prefer, OverlayAudio)
    if chosen is OverlayAudio.NONE:
        raise ArgumentError(_NAME, "prefer", "must be one of fg, bg, mix", repr(chosen.value))
    clock = None if timing is None else checks.check_option(_NAME, "timing", timing, Timing)
    cut = checks.check_flag(_NAME, "trim", trim)
    folder = _check_cache(cache)
    for name, node in (("bg_audio", bg_audio), ("fg_audio", fg_audio)):
        if node is not None and not isinstance(node, vs.AudioNode):
            raise ArgumentError(_NAME, name, "must be an audio node or None", type(node).__name__)
    if bg_audio is None and fg_audio is None:
        raise ArgumentError(_NAME, "fg_audio", _ONE_OF_BOTH, "None")
    given = _check_timelines(timeline, clock)

    from vs_align.decide.schedule.schedule import schedule_of

    return scheduled_sound(schedule_of(given, clock, cut, _NAME), bg_audio, fg_audio, chosen, folder)


def scheduled_sound(
    schedule: "Schedule",
    bg_audio: vs.AudioNode | None,
    fg_audio: vs.AudioNode | None,
    which: OverlayAudio,
    folder: Path | None,
) -> vs.AudioNode:
    """Return the sound of a schedule; see `overlay_audio`.

    Args:
        schedule: Which frames the result shows.
        bg_audio: Sound of bg, None without any.
        fg_audio: Likewise.
        which: Whose sound, not `NONE`.
        folder: Where what is computed is kept; None: until the interpreter ends.

    Raises:
        ArgumentError: There is neither sound, or the schedule has no rate of a side.
        MediaError: The folder cannot be written to.
    """
    from vs_align.decide.cut_list.overlay_segments import bg_pieces, fg_pieces
    from vs_align.nodes.audio import sound_identity
    from vs_align.render.audio.mix import converted, mixed
    from vs_align.render.audio.splice import cut_sound

    place = folder or _temporary_folder()
    if fg_audio is not None and (bg_audio is None or which is OverlayAudio.FG):
        return cut_sound(fg_audio, fg_pieces(schedule, fg_audio.sample_rate), place)
    if bg_audio is None:
        raise ArgumentError(_NAME, "fg_audio", _ONE_OF_BOTH, "None")
    if fg_audio is None or which is OverlayAudio.BG:
        return cut_sound(bg_audio, bg_pieces(schedule, bg_audio.sample_rate), place)
    rate = fg_audio.sample_rate
    under, over = bg_pieces(schedule, rate), fg_pieces(schedule, rate)
    question = () if folder is None else (sound_identity(bg_audio), sound_identity(fg_audio), under, over)
    below = cut_sound(converted(bg_audio, fg_audio), under, place)
    return mixed(cut_sound(fg_audio, over, place), below, folder, question)


def _check_cache(cache: object) -> Path | None:
    if cache is False:
        return None
    if cache is None or cache is True:
        from vs_align.io.user_folders import writable_cache

        home = writable_cache()
        return None if home is None else home / "sound"
    if isinstance(cache, str | PathLike):
        return Path(cache)
    raise ArgumentError(_NAME, "cache", "must be a folder, True or False", repr(cache))


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
    raise ArgumentError(_NAME, name, "must be a Timeline or the path of its file", type(timeline).__name__)


def _temporary_folder() -> Path:
    if not _temporary:
        _temporary.append(TemporaryDirectory(prefix="vs_align-", ignore_cleanup_errors=True))
    return Path(_temporary[0].name)
