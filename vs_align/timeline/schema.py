"""pydantic models of the JSON file of a `Timeline`. Imported when a file is read or its schema is requested."""

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from vs_align.enums import SegmentKind, Verdict
from vs_align.timeline.segment import MAX_RATE
from vs_align.timeline.validation import as_rate


def _rate(value: Any) -> Fraction:
    return as_rate("0" if value is None else value)


FrameRate = Annotated[
    Fraction,
    BeforeValidator(_rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^ *[0-9]{1,18} *([/.] *[0-9]{1,18} *)?$"},
                {"type": "number", "minimum": 0},
                {"type": "null"},
            ]
        }
    ),
]
Frame = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(ge=0)]
if TYPE_CHECKING:
    VerdictName = str
else:
    VerdictName = Literal[*(verdict.value for verdict in Verdict)]


class _Strict(BaseModel):
    # a misspelled key must not be ignored: the edit would be lost
    model_config = ConfigDict(extra="forbid", strict=True)


class SideRecord(_Strict):
    """One of the two clips."""

    rate: FrameRate = Field(description='Frames per second such as "24000/1001"; "0" if unknown or variable.')
    length: int = Field(ge=1, description="Number of frames.")
    times: list[float] = Field(default=[], description="Time stamp of each frame in seconds, for variable frame rate.")


class SegmentRecord(_Strict):
    """A range of ref frames; n shows clip frame clip_first + floor((n - ref_first) * rate + phase + 0.5)."""

    ref_first: Frame = Field(description="First ref frame.")
    ref_last: int = Field(ge=-1, description="Last ref frame, inclusive; ref_first - 1 for a missing segment.")
    clip_first: Frame | None = Field(default=None, description="Clip frame at ref_first; null for an insert and black.")
    rate: float | None = Field(
        default=None,
        ge=-MAX_RATE,
        le=MAX_RATE,
        description="Clip frames per ref frame: 0 for a hold. Left out: 0 for a hold, else 1.",
    )
    kind: SegmentKind = Field(default=SegmentKind.MATCH, strict=False, description="Kind of the segment.")
    confidence: Share | None = Field(
        default=None, description="Probability that the match is right; null if not measured."
    )
    offset_ms: float | None = Field(
        default=None,
        description="Clip time minus ref time at ref_first, in ms, with residual_ms. For information; not read.",
    )
    phase: float = Field(
        default=0.0, ge=-0.5, lt=0.5, description="Offset of the line from clip_first, in clip frames."
    )
    score: Score | None = Field(default=None, description="Mean score of the matches; lower is more similar.")
    clip_count: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Number of clip frames that ref lacks, for a missing segment only."
    )
    speed: float | None = Field(
        default=None, description="Seconds of clip per second of ref if not 1. For information; not read."
    )


class DigestRecord(_Strict):
    """Hashes of the written values, by which edits are detected. May be deleted."""

    segments: str | None = None
    frame_map: str | None = None


_NEW_KEYS = ("verdict", "reasons", "residual_ms")  # top-level keys of version 2


class TimelineFile(BaseModel):
    """Clip frame of each ref frame. `segments` and `frame_map` hold the same frames; either may be deleted."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        title="vs_align timeline",
        json_schema_extra={"anyOf": [{"required": ["segments"]}, {"required": ["frame_map"]}]},
    )

    format: Literal["vs_align timeline"]
    version: Literal[1, 2]
    verdict: VerdictName | None = Field(default=None, description="Quality of the whole; null if not judged.")
    reasons: list[str] = Field(default=[], description="Reasons for the verdict, in words.")
    residual_ms: float | None = Field(
        default=None, description="Clip time minus ref time below a frame, in milliseconds; null if not measured."
    )
    clip: SideRecord
    ref: SideRecord
    segments: list[SegmentRecord] | None = Field(default=None, description="Contiguous, covering all ref frames.")
    frame_map: list[Frame | None] | None = Field(
        default=None, description="Clip frame of each ref frame; null if clip has no counterpart."
    )
    scores: list[Score | None] = Field(default=[], description="Per ref frame or empty; lower is more similar.")
    confidences: list[Share] = Field(default=[], description="Per ref frame or empty.")
    digest: DigestRecord | None = None

    @model_validator(mode="before")
    @classmethod
    def _keep_old_notes(cls, data: Any) -> Any:
        """Rename notes of a file of version 1 whose keys have a meaning since version 2."""
        if not isinstance(data, dict) or data.get("version") != 1:
            return data
        renamed: dict[str, Any] = {}
        for key, value in data.items():
            name = key
            while name in _NEW_KEYS or (name != key and (name in data or name in renamed)):
                name += "_note"
            renamed[name] = value
        return renamed
