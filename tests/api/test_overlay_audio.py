"""Audio with known samples at the times of an overlay."""

import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from vs_align.api.overlay_audio import overlay_audio
from vs_align.decide.schedule.schedule import schedule_of
from vs_align.enums import SegmentKind, Timing
from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float32Array
from vs_align.media.wave64 import write_wave64
from vs_align.timeline.timeline import Segment, Timeline

core = vs.core
RATE = 48_000
FADE = 96  # two milliseconds
S16: dict[str, Any] = {"sampletype": vs.INTEGER, "bits": 16}
S24: dict[str, Any] = {"sampletype": vs.INTEGER, "bits": 24}
FLOAT: dict[str, Any] = {"sampletype": vs.FLOAT, "bits": 32}


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("vapoursynth").setLevel(logging.CRITICAL)


def noise(seconds: float, channels: int = 2, seed: int = 1, rate: int = RATE) -> Float32Array:
    """Every sample another, of 16 bits, at most half of full scale."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-16_384, 16_384, (round(seconds * rate), channels)) / 32_768).astype(np.float32)


def clicks(seconds: float, times: Sequence[float], channels: int = 1, rate: int = RATE) -> Float32Array:
    out = np.zeros((round(seconds * rate), channels), np.float32)
    for time in times:
        out[round(time * rate)] = 0.75
    return out


def node_of(folder: Path, samples: Float32Array, rate: int = RATE, **form: Any) -> vs.AudioNode:
    """A node with these samples."""
    path = folder / f"node-{len(list(folder.glob('node-*')))}.w64"
    write_wave64(path, [samples], rate, samples.shape[1])
    node = core.bs.AudioSource(str(path), cachemode=0)
    return core.std.AudioResample(node, dither_type="none", **form) if form else node


def samples_of(node: vs.AudioNode) -> Float32Array:
    """All samples, 1.0 is full scale."""
    node = core.std.AudioResample(node, **FLOAT)
    blocks = [np.stack([np.asarray(f[c]) for c in range(f.num_channels)], 1) for f in node.frames(close=True)]
    return np.concatenate(blocks)


def places(samples: Float32Array, threshold: float = 0.3) -> list[float]:
    """Seconds at which the first channel has clicks, between samples too."""
    wave, found = samples[:, 0], list[float]()
    for i in np.flatnonzero(np.abs(wave) > threshold).tolist():
        if wave[i] == wave[max(0, i - 50) : i + 51].max():
            low, top, high = (float(wave[k]) for k in (i - 1, i, i + 1))
            found.append((i + (high - low) / (2 * (2 * top - low - high))) / RATE)
    return found


def line(segments: Sequence[Segment], bg_length: int, bg_rate: Any = 25, fg_rate: Any = 25, **more: Any) -> Timeline:
    """`sync(bg, fg)`."""
    fg_length = segments[-1].ref_last + 1
    return Timeline(tuple(segments), Fraction(bg_rate), Fraction(fg_rate), bg_length, fg_length, **more)


CUT = line([Segment(0, 99, 10), Segment(100, 149, None, kind=SegmentKind.INSERT), Segment(150, 299, 270)], 420)
"""Fg of 12 s: 4 s of bg from 0.4 s on, 2 s that bg lacks, 6 s of bg from 10.8 s on."""


@pytest.mark.parametrize("form", [S16, S24, FLOAT], ids=["16", "24", "float"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_bg_is_cut_to_the_sample(tmp_path: Path, form: dict[str, Any], channels: int) -> None:
    wave = noise(16.8, channels)
    bg = node_of(tmp_path, wave, **form)
    made = overlay_audio(bg, None, CUT, "bg", cache=tmp_path / "cache")
    assert (made.num_samples, made.sample_rate, made.channel_layout) == (12 * RATE, RATE, bg.channel_layout)
    assert (made.sample_type, made.bits_per_sample) == (bg.sample_type, bg.bits_per_sample)
    found = samples_of(made)
    np.testing.assert_array_equal(found[: 4 * RATE - FADE], wave[19_200 : 19_200 + 4 * RATE - FADE])
    assert not found[4 * RATE : 6 * RATE].any()
    start = round(10.8 * RATE)
    np.testing.assert_array_equal(found[6 * RATE + FADE :], wave[start + FADE : start + 6 * RATE])
    # where the pieces end they fade: softer than what was there, but there
    tail, was = found[4 * RATE - FADE : 4 * RATE], wave[19_200 + 4 * RATE - FADE : 19_200 + 4 * RATE]
    assert (np.abs(tail) <= np.abs(was) + 1e-6).all()
    assert np.abs(tail[: FADE // 2]).sum() > 2 * np.abs(tail[FADE // 2 :]).sum() > 0


def test_fg_is_fg(tmp_path: Path) -> None:
    """Nothing is computed, and nothing is written, where fg is heard as it is."""
    wave = noise(12)
    fg = node_of(tmp_path, wave, **S16)
    made = overlay_audio(node_of(tmp_path, noise(16.8, seed=2), **S16), fg, CUT, cache=tmp_path / "cache")
    np.testing.assert_array_equal(samples_of(made), wave)
    assert not (tmp_path / "cache").exists()


def test_trimmed_to_what_is_matched(tmp_path: Path) -> None:
    wave = noise(12)
    fg = node_of(tmp_path, wave)
    gap = Segment(0, 99, None, kind=SegmentKind.INSERT)
    timeline = line([gap, Segment(100, 199, 0), Segment(200, 299, None, kind=SegmentKind.INSERT)], 100)
    made = overlay_audio(None, fg, timeline, "bg", cache=False)
    np.testing.assert_array_equal(samples_of(made), wave[4 * RATE : 8 * RATE])
    whole = overlay_audio(None, fg, timeline, "bg", trim=False, cache=False)
    np.testing.assert_array_equal(samples_of(whole), wave)


def test_bg_goes_on_where_bg_has_the_time(tmp_path: Path) -> None:
    """Fg of 4 s begins 2 s into bg of 10 s: bg's audio is unchanged, fg's lies in silence."""
    under, over = noise(10), noise(4, seed=2)
    bg, fg = node_of(tmp_path, under), node_of(tmp_path, over)
    timeline = line([Segment(0, 99, 50)], 250)
    made = overlay_audio(bg, fg, timeline, "bg", timing="bg", trim=False, cache=tmp_path / "cache")
    np.testing.assert_array_equal(samples_of(made), under)
    made = overlay_audio(bg, fg, timeline, "fg", timing="bg", trim=False, cache=tmp_path / "cache")
    found = samples_of(made)
    assert len(found) == 10 * RATE
    np.testing.assert_array_equal(found[2 * RATE + FADE : 6 * RATE - FADE], over[FADE:-FADE])
    assert not found[: 2 * RATE].any()
    assert not found[6 * RATE :].any()


def test_fg_begins_before_bg(tmp_path: Path) -> None:
    """Fg shows 2 s more at the beginning: bg's own time begins at -2 s."""
    under, over = noise(10), noise(6, seed=2)
    gap = Segment(0, 49, None, kind=SegmentKind.INSERT)
    timeline = line([gap, Segment(50, 149, 0)], 250)
    bg, fg = node_of(tmp_path, under), node_of(tmp_path, over)
    both = [
        samples_of(overlay_audio(bg, fg, timeline, which, timing="bg", trim=False, cache=tmp_path / "cache"))
        for which in ("bg", "fg")
    ]
    assert [len(found) for found in both] == [12 * RATE] * 2
    assert not both[0][: 2 * RATE].any()
    np.testing.assert_array_equal(both[0][2 * RATE + FADE :], under[FADE:])
    np.testing.assert_array_equal(both[1][: 6 * RATE - FADE], over[:-FADE])
    assert not both[1][6 * RATE :].any()


