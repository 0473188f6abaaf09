"""`vs-align spatial` from end to end: where things lie in the result, what it is written as, and what is heard."""

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.cli.calling import call
from tests.media.films import SOUND_RATE, frame_seconds, heard, lag, sound, write_film
from tests.media.landscapes import landscape, mean_error
from vs_align.errors import MediaError
from vs_align.io.array_types import Float64Array, UInt8Array
from vs_align.media.scripts.comparison import CompareStyle, Comparison

SIZE = (160, 90)
DX, DY = 3.25, -2.5
FRAMES = 6
NTSC = Fraction(24000, 1001)


def frames_of(path: Path) -> list[Float64Array]:
    """Luma of all frames, limited range."""
    with av.open(str(path)) as container:
        return [_luma(frame) for frame in container.decode(video=0)]


def _luma(frame: Any) -> Float64Array:
    depth, plane = frame.format.components[0].bits, frame.planes[0]
    samples = np.frombuffer(plane, np.uint8 if depth == 8 else np.uint16).reshape(frame.height, -1)
    return np.asarray(samples[:, : frame.width] / 2.0 ** (depth - 8), np.float64)


def pair(folder: Path, count: int = FRAMES, **options: Any) -> tuple[Path, Path]:
    """A ref, and a clip that shows the same further right and further up."""
    ref = write_film(folder / "ref.mkv", range(count), size=SIZE, paint=landscape())
    clip = write_film(folder / "clip.mkv", range(count), size=SIZE, paint=landscape(DX, DY), **options)
    return clip, ref


