"""Films that have nothing in common but a part that any two films may have: black, a card, a leader, an ident."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs

from tests.media.films import write_film
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import RATE, SIZE, ShotFilm
from vs_align.io.array_types import UInt8Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints


def _flat(level: int, seconds: float) -> list[UInt8Array]:
    return [np.full(SIZE[::-1], level, np.uint8)] * round(seconds * RATE)


def _card(seed: int = 7) -> UInt8Array:
    """A card with a shape and a name on a dark ground."""
    out = np.full(SIZE[::-1], 20, np.uint8)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        at = rng.integers((30, 20), (130, 70))
        cv2.circle(out, at.tolist(), int(rng.integers(5, 18)), int(rng.integers(90, 235)), -1, cv2.LINE_AA)
    cv2.putText(out, "STUDIO", (30, 84), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 235.0, 2, cv2.LINE_AA)
    return out


def _countdown(seconds: float) -> list[UInt8Array]:
    """A leader: a hand that turns once a second round a number."""
    out = []
    for n in range(round(seconds * RATE)):
        picture = np.full(SIZE[::-1], 130, np.uint8)
        angle = 360 * float(n / RATE % 1)
        cv2.ellipse(picture, (80, 45), (100, 100), -90, 0, angle, 70.0, -1, cv2.LINE_AA)
        cv2.circle(picture, (80, 45), 36, 220.0, 2, cv2.LINE_AA)
        cv2.circle(picture, (80, 45), 30, 220.0, 2, cv2.LINE_AA)
        number = str(int(seconds) - int(n / RATE))
        cv2.putText(picture, number, (64, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 16.0, 3, cv2.LINE_AA)
        out.append(picture)
    return out


def _ident(seconds: float) -> list[UInt8Array]:
    """A sign that flies in and turns before a gradient, and stands still in the end."""
    ground = np.tile(np.linspace(30, 160, SIZE[0]), (SIZE[1], 1))
    out = []
    count = round(seconds * RATE)
    for n in range(count):
        share = min(1.0, 1.4 * n / count)
        picture = np.asarray(ground, np.uint8).copy()
        centre = (round(-30 + 110 * share), round(70 - 25 * share))
        box = cv2.boxPoints((centre, (60, 30), 300 * (1 - share)))
        cv2.fillConvexPoly(picture, box.astype(np.int32), 230.0, cv2.LINE_AA)
        cv2.circle(picture, (round(160 - 80 * share), 45), 9, 20.0, -1, cv2.LINE_AA)
        out.append(picture)
    return out


def _bars(seconds: float) -> list[UInt8Array]:
    levels = np.repeat(np.array([235, 210, 170, 145, 106, 81, 41, 16], np.uint8), SIZE[0] // 8)
    return [np.tile(levels, (SIZE[1], 1))] * round(seconds * RATE)


def _fade(seconds: float) -> list[UInt8Array]:
    """A card that comes out of black and goes again."""
    count = round(seconds * RATE)
    card = _card(9).astype(np.float32)
    return [
        np.rint(16 + (card - 16) * np.sin(np.pi * (n + 0.5) / count)).astype(np.uint8) for n in range(count)
    ]  # fmt: skip


PARTS: dict[str, Callable[[], list[UInt8Array]]] = {
    "black": lambda: _flat(16, 1),
    "long black": lambda: _flat(16, 3),
    "white": lambda: _flat(235, 1),
    "fade": lambda: _fade(2),
    "card": lambda: [_card()] * round(2 * RATE),
    "countdown": lambda: _countdown(8),
    "ident": lambda: _ident(3),
    "bars": lambda: _bars(4),
}
"""What two films share, by name."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A film with such a part in it.

    Args:
        seed: Of the film.
        seconds: Its length without the part.
        parts: Names of the parts, see `PARTS`.
        place: Where they are, 0 for the beginning, 1 for the end.
    """

    seed: int
    seconds: float = 20.0
    parts: tuple[str, ...] = ("black",)
    place: float = 0.0

    def pictures(self) -> list[UInt8Array]:
        """All frames, luma of 160x90."""
        own = round(self.seconds * RATE)
        cut = round(self.place * own)
        shared = [picture for name in self.parts for picture in _part(name)]
        film = _film(self.seed, own)
        return [*film[:cut], *shared, *film[cut:]]

    def prints(self) -> Fingerprints:
        """Its fingerprints."""
        return fingerprints_of(np.stack([_small(picture) for picture in self.pictures()]), RATE)

    def write(self, path: Path) -> Path:
        """Write it as an H.264 file without sound."""
        pictures = self.pictures()
        return write_film(path, range(len(pictures)), RATE, size=SIZE, paint=lambda n, width, height: pictures[n])

    def node(self) -> vs.VideoNode:
        """The frames as a YUV420P8 clip without colour."""
        return node_of(self.pictures())


def node_of(pictures: Sequence[UInt8Array], rate: Fraction = RATE) -> vs.VideoNode:
    """Pictures as a YUV420P8 clip without colour."""
    height, width = pictures[0].shape
    blank = vs.core.std.BlankClip(
        width=width, height=height, format=vs.YUV420P8, length=len(pictures), color=[16, 128, 128],
        fpsnum=rate.numerator, fpsden=rate.denominator, keep=True,
    )  # fmt: skip

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        np.copyto(np.asarray(out[0]), pictures[n])
        return out

    return blank.std.ModifyFrame(blank, paint)


@cache
def _part(name: str) -> list[UInt8Array]:
    return PARTS[name]()


@cache
def _film(seed: int, count: int) -> list[UInt8Array]:
    film = ShotFilm(seed)
    return [film.picture(moment) for moment in range(count)]


def _small(picture: UInt8Array) -> UInt8Array:
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)
