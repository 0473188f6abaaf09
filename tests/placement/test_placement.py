"""`Transform` and `Placement`: conventions, parts, sizes, errors."""

import math
import pickle
from typing import Any

import numpy as np
import pytest

from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float64Array
from vs_align.placement.homography import resize_matrix
from vs_align.placement.placement import Placement, Scene, Transform

CLIP, REF = (1920, 1080), (721, 405)
PERSPECTIVE = Transform(((1.1, 0.1, 3.0), (-0.05, 0.9, 8.0), (1e-4, -2e-4, 1.0)), (640, 360), (640, 360))


def test_the_neutral_transform_lays_edge_on_edge() -> None:
    neutral = Transform.neutral(CLIP, REF)
    corners = neutral.apply([(-0.5, -0.5), (720.5, 404.5), (360, 202)])
    np.testing.assert_allclose(corners, [(-0.5, -0.5), (1919.5, 1079.5), (959.5, 539.5)], atol=1e-9)
    assert np.array_equal(neutral.array, resize_matrix(CLIP, REF)), "to the last bit"
    assert Transform.identity(REF).matrix == ((1, 0, 0), (0, 1, 0), (0, 0, 1))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (12.5, -3.25)])
@pytest.mark.parametrize("rotation", [0.0, 30.0, -135.0, 90.0, 180.0])
@pytest.mark.parametrize(("scale_x", "scale_y", "shear"), [(1.0, 1.0, 0.0), (1.2, 0.7, 0.25), (0.5, -0.8, 0.0)])
def test_parts_come_back(
    shift: tuple[float, float], rotation: float, scale_x: float, scale_y: float, shear: float
) -> None:
    t = Transform.from_parts(CLIP, REF, shift=shift, rotation=rotation, scale_x=scale_x, scale_y=scale_y, shear=shear)
    assert t.shift == pytest.approx(shift, abs=1e-9)
    assert math.cos(math.radians(t.rotation - rotation)) == pytest.approx(1)
    assert (t.scale_x, t.scale_y, t.shear) == pytest.approx((scale_x, scale_y, shear))


def test_parts_mean_what_they_say() -> None:
    center = np.array([49.5, 29.5])

    def moved(point: tuple[float, float], **parts: Any) -> Float64Array:
        t = Transform.from_parts((100, 60), (100, 60), **parts)
        out: Float64Array = t.apply(center + point) - center
        return out

    assert moved((0, 0), shift=(3, -2)) == pytest.approx([3, -2]), "clip's picture lies right of ref's and above"
    assert moved((10, 0), rotation=90) == pytest.approx([0, 10]), "clockwise: right becomes down"
    assert moved((10, 10), scale_x=2, scale_y=0.5) == pytest.approx([20, 5])
    assert moved((0, -10), shear=0.3) == pytest.approx([3, -10]), "the top leans to the right"
    # Shifts count in ref pixels whatever the size of clip.
    assert Transform.from_parts((200, 120), (100, 60), shift=(3, 0)).apply(center) == pytest.approx([105.5, 59.5])


def test_a_crop_is_what_is_missing_at_the_edges() -> None:
    t = Transform.from_crop((640, 480), (320, 180), top=60, bottom=60)
    assert t.apply([(-0.5, -0.5), (319.5, 179.5)]) == pytest.approx(np.array([(-0.5, 59.5), (639.5, 419.5)]))
    assert (t.scale_x, t.scale_y) == pytest.approx((1, 0.75)), "ref shows the picture taller"
    assert Transform.from_crop((640, 480), (320, 180)) == Transform.neutral((640, 480), (320, 180))
    wider = Transform.from_crop((480, 360), (640, 360), left=-80, right=-80)
    assert wider.apply((80, 5)) == pytest.approx([0, 5]), "ref shows more than clip"


def test_parts_of_a_homography_are_those_at_the_center() -> None:
    center, step = np.array([319.5, 179.5]), 1e-4
    here, right = PERSPECTIVE.apply([center, center + np.array([step, 0])])
    assert PERSPECTIVE.shift == pytest.approx(here - center)
    slope = (right - here) / step
    assert PERSPECTIVE.scale_x == pytest.approx(math.hypot(*slope), rel=1e-5)
    assert PERSPECTIVE.rotation == pytest.approx(math.degrees(math.atan2(slope[1], slope[0])), rel=1e-4)


def test_inverse_and_composition_agree_with_points() -> None:
    points = np.random.default_rng(0).uniform(0, 360, (5, 7, 2))
    back = PERSPECTIVE.inverse()
    assert back.apply(PERSPECTIVE.apply(points)) == pytest.approx(points)
    further = Transform.from_parts((1280, 800), (640, 360), rotation=5, shift=(2, 1))
    both = PERSPECTIVE.then(further)
    assert both.apply(points) == pytest.approx(further.apply(PERSPECTIVE.apply(points)))
    assert (both.clip_size, both.ref_size) == ((1280, 800), (640, 360))
    assert PERSPECTIVE.then(back).array == pytest.approx(np.eye(3))
    with pytest.raises(ArgumentError, match="further must start from images of 1280x800, got 640x360"):
        both.then(further)


