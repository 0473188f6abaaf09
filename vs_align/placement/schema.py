"""The file of a `Placement` as pydantic models. Imported only where a file is read or its schema is asked for."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Pixels = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Row = Annotated[list[Number], Field(min_length=3, max_length=3)]


class _Strict(BaseModel):
    # A misspelt key that is passed over in silence would lose the edit of the person who wrote it.
    model_config = ConfigDict(extra="forbid", strict=True)


class SizeRecord(_Strict):
    """One of the two clips."""

    width: Pixels = Field(description="Width in pixels.")
    height: Pixels = Field(description="Height in pixels.")


class SceneRecord(_Strict):
    """Ref frames from ref_first on. `matrix` and the five parts before it say the same; either may be deleted."""

    ref_first: int = Field(ge=0, description="First ref frame.")
    shift: Pair | None = Field(
        default=None,
        description="How far clip's picture lies to the right and below of ref's, at ref's centre, in ref pixels.",
    )
    rotation: Number | None = Field(default=None, description="Degrees by which clip's picture is turned clockwise.")
    scale: Pair | None = Field(
        default=None, description="How much wider and taller things are in clip, both stretched to one size."
    )
    shear: Number | None = Field(default=None, description="How far clip's vertical lines lean to the right.")
    matrix: Annotated[list[Row], Field(min_length=3, max_length=3)] | None = Field(
        default=None, description="Homography that maps ref pixels to clip pixels, rows first."
    )
    confidence: Share | None = Field(default=None, description="How sure the transform is; null where not measured.")
    method: str = Field(default="", description="What found the transform; empty where it was written by hand.")
    moving: bool = Field(default=False, description="Whether clip moves evenly to the transform of the next scene.")


class PlacementFile(BaseModel):
    """For each scene of ref, the transform that maps pixels of ref to pixels of clip."""

    model_config = ConfigDict(extra="allow", strict=True, title="vs_align placement")

    format: Literal["vs_align placement"]
    version: Literal[1]
    verdict: Literal["exact", "good", "doubtful"] | None = Field(default=None, description="What the whole is worth.")
    reasons: list[str] = Field(default_factory=list, description="Why, in words.")
    clip: SizeRecord
    ref: SizeRecord
    scenes: list[SceneRecord] = Field(min_length=1, description="The first begins at ref frame 0; in order.")
