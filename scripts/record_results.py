#!/usr/bin/env python3
"""Record what every public function and command gives for a fixed set of calls, and compare two records.

    python scripts/record_results.py record FILE.json [--clips ../shared/clips] [--only 'sync-*']
    python scripts/record_results.py compare BEFORE.json AFTER.json [--words]

For a change of the code that must not change any result: record before and after, then compare. A record holds, for
each call, the hash of the planes of each frame, the frame props, the JSON files, the decoded video and audio of the
files that commands write, their exit codes and their text. Times and paths are left out. `compare` ends with status 1
if anything differs; texts are compared by their numbers only, unless --words is given.
"""

import argparse
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import av
import numpy as np
import vapoursynth as vs

import vs_align

REPOSITORY = Path(__file__).resolve().parents[1]
SIZE = 320, 180
"""Width and height in pixels of the clips that functions are called with."""
LENGTH = 60
"""Frames of those clips."""
LATER = 7
"""Frames by which clip begins later than ref."""

DURATIONS = ("seconds", "elapsed", "fps", "fps_done")
"""Keys of JSON files that tell how long the work took, which is left out."""

Record = dict[str, Any]


def clips(folder: Path) -> tuple[vs.VideoNode, vs.VideoNode]:
    """Return clip and ref, YUV 4:2:0 with 8 bits: clip begins later, is brighter and slightly cropped."""
    path = next(folder.glob("bbb*.mkv"))
    film = vs.core.bs.VideoSource(str(path), cachemode=0)
    ref = film[100 : 100 + LENGTH].resize.Bicubic(*SIZE)
    clip = film[100 + LATER : 100 + LATER + LENGTH].resize.Bicubic(*SIZE, src_left=6, src_top=4, src_width=842)
    return clip.std.Expr(["x 1.05 * 3 +", ""]), ref


def rgb(clip: vs.VideoNode) -> vs.VideoNode:
    """Convert to RGB for `spatial`."""
    return clip.resize.Bicubic(format=vs.RGB24, matrix_in_s="709")


def frames_of(clip: vs.VideoNode) -> list[Record]:
    """Return the hash of the planes and the props of each frame."""
    found = []
    for frame in clip.frames(close=True):
        digest = hashlib.sha256()
        for plane in frame:
            digest.update(np.ascontiguousarray(plane).tobytes())
        props = {str(key): plain(value) for key, value in frame.props.items()}
        found.append({"planes": digest.hexdigest(), "props": dict(sorted(props.items()))})
    return found


def audio_of(node: vs.AudioNode) -> Record:
    """Return the format, the length in samples and the hash of the samples."""
    digest = hashlib.sha256()
    for frame in node.frames():
        for channel in range(frame.num_channels):
            digest.update(np.ascontiguousarray(frame[channel]).tobytes())
    return {"rate": node.sample_rate, "samples": node.num_samples, "data": digest.hexdigest()}


