"""Long films with a known answer, made of a few seconds of real footage, and the files that `bench_sync.py` compares.

A film is a row of pieces of 2 to 9 seconds. A piece shows a stretch of one source through a window that stands or
moves, mirrored, upside down, backwards, darker or brighter; no two pieces show the same stretch the same way. Frame
numbers of the film are called moments: what is compared are rows of moments.
"""

import hashlib
import importlib.util
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from vs_align.io.array_types import Int64Array, UInt8Array
from vs_align.media.ffmpeg import file_url, find_ffmpeg

Window = tuple[float, float, float]
"""Left and top edge and size of what is shown, as shares of the source's picture."""
Look = Callable[[UInt8Array, np.random.Generator], UInt8Array]

BLACK = -1
"""The moment at which nothing is shown."""
SAME = 0.5
"""Two pictures of neighbouring moments that differ by no more, in code values on average, count as one."""
_SHORTEST, _LONGEST = 48, 216
_ZONES: tuple[tuple[float, float], ...] = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


def digest(*parts: object) -> str:
    """Name for what was made of these parameters."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


class Library:
    """All frames of the sources at a small size, decoded once and kept in a file.

    Args:
        clips: Folder of video files.
        size: Width and height to which the middle of each picture is brought.
        work: Folder for the file.
    """

    def __init__(self, clips: Path, size: tuple[int, int], work: Path) -> None:
        self.files = sorted(path for path in clips.iterdir() if path.suffix in {".mkv", ".mp4"})
        if not self.files:
            raise SystemExit(f"{clips} holds no video")
        self.size = size
        self.names = [path.stem.split("_")[0] for path in self.files]
        stamps = [(path.name, path.stat().st_size) for path in self.files]
        self.key = digest("library 2", size, *stamps)
        work.mkdir(parents=True, exist_ok=True)
        frames, index = work / f"library-{self.key}.npy", work / f"library-{self.key}.json"
        if not index.exists():
            counts = self._decode(frames)
            write_text(index, json.dumps({"counts": counts, "rates": [str(_rate(path)) for path in self.files]}))
        kept = json.loads(index.read_text())
        self.counts: list[int] = kept["counts"]
        self.rates = [Fraction(rate) for rate in kept["rates"]]
        self.firsts = [sum(self.counts[:k]) for k in range(len(self.counts))]
        self.frames: UInt8Array = np.load(frames, mmap_mode="r")

    def _decode(self, target: Path) -> list[int]:
        width, height = self.size
        fit = f"crop=min(iw\\,ih*{width}/{height}):min(ih\\,iw*{height}/{width}),scale={width}:{height}:flags=area"
        pictures, counts = [], []
        for path in self.files:
            command = [str(find_ffmpeg()), "-v", "error", "-i", file_url(path), "-map", "0:v:0"]
            command += ["-vf", fit, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
            data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            decoded = np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)
            pictures.append(decoded)
            counts.append(len(decoded))
        part = _beside(target)
        with part.open("wb") as file:
            np.save(file, np.concatenate(pictures))
        part.replace(target)
        return counts


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a source, and how it is shown."""

    first: int
    """First frame in the library."""
    length: int
    backwards: bool = False
    mirrored: bool = False
    flipped: bool = False
    start: Window = (0.0, 0.0, 1.0)
    end: Window = (0.0, 0.0, 1.0)
    gain: float = 1.0

    def shown(self, k: int) -> tuple[int, Window]:
        """Frame of the library and window of the piece's frame k."""
        share = k / max(1, self.length - 1)
        x, y, size = (a + (b - a) * share for a, b in zip(self.start, self.end, strict=True))
        return self.first + (self.length - 1 - k if self.backwards else k), (x, y, size)


