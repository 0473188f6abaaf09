#!/usr/bin/env python3
"""Reliability of VSAlignConfidence: how many matches of each confidence are right, and constants that fit better.

    python scripts/calibrate.py CLIP CLIP... [--metric structure] [--size 480x270] [--frames 120] [--tr 12]
                                [--held-out CLIP CLIP...] [--wrong-counts 12]

Each clip is matched against copies of itself under several degradations, once with lost, repeated and swapped frames
and once five frames late, and against the next clip, where no match can be right. A match is right when the frame that
it shows differs from the wanted one by no more than half a code value on average, or no more than the nearest frame
that is left. What is printed of each degradation: how many matches are right, how many have a confidence of 0.9 and
more ("sure"), and which part of all is sure and wrong. Clips that are held out are measured, and take no part in the
fit. In the fit a wrong match counts as often as --wrong-counts says: more of them means fewer that are sure and wrong.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import vapoursynth as vs
from scipy.optimize import minimize

import vs_align
from vs_align.decide.matching.decision import confidence
from vs_align.decide.matching.match_report import SURE
from vs_align.io.array_types import AnyArray, Float64Array, UInt8Array
from vs_align.measure.metrics.registry import METRICS

_HIGHEST_BASE = 0.3  # a good score alone does not make a match sure
_LATE = 5  # frames by which the copy that is not jittered begins before

Degradation = Callable[[UInt8Array, np.random.Generator], UInt8Array]


def _codes(values: AnyArray) -> UInt8Array:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def plain(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Leave it."""
    return frame


