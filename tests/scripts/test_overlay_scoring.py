"""The judge of `scripts/bench_overlay.py`: outputs made of typed-in numbers, right ones and wrong ones."""

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.folders import REPOSITORY
from tests.sync_films import ShotFilm

SCRIPTS = REPOSITORY / "scripts"
sys.path.insert(0, str(SCRIPTS))
try:
    import overlay_footage
    import overlay_scoring
finally:
    sys.path.remove(str(SCRIPTS))

if TYPE_CHECKING:
    from overlay_footage import Case, Scene
    from overlay_scoring import Score

MOMENTS = 72
CASE = overlay_footage.Case(
    "test",
    (150, 96),
    (60.5, 30.25),
    (1.2, 1.1),
    bg_size=(320, 180),
    fg=overlay_footage.Pace(first=8, last=-6),
    bg=overlay_footage.Pace(first=3),
)


@cache
def library() -> Any:
    """A library of one source, without colour."""
    film = ShotFilm(5)
    frames = np.stack([film.picture(m, *overlay_footage.WORLD) for m in range(MOMENTS)])
    coloured = np.broadcast_to(frames[..., None], (*frames.shape, 3))
    return SimpleNamespace(frames=coloured, firsts=[0], counts=[MOMENTS], key="shots", size=overlay_footage.WORLD)


def scene(case: "Case" = CASE) -> "Scene":
    return overlay_footage.Scene(case, library(), 0, MOMENTS, {"identity": lambda picture, _: picture})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    bg, fg = scene().write(tmp_path_factory.mktemp("overlay"))
    return bg, fg


def judged(files: tuple[Path, Path], target: Path, wrong: "Scene") -> "Score":
    """Compose with the numbers of one scene, and judge by the right ones."""
    wrong.typed(*files, target)
    return overlay_scoring.score(target, scene())


def test_right_numbers(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = judged(files, tmp_path / "out.mp4", scene())
    assert found.usable
    assert found.right == 1
    assert found.place is not None and found.place < 0.1
    assert found.scale is not None and found.scale < 0.001
    assert found.inside_db is not None and found.inside_db > 32
    assert found.outside_db is not None and found.outside_db > 32
    assert len(found.sound_ms) == 3
    assert all(ms is not None and abs(ms) <= 2 for ms in found.sound_ms)


def test_wrong_place(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = judged(files, tmp_path / "out.mp4", scene(replace(CASE, at=(61.5, 30.25))))
    assert found.right == 1
    assert found.place == pytest.approx(1, abs=0.15)


def test_wrong_moments(files: tuple[Path, Path], tmp_path: Path) -> None:
    wrong = scene()
    wrong.bg_moments = wrong.bg_moments + 3
    found = judged(files, tmp_path / "out.mp4", wrong)
    assert found.right is not None and found.right < 0.1
    assert found.place is not None and found.place < 0.1


def test_late_sound(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = overlay_footage.heard_at
    late = np.zeros(overlay_footage.SOUND_RATE // 20)
    monkeypatch.setattr(overlay_footage, "heard_at", lambda *given: np.concatenate([late, heard(*given)])[: -late.size])
    found = judged(files, tmp_path / "out.mp4", scene())
    assert all(ms == pytest.approx(50, abs=3) for ms in found.sound_ms)


def test_missing_frames_and_files(files: tuple[Path, Path], tmp_path: Path) -> None:
    wrong = scene()
    wrong.shown = wrong.shown[:-5]
    found = judged(files, tmp_path / "out.mp4", wrong)
    assert not found.usable
    assert found.right == pytest.approx(1 - 5 / found.wanted)
    assert overlay_scoring.score(tmp_path / "none.mp4", scene()).fault == "no file"
