"""All transforms of a segment of video."""

import numpy as np
import pytest

from tests.footage import Shot
from tests.measure.registration.scenes import centred, noisy, shifted, turned
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.registration.sequence.geometry import Geometry, find_geometries, identity_geometry

SIZE = (160, 90)


def about_centre(move: Float64Array) -> Float64Array:
    return centred(SIZE) @ move @ np.linalg.inv(centred(SIZE))


FIRST, SECOND = about_centre(shifted(6, 1) @ turned(0, 1.05)), about_centre(shifted(-9, -2) @ turned(0, 1.05))
WINDOWS = [range(n, n + 9) for n in range(0, 40, 2)]


def corner_error(found: Float64Array, truth: Float64Array) -> float:
    corners = np.array([(0, 0, 1), (159, 0, 1), (0, 89, 1), (159, 89, 1)], np.float64)
    return float(np.abs((corners @ (found - truth).T)[:, :2]).max())


def two_scenes(first: Float64Array, second: Float64Array) -> tuple[list[Float32Array], list[Float32Array]]:
    """Clip has four frames more at either end; its cut is where that of ref is."""
    shots = Shot(1, SIZE, (0.6, 0.0)), Shot(9, SIZE, (-0.4, 0.3))
    clip = [*shots[0].film(range(-4, 22), first), *shots[1].film(range(22, 44), second)]
    ref = [*shots[0].film(range(0, 22, 2)), *shots[1].film(range(22, 40, 2))]
    return [noisy(p, 0.01, i) for i, p in enumerate(clip)], ref


def test_a_scene_has_one_transform() -> None:
    clip, ref = two_scenes(FIRST, FIRST)
    (found,) = find_geometries(clip, ref, WINDOWS)
    assert corner_error(found.matrix, FIRST) < 0.1
    assert found.agreement > 0.9


def test_pan_and_scan_has_one_for_each_scene() -> None:
    clip, ref = two_scenes(FIRST, SECOND)
    found = find_geometries(clip, ref, WINDOWS)
    assert len(found) == 2
    assert corner_error(found[0].matrix, FIRST) < 0.1
    assert corner_error(found[1].matrix, SECOND) < 0.1
    assert len({each.key for each in found}) == 2


def test_moments_that_clip_lacks_are_no_scene_of_their_own() -> None:
    clip, ref = two_scenes(FIRST, FIRST)
    clip[14:20] = Shot(70, SIZE, (1, 0)).film(range(6))
    (found,) = find_geometries(clip, ref, WINDOWS)
    assert corner_error(found.matrix, FIRST) < 0.1


def test_borders_do_not_count() -> None:
    clip, ref = two_scenes(FIRST, FIRST)
    for picture in clip:
        picture[:11] = picture[-13:] = 0.06
    for picture in ref:
        picture[:, :8] = 0
    (found,) = find_geometries(clip, ref, WINDOWS)
    assert corner_error(found.matrix, FIRST) < 0.15
    assert not found.clip_weight[:11].any() and not found.clip_weight[-13:].any()
    assert not found.ref_weight[:, :8].any()
    assert found.clip_weight[13:-15].all() and found.ref_weight[:, 10:].all()
    rows, columns = np.divmod(found.common, SIZE[0])
    assert columns.min() >= 8 and rows.min() > 8


@pytest.mark.parametrize("which", ["clip", "ref", "both"])
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_flat_stretches_have_none(which: str, value: float) -> None:
    clip, ref = two_scenes(FIRST, FIRST)
    flat = np.full((90, 160), value, np.float32)
    clip = clip if which == "ref" else [flat] * len(clip)
    ref = ref if which == "clip" else [flat] * len(ref)
    assert find_geometries(clip, ref, WINDOWS) == []


def test_a_geometry_shows_clip_as_it_lies_on_ref() -> None:
    shot = Shot(5, SIZE)
    whole = np.ones((90, 160), np.float32)
    geometry = Geometry(FIRST, whole, whole, 1.0)
    seen, expected = geometry.seen(shot.at(3, FIRST)).ravel(), shot.at(3).ravel()
    common = geometry.common
    assert 0.8 * whole.size < common.size < whole.size
    assert np.abs(seen[common] - expected[common]).mean() < 0.01
    assert np.abs(shot.at(3, FIRST).ravel()[common] - expected[common]).mean() > 0.05


def test_the_neutral_geometry_changes_nothing() -> None:
    neutral, picture = identity_geometry((7, 5)), np.random.default_rng(0).random((5, 7)).astype(np.float32)
    assert neutral.seen(picture) is picture
    assert neutral.common.tolist() == list(range(35))


def test_keys_tell_geometries_apart() -> None:
    whole, part = np.ones((5, 7), np.float32), np.ones((5, 7), np.float32)
    part[0, 0] = 0
    shift = shifted(1e-9, 0)
    kinds = [(np.eye(3), whole, whole), (shift, whole, whole), (np.eye(3), part, whole), (np.eye(3), whole, part)]
    assert len({Geometry(*kind, 0.5).key for kind in kinds}) == 4
    assert Geometry(np.eye(3), whole, whole, 0.1).key == Geometry(np.eye(3), whole.copy(), whole, 0.9).key
