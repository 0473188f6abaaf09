"""Small pictures of files: every frame once, upright, at its time, and the same as VapourSynth shows them."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.media.films import frame_seconds, picture, turn, write_film
from tests.sync_films import ShotFilm
from vs_align.errors import MediaError
from vs_align.io.array_types import Int64Array, UInt8Array
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.media.probe import probe
from vs_align.media.source import open_source, require_bestsource, source_arguments
from vs_align.media.thumbnails import Thumbnail, read_thumbnails
from vs_align.nodes.thumbnails import node_thumbnails

SIZE = (96, 54)


def taken(path: Path, skip: int = 0, after: float = 0.0) -> list[Thumbnail]:
    return list(read_thumbnails(path, SIZE, skip, after))


def ffmpeg(*args: object) -> None:
    command = [str(find_ffmpeg()), "-y", "-v", "error", *map(str, args)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def lumas(pictures: list[Thumbnail]) -> Int64Array:
    return np.stack([each.luma for each in pictures]).astype(np.int64)


def assert_frames(pictures: list[Thumbnail], numbers: list[int], paint: object = picture) -> None:
    """Each picture is nearest to the frame that it should be."""
    assert callable(paint)
    wanted = np.stack([paint(number, *SIZE) for number in range(max(numbers) + 2)]).astype(np.int64)
    found = [int(np.abs(wanted - luma).mean(axis=(1, 2)).argmin()) for luma in lumas(pictures)]
    assert found == numbers


def assert_same(found: list[Thumbnail], wanted: list[Thumbnail]) -> None:
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert np.array_equal(a.luma, b.luma)
        assert np.array_equal(a.chroma, b.chroma)
        assert a.time == pytest.approx(b.time, abs=1e-9, nan_ok=True)
        assert a.interlaced == b.interlaced


def test_every_frame_once(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", range(40), Fraction(24000, 1001))
    found = taken(path)
    assert_frames(found, list(range(40)))
    assert [each.time for each in found] == pytest.approx(np.arange(40) * 1001 / 24000, abs=1e-4)
    for each in found:
        assert each.luma.shape == SIZE[::-1]
        assert each.chroma.shape == (2, *SIZE[::-1])
        assert each.luma.dtype == each.chroma.dtype == np.uint8
        assert not each.interlaced
        assert np.abs(each.chroma.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("level", [16, 57, 128, 235])
def test_levels_are_those_of_the_film(tmp_path: Path, level: int) -> None:
    path = tmp_path / "a.mkv"
    even = f"color=c=black:size=64x36:rate=25:duration=0.2,format=yuv420p,lutyuv=y={level}:u=100:v=150"
    ffmpeg("-f", "lavfi", "-i", even, "-c:v", "ffv1", path)
    for each in taken(path):
        assert [int(plane[20, 20]) for plane in (each.luma, *each.chroma)] == pytest.approx([level, 100, 150], abs=1)
        assert np.ptp(each.luma) <= 1


# what a format of pixels can hold, and whether the file says that its levels are full range
FORMATS = ["yuv420p", "yuv444p", "yuv422p10le", "gray", "gray10le", "gbrp", "yuvj420p", "bgr0", "yuv444p16le"]


@pytest.mark.parametrize("size", [(160, 90), (36, 22), (322, 182)])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_files_and_nodes_agree(tmp_path: Path, pix_fmt: str, size: tuple[int, int]) -> None:
    import vapoursynth as vs

    require_bestsource()
    path = tmp_path / "a.mkv"
    draw = f"testsrc2=size={size[0]}x{size[1]}:rate=25:duration=0.4"
    ffmpeg("-f", "lavfi", "-i", draw, "-vf", "gblur=sigma=4", "-c:v", "ffv1", "-pix_fmt", pix_fmt, path)
    node = vs.core.bs.VideoSource(**source_arguments(path))
    assert_agree(taken(path), list(node_thumbnails(node, SIZE)), 10)


@pytest.mark.parametrize("levels", ["tv", "pc"])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
def test_files_that_name_their_colours_agree_with_nodes(tmp_path: Path, levels: str, matrix: str) -> None:
    import vapoursynth as vs

    require_bestsource()
    path = tmp_path / "a.mkv"
    draw = "testsrc2=size=160x90:rate=25:duration=0.4,format=yuv420p,gblur=sigma=4"
    ffmpeg(
        "-f", "lavfi", "-i", draw, "-vf", f"setparams=range={levels}:colorspace={matrix}", "-c:v", "libx264", "-qp", 4,
        path,
    )  # fmt: skip
    node = vs.core.bs.VideoSource(**source_arguments(path))
    assert_agree(taken(path), list(node_thumbnails(node, SIZE)), 10)


def assert_agree(found: list[Thumbnail], wanted: list[Thumbnail], length: int) -> None:
    assert len(found) == len(wanted) == length
    assert [each.time for each in found] == pytest.approx([each.time for each in wanted], abs=0.0011)
    assert lumas(found).std() > 10
    colours = [np.stack([each.chroma for each in side]).astype(int) for side in (found, wanted)]
    # two scalers disagree at edges
    assert np.abs(lumas(found) - lumas(wanted)).mean() < 2
    assert np.abs(lumas(found).mean(axis=(1, 2)) - lumas(wanted).mean(axis=(1, 2))).max() < 2
    assert np.abs(colours[0] - colours[1]).mean() < 2


@pytest.mark.parametrize("size", [(35, 21), (97, 55), (1, 1), (640, 3)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "a.mkv"
    level = "color=c=0x808080:size={}x{}:rate=25:duration=0.2,format=gray".format(*size)
    ffmpeg("-f", "lavfi", "-i", level, "-c:v", "ffv1", "-pix_fmt", "gray", path)
    found = taken(path)
    assert len(found) == 5
    assert all(each.luma.shape == SIZE[::-1] for each in found)
    assert np.ptp(lumas(found)) <= 1


def test_times_are_those_of_the_file(tmp_path: Path) -> None:
    even = write_film(tmp_path / "even.mkv", range(30))
    path = tmp_path / "uneven.mkv"
    late = "setpts='(N+floor(N/3)*2+5)/25/TB'"
    ffmpeg("-i", even, "-vf", late, "-fps_mode", "vfr", "-c:v", "libx264", "-crf", 8, path)
    found = taken(path)
    wanted = [(n + n // 3 * 2) / 25 for n in range(30)]
    assert [each.time for each in found] == pytest.approx(wanted, abs=0.0011)
    assert [each.time for each in found] == pytest.approx(frame_seconds(path), abs=1e-6)
    assert open_source(probe(path)).times == pytest.approx(wanted, abs=0.0011)


def test_times_begin_at_the_first_frame(tmp_path: Path) -> None:
    found = taken(write_film(tmp_path / "a.mkv", range(10), start=3.2))
    assert [each.time for each in found] == pytest.approx(np.arange(10) / 25, abs=0.0011)


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_rotated_files_are_upright(tmp_path: Path, angle: int) -> None:
    lying = {90: (90, 160), 180: (160, 90), 270: (90, 160)}[angle]

    def paint(number: int, width: int, height: int) -> UInt8Array:
        # the player turns it counterclockwise by the angle
        return np.ascontiguousarray(np.rot90(picture(number), -angle // 90))

    turned = write_film(tmp_path / "turned.mp4", range(8), size=lying, paint=paint)
    turn(turned, angle)
    assert abs(probe(turned).rotation) % 360 in {angle, 360 - angle}
    found = taken(turned)
    assert_frames(found, list(range(8)))
    # and as the program that everybody uses turns it
    shown = tmp_path / "shown.mkv"
    ffmpeg("-i", turned, "-c:v", "ffv1", "-pix_fmt", "yuv420p", shown)
    assert np.abs(lumas(found) - lumas(taken(shown))).mean() < 2
    assert_same(list(read_thumbnails(turned, SIZE, 3, 2 / 25)), found[3:])


def test_fields_are_told(tmp_path: Path) -> None:
    even = write_film(tmp_path / "even.mkv", range(20))
    path = tmp_path / "fields.mkv"
    ffmpeg("-i", even, "-vf", "scale=160:96,setfield=tff", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", path)
    found = taken(path)
    assert len(found) == 20
    assert all(each.interlaced for each in found)


# container, options: closed and open groups of pictures with many bidirectional frames, and without an index
KINDS = {
    "mp4": ["-c:v", "libx264", "-bf", 3, "-g", 12],
    "mov": ["-c:v", "libx264", "-bf", 2, "-g", 250],
    "mkv": ["-c:v", "libx264", "-bf", 3, "-g", 12, "-x264-params", "open-gop=1:bframes=3:b-pyramid=2"],
    "ts": ["-c:v", "libx264", "-bf", 3, "-g", 12],
    "avi": ["-c:v", "mpeg4", "-q:v", 2, "-g", 12],
    "mpg": ["-c:v", "mpeg2video", "-q:v", 2, "-bf", 2, "-g", 12],
    "h264": ["-c:v", "libx264", "-bf", 2, "-g", 12],
    "m2v": ["-c:v", "mpeg2video", "-q:v", 2, "-g", 12],
    "webm": ["-c:v", "libvpx", "-g", 12, "-crf", 8, "-b:v", "2M"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_reading_goes_on_where_it_stopped(tmp_path: Path, kind: str) -> None:
    film = write_film(tmp_path / "film.mkv", range(70), paint=ShotFilm(2).picture)
    path = tmp_path / f"film_.{kind}"
    ffmpeg("-i", film, "-an", *KINDS[kind], path)
    whole = taken(path)
    assert_frames(whole, list(range(70)), ShotFilm(2).picture)
    times = np.array([each.time for each in whole])
    # a raw stream with bidirectional frames has no time stamps
    assert np.isnan(times).all() if kind == "h264" else (np.diff(times) > 0).all()
    for skip in (1, 2, 11, 12, 13, 24, 35, 49, 68, 69, 70):
        assert_same(taken(path, skip, whole[skip - 1].time), whole[skip:])


def test_uneven_times_go_on_where_they_stopped(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.5], 40)).tolist()
    for name in ("a.mkv", "a.mp4"):
        path = write_film(tmp_path / name, range(40), times=times)
        whole = taken(path)
        for skip in (1, 7, 20, 39):
            assert_same(taken(path, skip, whole[skip - 1].time), whole[skip:])


def test_a_file_with_sound_that_begins_earlier(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 96000)
    path = write_film(tmp_path / "a.mkv", range(30), start=0.48, wave=wave)
    whole = taken(path)
    assert_frames(whole, list(range(30)))
    assert whole[0].time == 0
    assert_same(taken(path, 17, whole[16].time), whole[17:])


def test_what_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with pytest.raises(MediaError, match=r"a\.mkv"):
        taken(path)
    path.write_bytes(bytes(5000))
    with pytest.raises(MediaError, match=r"a\.mkv"):
        taken(path)
    sound = tmp_path / "sound.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", sound)
    with pytest.raises(MediaError, match=r"sound\.wav"):
        taken(sound)


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg(
        "-i", write_film(tmp_path / "film.mkv", range(60)), "-c:v", "mjpeg", "-q:v", 2, "-movflags", "+faststart", path
    )  # fmt: skip
    whole = path.read_bytes()
    assert len(taken(path)) == 60
    path.write_bytes(whole[: len(whole) // 2])
    # either said, or what is there is right; never wrong frames
    try:
        found = taken(path)
    except MediaError as error:
        assert "a.mp4" in str(error)
    else:
        assert_frames(found, list(range(len(found))))
        assert 20 < len(found) < 40


def test_damaged_frames_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    ffmpeg("-i", write_film(tmp_path / "film.mkv", range(30)), "-c:v", "png", "-pix_fmt", "rgb24", path)
    assert_frames(taken(path), list(range(30)))
    content = bytearray(path.read_bytes())
    middle = content.index(b"\x89PNG", len(content) // 2)
    content[middle : middle + 200] = np.random.default_rng(0).bytes(200)
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.mov"):
        taken(path)
