"""`vs-align doctor`: checks programs, plugins and packages, and prints how to install what is missing."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vs_align.cli.console import print_stdout, write_stdout

if TYPE_CHECKING:
    from vs_align.cli.show_versions import Finding

_COLORS = {"ok": "green", "missing": "bold red", "optional": "yellow"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Write the findings to stdout as JSON.")] = False,
) -> None:
    """Check what vs-align needs, and say how to mend what is missing. Exit code 1 when something needed is."""
    from vs_align.cli.show_versions import State, show_versions

    findings = show_versions()
    missing = [finding for finding in findings if finding.state is State.MISSING]
    if as_json:
        report = {"ok": not missing, "findings": [asdict(finding) for finding in findings]}
        write_stdout(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show(findings, len(missing))
    if missing:
        raise typer.Exit(1)


def _show(findings: Sequence["Finding"], missing: int) -> None:
    """Print a table, and below it a line of advice for each item that is not OK."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, fold in (("what", False), ("state", False), ("found", True)):
        table.add_column(heading, no_wrap=not fold, overflow="fold")
    for finding in findings:
        color = _COLORS[finding.state]
        table.add_row(escape(finding.name), f"[{color}]{finding.state}[/]", escape(finding.found))
    to_mend = [finding for finding in findings if finding.mend]
    lines = ["\n[bold]How to mend[/]"] if to_mend else []
    for finding in sorted(to_mend, key=lambda finding: finding.state != "missing"):
        color = _COLORS[finding.state]
        lines.append(f"[{color}]{escape(finding.name)}[/]: {escape(finding.mend)}")
    verdict = f"[bold red]{missing} needed but missing.[/]" if missing else "[green]Everything needed is there.[/]"
    # on stdout, because the findings are the result of this command
    print_stdout(table, soft_wrap=False)
    print_stdout(*lines, f"\n{verdict}")
