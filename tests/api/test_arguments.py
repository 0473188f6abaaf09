"""Checks of arguments that several functions share: placements, and the names of vs_align 3.3."""

from pathlib import Path
from typing import Any

import pytest
import vapoursynth as vs

import vs_align
from vs_align import Placement
from vs_align.api.arguments import check_option, check_placement
from vs_align.enums import SpatialPrecision, TemporalPrecision

CLIP, REF = (64, 48), (40, 20)


def blank(size: tuple[int, int], length: int = 3) -> vs.VideoNode:
    return vs.core.std.BlankClip(None, *size, format=vs.RGB24, length=length, keep=True)


def test_a_placement_of_another_size_is_resized(tmp_path: Path) -> None:
    whole = Placement.from_corner(CLIP, REF, 6, 4)
    half = whole.resized((32, 24), (20, 10))
    half.save(tmp_path / "half.json")
    for given in (half, tmp_path / "half.json", str(tmp_path / "half.json")):
        fitted = check_placement("spatial", given, blank(CLIP), blank(REF))
        assert (fitted.clip_size, fitted.ref_size) == (CLIP, REF)
        assert fitted.at(0).apply([(-0.5, -0.5)])[0] == pytest.approx([5.5, 3.5])
    assert check_placement("spatial", whole, blank(CLIP), blank(REF)) is whole


def test_sizes_that_are_rounded_to_pixels_are_of_one_aspect_ratio() -> None:
    placement = Placement.neutral((1920, 1080), (1920, 1080))
    assert check_placement("spatial", placement, blank((854, 480)), blank((426, 240))).clip_size == (854, 480)


CALLS: dict[str, Any] = {
    "temporal": lambda placement: vs_align.temporal(blank(CLIP), blank(REF), metric="structure", placement=placement),
    "spatial": lambda placement: vs_align.spatial(blank(CLIP), blank(REF), placement=placement),
    "sync": lambda placement: vs_align.sync(blank(CLIP), blank(REF), placement=placement, cache=False),
    "overlay": lambda placement: vs_align.overlay(blank(CLIP), blank(REF), placement=placement, cache=False),
}


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize(
    ("placement", "given"),
    [
        (Placement.neutral((64, 40), REF), "one for 64x40 and 40x20; was it made at another size? Use .resized()."),
        (Placement.neutral(CLIP, (40, 22)), "one for 64x48 and 40x22; was it made at another size? Use .resized()."),
        (Placement.neutral(REF, CLIP), "one for 40x20 and 64x48; was it made by register({1}, {0})? Call it with {0} "),
    ],
    ids=["clip", "ref", "turned round"],
)
def test_a_placement_of_another_shape_is_refused_by_all_alike(function: str, placement: Placement, given: str) -> None:
    sides = ("bg", "fg") if function == "overlay" else ("clip", "ref")
    with pytest.raises(vs_align.ArgumentError) as caught:
        CALLS[function](placement)
    rule = "placement must be for {} of 64x48 and {} of 40x20, or of their aspect ratios, got ".format(*sides)
    assert str(caught.value).startswith(f"vs_align.{function}: {rule}{given.format(*sides)}")


@pytest.mark.parametrize(
    ("value", "options", "expected"),
    [
        ("percent_50", SpatialPrecision, SpatialPrecision.FAST),
        ("PERCENT_400", SpatialPrecision, SpatialPrecision.BEST),
        ("topiq", TemporalPrecision, TemporalPrecision.STRUCTURE),
    ],
)
def test_names_of_3_3_are_taken_as_text(value: str, options: Any, expected: Any) -> None:
    assert check_option("temporal", "precision", value, options) is expected
