"""Timelines as FCPXML 1.8, which Final Cut Pro, DaVinci Resolve and others read."""

import os
from fractions import Fraction
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from vs_align.export.otio import Event, MediaFile, events_of, url_of
from vs_align.io.json_file import save_text

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "write_fcpxml"
_VERSION = "1.8"
"""Version of the format: old enough for current programs to read it."""
_DROP_FRAME_RATES = (Fraction(30000, 1001), Fraction(60000, 1001))


def write_fcpxml(timeline: "Timeline", clip: MediaFile, ref: MediaFile, path: str | os.PathLike[str]) -> None:
    """Write a timeline as FCPXML 1.8: a project in ref's frame rate and size that plays clip in ref's cut.

    Each passage is a clip whose video and audio begin and end on exact frames of ref. There are gaps if clip lacks
    frames, and a time map if clip runs at another speed or holds a frame. All times are exact fractions of a second.

    OpenTimelineIO's adapter is not used: it supports no speeds, and rounds frame rates such as 24000/1001.

    Args:
        timeline: Which clip frame each ref frame shows. Rates or time stamps of both must be known.
        clip: The file that is cut.
        ref: The file whose cut is taken over.
        path: File to write. A file of that name is replaced when the new one is complete.

    Raises:
        ArgumentError: A file does not fit the timeline.
        MediaError: The file cannot be written.
    """
    events = events_of(timeline, clip, ref, _FUNCTION)
    root = Element("fcpxml", version=_VERSION)
    resources = SubElement(root, "resources")
    _add_format(resources, "r1", ref)
    _add_format(resources, "r2", clip)
    _add_asset(resources, clip)
    name = f"{clip.path.stem} on {ref.path.stem}"
    project = SubElement(SubElement(SubElement(root, "library"), "event", name=name), "project", name=name)
    sequence = SubElement(
        project,
        "sequence",
        format="r1",
        duration=_seconds(ref.length / ref.rate),
        tcStart=_seconds(ref.start / ref.rate),
        tcFormat="DF" if ref.rate in _DROP_FRAME_RATES else "NDF",
    )
    spine = SubElement(sequence, "spine")
    for event in events:
        _add_event(spine, event, clip, ref)
    indent(root, "    ")
    text = tostring(root, encoding="unicode")
    save_text(_FUNCTION, f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n', path)


def _seconds(value: Fraction | int) -> str:
    value = Fraction(value)
    return f"{value.numerator}s" if value.denominator == 1 else f"{value.numerator}/{value.denominator}s"


def _add_format(resources: Element, name: str, file: MediaFile) -> None:
    # Always with a denominator, which some readers require.
    duration = 1 / file.rate
    added = SubElement(resources, "format", id=name, frameDuration=f"{duration.numerator}/{duration.denominator}s")
    if file.width and file.height:
        added.set("width", str(file.width))
        added.set("height", str(file.height))


def _add_asset(resources: Element, clip: MediaFile) -> None:
    added = SubElement(
        resources,
        "asset",
        id="r3",
        name=clip.path.name,
        src=url_of(clip.path),
        start=_seconds(clip.start / clip.rate),
        duration=_seconds(clip.length / clip.rate),
        hasVideo="1",
        format="r2",
    )
    if clip.has_audio:
        added.set("hasAudio", "1")
        added.set("audioSources", "1")


def _add_event(spine: Element, event: Event, clip: MediaFile, ref: MediaFile) -> None:
    offset = _seconds((ref.start + event.ref_first) / ref.rate)
    duration = event.length / ref.rate
    if event.source is None:
        SubElement(spine, "gap", name="Gap", offset=offset, start="0s", duration=_seconds(duration))
        return
    # A frame that is played backwards begins at its end.
    begin = (clip.start + event.source + (event.speed < 0)) / clip.rate
    start = begin
    if event.speed not in (0, 1):
        # A time map counts the clip's time at its speed.
        start = begin / abs(event.speed)
    if event.speed != 1:
        # Its origin is free, and some programs require it within the file.
        first, end = clip.start / clip.rate, (clip.start + clip.length) / clip.rate
        start = max(first, min(start, end - duration))
    added = SubElement(
        spine,
        "asset-clip",
        ref="r3",
        name=clip.path.name,
        offset=offset,
        start=_seconds(start),
        duration=_seconds(duration),
        format="r2",
        tcFormat="DF" if clip.rate in _DROP_FRAME_RATES else "NDF",
    )
    if clip.rate != ref.rate:
        # Without it programs play files of nearly equal rates frame for frame, on top of the time map.
        SubElement(added, "conform-rate", scaleEnabled="0")
    if event.speed != 1:
        points = SubElement(added, "timeMap")
        for time, value in ((start, begin), (start + duration, begin + duration * event.speed)):
            SubElement(points, "timept", time=_seconds(time), value=_seconds(value), interp="linear")
