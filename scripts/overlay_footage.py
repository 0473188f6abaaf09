"""Pairs of a background and a foreground of which everything is known: moments, place and sound of every frame.

Real footage is the world. Both files look at it through a window of their own, at a pace of their own; frames of the
footage are called moments. The sound of the world is bursts of noise at known times, so that what is heard tells the
time to a millisecond, whatever was stretched or encoded on the way.
"""

import math
import subprocess
import wave as wave_file
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

import cv2
import numpy as np
from sync_footage import Library, Look, digest, write_film

from vs_align.io.array_types import BoolArray, Float64Array, Int64Array, UInt8Array
from vs_align.media.ffmpeg import file_url, find_ffmpeg

WORLD = (960, 540)
RATE = Fraction(24)
"""Moments in a second of the world."""
SOUND_RATE = 48000
_BURSTS = 5
_CRF = 16


@dataclass(frozen=True, slots=True)
class Pace:
    """Which moments a file shows.

    Args:
        first: The position at which it begins, in moments.
        step: Moments from one frame to the next; the moment that a frame shows is the whole part of its position.
        rate: Frames in a second.
        lost: Pairs of a frame number and how many moments are lost before it; negative: shown again.
        last: It ends before this moment; 0 or less counts from the end.
    """

    first: float = 0.0
    step: float = 1.0
    rate: Fraction = RATE
    lost: tuple[tuple[int, int], ...] = ()
    last: int = 0

    def positions(self, moments: int) -> Float64Array:
        """Position of each frame in a world of so many moments."""
        places = self.first + self.step * np.arange(4 * moments)
        for frame, count in self.lost:
            places[frame:] += count
        end = self.last if self.last > 0 else moments + self.last
        # a sum of many steps may end a hair below the whole number that is meant
        return np.asarray(places[np.floor(places + 1e-6) < end], np.float64)


@dataclass(frozen=True, slots=True)
class Case:
    """How the two files differ.

    Args:
        name: One word.
        fg_size: Width and height of the foreground file.
        at: Where its top left corner lies in the background, edge to edge, in background pixels.
        scale: Background pixels per foreground pixel, across and down.
        turn: Degrees by which it lies there clockwise, about its centre.
        then: The corner from the cut in the middle on; the world is mirrored there.
        bg_size: Width and height of the background file.
        bg_area: Left and top edge and width of what the background shows, as shares of the world.
        bg: Pace of the background.
        fg: Pace of the foreground.
        look: What was done to the foreground's colours.
        bg_bars: Rows of black at the top and at the bottom of the background.
        fg_bars: Likewise of the foreground.
        sound: Which files have any: "both", "bg", "fg" or "none".
    """

    name: str
    fg_size: tuple[int, int] = (360, 220)
    at: tuple[float, float] = (80.0, 48.0)
    scale: tuple[float, float] = (1.0, 1.0)
    turn: float = 0.0
    then: tuple[float, float] | None = None
    bg_size: tuple[int, int] = (640, 360)
    bg_area: tuple[float, float, float] = (0.0, 0.0, 1.0)
    bg: Pace = Pace()
    fg: Pace = Pace(first=24, last=-12)
    look: str = "identity"
    bg_bars: int = 0
    fg_bars: int = 0
    sound: str = "both"

    def placed(self, late: bool) -> Float64Array:
        """The transform that takes pixels of the foreground to pixels of the background, before or after the cut."""
        x, y = self.then if late and self.then else self.at
        size, scale = np.array(self.fg_size), np.array(self.scale)
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(scale)
        matrix = np.eye(3)
        matrix[:2, :2] = linear
        matrix[:2, 2] = np.array([x, y]) + size * scale / 2 - 0.5 - linear @ ((size - 1) / 2)
        return matrix

    @property
    def seen(self) -> Float64Array:
        """The transform that takes pixels of the background to pixels of the world."""
        left, top, width = self.bg_area
        step = width * WORLD[0] / self.bg_size[0]
        return np.array([
            [step, 0, left * WORLD[0] + (step - 1) / 2],
            [0, step, top * WORLD[1] + (step - 1) / 2],
            [0, 0, 1.0],
        ])  # fmt: skip


