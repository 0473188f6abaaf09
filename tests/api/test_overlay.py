"""`overlay()`: which frames are shown where, with time and place given."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.overlay_clips import (
    ABOVE,
    BG,
    FG,
    LEFT,
    PLACED,
    TOP,
    at_rate,
    background,
    core,
    foreground,
    placed,
    seen,
    timeline,
)
from tests.synth import numbered_clip
from vs_align.api.overlay import overlay
from vs_align.enums import Timing
from vs_align.placement.placement import Placement, Scene, Transform
from vs_align.render.overlay.frame_order import filled, reorder_frames


def test_every_frame_of_fg_on_the_frame_of_bg_that_shows_the_same() -> None:
    frames = [3, 4, 5, 5, 6, 9, 10, None, None, 11, 12, 30, 31]
    bg, fg = background(40), at_rate(foreground(13), 25)
    result = overlay(bg, fg, timeline=timeline(frames, 40, 24, 25), placement=PLACED)
    held = [3, 4, 5, 5, 6, 9, 10, 10, 11, 11, 12, 30, 31]
    assert seen(result) == list(zip(held, range(13), strict=True))
    assert (result.width, result.height, result.format.id, result.fps) == (*BG, bg.format.id, 25)
    with result.get_frame(3) as frame:
        assert (frame.props["_DurationNum"], frame.props["_DurationDen"]) == (1, 25)


def test_frames_in_any_order() -> None:
    rng = np.random.default_rng(3)
    frames = [int(n) for n in rng.integers(0, 500, 600)]
    result = overlay(background(500), foreground(600), timeline=timeline(frames, 500), placement=PLACED)
    for n in (*rng.permutation(600)[:60], 0, 599):
        with result.get_frame(int(n)) as frame:
            assert np.asarray(frame[0])[0, 0] == frames[n]
            assert np.asarray(frame[0])[TOP, LEFT] == n + ABOVE


def test_bgs_own_time_with_fg_longer_at_both_ends() -> None:
    frames: list[int | None] = [*[None] * 30, *range(20), *[None] * 10]
    given = timeline(frames, 20)
    result = overlay(background(20), foreground(60), timeline=given, placement=PLACED, timing="bg", trim=False)
    assert seen(result) == [(min(max(n - 30, 0), 19), n) for n in range(60)]
    trimmed = overlay(background(20), foreground(60), timeline=given, placement=PLACED, timing="bg")
    assert seen(trimmed) == [(n, n + 30) for n in range(20)]


def test_fg_is_hidden_where_bg_goes_on_alone() -> None:
    given = timeline([*range(5, 25)], 40)
    result = overlay(background(40), foreground(20), timeline=given, placement=PLACED, timing="bg", trim=False)
    with result.get_frame(2) as frame:
        assert np.asarray(frame[0]).min() == np.asarray(frame[0]).max() == 2
        assert frame.props["VSAlignForeground"] == -1
        assert not {"VSAlignX", "VSAlignRotation", "VSAlignConfidence"} & set(frame.props)
    with result.get_frame(7) as frame:
        assert np.asarray(frame[0])[TOP, LEFT] == ABOVE + 2


@pytest.mark.parametrize(("form", "black"), [(vs.GRAY16, 16 << 8), (vs.YUV420P8, 16), (vs.RGB24, 0), (vs.GRAYS, 0)])
def test_black_where_bg_has_no_frame(form: int, black: int) -> None:
    bg = (
        core.std.BlankClip(width=32, height=24, format=form, length=20, color=[200] * (1 if form != vs.RGB24 else 3))
        if form in (vs.GRAY16, vs.RGB24)
        else core.std.BlankClip(width=32, height=24, format=form, length=20)
    )
    bg = bg.std.SetFrameProps(Mine=7)
    fg = core.std.BlankClip(bg, width=16, height=12, length=60)
    given = timeline([*[None] * 40, *range(20)], 20)
    result = overlay(
        bg,
        fg,
        timeline=given,
        placement=Placement(BG, FG, (placed(8, 6),)),
        timing="bg",
        trim=False,
        background="black",
    )
    with result.get_frame(3) as frame, bg.get_frame(0) as lit:
        assert np.asarray(frame[0])[0, 0] == black
        assert frame.props["Mine"] == 7
        if frame.format.color_family == vs.YUV:
            assert np.asarray(frame[1])[0, 0] == 128
        assert np.asarray(lit[0])[0, 0] != black or form in (vs.YUV420P8, vs.GRAYS)
    with result.get_frame(45) as frame, bg.get_frame(0) as lit:
        assert np.asarray(frame[0])[0, 0] == np.asarray(lit[0])[0, 0]


def test_black_of_full_range() -> None:
    bg = core.std.BlankClip(width=32, height=24, format=vs.YUV420P8, color=[90, 128, 128], length=20)
    bg = bg.std.SetFrameProps(_Range=vs.RANGE_FULL)
    given = timeline([*[None] * 40, *range(20)], 20)
    result = overlay(
        bg,
        core.std.BlankClip(bg, width=16, height=12, length=60),
        timeline=given,
        placement=PLACED,
        trim=False,
        background="black",
    )
    levels = [int(np.asarray(frame[0])[0, 0]) for frame in result.frames(close=True)]
    assert levels == [0] * 40 + [90] * 20


def test_the_higher_rate_on_bgs_clock() -> None:
    truth = [4 * n // 5 for n in range(50)]
    given = timeline(truth, 40, 24, 30)
    bg, fg = background(40), at_rate(foreground(50), 30)
    result = overlay(bg, fg, timeline=given, placement=PLACED, timing="bg")
    assert seen(result) == list(zip(truth, range(50), strict=True))
    assert result.fps == 30
    with result.get_frame(9) as frame:
        assert (frame.props["_DurationNum"], frame.props["_DurationDen"]) == (1, 30)


def test_the_time_of_a_third_clip() -> None:
    ref = core.std.BlankClip(width=8, height=8, length=20, fpsnum=30)
    pair = (
        timeline([n + 10 for n in range(20)], 60, 24, 30),
        timeline([*[None] * 5, *range(10), *[None] * 5], 10, 25, 30),
    )
    bg, fg = background(60), foreground(10)
    result = overlay(bg, fg, timeline=pair, placement=PLACED, timing="ref", ref=ref)
    assert seen(result) == [(n + 10, n - 5) for n in range(5, 15)]
    assert result.fps == 30
    whole = overlay(bg, fg, timeline=pair, placement=PLACED, timing="ref", ref=ref, trim=False)
    assert [int(frame.props["VSAlignForeground"]) for frame in whole.frames(close=True)] == [
        n - 5 if 5 <= n < 15 else -1 for n in range(20)
    ]


def variable(length: int, clip: vs.VideoNode) -> vs.VideoNode:
    """Frame n lasts (n + 1) hundredths of a second."""
    blank = core.std.BlankClip(width=1, height=1, length=length, format=vs.GRAY8)
    stamps = blank.std.ModifyFrame(blank, stamp)
    mixed = (clip.std.AssumeFPS(fpsnum=24) + clip.std.AssumeFPS(fpsnum=25))[:length]
    return mixed.std.CopyFrameProps(stamps, props=["_DurationNum", "_DurationDen", "_AbsoluteTime"])


def stamp(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
    out = f.copy()
    out.props.update(_DurationNum=n + 1, _DurationDen=100, _AbsoluteTime=n * (n + 1) / 200)
    return out


def durations(clip: vs.VideoNode) -> list[Fraction]:
    return [
        Fraction(int(frame.props["_DurationNum"]), int(frame.props["_DurationDen"]))
        for frame in clip.frames(close=True)
    ]


def test_a_variable_rate_is_kept() -> None:
    fg = variable(20, foreground(20))
    assert fg.fps == 0
    times = [n * (n + 1) / 200 for n in range(20)]
    given = timeline([None] * 4 + [*range(16)], 40, 24, 0, ref_times=times)
    result = overlay(background(40), fg, timeline=given, placement=PLACED)
    assert seen(result) == [(n, n + 4) for n in range(16)]
    assert result.fps == 0
    assert durations(result) == [Fraction(n + 1, 100) for n in range(4, 20)]
    # bg's variable rate, and fg begins before it and ends behind it
    bg = variable(10, background(10))
    turned = timeline([*[None] * 3, *range(10), None], 10, 0, 24, clip_times=times[:10])
    longer = overlay(bg, foreground(14), timeline=turned, placement=PLACED, timing="bg", trim=False)
    assert [int(f.props["VSAlignForeground"]) for f in longer.frames(close=True)] == list(range(14))
    assert longer.fps == 0
    step = Fraction(1, 20)  # 0.45 s over nine distances
    assert durations(longer) == [step, step, step, *[Fraction(n + 1, 100) for n in range(10)], step]
    # a steady fg over it has its own rate
    steady = overlay(bg, foreground(14), timeline=turned, placement=PLACED)
    assert steady.fps == 24
    assert set(durations(steady)) == {Fraction(1, 24)}


@pytest.mark.parametrize("form", [vs.YUV420P8, vs.YUV422P10, vs.YUV444P16, vs.RGB48, vs.GRAYH, vs.GRAY8, vs.YUV444PS])
def test_what_is_aligned_already_comes_out_bit_for_bit(form: int) -> None:
    noise = core.std.BlankClip(width=34, height=26, format=vs.RGBS, length=12)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.asarray(out[plane])[:] = np.random.default_rng(3 * n + plane).random((26, 34))
        return out

    noise = noise.std.ModifyFrame(noise, paint)
    fg = (
        noise
        if form == vs.RGBS
        else noise.resize.Point(format=form, **({} if "RGB" in vs.PresetVideoFormat(form).name else {"matrix": 1}))
    )
    bg = core.std.BlankClip(fg).std.CopyFrameProps(fg)
    size = fg.width, fg.height
    for timing in ("fg", "bg"):
        result = overlay(
            bg, fg, timeline=timeline(list(range(12)), 12), placement=Placement.neutral(size, size), timing=timing
        )
        assert result.num_frames == 12
        for got, want in zip(result.frames(close=True), fg.frames(close=True), strict=True):
            for plane in range(fg.format.num_planes):
                assert np.array_equal(np.asarray(got[plane]), np.asarray(want[plane]))
            assert [got.props[f"VSAlign{name}"] for name in ("X", "Y", "ScaleX", "ScaleY", "Rotation")] == [
                0,
                0,
                1,
                1,
                0,
            ]


def test_props_say_where_fg_lies_and_how_sure_that_is() -> None:
    turned = Transform.from_parts(BG, FG, rotation=30, scale_x=0.25, scale_y=0.5, shift=(1, 2))
    scenes = (placed(3.5, -2, 0.75, confidence=0.8), placed(-1, 4, 1.0, first=6), Scene(9, turned, 0.3))
    given = timeline(list(range(12)), 40, confidences=[0.9] * 11 + [0.1])
    bg = background(40).std.SetFrameProps(VSAlignX=99.0, Mine=5, VSAlignVerdict="exact")
    result = overlay(bg, foreground(12), timeline=given, placement=Placement(BG, FG, scenes))
    props = [dict(frame.props) for frame in result.frames(close=True)]
    first = props[0]
    assert (first["VSAlignX"], first["VSAlignY"]) == (pytest.approx(3.5), pytest.approx(-2))
    assert (first["VSAlignScaleX"], first["VSAlignScaleY"], first["VSAlignRotation"]) == pytest.approx((0.75, 0.75, 0))
    assert (props[6]["VSAlignX"], props[6]["VSAlignScaleX"]) == (-1, 1)
    assert [p["VSAlignConfidence"] for p in props] == pytest.approx([0.8] * 6 + [0.9] * 3 + [0.3] * 2 + [0.1])
    assert props[9]["VSAlignRotation"] == pytest.approx(30)
    # twice as many pixels across and down, by which scales of whole pictures are measured
    assert (props[9]["VSAlignScaleX"], props[9]["VSAlignScaleY"]) == pytest.approx((0.5, 1.0))
    corner = turned.apply([-0.5, -0.5]) + 0.5
    assert (props[9]["VSAlignX"], props[9]["VSAlignY"]) == pytest.approx(tuple(corner))
    # nobody has judged them, and what bg brought from elsewhere is gone
    assert all(p["Mine"] == 5 and "VSAlignVerdict" not in p for p in props)


def test_colours_are_fitted_once_for_a_shot_in_which_the_picture_moves() -> None:
    from vs_align.api.overlay import _scene_starts
    from vs_align.decide.schedule.schedule import schedule_of

    scenes = (placed(), placed(first=5, moving=True), placed(first=8, moving=True), placed(first=12), placed(first=15))
    schedule = schedule_of(timeline([*range(3, 23)], 40), Timing.BG, trim=False)
    assert _scene_starts(schedule, Placement(BG, FG, scenes)) == [0, 8, 18]
    assert _scene_starts(schedule, PLACED) == [0]


def test_masks_follow_their_clips() -> None:
    frames = [5, 6, 7, 7, 9]
    shown = numbered_clip(5, vs.GRAY8, *FG).std.Expr("x 1 = x 3 = or 255 0 ?")
    result = overlay(background(20), foreground(5), timeline=timeline(frames, 20), placement=PLACED, mask=shown)
    inside = [int(np.asarray(frame[0])[TOP, LEFT]) for frame in result.frames(close=True)]
    assert inside == [5, ABOVE + 1, 7, ABOVE + 3, 9]
    covered = numbered_clip(20, vs.GRAY8, *BG).std.Expr("x 7 = 255 0 ?")
    result = overlay(background(20), foreground(5), timeline=timeline(frames, 20), placement=PLACED, bg_mask=covered)
    inside = [int(np.asarray(frame[0])[TOP, LEFT]) for frame in result.frames(close=True)]
    assert inside == [5, 6, ABOVE + 2, ABOVE + 3, 9]
    one = core.std.BlankClip(width=16, height=12, format=vs.GRAY8, length=1, color=0)
    nothing = overlay(background(20), foreground(5), timeline=timeline(frames, 20), placement=PLACED, mask=one)
    assert [int(np.asarray(frame[0])[TOP, LEFT]) for frame in nothing.frames(close=True)] == frames


def test_files_instead_of_objects(tmp_path: Path) -> None:
    timeline(list(range(4, 14)), 20).save(tmp_path / "time.json")
    PLACED.save(tmp_path / "place.json")
    result = overlay(
        background(20), foreground(10), timeline=tmp_path / "time.json", placement=str(tmp_path / "place.json")
    )
    assert seen(result) == [(n + 4, n) for n in range(10)]


@pytest.mark.parametrize("timing", ["fg", "bg"])
@pytest.mark.parametrize("scattered", [False, True])
def test_no_frame_is_asked_for_before_one_of_the_result_is(timing: str, scattered: bool) -> None:
    asked: list[int] = []

    def count(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        asked.append(n)
        return f

    bg, fg = (clip.std.ModifyFrame(clip, count) for clip in (background(900), foreground(900)))
    order = [(n * 7) % 900 for n in range(900)] if scattered else list(range(900))
    result = overlay(
        bg, fg, timeline=timeline(order, 900), placement=PLACED, timing=timing, colour_match=False, background="black"
    )
    assert asked == []
    with result.get_frame(4) as frame:
        assert frame.props["VSAlignMatch"] == (28 if scattered and timing == "fg" else 4)
    assert 2 <= len(asked) < 60  # one of each, and what the core reads ahead


def test_missing_numbers_are_those_of_the_nearest() -> None:
    assert filled([None, 4, None, None, None, 9, None]) == [4, 4, 4, 4, 9, 9, 9]
    assert filled([None, None]) == [0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_frames(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers: list[int] = []
    while len(numbers) < (60 if seed % 2 else 900):
        first, length = int(rng.integers(0, 40)), int(rng.integers(1, 9))
        step = int(rng.choice([1, 1, 1, 0, -1, 2]))
        numbers += [first + step * i for i in range(length)]
        numbers = [min(max(int(n), 0), 49) for n in numbers]
    result = reorder_frames(numbered_clip(50), numbers)
    assert result.num_frames == len(numbers)
    assert [int(np.asarray(frame[0])[0, 0]) for frame in result.frames(close=True)] == numbers