@pytest.mark.parametrize("form", [S16, FLOAT], ids=["16", "float"])
def test_pal_speed(tmp_path: Path, form: dict[str, Any]) -> None:
    """Fg runs at 25, bg at 24000/1001: bg's audio is sped up by 24000/25025, from start to end."""
    times = [0.2 + 0.711 * k for k in range(28)]
    bg = node_of(tmp_path, clicks(20.02, times, 2), **form)
    timeline = line([Segment(0, 479, 0)], 480, Fraction(24_000, 1001), 25)
    made = overlay_audio(bg, None, timeline, cache=tmp_path / "cache")
    assert made.num_samples == round(480 / 25 * RATE)
    assert (made.sample_type, made.bits_per_sample) == (bg.sample_type, bg.bits_per_sample)
    wanted = [time * 24_000 / 25_025 for time in times]
    found = places(samples_of(made))
    assert len(found) == len(wanted) == 28
    np.testing.assert_allclose(found, wanted, atol=0.2 / RATE)


def test_speed_changes_at_segments(tmp_path: Path) -> None:
    """Frame for frame at first, then bg at 1.25 times its speed: clicks at both ends of both segments."""
    times = [0.1, 3.9, 4.1, 8.9]
    bg = node_of(tmp_path, clicks(9.2, times))
    timeline = line([Segment(0, 99, 0), Segment(100, 199, 100, 1.25)], 230)
    found = places(samples_of(overlay_audio(bg, None, timeline, cache=tmp_path / "cache")))
    np.testing.assert_allclose(found, [0.1, 3.9, 4 + 0.1 / 1.25, 4 + 4.9 / 1.25], atol=0.5 / RATE)


