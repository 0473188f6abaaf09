"""Report of a command: lines on stderr, and JSON in a file or on stdout."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from vs_align.cli.console import console, write_stdout
from vs_align.cli.side_outputs import Writing
from vs_align.io.atomic_files import save_bytes

_GREEN = ("exact", "good")
"""Verdicts that are printed in green."""


def show_report(report: Mapping[str, Any], lines: Mapping[str, str], written: str) -> None:
    """Print the verdict of a report, further lines, and the files that were written.

    Args:
        report: Has `verdict`, `reason`, `seconds` and `fps`.
        lines: Lines between verdict and end: title and text.
        written: Names of the files.
    """
    color = "green" if report["verdict"] in _GREEN else "yellow"
    shown = {
        "verdict": f"[bold {color}]{report['verdict']}[/]: {escape(report['reason'])}",
        **{name: escape(text) for name, text in lines.items()},
        "written": f"{escape(written)} in {report['seconds']:.1f} s, {report['fps']:.1f} fps",
    }
    for name, text in shown.items():
        console.print(f"[bold]{name:<8}[/] {text}")


def left_out_line(left_out: Sequence[str]) -> dict[str, str]:
    """Return the line of `show_report` about contents of the inputs that the result lacks; empty if there are none."""
    return {"left out": "; ".join(left_out)} if left_out else {}


def write_report(report: Mapping[str, Any], target: str | None, writing: Writing) -> None:
    """Write a report as JSON to a file, or to stdout if the target is `-`; None writes nothing."""
    text = json.dumps(report, indent=2)
    if target == "-":
        writing.attempt(lambda: write_stdout(text))
    elif target is not None:
        writing.write(Path(target).absolute(), lambda path: save_bytes(f"{text}\n".encode(), path))
