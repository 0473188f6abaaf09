"""Images and one-frame videos on the command line: what is written, how long it lasts, and which alpha counts."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.cli.calling import call
from tests.cli.overlay.films import BOX, RATE, SIZE, leftovers, lumas, write_bg
from tests.media.films import write_film
from tests.media.landscapes import landscape, mean_error
from tests.sync_films import ShotFilm
from vs_align.io.array_types import AnyArray, Float64Array, UInt8Array

COUNT = 36
SHOWN = 20
LEFT, TOP, WIDTH, HEIGHT = BOX
AREA = np.s_[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]


def image(path: Path, luma: AnyArray, alpha: AnyArray | None = None) -> Path:
    """Write an image as RGB, or RGBA."""
    planes = [luma, luma, luma] if alpha is None else [luma, luma, luma, alpha]
    assert cv2.imwrite(str(path), np.dstack(planes))
    return path


def red(path: Path) -> Float64Array:
    """One channel of an image that was written, 0..255."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found[..., 2] / (257 if found.dtype == np.uint16 else 1), np.float64)


def facts(path: Path) -> tuple[int, float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        return sum(1 for _ in container.decode(stream)), rate


@pytest.fixture(scope="module")
def bg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bg(tmp_path_factory.mktemp("stills") / "bg.mkv", range(COUNT))


def plate() -> UInt8Array:
    return np.ascontiguousarray(ShotFilm().picture(SHOWN, *SIZE)[AREA])


@pytest.mark.parametrize(
    ("clip_type", "ending", "deep"),
    [("uint8", ".png", False), ("uint16", ".png", True), ("uint8", ".jpg", False), ("uint16", ".tif", True),
     ("uint8", ".webp", False), ("uint16", ".bmp", False)],
)  # fmt: skip
def test_spatial_of_images_is_an_image(
    tmp_path: Path, clip_type: str, ending: str, deep: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    ref = landscape()(0, 160, 90)
    moved = landscape(3.25, -2.5)(0, 160, 90).astype(clip_type) * (257 if clip_type == "uint16" else 1)
    out = tmp_path / f"o{ending}"
    assert call("spatial", image(tmp_path / "c.png", moved), image(tmp_path / "r.png", ref), "-o", out) == 0
    said = capfd.readouterr().err
    assert "fps and" not in said and "inf" not in said
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (160, 90)
        assert max(part.bits for part in frame.format.components) == (16 if deep else 8)
    assert mean_error(red(out), ref.astype(float)) < (4 if ending == ".jpg" else 2)
    assert leftovers(tmp_path) == []


def test_an_image_holds_no_film(bg: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    still = image(tmp_path / "plate.png", plate())
    out = tmp_path / "o.png"
    for command in (("overlay", bg, still, "--place", "0,0"), ("spatial", bg, bg), ("temporal", still, bg)):
        assert call(*command, "-o", out) == 1, command
        assert f"o.png is an image, and the result has {COUNT} frames" in capfd.readouterr().err
    assert call("overlay", still, still, "--place", "0,0", "--codec", "ffv1", "-o", out) == 1
    assert "--codec ffv1: o.png is an image" in capfd.readouterr().err
    assert not out.exists()


def test_spatial_of_a_still_and_a_film(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As ref it lasts as long as clip, as clip as long as ref; the film's rate is kept."""
    film = write_film(tmp_path / "film.mkv", range(4), 24, size=(160, 90), paint=landscape())
    still = image(tmp_path / "still.png", landscape(3.25, -2.5)(0, 160, 90))
    assert call("spatial", film, still, "-o", tmp_path / "a.mkv") == 0
    assert "ref is a still" in capfd.readouterr().err
    assert call("spatial", still, film, "-o", tmp_path / "b.mkv") == 0
    assert "clip is a still" in capfd.readouterr().err
    assert facts(tmp_path / "a.mkv") == facts(tmp_path / "b.mkv") == (4, 24)


def test_temporal_of_a_still_has_no_rate(bg: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = image(tmp_path / "whole.png", ShotFilm().picture(5, *SIZE))
    assert call("temporal", whole, bg, "-o", tmp_path / "a.mkv", "--tr", 3) == 0
    assert call("temporal", bg, whole, "-o", tmp_path / "b.png") == 0
    said = capfd.readouterr().err
    assert "is a still, which has no time" in said
    assert "fps:" not in said
    assert facts(tmp_path / "a.mkv") == (COUNT, RATE)
    assert np.abs(red(tmp_path / "b.png") - ShotFilm().picture(5, *SIZE)).mean() < 4


@pytest.mark.parametrize("written", ["png", "mkv"])
def test_a_still_fg_lasts_as_long_as_bg(
    bg: Path, tmp_path: Path, written: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if written == "png":
        still = image(tmp_path / "plate.png", plate())
    else:
        still = write_film(tmp_path / "one.mkv", [0], 50, size=BOX[2:], paint=lambda *_: plate())
    out = tmp_path / "out.mkv"
    options = ("--json", "-", "--crf", 8, "--cache", tmp_path / "cache", "--keep-script")
    assert call("overlay", bg, still, "-o", out, *options) == 0
    said = capfd.readouterr()
    report = json.loads(said.out)
    assert [report[name] for name in ("x", "y", "width", "height")] == pytest.approx(BOX, abs=0.1)
    assert report["verdict"] == "good"
    assert facts(out) == (COUNT, RATE)
    assert report["frames"] == COUNT
    for n, luma in enumerate(lumas(out)):
        wanted = ShotFilm().picture(n, *SIZE).astype(float)
        wanted[AREA] = plate()
        assert np.abs(luma - wanted).mean() < 3, n
    assert "is a still: it is shown in all frames of bg" in said.err
    assert f"{still.name}: 176x108, a still" in said.err
    for word in ("inf ", "PAL", "25.000 fps", "50.000 fps", "rates differ", "0.04"):
        assert word not in said.err + said.out, word


def test_a_still_bg_lasts_as_long_as_fg(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its nominal 25 fps are nobody's rate."""
    whole = image(tmp_path / "plate.png", ShotFilm().picture(SHOWN, *SIZE))
    fg = write_film(
        tmp_path / "fg.mkv", range(12, 30), RATE, size=BOX[2:], paint=lambda m, *_: ShotFilm().picture(m, *SIZE)[AREA]
    )
    for options in ((), ("--timing", "bg")):
        out = tmp_path / "out.mp4"
        assert call("overlay", whole, fg, "-y", "-o", out, "--cache", tmp_path / "cache", *options) == 0
        assert facts(out) == (18, RATE)
    assert "plate.png is a still: as bg it lasts as long as fg" in capfd.readouterr().err


def test_where_a_still_fg_belongs_is_an_image(bg: Path, tmp_path: Path) -> None:
    still = image(tmp_path / "plate.png", plate())
    out = tmp_path / "out.png"
    assert call("overlay", bg, still, "-o", out, "--timing", "fg", "--cache", tmp_path / "cache") == 0
    assert np.abs(red(out) - ShotFilm().picture(SHOWN, *SIZE)).mean() < 5


def test_a_still_that_is_nowhere_names_the_way_out(bg: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = image(tmp_path / "other.png", ShotFilm(99).picture(7, 100, 60))
    assert call("overlay", bg, other, "-o", tmp_path / "o.mkv", "--no-cache") == 3
    assert "--place X,Y" in capfd.readouterr().err
    assert call("overlay", bg, other, "-o", tmp_path / "o.mkv", "--no-cache", "--place", "10,20") == 0
    assert facts(tmp_path / "o.mkv") == (COUNT, RATE)


def test_several_stills_and_films_on_a_still(bg: Path, tmp_path: Path) -> None:
    """The first film says how long it lasts; the second begins with it; stills last all the time."""
    whole = image(tmp_path / "plate.png", np.full((90, 160), 40, np.uint8))
    logo = image(tmp_path / "logo.png", np.full((20, 20), 200, np.uint8))
    short = write_film(tmp_path / "short.mkv", range(10), RATE, size=(32, 18))
    out = tmp_path / "out.mkv"
    assert call("overlay", whole, bg, "--fg", short, "--fg", logo, "-o", out, "--place", "0,0,0.25", "--no-cache") == 0
    assert facts(out) == (COUNT, RATE)
    shown = lumas(out)
    assert np.abs(shown[30][1:4, 1:4] - 200).mean() < 20
    assert np.abs(shown[30][80, 150] - 40) < 12


def _clear_left(size: tuple[int, int]) -> UInt8Array:
    alpha = np.full((size[1], size[0]), 255, np.uint8)
    alpha[:, : size[0] // 2] = 0
    return alpha


def _film_with_alpha(path: Path, codec: str, pix_fmt: str, frames: Sequence[UInt8Array]) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for rgba in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.png", "", ""), ("a.mov", "prores_ks", "yuva444p10le"), ("b.mov", "qtrle", "argb"), ("c.mov", "png", "rgba"),
     ("d.mkv", "ffv1", "yuva420p")],
)  # fmt: skip
def test_alpha_of_fg_is_honoured(bg: Path, tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    size = (64, 48)
    grey, alpha = np.full((size[1], size[0]), 255, np.uint8), _clear_left(size)
    if codec:
        fg = _film_with_alpha(tmp_path / name, codec, pix_fmt, [np.dstack([grey, grey, grey, alpha])] * 8)
    else:
        fg = image(tmp_path / name, grey, alpha)
    out = tmp_path / "out.mkv"
    given = ("--place", "100,60", "--audio", "none", "--no-cache", "--crf", 4)
    assert call("overlay", bg, fg, "-o", out, "--force", *given) == 0
    last = lumas(out)[-1]
    right = last[64:104, 136:160]
    left = last[64:104, 104:128]
    assert right.min() > 240
    # bg is seen there, whatever it shows at that moment
    moments = [ShotFilm().picture(n, *SIZE)[64:104, 104:128].astype(float) for n in range(COUNT)]
    assert min(np.abs(left - wanted).mean() for wanted in moments) < 4


def test_alpha_that_does_not_count_is_named(bg: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    size = (64, 48)
    grey = np.full((size[1], size[0]), 200, np.uint8)
    clear = image(tmp_path / "clear.png", grey, _clear_left(size))
    opaque = image(tmp_path / "opaque.png", grey)
    options = ("--place", "0,0", "--dry-run", "-o", tmp_path / "o.mkv", "--no-cache")
    assert call("overlay", clear, opaque, *options) == 0
    assert "clear.png (bg) has alpha: it is ignored" in capfd.readouterr().err
    assert call("overlay", opaque, clear, *options) == 0
    assert "alpha" not in capfd.readouterr().err
    assert call("spatial", clear, clear, "-o", tmp_path / "s.png") == 0
    assert "clear.png has alpha: it is ignored" in capfd.readouterr().err
    film = _film_with_alpha(
        tmp_path / "v.webm", "libvpx-vp9", "yuva420p", [np.dstack([grey, grey, grey, _clear_left(size)])] * 3
    )
    assert call("overlay", opaque, film, *options) == 0
    assert "v.webm (fg) has alpha that its decoder does not give: it is ignored" in capfd.readouterr().err


def test_skip_spatial_makes_a_larger_fg_smaller(bg: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    large = image(tmp_path / "large.png", np.full((400, 400), 220, np.uint8))
    small = image(tmp_path / "small.png", np.full((40, 60), 220, np.uint8))
    wanted = {large: ((SIZE[0] - SIZE[1]) / 2, 0, SIZE[1], SIZE[1]), small: (130, 70, 60, 40)}
    for fg, box in wanted.items():
        options = ("--skip-spatial", "--dry-run", "--no-cache", "-y", "--json", tmp_path / "r.json")
        assert call("overlay", bg, fg, "-o", tmp_path / "o.mkv", *options) == 0
        report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
        assert [report[name] for name in ("x", "y", "width", "height")] == pytest.approx(box, abs=0.01)
        said = capfd.readouterr().out
        assert ("fg is larger than bg, so it was made smaller to fit" in said) == (fg is large)
    # a scale that was asked for counts
    assert call("overlay", bg, large, "-o", tmp_path / "o.mkv", *options, "--scale", "1") == 0
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["width"] == 400


def test_sync_of_a_still(bg: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    still = image(tmp_path / "plate.png", plate())
    for pair, side in (((bg, still), "clip"), ((still, bg), "ref")):
        assert call("sync", *pair, "--no-cache") == 0
        said = capfd.readouterr().out
        assert re.search(rf"frame {SHOWN} of {side} shows the still", said)
        for word in ("PAL", "faster", "slower", "drift", "25 fps", "00:00:00.040"):
            assert word not in said, word


def test_sync_of_a_still_writes_what_needs_no_time(bg: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    still = image(tmp_path / "plate.png", plate())
    for option, name in (("--edl", "a.edl"), ("--audio-out", "a.wav"), ("--timecodes", "a.txt")):
        for pair in ((bg, still), (still, bg)):
            assert call("sync", *pair, "--no-cache", option, tmp_path / name) == 1
            said = capfd.readouterr().err
            assert f"{option} {name}: plate.png is a still, which has no time; leave it out." in said
            assert "reading" not in said
            assert not (tmp_path / name).exists()
    kept = ("--csv", tmp_path / "a.csv", "--json", tmp_path / "a.json", "--plot", tmp_path / "a.svg")
    assert call("sync", bg, still, "--no-cache", *kept) == 0
    assert call("sync", still, bg, "--no-cache", "-y", *kept) == 0
    assert all((tmp_path / name).stat().st_size for name in ("a.csv", "a.json", "a.svg"))
