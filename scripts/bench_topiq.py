#!/usr/bin/env python3
"""How fast is TOPIQ on windows of frames, against the plain network, and do both say the same?

    python scripts/bench_topiq.py [--size 480x360] [--tr 20] [--rounds 3] [--device cpu] [--threads N]

For one frame of the result the plain schedule runs the network as the paper draws it: the ref picture through the
backbone, and every pair of the window through gates, the concatenated tensor and everything after it. Ours takes the
backbone for the ref picture and for the one candidate that the last window did not have, and 2 tr + 1 pairs. Weights
are generated and pictures synthetic: neither changes the time. Both run in turns; the seconds are the smallest of all
rounds by the clock, and of processor time, which other load disturbs less. On CUDA ours is in 16 bits.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import torch
from generated_weights import generated_weights
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from vs_align.measure.metrics.topiq.metric import Topiq
from vs_align.measure.networks.cfanet import CFANet, gated_means, load_cfanet

_SOME = 6  # pairs that are timed in a round; a window is so many times as long as it is larger


def concatenated(x: Tensor, y: Tensor, gate: nn.Sequential, size: tuple[int, int]) -> Tensor:
    """Gate and pool as the paper draws it."""
    difference = torch.sqrt((x - y) ** 2 + 1e-12)
    joined = torch.cat((x, y, difference), 1) * gate(difference)
    return functional.adaptive_avg_pool2d(joined, size).flatten(2).transpose(1, 2)


def weight_file(folder: Path) -> Path:
    """Write generated weights in the form of the published file."""
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in CFANet(gated_means).state_dict().items()}
    state = {name: torch.from_numpy(np.array(value)) for name, value in generated_weights(shapes).items()}
    path = folder / "cfanet.pth"
    torch.save({"params": state}, path)
    return path


def film(size: str, count: int) -> list[Any]:
    """Paint pictures that move a little, (3, h, w), 8 bits."""
    width, height = map(int, size.split("x"))
    rng = np.random.default_rng(0)
    world = sum(
        cv2.resize(rng.random((height // cell + 9, width // cell + 9, 3), np.float32), (width + count, height))
        for cell in (4, 8, 16, 32, 64)
    )
    pixels = (np.asarray(world) * (255 / 5)).astype(np.uint8).transpose(2, 0, 1)
    return [np.ascontiguousarray(pixels[:, :, k : k + width]) for k in range(count)]


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds by the clock, and of processor time."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began, time.process_time() - cpu


def main() -> None:
    """Parse the command line, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="480x360")
    parser.add_argument("--tr", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    window = 2 * args.tr + 1
    count = _SOME if args.device == "cpu" else window
    pictures = film(args.size, count)
    with TemporaryDirectory() as folder:
        path = weight_file(Path(folder))
        plain = load_cfanet(path, concatenated).to(args.device)
        ours = Topiq(path, args.device)
    inputs = [torch.from_numpy(picture.astype(np.float32) / np.float32(255))[None] for picture in pictures]
    with torch.inference_mode():
        maps = [plain.features(each.to(args.device)) for each in inputs]
        embedding = plain.embedding(*maps[0][-1].shape[-2:])
    features = [ours.prepare(picture) for picture in pictures]

    def plain_heads() -> list[float]:
        with torch.inference_mode():
            return [1 - float(plain.compare(each, maps[0], embedding)) for each in maps]

    def plain_backbone() -> Any:
        with torch.inference_mode():
            return plain.features(inputs[0].to(args.device))

    work: dict[str, Callable[[], Any]] = {
        "plain backbone": plain_backbone, "plain pairs": plain_heads,
        "our backbone": lambda: ours.prepare(pictures[0]), "our pairs": lambda: ours.scores(features, features[0]),
    }  # fmt: skip
    worst = max(abs(a - b) for a, b in zip(plain_heads(), ours.scores(features, features[0]), strict=True))
    ours.prepare(pictures[0])
    rounds = [{name: timed(run) for name, run in work.items()} for _ in range(args.rounds)]
    best = {name: np.min([each[name] for each in rounds], axis=0) for name in work}
    report(best, window, count, worst, f"{args.size}, tr={args.tr}, {args.device}, {torch.get_num_threads()} threads")


def report(best: dict[str, Any], window: int, count: int, worst: float, title: str) -> None:
    """Print milliseconds of the parts and of one frame of the result."""
    table = Table("", "plain ms", "ours ms", "ours / plain", "plain cpu ms", "ours cpu ms", "ours / plain", title=title)
    pair = {who: best[f"{who} pairs"] / count for who in ("plain", "our")}
    frame = {
        "plain": best["plain backbone"] + window * pair["plain"],
        "our": 2 * best["our backbone"] + window * pair["our"],
    }
    backbone = {who: best[f"{who} backbone"] for who in ("plain", "our")}
    for name, part in (("backbone", backbone), ("pair", pair), ("frame of the result", frame)):
        cells = []
        for clock in (0, 1):
            plain, ours = 1e3 * part["plain"][clock], 1e3 * part["our"][clock]
            cells += [f"{plain:.1f}", f"{ours:.1f}", f"{ours / plain:.3f}"]
        table.add_row(name, *cells)
    console = Console()
    console.print(table)
    console.print(f"Largest difference of scores: {worst:.1e}")


if __name__ == "__main__":
    main()
