"""`vs-align temporal` from end to end: which frames are shown, when they are, and what is heard."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.cli.calling import call
from tests.folders import SHARED
from tests.media.films import SOUND_RATE, frame_seconds, heard, lag, shown_numbers, sound, write_film
from vs_align.timeline.timeline import Timeline

SHIFT, FRAMES = 7, 48
NTSC = Fraction(24000, 1001)


def shifted_pair(folder: Path, rate: Fraction | int = 25, suffix: str = ".mkv") -> tuple[Path, Path]:
    """A ref, and a clip that shows and tells the same 7 frames later."""
    wave = sound((FRAMES + SHIFT) / float(rate))
    delay = round(SHIFT / float(rate) * SOUND_RATE)
    ref = write_film(folder / f"ref{suffix}", range(SHIFT, FRAMES + SHIFT), rate, wave=wave[delay:])
    clip = write_film(folder / f"clip{suffix}", range(FRAMES + SHIFT), rate, wave=wave, size=(192, 108))
    return clip, ref


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_shows_ref_moments_with_clip_frames(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip, ref = shifted_pair(tmp_path, NTSC)
    out = tmp_path / "out.mkv"
    assert (
        call("temporal", clip, ref, "-o", out, "--json", "-", "--timeline", tmp_path / "t.json", "--keep-script") == 0
    )
    said = capfd.readouterr()
    report = json.loads(said.out)
    assert shown_numbers(out, range(FRAMES + SHIFT)) == list(range(SHIFT, FRAMES + SHIFT))
    with av.open(str(out)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (192, 108)
        assert video.average_rate == NTSC
    wave = sound((FRAMES + SHIFT) / float(NTSC))[round(SHIFT / float(NTSC) * SOUND_RATE) :]
    seconds, likeness = lag(wave, heard(out, 2))
    assert abs(seconds) < 0.5 / float(NTSC)
    assert likeness > 0.99
    assert report["frames"] == report["matched"] == FRAMES
    assert report["offset_frames"]["constant"] is True
    assert report["offset_frames"]["median"] == SHIFT
    assert report["offset_ms"]["median"] == pytest.approx(1000 * SHIFT / float(NTSC), abs=0.001)
    assert report["verdict"] in ("exact", "good")
    assert Timeline.load(tmp_path / "t.json").frame_map == tuple(range(SHIFT, FRAMES + SHIFT))
    assert str(clip) in (tmp_path / "out.vpy").read_text(encoding="utf-8")
    assert "verdict" in said.err
    assert leftovers(tmp_path) == []


def test_metric_by_name_is_used_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip, ref = shifted_pair(tmp_path)
    out = tmp_path / "out.mkv"
    options = ("--metric", "Butteraugli", "--match-height", "48", "--tr", "9", "--keep-script", "--no-smooth")
    assert call("temporal", clip, ref, "-o", out, *options, "--json", "-") == 0
    report = json.loads(capfd.readouterr().out)
    assert shown_numbers(out, range(FRAMES + SHIFT)) == list(range(SHIFT, FRAMES + SHIFT))
    assert (report["metric"], report["confidence"]["mean"]) == ("butteraugli", None)
    script = (tmp_path / "out.vpy").read_text(encoding="utf-8")
    assert '    metric="butteraugli",\n    smooth=False,\n' in script
    assert "format=vs.RGB24" in script


def test_plot_and_confidence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    clip, ref = shifted_pair(tmp_path)
    plot, timeline = tmp_path / "scores.png", tmp_path / "t.json"
    options = ("--plot", plot, "--timeline", timeline, "--json", "-")
    assert call("temporal", clip, ref, "-o", tmp_path / "out.mkv", *options) == 0
    said = capfd.readouterr()
    report = json.loads(said.out)
    assert report["metric"] == "planestats"
    assert 0.5 < report["confidence"]["mean"] <= 1
    assert "sure of" in said.err
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert len(Timeline.load(timeline).confidences) == FRAMES


@pytest.mark.parametrize("options", [(), ("--fallback", "ref"), ("--precision", "2", "--match-height", "48")])
def test_ref_longer_than_the_window_reaches(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """Clip ends long before ref: its last frame is shown, or ref, and sync is advised."""
    clip = write_film(tmp_path / "clip.mkv", range(20), size=(192, 108))
    ref, out = write_film(tmp_path / "ref.mkv", range(120)), tmp_path / "out.mkv"
    assert call("temporal", clip, ref, "-o", out, "--tr", "4", "--json", "-", *options) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["frames"], report["fallback"], report["verdict"]) == (120, 96, "doubtful")
    assert "vs-align sync" in report["reason"]
    assert "raise --tr" not in report["reason"]
    shown = shown_numbers(out, range(120))
    assert shown[:20] == list(range(20))
    assert shown[24:] == (list(range(24, 120)) if "ref" in options else [19] * 96)


def test_kept_script_runs_by_itself(tmp_path: Path) -> None:
    from vs_align.media.vspipe import find_vspipe, vspipe_environment

    clip, ref = shifted_pair(tmp_path)
    assert call("temporal", clip, ref, "-o", tmp_path / "out.mkv", "--keep-script", "--fallback", "ref") == 0
    info = subprocess.run(
        [str(find_vspipe()), "--info", str(tmp_path / "out.vpy"), "-"],
        env=vspipe_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Frames: {FRAMES}" in info.stdout


def test_clip_sound_is_cut_to_ref_time(tmp_path: Path) -> None:
    clip, ref = shifted_pair(tmp_path)
    out = tmp_path / "out.mkv"
    assert call("temporal", clip, ref, "-o", out, "--audio", "clip") == 0
    wave = sound((FRAMES + SHIFT) / 25)[round(SHIFT / 25 * SOUND_RATE) :]
    found = heard(out, FRAMES / 25)
    # cut by the sample: not only in sync, the very samples
    np.testing.assert_allclose(found, wave[: len(found)], atol=2 / 32768)


def test_clip_sound_follows_a_cut_and_falls_silent_where_clip_has_nothing(tmp_path: Path) -> None:
    """Clip misses a second and a half of ref in the middle: ref's frames are shown, and nothing is heard."""
    rate, gap = 10, range(30, 60)
    numbers = [n for n in range(90) if n not in gap]
    wave = sound(9.0)
    cut = np.concatenate([wave[: 3 * SOUND_RATE], wave[6 * SOUND_RATE :]])
    ref = write_film(tmp_path / "ref.mkv", range(90), rate)
    clip = write_film(tmp_path / "clip.mkv", numbers, rate, wave=cut)
    out = tmp_path / "out.mp4"
    options = ("--audio", "clip", "--fallback", "ref", "--thresh", "0.03", "--tr", "35")
    assert call("temporal", clip, ref, "-o", out, *options) == 0
    assert shown_numbers(out, range(90)) == list(range(90))
    found = heard(out, 9.0)
    for first, last in ((0, 3), (6, 9)):
        piece = slice(first * SOUND_RATE + 2400, last * SOUND_RATE - 2400)
        seconds, likeness = lag(wave[piece], found[piece])
        assert abs(seconds) < 0.5 / rate
        assert likeness > 0.98
    assert np.abs(found[3 * SOUND_RATE + 4800 : 6 * SOUND_RATE - 4800]).max() < 1e-3


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(("video_start", "sound_start"), [(0.5, 0.0), (0.0, 0.36)])
def test_sound_keeps_its_place_where_picture_and_sound_begin_apart(
    tmp_path: Path, suffix: str, video_start: float, sound_start: float
) -> None:
    wave = sound(2.4)
    clip = write_film(tmp_path / f"clip{suffix}", range(FRAMES), 25)
    ref = write_film(tmp_path / f"ref{suffix}", range(FRAMES), 25, start=video_start, wave=wave, wave_start=sound_start)
    before = heard(ref, 1.9)
    lead = round((video_start - sound_start) * SOUND_RATE)
    due = wave[lead:] if lead >= 0 else np.concatenate([np.zeros(-lead), wave])
    assert lag(due[: len(before)], before)[0] == pytest.approx(0, abs=0.003), "the test film itself"
    out = tmp_path / f"out{suffix}"
    assert call("temporal", clip, ref, "-o", out) == 0
    seconds, likeness = lag(before, heard(out, 1.9))
    assert abs(seconds) <= 0.003
    assert likeness > 0.98


