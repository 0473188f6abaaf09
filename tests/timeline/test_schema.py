"""The JSON schema of a `Timeline`'s file: it fits what is written and refuses what cannot be read."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import FILE_KEYS, Segment, Timeline

KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}

FRAMES = [3, 4, 5, 6, 6, 6, None, 20, 21, 22]


def timeline(**options: Any) -> Timeline:
    return Timeline.from_frame_map(FRAMES, clip_rate="24000/1001", ref_rate=25, clip_length=50, **options)


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a JSON value fits the part of JSON schema that the timeline's schema uses."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "type" in schema and (isinstance(value, bool) or not isinstance(value, KINDS[schema["type"]])):
        return False
    if "anyOf" in schema and not any(fits(value, choice, root) for choice in schema["anyOf"]):
        return False
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        return False
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, int | float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if isinstance(value, list):
        return all(fits(item, schema.get("items", {}), root) for item in value)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        closed = schema.get("additionalProperties") is False
        return set(schema.get("required", ())) <= set(value) and all(
            fits(item, known[key], root) if key in known else not closed for key, item in value.items()
        )
    return True


@pytest.mark.parametrize(
    "written",
    [
        timeline(),
        timeline(scores=[0.5, None, *[0.25] * 8], confidences=[0.5] * 10, notes={"note": [1, None]}),
        timeline(clip_times=[n / 8 for n in range(50)], ref_times=range(-3, 7)),
        Timeline((Segment(0, 8, 9, rate=-0.5), Segment(9, 9, None, kind=SegmentKind.INSERT)), 0, 0, 10, 10),  # type: ignore[arg-type]
        Timeline(
            (
                Segment(0, -1, 0, kind=SegmentKind.MISSING, clip_count=3),
                Segment(0, 8, 3, rate=1.5, phase=-0.25, score=0.125),
                Segment(9, 9, None, kind=SegmentKind.BLACK),
            ),
            0,  # type: ignore[arg-type]
            25,  # type: ignore[arg-type]
            20,
            10,
            verdict="good",
            reasons=("it fits",),
            residual_ms=-1.5,
        ),
    ],
)
def test_the_schema_fits_what_is_written(written: Timeline) -> None:
    schema = Timeline.json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == set(FILE_KEYS)
    data = json.loads(written.to_json())
    assert fits(data, schema, schema)
    for half in ("segments", "frame_map", "digest"):
        assert fits({key: value for key, value in data.items() if key != half}, schema, schema)


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.update(version=3),
        lambda data: data.update(format="EDL"),
        lambda data: data["clip"].update(rate="fast"),
        lambda data: data["clip"].update(rate=-1),
        lambda data: data["ref"].update(length=0),
        lambda data: data["ref"].update(length="10"),
        lambda data: data["segments"][0].update(kind="skip"),
        lambda data: data["segments"][0].update(fast=2),
        lambda data: data["segments"][0].pop("ref_last"),
        lambda data: data["frame_map"].append("x"),
        lambda data: data["frame_map"].append(-1),
        lambda data: data["segments"][0].update(clip_count=0),
        lambda data: data["segments"][0].update(phase=-0.75),
        lambda data: data["segments"][0].update(score=-1),
        lambda data: data.update(verdict="fine"),
        lambda data: data.update(reasons="because"),
        lambda data: data.update(residual_ms="3"),
        lambda data: data.update(confidences=[1.5] * 10),
        lambda data: data.pop("clip"),
        lambda data: (data.pop("segments"), data.pop("frame_map")),
    ],
)
def test_the_schema_refuses_what_load_refuses(edit: Callable[[dict[str, Any]], object]) -> None:
    schema, data = Timeline.json_schema(), json.loads(timeline().to_json())
    edit(data)
    assert not fits(data, schema, schema)
    with pytest.raises(ArgumentError):
        Timeline.from_json(json.dumps(data))
