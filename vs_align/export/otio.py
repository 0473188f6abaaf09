"""Timelines for editing programs: events and gaps with exact frames, and the OpenTimelineIO format (.otio)."""

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MissingDependencyError
from vs_align.io.install_advice import EXPORT, install_command
from vs_align.io.json_file import save_text
from vs_align.timeline.passages import shown_in, steady_ends
from vs_align.timeline.time_map import TimeMap

if TYPE_CHECKING:
    import opentimelineio as otio

    from vs_align.timeline.passages import Passage
    from vs_align.timeline.timeline import Timeline


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file as an editing program refers to it."""

    path: Path
    rate: Fraction
    """Frames per second, above 0; the average if it is variable."""
    length: int
    """Number of frames, at least 1."""
    width: int = 0
    """Pixels, 0 if unknown."""
    height: int = 0
    """Pixels, 0 if unknown."""
    has_audio: bool = False
    start: int = 0
    """Time code of the first frame, counted in frames; 0 if the file has none."""


@dataclass(frozen=True, slots=True)
class Event:
    """A run of ref frames that shows clip at one speed, or a gap."""

    ref_first: int
    length: int
    """Number of ref frames, at least 1."""
    source: Fraction | None
    """First clip frame that is shown, counted at clip's rate from its first frame; None for a gap."""
    speed: Fraction = Fraction(1)
    """Seconds of clip per second of ref; 0 holds the frame."""
    confidence: float | None = None
    dropped: int = 0
    repeated: int = 0


def events_of(timeline: "Timeline", clip: MediaFile, ref: MediaFile, function: str) -> list[Event]:
    """Return the events of a timeline, contiguous from ref frame 0 to the last.

    Single frames that are dropped or repeated within a passage make no event of their own. If an event goes on beyond
    clip's first or last frame, that frame is held.

    Raises:
        ArgumentError: A file has no rate, or not as many frames as the timeline says.
    """
    for name, file, length in (("clip", clip, timeline.clip_length), ("ref", ref, timeline.ref_length)):
        if file.rate <= 0:
            raise ArgumentError(function, f"{name}.rate", "must be above 0", file.rate)
        if file.length != length:
            raise ArgumentError(function, f"{name}.length", f"must be that of the timeline ({length})", file.length)
    times = TimeMap(timeline, function)
    events = []
    for passage in timeline.passages():
        length = passage.ref_last - passage.ref_first + 1
        if length < 1:
            continue
        if passage.clip_first is None:
            events.append(Event(passage.ref_first, length, None))
            continue
        stretch = times.stretch_at(passage.ref_first)
        if passage.kind is SegmentKind.HOLD:
            speed = Fraction(0)
        elif stretch is not None:
            # Frame rates are fractions of small numbers, which this recovers from a rounded float.
            speed = Fraction(stretch.speed).limit_denominator(1_000_000)
        else:
            speed = (Fraction(passage.rate) * ref.rate / clip.rate).limit_denominator(1_000_000)
        step = speed * clip.rate / ref.rate
        event = Event(
            passage.ref_first,
            length,
            _source(timeline, clip, passage, step),
            speed,
            passage.confidence,
            passage.dropped,
            passage.repeated,
        )
        events += _within_media(event, step, clip.length)
    return events


def _source(timeline: "Timeline", clip: MediaFile, passage: "Passage", step: Fraction) -> Fraction:
    """Return the clip frame, counted at its rate, at a passage's beginning, on the line of most of its frames.

    It may lie before clip's first frame if odd frames begin the passage there.
    """
    steady = steady_ends(shown_in(timeline, passage), passage.rate)[0]
    frame = timeline.frame_map[steady] or 0
    source = Fraction(frame)
    if timeline.clip_times:
        # Editing programs count frames of a variable rate by time.
        source = Fraction(round((timeline.clip_times[frame] - timeline.clip_times[0]) * clip.rate))
    return source - (steady - passage.ref_first) * step


