"""Two versions of a film of which one is a window of the other, and what is needed to see that it came out right."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.media.films import sound, write_film
from tests.sync_films import ShotFilm
from vs_align.io.array_types import Float64Array, UInt8Array
from vs_align.placement.placement import Placement, Scene, Transform
from vs_align.timeline.timeline import Timeline

RATE = 24
SIZE = (320, 180)
"""Of bg."""
BOX = (70, 36, 176, 108)
"""Left, top, width and height of the window that fg shows, in pixels of bg."""
FG_FIRST, FG_STOP = 30, 150
"""The moments that fg shows."""
BG_STOP = 180


def painted(film: ShotFilm, moment: int, width: int, height: int) -> UInt8Array:
    """The whole picture; only its size counts."""
    return film.picture(moment, width, height)


def windowed(film: ShotFilm, box: tuple[int, int, int, int], moment: int, width: int, height: int) -> UInt8Array:
    """What is seen through a window of the picture of `SIZE`."""
    left, top, across, down = box
    assert (width, height) == (across, down)
    return np.ascontiguousarray(film.picture(moment, *SIZE)[top : top + down, left : left + across])


def write_bg(path: Path, moments: Sequence[int] = range(BG_STOP), *, seed: int = 0, **options: Any) -> Path:
    """Write the whole picture."""
    return write_film(path, moments, RATE, size=SIZE, paint=partial(painted, ShotFilm(seed)), **options)


def write_fg(
    path: Path,
    moments: Sequence[int] = range(FG_FIRST, FG_STOP),
    *,
    seed: int = 0,
    box: tuple[int, int, int, int] = BOX,
    **options: Any,
) -> Path:
    """Write the window."""
    return write_film(path, moments, RATE, size=box[2:], paint=partial(windowed, ShotFilm(seed), box), **options)


def film_sound(first: int = 0, stop: int = BG_STOP) -> Float64Array:
    """The sound of some moments."""
    wave = sound(BG_STOP / RATE)
    samples = [round(Fraction(moment, RATE) * 48000) for moment in (first, stop)]
    return wave[samples[0] : samples[1]]


def lumas(path: Path) -> list[Float64Array]:
    """Luma of all frames of a file on the scale of `write_film`: 0 is black, 255 is white."""
    with av.open(str(path)) as container:
        return [frame.reformat(format="gray").to_ndarray().astype(np.float64) for frame in container.decode(video=0)]


def shown_moments(path: Path, candidates: Sequence[int], paint: Callable[[int, int, int], Any]) -> list[int]:
    """Moments that the frames of a file show: those of the candidates that are nearest."""
    shown = lumas(path)
    height, width = shown[0].shape
    known = np.stack([paint(moment, width, height)[::4, ::4] for moment in candidates]).astype(np.float64)
    return [candidates[int(np.abs(known - luma[::4, ::4]).mean(axis=(1, 2)).argmin())] for luma in shown]


def leftovers(folder: Path) -> list[str]:
    """Hidden files that should be gone."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


class Scenario:
    """Bg and fg with findings, so that nothing is searched.

    Args:
        folder: Where findings are kept.
        bg: A film of the moments 0 to `bg_stop`.
        fg: A film of some of them.
        moments: Which those are.
        sizes: Of bg and fg.
        corner: Where fg's top left corner lies in bg.
    """

    def __init__(
        self,
        folder: Path,
        bg: Path,
        fg: Path,
        moments: Sequence[int] = range(FG_FIRST, FG_STOP),
        bg_stop: int = BG_STOP,
        sizes: tuple[tuple[int, int], tuple[int, int]] = (SIZE, BOX[2:]),
        corner: tuple[int, int] = BOX[:2],
    ) -> None:
        self.folder, self.bg, self.fg = folder, bg, fg
        timeline = Timeline.from_frame_map(moments, clip_rate=RATE, ref_rate=RATE, clip_length=bg_stop)
        timeline.save(folder / "t.json")
        place = Transform(((1.0, 0.0, corner[0]), (0.0, 1.0, corner[1]), (0.0, 0.0, 1.0)), *sizes)
        Placement(*sizes, (Scene(0, place),)).save(folder / "p.json")

    def arguments(self, out: Path, *options: object) -> list[str]:
        """Arguments of the command."""
        found = ["--timeline", str(self.folder / "t.json"), "--placement", str(self.folder / "p.json")]
        kept = ["--cache", str(self.folder / "cache")]
        return ["overlay", str(self.bg), str(self.fg), "-y", "-o", str(out), *found, *kept, *map(str, options)]