def grainy(frame: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Add grain."""
    return _codes(frame + rng.normal(0, 6, frame.shape[:2])[..., None])


def regraded(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Bend the tone, take colour away, and warm the rest."""
    light = (frame / 255.0) ** 1.2
    grey = light.mean(axis=2, keepdims=True)
    return _codes(255 * (grey + 0.5 * (light - grey)) * [1.05, 1.0, 0.88] + 4)


def zoomed(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Zoom by 2 % and shift."""
    height, width = frame.shape[:2]
    matrix = np.array([[1.02, 0, -0.012 * width], [0, 1.02, -0.005 * height]])
    return np.asarray(cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def worn(frame: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Zoom, soften, regrade and add grain."""
    return grainy(regraded(np.asarray(cv2.GaussianBlur(zoomed(frame, rng), (0, 0), 1.2), np.uint8), rng), rng)


def compressed(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Compress hard, each frame for itself."""
    done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 25])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def cropped(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Cut two per cent off the edges, unevenly, and enlarge to the old size."""
    height, width = frame.shape[:2]
    inner = frame[round(0.007 * height) : round(0.99 * height), round(0.011 * width) : round(0.992 * width)]
    return np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def cropped_and_graded(frame: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Crop, lift and warm."""
    light = (cropped(frame, rng) / 255.0) ** 0.88
    return _codes(255 * (0.9 * light * [1.04, 1.0, 0.94] + 0.05))


def misaligned(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Turn a little, enlarge by 3 % and shift."""
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.35, 1.03)
    matrix[:, 2] += 0.008 * width, -0.006 * height
    return np.asarray(cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def with_logo(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Write a name into a corner."""
    height, width = frame.shape[:2]
    place, size = (round(0.68 * width), round(0.12 * height)), height / 360
    return np.asarray(
        cv2.putText(frame.copy(), "CHANNEL 7", place, cv2.FONT_HERSHEY_DUPLEX, size, (235,) * 3), np.uint8
    )


def crushed(frame: UInt8Array, _: np.random.Generator) -> UInt8Array:
    """Crush the blacks."""
    return _codes((frame.astype(np.float32) - 34) * 255 / 201)


def dvd(frame: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Soften, crop unevenly, fade the colours and add grain, as an old transfer."""
    height, width = frame.shape[:2]
    matrix = np.array([[1.025, 0.002, -0.016 * width], [-0.001, 1.012, -0.004 * height]])
    moved = cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    soft = np.asarray(cv2.GaussianBlur(moved, (0, 0), 1.3), np.uint8)
    return _codes(24 + 0.82 * regraded(soft, rng) + rng.normal(0, 5, frame.shape[:2])[..., None])


DEGRADATIONS: dict[str, Degradation] = {
    each.__name__: each
    for each in (
        plain, grainy, regraded, zoomed, worn, compressed, cropped, cropped_and_graded, misaligned, with_logo, crushed,
        dvd,
    )
}  # fmt: skip
FADING = "fading"
"""The copy grows dark and bright again, frame by frame."""
STILL = "still"
"""The film stops for 24 frames now and then; the copy has grain."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One match."""

    confidence: float
    margin: float
    unrest: float
    score: float
    right: bool
    related: bool
    trust: float
    """What is left of the confidence because of how the versions differ or because a frame jumps alone, 0 to 1."""
    degradation: str = ""
    held_out: bool = False


def main() -> None:
    """Match, count, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--metric", default="structure")
    parser.add_argument("--size", default="480x270")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--tr", type=int, default=12)
    names = [*DEGRADATIONS, FADING, STILL]
    parser.add_argument("--degradations", nargs="+", choices=names, default=names)
    parser.add_argument("--held-out", nargs="+", type=Path, default=[])
    parser.add_argument("--wrong-counts", type=float, default=1.0)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    paths = [*options.clips, *options.held_out]
    footage = [decoded(path, width, height, options.start, options.frames) for path in paths]
    samples: list[Sample] = []
    for i, frames in enumerate(footage):
        kept = i >= len(options.clips)
        for name in options.degradations:
            found = list(matched(frames, name, i, options.metric, options.tr))
            samples += [replace(sample, held_out=kept) for sample in found]
            print(f"{paths[i].stem[:30]:32}{line_of(name, found)}", flush=True)
        if len(footage) > 1:
            other = footage[(i + 1) % len(footage)]
            samples += [replace(s, held_out=kept) for s in strangers(frames, other, options.metric, options.tr)]
    for kept in (False, True):
        chosen = [sample for sample in samples if sample.held_out is kept]
        if chosen:
            print("\nheld out" if kept else "\nfitted to")
            for name in options.degradations:
                print(line_of(name, [sample for sample in chosen if sample.degradation == name]))
            print_reliability(chosen)
    print_fit([sample for sample in samples if not sample.held_out], options.metric, options.wrong_counts)


def line_of(name: str, samples: Sequence[Sample]) -> str:
    """Return what there is to say of the samples of a degradation."""
    sure = [sample for sample in samples if sample.confidence >= SURE]
    right, wrong = sum(sample.right for sample in samples), sum(not sample.right for sample in sure)
    shares = [count / len(samples) for count in (right, len(sure), wrong)]
    return f"{name:20}{shares[0]:7.1%} right{shares[1]:8.1%} sure{shares[2]:8.2%} sure and wrong"


def decoded(path: Path, width: int, height: int, start: int, count: int) -> UInt8Array:
    """Return frames of a file as RGB, (n, h, w, 3)."""
    clip = vs.core.bs.VideoSource(str(path), cachemode=0)
    clip = clip.resize.Bicubic(width, height, format=vs.RGB24, matrix_in_s="709")
    begin = min(start, max(0, clip.num_frames - count))
    return np.stack([np.dstack([np.asarray(p) for p in f]) for f in clip[begin : begin + count].frames(close=True)])


def clip_of(frames: UInt8Array) -> vs.VideoNode:
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


def stopping(length: int) -> list[int]:
    """Return which frames are shown of a film that stops for 24 frames after each 24."""
    return [min(n, n // 48 * 48 + 24) for n in range(length)]


def matched(frames: UInt8Array, degradation: str, seed: int, metric: str, tr: int) -> Iterator[Sample]:
    """Match frames against copies: jittered and late ones, and degraded."""
    if degradation == STILL:
        frames = frames[stopping(len(frames))]
    late = [max(0, n - _LATE) for n in range(len(frames))]
    for order in (jittered(len(frames), np.random.default_rng(seed)), late):
        copy = np.stack([degraded(frames[k], degradation, seed, i) for i, k in enumerate(order)])
        small = frames[:, ::2, ::2].astype(np.float32)
        present = sorted(set(order))
        for n, props in enumerate(props_of(copy, frames, metric, tr)):
            differences = np.abs(small[present] - small[n]).mean(axis=(1, 2, 3))
            shown = differences[present.index(order[props["VSAlignMatch"]])]
            right = bool(shown <= max(0.5, differences.min() + 1e-6))
            yield sample_of(props, metric, right, related=True, degradation=degradation)


def degraded(frame: UInt8Array, degradation: str, seed: int, number: int) -> UInt8Array:
    """Degrade frame `number` of a copy."""
    rng = np.random.default_rng((seed, number))
    if degradation == FADING:
        return _codes(frame * (0.75 + 0.25 * np.sin(number / 9)))
    return (grainy if degradation == STILL else DEGRADATIONS[degradation])(frame, rng)


def strangers(frames: UInt8Array, other: UInt8Array, metric: str, tr: int) -> Iterator[Sample]:
    """Match frames against footage that has nothing to do with them."""
    for props in props_of(other, frames, metric, tr):
        yield sample_of(props, metric, right=False, related=False)


def props_of(clip: UInt8Array, ref: UInt8Array, metric: str, tr: int) -> Iterator[Any]:
    """Return the props of all matches."""
    for frame in vs_align.temporal(clip_of(clip), clip_of(ref), tr=tr, metric=metric).frames(close=True):
        yield dict(frame.props)


def sample_of(props: Any, metric: str, right: bool, related: bool, degradation: str = "") -> Sample:
    """Return what a match says of itself, and what is true."""
    sure, margin, unrest = (float(props[f"VSAlign{name}"]) for name in ("Confidence", "Margin", "Unrest"))
    score = float(props["VSAlignScore"])
    trust = min(1.0, sure / max(confidence(margin, score, METRICS[metric].calibration, unrest), 1e-30))
    return Sample(sure, margin, unrest, score, right, related, trust, degradation)


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


def print_fit(samples: list[Sample], metric: str, wrong_counts: float) -> None:
    """Print the constants of a logistic regression on these samples, of which wrong ones count that often."""
    unit = METRICS[metric].calibration.typical_score
    sides = np.array(
        [(1, np.log1p(min(s.margin, 1e3)), -np.log1p(s.score / unit), -np.log1p(s.unrest)) for s in samples]
    )
    sides[~np.isfinite([s.margin for s in samples]), 1] = 0
    right = np.array([s.right for s in samples], np.float64)
    trust = np.array([s.trust for s in samples])

    def loss(constants: Float64Array) -> float:
        sure = np.clip(trust / (1 + np.exp(-np.clip(sides @ constants, -60, 60))), 1e-9, 1 - 1e-9)
        return float(
            -np.mean(np.where(right > 0, np.log(sure), wrong_counts * np.log(1 - sure))) + 1e-4 * np.sum(constants**2)
        )

    bounds = [(None, _HIGHEST_BASE), (0, None), (0, None), (0, None)]
    base, margin, level, unrest = minimize(loss, np.ones(4), bounds=bounds).x
    print(f"fit: base={base:.2f}, margin={margin:.2f}, score={level:.2f}, typical_score={unit}, jitter={unrest:.2f}")


if __name__ == "__main__":
    main()
