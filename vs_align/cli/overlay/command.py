"""`vs-align overlay`: one video laid on another, at the right place, at the right time, with audio."""

import time

import typer

from vs_align.cli.console import failure, spoken
from vs_align.cli.options import command
from vs_align.cli.overlay.options import OverlayOptions
from vs_align.cli.side_outputs import Writing

UNRELATED = 3
"""Exit code if the two have nothing in common."""


@command
def overlay(options: OverlayOptions) -> None:
    """Lay FG on BG: where it belongs, when it belongs there, and with audio.

    A still has no time of its own: as FG it is shown all the time, as BG it lasts as long as FG. Alpha of FG is
    honoured. OUT may be an image where the result is one frame.

    Exit code 3: the two have nothing in common, or only a part such as a leader or an ident.
    """
    options.check()
    with spoken(quiet=options.general.quiet, verbose=options.general.verbose):
        refusal = _work(options)
    if refusal is not None:
        failure(refusal)
        raise typer.Exit(UNRELATED)


def _work(options: OverlayOptions) -> str | None:
    """Prepare, align, render and report. Return why it was refused; None if it was done."""
    from vs_align.cli.overlay.checks import prepare
    from vs_align.cli.overlay.layers import align_layers
    from vs_align.cli.overlay.render import render, write_dry_report
    from vs_align.cli.overlay.summary import show_dry_run, show_summary

    started = time.monotonic()
    inputs = prepare(options)
    aligned = align_layers(options, inputs)
    if isinstance(aligned, str):
        return aligned
    with Writing() as writing:
        if options.dry_run:
            write_dry_report(options, aligned, writing)
            show_dry_run(options, aligned, writing)
        else:
            rendered = render(options, inputs, aligned, writing)
            show_summary(options, aligned, rendered, time.monotonic() - started, writing)
    return None
