"""The examples run as they stand, through vspipe."""

import json
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.folders import REPOSITORY
from tests.media.films import write_film
from tests.media.landscapes import landscape
from tests.sync_films import WORN, ShotFilm, true_map, without
from vs_align.media.vspipe import ensure_config, find_vspipe, vspipe_environment

EXAMPLES = REPOSITORY / "examples"


def props_of(example: str, folder: Path, *options: str) -> list[dict[str, Any]]:
    """Run an example and return the props of each frame of its output."""
    ensure_config()
    props = folder / "props.json"
    command = [str(find_vspipe()), *options, "-j", str(props), str(EXAMPLES / example), "--"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=vspipe_environment())
    assert done.returncode == 0, done.stderr
    frames: list[dict[str, Any]] = json.loads(props.read_text())
    return frames


def test_temporal(tmp_path: Path) -> None:
    clip = write_film(tmp_path / "a clip.mkv", range(5, 45), 24)
    ref = write_film(tmp_path / "ref.mkv", range(40), 24)
    frames = props_of("temporal.vpy", tmp_path, "-a", f"clip={clip}", "-a", f"ref={ref}", "-a", "tr=8")
    assert len(frames) == 40
    offsets = [int(frame["VSAlignOffset"]) for frame in frames]
    assert offsets[5:] == [-5] * 35


def test_sync(tmp_path: Path) -> None:
    moments = without(range(100, 400), (200, 260))
    clip = ShotFilm(1, WORN).write(tmp_path / "a clip.mkv", moments, size=(144, 82))
    ref = ShotFilm(1).write(tmp_path / "ref.mkv", range(360))
    options = ("-a", f"clip={clip}", "-a", f"ref={ref}", "-a", f"cache={tmp_path / 'cache'}")
    frames = props_of("sync.vpy", tmp_path, *options)
    shown = [None if frame["VSAlignFallback"] else int(frame["VSAlignMatch"]) for frame in frames]
    assert shown == true_map(moments, range(360))


@pytest.mark.parametrize("show", ["0", "1"])
def test_match_metrics(tmp_path: Path, show: str) -> None:
    clip = write_film(tmp_path / "clip.mkv", range(4, 20), 24)
    ref = write_film(tmp_path / "ref.mkv", range(16), 24)
    options = ("-a", f"clip={clip}", "-a", f"ref={ref}", "-a", "tr=6", "-a", f"show={show}")
    frames = props_of("match_metrics.vpy", tmp_path, *options)
    assert [int(frame["VSAlignOffset"]) for frame in frames][4:] == [-4] * 12
    assert {frame["VSAlignMetric"] for frame in frames} == {"butteraugli"}


def test_match_regraded(tmp_path: Path) -> None:
    pytest.importorskip("vs_align.render.temporal.structure_search")
    ref = write_film(tmp_path / "ref.mkv", range(24), paint=landscape())
    clip = write_film(tmp_path / "clip.mkv", range(24), paint=landscape(-2.5, 1.25))
    frames = props_of("match_regraded.vpy", tmp_path, "-a", f"clip={clip}", "-a", f"ref={ref}", "-a", "tr=4")
    assert len(frames) == 24
    assert {frame["VSAlignMetric"] for frame in frames} == {"structure"}


def test_spatial(tmp_path: Path) -> None:
    frames = props_of("spatial.vpy", tmp_path, "-e", "3")
    assert len(frames) == 4
    for frame in frames:
        assert frame["VSAlignShiftX"] == pytest.approx(4, abs=0.15)
        assert frame["VSAlignShiftY"] == pytest.approx(2, abs=0.1)
        assert frame["VSAlignScaleX"] == pytest.approx(1.01, abs=0.0005)
        assert frame["VSAlignValid"] > 0.95


def test_spatial_with_files(tmp_path: Path) -> None:
    ref = write_film(tmp_path / "ref.mkv", range(4), paint=landscape())
    clip = write_film(tmp_path / "clip.mkv", range(4), paint=landscape(-2.5, 1.25))
    frames = props_of("spatial.vpy", tmp_path, "-a", f"clip={clip}", "-a", f"ref={ref}", "-a", "precision=1")
    assert len(frames) == 4
    assert median(frame["VSAlignShiftX"] for frame in frames) == pytest.approx(-2.5, abs=0.1)
    assert median(frame["VSAlignShiftY"] for frame in frames) == pytest.approx(1.25, abs=0.1)


def test_wide_search(tmp_path: Path) -> None:
    frames = props_of("wide_search.vpy", tmp_path, "-e", "2")
    assert len(frames) == 3
    for frame in frames:
        assert frame["VSAlignScaleX"] == pytest.approx(0.625, abs=0.001)
        # the middle of ref is at 420, 228.75 of clip, whose own middle is 480, 270
        assert frame["VSAlignShiftX"] == pytest.approx(-60, abs=0.5)
        assert frame["VSAlignShiftY"] == pytest.approx(-41.25, abs=0.5)
        assert frame["VSAlignFallback"] == 0