def test_variable_frame_rate_keeps_each_time_stamp(tmp_path: Path) -> None:
    steps = [0.04, 0.04, 0.08, 0.12, 0.04, 0.2]
    times = np.concatenate([[0], np.cumsum([steps[k % 6] for k in range(FRAMES - 1)])]).tolist()
    ref = write_film(tmp_path / "ref.mkv", range(FRAMES), 25, times=times)
    clip = write_film(tmp_path / "clip.mkv", range(FRAMES), 25)
    for suffix in (".mkv", ".mp4"):
        out = tmp_path / f"out{suffix}"
        assert call("temporal", clip, ref, "-o", out, "--tr", "60") == 0
        np.testing.assert_allclose(frame_seconds(out), times, atol=0.0011)
        assert shown_numbers(out, range(FRAMES)) == list(range(FRAMES))


def test_different_rates_are_searched_by_the_clock(tmp_path: Path) -> None:
    """Clip at 50 fps shows two frames where ref at 25 shows one; frame numbers alone lie outside the window."""
    clip = write_film(tmp_path / "clip.mkv", range(100), 50)
    ref = write_film(tmp_path / "ref.mkv", range(0, 100, 2), 25)
    out = tmp_path / "out.mkv"
    assert call("temporal", clip, ref, "-o", out, "--tr", "3") == 0
    assert shown_numbers(out, range(100)) == list(range(0, 100, 2))


