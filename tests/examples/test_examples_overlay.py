"""The examples around `overlay` run as they stand, through vspipe, on films whose result is known."""

import subprocess
import wave as wave_file
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.examples.test_examples import EXAMPLES, props_of
from tests.media.films import SOUND_RATE, lag, sound, write_film
from tests.sync_films import ShotFilm, without
from vs_align.io.array_types import AnyArray, Float32Array, Float64Array, UInt8Array
from vs_align.media.vspipe import ensure_config, find_vspipe, vspipe_environment

FILM = ShotFilm(3)
Planes = list[UInt8Array]


def piped(example: str, target: Path, *options: str) -> Path:
    """Run an example and write what it puts out."""
    ensure_config()
    command = [str(find_vspipe()), *options, str(EXAMPLES / example), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=vspipe_environment())
    assert done.returncode == 0, done.stderr
    return target


def planes_of_raw(path: Path, size: tuple[int, int]) -> list[Planes]:
    """Planes of each frame of a raw file of YUV 4:2:0 in 8 bits."""
    width, height = size
    shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    data = np.fromfile(path, np.uint8)
    count = width * height * 3 // 2
    assert data.size % count == 0
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:2]
    return [[p.reshape(s) for p, s in zip(np.split(f, ends), shapes, strict=True)] for f in data.reshape(-1, count)]


