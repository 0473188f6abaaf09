"""`temporal(metric="structure", placement=...)`: a known transform, and scenes with different ones."""

from pathlib import Path

import numpy as np
import pytest

import vs_align
from tests.footage import Shot
from tests.structure_cases import SIZE, film, found, grey, offsets
from vs_align import ArgumentError, Placement, Scene, Transform
from vs_align.io.array_types import Float32Array


def two_scenes() -> tuple[list[Float32Array], list[Float32Array], Placement]:
    """Pan and scan: the second scene lies elsewhere, and both lie so that a wrong transform gives a wrong moment."""
    shots = Shot(3, SIZE, (1.5, 0.0)), Shot(8, SIZE, (-1.5, 0.0))
    at = [Transform.from_parts(SIZE, SIZE, shift=(x, 0), scale_x=1.04, scale_y=1.04) for x in (9, -11)]
    clip = [*shots[0].film(range(-16, 8), at[0].array), *shots[1].film(range(8, 30), at[1].array)]
    ref = [*shots[0].film(range(-16, 8)), *shots[1].film(range(8, 30))]
    return clip, ref, Placement(SIZE, SIZE, (Scene(0, at[0]), Scene(24, at[1])))


def test_two_scenes_that_lie_differently() -> None:
    clip, ref, placement = two_scenes()
    measured, given = found(grey(clip), grey(ref)), found(grey(clip), grey(ref), placement=placement)
    assert offsets(measured) == offsets(given) == [0] * 46


def test_a_placement_made_by_hand_is_used(tmp_path: Path) -> None:
    clip, ref, placement = two_scenes()
    path = tmp_path / "placement.json"
    placement.save(path)
    by_hand = found(grey(clip), grey(ref), placement=placement)
    assert found(grey(clip), grey(ref), placement=path) == by_hand
    # of other sizes, it is the same placement
    assert offsets(found(grey(clip), grey(ref), placement=placement.resized((720, 410), (1440, 820)))) == [0] * 46
    # and a wrong one is believed too: its shift is that of a wrong moment
    wrong = offsets(found(grey(clip), grey(ref), placement=Placement.neutral(SIZE, SIZE)))
    assert np.mean([offset != 0 for offset in wrong[6:-6]]) > 0.8
    # the scenes change where the placement says so
    late = Placement(SIZE, SIZE, (placement.scenes[0], Scene(30, placement.scenes[1].transform)))
    scores = [[f["VSAlignScore"] for f in props] for props in (by_hand, found(grey(clip), grey(ref), placement=late))]
    assert scores[0][:20] == scores[1][:20] and scores[0][34:] == scores[1][34:]
    assert min(np.array(scores[1][25:29], np.float64) / np.array(scores[0][25:29], np.float64)) > 2


def test_a_placement_is_for_this_metric_only() -> None:
    clip = grey(film(0, 5))
    with pytest.raises(ArgumentError, match="placement must be left out but for the metric 'structure', got 'butter"):
        vs_align.temporal(clip, clip, metric="butteraugli", placement=Placement.neutral(SIZE, SIZE))