def _within_media(event: Event, step: Fraction, length: int) -> list[Event]:
    """Split an event at clip's ends: beyond them clip's first or last frame is held.

    Args:
        event: The event.
        step: Clip frames per ref frame, counted at clip's rate.
        length: Number of clip frames.
    """
    source = Fraction(0) if event.source is None else event.source
    if step == 0:
        return [replace(event, source=min(max(source, Fraction(0)), Fraction(length - 1)))]
    edge = source if step > 0 else length - 1 - source
    lead = min(event.length, max(0, ceil(-edge / abs(step))))
    begin = Fraction(floor(source + lead * step + Fraction(1, 2)))
    begin = min(max(begin, Fraction(0)), Fraction(length - 1))
    room = length - begin if step > 0 else begin + 1
    shown = min(event.length - lead, floor(room / abs(step)))
    first, last = (Fraction(0), Fraction(length - 1)) if step > 0 else (Fraction(length - 1), Fraction(0))
    behind = event.ref_first + lead + shown
    parts = [
        replace(event, length=lead, source=first, speed=Fraction(0), dropped=0, repeated=0),
        replace(event, ref_first=event.ref_first + lead, length=shown, source=begin),
        Event(behind, event.ref_first + event.length - behind, last, Fraction(0), event.confidence),
    ]
    return [part for part in parts if part.length > 0]


def otio_timeline(timeline: "Timeline", clip: MediaFile, ref: MediaFile) -> "otio.schema.Timeline":
    """Return an OpenTimelineIO timeline in ref's frame rate that plays clip in ref's cut.

    Each passage is a clip that begins and ends on exact frames of ref. There are gaps if clip lacks frames, a
    `LinearTimeWarp` if clip runs at another speed and a `FreezeFrame` if one frame is held. Track V1 holds the video,
    A1 the same cuts of the audio, if clip has any. Single dropped and repeated frames are counted in the metadata under
    `vs_align`. Source times count clip's frames from the time code of the first.

    Args:
        timeline: Which clip frame each ref frame shows. Rates or time stamps of both must be known.
        clip: The file that is cut.
        ref: The file whose cut is taken over.

    Raises:
        ArgumentError: A file does not fit the timeline.
        MissingDependencyError: OpenTimelineIO is not installed.
    """
    otio = import_otio("otio_timeline")
    made = otio.schema.Timeline(f"{clip.path.stem} on {ref.path.stem}")
    made.global_start_time = otio.opentime.RationalTime(ref.start, float(ref.rate))
    events = events_of(timeline, clip, ref, "otio_timeline")
    kinds = [("V1", otio.schema.TrackKind.Video)]
    kinds += [("A1", otio.schema.TrackKind.Audio)] if clip.has_audio else []
    for name, kind in kinds:
        track = otio.schema.Track(name, kind=kind)
        track.extend([_item(otio, event, clip, ref) for event in events])
        made.tracks.append(track)
    made.metadata["vs_align"] = {"ref": url_of(ref.path), "verdict": timeline.verdict}
    return made


def write_otio(timeline: "Timeline", clip: MediaFile, ref: MediaFile, path: str | os.PathLike[str]) -> None:
    """Write what `otio_timeline` returns as an .otio file.

    A file of that name is replaced when the new one is complete.

    Raises:
        ArgumentError: A file does not fit the timeline.
        MediaError: The file cannot be written.
        MissingDependencyError: OpenTimelineIO is not installed.
    """
    otio = import_otio("write_otio")
    text = otio.adapters.write_to_string(otio_timeline(timeline, clip, ref), "otio_json")
    save_text("write_otio", text + "\n", path)


def import_otio(function: str) -> Any:
    """Return the package OpenTimelineIO.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import opentimelineio
    except ImportError as error:
        message = f"vs_align.{function}: OpenTimelineIO is missing. Run: {install_command(*EXPORT)}"
        raise MissingDependencyError(message) from error
    return opentimelineio


def url_of(path: Path) -> str:
    """Return a file's URL."""
    return path.absolute().as_uri()


def _item(otio: Any, event: Event, clip: MediaFile, ref: MediaFile) -> Any:
    time, span = otio.opentime.RationalTime, otio.opentime.TimeRange
    rate = float(clip.rate)
    # Counted in ref's frames, so that later events stay on them at any rate of clip.
    length = time(event.length, float(ref.rate))
    if event.source is None:
        return otio.schema.Gap(source_range=span(time(0, float(ref.rate)), length))
    media = otio.schema.ExternalReference(url_of(clip.path), span(time(clip.start, rate), time(clip.length, rate)))
    made = otio.schema.Clip(clip.path.name, media, span(time(clip.start + float(event.source), rate), length))
    if event.speed == 0:
        made.effects.append(otio.schema.FreezeFrame())
    elif event.speed != 1:
        made.effects.append(otio.schema.LinearTimeWarp(time_scalar=float(event.speed)))
    made.metadata["vs_align"] = {
        "confidence": event.confidence,
        "dropped": event.dropped,
        "repeated": event.repeated,
    }
    return made
