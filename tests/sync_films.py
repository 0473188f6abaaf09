"""Small films of many shots, in which no two frames look alike, and versions of them whose answer is known.

A film is as long as one likes. Its frames are counted in moments; a version is a row of moments, in which some are
missing, repeated, black, or come from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs

from tests.media.films import write_film
from vs_align.io.array_types import Float32Array, Float64Array, UInt8Array

Size = tuple[int, int]

BLACK = -1
"""The moment at which nothing is shown."""
RATE = Fraction(24)
SIZE = (160, 90)
_WORLD = (288, 162)
"""Of which a picture shows about half."""
_SHORTEST, _LONGEST = 30, 110


@dataclass(frozen=True, slots=True)
class Look:
    """How a version differs from the film.

    Args:
        gamma: Exponent of the tone curve.
        gain: Factor after it.
        lift: Code values added after that.
        zoom: How much larger things are seen, about a point beside the middle.
        blur: Standard deviation of a blur, in shares of the width.
        grain: Standard deviation of noise that differs from frame to frame, in code values.
    """

    gamma: float = 1.0
    gain: float = 1.0
    lift: float = 0.0
    zoom: float = 1.0
    blur: float = 0.0
    grain: float = 0.0


PLAIN = Look()
WORN = Look(gamma=1.2, gain=0.85, lift=14.0, zoom=1.05, blur=0.005, grain=6.0)


@dataclass(frozen=True)
class ShotFilm:
    """A film of shots of 1.25 to 4.6 seconds: a camera that pans over a scene, in which something moves by itself.

    Args:
        seed: Another seed gives a film that has nothing in common with this.
        look: How it is seen.
    """

    seed: int = 0
    look: Look = PLAIN

    def picture(self, moment: int, width: int = SIZE[0], height: int = SIZE[1]) -> UInt8Array:
        """(height, width) luma of a moment, 0 or more, or of `BLACK`."""
        if moment == BLACK:
            return np.full((height, width), 16, np.uint8)
        shot, k = shot_at(self.seed, moment)
        world, start, way, blob = _scene(self.seed, shot)
        x, y = start + way * k
        scale = _WORLD[0] / 2 / width / self.look.zoom
        # zoomed about a point left of the middle
        x += (1 - 1 / self.look.zoom) * 0.4 * _WORLD[0] / 2
        y += (1 - 1 / self.look.zoom) * 0.5 * _WORLD[1] / 2
        matrix = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(world, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        centre = _WORLD[0] / 4 * (1 + 0.6 * np.sin(blob * k + shot)), _WORLD[1] / 4 * (1 + 0.5 * np.cos(1.3 * blob * k))
        place = [(c + s - o) / scale for c, s, o in zip(centre, start + way * k, (x, y), strict=True)]
        cv2.circle(
            seen, (round(16 * place[0]), round(16 * place[1])), round(16 * 0.09 * width * self.look.zoom),
            float(40 + 180 * (shot % 2)), -1, cv2.LINE_AA, 4,
        )  # fmt: skip
        return self._looked(np.asarray(seen, np.float32), moment)

    def _looked(self, seen: Float32Array, moment: int) -> UInt8Array:
        look = self.look
        if look.blur:
            seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), look.blur * seen.shape[1]), np.float32)
        seen = np.asarray(255 * (seen / 255) ** look.gamma * look.gain + look.lift, np.float32)
        if look.grain:
            noise = np.random.default_rng((self.seed, moment, 9)).standard_normal(seen.shape, np.float32)
            seen = seen + look.grain * noise
        return np.clip(np.rint(seen), 16, 235).astype(np.uint8)

    def write(self, path: Path, moments: Sequence[int], rate: Fraction | int = RATE, size: Size = SIZE) -> Path:
        """Write moments as an H.264 file without sound."""
        return write_film(path, moments, rate, size=size, paint=self.picture)

    def node(self, moments: Sequence[int], rate: Fraction = RATE, size: Size = SIZE) -> vs.VideoNode:
        """Moments as a YUV420P8 clip without colour. The moments are looked up when frames are asked for."""
        blank = vs.core.std.BlankClip(
            width=size[0], height=size[1], format=vs.YUV420P8, length=len(moments), color=[16, 128, 128],
            fpsnum=rate.numerator, fpsden=rate.denominator, keep=True,
        )  # fmt: skip

        def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            out = f.copy()
            np.copyto(np.asarray(out[0]), self.picture(moments[n], *size))
            return out

        return blank.std.ModifyFrame(blank, paint)


@cache
def _ends(seed: int, block: int) -> tuple[int, ...]:
    """Moments at which the shots of a block of 64 end, counted from the block's first."""
    return tuple(np.cumsum(np.random.default_rng((seed, block, 1)).integers(_SHORTEST, _LONGEST + 1, 64)).tolist())


