#!/usr/bin/env python3
"""Reliability of VSAlignConfidence: how many matches of each confidence are right, and constants that fit better.

    python scripts/calibrate.py CLIP CLIP... [--metric structure] [--size 480x270] [--frames 120] [--tr 12]

Each clip is matched against copies of itself with lost, repeated and swapped frames, under several degradations, and
against the other clips, where no match can be right. A match is right when the frame that it shows differs from the
wanted one by no more than half a code value on average, or no more than the nearest frame that is left.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import vapoursynth as vs
from scipy.optimize import minimize

import vs_align
from vs_align.timing.confidence import calibration

Frames = npt.NDArray[np.uint8]
Degradation = Callable[[Frames, np.random.Generator], Frames]


def _codes(values: npt.NDArray[Any]) -> Frames:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def plain(frame: Frames, _: np.random.Generator) -> Frames:
    """Leave it."""
    return frame


def grainy(frame: Frames, rng: np.random.Generator) -> Frames:
    """Add grain."""
    return _codes(frame + rng.normal(0, 6, frame.shape[:2])[..., None])


def regraded(frame: Frames, _: np.random.Generator) -> Frames:
    """Bend the tone, take colour away, and warm the rest."""
    light = (frame / 255.0) ** 1.2
    grey = light.mean(axis=2, keepdims=True)
    return _codes(255 * (grey + 0.5 * (light - grey)) * [1.05, 1.0, 0.88] + 4)


def zoomed(frame: Frames, _: np.random.Generator) -> Frames:
    """Zoom by 2 % and shift."""
    height, width = frame.shape[:2]
    matrix = np.array([[1.02, 0, -0.012 * width], [0, 1.02, -0.005 * height]])
    return np.asarray(cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def worn(frame: Frames, rng: np.random.Generator) -> Frames:
    """Zoom, soften, regrade and add grain."""
    return grainy(regraded(np.asarray(cv2.GaussianBlur(zoomed(frame, rng), (0, 0), 1.2), np.uint8), rng), rng)


def compressed(frame: Frames, _: np.random.Generator) -> Frames:
    """Compress hard, each frame for itself."""
    done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 25])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


DEGRADATIONS: dict[str, Degradation] = {
    each.__name__: each for each in (plain, grainy, regraded, zoomed, worn, compressed)
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One match."""

    confidence: float
    margin: float
    unrest: float
    score: float
    right: bool
    related: bool


