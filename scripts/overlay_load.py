"""Long films for `bench_overlay.py`: how long `vs-align overlay` takes beside ffmpeg, and how much memory it needs."""

import shlex
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from overlay_footage import RATE, Pace, heard_at, world_sound, write_film_with_sound
from process_tree import Run, run
from sync_footage import Film, Library, digest, make_pieces

from vs_align.media.ffmpeg import file_url, find_ffmpeg

_LATE = 48
"""Frames by which the foreground begins later than the background; it ends as much earlier."""
_SETTINGS = ("-c:v", "libx264", "-crf", "18", "-preset", "medium", "-pix_fmt", "yuv420p")
Variables = Callable[[], AbstractContextManager[dict[str, str]]]
"""Gives the variables of a run with an empty cache."""


def film_pair(
    library: Library, work: Path, seconds: float, size: tuple[int, int], window: tuple[int, int, int, int]
) -> tuple[Path, Path]:
    """Write a background of that length and four seconds more, and a window of it; both with sound.

    Args:
        library: Where the pictures come from.
        work: Folder for the files, which are kept.
        seconds: Length of the foreground.
        size: Width and height of the background.
        window: Left, top, width and height of the foreground in it.
    """
    frames = round(seconds * RATE)
    total = frames + 2 * _LATE
    film = Film(library, make_pieces(library, total, seed=4), size)
    folder = work / "load" / digest("pair 1", film.key, frames, window)
    bg, fg = folder / "bg.mp4", folder / "fg.mp4"
    x, y, width, height = window
    sound = world_sound(total)
    wide, narrow = Pace(last=total), Pace(first=_LATE, last=total - _LATE)
    if not bg.exists():
        pictures = (film.picture(k) for k in range(total))
        write_film_with_sound(bg, pictures, size, RATE, 16, heard_at(sound, wide.positions(total), wide))
    if not fg.exists():
        cut = (film.picture(k)[y : y + height, x : x + width] for k in range(_LATE, _LATE + frames))
        write_film_with_sound(fg, cut, (width, height), RATE, 16, heard_at(sound, narrow.positions(total), narrow))
    return bg, fg


def measure_speed(library: Library, work: Path, command: str, cache: Variables) -> dict[str, float]:
    """Print and return the seconds for 60 s of 720p: by ffmpeg with the numbers typed in, by the command, and again."""
    window = (160, 96, 800, 480)
    bg, fg = film_pair(library, work, 60, (1280, 720), window)
    with tempfile.TemporaryDirectory(dir=work) as name, cache() as variables:
        out = Path(name) / "out.mp4"
        graph = (
            f"[0:v]trim=start_frame={_LATE},setpts=PTS-STARTPTS[b];[b][1:v]overlay={window[0]}:{window[1]}:shortest=1"
        )
        plain = [str(find_ffmpeg()), "-v", "error", "-y", "-i", file_url(bg), "-i", file_url(fg)]
        plain += [
            "-filter_complex",
            graph,
            *_SETTINGS,
            "-map",
            "1:a",
            "-c:a",
            "copy",
            file_url(Path(name) / "ffmpeg.mp4"),
        ]
        ours = [part.format(bg=bg, fg=fg, out=out) for part in shlex.split(command)]
        runs: dict[str, Run] = {"ffmpeg": run(plain, folder=Path(name))}
        runs["empty cache"] = run(ours, environment=variables, folder=Path(name))
        out.unlink(missing_ok=True)
        runs["warm cache"] = run(ours, environment=variables, folder=Path(name))
        runs["ffmpeg again"] = run(plain, folder=Path(name))
    typed = (runs["ffmpeg"].seconds + runs["ffmpeg again"].seconds) / 2
    for name, took in runs.items():
        fault = f"  exit {took.code}: {took.said}" if took.code else ""
        print(f"{name:14}{took.seconds:8.1f} s{took.seconds / typed:8.2f} times ffmpeg{fault}", flush=True)
    return {name: took.seconds for name, took in runs.items()} | {"ratio": runs["empty cache"].seconds / typed}


def measure_memory(
    library: Library, work: Path, command: str, cache: Variables, minutes: float
) -> dict[str, float | None]:
    """Print and return the peak of memory in MiB for films of 30 s and of some minutes."""
    peaks: dict[str, float | None] = {}
    for name, seconds in (("30 s", 30.0), (f"{minutes:g} min", 60 * minutes)):
        bg, fg = film_pair(library, work, seconds, (640, 360), (80, 48, 400, 240))
        with tempfile.TemporaryDirectory(dir=work) as folder, cache() as variables:
            words = [part.format(bg=bg, fg=fg, out=Path(folder) / "out.mp4") for part in shlex.split(command)]
            took = run(words, environment=variables, folder=Path(folder), memory=True)
        peaks[name] = took.peak_mib
        fault = f"  exit {took.code}: {took.said}" if took.code else ""
        print(f"{name:10}{took.peak_mib or 0:8.0f} MiB{took.seconds:8.1f} s{fault}", flush=True)
    return peaks
