#!/usr/bin/env python3
"""How fast is frame matching, against the plain graph of 2*tr+1 `std.PlaneStats`, and does its memory stay flat?

    python scripts/bench_temporal.py FILE [--sizes 1440x1080 640x360] [--radii 5 20 60] [--versions same grain drops]
                                     [--no-smooth]
    python scripts/bench_temporal.py --memory [--metric structure] [--lengths 1000 20000]

The speed run decodes FILE once, keeps its frames in memory, and times both graphs on the same frames in one process;
before that it checks that they choose the same frames. The memory run matches 1 000 and then 20 000 frames of 640x360,
or as many as are asked for, each in a process of its own with a frame cache of 256 MiB, and prints their peaks.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import vapoursynth as vs
from rich.console import Console
from rich.table import Table

import vs_align

core = vs.core
Frames = list[np.ndarray]


def read(path: Path, width: int, height: int, count: int) -> Frames:
    """Decode up to `count` frames as 8-bit gray; a short file is repeated."""
    clip = core.bs.VideoSource(str(path), cachemode=0)
    clip = core.resize.Bicubic(clip, width, height, format=vs.GRAY8)
    frames = [np.asarray(frame[0]).copy() for frame in clip[:count].frames(close=True)]
    return [frames[i % len(frames)] for i in range(count)]


def grain(frames: Frames) -> Frames:
    """Add noise that differs from frame to frame, which no bound can rule out."""
    rng = np.random.default_rng(0)
    noises = [rng.normal(0, 5, frames[0].shape).astype(np.int16) for _ in range(5)]
    return [np.clip(frame + noises[i % 5], 0, 255).astype(np.uint8) for i, frame in enumerate(frames)]


def drops(frames: Frames) -> Frames:
    """Drop and repeat frames, within four frames of the original place, and change the contrast a little."""
    rng = np.random.default_rng(0)
    order, source = [], 0
    for n in range(len(frames)):
        source += int(rng.choice([0, 1, 1, 1, 1, 1, 1, 2]))
        source = min(max(source, n - 4), n + 4, len(frames) - 1)
        order.append(max(0, source))
    return [np.rint(frames[i] * 0.96 + 5).astype(np.uint8) for i in order]


VERSIONS: dict[str, Callable[[Frames], Frames]] = {"same": lambda frames: frames, "grain": grain, "drops": drops}


def cached_clip(frames: Frames) -> vs.VideoNode:
    """Return a clip whose frames lie in the frame cache."""
    height, width = frames[0].shape
    blank = core.std.BlankClip(width=width, height=height, format=vs.GRAY8, length=len(frames), keep=True)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        np.copyto(np.asarray(frame[0]), frames[n])
        return frame

    clip = blank.std.ModifyFrame(blank, paint)
    clip.std.SetVideoCache(mode=1, fixedsize=1, maxsize=len(frames), maxhistory=len(frames))
    run(clip)
    return clip


def plain_graph(clip: vs.VideoNode, ref: vs.VideoNode, tr: int) -> vs.VideoNode:
    """Compare each ref frame with its whole window, as one writes it by hand; the ends of the clip are repeated."""

    def shift(offset: int) -> vs.VideoNode:
        if offset >= 0:
            return clip[offset:] + clip[-1] * offset if offset else clip
        return (clip[0] * -offset + clip)[: clip.num_frames]

    shifted = [shift(o) for o in [0, *(sign * k for k in range(1, tr + 1) for sign in (1, -1))]]
    scores = [core.std.PlaneStats(candidate, ref, prop="D") for candidate in shifted]

    def choose(n: int, f: list[vs.VideoFrame]) -> vs.VideoNode:
        return shifted[min(range(len(f)), key=lambda i: float(f[i].props["DDiff"]))]

    return clip.std.FrameEval(choose, prop_src=scores, clip_src=shifted)


def run(clip: vs.VideoNode) -> float:
    """Ask for all frames; return frames per second."""
    began = time.perf_counter()
    count = sum(1 for _ in clip.frames(close=True))
    return count / (time.perf_counter() - began)


def same_choice(clip: vs.VideoNode, ref: vs.VideoNode, tr: int) -> bool:
    """Whether both graphs show equal frames wherever the window lies inside the clip."""
    pairs = core.std.PlaneStats(vs_align.temporal(clip, ref, tr=tr, smooth=False), plain_graph(clip, ref, tr))
    inner = pairs[tr : clip.num_frames - tr]
    return all(frame.props["PlaneStatsDiff"] == 0 for frame in inner.frames(close=True))


def speed(args: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """Time both graphs for every size, version and radius."""
    table = Table("size", "version", "tr", "plain fps", "vs_align fps", "with out= fps", "ratio", "same frames")
    rows: list[dict[str, object]] = []
    for size in args.sizes:
        width, height = map(int, size.split("x"))
        count = max(200, min(2000, args.megabytes * 2**20 // (width * height)))
        frames = read(args.file, width, height, count)
        ref = cached_clip(frames)
        for version in args.versions:
            clip = ref if version == "same" else cached_clip(VERSIONS[version](frames))
            other = core.std.BlankClip(clip, keep=True)
            for tr in args.radii:
                # one run of each first: the kernels are compiled, the source frames are in the cache
                equal = same_choice(clip, ref, tr)
                plain = statistics.median(run(plain_graph(clip, ref, tr)) for _ in range(args.repeats))
                ours = statistics.median(
                    run(vs_align.temporal(clip, ref, tr=tr, smooth=args.smooth)) for _ in range(args.repeats)
                )
                copied = statistics.median(
                    run(vs_align.temporal(clip, ref, out=other, tr=tr, smooth=args.smooth)) for _ in range(args.repeats)
                )
                rows.append(
                    {"size": size, "version": version, "tr": tr, "plain": plain, "ours": ours, "out": copied,
                     "ratio": ours / plain, "same": equal}
                )  # fmt: skip
                cells = (plain, ours, copied)
                table.add_row(
                    size,
                    version,
                    str(tr),
                    *(f"{v:.0f}" for v in cells),
                    f"{ours / plain:.2f}",
                    "yes" if equal else "NO",
                )
    console.print(table)
    return rows


def measure_memory(length: int, metric: str) -> None:
    """Match a clip of `length` frames against another and print the peak of this process in MiB."""
    core.max_cache_size = 256
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (360, 640), np.uint8) for _ in range(64)]
    blank = core.std.BlankClip(width=640, height=360, format=vs.GRAY8, length=length, keep=True)

    def source(delay: int) -> vs.VideoNode:
        def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            frame = f.copy()
            np.copyto(np.asarray(frame[0]), np.roll(pictures[(n + delay) % 64], (n + delay) // 64, axis=1))
            return frame

        return blank.std.ModifyFrame(blank, paint)

    run(vs_align.temporal(source(3), source(0), out=source(3), tr=20, metric=metric))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def memory(lengths: list[int], metric: str, console: Console) -> list[dict[str, object]]:
    """Compare the peaks of clips of several lengths."""
    rows: list[dict[str, object]] = []
    for length in lengths:
        command = [sys.executable, __file__, "--memory-of", str(length), "--metric", metric]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows.append({"metric": metric, "frames": length, "peak_mib": float(printed)})
        console.print(f"{length:>6} frames: peak {float(printed):.0f} MiB")
    return rows


def main() -> None:
    """Parse the command line and run what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="any video")
    parser.add_argument("--sizes", nargs="+", default=["1440x1080", "640x360"])
    parser.add_argument("--radii", nargs="+", type=int, default=[5, 20, 60])
    parser.add_argument("--versions", nargs="+", choices=list(VERSIONS), default=list(VERSIONS))
    parser.add_argument("--smooth", action=argparse.BooleanOptionalAction, default=True, help="the neighbours' vote")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=400, help="frames to keep in memory for each clip")
    parser.add_argument("--threads", type=int, help="VapourSynth threads; default: all cores")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--lengths", nargs="+", type=int, default=[1000, 20000], help="frames of the memory run")
    parser.add_argument("--metric", default="planestats", help="what the memory run compares by")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.threads:
        core.num_threads = args.threads
    if args.memory_of:
        measure_memory(args.memory_of, args.metric)
        return
    if not args.memory and args.file is None:
        parser.error("a video is needed, or --memory")
    console = Console()
    rows = memory(args.lengths, args.metric, console) if args.memory else speed(args, console)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