def test_sped_up_clip_is_matched_frame_for_frame_and_its_sound_slowed(tmp_path: Path) -> None:
    """The same film at 25 and at 24000/1001: as many frames, other durations."""
    wave = sound(4.0)
    clip = write_film(tmp_path / "clip.mkv", range(100), 25, wave=wave)
    ref = write_film(tmp_path / "ref.mkv", range(100), NTSC)
    out = tmp_path / "out.mkv"
    assert call("temporal", clip, ref, "-o", out, "--tr", "2", "--audio", "clip") == 0
    assert shown_numbers(out, range(100)) == list(range(100))
    length = 100 / float(NTSC)
    found = heard(out, length)
    stretched = np.interp(np.arange(len(found)) * (4.0 / length), np.arange(len(wave)), wave)
    seconds, likeness = lag(stretched, found)
    assert abs(seconds) < 0.001
    assert likeness > 0.9


def test_given_timeline_is_rendered(tmp_path: Path) -> None:
    clip = write_film(tmp_path / "clip.mkv", range(20))
    ref = write_film(tmp_path / "ref.mkv", range(10))
    order = [3, 3, 3, 9, 8, 7, 0, 1, 2, 19]
    Timeline.from_frame_map(order, clip_rate=25, ref_rate=25, clip_length=20).save(tmp_path / "t.json")
    assert call("temporal", clip, ref, "-o", tmp_path / "o.mkv", "--use-timeline", tmp_path / "t.json") == 0
    assert shown_numbers(tmp_path / "o.mkv", range(20)) == order


def test_timeline_of_sync_is_rendered_and_never_written_over(tmp_path: Path) -> None:
    clip = write_film(tmp_path / "clip.mkv", range(20))
    ref = write_film(tmp_path / "ref.mkv", range(10))
    order = [3, 3, 3, 9, 8, 7, 0, 1, 2, 19]
    searched = Timeline.from_frame_map(order, clip_rate=25, ref_rate=25, clip_length=20)
    replace(searched, verdict="good").save(tmp_path / "t.json")
    before = (tmp_path / "t.json").read_bytes()
    assert call("temporal", clip, ref, "-o", tmp_path / "o.mkv", "--timeline", tmp_path / "t.json") == 0
    assert shown_numbers(tmp_path / "o.mkv", range(20)) == order
    assert (tmp_path / "t.json").read_bytes() == before


