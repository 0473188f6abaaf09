"""`spatial`: what is aligned stays to the last bit, what is moved comes back, and nothing else changes."""

import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.synth import coloured, grid, planes_of, props_of, rgb_clip_of, texture
from vs_align.io.array_types import Float64Array

core = vs.core

FORMATS = {name: getattr(vs, name) for name in ("RGB24", "RGB27", "RGB30", "RGB36", "RGB48", "RGBH", "RGBS")}
SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (17, 13), (35, 63), (101, 67)]
NUMBERS = {
    "VSAlignShiftX": float, "VSAlignShiftY": float, "VSAlignRotation": float, "VSAlignScaleX": float,
    "VSAlignScaleY": float, "VSAlignValid": float, "VSAlignEngine": str, "VSAlignFallback": int,
}  # fmt: skip
Places = Callable[[Float64Array, Float64Array], tuple[Float64Array, Float64Array]]


def align(clip: vs.VideoNode, ref: vs.VideoNode, **options: Any) -> vs.VideoNode:
    return vs_align.spatial(clip, ref, engine="dis", **options)


def painted(places: Places | None = None, size: tuple[int, int] = (160, 90), seed: int = 0) -> Float64Array:
    """Paint the texture as it is seen at some places of it."""
    u, v = grid(*size) if places is None else places(*grid(*size))
    return coloured(texture(u, v, seed))


def moved(x: float, y: float) -> Places:
    return lambda u, v: (u + x, v + y)


def turned(degrees: float, scale: float, center: tuple[float, float]) -> Places:
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))

    def places(u: Float64Array, v: Float64Array) -> tuple[Float64Array, Float64Array]:
        x, y = u - center[0], v - center[1]
        return center[0] + cos * x - sin * y, center[1] + sin * x + cos * y

    return places


def bent(u: Float64Array, v: Float64Array) -> tuple[Float64Array, Float64Array]:
    return u + 1.2 * np.sin(v / 17 + 0.3) + 0.4, v + 0.9 * np.sin(u / 23) - 0.7


def frame_of(clip: vs.VideoNode, n: int = 0) -> Float64Array:
    with clip.get_frame(n) as frame:
        return planes_of(frame)


def same_bits(a: vs.VideoFrame, b: vs.VideoFrame) -> bool:
    return all(np.asarray(a[k]).tobytes() == np.asarray(b[k]).tobytes() for k in range(3))


def differences(result: vs.VideoNode, truth: Float64Array, border: int = 8) -> Float64Array:
    """Distance of frame 0 from the truth away from the border, 0 to 1, per pixel."""
    inner = (slice(border, -border), slice(border, -border))
    out: Float64Array = np.abs(frame_of(result) - truth)[inner].max(axis=-1)
    return out


OPTIONS: dict[str, dict[str, Any]] = {
    **{f"precision {p}": {"precision": p} for p in (1, 2, 3, 4)},
    "wide": {"wide_search": True},
    "alpha": {"alpha": True, "unaligned": "mask"},
    "scene": {"stabilize": "scene"},
    "clip": {"stabilize": "clip"},
    "wide scene": {"wide_search": True, "stabilize": "scene"},
    "wide clip": {"wide_search": True, "stabilize": "clip"},
    "grainy twice": {"lq_input": True, "iterations": 2},
}


@pytest.mark.parametrize("format_id", FORMATS.values(), ids=FORMATS.keys())
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_a_clip_aligned_to_itself_comes_back_to_the_last_bit(format_id: int, options: dict[str, Any]) -> None:
    picture = painted(size=(101, 67)) * 1.4 - 0.2  # float clips keep what is below black and above white
    clip = rgb_clip_of([picture, picture[::-1].copy()], format_id)
    result = align(clip, clip, **options)
    assert result.format.id == format_id
    for n, (a, b) in enumerate(zip(result.frames(close=True), clip.frames(close=True), strict=True)):
        assert same_bits(a, b), n
        assert a.props["VSAlignShiftX"] == a.props["VSAlignShiftY"] == 0
        assert a.props["VSAlignValid"] == 1


def test_a_clip_aligned_to_itself_in_another_depth_hardly_moves() -> None:
    picture = painted()
    result = align(rgb_clip_of([picture], vs.RGB48), rgb_clip_of([picture], vs.RGB24))
    assert differences(result, np.rint(picture * 65535), 1).max() < 0.008 * 65535
    assert abs(props_of(result, "VSAlignShiftX")[0]) < 0.002  # type: ignore[arg-type]


