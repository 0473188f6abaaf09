"""`overlay()`: what is searched for where time or place are not given, and what is said of it."""

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from tests.overlay_clips import (
    LEFT,
    PLACED,
    TOP,
    background,
    core,
    foreground,
    seen,
    timeline,
)
from vs_align.api.overlay import overlay
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.errors import ArgumentError
from vs_align.measure.video import Video
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline


def replace_sync(monkeypatch: pytest.MonkeyPatch, found: Callable[..., Timeline]) -> None:
    for module in ("overlay", "overlay_search"):
        monkeypatch.setattr(sys.modules[f"vs_align.api.{module}"], "sync_videos", found)


def test_nothing_is_found_anew_when_the_script_is_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is searched for where none is given, with the options that were given, and only once."""
    calls: list[tuple[tuple[int, int], SyncOptions, Path | None]] = []

    def found(clip: Video, ref: Video, options: SyncOptions, cache: Path | None, _: object = None) -> Timeline:
        calls.append(((clip.length, ref.length), options, cache))
        return timeline(list(range(ref.length)), clip.length)

    replace_sync(monkeypatch, found)
    result = overlay(
        background(30), foreground(20), placement=PLACED, engine="border", margin=12, window=50, cache=tmp_path
    )
    assert seen(result) == [(n, n) for n in range(20)]
    assert len(calls) == 1
    ((lengths, options, cache),) = calls
    assert lengths == (30, 20)
    assert (options.engine, options.margin, options.window) == ("border", 12, 50)
    assert cache == tmp_path
    ref = core.std.BlankClip(width=8, height=8, length=15)
    overlay(background(30), foreground(20), placement=PLACED, timing="ref", ref=ref, margin=0)
    assert [call[0] for call in calls[1:]] == [(30, 15), (20, 15)]
    assert calls[1][1].margin == 8


@pytest.mark.parametrize("timing", ["fg", "bg", "ref"])
def test_the_place_is_asked_for_with_what_was_given(
    timing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def found(*arguments: Any) -> Placement:
        calls.append(arguments)
        return PLACED

    monkeypatch.setattr("vs_align.api.overlay_search.register_videos", found)
    bg, fg, ref = background(40), foreground(20), core.std.BlankClip(width=8, height=8, length=25)
    fg_mask, bg_mask = (core.std.BlankClip(clip, format=vs.GRAY8, color=255, length=1) for clip in (fg, bg))
    direct = timeline(list(range(7, 27)), 40)
    pair = timeline(list(range(5, 30)), 40), timeline([None, None, *range(20), None, None, None], 20)
    by_ref = timing == "ref"
    result = overlay(
        bg, fg, timeline=pair if by_ref else direct, timing=timing, ref=ref if by_ref else None, place=(LEFT, TOP),
        scale=1, mask=fg_mask, bg_mask=bg_mask, track="scan", cache=tmp_path,
    )  # fmt: skip
    assert seen(result) == [(n + 7, n) for n in range(20)]
    ((clip, other, frames, place, scale, track, cache, _),) = calls
    assert (clip.node, other.node) == (bg, fg)
    # against a third clip, the way from bg to fg leads over it
    assert frames == direct.frame_map
    assert (place, scale, track, cache) == ((LEFT, TOP), 1, "scan", tmp_path)
    # hidden parts of fg are ignored; what may not be covered of bg is visible nevertheless
    assert clip.mask is None
    with other.mask.get_frame(0) as hidden:
        assert not np.asarray(hidden[0]).any()


def test_doubts_are_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def found(clip: Video, ref: Video, *_: object) -> Timeline:
        segments = timeline(list(range(ref.length)), clip.length).segments
        rate = Fraction(24)
        return Timeline(segments, rate, rate, clip.length, ref.length, verdict="doubtful", reasons=("fog",))

    replace_sync(monkeypatch, found)
    with caplog.at_level(logging.WARNING):
        result = overlay(background(30), foreground(20), placement=PLACED)
    assert "sync(bg, fg) is doubtful: fog" in caplog.text
    with result.get_frame(0) as frame:
        assert frame.props["VSAlignVerdict"] == "doubtful"
    # the worse of both counts
    for verdict, worse in (("exact", "good"), ("doubtful", "doubtful"), (None, "good")):
        judged = replace(timeline(list(range(20)), 30), verdict="good")
        result = overlay(background(30), foreground(20), timeline=judged, placement=replace(PLACED, verdict=verdict))
        with result.get_frame(0) as frame:
            assert frame.props["VSAlignVerdict"] == worse


def test_clips_that_have_nothing_in_common() -> None:
    nothing = Timeline.from_frame_map([None] * 20, clip_rate=24, ref_rate=24, clip_length=30)
    nothing = Timeline(
        nothing.segments,
        nothing.clip_rate,
        nothing.ref_rate,
        30,
        20,
        verdict="unrelated",
        reasons=("no shot is shared",),
    )
    message = r"timeline must match frames: give timeline= and placement= by hand.* got unrelated; no shot is shared"
    with pytest.raises(ArgumentError, match=message):
        overlay(background(30), foreground(20), timeline=nothing, placement=PLACED)