def test_a_rest_below_a_frame_moves_bg(tmp_path: Path) -> None:
    bg = node_of(tmp_path, clicks(8, [1.0, 7.0]))
    timeline = line([Segment(0, 199, 0)], 200, residual_ms=12.5)
    found = places(samples_of(overlay_audio(bg, None, timeline, cache=False)))
    np.testing.assert_allclose(found, [0.9875, 6.9875], atol=0.1 / RATE)


def test_more_frames_leave_bg_alone(tmp_path: Path) -> None:
    """Bg at 24 and fg at 30 on bg's time: the result has 30 frames a second, and bg's audio is unchanged."""
    frames = [4 * n // 5 for n in range(300)]
    timeline = Timeline.from_frame_map(frames, clip_rate=24, ref_rate=30, clip_length=288)
    wave = noise(12)
    made = overlay_audio(node_of(tmp_path, wave), None, timeline, timing="bg", trim=False, cache=False)
    assert made.num_samples == 10 * RATE + 2 * RATE
    np.testing.assert_array_equal(samples_of(made), wave)


def test_the_time_of_a_third(tmp_path: Path) -> None:
    """Ref's 8 s show bg from 1 s on and fg from 2 s on."""
    under, over = noise(10), noise(10, seed=2)
    pair = line([Segment(0, 199, 25)], 250), line([Segment(0, 199, 50)], 250)
    bg, fg = node_of(tmp_path, under), node_of(tmp_path, over)
    for which, wave, start in (("bg", under, 1), ("fg", over, 2)):
        made = overlay_audio(bg, fg, pair, which, timing="ref", cache=False)
        np.testing.assert_array_equal(samples_of(made), wave[start * RATE : (start + 8) * RATE])


def test_a_mix_is_whole_and_does_not_clip(tmp_path: Path) -> None:
    under, over = clicks(8, [1.0, 3.0], 2), clicks(8, [2.0, 3.0], 2)
    bg, fg = node_of(tmp_path, under, **S16), node_of(tmp_path, over, **S16)
    timeline = line([Segment(0, 199, 0)], 200)
    made = overlay_audio(bg, fg, timeline, "mix", cache=tmp_path / "cache")
    # 0.75 and 0.75 would be 1.5: all is lowered by that
    np.testing.assert_allclose(samples_of(made), (under + over) / 1.5, atol=1.01 / 32_768)
    assert len(list((tmp_path / "cache").glob("*.peak.json"))) == 1
    again = overlay_audio(bg, fg, timeline, "mix", cache=tmp_path / "cache")
    np.testing.assert_array_equal(samples_of(again), samples_of(made))
    # softer sounds keep their levels, bit for bit
    half = np.float32(0.5)
    soft = node_of(tmp_path, under * half, **S16), node_of(tmp_path, over * half, **S16)
    made = overlay_audio(*soft, timeline, "mix", cache=False)
    np.testing.assert_array_equal(samples_of(made), (under + over) / 2)


def test_a_loud_sound_mixed_with_itself_keeps_its_form(tmp_path: Path) -> None:
    wave = noise(4) * np.float32(1.9)
    node = node_of(tmp_path, wave)
    made = overlay_audio(node, node, line([Segment(0, 99, 0)], 100), "mix", cache=False)
    np.testing.assert_allclose(samples_of(made), wave / np.abs(wave).max(), atol=1e-6)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (44_100, 2), (48_000, 1), (96_000, 6)])
