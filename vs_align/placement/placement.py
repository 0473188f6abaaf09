"""`Placement`: for each scene of ref, the transform that maps pixels of ref to pixels of clip."""

import os
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from vs_align.errors import ArgumentError
from vs_align.placement.transform import Size, Transform, checked_size
from vs_align.timeline.segment import share, whole
from vs_align.timeline.validation import checked_reasons

__all__ = ["FILE_KEYS", "Placement", "Scene", "Transform"]

FILE_KEYS = ("format", "version", "verdict", "reasons", "clip", "ref", "scenes")
"""Keys of a placement file. Any other key at its top level is a note."""

_VERDICTS = ("exact", "good", "doubtful")


@dataclass(frozen=True)
class Scene:
    """Ref frames from one number on, as far as the next scene, and where in clip they are found.

    Args:
        ref_first: First ref frame, at least 0.
        transform: Maps pixels of ref to pixels of clip.
        confidence: How sure the transform is, 0..1. None: nobody has measured it.
        method: What found the transform, in a word or two; empty where it was written by hand.
        moving: Whether clip moves evenly from this transform to that of the next scene, instead of standing still.

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


@dataclass(frozen=True)
class Placement:
    """For every frame of ref, the transform that maps pixels of ref to pixels of clip.

    `placement.at(n).apply(points)` takes points of ref frame n and gives the points of clip that show the same thing:
    ref lies in clip. This is the direction in which `register`, `spatial`, `temporal`, `sync` and `overlay` (clip is
    bg, ref is fg) use it. A placement can be hashed, compared and pickled.

    Example:
        ```python
        zoomed = Transform.from_parts((1920, 1080), (1280, 720), scale_x=1.03, scale_y=1.03)
        placement = Placement((1920, 1080), (1280, 720), (Scene(0, zoomed),))
        placement.save("placement.json")  # edit it by hand, then
        Placement.load("placement.json").at(100).shift
        ```

    Args:
        clip_size: Width and height of clip in pixels, at least 1.
        ref_size: Width and height of ref in pixels, at least 1.
        scenes: At least one; the first begins at ref frame 0, each other one after the one before. Their transforms
            are for these sizes.
        notes: JSON values that a person added to the file. They are saved again and take no part in comparisons.
        verdict: What the whole is worth: "exact", "good" or "doubtful". None: nobody has judged it.
        reasons: Why, in words.

    Raises:
        ArgumentError: A field breaks its rule.
    """

    clip_size: Size
    ref_size: Size
    scenes: tuple[Scene, ...]
    notes: Mapping[str, Any] = field(default_factory=dict, compare=False)
    verdict: str | None = None
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("clip_size", "ref_size"):
            put(self, name, checked_size(getattr(self, name), "Placement", name))
        put(self, "scenes", tuple(self.scenes))
        self._check_scenes()
        put(self, "verdict", _checked_verdict(self.verdict))
        put(self, "reasons", checked_reasons(self.reasons, "Placement"))
        put(self, "notes", dict(self.notes))
        for key in self.notes:
            if not isinstance(key, str) or key in FILE_KEYS:
                raise ArgumentError("Placement", "notes", "must have text keys that the file does not use", repr(key))

    def _check_scenes(self) -> None:
        if not self.scenes:
            raise ArgumentError("Placement", "scenes", "must have at least one entry", 0)
        before = -1
        for i, scene in enumerate(self.scenes):
            name = f"scenes[{i}]"
            if not isinstance(scene, Scene):
                raise ArgumentError("Placement", name, "must be a Scene", repr(scene))
            if i == 0 and scene.ref_first != 0:
                raise ArgumentError("Placement", f"{name}.ref_first", "must be 0, the first ref frame", scene.ref_first)
            if scene.ref_first <= before:
                rule = f"must be after the scene before ({before})"
                raise ArgumentError("Placement", f"{name}.ref_first", rule, scene.ref_first)
            before = scene.ref_first
            sizes = scene.transform.clip_size, scene.transform.ref_size
            if sizes != (self.clip_size, self.ref_size):
                rule = f"must be for {_named(self.clip_size, self.ref_size)}"
                raise ArgumentError("Placement", f"{name}.transform", rule, _named(*sizes))

    @classmethod
    def neutral(cls, clip_size: Size, ref_size: Size) -> "Placement":
        """Clip stretched over ref, edge on edge, all along."""
        return cls(clip_size, ref_size, (Scene(0, Transform.neutral(clip_size, ref_size)),))

    @classmethod
    def from_corner(
        cls, clip_size: Size, ref_size: Size, x: float, y: float, scale: float = 1.0, method: str = ""
    ) -> "Placement":
        """Ref's top left corner at a place in clip, all along.

        Args:
            clip_size: Width and height of clip in pixels.
            ref_size: Width and height of ref in pixels.
            x: How many clip pixels lie left of ref's left edge.
            y: How many lie above its upper edge.
            scale: Clip pixels per ref pixel, above 0.
            method: What said so.

        Raises:
            ArgumentError: A value breaks its rule.
        """
        if not scale > 0:
            raise ArgumentError("Placement.from_corner", "scale", "must be above 0", scale)
        rows = ((scale, 0.0, x + (scale - 1) / 2), (0.0, scale, y + (scale - 1) / 2), (0.0, 0.0, 1.0))
        return cls(clip_size, ref_size, (Scene(0, Transform(rows, clip_size, ref_size), None, method),))

    @cached_property
    def _firsts(self) -> tuple[int, ...]:
        return tuple(scene.ref_first for scene in self.scenes)

    def scene_at(self, n: int) -> Scene:
        """Scene that holds ref frame n, at least 0."""
        if not n >= 0:
            raise ArgumentError("Placement.scene_at", "n", "must be at least 0", n)
        return self.scenes[bisect_right(self._firsts, n) - 1]

    def at(self, n: int) -> Transform:
        """Transform at ref frame n, at least 0. The last scene goes on for ever, standing still."""
        if not n >= 0:
            raise ArgumentError("Placement.at", "n", "must be at least 0", n)
        number = bisect_right(self._firsts, n) - 1
        scene = self.scenes[number]
        if not scene.moving or number + 1 == len(self.scenes) or n == scene.ref_first:
            return scene.transform
        after = self.scenes[number + 1]
        share = (n - scene.ref_first) / (after.ref_first - scene.ref_first)
        return scene.transform.towards(after.transform, share)

    def resized(self, clip_size: Size, ref_size: Size) -> "Placement":
        """The same placement for the same pictures at other sizes, in pixels; edges stay on edges.

        So what was measured on small copies can be applied to the full pictures.
        """
        scenes = tuple(replace(scene, transform=scene.transform.resized(clip_size, ref_size)) for scene in self.scenes)
        return Placement(clip_size, ref_size, scenes, self.notes, self.verdict, self.reasons)

    @property
    def confidence(self) -> float | None:
        """The lowest confidence of all scenes, 0..1; None where nobody has measured one."""
        known = [scene.confidence for scene in self.scenes if scene.confidence is not None]
        return min(known, default=None)

    def to_json(self) -> str:
        """Text of the file that `save` writes.

        Raises:
            ArgumentError: A note is no JSON value.
        """
        from vs_align.placement.serialization import write_json

        return write_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Placement":
        """Read what `to_json` wrote and a person may have edited, see `load`.

        Raises:
            ArgumentError: The text is no placement; the message names the key.
        """
        from vs_align.placement.serialization import read_json

        return read_json(text)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the placement as JSON. A file of that name is replaced at the end and never left half written.

        Raises:
            MediaError: The file cannot be written.
        """
        from vs_align.placement.serialization import save_json

        save_json(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Placement":
        """Read a file that `save` wrote and a person may have edited.

        Each scene says the same thing twice: as `matrix`, and as `shift`, `rotation`, `scale` and `shear`. Delete the
        matrix and edit the others, or edit the matrix and delete the others; where both are there they must agree.
        Further keys at the top level become `notes`.

        Raises:
            ArgumentError: The file cannot be read or is no placement; the message names the path and the key.
        """
        from vs_align.placement.serialization import load_json

        return load_json(path)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """JSON schema (draft 2020-12) of the file that `save` writes and `load` reads."""
        from vs_align.placement.schema import PlacementFile

        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PlacementFile.model_json_schema()}


def _checked_verdict(verdict: object) -> str | None:
    if verdict is None or verdict in _VERDICTS:
        return None if verdict is None else str(verdict)
    raise ArgumentError("Placement", "verdict", f"must be one of {', '.join(_VERDICTS)}", repr(verdict))


def _named(clip_size: Size, ref_size: Size) -> str:
    return f"a clip of {clip_size[0]}x{clip_size[1]} on a ref of {ref_size[0]}x{ref_size[1]}"