def planes_of_file(path: Path) -> list[Planes]:
    """Planes of each frame of a video file of YUV 4:2:0 in 8 bits."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
    height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
    flat = np.concatenate([frame.reshape(-1) for frame in frames])
    kept = path.with_suffix(".raw")
    flat.tofile(kept)
    return planes_of_raw(kept, (width, height))


def stored(moment: int, size: tuple[int, int]) -> Float64Array:
    """Luma of a moment as a file holds it: black at 16, white at 235."""
    return np.asarray(16 + FILM.picture(moment, *size) * (219 / 255), np.float64)


def unlike(a: AnyArray, b: AnyArray) -> float:
    """Mean absolute difference in code values."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_overlay(tmp_path: Path) -> None:
    size, at, part = (320, 180), (60, 34), (192, 108)
    moments = without(range(130, 300), (200, 206))
    wave = sound(10)

    def heard(shown: Sequence[int]) -> Float64Array:
        each = SOUND_RATE // 24
        return np.concatenate([wave[(m - 100) * each : (m - 99) * each] for m in shown])

    def cut(number: int, width: int, height: int) -> UInt8Array:
        return FILM.picture(number, *size)[at[1] : at[1] + height, at[0] : at[0] + width]

    bg = write_film(tmp_path / "bg.mkv", range(100, 340), 24, size=size, paint=FILM.picture, wave=wave)
    fg = write_film(tmp_path / "a fg.mkv", moments, 24, size=part, paint=cut, wave=heard(moments))
    options = ("-a", f"bg={bg}", "-a", f"fg={fg}", "-a", f"cache={tmp_path / 'cache'}")
    frames = props_of("overlay.vpy", tmp_path, *options)
    assert [frame["VSAlignForeground"] for frame in frames] == list(range(len(moments)))
    assert [frame["VSAlignMatch"] + 100 for frame in frames] == moments
    for frame in frames:
        assert (frame["VSAlignX"], frame["VSAlignY"]) == pytest.approx(at, abs=0.1)
        assert frame["VSAlignScaleX"] == pytest.approx(1, abs=0.001)

    target = piped("overlay.vpy", tmp_path / "out.wav", *options, "-a", "sound=bg", "-o", "1", "-c", "wav")
    with wave_file.open(str(target)) as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())[:, 0]
    expected = heard(moments)
    assert abs(samples.size - expected.size) <= 2
    for first in (0, samples.size // 2, samples.size - SOUND_RATE):
        late, alike = lag(expected[first:][:SOUND_RATE], samples[first:][:SOUND_RATE] / 32767)
        assert abs(late) < 0.5 / 24
        assert alike > 0.9


def test_open_matte(tmp_path: Path) -> None:
    whole, above, below = (320, 240), 52, 188

    def widescreen(number: int, width: int, height: int) -> UInt8Array:
        return FILM.picture(number, *whole)[above:below]

    dvd = write_film(tmp_path / "dvd.mkv", range(90, 260), 24, size=(160, 120), paint=FILM.picture)
    master = write_film(tmp_path / "master.mkv", range(110, 240), 24, size=(320, below - above), paint=widescreen)
    options = ("-a", f"dvd={dvd}", "-a", f"master={master}", "-a", f"cache={tmp_path / 'cache'}", "-a", "margin=12")
    shown = planes_of_raw(piped("open_matte.vpy", tmp_path / "out.raw", *options), whole)
    copied = planes_of_file(master)
    assert len(shown) == len(copied) == 130
    for k, (found, wide) in enumerate(zip(shown, copied, strict=True)):
        # the master's own pixels but for the seam, and the disc's where the master has none
        seam = 12
        assert np.array_equal(found[0][above + seam : below - seam], wide[0][seam:-seam])
        truth = stored(110 + k, whole)
        assert unlike(found[0][: above - 2], truth[: above - 2]) < 3
        assert unlike(found[0][below + 2 :], truth[below + 2 :]) < 3
        # nothing is lost in between
        assert unlike(found[0], truth) < 2


def test_patch_logo(tmp_path: Path) -> None:
    size, (x, y, width, height) = (240, 136), (180, 12, 40, 20)

    def marked(number: int, wide: int, high: int) -> UInt8Array:
        picture = FILM.picture(number, wide, high).copy()
        picture[y : y + height, x : x + width] = 235
        return picture

    logo = write_film(tmp_path / "logo.mkv", range(100, 260), 24, size=size, paint=marked)
    clean = write_film(tmp_path / "clean.mkv", range(80, 290), 24, size=(300, 170), paint=FILM.picture)
    at = f"{x - 2},{y - 2},{width + 4},{height + 4}"
    options = ("-a", f"logo={logo}", "-a", f"clean={clean}", "-a", f"at={at}", "-a", f"cache={tmp_path / 'cache'}")
    shown = planes_of_raw(piped("patch_logo.vpy", tmp_path / "out.raw", *options), size)
    given = planes_of_file(logo)
    assert len(shown) == len(given) == 160
    patch = np.s_[y : y + height, x : x + width]
    elsewhere = np.ones(size[::-1], bool)
    elsewhere[y - 8 : y + height + 8, x - 8 : x + width + 8] = False
    for k, (found, before) in enumerate(zip(shown, given, strict=True)):
        truth = stored(100 + k, size)
        assert np.array_equal(found[0][elsewhere], before[0][elsewhere])
        assert unlike(found[0][patch], truth[patch]) < min(6, unlike(before[0][patch], truth[patch]) / 5)


def write_coloured(path: Path, lumas: Sequence[UInt8Array], blue: int, red: int) -> Path:
    """Write a film of one hue."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"crf": "8", "preset": "ultrafast"})
        stream.height, stream.width = lumas[0].shape
        stream.pix_fmt = "yuv420p"
        for luma in lumas:
            quarter = np.ones((luma.shape[0] // 4, luma.shape[1]), np.uint8)
            planes = np.concatenate([luma, blue * quarter, red * quarter])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def test_colour_from_one_detail_from_other(tmp_path: Path) -> None:
    size = (320, 180)
    fine = [FILM.picture(m, *size) for m in range(110, 150)]
    faded = [np.rint(0.75 * luma + 30).astype(np.uint8) for luma in fine]
    soft = [cv2.GaussianBlur(FILM.picture(m, 240, 136), (0, 0), 1.5) for m in range(100, 170)]
    colour = write_coloured(tmp_path / "colour.mkv", [np.asarray(luma, np.uint8) for luma in soft], 120, 136)
    detail = write_coloured(tmp_path / "detail.mkv", faded, 128, 128)
    options = ("-a", f"colour={colour}", "-a", f"detail={detail}", "-a", f"cache={tmp_path / 'cache'}")
    target = piped("colour_from_one_detail_from_other.vpy", tmp_path / "out.raw", *options)
    shown = planes_of_raw(target, size)
    assert len(shown) == 40
    for found, truth in zip(shown, fine, strict=True):
        middle = np.s_[16:-16, 16:-16]
        low, high = _split(found[0])
        true_low, true_high = _split(truth)
        assert unlike(low[middle], true_low[middle]) < 3
        assert np.corrcoef(high[middle].ravel(), true_high[middle].ravel())[0, 1] > 0.9
        assert np.median(found[1]) == pytest.approx(120, abs=1)
        assert np.median(found[2]) == pytest.approx(136, abs=1)


def _split(luma: UInt8Array) -> tuple[Float32Array, Float32Array]:
    whole = luma.astype(np.float32)
    low = np.asarray(cv2.GaussianBlur(whole, (0, 0), 6), np.float32)
    return low, whole - low
