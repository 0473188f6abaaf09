"""`overlay` of stills: a clip of one frame lasts as long as the other one."""

from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from tests.overlay_clips import PLACED, at_rate, background, foreground, seen, timeline
from tests.sync_films import ShotFilm
from tests.synth import clip_of
from vs_align.api.overlay import overlay
from vs_align.api.overlay_audio import overlay_audio
from vs_align.api.overlay_terms import for_overlay
from vs_align.decide.schedule.schedule import schedule_of
from vs_align.decide.schedule.still_frames import beside_still
from vs_align.enums import Timing
from vs_align.errors import ArgumentError


@pytest.mark.parametrize("options", [{}, {"timing": "bg"}, {"trim": False}])
def test_a_still_fg_is_shown_in_all_frames_of_bg(options: dict[str, Any]) -> None:
    result = overlay(at_rate(background(9), 30), at_rate(foreground(1), 25), placement=PLACED, **options)
    assert seen(result) == [(n, 0) for n in range(9)]
    assert (result.fps.numerator, result.fps.denominator) == (30, 1)


@pytest.mark.parametrize("options", [{}, {"timing": "fg"}, {"timing": "bg"}])
def test_a_still_bg_lasts_as_long_as_fg(options: dict[str, Any]) -> None:
    result = overlay(at_rate(background(1), 25), at_rate(foreground(9), 24), placement=PLACED, **options)
    assert seen(result) == [(0, n) for n in range(9)]
    assert result.fps == 24


def test_one_frame_where_the_time_of_a_still_fg_is_asked_for() -> None:
    known = timeline([5], 9)
    assert seen(overlay(background(9), foreground(1), timeline=known, placement=PLACED, timing="fg")) == [(5, 0)]
    # and by default the timeline does not say when
    assert len(overlay(background(9), foreground(1), timeline=known, placement=PLACED)) == 9


def test_two_stills_are_one_frame() -> None:
    assert seen(overlay(background(1), foreground(1), placement=PLACED)) == [(0, 0)]


@pytest.mark.parametrize("options", [{"placement": PLACED}, {"place": (9, 5)}, {"place": "center"}])
def test_no_frame_is_asked_for_where_the_place_is_known(options: dict[str, Any]) -> None:
    def never(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise AssertionError("asked for")

    fg = foreground(1)
    assert len(overlay(background(7), fg.std.ModifyFrame(fg, never), **options)) == 7


def test_the_place_of_a_still_is_found() -> None:
    moments = range(30)
    film = ShotFilm(seed=5)
    bg = clip_of([film.picture(n, 320, 180) / 255 for n in moments])
    fg = clip_of([film.picture(17, 320, 180)[40:140, 60:260] / 255], vs.GRAY8, (25, 1))
    result = overlay(bg, fg, cache=False)
    assert len(result) == len(bg)
    with result.get_frame(3) as frame:
        assert (frame.props["VSAlignX"], frame.props["VSAlignY"]) == pytest.approx((60, 40), abs=0.05)
        assert frame.props["VSAlignVerdict"] == "good"
        laid, own = np.asarray(frame[0]).astype(int), film.picture(17, 320, 180).astype(int)
        assert np.abs(laid[40:140, 60:260] - own[40:140, 60:260]).max() <= 1


def test_a_still_that_is_nowhere_needs_a_place() -> None:
    bg = clip_of([ShotFilm(seed=5).picture(n) / 255 for n in range(12)])
    fg = clip_of([ShotFilm(seed=9).picture(3, 80, 46) / 255])
    with pytest.raises(ArgumentError, match=r"overlay: place must be given for a still .* no frame of bg was found"):
        overlay(bg, fg, cache=False)
    assert len(overlay(bg, fg, place=(4, 4), cache=False)) == 12


def test_sound_of_bg_lasts_with_a_still_fg() -> None:
    sound = vs.core.std.BlankAudio(length=48000 * 9 // 24, samplerate=48000)
    heard = overlay_audio(sound, None, timeline([5], 9, fg_rate=0))
    assert heard.num_samples == sound.num_samples


def test_a_further_film_begins_with_the_result_on_a_still() -> None:
    result = schedule_of(timeline([0, None, None, None, None, None], 1, 0, 24), None, trim=True).bg
    found = beside_still(timeline([0, None, None], 1, 0, 12), result)
    assert found.frame_map == (0, 0, 1, 1, 2, 2)
    short = beside_still(timeline([0, None], 1, 0, 24), result)
    assert short.frame_map == (0, 1, None, None, None, None)


def test_timing_names_whose_time_counts() -> None:
    by_fg = schedule_of(timeline([3], 9), Timing.FG, trim=True)
    assert (len(by_fg), by_fg.clock) == (1, Timing.FG)
    assert schedule_of(timeline([3], 9), None, trim=True).clock is Timing.BG


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("97 % of ref's frames have a counterpart; they use 5 % of clip's", "97 % of fg's frames have a counterpart; "
         "they use 5 % of bg's"),
        ("clip.mkv and my-ref.mov, /films/clip/ref", "clip.mkv and my-ref.mov, /films/clip/ref"),
        ("clips refer to a clip.", "clips refer to a bg."),
    ],
)  # fmt: skip
def test_words(said: str, wanted: str) -> None:
    assert for_overlay(said) == wanted


def test_errors_speak_of_bg_and_fg() -> None:
    bg = clip_of([ShotFilm(seed=5).picture(n) / 255 for n in range(40)])
    fg = clip_of([ShotFilm(seed=9).picture(n, 80, 46) / 255 for n in range(40)])
    with pytest.raises(ArgumentError, match="unrelated") as caught:
        overlay(bg, fg, cache=False)
    assert " clip" not in str(caught.value) and " ref" not in str(caught.value)
