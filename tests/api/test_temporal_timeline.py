"""`temporal(timeline=...)`: a timeline is rendered, and nothing is searched."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import vapoursynth as vs

import vs_align
from tests.synth import first_pixels, numbered_clip, props_of

core = vs.core


def timeline(frame_map: list[int | None], clip_length: int, **more: Any) -> vs_align.Timeline:
    return vs_align.Timeline.from_frame_map(
        frame_map, clip_rate=Fraction(24), ref_rate=Fraction(25), clip_length=clip_length, **more
    )


def never_asked(length: int) -> vs.VideoNode:
    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise AssertionError("a frame was asked for")

    clip = core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=length, fpsnum=25)
    return clip.std.ModifyFrame(clip, fail)


def test_the_map_is_rendered_and_neither_clip_is_asked() -> None:
    frame_map: list[int | None] = [3, 4, 5, 5, 5, 9, 0, 2]
    result = vs_align.temporal(
        never_asked(10), never_asked(8), out=numbered_clip(10), timeline=timeline(frame_map, 10, scores=[0.25] * 8)
    )
    assert first_pixels(result) == frame_map
    assert props_of(result, "VSAlignMatch") == frame_map
    assert props_of(result, "VSAlignOffset") == [3, 3, 3, 2, 1, 4, -6, -5]
    assert props_of(result, "VSAlignScore") == [0.25] * 8
    assert props_of(result, "VSAlignOffsetMs")[1] == pytest.approx(1000 * (4 / 24 - 1 / 25))
    assert result.fps == 25
    assert props_of(result, "_DurationDen") == [25] * 8


def test_a_file_edited_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a timeline.json"
    timeline(list(range(6)), 8).save(path)
    text = path.read_text()
    assert text.count('"clip_first": 0') == 1
    path.write_text(text.replace('"clip_first": 0', '"clip_first": 2'))
    for given in (path, str(path)):
        result = vs_align.temporal(never_asked(8), never_asked(6), out=numbered_clip(8), timeline=given)
        assert first_pixels(result) == [2, 3, 4, 5, 6, 7]


def test_missing_frames_show_the_nearest_match_or_the_fallback() -> None:
    gaps = timeline([None, None, 4, 5, None, None, None, 9, None], 12)
    without = vs_align.temporal(never_asked(12), never_asked(9), out=numbered_clip(12), timeline=gaps)
    assert first_pixels(without) == [4, 4, 4, 5, 5, 5, 9, 9, 9]
    assert props_of(without, "VSAlignFallback") == [1, 1, 0, 0, 1, 1, 1, 0, 1]
    fallback = numbered_clip(9).std.Expr("x 100 +")
    shown = vs_align.temporal(never_asked(12), never_asked(9), out=numbered_clip(12), timeline=gaps, fallback=fallback)
    assert first_pixels(shown) == [100, 101, 4, 5, 104, 105, 106, 9, 108]


def test_a_map_without_any_match() -> None:
    result = vs_align.temporal(never_asked(5), never_asked(3), out=numbered_clip(5), timeline=timeline([None] * 3, 5))
    assert first_pixels(result) == [0, 0, 0]
    assert props_of(result, "VSAlignFallback") == [1, 1, 1]


@pytest.mark.parametrize(("clip", "ref"), [(11, 8), (10, 7)])
def test_a_timeline_of_other_clips(clip: int, ref: int) -> None:
    message = rf"temporal: timeline must be .* from {clip} frames of clip to {ref} of"
    with pytest.raises(vs_align.ArgumentError, match=message):
        vs_align.temporal(never_asked(clip), never_asked(ref), timeline=timeline([0] * 8, 10))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(vs_align.AlignError, match=r"nowhere\.json"):
        vs_align.temporal(never_asked(5), never_asked(5), timeline=tmp_path / "nowhere.json")


def test_what_was_found_renders_the_same_again() -> None:
    from tests.synth import clip_of, moving_pictures

    pictures = moving_pictures(40, 30, 20)
    clip, ref = clip_of(pictures[5:]), clip_of(pictures)
    found = vs_align.temporal(clip, ref, out=numbered_clip(35), tr=8)
    matches = [int(str(match)) for match in props_of(found, "VSAlignMatch")]
    again = vs_align.temporal(clip, ref, out=numbered_clip(35), timeline=timeline(list(matches), 35))
    assert first_pixels(again) == first_pixels(found)