NAMES = ["with space.mkv", 'it\'s "quoted".mkv', "-dash.mkv", "50%d%03d.mkv", "日本é:x.mkv"]


@pytest.mark.parametrize("first", range(len(NAMES)))
def test_any_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    """Each name is that of a clip once, of a ref once, of a result once."""
    clip, ref, out = (NAMES[(first + k) % len(NAMES)] for k in range(3))
    for name in (clip, ref):
        write_film(tmp_path / "plain.mkv", range(6), wave=sound(0.3)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert call("temporal", "-o", out, "--keep-script", "--", clip, ref) == 0
    assert len(frame_seconds(tmp_path / out)) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([clip, ref, out, Path(out).stem + ".vpy"])


def test_ffv1_keeps_pixels_depth_and_colour_tags(tmp_path: Path) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    clip = write_film(tmp_path / "clip.mkv", range(8), codec="ffv1", pix_fmt="yuv420p10le", tags=tags)
    out = tmp_path / "out.mkv"
    assert call("temporal", clip, clip, "-o", out, "--codec", "ffv1") == 0
    with av.open(str(out)) as container, av.open(str(clip)) as original:
        for made, given in zip(container.decode(video=0), original.decode(video=0), strict=True):
            assert made.format.name == "yuv420p10le"
            np.testing.assert_array_equal(made.to_ndarray(), given.to_ndarray())
        context = container.streams.video[0].codec_context
        assert {key: getattr(context, key) for key in tags} == tags


def test_x264_writes_colour_tags(tmp_path: Path) -> None:
    tags = {"color_primaries": 1, "color_trc": 1, "colorspace": 1, "color_range": 1}
    clip = write_film(tmp_path / "clip.mkv", range(4), tags=tags)
    out = tmp_path / "out.mp4"
    assert call("temporal", clip, clip, "-o", out) == 0
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert {key: getattr(context, key) for key in tags} == tags


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "suffix", "made"),
    [
        ("bgr0", "libx264", ".mp4", "yuv444p"),
        ("gray", "libvpx", ".webm", "yuv420p"),
        ("gray", "libx264", ".mkv", "yuvj420p"),
    ],
)
def test_formats_that_the_encoder_does_not_take(
    tmp_path: Path, pix_fmt: str, codec: str, suffix: str, made: str
) -> None:
    clip = write_film(tmp_path / "clip.mkv", range(4), codec="ffv1", pix_fmt=pix_fmt)
    out = tmp_path / f"out{suffix}"
    assert call("temporal", clip, clip, "-o", out, "--codec", codec, "--crf", "4") == 0
    with av.open(str(out)) as container, av.open(str(clip)) as original:
        for new, old in zip(container.decode(video=0), original.decode(video=0), strict=True):
            assert new.format.name == made
            new_rgb, old_rgb = (frame.to_ndarray(format="rgb24").astype(float) for frame in (new, old))
            assert np.abs(new_rgb - old_rgb).mean() < 4
            assert abs((new_rgb - old_rgb).mean()) < 0.7