def test_samples_that_are_no_numbers_stay_and_do_no_harm() -> None:
    picture = painted()
    picture[40, 50], picture[60, 120] = np.nan, np.inf
    clip = rgb_clip_of([picture])
    assert same_bits(align(clip, clip).get_frame(0), clip.get_frame(0))
    for pair in ((clip, rgb_clip_of([painted(moved(0.5, 0))])), (rgb_clip_of([painted(moved(-0.5, 0))]), clip)):
        assert props_of(align(*pair), "VSAlignShiftX")[0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("precision", [2, 3, 4])
@pytest.mark.parametrize("brightness", [0.25, 0.6, 1.0])
@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0])
def test_small_shifts_come_back_without_bias(shift: float, brightness: float, precision: int) -> None:
    clip, ref = painted() * brightness, painted(moved(shift, -shift)) * brightness
    result = align(rgb_clip_of([clip], vs.RGB48), rgb_clip_of([ref], vs.RGB48), precision=precision)
    props = result.get_frame(0).props
    assert props["VSAlignShiftX"] == pytest.approx(shift, abs=0.02)
    assert props["VSAlignShiftY"] == pytest.approx(-shift, abs=0.02)
    # 0.02 px on the steepest slopes of this texture is 0.01 of its brightness
    assert np.percentile(differences(result, np.rint(ref * 65535)), 99) < 0.01 * brightness * 65535


MOTIONS: dict[str, Places] = {
    "shift": moved(16, -9),
    "long shift": moved(-25, 10),
    "zoom": turned(0, 1.03, (159.5, 89.5)),
    "turn": turned(1, 1, (159.5, 89.5)),
    "smaller, turned": turned(-1, 0.96, (140, 80)),
    "bent": bent,
}


@pytest.mark.parametrize("places", MOTIONS.values(), ids=MOTIONS.keys())
def test_larger_motions_come_back(places: Places) -> None:
    size = (320, 180)
    clip, ref = painted(size=size), painted(places, size)
    result = align(rgb_clip_of([clip]), rgb_clip_of([ref]))
    u, v = places(*grid(*size))
    shown = ((u >= 8) & (v >= 8) & (u <= size[0] - 9) & (v <= size[1] - 9))[8:-8, 8:-8]
    off = differences(result, ref)[shown]
    assert np.median(off) < 0.003
    assert np.percentile(off, 99) < 0.03
    assert frame_of(result).shape == ref.shape
    x, y = grid(*size)
    props = result.get_frame(0).props
    assert props["VSAlignResidual"] < 0.15
    inside = (u >= -0.5) & (v >= -0.5) & (u <= size[0] - 0.5) & (v <= size[1] - 0.5)
    assert props["VSAlignShiftX"] == pytest.approx(np.median((u - x)[inside]), abs=1.0)
    assert props["VSAlignShiftY"] == pytest.approx(np.median((v - y)[inside]), abs=1.0)
    assert props["VSAlignValid"] == pytest.approx(inside.mean(), abs=0.03)


def test_rotation_and_scale_are_told() -> None:
    clip, ref = painted(size=(320, 180)), painted(turned(1, 1.03, (159.5, 89.5)), (320, 180))
    props = align(rgb_clip_of([clip]), rgb_clip_of([ref])).get_frame(0).props
    assert props["VSAlignRotation"] == pytest.approx(1, abs=0.02)
    assert props["VSAlignScaleX"] == pytest.approx(1.03, abs=0.001)
    assert props["VSAlignScaleY"] == pytest.approx(1.03, abs=0.001)


GRADES: dict[str, Callable[[Float64Array], Float64Array]] = {
    "gamma": lambda p: p**1.6,
    "faded": lambda p: 0.3 * p + 0.05,
    "crushed blacks": lambda p: np.clip((p - 0.25) / 0.75, 0, 1),
    "monochrome": lambda p: np.repeat(p @ np.array([[0.2126], [0.7152], [0.0722]]), 3, axis=-1),
    "grain": lambda p: p + np.random.default_rng(5).normal(0, 0.02, p.shape),
}


@pytest.mark.parametrize("grade", GRADES.values(), ids=GRADES.keys())
@pytest.mark.parametrize("graded", ["clip", "ref"])
def test_the_grade_does_not_matter(graded: str, grade: Callable[[Float64Array], Float64Array]) -> None:
    clip, ref = painted(), painted(bent)
    pair = (grade(clip), ref) if graded == "clip" else (clip, grade(ref))
    result = align(*(rgb_clip_of([picture]) for picture in pair))
    if graded == "ref":
        # what comes back is clip's own grade
        assert np.median(differences(result, ref)) < 0.012
    u, _ = bent(*grid(160, 90))
    told = props_of(result, "VSAlignShiftX")[0]
    # the median of a wave is a rough number; tests of the engine look at the whole field
    assert told == pytest.approx(np.median(u - grid(160, 90)[0]), abs=0.2)


