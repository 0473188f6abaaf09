"""The file of a `Placement`: layout, round trip, edits by hand, errors, safe writing."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vs_align.errors import ArgumentError, MediaError
from vs_align.placement.placement import FILE_KEYS, Placement, Scene, Transform

CLIP, REF = (640, 480), (320, 180)
TILTED = Transform(((1.9, 0.1, 3.0), (-0.05, 2.4, 8.0), (1e-4, -2e-4, 1.0)), CLIP, REF)
PARTS = Transform.from_parts(CLIP, REF, shift=(4, -2.5), rotation=3, scale_x=1.03, scale_y=0.98, shear=0.1)
SCENES = Scene(0, PARTS, 0.75, "sift affine"), Scene(24, TILTED)
EXAMPLE = Placement(CLIP, REF, SCENES, {"note": [1, None, "ä"]})
MOVING = Placement(
    CLIP, REF, (Scene(0, PARTS, 1.0, "template", moving=True), *SCENES[1:]), {}, "doubtful", ('it "moves"', "ä")
)


def edited(edit: Callable[[dict[str, Any]], object], placement: Placement = EXAMPLE) -> Placement:
    data = json.loads(placement.to_json())
    edit(data)
    return Placement.from_json(json.dumps(data))


def test_the_layout_is_for_reading() -> None:
    transform = Transform.from_parts((64, 36), (32, 18), shift=(1, -0.5))
    assert Placement((64, 36), (32, 18), (Scene(0, transform, 0.5),)).to_json() == (
        "{\n"
        '  "format": "vs_align placement",\n'
        '  "version": 1,\n'
        '  "clip": {"width": 64, "height": 36},\n'
        '  "ref": {"width": 32, "height": 18},\n'
        '  "scenes": [\n'
        "    {\n"
        '      "ref_first": 0,\n'
        '      "shift": [1.0, -0.5],\n'
        '      "rotation": 0.0,\n'
        '      "scale": [1.0, 1.0],\n'
        '      "shear": 0.0,\n'
        '      "matrix": [[2.0, 0.0, 2.5], [0.0, 2.0, -0.5], [0.0, 0.0, 1.0]],\n'
        '      "confidence": 0.5,\n'
        '      "method": ""\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "placement.json"
    EXAMPLE.save(path)
    again = Placement.load(str(path))
    assert again == EXAMPLE and again.notes == EXAMPLE.notes
    assert again.to_json() == path.read_text(encoding="utf-8") == EXAMPLE.to_json()
    assert os.listdir(tmp_path) == ["placement.json"]


def test_either_half_is_enough() -> None:
    def without(*keys: str) -> Callable[[dict[str, Any]], object]:
        return lambda data: [scene.pop(key) for scene in data["scenes"] for key in keys]

    assert edited(without("shift", "rotation", "scale", "shear")) == EXAMPLE
    parts_only = edited(without("matrix"))
    assert parts_only.at(0).array == pytest.approx(EXAMPLE.at(0).array, abs=1e-6)
    assert parts_only.at(24).shift == pytest.approx(EXAMPLE.at(24).shift)
    assert parts_only.at(24).matrix[2] == (0, 0, 1), "perspective is in the matrix only"
    short = edited(lambda data: data.update(scenes=[{"ref_first": 0, "shift": [5, 0]}]))
    assert short.at(0) == Transform.from_parts(CLIP, REF, shift=(5, 0))


@pytest.mark.parametrize(
    ("key", "value"), [("shift", [4.01, -2.5]), ("rotation", 3.1), ("scale", [1.03, 0.99]), ("shear", 0.11)]
)
def test_an_edit_of_one_half_only_is_not_lost_in_silence(key: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=rf"scenes\[0\]\.{key} must agree with matrix; delete the one"):
        edited(lambda data: data["scenes"][0].update({key: value}))
    changed = edited(lambda data: (data["scenes"][0].update({key: value}), data["scenes"][0].pop("matrix")))
    assert changed.at(0) != EXAMPLE.at(0)


def scene(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda data: data["scenes"][1].update(changes)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda data: data.update(format="vs_align timeline"), "format must be 'vs_align placement'"),
        (lambda data: data.update(version=2), "version must be at most 1"),
        (lambda data: data.pop("clip"), "clip is missing"),
        (lambda data: data["clip"].update(width=0), "clip.width must be greater than or equal to 1"),
        (lambda data: data["clip"].update(width=641), r"scenes\[0\].shift must agree with matrix"),
        (lambda data: data.update(scenes=[]), "scenes List should have at least 1 item"),
        (lambda data: data["scenes"][0].update(ref_first=3), r"scenes\[0\].ref_first must be 0"),
        (scene(ref_first=0), r"scenes\[1\].ref_first must be after the scene before"),
        (scene(ref_first=1.5), r"scenes\[1\].ref_first must be a valid integer"),
        (scene(confidence=2), r"scenes\[1\].confidence must be less than or equal to 1"),
        (scene(matrix=[[1, 0], [0, 1]]), r"scenes\[1\].matrix"),
        (scene(matrix=[[0, 0, 0]] * 3), r"scenes\[1\].matrix must not send"),
        (scene(shfit=[0, 0]), r"scenes\[1\].shfit is not a key of this format"),
        (lambda data: data.update(scenes=[{"ref_first": 0}]), r"scenes\[0\].matrix or shift, .* must be there"),
        (lambda data: data.update(scenes=[{"ref_first": 0, "scale": [0, 1]}]), r"scenes\[0\].scale_x must not be 0"),
    ],
)
def test_what_is_wrong_is_named(edit: Callable[[dict[str, Any]], object], words: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=f"vs_align.Placement.from_json: {words}"):
        edited(edit)
    path = tmp_path / "edited.json"
    data = json.loads(EXAMPLE.to_json())
    edit(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ArgumentError, match=r"in '.*edited.json'"):
        Placement.load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "text must be JSON: .* at line 1 column 2"),
        ("[]", "text must be a JSON object"),
        ('{"a": 1, "a": 2}', 'key "a" occurs twice'),
        ("[" * 100_000, "text must be JSON"),
    ],
)
def test_what_is_no_json_is_refused(text: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        Placement.from_json(text)


def test_files_that_are_no_placement_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="path must name a placement file that can be read"):
        Placement.load(tmp_path / "nothing.json")
    video = tmp_path / "video.mkv"
    video.write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    with pytest.raises(ArgumentError, match="must be a JSON object in UTF-8"):
        Placement.load(video)
    wrong = tmp_path / "latin.json"
    wrong.write_bytes(b'{"a": "\xe4"}')
    with pytest.raises(ArgumentError, match="must be a JSON object in UTF-8"):
        Placement.load(wrong)


def test_a_file_is_replaced_at_the_end_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "placement.json"
    path.write_text("old")
    path.chmod(0o640)

    def refuse(part: Path, target: Path) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(MediaError, match=r"Placement.save: cannot write .* no space left"):
            EXAMPLE.save(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["placement.json"]
    EXAMPLE.save(path)
    assert Placement.load(path) == EXAMPLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(MediaError):
        EXAMPLE.save(tmp_path / "no folder" / "placement.json")


def test_notes_that_are_no_json_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"notes\['x'\] must be a JSON value"):
        Placement(CLIP, REF, EXAMPLE.scenes, {"x": object()}).to_json()
    infinite = Placement(CLIP, REF, EXAMPLE.scenes, {"x": float("inf")})
    assert json.loads(infinite.to_json())["x"] is None


def test_what_it_is_worth_and_what_moves_are_written_where_they_are_there(tmp_path: Path) -> None:
    again = Placement.from_json(MOVING.to_json())
    assert again == MOVING
    assert (again.verdict, again.reasons) == ("doubtful", ('it "moves"', "ä"))
    assert [scene.moving for scene in again.scenes] == [True, False]
    assert again.at(12) == MOVING.at(12) != MOVING.at(0)
    data = json.loads(MOVING.to_json())
    assert list(data) == ["format", "version", "verdict", "reasons", "clip", "ref", "scenes"]
    assert data["scenes"][0]["moving"] is True and "moving" not in data["scenes"][1]
    assert {"verdict", "reasons"}.isdisjoint(json.loads(EXAMPLE.to_json()))


def test_files_from_before_these_keys_are_read() -> None:
    old = json.loads(EXAMPLE.to_json())
    assert set(old) == {"format", "version", "note", "clip", "ref", "scenes"}
    found = Placement.from_json(json.dumps(old))
    assert (found.verdict, found.reasons) == (None, ())
    assert not any(scene.moving for scene in found.scenes)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda data: data.update(verdict="fine"), "verdict must be "),
        (lambda data: data.update(verdict="unrelated"), "verdict must be "),
        (lambda data: data.update(reasons="one"), "reasons must be "),
        (lambda data: data.update(reasons=[1]), r"reasons\[0\] must be "),
        (lambda data: data["scenes"][0].update(moving=1), r"scenes\[0\].moving must be "),
        (lambda data: data["scenes"][0].update(moving="yes"), r"scenes\[0\].moving must be "),
    ],
)
def test_wrong_values_of_these_keys_are_named(edit: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(ArgumentError, match=f"vs_align.Placement.from_json: {words}"):
        edited(edit, MOVING)


def test_the_schema_knows_the_keys() -> None:
    schema = Placement.json_schema()
    assert set(schema["properties"]) == set(FILE_KEYS)
    keys = set(schema["$defs"]["SceneRecord"]["properties"])
    # what stands still does not say so
    assert set(json.loads(EXAMPLE.to_json())["scenes"][0]) == keys - {"moving"}
    assert set(json.loads(MOVING.to_json())["scenes"][0]) == keys