def test_existing_output_is_replaced_only_by_a_finished_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = write_film(tmp_path / "clip.mkv", range(4))
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    assert call("temporal", clip, clip, "-o", out) == 1
    assert f"{out} exists: name another file, or replace it with -y (--overwrite)." in capfd.readouterr().err
    assert call("temporal", clip, clip, "-y", "-o", out, "--codec", "nosuch") == 1
    assert "nosuch" in capfd.readouterr().err
    assert out.read_text() == "precious"
    assert call("temporal", clip, clip, "-y", "-o", out) == 0
    assert len(frame_seconds(out)) == 4


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a POSIX script")
def test_encoder_that_dies_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from vs_align.media import ffmpeg

    real = ffmpeg.find_ffmpeg()
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "ffmpeg"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *-version*|*encoder=*) exec "{real}" "$@";; esac\n'
        "head -c 20000 >/dev/null; echo disk is full >&2; exit 3\n"
    )
    fake.chmod(0o755)
    monkeypatch.delenv(ffmpeg.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    ffmpeg.find_ffmpeg.cache_clear()
    clip = write_film(tmp_path / "clip.mkv", range(30))
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    try:
        assert call("temporal", clip, clip, "-y", "-o", out) == 1
    finally:
        ffmpeg.find_ffmpeg.cache_clear()
    said = capfd.readouterr().err
    assert "ffmpeg failed (code 3): disk is full" in said
    assert out.read_text() == "precious"
    assert leftovers(tmp_path) == []


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that nobody has encoded before the signal comes."""
    return write_film(tmp_path_factory.mktemp("long") / "clip.mkv", [n % 40 for n in range(400)], size=(640, 360))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for child processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGQUIT", signal.SIGTERM)])
def test_interruption_leaves_nothing_behind(tmp_path: Path, long_film: Path, number: signal.Signals) -> None:
    work = tmp_path / "work"
    work.mkdir()
    out = work / "out.mkv"
    out.write_text("precious")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "vs_align", "temporal", str(long_film), str(long_film), "-y", "-o", str(out)]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        [*command, "--preset", "placebo"], env=environment, stderr=subprocess.PIPE, text=True
    ) as running:
        deadline = time.monotonic() + 30
        while not list(work.glob(".*.part*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert leftovers(work), "the encoder never began"
        running.send_signal(number)
        _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert out.read_text() == "precious"
    assert leftovers(work) == []
    assert list(temporary.iterdir()) == []
    assert [pid for pid in _command_lines() if str(work) in pid or str(temporary) in pid] == []


def _command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return lines


CLIPS = SHARED / "clips"
BUNNY = CLIPS / "bbb_3d-animation_cuts_music_480p24.mkv"


@pytest.fixture(scope="module")
def encoded_again(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Five seconds of an animated film with cuts and 5.1 sound; clip begins 7 frames before ref and is smaller."""
    from vs_align.media.ffmpeg import find_ffmpeg

    folder = tmp_path_factory.mktemp("real")
    clip, ref = folder / "clip.mp4", folder / "ref.mkv"
    head = [str(find_ffmpeg()), "-v", "error"]
    shrink = ["-vf", "scale=640:360", "-t", "5", "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac"]
    subprocess.run([*head, "-i", str(BUNNY), *shrink, str(clip)], check=True)
    late = ["-ss", f"{SHIFT / 24:.6f}", "-i", str(BUNNY), "-t", "4", "-c:v", "libx264", "-preset", "ultrafast"]
    subprocess.run([*head, *late, "-c:a", "flac", str(ref)], check=True)
    return clip, ref


@pytest.mark.skipif(not BUNNY.exists(), reason="the shared clips are not here")
@pytest.mark.parametrize("heard_from", ["ref", "clip"])
def test_real_footage_shifted_and_encoded_again(
    tmp_path: Path, encoded_again: tuple[Path, Path], heard_from: str
) -> None:
    (clip, ref), out = encoded_again, tmp_path / "out.mkv"
    options = ("--preset", "ultrafast", "--audio", heard_from, "--json", tmp_path / "r.json")
    assert call("temporal", clip, ref, "-o", out, *options) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["offset_frames"]["median"] == SHIFT
    seconds, likeness = lag(heard(ref, 3.9), heard(out, 3.9))
    assert abs(seconds) < 0.5 / 24
    assert likeness > 0.95
    with av.open(str(out)) as made, av.open(str(ref)) as wanted:
        for a, b in zip(made.decode(video=0), wanted.decode(video=0), strict=True):
            luma = [frame.reformat(160, 90, format="gray").to_ndarray().astype(float) for frame in (a, b)]
            assert np.abs(luma[0] - luma[1]).mean() < 3