class Scene:
    """A case, filmed over one source.

    Args:
        case: How the files differ.
        library: Where the pictures are; `size` is that of the world.
        source: Number of the source in it.
        moments: Length of the world, at most that of the source.
        looks: Every way to change colours, by name.
    """

    def __init__(self, case: Case, library: Library, source: int, moments: int, looks: dict[str, Look]) -> None:
        self.case, self.look = case, looks[case.look]
        self.moments = min(moments, library.counts[source])
        self._frames = library.frames[library.firsts[source] : library.firsts[source] + self.moments]
        self.cut = self.moments // 2 if case.then else self.moments
        self.bg, self.fg = (pace.positions(self.moments) for pace in (case.bg, case.fg))
        self.bg_moments, self.fg_moments = (np.floor(p + 1e-6).astype(int) for p in (self.bg, self.fg))
        self.key = digest("overlay 3", case, library.key, source, self.moments)

    def world(self, moment: int, look: Look | None = None) -> UInt8Array:
        """What there is to see, with other colours perhaps."""
        picture = np.ascontiguousarray(self._frames[moment])
        if moment >= self.cut:
            picture = np.ascontiguousarray(picture[:, ::-1])
        return picture if look is None else look(picture, np.random.default_rng((7, moment)))

    def background(self, moment: int, look: Look | None = None) -> UInt8Array:
        """What the background's window shows, with other colours perhaps."""
        return window(self.world(moment, look), self.case.seen, self.case.bg_size)

    def foreground(self, moment: int) -> UInt8Array:
        """A frame of the foreground file."""
        matrix = self.case.seen @ self.case.placed(moment >= self.cut)
        return barred(window(self.world(moment, self.look), matrix, self.case.fg_size), self.case.fg_bars)

    @cached_property
    def shown(self) -> Int64Array:
        """Numbers of the foreground frames that the result shows: from the first that has a background to the last."""
        has = (self.fg_moments >= self.bg_moments[0]) & (self.fg_moments <= self.bg_moments[-1])
        places = np.flatnonzero(has)
        return np.arange(places[0], places[-1] + 1)

    def inside(self, late: bool, border: float = 0.0) -> BoolArray:
        """Pixels of the background whose centres lie in the foreground's picture, so far from its edge.

        Args:
            late: After the cut.
            border: Distance in foreground pixels. Bars are no picture; where it is negative, what lies that near
                outside belongs to it, and so do the bars.
        """
        width, height = self.case.bg_size
        xs, ys = np.meshgrid(np.arange(width), np.arange(height))
        x, y, _ = np.tensordot(np.linalg.inv(self.case.placed(late)), np.stack([xs, ys, np.ones_like(xs)]), 1)
        bars = self.case.fg_bars if border >= 0 else 0
        (across, down), low = self.case.fg_size, border - 0.5
        within = (x >= low) & (x <= across - 1 - low) & (y >= low + bars) & (y <= down - 1 - low - bars)
        return np.asarray(within, np.bool_)

    def heard(self, positions: Float64Array, pace: Pace) -> Float64Array:
        """The sound of a file: that of the moments it shows, at the speed at which it shows them."""
        return heard_at(world_sound(self.moments), positions, pace)

    def write(self, work: Path) -> tuple[Path, Path]:
        """Write both files unless they are there; return the background's and the foreground's name."""
        folder = work / "overlay" / self.key
        bg, fg = folder / "bg.mp4", folder / "fg.mp4"
        if not (bg.exists() and fg.exists()):
            case = self.case
            shown = (barred(self.background(m), case.bg_bars) for m in self.bg_moments)
            sound = self.heard(self.bg, case.bg) if case.sound in {"both", "bg"} else None
            write_film_with_sound(bg, shown, case.bg_size, case.bg.rate, _CRF, sound)
            sound = self.heard(self.fg, case.fg) if case.sound in {"both", "fg"} else None
            shown = (self.foreground(m) for m in self.fg_moments)
            write_film_with_sound(fg, shown, case.fg_size, case.fg.rate, _CRF, sound)
        return bg, fg

    def typed(self, bg: Path, fg: Path, target: Path) -> None:
        """Write what comes out where every number is typed in: the best that can be expected."""
        below, above = decoded(bg, self.case.bg_size), decoded(fg, self.case.fg_size)
        write_film_with_sound(
            target, self._composed(list(below), list(above)), self.case.bg_size, self.case.fg.rate, 18,
            self.heard(self.fg[self.shown], self.case.fg), "medium",
        )  # fmt: skip

    def _composed(self, below: Sequence[UInt8Array], above: Sequence[UInt8Array]) -> Iterator[UInt8Array]:
        inside = [self.inside(late, -1e-9) for late in (False, True)]
        for k in self.shown:
            moment = int(self.fg_moments[k])
            late = moment >= self.cut
            picture = below[int(np.abs(self.bg_moments - moment).argmin())].copy()
            matrix = np.linalg.inv(self.case.placed(late))
            picture[inside[late]] = window(above[k], matrix, self.case.bg_size)[inside[late]]
            yield picture