def test_lays_clip_on_ref(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wave = sound(1.0)
    clip, ref = pair(tmp_path, 12, wave=wave)
    out, side = tmp_path / "out.mkv", tmp_path / "side.mkv"
    # lossless, so that what is compared is the alignment
    options = ("--codec", "ffv1", "--compare", side, "--keep-script", "--json", "-")
    assert call("spatial", clip, ref, "-o", out, *options) == 0
    said = capfd.readouterr()
    report = json.loads(said.out)
    made, wanted, given = frames_of(out), frames_of(ref), frames_of(clip)
    assert len(made) == 12
    for a, b, before in zip(made, wanted, given, strict=True):
        assert mean_error(a, b) < 2
        assert mean_error(before, b) > 20
    assert report["verdict"] == "good"
    assert report["shift_x"]["median"] == pytest.approx(DX, abs=0.03)
    assert report["shift_y"]["median"] == pytest.approx(DY, abs=0.03)
    assert report["frames"] == 12
    assert (report["output"], report["compare"]) == (str(out), str(side))
    assert "verdict  good" in said.err
    seconds, likeness = lag(wave[: 12 * SOUND_RATE // 25], heard(out, 12 / 25))
    assert abs(seconds) < 0.001
    assert likeness > 0.99
    panels = frames_of(side)
    assert (len(panels), panels[0].shape) == (12, (SIZE[1], 3 * SIZE[0]))
    # the label covers the top left of each panel
    for panel, version in zip(np.split(panels[5], 3, axis=1), (given[5], wanted[5], made[5]), strict=True):
        np.testing.assert_allclose(panel[40:], version[40:], atol=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "out.mkv", "out.vpy", "ref.mkv", "side.mkv"]
    _check_kept_script(tmp_path / "out.vpy")


def _check_kept_script(path: Path) -> None:
    """It runs by itself."""
    from vs_align.media.vspipe import find_vspipe, vspipe_environment

    command = [str(find_vspipe()), "--info", "-o", "1", str(path), "-"]
    info = subprocess.run(command, env=vspipe_environment(), capture_output=True, text=True, check=True)
    assert f"Width: {3 * SIZE[0]}" in info.stdout
    assert "Frames: 12" in info.stdout


def test_clip_that_already_lies_there_comes_back_as_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = write_film(tmp_path / "clip.mkv", range(4), size=SIZE, paint=landscape(), codec="ffv1")
    out = tmp_path / "out.mkv"
    assert call("spatial", clip, clip, "-o", out, "--codec", "ffv1", "--json", "-") == 0
    assert json.loads(capfd.readouterr().out)["verdict"] == "exact"
    with av.open(str(out)) as container, av.open(str(clip)) as original:
        for made, given in zip(container.decode(video=0), original.decode(video=0), strict=True):
            np.testing.assert_array_equal(made.to_ndarray(), given.to_ndarray())


def test_format_and_colours_are_those_of_clip_and_the_geometry_is_that_of_ref(tmp_path: Path) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    ref = write_film(tmp_path / "ref.mkv", range(3), size=SIZE, paint=landscape(), sample_aspect=Fraction(32, 27))
    clip = write_film(
        tmp_path / "clip.mkv", range(3), size=(200, 112), paint=landscape(DX, DY, 1.25), codec="ffv1",
        pix_fmt="yuv422p10le", tags=tags,
    )  # fmt: skip
    out = tmp_path / "out.mkv"
    assert call("spatial", clip, ref, "-o", out, "--codec", "ffv1") == 0
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (*SIZE, "yuv422p10le")
        assert stream.sample_aspect_ratio == Fraction(32, 27)
        assert {key: getattr(stream.codec_context, key) for key in tags} == tags
    for made, wanted in zip(frames_of(out), frames_of(ref), strict=True):
        assert mean_error(made, wanted) < 2


@pytest.mark.parametrize("pix_fmt", ["bgr0", "gray16le"])
def test_clips_that_are_not_yuv(tmp_path: Path, pix_fmt: str) -> None:
    clip, ref = pair(tmp_path, 2, codec="ffv1", pix_fmt=pix_fmt)
    out = tmp_path / "out.mkv"
    assert call("spatial", clip, ref, "-o", out, "--codec", "ffv1", "--compare", tmp_path / "c.mkv") == 0
    with av.open(str(out)) as container:
        assert container.streams.video[0].pix_fmt == pix_fmt
        with av.open(str(ref)) as wanted:
            for pictures in zip(container.decode(video=0), wanted.decode(video=0), strict=True):
                made, given = (picture.to_ndarray(format="rgb24")[..., 1].astype(float) for picture in pictures)
                assert mean_error(made, given) < 2


def test_ref_of_odd_size(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Chroma of half size has no half column, so the result has chroma of full size."""
    ref = write_film(tmp_path / "ref.mkv", range(2), size=(161, 91), paint=landscape(), pix_fmt="yuv444p", codec="ffv1")
    clip = write_film(tmp_path / "clip.mkv", range(2), size=(160, 92), paint=landscape(), codec="ffv1")
    assert call("spatial", clip, ref, "-o", tmp_path / "out.mkv", "--codec", "ffv1") == 0
    assert "ref has an odd size, 161x91, which YUV420P8 cannot have: the result is YUV444P8." in capfd.readouterr().err
    with av.open(str(tmp_path / "out.mkv")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (161, 91, "yuv444p")


def test_sound_ends_with_the_picture_where_ref_is_shorter(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wave = sound(4.0)
    clip = write_film(tmp_path / "clip.mkv", range(100), size=(64, 36), wave=wave)
    ref = write_film(tmp_path / "ref.mkv", range(50), size=(64, 36))
    out = tmp_path / "out.mkv"
    assert call("spatial", clip, ref, "-o", out) == 0
    assert "clip has 100 frames, ref 50: what clip has behind that is left out." in capfd.readouterr().err
    assert len(frame_seconds(out)) == 50
    found = heard(out, 4.0)
    seconds, likeness = lag(wave[: 2 * SOUND_RATE], found[: 2 * SOUND_RATE])
    assert abs(seconds) < 0.001
    assert likeness > 0.99
    assert np.abs(found[round(2.1 * SOUND_RATE) :]).max() == 0


def test_sound_is_slowed_where_ref_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same film at 25 and at 24000/1001: as many frames, other durations."""
    wave = sound(2.0)
    clip = write_film(tmp_path / "clip.mkv", range(50), 25, size=(64, 36), wave=wave)
    ref = write_film(tmp_path / "ref.mkv", range(50), NTSC, size=(64, 36))
    out = tmp_path / "out.mkv"
    assert call("spatial", clip, ref, "-o", out) == 0
    assert "frames are taken by their number, and the result has ref's rate." in capfd.readouterr().err
    length = 50 / float(NTSC)
    found = heard(out, length)
    stretched = np.interp(np.arange(len(found)) * (2.0 / length), np.arange(len(wave)), wave)
    seconds, likeness = lag(stretched, found)
    assert abs(seconds) < 0.001
    assert likeness > 0.9


def test_variable_frame_rate_keeps_each_time_stamp(tmp_path: Path) -> None:
    steps = [0.04, 0.08, 0.12]
    times = np.concatenate([[0], np.cumsum([steps[k % 3] for k in range(11)])]).tolist()
    ref = write_film(tmp_path / "ref.mkv", range(12), 25, size=(64, 36), times=times)
    clip = write_film(tmp_path / "clip.mkv", range(8), 25, size=(64, 36))
    out, side = tmp_path / "out.mkv", tmp_path / "side.mkv"
    assert call("spatial", clip, ref, "-o", out, "--compare", side) == 0
    np.testing.assert_allclose(frame_seconds(out), times, atol=0.0011)
    assert len(frame_seconds(side)) == 12


@pytest.mark.parametrize("masked", [True, False])
def test_mask_leaves_out_what_is_white(tmp_path: Path, masked: bool) -> None:
    """Ref has a block with other things in it, which clip's own must not be bent to follow."""
    import cv2

    block = np.s_[25:65, 50:110]

    def spoilt(number: int, width: int, height: int) -> UInt8Array:
        picture = landscape()(number, width, height)
        picture[block] = landscape(4, 3)(number, width, height)[block]
        return picture

    ref = write_film(tmp_path / "ref.mkv", range(2), size=SIZE, paint=spoilt)
    clip = write_film(tmp_path / "clip.mkv", range(2), size=SIZE, paint=landscape(), codec="ffv1")
    white = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    white[block] = 255
    mask, out = tmp_path / "mask.png", tmp_path / "out.mkv"
    mask.write_bytes(cv2.imencode(".png", white)[1].tobytes())
    options = ("--mask", mask, "--clip-mask", mask) if masked else ()
    assert call("spatial", clip, ref, "-o", out, "--codec", "ffv1", *options) == 0
    error = np.abs(frames_of(out)[1] - frames_of(clip)[1])[block][8:-8, 8:-8].mean()
    assert error < 3 if masked else error > 15


@pytest.mark.parametrize("placed", [True, False])
def test_placement_brings_what_lies_far_away(tmp_path: Path, placed: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """What lies too far away for a near search is doubted without it."""
    from vs_align import Placement, Scene, Transform

    far = 45.0
    ref = write_film(tmp_path / "ref.mkv", range(2), size=SIZE, paint=landscape())
    clip = write_film(tmp_path / "clip.mkv", range(2), size=SIZE, paint=landscape(far))
    # made for pictures of half the size, and a pixel off
    half = (80, 45)
    transform = Transform.from_parts(half, half, shift=(far / 2 - 0.5, 0))
    Placement(half, half, (Scene(0, transform),)).save(tmp_path / "p.json")
    options = ("--placement", tmp_path / "p.json") if placed else ()
    assert call("spatial", clip, ref, "-o", tmp_path / "o.mkv", "--json", tmp_path / "r.json", *options) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["verdict"] == ("good" if placed else "doubtful")
    said = capfd.readouterr().err
    assert "note: clip.mkv has no audio, so the result has none." in said
    assert ("try --wide-search" in said) is not placed
    assert (report["shift_x"]["median"] == pytest.approx(far, abs=0.1)) is placed


def test_blinking_comparison_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip, ref = pair(tmp_path, 3)
    blink = tmp_path / "blink.mkv"
    options = ("--compare", blink, "--compare-style", "blink", "--codec", "ffv1", "--keep-script", "--json", "-")
    assert call("spatial", clip, ref, *options) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["frames"], report["verdict"], report["output"]) == (3, "good", None)
    assert report["shift_x"]["median"] == pytest.approx(DX, abs=0.03)
    shown = frames_of(blink)
    assert len(shown) == 3 * 8 * 12
    before, wanted, after, again = (shown[12 * k][40:] for k in range(4))
    np.testing.assert_allclose(before, frames_of(clip)[0][40:], atol=1)
    np.testing.assert_allclose(wanted, frames_of(ref)[0][40:], atol=1)
    np.testing.assert_array_equal(wanted, again)
    assert mean_error(after, wanted) < 2
    assert (tmp_path / "blink.vpy").exists()


@pytest.mark.parametrize("alone", [True, False])
def test_a_comparison_that_fails_leaves_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], alone: bool
) -> None:
    clip, ref = pair(tmp_path, 2)
    out, side, report = tmp_path / "out.mkv", tmp_path / "side.mkv", tmp_path / "r.json"

    def fail(*_: object) -> None:
        raise MediaError("ffmpeg failed (code 1): no comparison today.")

    monkeypatch.setattr("vs_align.cli.spatial._render_comparison", fail)
    wanted = () if alone else ("-o", out)
    assert call("spatial", clip, ref, *wanted, "--compare", side, "--json", report) == 1
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "no comparison today." in errors[0]
    assert (out.exists(), side.exists(), report.exists()) == (not alone, False, not alone)
    if not alone:
        said = json.loads(report.read_text())
        assert (said["output"], said["compare"]) == (str(out), None)


def test_a_script_that_fails_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A script that fails leaves what was there."""
    clip, ref = pair(tmp_path, 2)
    out, side = tmp_path / "out.mkv", tmp_path / "side.mkv"
    for path in (out, side):
        path.write_text("precious")
    monkeypatch.setattr(Comparison, "text", lambda self: "raise ValueError('no comparison today')\n")
    assert call("spatial", clip, ref, "-y", "-o", out, "--compare", side) == 1
    assert "no comparison today" in capfd.readouterr().err
    assert [path.read_text() for path in (out, side)] == ["precious"] * 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_styles_are_those_of_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("spatial", "--help") == 0
    said = capfd.readouterr().out
    for style in CompareStyle:
        assert style.value in said
