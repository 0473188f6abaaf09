"""Commands that are declared by a dataclass: parameters, defaults, groups, absolute paths."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from vs_align.cli.options import EncodingOptions, PairRateOptions, command


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    height: Annotated[int, typer.Option(min=2)] = 4
    deep: Annotated[bool, typer.Option("--deep")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    source: Annotated[Path, typer.Argument(metavar="FILE")]
    others: Annotated[list[Path] | None, typer.Option("--other")] = None
    group: _Group
    name: Annotated[str, typer.Option("-n", "--name")] = "usual"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Twice:
    height: Annotated[int, typer.Option()] = 1
    group: _Group


def _run(*arguments: str) -> tuple[int, list[_Options]]:
    received: list[_Options] = []

    @command
    def record(options: _Options) -> None:
        received.append(options)

    app = typer.Typer()
    app.command()(record)
    return CliRunner().invoke(app, list(arguments)).exit_code, received


def test_values_and_defaults_arrive_in_the_groups_with_absolute_paths() -> None:
    code, received = _run("a.mkv", "--other", "b.mkv", "--deep", "-n", "mine")
    assert code == 0
    assert received == [
        _Options(
            source=Path.cwd() / "a.mkv", others=[Path.cwd() / "b.mkv"], group=_Group(height=4, deep=True), name="mine"
        )
    ]


@pytest.mark.parametrize("arguments", [(), ("a.mkv", "--height", "1"), ("a.mkv", "--unknown")])
def test_wrong_arguments_end_with_code_two(arguments: tuple[str, ...]) -> None:
    assert _run(*arguments) == (2, [])


def test_a_command_can_be_called_as_a_function() -> None:
    received: list[_Options] = []

    @command
    def record(options: _Options) -> None:
        received.append(options)

    record(source=Path("/a"), height=8)
    assert received == [_Options(source=Path("/a"), group=_Group(height=8))]
    with pytest.raises(TypeError, match="source"):
        record(height=8)


def test_a_parameter_that_is_declared_twice_is_an_error() -> None:
    def record(options: _Twice) -> None:
        raise AssertionError(options)

    with pytest.raises(ValueError, match="height"):
        command(record)


def test_shared_groups_have_the_defaults_of_the_commands() -> None:
    assert EncodingOptions() == EncodingOptions(crf=18, preset="medium", codec="libx264")
    assert PairRateOptions(clip_fps="23.976").both[0] is not None
    assert PairRateOptions(clip_fps="23.976").both[1] is None