def window(picture: UInt8Array, matrix: Float64Array, size: tuple[int, int]) -> UInt8Array:
    """Look at a picture through a window.

    Args:
        picture: What there is to see; its edges go on for ever.
        matrix: Takes pixels of the window to pixels of the picture.
        size: Width and height of the window.
    """
    whole = matrix[:2].copy()
    if not (whole[:, :2] - np.eye(2)).any() and not (whole[:, 2] % 1).any():
        x, y = (int(v) for v in whole[:, 2])
        if 0 <= x <= picture.shape[1] - size[0] and 0 <= y <= picture.shape[0] - size[1]:
            return picture[y : y + size[1], x : x + size[0]]
    # several samples for each pixel where the window shrinks, so that nothing aliases
    fine = max(1, math.ceil(np.abs(matrix[:2, :2]).sum(axis=1).max() - 0.05))
    spread = np.array([[1 / fine, 0, (1 / fine - 1) / 2], [0, 1 / fine, (1 / fine - 1) / 2], [0, 0, 1.0]])
    seen = cv2.warpAffine(
        picture, (matrix @ spread)[:2], (size[0] * fine, size[1] * fine),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    if fine > 1:
        seen = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    return np.asarray(seen, np.uint8)


def barred(picture: UInt8Array, rows: int) -> UInt8Array:
    """Black out rows at the top and at the bottom."""
    if rows:
        picture = picture.copy()
        picture[:rows] = picture[-rows:] = 0
    return picture


def world_sound(moments: int) -> Float64Array:
    """The sound of the world: bursts over faint noise, a second longer than the picture at either end."""
    rng = np.random.default_rng(11)
    seconds = float(moments / RATE) + 2
    sound = rng.normal(0, 0.004, int(seconds * SOUND_RATE))
    for begin in burst_times(seconds):
        place = slice(int(begin * SOUND_RATE), int(begin * SOUND_RATE) + _burst().size)
        sound[place] += (rng.uniform(0.4, 1.0) * _burst())[: sound[place].size]
    return np.asarray(np.clip(sound, -1, 1), np.float64)


def heard_at(sound: Float64Array, positions: Float64Array, pace: Pace) -> Float64Array:
    """The sound of a file that shows these positions of a world with that sound."""
    frames = np.arange(round(len(positions) / pace.rate * SOUND_RATE)) * float(pace.rate) / SOUND_RATE
    number = np.minimum(frames.astype(int), len(positions) - 1)
    moment = positions[number] + (frames - number) * pace.step
    return np.asarray(np.interp((moment / float(RATE) + 1) * SOUND_RATE, np.arange(sound.size), sound), np.float64)


def burst_times(seconds: float) -> Float64Array:
    """When the bursts begin, in seconds of the wave: about five a second, never in time with each other."""
    rng = np.random.default_rng(5)
    gaps = rng.uniform(0.6, 1.4, round(seconds * _BURSTS) + 8) / _BURSTS
    times = np.cumsum(gaps)
    return np.asarray(times[times < seconds - 0.1], np.float64)


@cache
def _burst() -> Float64Array:
    length = SOUND_RATE // 40
    fall = np.exp(-np.arange(length) / (SOUND_RATE * 0.006))
    return np.asarray(0.8 * fall * np.random.default_rng(3).uniform(-1, 1, length), np.float64)


def write_film_with_sound(
    path: Path,
    shown: Iterable[UInt8Array],
    size: tuple[int, int],
    rate: Fraction,
    crf: int,
    sound: Float64Array | None,
    preset: str = "veryfast",
) -> None:
    """Write pictures as H.264, and beside them a wave as AAC if there is one."""
    silent = write_film(path.with_name(f"silent-{path.name}"), shown, size, rate, crf, preset)
    if sound is None:
        silent.replace(path)
        return
    plain = path.with_suffix(".wav")
    with wave_file.open(str(plain), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        file.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())
    part = path.with_name(f"part-{path.name}")
    command = [str(find_ffmpeg()), "-v", "error", "-y", "-i", file_url(silent), "-i", file_url(plain)]
    command += ["-c:v", "copy", "-c:a", "aac", "-b:a", "160k", file_url(part)]
    subprocess.run(command, check=True)
    part.replace(path)
    silent.unlink()
    plain.unlink()


def decoded(path: Path, size: tuple[int, int]) -> Iterator[UInt8Array]:
    """All frames of a file as red, green, blue."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", file_url(path), "-fps_mode", "passthrough"]
    command += ["-vf", "scale=in_color_matrix=bt709:flags=bicubic+accurate_rnd+full_chroma_int"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    count = size[0] * size[1] * 3
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        while len(data := child.stdout.read(count)) == count:
            yield np.frombuffer(data, np.uint8).reshape(size[1], size[0], 3)
