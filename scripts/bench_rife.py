#!/usr/bin/env python3
"""How exact and how fast is the RIFE engine, against the procedure of vs_align 3.3.1 with the same network?

    python scripts/bench_rife.py FILE... [--precision 1 2 3 4] [--size 640x360] [--frames 2] [--motions small medium]
                                 [--degradations clean grain colour] [--device cpu] [--threads N] [--static]

Each frame of real footage is moved by a known smooth field and degraded; the frame itself is ref. Both procedures
find the field. Its error is given in pixels away from the border (mean, median, 95th percentile), and what is left of
the difference between the warped picture and the frame that was degraded but never moved as PSNR. Seconds are those
of both procedures in turns in one process: by the clock, and of processor time, which other load disturbs less.
With --static the ref frame stays the same while clip moves.
"""

import argparse
import json
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import torch
import vapoursynth as vs
from rich.console import Console
from rich.table import Table

from tests.measure.flow.rife.reference import align, reference_passes
from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.rife.engine import RifeEngine, RifeOptions
from vs_align.measure.images.field import compose
from vs_align.measure.networks.download import locate
from vs_align.measure.networks.ifnet import IFNet, load_ifnet
from vs_align.placement.homography import resize_matrix

MOTIONS = {  # shift px, rotation degrees, scale, amplitude px of the local warp
    "still": (0.0, 0.0, 1.0, 0.0),
    "small": (2.5, 0.15, 1.004, 1.5),
    "medium": (7.0, 0.4, 1.01, 4.0),
    "large": (18.0, 1.2, 1.03, 7.0),
}
DEGRADATIONS = ("clean", "grain", "colour")
_BORDER = 24
_SPACING = 24


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures and the truth about them, RGB of 0 to 1."""

    clip: Any
    ref: Any
    target: Any
    """What clip would show had it not moved."""
    field: Float32Array


def read(path: Path, width: int, height: int, count: int) -> list[Any]:
    """Decode some frames that lie apart."""
    clip = vs.core.bs.VideoSource(str(path), cachemode=0)
    clip = vs.core.resize.Bicubic(clip, width, height, format=vs.RGBS, matrix_in_s="709")
    numbers = [_SPACING * i % clip.num_frames for i in range(count)]
    return [np.dstack([np.asarray(plane) for plane in clip.get_frame(n)]).clip(0, 1) for n in numbers]


def displacement(width: int, height: int, motion: str, rng: np.random.Generator) -> Float32Array:
    """Make a smooth displacement: at x the moved picture shows what the frame shows at x plus it."""
    shift, degrees, scale, amplitude = MOTIONS[motion]
    xs, ys = np.meshgrid(np.arange(width) - width / 2, np.arange(height) - height / 2)
    angle, zoom = np.deg2rad(degrees * rng.choice((-1, 1))), scale ** rng.choice((-1, 1))
    dx = zoom * (np.cos(angle) * xs - np.sin(angle) * ys) - xs
    dy = zoom * (np.sin(angle) * xs + np.cos(angle) * ys) - ys
    direction = rng.uniform(0, 2 * np.pi)
    coarse = rng.normal(0, 1, (5, 6, 2))
    local = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    local = local * (amplitude / max(1e-6, float(np.abs(local).max())))
    moved = np.dstack([dx + shift * np.cos(direction), dy + shift * np.sin(direction)]) + local
    return np.asarray(moved, np.float32)


def still(width: int, height: int) -> Float32Array:
    """Return the field that moves nothing."""
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))


def warped(picture: Any, field: Float32Array) -> Any:
    """Fetch a picture along a field."""
    return cv2.remap(picture, field[..., 0], field[..., 1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def inverse(moved: Float32Array) -> Float32Array:
    """Return the field that undoes a displacement."""
    height, width = moved.shape[:2]
    base = still(width, height)
    back: Float32Array = -moved
    for _ in range(30):
        u, v = np.moveaxis(base + back, 2, 0)
        back = -np.asarray(cv2.remap(moved, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    return base + back


def degrade(picture: Any, name: str, rng: np.random.Generator) -> Any:
    """Make a picture worse, and round it to 8 bits."""
    if name == "grain":
        picture = cv2.GaussianBlur(picture, (0, 0), 0.8) + rng.normal(0, 7 / 255, picture.shape[:2])[..., None]
    elif name == "colour":
        picture = np.clip(picture, 0, 1) ** 1.25
        grey = picture @ np.array([0.2126, 0.7152, 0.0722])
        picture = grey[..., None] + 0.6 * (picture - grey[..., None])
        picture = picture * np.array([1.06, 0.98, 0.86]) + np.array([6, 2, -4]) / 255
    return (np.clip(picture * 255, 0, 255).round() / 255).astype(np.float32)


def pairs(frames: list[Any], motion: str, degradation: str, seed: int, static: bool) -> Iterator[Pair]:
    """Move and degrade frames."""
    rng = np.random.default_rng(seed)
    for n, frame in enumerate(frames):
        ref = frames[0] if static else frame
        height, width = ref.shape[:2]
        moved = displacement(width, height, motion, rng)
        clip = degrade(warped(ref, still(width, height) + moved), degradation, np.random.default_rng((seed, n)))
        target = degrade(ref, degradation, np.random.default_rng((seed, n, 1)))
        yield Pair(clip, ref, target, inverse(moved))


def reference_field(network: IFNet, pair: Pair, precision: int, device: str) -> tuple[Float32Array, Any]:
    """Run the procedure of 3.3.1; return its flows put together, and the picture that it hands out."""
    clip, ref = (
        torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1)))[None].to(device) for p in (pair.clip, pair.ref)
    )
    steps = align(network, clip, ref, reference_passes(precision))
    base = still(pair.ref.shape[1], pair.ref.shape[0])
    field = base
    for step in steps:
        field = compose(field, base + step.flow[0].permute(1, 2, 0).cpu().numpy())
    return field, steps[-1].picture[0].permute(1, 2, 0).cpu().numpy()


def quality(field: Float32Array, picture: Any, pair: Pair) -> dict[str, float]:
    """Compare with the truth away from the border."""
    inner = (slice(_BORDER, -_BORDER), slice(_BORDER, -_BORDER))
    error = np.hypot(*np.moveaxis(field - pair.field, 2, 0))[inner]
    noise = float(((np.clip(picture, 0, 1) - pair.target)[inner] ** 2).mean())
    return {
        "mean": float(error.mean()), "median": float(np.median(error)), "p95": float(np.percentile(error, 95)),
        "psnr": 10 * float(np.log10(1 / max(noise, 1e-9))),
    }  # fmt: skip


def measure(engine: RifeEngine, network: IFNet, pair: Pair, precision: int, device: str) -> dict[str, dict[str, float]]:
    """Run both procedures on a pair."""
    neutral = resize_matrix(pair.clip.shape[1::-1], pair.ref.shape[1::-1])
    began, cpu = time.perf_counter(), time.process_time()
    field, picture = reference_field(network, pair, precision, device)
    middle, cpu_middle = time.perf_counter(), time.process_time()
    own = engine.field(pair.clip, pair.ref, neutral, None)
    ended, cpu_ended = time.perf_counter(), time.process_time()
    return {
        "3.3.1": quality(field, picture, pair) | {"seconds": middle - began, "cpu": cpu_middle - cpu},
        "engine": quality(own, warped(pair.clip, own), pair)
        | {"seconds": ended - middle, "cpu": cpu_ended - cpu_middle},
    }


def main() -> None:
    """Parse the command line, run, and print a line for each kind of pair and a sum for each precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="any videos")
    parser.add_argument("--precision", nargs="+", type=int, default=[1, 2, 3, 4])
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--motions", nargs="+", choices=list(MOTIONS), default=["small", "medium"])
    parser.add_argument("--degradations", nargs="+", choices=DEGRADATIONS, default=list(DEGRADATIONS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    width, height = map(int, args.size.split("x"))
    weights = locate("rife")
    network = load_ifnet(weights).to(args.device)
    console, rows = Console(), []
    for precision in args.precision:
        engine = RifeEngine(weights, RifeOptions(precision), args.device)
        for path in args.files:
            frames = read(path, width, height, args.frames)
            for motion in args.motions:
                for degradation in args.degradations:
                    seed = zlib.crc32(f"{path.name}|{motion}|{degradation}".encode())
                    for pair in pairs(frames, motion, degradation, seed, args.static):
                        result = measure(engine, network, pair, precision, args.device)
                        rows.append(
                            {"precision": precision, "kind": f"{path.stem[:20]} {motion} {degradation}"} | result
                        )
        show(console, [row for row in rows if row["precision"] == precision], precision)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


def show(console: Console, rows: list[dict[str, Any]], precision: int) -> None:
    """Print the mean of both procedures."""
    table = Table("precision", "procedure", "mean px", "median px", "p95 px", "PSNR", "fps", "cpu s", "better on")
    for name, other in (("3.3.1", "engine"), ("engine", "3.3.1")):
        means = {key: float(np.mean([row[name][key] for row in rows])) for key in rows[0][name]}
        seconds = float(np.median([row[name]["seconds"] for row in rows]))
        better = sum(row[name]["mean"] < row[other]["mean"] for row in rows)
        table.add_row(
            str(precision), name, *(f"{means[key]:.3f}" for key in ("mean", "median", "p95")), f"{means['psnr']:.2f}",
            f"{1 / seconds:.2f}", f"{means['cpu']:.2f}", f"{better} of {len(rows)}",
        )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
