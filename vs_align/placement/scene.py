"""`Scene`: a range of ref frames that shares one transform from ref pixels to clip pixels."""

from dataclasses import dataclass

from vs_align.errors import ArgumentError
from vs_align.placement.transform import Transform
from vs_align.timeline.segment import share, whole


@dataclass(frozen=True)
class Scene:
    """A range of ref frames and its transform. It ends where the next scene begins.

    Args:
        ref_first: First ref frame, at least 0.
        transform: Maps pixels of ref to pixels of clip.
        confidence: Probability that the transform is right, 0..1. None: not measured.
        method: Name of the method that found the transform; empty if it was written by hand.
        moving: Whether the transform is interpolated linearly between this scene and the next one, instead of staying
            constant.

    Raises:
        ArgumentError: A field breaks its rule.
    """

    ref_first: int
    transform: Transform
    confidence: float | None = None
    method: str = ""
    moving: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "ref_first", whole(self.ref_first, "Scene", "ref_first"))
        if not isinstance(self.transform, Transform):
            raise ArgumentError("Scene", "transform", "must be a Transform", repr(self.transform))
        if self.confidence is not None:
            put(self, "confidence", share(self.confidence, "Scene", "confidence"))
        if not isinstance(self.method, str):
            raise ArgumentError("Scene", "method", "must be text", repr(self.method))
        if not isinstance(self.moving, bool):
            raise ArgumentError("Scene", "moving", "must be True or False", repr(self.moving))