def test_another_size_is_the_same_picture() -> None:
    big = PERSPECTIVE.resized((1921, 1081), (1280, 719))
    for x, y in ((-0.5, -0.5), (639.5, 359.5), (100, 20)):
        u, v = PERSPECTIVE.apply((x, y))
        there = ((x + 0.5) * 2 - 0.5, (y + 0.5) * 719 / 360 - 0.5)
        assert big.apply(there) == pytest.approx([(u + 0.5) * 1921 / 640 - 0.5, (v + 0.5) * 1081 / 360 - 0.5])
    assert big.resized((640, 360), (640, 360)).array == pytest.approx(PERSPECTIVE.array)
    assert PERSPECTIVE.resized((640, 360), (640, 360)) is PERSPECTIVE
    neutral = Transform.neutral((64, 36), (32, 18)).resized(CLIP, REF)
    assert neutral.array == pytest.approx(resize_matrix(CLIP, REF))


def test_matrices_are_kept_as_plain_numbers() -> None:
    given: Any = np.diag([4.0, 2.0, 2.0]).astype(np.float32)
    t = Transform(given, (np.int64(8), 4), (4, 4))  # type: ignore[arg-type]
    assert t.matrix == ((2.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    assert {type(x) for row in t.matrix for x in row} == {float} and type(t.clip_size[0]) is int
    assert pickle.loads(pickle.dumps(t)) == t and hash(t) == hash(pickle.loads(pickle.dumps(t)))  # noqa: S301


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(2), "matrix must be 3x3 numbers"),
        ("text", "matrix must be 3x3 numbers"),
        (np.full((3, 3), np.nan), "matrix must be finite"),
        (np.zeros((3, 3)), "matrix must not send"),
        (np.diag([1, 0, 1]), "matrix must have an inverse"),
        ([[1, 0, 0], [0, 1, 0], [-1, 0, 1]], "matrix must not send a part of ref to infinity"),
    ],
)
def test_a_matrix_that_is_none_is_refused(matrix: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=f"vs_align.Transform: {words}"):
        Transform(matrix, (64, 36), (64, 36))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Transform.neutral((0, 4), (4, 4)), "clip_size must be at least 1x1, got 0x4"),
        (lambda: Transform.neutral((4, 4), (4,)), "ref_size must be a width and a height"),  # type: ignore[arg-type]
        (lambda: Transform.neutral((4, 4.5), (4, 4)), "clip_size must be a whole number"),  # type: ignore[arg-type]
        (lambda: Transform.from_parts(CLIP, REF, scale_y=0), "scale_y must not be 0"),
        (lambda: Transform.from_parts(CLIP, REF, rotation=math.inf), "rotation must be finite"),
        (lambda: Transform.from_crop((8, 8), REF, left=4, right=4), "right must leave something of clip"),
        (lambda: PERSPECTIVE.apply([1, 2, 3]), "points must have shape"),
        (lambda: Placement(CLIP, REF, ()), "scenes must have at least one entry"),
        (lambda: Placement(CLIP, REF, (1,)), r"scenes\[0\] must be a Scene"),  # type: ignore[arg-type]
        (lambda: Scene(-1, PERSPECTIVE), "ref_first must be at least 0"),
        (lambda: Scene(0, PERSPECTIVE, 1.5), r"confidence must lie in 0\.\.1"),
        (lambda: Scene(0, np.eye(3)), "transform must be a Transform"),  # type: ignore[arg-type]
        (lambda: Placement(CLIP, REF, (Scene(0, PERSPECTIVE),)), r"scenes\[0\].transform must be for a clip of 1920"),
        (lambda: placement(1), r"scenes\[0\].ref_first must be 0"),
        (lambda: placement(0, 5, 5), r"scenes\[2\].ref_first must be after the scene before \(5\)"),
        (lambda: placement(0).at(-1), "Placement.at: n must be at least 0, got -1"),
        (lambda: Scene(0, PERSPECTIVE, moving=1), "Scene: moving must be True or False, got 1"),  # type: ignore[arg-type]
        (lambda: judged("fine"), "Placement: verdict must be one of exact, good, doubtful, got 'fine'"),
        (lambda: judged("unrelated"), "Placement: verdict must be one of"),
        (lambda: judged(None, "one text"), "Placement: reasons must be"),  # type: ignore[arg-type]
        (lambda: Placement.from_corner(CLIP, REF, 0, 0, 0), "Placement.from_corner: scale must be above 0, got 0"),
        (lambda: Placement.from_corner(CLIP, REF, 0, 0, math.nan), "Placement.from_corner: scale must be above 0"),
        (lambda: Placement(CLIP, REF, placement(0).scenes, {"scenes": 1}), "notes must have text keys"),
    ],
)
def test_what_is_wrong_is_named(call: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()


def judged(verdict: str | None, reasons: tuple[str, ...] = ()) -> Placement:
    return Placement((640, 360), (640, 360), (Scene(0, PERSPECTIVE),), {}, verdict, reasons)


def placement(*firsts: int) -> Placement:
    return Placement(CLIP, REF, tuple(Scene(n, Transform.from_parts(CLIP, REF, shift=(n, 0)), n / 100) for n in firsts))


def test_each_frame_has_the_transform_of_its_scene() -> None:
    p = placement(0, 10, 11, 40)
    shifts = [round(p.at(n).shift[0]) for n in (0, 9, 10, 11, 39, 40, 10**9)]
    assert shifts == [0, 0, 10, 11, 11, 40, 40]
    assert p.scene_at(12).ref_first == 11
    assert p.confidence == 0 and Placement.neutral(CLIP, REF).confidence is None


def test_a_placement_is_carried_to_other_sizes() -> None:
    p = placement(0, 30).resized((960, 540), (360, 200))
    assert (p.clip_size, p.ref_size) == ((960, 540), (360, 200))
    assert p.at(30).shift[0] == pytest.approx(30 * 360 / 721)
    assert p.scenes[1].confidence == 0.3


def moved(dx: float, dy: float = 0.0, scale: float = 1.0) -> Transform:
    return Transform.from_parts(CLIP, REF, shift=(dx, dy), scale_x=scale, scale_y=scale)


def test_a_moving_scene_goes_evenly_to_the_next() -> None:
    here, there, last = moved(2, -3), moved(12, 1, 1.1), moved(50)
    p = Placement(CLIP, REF, (Scene(0, here, moving=True), Scene(8, there), Scene(20, last, moving=True)))
    for n in range(9):
        wanted = here.array + n / 8 * (there.array - here.array)
        assert p.at(n).array == pytest.approx(wanted, abs=1e-12)
    assert p.at(4).apply((100, 50)) == pytest.approx((here.apply((100, 50)) + there.apply((100, 50))) / 2)
    assert p.at(0) is here and p.at(8) is there, "its own frames have the numbers that were measured"
    assert p.at(3) != p.at(4)
    # one object for a steady scene, so that whoever draws it sees that nothing changes
    assert all(p.at(n) is there for n in range(8, 20))
    # there is nothing to go to
    assert all(p.at(n) is last for n in (20, 21, 10**9))
    assert p.scene_at(5).transform is here


def test_towards_moves_points_in_straight_lines() -> None:
    here, there = moved(2, -3, 0.9), moved(12, 1, 1.1)
    points = np.random.default_rng(0).uniform(0, 400, (20, 2))
    for share in (0.0, 0.25, 0.7, 1.0):
        between = here.towards(there, share)
        assert between.apply(points) == pytest.approx((1 - share) * here.apply(points) + share * there.apply(points))
        assert (between.clip_size, between.ref_size) == (CLIP, REF)
    assert here.towards(there, 0).matrix == here.matrix
    assert here.towards(there, 1).matrix == there.matrix


@pytest.mark.parametrize(("x", "y", "scale"), [(0, 0, 1), (13, -4, 1), (2.5, 7.25, 0.5), (-30, 0.1, 2.66)])
def test_a_corner_is_where_the_edge_lies(x: float, y: float, scale: float) -> None:
    p = Placement.from_corner(CLIP, REF, x, y, scale, "by hand")
    corners = p.at(7).apply([(-0.5, -0.5), (720.5, 404.5)])
    assert corners[0] == pytest.approx([x - 0.5, y - 0.5])
    assert corners[1] == pytest.approx([x + 721 * scale - 0.5, y + 405 * scale - 0.5])
    assert [scene.method for scene in p.scenes] == ["by hand"] and p.confidence is None and p.verdict is None


def test_pixels_at_whole_corners_are_pixels() -> None:
    assert Placement.from_corner(CLIP, REF, 13, -4).at(0).matrix == ((1, 0, 13), (0, 1, -4), (0, 0, 1))
    assert Placement.from_corner(REF, REF, 0, 0) == Placement.neutral(REF, REF)


def test_what_it_is_worth_goes_with_it() -> None:
    p = judged("doubtful", ("little is to be seen", "and that moves"))
    assert p.resized((320, 180), (64, 36)).verdict == "doubtful"
    assert p.resized((320, 180), (64, 36)).reasons == p.reasons
    assert p != judged("good", p.reasons) and p != judged(None)
    assert pickle.loads(pickle.dumps(p)) == p and hash(p) == hash(pickle.loads(pickle.dumps(p)))  # noqa: S301
    scenes = Scene(0, PERSPECTIVE, moving=True), Scene(9, PERSPECTIVE)
    small = Placement((640, 360), (640, 360), scenes).resized((320, 180), (640, 360))
    assert [scene.moving for scene in small.scenes] == [True, False]


def test_the_matrix_maps_ref_to_clip_as_the_picture_in_the_docs_says() -> None:
    placement = Placement.from_corner((1920, 1080), (1440, 800), 240, 140)
    assert placement.at(0).apply([(0, 0)]).tolist() == [[240, 140]]
    assert placement.at(0).array @ [0, 0, 1] == pytest.approx([240, 140, 1])
