"""`vs-align models`: lists, downloads and verifies the weights of neural networks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vs_align.cli.console import console, note, print_stdout, step, write_stdout
from vs_align.errors import AlignError

if TYPE_CHECKING:
    from vs_align.measure.networks.download import DownloadProgress

models = typer.Typer(help="Weights of the networks that some engines use.", no_args_is_help=True)
_Names = Annotated[list[str] | None, typer.Argument(help="Names of models; all by default.", show_default=False)]


@models.command(name="list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Write the list to stdout as JSON.")] = False,
) -> None:
    """Show which models there are, what they are for, under which licence, and where they lie."""
    from vs_align.measure.networks.weights import MODELS, find

    rows = [
        {
            "name": model.name, "file": model.file, "megabytes": _megabytes(model.size), "licence": model.licence,
            "purpose": model.purpose, "sha256": model.sha256, "path": _text(find(model.name)),
        }
        for model in MODELS.values()
    ]  # fmt: skip
    if as_json:
        write_stdout(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _show(rows)


@models.command()
def get(names: _Names = None) -> None:
    """Download models that are not on this machine yet, and check them."""
    from vs_align.measure.networks.download import fetch
    from vs_align.measure.networks.weights import MODELS, available

    for name in _chosen(names):
        path = available(name)
        if path is None:
            model = MODELS[name]
            step(f"downloading {model.file} ({_in_words(model.size)}; licence: {model.licence})")
            with _progress(model.file, model.size) as progress:
                path = fetch(model, progress)
        write_stdout(str(path))


@models.command()
def verify(names: _Names = None) -> None:
    """Check the models on this machine. Exit code 1 when a file is not as published, or a named one is not there."""
    from vs_align.measure.networks.weights import by_hand, find
    from vs_align.measure.networks.weights import verify as check

    for name in _chosen(names):
        path = find(name)
        if path is not None:
            write_stdout(f"{check(name, path)}: as published")
        elif names:
            raise AlignError(f"the model {name} is not on this machine. {by_hand(name)}")
        else:
            note(f"{name} is not on this machine; `vs-align models get {name}` downloads it")


def _chosen(names: list[str] | None) -> list[str]:
    from vs_align.measure.networks.weights import MODELS, find

    for name in names or ():
        find(name)  # raises for an unknown name before any download
    return names or list(MODELS)


def _megabytes(size: int | None) -> float | None:
    return None if size is None else round(size / 1e6, 1)


def _in_words(size: int | None) -> str:
    return "size not published" if size is None else f"{_megabytes(size)} MB"


def _text(path: Any) -> str | None:
    return None if path is None else str(path)


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "MB", "licence", "for", "where"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        where = "[yellow]not on this machine[/]" if row["path"] is None else escape(row["path"])
        megabytes = "" if row["megabytes"] is None else str(row["megabytes"])
        table.add_row(row["name"], megabytes, row["licence"], escape(row["purpose"]), where)
    print_stdout(table, soft_wrap=False)  # on stdout, because it is the result of this command


class _Bar:
    """Adapter from the progress interface of pooch to a progress bar of rich."""

    def __init__(self, bar: Any, task: Any, total: int | None) -> None:
        self._bar, self._task, self._total = bar, task, total

    @property
    def total(self) -> int:
        return self._total or 0

    @total.setter
    def total(self, total: int) -> None:
        # Content-Length of the server; 0 without one
        self._total = total or self._total
        self._bar.update(self._task, total=self._total)

    def update(self, n: int, /) -> None:
        self._bar.update(self._task, advance=n)

    def reset(self) -> None:
        self._bar.reset(self._task, total=self._total)

    def close(self) -> None:
        """Does nothing: the bar ends with its block."""


@contextmanager
def _progress(label: str, total: int | None) -> Iterator["DownloadProgress"]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console) as bar:
        yield _Bar(bar, bar.add_task(label, total=total), total)
