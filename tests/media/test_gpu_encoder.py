"""Encoders of graphics cards, which no machine that runs tests has: a stand-in for ffmpeg says which there are."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vs_align.media import ffmpeg
from vs_align.media.gpu_encoder import find_gpu_encoder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a POSIX script")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Makes an ffmpeg that was built with some encoders, of which some run; returns the log of what it was asked."""
    log = tmp_path / "asked.txt"

    def make(built: str, running: str) -> Path:
        program = tmp_path / "ffmpeg"
        program.write_text(
            f"""#!/bin/sh
echo "$@" >> "{log}"
case "$*" in
*-version*) echo "ffmpeg version 7.1 the best"; exit 0;;
*encoder=*) name="${{3#encoder=}}"
  case " {built} " in *" $name "*) echo "Encoder $name [it]:"; echo "  -preset <int> it";; *) exit 1;; esac;;
*) for name in {running} nothing; do case "$*" in *"-c:v $name "*) exit 0;; esac; done; exit 1;;
esac
"""
        )
        program.chmod(0o755)
        monkeypatch.delenv(ffmpeg.VARIABLE, raising=False)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        ffmpeg.find_ffmpeg.cache_clear()
        return log

    yield make
    ffmpeg.find_ffmpeg.cache_clear()


def test_the_first_that_encodes_is_taken(machine: Callable[[str, str], Path]) -> None:
    log = machine("h264_nvenc h264_qsv hevc_nvenc", "h264_qsv")
    found = find_gpu_encoder("libx264", 20.4, "ultrafast")
    assert found is not None
    assert (found.encoder.name, found.preset) == ("h264_qsv", "veryfast")
    assert found.arguments == ("-global_quality", "20")
    tried = [line for line in log.read_text().splitlines() if "lavfi" in line]
    assert len(tried) == 2
    assert "-c:v h264_nvenc -rc vbr -cq 20.4 -b:v 0 -preset p1" in tried[0]


def test_quality_and_preset_are_translated(machine: Callable[[str, str], Path]) -> None:
    machine("hevc_nvenc h264_amf", "hevc_nvenc h264_amf")
    card = find_gpu_encoder("libx265", 18, "medium")
    assert card is not None
    assert (card.encoder.name, card.preset) == ("hevc_nvenc", "p5")
    assert card.arguments == ("-rc", "vbr", "-cq", "18", "-b:v", "0")
    other = find_gpu_encoder("libx264", 18, "medium")
    assert other is not None
    assert (other.encoder.name, other.preset) == ("h264_amf", None)


def test_an_encoder_of_a_card_may_be_named(machine: Callable[[str, str], Path]) -> None:
    machine("h264_nvenc hevc_nvenc", "hevc_nvenc")
    found = find_gpu_encoder("hevc_nvenc", 18, "p7")
    assert found is not None
    assert found.preset == "p7"
    assert find_gpu_encoder("h264_nvenc", 18, "p7") is None


def test_nothing_is_found_where_nothing_runs(machine: Callable[[str, str], Path]) -> None:
    machine("h264_nvenc", "")
    assert find_gpu_encoder("libx264", 18, "medium") is None
    assert find_gpu_encoder("ffv1", 18, "medium") is None
