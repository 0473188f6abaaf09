"""`vs-align overlay` on pictures of all kinds, with findings that are given."""

import json
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.cli.calling import call
from tests.cli.overlay.films import Scenario, lumas
from tests.media.films import frame_seconds, write_film
from vs_align.io.array_types import UInt8Array

COUNT = 12
UNDER, OVER = 60, 180


def flat(level: int, number: int, width: int, height: int) -> UInt8Array:
    """A picture of one level, and every fourth number a little brighter."""
    return np.full((height, width), level + number % 4, np.uint8)


def made(
    folder: Path,
    sizes: tuple[tuple[int, int], tuple[int, int]] = ((160, 90), (64, 32)),
    corner: tuple[int, int] = (40, 20),
    bg: dict[str, Any] | None = None,
    fg: dict[str, Any] | None = None,
) -> Scenario:
    """A dark bg and a bright fg, frame for frame."""
    under = write_film(folder / "bg.mkv", range(COUNT), 24, size=sizes[0], paint=partial(flat, UNDER), **(bg or {}))
    over = write_film(folder / "fg.mkv", range(COUNT), 24, size=sizes[1], paint=partial(flat, OVER), **(fg or {}))
    return Scenario(folder, under, over, range(COUNT), COUNT, sizes, corner)


def wanted(n: int, size: tuple[int, int] = (160, 90), box: tuple[int, int, int, int] = (40, 20, 64, 32)) -> Any:
    picture = np.full(size[::-1], UNDER + n % 4, float)
    left, top, width, height = box
    picture[max(top, 0) : top + height, max(left, 0) : left + width] = OVER + n % 4
    return picture


def check(out: Path, wanted_pictures: list[Any]) -> None:
    shown = lumas(out)
    assert len(shown) == len(wanted_pictures)
    for luma, picture in zip(shown, wanted_pictures, strict=True):
        assert luma.shape == picture.shape
        assert np.abs(luma - picture).max() <= 3


LOSSLESS = ("--codec", "ffv1", "--audio", "none")


def test_what_was_given_is_not_judged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scenario = made(tmp_path)
    assert call(*scenario.arguments(tmp_path / "out.mkv", "--json", "-", "--dry-run")) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["verdict"], report["x"], report["y"]) == ("given", 40, 20)


def test_mask_and_opacity(tmp_path: Path) -> None:
    scenario = made(tmp_path)
    mask = np.zeros((16, 32), np.uint8)
    mask[:, 16:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    out = tmp_path / "out.mkv"
    assert call(*scenario.arguments(out, "--mask", tmp_path / "mask.png", "--opacity", 0.5, *LOSSLESS)) == 0
    picture = lumas(out)[0]
    assert np.abs(picture[20:52, 40:68] - UNDER).max() <= 2
    assert np.abs(picture[20:52, 78:104] - (UNDER + OVER) / 2).max() <= 2
    assert np.abs(picture[60:] - UNDER).max() <= 2


def test_odd_sizes_lose_their_subsampling(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sizes = ((161, 91), (63, 33))
    kind = {"codec": "ffv1", "pix_fmt": "yuv444p"}
    scenario = made(tmp_path, sizes, (41, 21), kind, kind)
    out = tmp_path / "out.mkv"
    assert call(*scenario.arguments(out, "--crf", 4)) == 0
    check(out, [wanted(n, sizes[0], (41, 21, 63, 33)) for n in range(COUNT)])
    with av.open(str(out)) as container:
        assert container.streams.video[0].pix_fmt == "yuv444p"
    assert "the result is 161x91, which YUV420P8 cannot be: it is YUV444P8" in capfd.readouterr().err


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "gray", "yuv444p", "bgr0"])
def test_formats_of_bg_become_what_players_take(tmp_path: Path, pix_fmt: str) -> None:
    scenario = made(tmp_path, bg={"codec": "ffv1", "pix_fmt": pix_fmt})
    out = tmp_path / "out.mp4"
    assert call(*scenario.arguments(out, "--crf", 4)) == 0
    with av.open(str(out)) as container:
        assert container.streams.video[0].pix_fmt in ("yuv420p", "yuvj420p")
        pictures = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)]
    with av.open(str(scenario.bg)) as container:
        under = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)]
    for picture, below in zip(pictures, under, strict=True):
        assert np.abs(picture[60:] - below[60:]).mean() < 4
        assert picture[24:48, 44:100].min() > below.max() + 60


def test_colour_tags_are_those_of_bg(tmp_path: Path) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    scenario = made(tmp_path, bg={"tags": tags, "pix_fmt": "yuv420p10le"}, fg={"tags": tags})
    out = tmp_path / "out.mp4"
    assert call(*scenario.arguments(out, "--codec", "libx265", "--pixel-format", "yuv420p10le")) == 0
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert {key: getattr(context, key) for key in tags} == tags
        assert context.pix_fmt == "yuv420p10le"


def test_canvas(tmp_path: Path) -> None:
    """Fg reaches beyond bg at the left and at the top."""
    scenario = made(tmp_path, corner=(-10, -6))
    out = tmp_path / "out.mkv"
    assert call(*scenario.arguments(out, *LOSSLESS)) == 0
    check(out, [wanted(n, box=(0, 0, 54, 26)) for n in range(COUNT)])
    assert call(*scenario.arguments(out, "--canvas", "fg", *LOSSLESS)) == 0
    check(out, [np.full((32, 64), OVER + n % 4, float) for n in range(COUNT)])
    assert call(*scenario.arguments(out, "--canvas", "union", "--background", "black", *LOSSLESS)) == 0
    picture = lumas(out)[0]
    assert picture.shape == (96, 170)
    assert np.abs(picture[:32, :64] - OVER).max() <= 2
    assert np.abs(picture[34:, 12:] - UNDER).max() <= 2
    assert np.abs(picture[:4, 66:]).max() <= 2


def test_variable_rate_keeps_each_time_stamp(tmp_path: Path) -> None:
    times = np.concatenate([[0], np.cumsum([0.04, 0.08, 0.04, 0.12, 0.2, 0.04, 0.04, 0.08, 0.04, 0.04, 0.16])]).tolist()
    scenario = made(tmp_path, fg={"times": times})
    for name in ("out.mkv", "out.mp4"):
        out = tmp_path / name
        assert call(*scenario.arguments(out, "--crf", 4)) == 0
        np.testing.assert_allclose(frame_seconds(out), times, atol=0.0011)
        check(out, [wanted(n) for n in range(COUNT)])


def test_result_has_the_higher_rate_in_the_time_of_bg(tmp_path: Path) -> None:
    from vs_align.timeline.timeline import Timeline

    scenario = made(tmp_path)
    write_film(scenario.fg, range(2 * COUNT), 48, size=(64, 32), paint=partial(flat, OVER))
    half = [n // 2 for n in range(2 * COUNT)]
    Timeline.from_frame_map(half, clip_rate=24, ref_rate=48, clip_length=COUNT).save(tmp_path / "t.json")
    out = tmp_path / "out.mkv"
    assert call(*scenario.arguments(out, "--timing", "bg", "--no-trim", *LOSSLESS)) == 0
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == Fraction(48)
    shown = lumas(out)
    assert len(shown) == 2 * COUNT
    for n, picture in enumerate(shown):
        assert abs(picture[80, 5] - UNDER - n // 2 % 4) <= 1
        assert abs(picture[30, 60] - OVER - n % 4) <= 1
