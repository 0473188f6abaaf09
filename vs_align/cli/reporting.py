"""The report at the end: lines on stderr, and JSON where it is asked for."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from vs_align.cli.console import console, write_stdout
from vs_align.cli.side_outputs import Writing
from vs_align.io.atomic_files import save_bytes

_GREEN = ("exact", "good")


def show_report(report: Mapping[str, Any], lines: Mapping[str, str], written: str) -> None:
    """Show the verdict of a report, some lines, and what was written in which time.

    Args:
        report: Has `verdict`, `reason`, `seconds` and `fps`.
        lines: What is between verdict and end: a word and what there is to say about it.
        written: Names of the files.
    """
    colour = "green" if report["verdict"] in _GREEN else "yellow"
    shown = {
        "verdict": f"[bold {colour}]{report['verdict']}[/]: {escape(report['reason'])}",
        **{name: escape(text) for name, text in lines.items()},
        "written": f"{escape(written)} in {report['seconds']:.1f} s, {report['fps']:.1f} fps",
    }
    for name, text in shown.items():
        console.print(f"[bold]{name:<8}[/] {text}")


def left_out_line(left_out: Sequence[str]) -> dict[str, str]:
    """Return the line of `show_report` that names what the inputs have and the result has not; none for nothing."""
    return {"left out": "; ".join(left_out)} if left_out else {}


def write_report(report: Mapping[str, Any], target: str | None, writing: Writing) -> None:
    """Write a report as JSON to a file, or to stdout where the target is `-`; None writes nothing."""
    text = json.dumps(report, indent=2)
    if target == "-":
        writing.attempt(lambda: write_stdout(text))
    elif target is not None:
        writing.write(Path(target).absolute(), lambda path: save_bytes(f"{text}\n".encode(), path))
