"""`vs-align demo`: renders two versions of a scene, matches them, and compares with the ground truth."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vs_align.cli.console import frame_progress, print_stdout, step
from vs_align.cli.temporal import temporal
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.cli.demo_footage import DemoFootage

_MARKER = ".vs-align-demo"
_FILES = {
    "ref.mkv": "the reference",
    "clip.mkv": "the other version: graded, grainy, frames lost and repeated",
    "result.mkv": "clip's frames at ref's moments, with ref's audio",
    "result.vpy": "the VapourSynth script that made it",
    "timeline.json": "which frame of clip belongs where; can be edited",
    "report.json": "the numbers",
}


def demo(
    folder: Annotated[Path, typer.Option(help="Where the files go; made when it does not exist.")] = Path(
        "vs-align-demo"
    ),
    frames: Annotated[int, typer.Option(min=16, help="Length of the reference in frames, 24 a second.")] = 240,
) -> None:
    """Film two versions of one scene, match them, and count how many frames came out right. Needs no input."""
    from vs_align.cli.demo_footage import film, right_frames, write_clip, write_ref
    from vs_align.timeline.timeline import Timeline

    started = time.monotonic()
    footage = film(frames)
    _make(folder)
    _film("filming ref", write_ref, footage, folder / "ref.mkv", footage.frames)
    _film("filming clip", write_clip, footage, folder / "clip.mkv", len(footage.order))
    temporal(
        clip=folder / "clip.mkv",
        ref=folder / "ref.mkv",
        out=folder / "result.mkv",
        preset="veryfast",
        keep_script=True,
        overwrite=True,  # the folder has the marker of the demo
        timeline=folder / "timeline.json",
        report=str(folder / "report.json"),
    )
    step("comparing with the truth")
    right = sum(right_frames(footage, Timeline.load(folder / "timeline.json").frame_map))
    last = len(footage.order) - 1
    unmatched = sum(right_frames(footage, [min(n, last) for n in range(footage.frames)]))
    _show(folder, footage.frames, right, unmatched, time.monotonic() - started)


def _make(folder: Path) -> None:
    """Make the folder and its marker file; raise if it holds files of the demo's names without the marker."""
    marker = folder / _MARKER
    held = [name for name in _FILES if (folder / name).exists()]
    if held and not marker.exists():
        raise MediaError(f"{folder} already holds {held[0]}, not made by the demo: name another folder with --folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        raise MediaError(f"{folder} cannot be made: {error.strerror or error}.") from error


def _film(
    label: str,
    write: "Callable[[DemoFootage, Path, Callable[[int], None]], None]",
    footage: "DemoFootage",
    path: Path,
    frames: int,
) -> None:
    with frame_progress(label, frames) as on_frame:
        write(footage, path, on_frame)


def _show(folder: Path, frames: int, right: int, unmatched: int, seconds: float) -> None:
    """Print the result and the files."""
    from rich.markup import escape
    from rich.table import Table

    share = right / frames
    color = "green" if share >= 0.9 else "yellow"
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, meaning in _FILES.items():
        table.add_row(escape(str(folder / name)), meaning)
    # on stdout, because the count is the result of this command
    print_stdout(
        f"\n[bold {color}]{right} of {frames} frames are right ({share:.1%})[/] after {seconds:.1f} s.",
        f"Played side by side without matching, {unmatched} would be ({unmatched / frames:.1%}).\n",
        table,
        "\nPlay result.mkv beside ref.mkv, then match two files of yours:",
        "  vs-align temporal CLIP REF -o OUT.mkv",
    )
