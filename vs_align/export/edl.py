"""Edit decision lists (EDL) in the format CMX 3600."""

import os
import re
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.export.otio import Event, MediaFile, events_of, import_otio, url_of
from vs_align.io.install_advice import EXPORT, install_command
from vs_align.io.json_file import save_text

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "write_edl"
_MAX_EVENTS = 999
"""Event numbers have three digits."""
_REEL_CHARACTERS = 8
"""Letters and digits of a reel's name."""
_RESERVED = {"AX", "BL", "BLACK", "BARS"}
"""Reel names that stand for auxiliary sources, black and bars."""
_DAY_SECONDS = 24 * 60 * 60
_RATE_RULE = "must be one that time codes know, such as 25 (FCPXML and OTIO take any)"
_RATE_TOLERANCE = Fraction(1, 100)
"""Share by which the rate in a container's header may differ from the rate of its frames."""


def write_edl(timeline: "Timeline", clip: MediaFile, ref: MediaFile, path: str | os.PathLike[str]) -> None:
    """Write a timeline as an edit decision list (CMX 3600) in ref's frame rate.

    One event for each passage; if clip lacks frames, record times leave a gap. Record times are exact frames of ref,
    counted from its time code. Source times are clip's, counted at ref's rate as the format requires: exact if both
    rates are equal, else the nearest frame. Another speed is an M2 line, a held frame a freeze frame. Drop-frame time
    codes are used at 29.97 and 59.94 frames per second. Reels are named by the first eight letters and digits of clip's
    file name. Audio has no events of its own: the video track stands for both.

    Args:
        timeline: Which clip frame each ref frame shows. Rates or time stamps of both must be known.
        clip: The file that is cut.
        ref: The file whose cut is taken over. Its rate must be one of SMPTE time codes, such as 24000/1001 or 25.
        path: File to write. A file of that name is replaced when the new one is complete.

    Raises:
        ArgumentError: A file does not fit the timeline, or the format cannot hold it: its rate, more than 999 events,
            more than 24 hours.
        MediaError: The file cannot be written.
        MissingDependencyError: OpenTimelineIO or its adapter is not installed.
    """
    otio = import_otio(_FUNCTION)
    if "cmx_3600" not in otio.adapters.available_adapter_names():
        message = f"vs_align.{_FUNCTION}: OpenTimelineIO's adapter for CMX 3600 is missing"
        raise MissingDependencyError(f"{message}. Run: {install_command(*EXPORT)}")
    rate = otio.opentime.RationalTime.nearest_smpte_timecode_rate(float(ref.rate))
    if abs(rate - ref.rate) > 0.001:
        raise ArgumentError(_FUNCTION, "ref.rate", _RATE_RULE, ref.rate)
    counted = _counted(events_of(timeline, clip, ref, _FUNCTION), clip, ref)
    _check(counted, rate)
    text = otio.adapters.write_to_string(_timeline(otio, counted, clip, ref, rate), "cmx_3600", rate=rate)
    save_text(_FUNCTION, _completed(otio, text, counted, clip, rate), path)


def check_rate(rate: Fraction, name: str) -> None:
    """Make sure that the rate in a container's header is near one of SMPTE time codes, before the file is read.

    Args:
        rate: Frames per second, 0 if the container has none.
        name: Name of the file, for the message.

    Raises:
        MediaError: It is not.
        MissingDependencyError: OpenTimelineIO is not installed.
    """
    otio = import_otio(_FUNCTION)
    known = otio.opentime.RationalTime.nearest_smpte_timecode_rate(float(rate))
    if rate and abs(known - rate) > _RATE_TOLERANCE * rate:
        text = f"{float(rate):.6g}"
        raise MediaError(f"time codes know no {text} frames per second, which {name} has; FCPXML and OTIO take any.")


def reel_name(clip: MediaFile) -> str:
    """Return a name for clip's reel: at most eight letters and digits."""
    name = re.sub(r"[^A-Z0-9]", "", clip.path.stem.upper().encode("ascii", "ignore").decode())[:_REEL_CHARACTERS]
    return "CLIP" + name[:4] if name in _RESERVED or not name else name


