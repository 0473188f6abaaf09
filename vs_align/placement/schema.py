"""pydantic models of the JSON file of a `Placement`. Imported when a file is read or its schema is requested."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vs_align.placement.validation import VERDICTS

Pixels = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Row = Annotated[list[Number], Field(min_length=3, max_length=3)]
if TYPE_CHECKING:
    VerdictName = str
else:
    VerdictName = Literal[*(verdict.value for verdict in VERDICTS)]


class _Strict(BaseModel):
    # a misspelled key must not be ignored: the edit would be lost
    model_config = ConfigDict(extra="forbid", strict=True)


class SizeRecord(_Strict):
    """One of the two clips."""

    width: Pixels = Field(description="Width in pixels.")
    height: Pixels = Field(description="Height in pixels.")


class SceneRecord(_Strict):
    """Ref frames from ref_first on. `matrix` and the parts before it hold the same transform; either may be deleted."""

    ref_first: int = Field(ge=0, description="First ref frame.")
    shift: Pair | None = Field(
        default=None,
        description="Displacement of clip's content to the right and down, at the center of ref, in ref pixels.",
    )
    rotation: Number | None = Field(default=None, description="Clockwise rotation of clip's content in degrees.")
    scale: Pair | None = Field(
        default=None, description="Horizontal and vertical scale of clip's content, both images resized to one size."
    )
    shear: Number | None = Field(default=None, description="Lean of clip's vertical lines to the right.")
    matrix: Annotated[list[Row], Field(min_length=3, max_length=3)] | None = Field(
        default=None, description="Homography that maps ref pixels to clip pixels, rows first."
    )
    confidence: Share | None = Field(
        default=None, description="Probability that the transform is right; null if not measured."
    )
    method: str = Field(default="", description="Method that found the transform; empty if written by hand.")
    moving: bool = Field(
        default=False, description="Whether to interpolate linearly to the transform of the next scene."
    )


class PlacementFile(BaseModel):
    """For each scene of ref, the transform that maps pixels of ref to pixels of clip."""

    model_config = ConfigDict(extra="allow", strict=True, title="vs_align placement")

    format: Literal["vs_align placement"]
    version: Literal[1]
    verdict: VerdictName | None = Field(default=None, description="Quality of the whole.")
    reasons: list[str] = Field(default_factory=list, description="Reasons for the verdict, in words.")
    clip: SizeRecord
    ref: SizeRecord
    scenes: list[SceneRecord] = Field(min_length=1, description="The first begins at ref frame 0; in order.")