def main() -> None:
    """Match, count, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--metric", default="structure")
    parser.add_argument("--size", default="480x270")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--tr", type=int, default=12)
    parser.add_argument("--degradations", nargs="+", choices=list(DEGRADATIONS), default=list(DEGRADATIONS))
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    footage = [decoded(path, width, height, options.start, options.frames) for path in options.clips]
    samples: list[Sample] = []
    for i, frames in enumerate(footage):
        for name in options.degradations:
            found = list(matched(frames, DEGRADATIONS[name], i, options.metric, options.tr))
            right = sum(sample.right for sample in found) / len(found)
            print(f"{options.clips[i].stem[:30]:32}{name:12}{right:7.1%} right", flush=True)
            samples += found
        if len(footage) > 1:
            other = footage[(i + 1) % len(footage)]
            samples += strangers(frames, other, options.metric, options.tr)
    print_reliability(samples)
    print_fit(samples, options.metric)


def decoded(path: Path, width: int, height: int, start: int, count: int) -> Frames:
    """Return frames of a file as RGB, (n, h, w, 3)."""
    clip = vs.core.bs.VideoSource(str(path), cachemode=0)
    clip = clip.resize.Bicubic(width, height, format=vs.RGB24, matrix_in_s="709")
    begin = min(start, max(0, clip.num_frames - count))
    return np.stack([np.dstack([np.asarray(p) for p in f]) for f in clip[begin : begin + count].frames(close=True)])


def clip_of(frames: Frames) -> vs.VideoNode:
    """Return frames as an RGB24 clip."""
    height, width = frames.shape[1:3]
    blank = vs.core.std.BlankClip(width=width, height=height, format=vs.RGB24, length=len(frames), keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out: Any = f.copy()
        for plane in range(3):
            np.asarray(out[plane])[:] = frames[n, ..., plane]
        return out

    return blank.std.ModifyFrame(blank, fill)


def jittered(length: int, rng: np.random.Generator) -> list[int]:
    """Return which frames are shown: some are lost, some repeated, some swapped, within 7 frames of their place."""
    order: list[int] = []
    source = 0
    while len(order) < length:
        drift, draw = source - len(order), rng.random()
        if draw < 0.05 and drift < 7:
            source += 1
        elif draw < 0.1 and drift > -7 and order:
            order.append(order[-1])
            continue
        order.append(min(source, length - 1))
        source += 1
    for i in range(4, length - 1, 11):
        order[i], order[i + 1] = order[i + 1], order[i]
    return order


def matched(frames: Frames, degradation: Degradation, seed: int, metric: str, tr: int) -> Iterator[Sample]:
    """Match frames against a jittered and degraded copy."""
    order = jittered(len(frames), np.random.default_rng(seed))
    copy = np.stack([degradation(frames[k], np.random.default_rng((seed, i))) for i, k in enumerate(order)])
    small = frames[:, ::2, ::2].astype(np.float32)
    present = sorted(set(order))
    for n, props in enumerate(props_of(copy, frames, metric, tr)):
        differences = np.abs(small[present] - small[n]).mean(axis=(1, 2, 3))
        shown = differences[present.index(order[props["VSAlignMatch"]])]
        yield sample_of(props, bool(shown <= max(0.5, differences.min() + 1e-6)), related=True)


def strangers(frames: Frames, other: Frames, metric: str, tr: int) -> Iterator[Sample]:
    """Match frames against footage that has nothing to do with them."""
    for props in props_of(other, frames, metric, tr):
        yield sample_of(props, right=False, related=False)


def props_of(clip: Frames, ref: Frames, metric: str, tr: int) -> Iterator[Any]:
    """Return the props of all matches."""
    for frame in vs_align.temporal(clip_of(clip), clip_of(ref), tr=tr, metric=metric).frames(close=True):
        yield dict(frame.props)


def sample_of(props: Any, right: bool, related: bool) -> Sample:
    """Return what a match says of itself, and what is true."""
    sure, margin, unrest = (float(props[f"VSAlign{name}"]) for name in ("Confidence", "Margin", "Unrest"))
    return Sample(sure, margin, unrest, float(props["VSAlignScore"]), right, related)


def print_reliability(samples: list[Sample]) -> None:
    """Print how many matches of each confidence are right."""
    related = [sample for sample in samples if sample.related]
    print(f"\n{'confidence':>12}{'matches':>10}{'right':>9}")
    edges = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    for low, high in pairwise(edges):
        inside = [s.right for s in related if low <= s.confidence < high or s.confidence == high == 1]
        share = f"{np.mean(inside):9.1%}" if inside else f"{'-':>9}"
        print(f"{low:6.1f}..{high:<4.1f}{len(inside):>10}{share}")
    unrelated = [sample.confidence for sample in samples if not sample.related]
    if unrelated:
        print(f"unrelated clips: {np.mean(np.array(unrelated) < 0.3):.1%} of {len(unrelated)} matches below 0.3")


def print_fit(samples: list[Sample], metric: str) -> None:
    """Print the constants of a logistic regression on these samples."""
    unit = calibration(metric).unit
    sides = np.array(
        [(1, np.log1p(min(s.margin, 1e3)), -np.log1p(s.score / unit), -np.log1p(s.unrest)) for s in samples]
    )
    sides[~np.isfinite([s.margin for s in samples]), 1] = 0
    right = np.array([s.right for s in samples], np.float64)

    def loss(constants: npt.NDArray[np.float64]) -> float:
        logits = sides @ constants
        return float(np.mean(np.logaddexp(0, logits) - right * logits) + 1e-4 * np.sum(constants**2))

    bounds = [(None, None), (0, None), (0, None), (0, None)]
    base, margin, level, unrest = minimize(loss, np.ones(4), bounds=bounds).x
    print(f"fit: base={base:.2f}, margin={margin:.2f}, level={level:.2f}, unit={unit}, unrest={unrest:.2f}")


if __name__ == "__main__":
    main()
