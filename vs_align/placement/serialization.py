"""JSON file of a `Placement`: writing in an editable layout, and reading back with edits."""

import json
import os
from typing import TYPE_CHECKING

from vs_align.errors import ArgumentError
from vs_align.io.json_file import Source, load_text, note_text, parsed, save_text, shown, text_of
from vs_align.placement.scene import Scene
from vs_align.placement.transform import Size, Transform

if TYPE_CHECKING:
    from vs_align.placement.placement import Placement
    from vs_align.placement.schema import PlacementFile, SceneRecord

FORMAT = "vs_align placement"
VERSION = 1

_DIGITS = 9
"""Decimals of the parts of a transform in the file: far below what is visible."""
_TOLERANCE = 1e-3
"""Largest disagreement of parts and matrix in pixels at the corners of ref; rounding to `_DIGITS` stays below."""


def write_json(placement: "Placement") -> str:
    """Return the text of the file, ending in a newline. Equal placements give equal texts."""
    entries = {
        "format": json.dumps(FORMAT),
        "version": str(VERSION),
        **{key: note_text("Placement.to_json", key, value) for key, value in placement.notes.items()},
        **({} if placement.verdict is None else {"verdict": json.dumps(placement.verdict)}),
        **({"reasons": text_of(list(placement.reasons))} if placement.reasons else {}),
        "clip": _size(placement.clip_size),
        "ref": _size(placement.ref_size),
        "scenes": "[\n" + ",\n".join(_scene_text(scene) for scene in placement.scenes) + "\n  ]",
    }
    return "{\n" + ",\n".join(f"  {text_of(key)}: {value}" for key, value in entries.items()) + "\n}\n"


def _size(size: Size) -> str:
    return json.dumps({"width": size[0], "height": size[1]})


def _scene_text(scene: Scene) -> str:
    transform = scene.transform
    entries = {
        "ref_first": scene.ref_first,
        "shift": [_rounded(part) for part in transform.shift],
        "rotation": _rounded(transform.rotation),
        "scale": [_rounded(transform.scale_x), _rounded(transform.scale_y)],
        "shear": _rounded(transform.shear),
        "matrix": transform.matrix,
        "confidence": scene.confidence,
        "method": scene.method,
        **({"moving": True} if scene.moving else {}),
    }
    return "    {\n" + ",\n".join(f'      "{key}": {text_of(value)}' for key, value in entries.items()) + "\n    }"


def _rounded(value: float) -> float:
    return round(value, _DIGITS) + 0.0  # no negative zero


def save_json(placement: "Placement", path: str | os.PathLike[str]) -> None:
    """Write the file, see `Placement.save`."""
    save_text("Placement.save", placement.to_json(), path)


def load_json(kind: type["Placement"], path: str | os.PathLike[str]) -> "Placement":
    """Read a file, see `Placement.load`."""
    source = Source("Placement.load", "placement", f" in '{os.fspath(path)}'")
    return read_json(kind, load_text(source, path), source)


def read_json(kind: type["Placement"], text: str, source: Source | None = None) -> "Placement":
    """Parse the text of a file, which may have been edited; see `Placement.load`.

    Args:
        kind: The class `Placement`, which this module cannot import without a circle.
        text: The text.
        source: Origin of the text, for messages.
    """
    from vs_align.placement.schema import PlacementFile

    source = source or Source("Placement.from_json", "placement")
    record = parsed(text, source, VERSION, PlacementFile)
    clip_size, ref_size = (record.clip.width, record.clip.height), (record.ref.width, record.ref.height)
    scenes = [_scene(each, i, record, source) for i, each in enumerate(record.scenes)]
    try:
        return kind(clip_size, ref_size, tuple(scenes), record.model_extra or {}, record.verdict, tuple(record.reasons))
    except ArgumentError as error:
        raise source.passed_on(error) from None


def _scene(each: "SceneRecord", i: int, record: "PlacementFile", source: Source) -> Scene:
    clip_size, ref_size = (record.clip.width, record.clip.height), (record.ref.width, record.ref.height)
    prefix = f"scenes[{i}]."
    try:
        by_matrix = None if each.matrix is None else _from_matrix(each.matrix, clip_size, ref_size)
        by_parts = _from_parts(each, clip_size, ref_size, by_matrix)
    except ArgumentError as error:
        raise source.passed_on(error, prefix) from None
    transform = by_matrix or by_parts
    if transform is None:
        raise source.error(f"{prefix}matrix", "or shift, rotation, scale or shear must be there")
    if by_matrix is not None and by_parts is not None:
        _check_agreement(each, by_matrix, by_parts, prefix, source)
    return Scene(each.ref_first, transform, each.confidence, each.method, each.moving)


def _from_matrix(matrix: list[list[float]], clip_size: Size, ref_size: Size) -> Transform:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return Transform(((a, b, c), (d, e, f), (g, h, i)), clip_size, ref_size)


def _from_parts(each: "SceneRecord", clip_size: Size, ref_size: Size, known: Transform | None) -> Transform | None:
    """Return the transform of the given parts; missing parts come from the matrix, or are neutral."""
    if all(part is None for part in (each.shift, each.rotation, each.scale, each.shear)):
        return None
    base = known or Transform.neutral(clip_size, ref_size)
    shift = base.shift if each.shift is None else (each.shift[0], each.shift[1])
    scale = (base.scale_x, base.scale_y) if each.scale is None else (each.scale[0], each.scale[1])
    return Transform.from_parts(
        clip_size,
        ref_size,
        shift=shift,
        rotation=base.rotation if each.rotation is None else each.rotation,
        scale_x=scale[0],
        scale_y=scale[1],
        shear=base.shear if each.shear is None else each.shear,
    )


def _check_agreement(
    each: "SceneRecord", by_matrix: Transform, by_parts: Transform, prefix: str, source: Source
) -> None:
    # compare the parts, because they do not include perspective
    width, height = by_matrix.ref_size
    reach = max(width, height)
    pairs = {
        "shift": max(abs(a - b) for a, b in zip(by_matrix.shift, by_parts.shift, strict=True)),
        "rotation": abs((by_matrix.rotation - by_parts.rotation + 180) % 360 - 180) * reach / 57,
        "scale": max(abs(by_matrix.scale_x - by_parts.scale_x), abs(by_matrix.scale_y - by_parts.scale_y)) * reach,
        "shear": abs(by_matrix.shear - by_parts.shear) * reach,
    }
    for name, difference in pairs.items():
        if difference > _TOLERANCE:
            rule = "must agree with matrix; delete the one that is wrong"
            raise source.error(prefix + name, rule, shown(getattr(each, name)))
