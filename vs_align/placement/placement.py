"""`Placement`: for each scene of ref, the transform that maps pixels of ref to pixels of clip."""

import os
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from vs_align.errors import ArgumentError
from vs_align.placement.scene import Scene
from vs_align.placement.serialization import load_json, read_json, save_json, write_json
from vs_align.placement.transform import Size, Transform, checked_size
from vs_align.placement.validation import FILE_KEYS, checked_verdict
from vs_align.timeline.validation import checked_reasons

__all__ = ["FILE_KEYS", "Placement", "Scene", "Transform"]


@dataclass(frozen=True)
class Placement:
    """For every frame of ref, the transform that maps pixels of ref to pixels of clip.

    `placement.at(n).apply(points)` maps points of ref frame n to the points of clip that show the same thing. All
    functions use this direction; for `overlay` clip is bg and ref is fg. A placement can be hashed, compared and
    pickled.

    `temporal`, `spatial`, `sync` and `overlay` rescale a placement that was made for other sizes of the same aspect
    ratios (see `resized`), and raise `ArgumentError` for one of other aspect ratios or with clip and ref exchanged.

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
        scenes: At least one, with rising `ref_first`; the first begins at ref frame 0. Their transforms have these
            sizes.
        notes: JSON values that a person added to the file. They are saved again and take no part in comparisons.
        verdict: Quality of the whole: "exact", "good" or "doubtful". None: not judged.
        reasons: Reasons for the verdict, in words.

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
        put(self, "verdict", checked_verdict(self.verdict))
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
        """Return the placement in which a resize of clip to the size of ref aligns them, in all frames."""
        return cls(clip_size, ref_size, (Scene(0, Transform.neutral(clip_size, ref_size)),))

    @classmethod
    def from_corner(
        cls, clip_size: Size, ref_size: Size, x: float, y: float, scale: float = 1.0, method: str = ""
    ) -> "Placement":
        """Return the placement with the top left corner of ref at a fixed position in clip, in all frames.

        Args:
            clip_size: Width and height of clip in pixels.
            ref_size: Width and height of ref in pixels.
            x: Left edge of ref, in clip pixels from the left edge of clip.
            y: Top edge of ref, in clip pixels from the top edge of clip.
            scale: Clip pixels per ref pixel, above 0.
            method: Name of the method that found it.

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
        """Return the scene of ref frame n, at least 0."""
        if not n >= 0:
            raise ArgumentError("Placement.scene_at", "n", "must be at least 0", n)
        return self.scenes[bisect_right(self._firsts, n) - 1]

    def at(self, n: int) -> Transform:
        """Return the transform at ref frame n, at least 0. Behind the last scene it stays constant."""
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
        """Return the same placement for the same images at other sizes in pixels; edges stay on edges.

        A placement that was measured on thumbnails can be applied to the full images.
        """
        scenes = tuple(replace(scene, transform=scene.transform.resized(clip_size, ref_size)) for scene in self.scenes)
        return Placement(clip_size, ref_size, scenes, self.notes, self.verdict, self.reasons)

    @property
    def confidence(self) -> float | None:
        """Lowest confidence of all scenes, 0..1; None if none was measured."""
        known = [scene.confidence for scene in self.scenes if scene.confidence is not None]
        return min(known, default=None)

    def to_json(self) -> str:
        """Return the text of the file that `save` writes.

        Raises:
            ArgumentError: A note is not a JSON value.
        """
        return write_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Placement":
        """Parse the text of a placement file, which may have been edited; see `load`.

        Raises:
            ArgumentError: The text is not a placement; the message names the key.
        """
        return read_json(cls, text)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the placement as JSON. The file is written completely and then replaces an existing one.

        Raises:
            MediaError: The file cannot be written.
        """
        save_json(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Placement":
        """Read a file that `save` wrote and that may have been edited by hand.

        Each scene holds its transform twice: as `matrix`, and as `shift`, `rotation`, `scale` and `shear`. Delete the
        matrix and edit the others, or edit the matrix and delete the others; if both are present they must agree.
        Other keys at the top level become `notes`.

        Raises:
            ArgumentError: The file cannot be read or is not a placement; the message names the path and the key.
        """
        return load_json(cls, path)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """JSON schema (draft 2020-12) of the file that `save` writes and `load` reads."""
        from vs_align.placement.schema import PlacementFile

        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PlacementFile.model_json_schema()}


def _named(clip_size: Size, ref_size: Size) -> str:
    return f"a clip of {clip_size[0]}x{clip_size[1]} on a ref of {ref_size[0]}x{ref_size[1]}"