def test_a_mix_has_the_format_of_fg(tmp_path: Path, rate: int, channels: int) -> None:
    """Clicks of bg come at their times whatever its format was."""
    bg = node_of(tmp_path, clicks(8, [0.5, 4.25, 7.5], channels, rate), rate, **S24)
    fg = node_of(tmp_path, clicks(8, [2.0], 2), **S16)
    made = overlay_audio(bg, fg, line([Segment(0, 199, 0)], 200), "mix", cache=tmp_path / "cache")
    assert (made.sample_rate, made.channel_layout, made.bits_per_sample) == (RATE, fg.channel_layout, 16)
    assert made.num_samples == 8 * RATE
    found = places(samples_of(made), 0.1)
    np.testing.assert_allclose(found, [0.5, 2.0, 4.25, 7.5], atol=0.3 / RATE)


def test_a_short_sound_ends_in_silence(tmp_path: Path) -> None:
    wave = noise(3)
    found = samples_of(overlay_audio(None, node_of(tmp_path, wave), line([Segment(0, 99, 0)], 100), cache=False))
    assert len(found) == 4 * RATE
    np.testing.assert_array_equal(found[: 3 * RATE], wave)
    assert not found[3 * RATE :].any()


def test_computed_once(tmp_path: Path) -> None:
    """The second time the file is cached; other audio or another cut has another file; seeking gives the same."""
    bg = node_of(tmp_path, noise(16.8), **S16)
    cache = tmp_path / "cache"
    first = overlay_audio(bg, None, CUT, cache=cache)
    files = list(cache.glob("*.w64"))
    assert len(files) == 1
    written = files[0].read_bytes()
    files[0].write_bytes(written[:-8] + b"\0" * 8)
    changed = samples_of(overlay_audio(bg, None, CUT, cache=cache))
    assert list(cache.glob("*.w64")) == files
    assert len(changed) == first.num_samples
    overlay_audio(node_of(tmp_path, noise(16.8, seed=5), **S16), None, CUT, cache=cache)
    assert len(list(cache.glob("*.w64"))) == 2
    part = 4 * RATE - 500
    whole = samples_of(overlay_audio(bg, None, CUT, cache=False))
    np.testing.assert_array_equal(
        samples_of(overlay_audio(bg, None, CUT, cache=False)[part:][:900]), whole[part:][:900]
    )


def test_the_file_of_a_timeline_and_the_length_of_the_picture(tmp_path: Path) -> None:
    CUT.save(tmp_path / "line.json")
    bg = node_of(tmp_path, noise(16.8, 1, rate=44_100), 44_100)
    for timing in Timing.FG, Timing.BG:
        for trim in False, True:
            made = overlay_audio(bg, None, tmp_path / "line.json", timing=timing, trim=trim, cache=tmp_path / "cache")
            frames = len(schedule_of(CUT, timing, trim))
            assert made.num_samples == round(frames * 44_100 / 25)


def test_what_cannot_be(tmp_path: Path) -> None:
    node = core.std.BlankAudio()
    video = core.std.BlankClip()
    for arguments, options, said in (
        ((None, None, CUT), {}, "fg_audio must be given where bg_audio is not, got None"),
        ((video, node, CUT), {}, "bg_audio must be an audio node or None, got VideoNode"),
        ((node, video, CUT), {}, "fg_audio must be an audio node or None, got VideoNode"),
        ((node, node, 7), {}, "timeline must be a Timeline or the path of its JSON file, got int"),
        ((node, node, CUT, "none"), {}, "prefer must be one of fg, bg, mix, got 'none'"),
        ((node, node, CUT, "both"), {}, "prefer must be"),
        ((node, node, CUT), {"timing": "now"}, "timing must be"),
        ((node, node, CUT), {"timing": "ref"}, r"timeline must be two, .* where timing is 'ref', got Timeline"),
        ((node, node, (CUT,)), {"timing": "ref"}, r"timeline must be two, .* got 1"),
        ((node, node, CUT), {"trim": "yes"}, "trim must be True or False, got 'yes'"),
        ((node, node, CUT), {"cache": 3}, "cache must be a folder, True or False, got 3"),
        ((node, node, line([Segment(0, 9, 0)], 10, 0, 0)), {}, "timeline.ref_rate must have a frame rate"),
        ((node, node, line([Segment(0, 9, None, kind=SegmentKind.INSERT)], 10)), {}, "timeline must have at least"),
    ):
        with pytest.raises(ArgumentError, match=rf"overlay_audio: {said}"):
            overlay_audio(*arguments, **options)
