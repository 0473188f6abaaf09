"""JSON file of a `Timeline`: writing in an editable layout, and reading back with edits merged by digests."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.io.json_file import Source, load_text, note_text, parsed, rule_of, save_text, text_of
from vs_align.timeline.segment import Segment, check_segments, frame_map_of, mend_segments

if TYPE_CHECKING:
    from vs_align.timeline.schema import SegmentRecord, TimelineFile
    from vs_align.timeline.timeline import Timeline

FORMAT = "vs_align timeline"
VERSION = 2
FRAMES_A_LINE = 20
"""Entries of the frame map per line of the file."""
FLOATS_A_LINE = 10
"""Scores, confidences and time stamps per line of the file."""

# Fields of `Timeline` with another name in the file.
_FILE_NAMES = {"clip_times": "clip.times", "ref_times": "ref.times"}


def write_json(timeline: "Timeline") -> str:
    """Return the text of the file, ending in a newline. Equal timelines give equal texts."""
    digest = {"segments": _segments_digest(timeline.segments), "frame_map": _digest(timeline.frame_map)}
    entries = {
        "format": json.dumps(FORMAT),
        "version": str(VERSION),
        "verdict": text_of(timeline.verdict),
        "reasons": _block([text_of(reason) for reason in timeline.reasons], 1),
        "residual_ms": text_of(timeline.residual_ms),
        **{key: note_text("Timeline.to_json", key, value) for key, value in timeline.notes.items()},
        "clip": _side(str(timeline.clip_rate), timeline.clip_length, timeline.clip_times),
        "ref": _side(str(timeline.ref_rate), timeline.ref_length, timeline.ref_times),
        "segments": _block([_segment_line(timeline, segment) for segment in timeline.segments], 1),
        "frame_map": _block(_numbers(timeline.frame_map), FRAMES_A_LINE),
        "scores": _block(_numbers(timeline.scores), FLOATS_A_LINE),
        "confidences": _block(_numbers(timeline.confidences), FLOATS_A_LINE),
        "digest": json.dumps(digest),
    }
    return "{\n" + ",\n".join(f"  {text_of(key)}: {value}" for key, value in entries.items()) + "\n}\n"


def _side(rate: str, length: int, times: Sequence[float]) -> str:
    head = {"rate": rate, "length": length}
    if not times:
        return json.dumps(head)
    lines = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    lines.append('    "times": ' + _block(_numbers(times), FLOATS_A_LINE, indent=4))
    return "{\n" + ",\n".join(lines) + "\n  }"


def _segment_line(timeline: "Timeline", segment: Segment) -> str:
    # A missing segment has no ref frame and so no offset.
    offset = timeline.to_ms(segment.ref_first) if len(segment) else None
    record: dict[str, Any] = {
        "ref_first": segment.ref_first,
        "ref_last": segment.ref_last,
        "clip_first": segment.clip_first,
        "rate": segment.rate,
        "kind": segment.kind.value,
        "confidence": segment.confidence,
        "offset_ms": None if offset is None else round(offset + (timeline.residual_ms or 0), 3),
    }
    if segment.phase:
        record["phase"] = segment.phase
    if segment.score is not None:
        record["score"] = segment.score
    if segment.clip_count is not None:
        record["clip_count"] = segment.clip_count
    speed = timeline.speed_of(segment) if segment.kind is SegmentKind.MATCH else None
    if speed is not None and round(speed, 9) != 1:
        record["speed"] = round(speed, 9)
    return json.dumps(record)


def _numbers(values: Sequence[float | None]) -> list[str]:
    return ["null" if value is None else repr(value) for value in values]


def _block(items: Sequence[str], per_line: int, indent: int = 2) -> str:
    if not items:
        return "[]"
    pad = " " * (indent + 2)
    lines = [pad + ", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()[:12]


def _segments_digest(segments: Sequence["Segment | SegmentRecord"]) -> str:
    rows = []
    for s in segments:
        rate = float(s.kind is not SegmentKind.HOLD) if s.rate is None else float(s.rate)
        row: list[Any] = [s.ref_first, s.ref_last, s.clip_first, rate, s.kind.value]
        row.append(None if s.confidence is None else float(s.confidence))
        # Left out if they have their defaults, so that digests of files of version 1 still match.
        if s.phase or s.score is not None or s.clip_count is not None:
            row += [float(s.phase), None if s.score is None else float(s.score), s.clip_count]
        rows.append(row)
    return _digest(rows)


@dataclass(frozen=True)
class _Source(Source):
    """Origin of a text, for messages."""

    function: str = "Timeline.from_json"
    kind: str = "timeline"

    def passed_on(self, error: ArgumentError, prefix: str = "") -> ArgumentError:
        """Return the error with the key of the file instead of the name of the field."""
        name, bracket, index = error.argument.partition("[")
        named = ArgumentError(error.function, _FILE_NAMES.get(name, name) + bracket + index, rule_of(error))
        return super().passed_on(named, prefix)


def save_json(timeline: "Timeline", path: str | os.PathLike[str]) -> None:
    """Write the file, see `Timeline.save`."""
    save_text("Timeline.save", timeline.to_json(), path)


def load_json(kind: type["Timeline"], path: str | os.PathLike[str]) -> "Timeline":
    """Read a file, see `Timeline.load`."""
    source = _Source("Timeline.load", place=f" in '{os.fspath(path)}'")
    return read_json(kind, load_text(source, path), source)


def read_json(kind: type["Timeline"], text: str, source: _Source | None = None) -> "Timeline":
    """Parse the text of a file, which may have been edited; see `Timeline.load`.

    Args:
        kind: The class `Timeline`, which this module cannot import without a circle.
        text: The text.
        source: Origin of the text, for messages.
    """
    source = source or _Source()
    from vs_align.timeline.schema import TimelineFile

    record = parsed(text, source, VERSION, TimelineFile)
    common: dict[str, Any] = {
        "clip_rate": record.clip.rate,
        "ref_rate": record.ref.rate,
        "clip_length": record.clip.length,
        "ref_length": record.ref.length,
        "scores": record.scores,
        "confidences": record.confidences,
        "clip_times": record.clip.times,
        "ref_times": record.ref.times,
        "notes": record.model_extra or {},
    }
    judged: dict[str, Any] = {"verdict": record.verdict, "reasons": record.reasons, "residual_ms": record.residual_ms}
    try:
        segments = _chosen_segments(record, source)
        if segments is None:
            return replace(kind.from_frame_map(record.frame_map or [], **common), **judged)
        return kind(segments=tuple(segments), **common, **judged)
    except ArgumentError as error:
        if error.function == source.function:
            raise
        raise source.passed_on(error) from None


def _chosen_segments(record: "TimelineFile", source: _Source) -> list[Segment] | None:
    """Return the segments after the edits, None if only the frame map is to be used."""
    frame_map, records = record.frame_map, record.segments
    if records is None:
        if frame_map is None:
            raise source.error("segments", "or frame_map must be there")
        return None
    digest = record.digest
    if frame_map is None:
        return _segments(records, source)
    segments_edited = digest is None or digest.segments != _segments_digest(records)
    map_edited = digest is None or digest.frame_map != _digest(frame_map)
    segments = _segments(records, source)
    if map_edited and not segments_edited:
        return _mended(segments, frame_map, record)
    if segments_edited and not map_edited:
        return segments
    # Checked first: the frame map of segments with gaps would report the wrong frames.
    check_segments(segments, record.clip.length, record.ref.length)
    wanted = frame_map_of(segments)
    if list(wanted) != frame_map:
        rule = f"must agree with frame_map, but {_differences(wanted, frame_map)}; delete the one that is wrong"
        raise source.error("segments", rule)
    return segments


def _mended(segments: list[Segment], frame_map: list[int | None], record: "TimelineFile") -> list[Segment] | None:
    # With a new length of ref no segment is kept; frames that clip lacks are reported as entries of the map.
    kept = bool(segments) and segments[-1].ref_last + 1 == len(frame_map)
    if not kept or any(frame is not None and frame >= record.clip.length for frame in frame_map):
        return None
    confidences = record.confidences if len(record.confidences) == len(frame_map) else []
    return mend_segments(segments, frame_map, confidences)


def _segments(records: Sequence["SegmentRecord"], source: _Source) -> list[Segment]:
    segments = []
    for i, r in enumerate(records):
        rate = float(r.kind is not SegmentKind.HOLD) if r.rate is None else r.rate
        try:
            segment = Segment(
                r.ref_first, r.ref_last, r.clip_first, rate, r.kind, r.confidence, r.phase, r.score, r.clip_count
            )
            segments.append(segment)
        except ArgumentError as error:
            raise source.passed_on(error, f"segments[{i}].") from None
    return segments


def _differences(wanted: Sequence[int | None], found: Sequence[int | None]) -> str:
    """Return in words at which frames two maps differ: the first ranges, and the number of frames."""
    if len(wanted) != len(found):
        return f"they have {len(wanted)} and {len(found)} frames"
    frames = [n for n, (a, b) in enumerate(zip(wanted, found, strict=True)) if a != b]
    ranges: list[list[int]] = []
    for n in frames:
        if ranges and ranges[-1][1] == n - 1:
            ranges[-1][1] = n
        else:
            ranges.append([n, n])
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges[:5])
    return f"they differ at ref frames {shown}{', ...' if len(ranges) > 5 else ''} ({len(frames)} in all)"
