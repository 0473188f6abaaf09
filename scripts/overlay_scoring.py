"""How good is what came out? Judged by the pictures and the sound of the file alone, whoever wrote it."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from overlay_footage import RATE, SOUND_RATE, Case, Scene, burst_times, decoded
from sync_footage import SAME

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, UInt8Array

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.media.films import frame_seconds, heard

_TELLING = 3000
"""So many pixels tell frames apart."""
_SOFT = 9
"""Pixels over which they are averaged where there may be grain: encoders take that from other frames."""
_PLACED_FRAMES = 9
_REGISTERED = 0.9
"""Pictures that correlate by less after registration say nothing about the place."""
_LISTEN = 1.2
"""Seconds of sound that are compared at a time."""
_FARTHEST = 0.4
_STEP = 0.001


@dataclass(frozen=True, slots=True)
class Score:
    """What is true of an output. None: there is nothing to be said of it."""

    fault: str = ""
    """Why it cannot be used; empty where it can."""
    frames: int = 0
    wanted: int = 0
    right: float | None = None
    """Share of the wanted frames that show the right moment inside and outside."""
    inside_db: float | None = None
    outside_db: float | None = None
    place: float | None = None
    """Distance of the foreground's farthest corner from its place, in background pixels, all frames of a scene taken
    together."""
    scale: float | None = None
    """Error of its size, as a share."""
    sound_ms: tuple[float | None, ...] = ()
    """By how much sound is late at the beginning, in the middle and at the end."""

    @property
    def usable(self) -> bool:
        """Whether it has the right size and every frame."""
        return not self.fault and self.frames == self.wanted


def score(output: Path, scene: Scene) -> Score:
    """Judge an output.

    Args:
        output: The file.
        scene: What it should show: each foreground frame once, in order, on the background of its moment.
    """
    case, wanted = scene.case, len(scene.shown)
    if not output.exists():
        return Score("no file", wanted=wanted)
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        size, has_sound = (stream.width, stream.height), bool(container.streams.audio)
    if size != case.bg_size:
        return Score(f"{size[0]}x{size[1]}", wanted=wanted)
    pictures = list(decoded(output, size))
    wrong, inside, outside = _Frames(scene).judge(pictures)
    place, scale = _registered(pictures, scene)
    times = np.array(frame_seconds(output))
    return Score(
        "" if has_sound or case.sound == "none" else "no audio",
        len(pictures),
        wanted,
        1 - (wrong + max(0, wanted - len(pictures))) / wanted,
        inside,
        outside,
        place,
        scale,
        _lags(output, times, scene) if has_sound else (),
    )


class _Frames:
    """All moments of the world as the result may show them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.clean = np.stack([scene.background(m) for m in range(scene.moments)])
        changed = scene.case.look != "identity"
        self.graded = (
            np.stack([scene.background(m, scene.look) for m in range(scene.moments)]) if changed else self.clean
        )
        self.soft = (_SOFT if changed else 1), 1
        self.masks = [self._masks(late) for late in (False, True)]

    def _masks(self, late: bool) -> tuple[BoolArray, BoolArray]:
        """What lies well inside and what lies well outside; bars of the background are neither."""
        width, height = self.scene.case.bg_size
        bars = self.scene.case.bg_bars
        picture = np.zeros((height, width), bool)
        picture[bars + 2 * (bars > 0) : height - bars - 2 * (bars > 0)] = True
        border = 2 / min(self.scene.case.scale)
        return self.scene.inside(late, border) & picture, ~self.scene.inside(late, -border) & picture

    def judge(self, pictures: Sequence[UInt8Array]) -> tuple[int, float | None, float | None]:
        """Count wrong frames, and measure both parts of all frames in dB."""
        scene, wrong = self.scene, 0
        decibels: tuple[list[float], list[float]] = [], []
        libraries = [[(_sparse(*part), part[1]) for part in self._parts(late)] for late in (False, True)]
        for picture, number in zip(pictures, scene.shown, strict=False):
            moment = int(scene.fg_moments[number])
            below = np.abs(scene.bg_moments - moment)
            # what the background has lost may be shown by either neighbour
            nearest = scene.bg_moments[below == below.min()]
            good = True
            for part, (library, mask) in enumerate(libraries[moment >= scene.cut]):
                if not library.size:
                    continue
                candidates = np.array([moment]) if part == 0 else nearest
                distance = np.abs(library - _sparse(picture[None], mask, self.soft[part])).mean(axis=(1, 2))
                good &= bool(distance[candidates].min() <= distance.min() + SAME)
                ideal = (self.graded if part == 0 else self.clean)[candidates[distance[candidates].argmin()]]
                decibels[part].append(_psnr(picture[mask], ideal[mask]))
            wrong += not good
        return wrong, _mean(decibels[0]), _mean(decibels[1])

    def _parts(self, late: bool) -> list[tuple[UInt8Array, BoolArray, int]]:
        inside, outside = self.masks[late]
        return [(self.graded, inside, self.soft[0]), (self.clean, outside, self.soft[1])]