type _Counted = tuple[Event, int, int, int]
"""An event, its first record frame, its first source frame and how many of those it uses, all at ref's rate."""


def _counted(events: list[Event], clip: MediaFile, ref: MediaFile) -> list[_Counted]:
    counted = []
    ratio = ref.rate / clip.rate
    end = floor((clip.start + clip.length) * ratio)
    for event in events:
        if event.source is not None:
            used = max(1, round(event.length * abs(event.speed)))
            source = round((clip.start + event.source) * ratio)
            if event.speed < 0:
                # An event that runs backwards is named by its first frame in the file.
                source = round((clip.start + event.source + 1) * ratio) - used
            # Rounding to ref's frames must not reach beyond clip.
            source = max(min(source, end - used), floor(clip.start * ratio))
            counted.append((event, ref.start + event.ref_first, source, used))
    return counted


def _check(counted: list[_Counted], rate: float) -> None:
    if not counted:
        raise ArgumentError(_FUNCTION, "timeline", "must match at least one frame", 0)
    if len(counted) > _MAX_EVENTS:
        rule = f"must have at most {_MAX_EVENTS} passages for this format (FCPXML and OTIO take more)"
        raise ArgumentError(_FUNCTION, "timeline", rule, len(counted))
    last = max(max(record + event.length, source + used) for event, record, source, used in counted)
    if last > _DAY_SECONDS * rate:
        raise ArgumentError(_FUNCTION, "timeline", "must end within 24 hours of time code", f"{last} frames")


def _timeline(otio: Any, counted: list[_Counted], clip: MediaFile, ref: MediaFile, rate: float) -> Any:
    """Return an OpenTimelineIO timeline of the events with all times counted at ref's rate."""
    time, span = otio.opentime.RationalTime, otio.opentime.TimeRange
    track = otio.schema.Track("V", kind=otio.schema.TrackKind.Video)
    reached = 0
    for event, record, source, used in counted:
        if record > reached:
            track.append(otio.schema.Gap(source_range=span(time(0, rate), time(record - reached, rate))))
        item = otio.schema.Clip(
            clip.path.name,
            otio.schema.ExternalReference(url_of(clip.path)),
            span(time(source, rate), time(event.length, rate)),
            metadata={"cmx_3600": {"reel": reel_name(clip)}},
        )
        if event.speed == 0:
            item.effects.append(otio.schema.FreezeFrame())
        elif used != event.length or event.speed < 0:
            # The adapter counts the source forwards in any case; the M2 line is corrected later.
            item.effects.append(otio.schema.LinearTimeWarp(time_scalar=float(abs(event.speed))))
        track.append(item)
        reached = record + event.length
    made = otio.schema.Timeline(_one_line(f"{clip.path.stem} on {ref.path.stem}"))
    made.tracks.append(track)
    return made


def _completed(otio: Any, text: str, counted: list[_Counted], clip: MediaFile, rate: float) -> str:
    """Correct what the adapter leaves out or gets wrong.

    It writes no FCM line. If the speed changes, it divides by the speed instead of multiplying, so that the source ends
    at a wrong time code, and it writes the clip's name in place of the reel.
    """

    def code(frames: int) -> str:
        return str(otio.opentime.to_timecode(otio.opentime.RationalTime(frames, rate), rate))

    lines = text.splitlines()
    drops = ";" in code(0)
    number = 0
    for i, line in enumerate(lines):
        if line.startswith("TITLE:"):
            lines[i] = f"{line}\nFCM: {'DROP FRAME' if drops else 'NON-DROP FRAME'}"
        elif re.match(r"\d{3} ", line):
            event, _, source, used = counted[number]
            number += 1
            if event.speed != 0:
                head, _, record_in, record_out = line.rsplit(maxsplit=3)
                lines[i] = f"{head} {code(source + used)} {record_in} {record_out}"
        elif line.startswith("M2 "):
            event, _, source, _ = counted[number - 1]
            frames = float(event.speed) * rate
            # Readers take this line's time code with colons only.
            lines[i] = f"M2   {reel_name(clip):8} {frames:011.6f} {code(source).replace(';', ':'):>28}"
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