def plain(value: Any) -> Any:
    """Return a prop as JSON holds it, without loss."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int | str):
        return value
    if isinstance(value, vs.VideoFrame):
        return hashlib.sha256(b"".join(np.ascontiguousarray(plane).tobytes() for plane in value)).hexdigest()
    return [plain(each) for each in value] if isinstance(value, list | tuple) else str(value)


def function_calls(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the calls of functions, by name."""
    clip, ref = clips(folder)
    part = ref.std.Crop(40, 80, 20, 40)
    for precision in (1, 2, 3):
        for smooth in (True, False):
            name = f"temporal-{precision}-{'smooth' if smooth else 'single'}"
            yield (
                name,
                lambda p=precision, s=smooth: frames_of(  # type: ignore[misc]
                    vs_align.temporal(clip, ref, precision=p, tr=8, smooth=s)
                ),
            )
    yield "temporal-debug", lambda: frames_of(vs_align.temporal(clip, ref, tr=3, debug=True, fallback=ref, thresh=0.02))
    for precision in (1, 2, 3, 4):
        yield (
            f"spatial-{precision}",
            lambda p=precision: frames_of(  # type: ignore[misc]
                vs_align.spatial(rgb(clip)[:6], rgb(ref)[LATER : LATER + 6], precision=p, engine="dis", alpha=True)
            ),
        )
    yield (
        "spatial-wide",
        lambda: frames_of(
            vs_align.spatial(
                rgb(clip)[:4], rgb(ref)[LATER : LATER + 4], wide_search=True, stabilize="scene", engine="dis"
            )
        ),
    )
    for engine in ("auto", "fast", "precise", "mask", "border", "tunnel_full", "tunnel_mask", "keyframes", "duration"):
        yield (
            f"sync-{engine}",
            lambda e=engine: json.loads(  # type: ignore[misc]
                vs_align.sync(clip, ref, engine=e, cache=False).to_json()
            ),
        )
    for method in ("auto", "template", "feature", "ecc", "phase", "center"):
        yield (
            f"register-{method}",
            lambda m=method: json.loads(  # type: ignore[misc]
                vs_align.register(ref, part, method=m, cache=False).to_json()
            ),
        )
    for timing in ("fg", "bg"):
        yield (
            f"overlay-{timing}",
            lambda t=timing: frames_of(  # type: ignore[misc]
                vs_align.overlay(ref, part[10:50], timing=t, cache=False)
            ),
        )
    audio = vs.core.bs.AudioSource(str(next(folder.glob("bbb*.mkv"))), cachemode=0)
    for prefer in ("fg", "bg", "mix"):
        yield (
            f"overlay-audio-{prefer}",
            lambda p=prefer: audio_of(  # type: ignore[misc]
                vs_align.overlay_audio(
                    audio[: 3 * audio.sample_rate],
                    audio[audio.sample_rate // 2 : 2 * audio.sample_rate],
                    vs_align.sync(ref, part[10:50], cache=False),
                    p,
                    cache=False,
                )
            ),
        )


def write_inputs(folder: Path, work: Path) -> None:
    """Write the files that commands are called with: ref.mkv with audio, clip.mkv, part.mkv."""
    from vs_align.media.ffmpeg import find_ffmpeg

    film = next(folder.glob("bbb*.mkv"))
    exact = ["-bitexact", "-threads", "1"]
    shared = [str(find_ffmpeg()), "-v", "error", "-y"]
    video = ["-c:v", "libx264", "-qp", "16", "-preset", "veryfast", "-c:a", "flac", "-ac", "2", *exact]
    for name, begin, filters in (
        ("ref.mkv", 0, "scale=320:180"),
        ("clip.mkv", 1, "crop=840:472,scale=320:180,eq=brightness=0.03"),
        ("part.mkv", 2, "scale=320:180,crop=200:120:40:20"),
    ):
        cut = ["-ss", str(begin), "-t", "5", "-i", str(film), "-vf", filters]
        subprocess.run([*shared, *cut, *video, str(work / name)], check=True)


COMMANDS = {
    "command-temporal": "temporal clip.mkv ref.mkv -o out.mkv --tr 30 --json report.json --timeline line.json",
    "command-temporal-structure": "temporal clip.mkv ref.mkv -o out.mkv --tr 30 --metric structure --json report.json",
    "command-spatial": "spatial clip.mkv ref.mkv -o out.mkv --precision 2 --json report.json",
    "command-sync": "sync clip.mkv ref.mkv --no-cache --json line.json --csv line.csv --audio-out out.flac",
    "command-sync-fast": "sync clip.mkv ref.mkv --no-cache --engine fast --json line.json",
    "command-overlay": "overlay ref.mkv part.mkv -o out.mkv --no-cache --json report.json",
    "command-overlay-bg": "overlay ref.mkv part.mkv -o out.mkv --no-cache --timing bg --audio mix --json report.json",
}


def run_command(line: str, work: Path) -> Record:
    """Run a command of vs-align in a folder with the inputs, and return what it said and wrote."""
    for stale in work.glob("*"):
        if stale.name not in ("ref.mkv", "clip.mkv", "part.mkv"):
            stale.unlink()
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(work.parent / "cache")}
    command = [sys.executable, "-m", "vs_align", *line.split()]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    found: Record = {"exit": done.returncode, "text": done.stdout.splitlines(), "said": done.stderr.splitlines()}
    for path in sorted(work.glob("*")):
        if path.suffix == ".json":
            found[path.name] = without_paths(json.loads(path.read_text()))
        elif path.suffix == ".csv":
            found[path.name] = path.read_text().splitlines()
        elif path.name.startswith("out."):
            found[path.name] = media_of(path)
    return found