def make_pieces(library: Library, frames: int, seed: int, names: Sequence[str] = ()) -> list[Piece]:
    """Cut sources into pieces until a film of that many frames is full.

    Args:
        library: The sources.
        frames: Length of the film.
        seed: Another seed gives another film.
        names: Sources to use, all by default.
    """
    rng = np.random.default_rng(seed)
    sources = [k for k, name in enumerate(library.names) if not names or name in names]
    manners = [(m, f, zone) for m in (False, True) for f in (False, True) for zone in range(len(_ZONES))]
    orders = {k: rng.permutation(len(manners)) for k in sources}
    pieces: list[Piece] = []
    total, turn = 0, 0
    while total < frames:
        fresh = []
        for k in sources:
            mirrored, flipped, zone = manners[orders[k][turn % len(manners)]]
            for first, length in _stretches(library.counts[k], rng):
                start, end = _windows(zone, turn // len(manners), rng)
                fresh.append(
                    Piece(
                        library.firsts[k] + first, length, bool(rng.random() < 0.4), mirrored, flipped, start, end,
                        round(float(rng.uniform(0.85, 1.15)), 3),
                    )
                )  # fmt: skip
        for i in rng.permutation(len(fresh)):
            if total < frames:
                pieces.append(fresh[i])
                total += fresh[i].length
        turn += 1
    return pieces


def _stretches(count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Cut a source into stretches, none of them too short; which lie elsewhere each time."""
    stretches, first = [], 0
    while count - first > 0:
        length = int(rng.integers(_SHORTEST, _LONGEST + 1))
        if count - first - length < _SHORTEST:
            length = min(count - first, _LONGEST)
        stretches.append((first, length))
        first += length
    return [stretch for stretch in stretches if stretch[1] >= _SHORTEST or count < _SHORTEST]


def _windows(zone: int, depth: int, rng: np.random.Generator) -> tuple[Window, Window]:
    """Window at the beginning and at the end: the whole picture or a corner, closer each time round."""
    x, y = _ZONES[zone]
    low, high = (0.88, 0.94) if zone == 0 else (0.58, 0.7)
    size = float(rng.uniform(low, high)) * 0.86**depth
    places = np.clip(np.array([x, y]) + rng.normal(0, 0.12, 2), 0, 1) * (1 - size)
    moves = rng.normal(0, 0.05, 2) if rng.random() < 0.6 else np.zeros(2)
    ends = np.clip(places + moves, 0, 1 - size)
    return (float(places[0]), float(places[1]), size), (float(ends[0]), float(ends[1]), size)


class Film:
    """A film whose every frame can be had at any time.

    Args:
        library: The sources.
        pieces: What is shown, in this order.
        size: Width and height of its pictures.
    """

    def __init__(self, library: Library, pieces: Sequence[Piece], size: tuple[int, int]) -> None:
        self.library, self.pieces, self.size = library, tuple(pieces), size
        self.firsts = np.cumsum([0, *(piece.length for piece in self.pieces)])
        self.key = digest("film 1", library.key, self.pieces, size)

    def __len__(self) -> int:
        """Number of frames."""
        return int(self.firsts[-1])

    def picture(self, moment: int) -> UInt8Array:
        """What is seen at a moment."""
        width, height = self.size
        if moment == BLACK:
            return np.zeros((height, width, 3), np.uint8)
        k = int(np.searchsorted(self.firsts, moment, side="right")) - 1
        piece = self.pieces[k]
        frame, (x, y, size) = piece.shown(moment - int(self.firsts[k]))
        wide, high = self.library.size
        # picture coordinates to those of the source, pixel centres at half numbers
        sx, sy = wide * size / width, high * size / height
        ox, oy = x * wide + sx / 2 - 0.5, y * high + sy / 2 - 0.5
        if piece.mirrored:
            sx, ox = -sx, ox + sx * (width - 1)
        if piece.flipped:
            sy, oy = -sy, oy + sy * (height - 1)
        matrix = np.array([[sx, 0, ox], [0, sy, oy]])
        seen = cv2.warpAffine(
            np.ascontiguousarray(self.library.frames[frame]), matrix, (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.asarray(cv2.convertScaleAbs(seen, alpha=piece.gain), np.uint8)

    def groups(self, work: Path) -> Int64Array:
        """(frames,) first moment of the run of identical pictures to which each moment belongs; kept in a file."""
        kept = work / f"groups-{self.key}.npy"
        if not kept.exists():
            groups = np.arange(len(self))
            held = self.picture(0)
            for moment in range(1, len(self)):
                picture = self.picture(moment)
                if cv2.norm(held, picture, cv2.NORM_L1) <= SAME * picture.size:
                    groups[moment] = groups[moment - 1]
                else:
                    held = picture
            part = _beside(kept)
            with part.open("wb") as file:
                np.save(file, groups)
            part.replace(kept)
        return np.asarray(np.load(kept), np.int64)


def cropped(picture: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Show 95 % of it, from a little left of and below the middle."""
    height, width = picture.shape[:2]
    matrix = np.array([[0.95, 0, 0.018 * width], [0, 0.95, 0.034 * height]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=flags), np.uint8)


def letterboxed(picture: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Cover an eighth of it at the top and at the bottom with black bars."""
    bar = picture.shape[0] // 8
    out = picture.copy()
    out[:bar] = out[-bar:] = 0
    return out


def windowboxed(picture: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Shrink it to four fifths, with black all round."""
    height, width = picture.shape[:2]
    inner = cv2.resize(picture, (round(0.8 * width), round(0.8 * height)), interpolation=cv2.INTER_AREA)
    out = np.zeros_like(picture)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return out


def worn(picture: UInt8Array, rng: np.random.Generator, graded: Look, grainy: Look) -> UInt8Array:
    """Grade, crop and grain at once."""
    return grainy(graded(cropped(picture, rng), rng), rng)


@cache
def looks(shared: Path) -> dict[str, Look]:
    """Every way to change a picture: those of the shared module, and those which it lacks."""
    path = shared / "bench" / "footage.py"
    spec = importlib.util.spec_from_file_location("shared_footage", path)
    if spec is None or spec.loader is None or not path.exists():
        raise SystemExit(f"{path} is missing: name the folder that holds bench/ and clips/ with --shared")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    given: dict[str, Look] = dict(module.DEGRADATIONS)
    return given | {
        "crop": cropped,
        "letterboxed": letterboxed,
        "windowboxed": windowboxed,
        "worn": lambda picture, rng: worn(picture, rng, given["colour"], given["grain"]),
    }


def pictures(film: Film, moments: Iterable[int], look: Look | None, seed: int) -> Iterator[UInt8Array]:
    """Pictures of moments, one at a time; grain differs from frame to frame."""
    for i, moment in enumerate(moments):
        picture = film.picture(int(moment))
        yield picture if look is None else look(picture, np.random.default_rng((seed, i)))


def write_film(
    path: Path, shown: Iterable[UInt8Array], size: tuple[int, int], rate: Fraction, crf: int, preset: str = "veryfast"
) -> Path:
    """Write pictures as H.264 without sound, frame by frame.

    Raises:
        SystemExit: ffmpeg fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(path)
    command = [str(find_ffmpeg()), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{size[0]}x{size[1]}", "-r", str(rate), "-i", "-"]
    command += ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709", "-color_range", "tv"]
    command += ["-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-pix_fmt", "yuv420p", file_url(part)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert child.stdin is not None
    with child.stdin as pipe:
        for picture in shown:
            pipe.write(np.ascontiguousarray(picture).data)
    if child.wait():
        raise SystemExit(f"ffmpeg could not write {path}")
    part.replace(path)
    return path


def _rate(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        rate: Any = container.streams.video[0].average_rate
    assert rate is not None
    return Fraction(rate.numerator, rate.denominator)


def _beside(path: Path) -> Path:
    return path.with_name(f".part-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and move it there."""
    part = _beside(path)
    part.write_text(text)
    part.replace(path)