@pytest.mark.parametrize("format_id", FORMATS.values(), ids=FORMATS.keys())
def test_a_flat_color_stays_exactly(format_id: int) -> None:
    peak = 1 if format_id in (vs.RGBH, vs.RGBS) else 2 ** core.get_video_format(format_id).bits_per_sample - 1
    color = [0.25, 0.5, 0.75] if peak == 1 else [peak // 3, peak // 2, peak]
    clip = core.std.BlankClip(width=64, height=48, format=format_id, color=color, length=1)
    result = frame_of(align(clip, rgb_clip_of([painted(size=(80, 50))])))
    # the weights of the kernel add up to 1 but for the last bit of a single float
    assert np.abs(result - color).max() <= (1e-6 if format_id == vs.RGBS else 0)


def test_over_range_values_are_not_clipped() -> None:
    clip, ref = painted() * 3 - 1, painted(moved(0.5, 0.25)) * 3 - 1
    result = align(rgb_clip_of([clip]), rgb_clip_of([ref]))
    assert clip.max() > 1.5
    assert clip.min() < -0.5
    assert differences(result, ref).max() < 0.08  # of 2.4
    # the mean of each channel is kept
    inner = (slice(8, -8), slice(8, -8))
    assert np.allclose(frame_of(result)[inner].mean(axis=(0, 1)), ref[inner].mean(axis=(0, 1)), atol=0.002)


@pytest.mark.parametrize("ref_format", [vs.RGB24, vs.RGBS], ids=["8", "single"])
@pytest.mark.parametrize("format_id", FORMATS.values(), ids=FORMATS.keys())
def test_format_of_clip_and_size_of_ref(format_id: int, ref_format: int) -> None:
    clip = rgb_clip_of([painted(lambda u, v: (2 * u + 0.5, 2 * v + 0.5), (81, 46))], format_id)
    ref = rgb_clip_of([painted()], ref_format)
    for options in ({}, {"alpha": True}):
        result = align(clip, ref, **options)
        assert (result.format.id, result.width, result.height, result.num_frames) == (format_id, 160, 90, 1)
        frame = result.get_frame(0)
        assert (frame.format.id, frame.width, frame.height) == (format_id, 160, 90)


@pytest.mark.parametrize("clip_size", SIZES, ids=str)
def test_awkward_sizes(clip_size: tuple[int, int]) -> None:
    for i, ref_size in enumerate(SIZES):
        clip, ref = (rgb_clip_of([painted(size=size)] * 2) for size in (clip_size, ref_size))
        options = list(OPTIONS.values())[(i + SIZES.index(clip_size)) % len(OPTIONS)]
        for frame in align(clip, ref, **options).frames(close=True):
            assert (frame.width, frame.height) == ref_size
            assert np.isfinite(planes_of(frame)).all()
            assert all(type(frame.props[name]) is kind for name, kind in NUMBERS.items())
            assert all(np.isfinite(v) for k, v in frame.props.items() if NUMBERS.get(k) is float)


RESIZED = {
    "twice": (320, 180),
    "half": (80, 45),
    "other shape": (120, 90),
    "odd": (133, 71),
    "three halves": (240, 135),
}


@pytest.mark.parametrize("clip_size", RESIZED.values(), ids=RESIZED.keys())
def test_a_clip_of_another_size(clip_size: tuple[int, int]) -> None:
    """Both show one image edge on edge, but for a small shift; shared detail is what the smaller one can hold."""
    kx, ky = clip_size[0] / 160, clip_size[1] / 90
    ref = coloured(texture(*grid(160, 90), finest=12))
    u, v = grid(*clip_size)
    clip = coloured(texture((u + 0.5) / kx - 0.5 - 1.5, (v + 0.5) / ky - 0.5 + 1, finest=12))
    result = align(rgb_clip_of([clip]), rgb_clip_of([ref]))
    assert np.percentile(differences(result, ref), 98) < 0.012
    props = result.get_frame(0).props
    assert props["VSAlignShiftX"] == pytest.approx(1.5 * kx, abs=0.03)
    assert props["VSAlignShiftY"] == pytest.approx(-ky, abs=0.03)
    assert props["VSAlignScaleX"] == pytest.approx(1, abs=0.003)


def test_lengths_rates_and_props() -> None:
    pictures = [painted(moved(n, 0), (64, 48)) for n in range(6)]
    clip = rgb_clip_of(pictures[:4], fps=(25, 1)).std.SetFrameProps(Mine=7, _SARNum=4)
    clip = clip.std.ClipToProp(core.std.BlankClip(clip, format=vs.GRAYS))
    ref = rgb_clip_of(pictures, fps=(30000, 1001)).std.SetFrameProps(Mine=8, Yours=9)
    result = align(clip, ref)
    assert (result.num_frames, result.fps) == (6, ref.fps)
    shifts = []
    for frame in result.frames(close=True):
        props = frame.props
        assert (props["Mine"], props["_SARNum"], props["_DurationNum"], props["_DurationDen"]) == (7, 4, 1001, 30000)
        assert "Yours" not in props
        assert "_Alpha" not in props
        shifts.append(props["VSAlignShiftX"])
    # the last frame of the shorter clip stays, so that ref runs away from it
    assert shifts == pytest.approx([0, 0, 0, 0, 1, 2], abs=0.05)
    cut = align(ref, clip)
    assert (cut.num_frames, cut.fps) == (4, clip.fps)
    assert props_of(cut, "Yours") == [9] * 4


def test_a_ref_of_variable_frame_rate() -> None:
    clip = rgb_clip_of([painted(size=(64, 48))] * 7)
    ref = clip[:3].std.AssumeFPS(fpsnum=24) + clip[3:].std.AssumeFPS(fpsnum=30)
    result = align(clip, ref, batch_size=3)
    assert result.fps == 0
    assert props_of(result, "_DurationDen") == [24] * 3 + [30] * 4


def test_fields_do_not_matter() -> None:
    clip, ref = (rgb_clip_of([painted(p, (64, 49))], vs.RGBH).std.SetFieldBased(2) for p in (None, moved(0.5, 0)))
    result = align(clip, ref, alpha=True)
    assert props_of(result, "VSAlignShiftX")[0] == pytest.approx(0.5, abs=0.03)
    assert props_of(result, "_FieldBased") == [2]


@pytest.mark.parametrize("options", [{}, {"wide_search": True}, {"stabilize": "scene", "alpha": True}], ids=str)
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_frames_in_any_order_are_the_same(options: dict[str, Any], batch_size: int) -> None:
    count = 14
    clip = rgb_clip_of([painted(moved(0.4 * n, 0.2 * n), (96, 64)) for n in range(count)], vs.RGB24)
    ref = rgb_clip_of([painted(moved(0.5, 0), (96, 64))] * count, vs.RGB24)

    def taken(numbers: list[int], node: vs.VideoNode) -> dict[int, bytes]:
        return {n: _everything(node.get_frame(n)) for n in numbers}

    in_order = taken(list(range(count)), align(clip, ref, batch_size=1, **options))
    assert len(set(in_order.values())) > count // 2
    numbers = list(range(count)) * 2
    random.Random(batch_size).shuffle(numbers)
    node = align(clip, ref, batch_size=batch_size, **options)
    assert taken(numbers, node) == in_order
    found: dict[int, bytes] = {}
    done = threading.Semaphore(0)

    def arrived(n: int) -> Callable[[Any, Any], None]:
        def keep(frame: Any, error: Any) -> None:
            found[n] = b"" if error else _everything(frame)
            done.release()

        return keep

    node = align(clip, ref, batch_size=batch_size, **options)
    for n in numbers[:count]:
        node.get_frame_async(n, arrived(n))
    for _ in range(count):
        assert done.acquire(timeout=60)
    assert all(in_order[n] == content for n, content in found.items())


def _everything(frame: vs.VideoFrame) -> bytes:
    alpha = frame.props.get("_Alpha")
    told = sorted((k, v) for k, v in frame.props.items() if k != "_Alpha")
    planes = b"".join(np.asarray(frame[k]).tobytes() for k in range(3))
    return planes + (b"" if alpha is None else np.asarray(alpha[0]).tobytes()) + repr(told).encode()


@pytest.mark.parametrize("name", ["RGB24", "RGBH", "RGBS"])
def test_props_that_the_scaler_trips_over_are_kept_and_harmless(name: str) -> None:
    clip, ref = (rgb_clip_of([painted(places)], FORMATS[name]) for places in (moved(1.5, 0), None))
    odd = clip.std.SetFrameProps(_Matrix=1, _FieldBased=2)
    with align(odd, ref.std.SetFrameProps(_Matrix=1, _FieldBased=1), precision=2).get_frame(0) as frame:
        assert frame.props["_Matrix"] == 1 and frame.props["_FieldBased"] == 2
        assert abs(float(frame.props["VSAlignShiftX"]) + 1.5) < 0.03


def test_equal_flat_frames_keep_the_transform_that_is_given() -> None:
    flat = core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=2, color=[40, 40, 40])
    size = (64, 48)
    placement = vs_align.Placement(
        size, size, (vs_align.Scene(0, vs_align.Transform.from_parts(size, size, shift=(8, 0))),)
    )
    with align(flat, flat, placement=placement, alpha=True).get_frame(1) as frame:
        alpha = frame.props["_Alpha"]
        assert isinstance(alpha, vs.VideoFrame)
        assert 7 <= int((np.asarray(alpha[0]) == 0).any(axis=0).sum()) <= 8
        assert (np.asarray(frame[0]) == 40).all()
