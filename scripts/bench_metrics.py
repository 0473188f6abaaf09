#!/usr/bin/env python3
"""How much faster is the pruned window search of a metric than comparing every candidate from scratch?

    python scripts/bench_metrics.py CLIP... [--size 480x360] [--tr 20] [--metric butteraugli] [--windows 12]

Three scenes are made of each clip: `footage`, its own frames; `pan`, its first picture moved by two pixels a frame; and
`static`, its first picture with camera noise of its own in every frame. Ref is the scene, candidates are the same
frames after JPEG compression. Both ways use the same kernels and run in this process: `full` prepares both pictures
anew for every pair; `search` is what `temporal` does, with everything that belongs to one frame prepared once. Before
that, all windows are compared in full as well, and winner and score must be equal.
"""

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import vapoursynth as vs
from rich.console import Console
from rich.table import Table

from vs_align.enums import Device
from vs_align.io.array_types import UInt8Array
from vs_align.measure.metrics.best_match_search import BestMatch, find_best_match
from vs_align.measure.metrics.feature_cache import FeatureCache
from vs_align.measure.metrics.metric import Metric, ScoreTolerance
from vs_align.measure.metrics.registry import METRICS, build
from vs_align.nodes.rgb import rgb_of


@dataclass(frozen=True)
class Picture:
    """A picture whose features are kept."""

    image: UInt8Array
    digest: bytes
    cache: FeatureCache[Any]
    metric: Metric[Any]

    def features(self) -> Any:
        """Return what the metric prepared."""
        return self.cache.get(self.digest, partial(self.metric.prepare, self.image))


def read(path: Path, width: int, height: int, count: int) -> list[UInt8Array]:
    """Decode the first frames as 8-bit RGB; a short clip runs back and forth."""
    clip = vs.core.bs.VideoSource(str(path), cachemode=0)
    clip = vs.core.resize.Bicubic(clip, width, height)
    clip = rgb_of(clip + clip[1:-1][::-1]).std.Loop(0)[:count]
    return [np.stack([np.asarray(frame[plane]) for plane in range(3)]) for frame in clip.frames(close=True)]


def pan(image: UInt8Array, count: int) -> list[UInt8Array]:
    """Enlarge a picture and move over it, two pixels a frame."""
    _, height, width = image.shape
    large = cv2.resize(image.transpose(1, 2, 0), (width + 2 * count, height), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(large[:, 2 * i : 2 * i + width].transpose(2, 0, 1)) for i in range(count)]


def static(image: UInt8Array, count: int) -> list[UInt8Array]:
    """Repeat a picture with weak noise, new in every frame."""
    rng = np.random.default_rng(0)
    return [np.clip(np.rint(image + rng.normal(0, 2, image.shape)), 0, 255).astype(np.uint8) for _ in range(count)]


def compressed(image: UInt8Array, quality: int = 75) -> UInt8Array:
    """Compress a picture as JPEG and decode it."""
    _, data = cv2.imencode(".jpg", image[::-1].transpose(1, 2, 0), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded.transpose(2, 0, 1)[::-1], np.uint8)


def wrapped(images: list[UInt8Array], metric: Metric[Any]) -> list[Picture]:
    """Give pictures a cache of their own."""
    cache = FeatureCache(metric.size)
    return [Picture(image, hashlib.blake2b(image.tobytes()).digest(), cache, metric) for image in images]


def timed(call: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def run_scene(
    refs: list[UInt8Array], metric: Metric[Any], args: argparse.Namespace
) -> tuple[float, float, float, bool]:
    """Measure one scene.

    Returns:
        Seconds of one full comparison, milliseconds of one searched window, hit rate of the true frame, and whether
        all winners and scores equal those of the full comparison.
    """
    candidates = [compressed(image) for image in refs]
    first, last = args.tr + 1, args.tr + 1 + args.windows
    full = statistics.median(
        timed(lambda k=k: metric.score(metric.prepare(candidates[k]), metric.prepare(refs[first])))  # type: ignore[misc]
        for k in range(first - args.tr, first + args.tr + 1)
    )
    mine, theirs = wrapped(candidates, metric), wrapped(refs, metric)

    def window(n: int, offset: int) -> BestMatch:
        reach = range(n - args.tr, n + args.tr + 1)
        exact = ScoreTolerance(args.slack, args.slack / 2)
        return find_best_match(metric, theirs[n], {k: mine[k] for k in reach}, n, n + offset, exact)

    window(first - 1, 0)  # prepares the window that later ones only add to
    times, found, offset = [], [], 0
    for n in range(first, last):
        began = time.perf_counter()
        found.append(window(n, offset))
        times.append(time.perf_counter() - began)
        offset = found[-1].winner - n
    same, hits = True, 0
    for n, result in zip(range(first, last), found, strict=True):
        hits += result.winner == n
        if n < first + args.checked:
            reach = range(n - args.tr, n + args.tr + 1)
            scores = {k: metric.score(mine[k].features(), theirs[n].features(), inf) for k in reach}
            same &= scores[result.winner] == min(scores.values()) == result.scores[result.winner]
    return full, statistics.mean(times), hits / len(found), same


def main() -> None:
    """Parse the command line and run what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--size", default="480x360")
    parser.add_argument("--tr", type=int, default=20)
    parser.add_argument("--metric", default="butteraugli")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--windows", type=int, default=12, help="windows to search in each scene")
    parser.add_argument("--checked", type=int, default=3, help="windows of which all candidates are compared, too")
    parser.add_argument("--slack", type=float, default=0.0, help="share of the best score up to which scores are exact")
    parser.add_argument("--scenes", nargs="+", default=["footage", "pan", "static"])
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    count = 2 * args.tr + args.windows + 2
    metric = build(METRICS[args.metric], Device(args.device))
    table = Table("clip", "scene", "one pair ms", "full fps", "search fps", "ratio", "right", "same as full")
    for path in args.clips:
        frames = read(path, width, height, count)
        scenes = {"footage": frames, "pan": pan(frames[0], count), "static": static(frames[0], count)}
        for name in args.scenes:
            one, searched, hits, same = run_scene(scenes[name], metric, args)
            plain = 1 / (one * (2 * args.tr + 1))
            cells = (f"{one * 1000:.1f}", f"{plain:.2f}", f"{1 / searched:.1f}", f"{1 / searched / plain:.1f}")
            table.add_row(path.stem[:24], name, *cells, f"{hits:.0%}", "yes" if same else "NO")
    Console().print(table)


if __name__ == "__main__":
    main()