def shot_at(seed: int, moment: int) -> tuple[int, int]:
    """Number of the shot that a moment of a film belongs to, and how many frames after its beginning it is."""
    block = 0
    while moment >= _ends(seed, block)[-1]:
        moment -= _ends(seed, block)[-1]
        block += 1
    ends = _ends(seed, block)
    inside = int(np.searchsorted(ends, moment, side="right"))
    return 64 * block + inside, moment - (ends[inside - 1] if inside else 0)


def shot_starts(seed: int, length: int) -> list[int]:
    """Moments below `length` at which a shot begins, without 0: the scene cuts of the film."""
    return [moment for moment in range(1, length) if shot_at(seed, moment)[1] == 0]


@lru_cache(maxsize=128)
def _scene(seed: int, shot: int) -> tuple[UInt8Array, Float64Array, Float64Array, float]:
    """What there is to see, where the camera starts, its way per frame, and how fast something turns."""
    rng = np.random.default_rng((seed, shot, 2))
    total = np.zeros(_WORLD[::-1], np.float32)
    for level in range(2, 7):
        size = max(2, _WORLD[0] >> level), max(2, _WORLD[1] >> level)
        noise = rng.normal(0, 1.5**level, size[::-1]).astype(np.float32)
        total += cv2.resize(noise, _WORLD, interpolation=cv2.INTER_CUBIC)
    low, high = np.percentile(total, (2, 98))
    top = rng.uniform(150, 225)
    world = np.clip(30 + (total - low) * (top - 30) / (high - low), 16, 235).astype(np.uint8)
    room = np.array(_WORLD) / 2
    start, end = (room * rng.uniform(0.05, 0.95, 2) for _ in range(2))
    # fast enough that no frame is like the one before
    way = (end - start) / np.hypot(*(end - start)) * rng.uniform(0.25, 0.7)
    return world, np.asarray(start), np.asarray(way), float(rng.uniform(0.06, 0.14))


def without(moments: Sequence[int], *stretches: tuple[int, int]) -> list[int]:
    """Moments without those of some stretches, each given by its first moment and the one after its last."""
    return [moment for moment in moments if not any(first <= moment < stop for first, stop in stretches)]


def dropped(moments: Sequence[int], share: float, seed: int = 0) -> list[int]:
    """Moments without some single ones, chosen by chance; the first and the last stay."""
    chance = np.random.default_rng(seed).random(len(moments))
    chance[[0, -1]] = 1
    return [moment for moment, drawn in zip(moments, chance, strict=True) if drawn >= share]


def repeated(moments: Sequence[int], share: float, seed: int = 0) -> list[int]:
    """Moments with some single ones shown twice, chosen by chance."""
    chance = np.random.default_rng(seed).random(len(moments))
    return [moment for moment, drawn in zip(moments, chance, strict=True) for _ in range(1 + (drawn < share))]


def true_map(clip: Sequence[int], ref: Sequence[int]) -> list[int | None]:
    """Clip frame that shows what each ref frame shows, the first of several; None where there is none, and in black."""
    frames: dict[int, int] = {}
    for frame, moment in enumerate(clip):
        frames.setdefault(moment, frame)
    return [None if moment == BLACK else frames.get(moment) for moment in ref]