def _sparse(pictures: UInt8Array, mask: BoolArray, soft: int) -> Float32Array:
    """(pictures, pixels, 3) some of what lies under a mask, averaged over so many pixels each way."""
    deep = cv2.erode(mask.astype(np.uint8), np.ones((soft, soft), np.uint8), borderType=cv2.BORDER_REPLICATE)
    rows, columns = np.nonzero(deep)
    step = max(1, rows.size // _TELLING) | 1  # odd, so that columns take turns
    return np.stack([cv2.blur(p, (soft, soft))[rows[::step], columns[::step]] for p in pictures]).astype(np.float32)


def _psnr(found: UInt8Array, ideal: UInt8Array) -> float:
    error = float(np.square(found.astype(np.float32) - ideal).mean())
    return 10 * math.log10(255**2 / max(error, 1e-6))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _registered(pictures: Sequence[UInt8Array], scene: Scene) -> tuple[float | None, float | None]:
    """How far the foreground's corners lie from where they should, and how wrong its size is; the worse scene."""
    off: list[float] = []
    sizes: list[float] = []
    count = min(len(pictures), len(scene.shown))
    moments = [int(scene.fg_moments[k]) for k in scene.shown[:count]]
    for late in (False, True):
        mask = scene.inside(late, 3 / min(scene.case.scale))
        bars = scene.case.bg_bars
        if bars:
            mask[: bars + 3] = mask[-bars - 3 :] = False
        members = [k for k in range(count) if (moments[k] >= scene.cut) == late]
        chosen = (
            sorted({members[round(i)] for i in np.linspace(0, len(members) - 1, _PLACED_FRAMES)}) if members else []
        )
        tried = [_warp_between(scene.background(moments[k], scene.look), pictures[k], mask) for k in chosen]
        found = [warp for warp in tried if warp is not None]
        if found:
            # a single frame tells it to a tenth of a pixel, as far as its detail and the encoder let it
            warp = np.median(found, axis=0)
            off.append(_corner_error(warp, mask))
            sizes.append(float(np.abs(np.linalg.svd(warp[:, :2])[1] - 1).max()))
    return max(off, default=None), max(sizes, default=None)


def _warp_between(ideal: UInt8Array, found: UInt8Array, mask: BoolArray) -> Float64Array | None:
    """(2, 3) takes pixels of the ideal to those of what was found; None where there is too little to see."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    first, second = (cv2.cvtColor(np.ascontiguousarray(p[part]), cv2.COLOR_RGB2GRAY) for p in (ideal, found))
    warp = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-6)
    weights = np.ascontiguousarray(mask[part]).astype(np.uint8) * 255
    try:
        alike, warp = cv2.findTransformECC(  # type: ignore[assignment]
            first.astype(np.float32), second.astype(np.float32), warp, cv2.MOTION_AFFINE, stop, weights, 3
        )
    except cv2.error:
        # it has not converged: the two have nothing in common
        return None
    return np.asarray(warp, np.float64) if alike >= _REGISTERED else None


def _corner_error(warp: Float64Array, mask: BoolArray) -> float:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    right, below = float(columns[-1] - columns[0]), float(rows[-1] - rows[0])
    corners = np.array([(0, 0), (right, 0), (0, below), (right, below)])
    moved = corners @ warp[:, :2].T + warp[:, 2]
    return float(np.hypot(*(moved - corners).T).max())


def _lags(output: Path, times: Float64Array, scene: Scene) -> tuple[float | None, ...]:
    """Milliseconds by which sound is late at three places, going by the pictures that are seen meanwhile."""
    case: Case = scene.case
    positions = scene.fg[scene.shown][: len(times)]
    times = times[: len(positions)]
    end = float(times[-1]) + 1 / float(case.fg.rate)
    sound = heard(output, end)
    seconds = burst_times(scene.moments / float(RATE) + 2) - 1
    due = np.interp(seconds * float(RATE), *_steady(positions, times), left=-9, right=-9)
    lags = [_lag(sound, due, middle) for middle in (_LISTEN / 2 + 0.1, end / 2, end - _LISTEN / 2 - 0.1)]
    return tuple(None if lag is None else 1000 * lag for lag in lags)


def _steady(positions: Float64Array, times: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Positions that rise, and when they are seen; what is shown again counts once."""
    rising = np.concatenate([[True], positions[1:] > np.maximum.accumulate(positions)[:-1]])
    return positions[rising], times[rising]


def _lag(sound: Float64Array, due: Float64Array, middle: float) -> float | None:
    """Seconds by which bursts come later than they are due, around a time; None where none are heard."""
    count = round((_LISTEN + 2 * _FARTHEST) / _STEP)
    begin = middle - _LISTEN / 2 - _FARTHEST
    block = round(_STEP * SOUND_RATE)
    samples = np.zeros(count * block)
    first = round(begin * SOUND_RATE)
    low, high = max(first, 0), min(first + samples.size, sound.size)
    samples[low - first : high - first] = sound[low:high]
    level = np.sqrt(np.square(samples).reshape(-1, block).mean(axis=1))
    near = due[(due >= middle - _LISTEN / 2) & (due < middle + _LISTEN / 2)]
    if not near.size or level.max() < 0.02:
        return None
    fall = np.exp(-np.arange(25) / 6)
    train: Callable[[float], float] = lambda late: _agreement(level, near - begin + late, fall)  # noqa: E731
    lates = np.arange(-_FARTHEST, _FARTHEST, _STEP)
    return float(lates[int(np.argmax([train(late) for late in lates]))])


def _agreement(level: Float64Array, times: Float64Array, shape: Float64Array) -> float:
    """How loud it is where bursts of a shape should be, and how quiet just before."""
    total = 0.0
    for time in times:
        k = round(time / _STEP)
        if 6 <= k < level.size - shape.size:
            total += float((level[k : k + shape.size] * shape).sum() - 3 * level[k - 6 : k].sum())
    return total