def without_paths(value: Any) -> Any:
    """Return JSON without the values that differ between two runs: paths, and seconds of work."""
    if isinstance(value, dict):
        return {key: without_paths(each) for key, each in value.items() if key not in DURATIONS}
    if isinstance(value, list):
        return [without_paths(each) for each in value]
    return Path(value).name if isinstance(value, str) and os.sep in value else value


def media_of(path: Path) -> dict[str, Any]:
    """Return the hashes and times of what is decoded of each track of a file."""
    tracks: dict[str, Any] = {}
    with av.open(str(path)) as container:
        for stream in container.streams:
            container.seek(0)
            frames: list[Any] = list(container.decode(stream)) if stream.type in ("video", "audio") else []
            digest = hashlib.sha256(b"".join(frame.to_ndarray().tobytes() for frame in frames))
            times = [round(1000 * frame.time) for frame in frames if frame.time is not None]
            tracks[f"{stream.index} {stream.type}"] = {"frames": len(frames), "data": digest.hexdigest(), "ms": times}
    return tracks


def record(target: Path, folder: Path, only: str) -> None:
    """Make all calls and write what they give."""
    found: Record = {}
    for name, call in function_calls(folder):
        if fnmatch(name, only):
            print(name, flush=True)
            found[name] = call()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place) / "work"
        work.mkdir()
        write_inputs(folder, work)
        for name, line in COMMANDS.items():
            if fnmatch(name, only):
                print(name, flush=True)
                found[name] = run_command(line, work)
    target.write_text(json.dumps(found, indent=1))


def numbers(text: str) -> str:
    """Return the numbers of a text, without those that tell how long something took, and without paths."""
    kept = re.sub(r"[\d.]+ ?(?:fps|x|s)\b(?: of work)?|\b\d\d:\d\d\b|/\S+", "", text)
    return " ".join(re.findall(r"-?\d+(?:\.\d+)?", kept))


def differences(before: Any, after: Any, where: str, words: bool) -> Iterator[str]:
    """Yield the places at which two records differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (before.keys() | after.keys()) - set(DURATIONS):
            if key not in before or key not in after:
                yield f"{where}/{key}: only {'before' if key in before else 'after'}"
            else:
                yield from differences(before[key], after[key], f"{where}/{key}", words or key in ("planes", "data"))
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{where}: {len(before)} entries before, {len(after)} after"
        for n, pair in enumerate(zip(before, after, strict=False)):
            yield from differences(*pair, f"{where}/{n}", words)
    elif before != after and (
        words or not (isinstance(before, str) and isinstance(after, str)) or numbers(before) != numbers(after)
    ):
        yield f"{where}: {before!r} before, {after!r} after"


def compare(first: Path, second: Path, words: bool) -> int:
    """Print what differs; 1 if anything does."""
    before, after = (json.loads(path.read_text()) for path in (first, second))
    found = sorted(differences(before, after, "", words))
    for line in found[:200]:
        print(line[:300])
    print(f"{len(found)} differences in {len(before)} calls")
    return 1 if found else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    recording = tasks.add_parser("record")
    recording.add_argument("target", type=Path)
    recording.add_argument("--clips", type=Path, default=REPOSITORY.parent / "shared" / "clips")
    recording.add_argument("--only", default="*", help="names of the calls to make, with wildcards")
    comparing = tasks.add_parser("compare")
    comparing.add_argument("first", type=Path)
    comparing.add_argument("second", type=Path)
    comparing.add_argument("--words", action="store_true", help="compare texts word for word")
    given = parser.parse_args()
    if given.task == "record":
        record(given.target, given.clips, given.only)
        return 0
    return compare(given.first, given.second, given.words)


if __name__ == "__main__":
    sys.exit(main())
