"""Commands, children, frame props and colour tags on the way from a script to a file."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from vs_align.errors import MediaError
from vs_align.io.atomic_files import part_path, temporary_paths
from vs_align.media import vspipe
from vs_align.media.color import ColorTags
from vs_align.media.encode import EncodeJob, encode
from vs_align.media.ffmpeg import VARIABLE, audio_encoder_arguments, find_encoder, find_ffmpeg, holds_audio
from vs_align.media.frame_props import read_matches
from vs_align.media.pixel_format import ffmpeg_format
from vs_align.media.subprocesses import ChildProcesses

GRADIENT = """
import vapoursynth as vs
vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=10, fpsnum=24000, fpsden=1001).set_output()
"""


def job(folder: Path, script: str, codec: str = "ffv1") -> EncodeJob:
    path = folder / "script.vpy"
    path.write_text(script)
    return EncodeJob(path, folder / "out.mkv", find_encoder(codec), Fraction(24000, 1001), ColorTags(), crf=20)


def test_frames_are_counted_as_they_come(tmp_path: Path) -> None:
    seen: list[int] = []
    encode(job(tmp_path, GRADIENT), tmp_path, seen.append)
    assert seen[-1] == 10
    assert seen == sorted(seen)


def test_script_that_fails_speaks_for_itself(tmp_path: Path) -> None:
    script = "import vs_align\nraise vs_align.ArgumentError('temporal', 'tr', 'must be at least 0', -3)"
    with pytest.raises(
        MediaError, match=r"^vspipe failed \(code 1\): vs_align.temporal: tr must be at least 0, got -3"
    ):
        encode(job(tmp_path, script), tmp_path)


def test_frame_that_fails_ends_both(tmp_path: Path) -> None:
    script = GRADIENT.replace(".set_output()", ".std.FrameEval(lambda n: 1 / 0).set_output()")
    with pytest.raises(MediaError, match="division by zero"):
        encode(job(tmp_path, script), tmp_path)


def test_target_that_cannot_be_written_is_ffmpegs_fault(tmp_path: Path) -> None:
    made = job(tmp_path, GRADIENT)
    bad = EncodeJob(made.script, tmp_path / "nowhere" / "out.mkv", made.encoder, made.rate, made.tags)
    with pytest.raises(MediaError, match=r"^ffmpeg failed .*No such file or directory"):
        encode(bad, tmp_path)


def test_quality_goes_to_encoders_that_know_it(tmp_path: Path) -> None:
    assert "-crf" not in job(tmp_path, GRADIENT).ffmpeg_command()
    assert "-crf" in job(tmp_path, GRADIENT, "libx264").ffmpeg_command()


def test_children_end_with_the_block(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    started = time.monotonic()
    with ChildProcesses(tmp_path) as children:
        willing = children.start([sys.executable, "-c", "import time; time.sleep(60)"])
        deaf = children.start([sys.executable, "-c", stubborn])
        assert deaf.stdout is not None
        deaf.stdout.readline()
    assert willing.returncode is not None
    assert deaf.returncode is not None
    assert time.monotonic() - started < 10


def test_last_words_leave_out_noise(tmp_path: Path) -> None:
    said = "first\\n\\nInformation: index 18%\\nsecond\\rthird\\n"
    with ChildProcesses(tmp_path) as children:
        child = children.start([sys.executable, "-c", f"import sys; sys.stderr.write('{said}')"])
        child.wait()
        assert children.stderr_tail(child) == "first / second / third"


def test_frame_props(tmp_path: Path) -> None:
    path = tmp_path / "props.json"
    path.write_text(
        '[\n\t{"VSAlignFallback": 0, "VSAlignMatch": 3, "VSAlignScore": 0.5, "Name": "a, b"},\n'
        '\t{"VSAlignFallback": 1, "VSAlignMatch": 4, "VSAlignScore": null}\n]\n'
    )
    first, second = read_matches(path)
    assert (first.match, first.score, first.fallback) == (3, 0.5, False)
    assert (second.match, second.score, second.fallback) == (4, None, True)


def test_frame_props_without_a_match(tmp_path: Path) -> None:
    path = tmp_path / "props.json"
    path.write_text('[\n\t{"_SARNum": 1}\n]')
    with pytest.raises(MediaError, match="no match for frame 0"):
        read_matches(path)


def test_colour_tags_from_props() -> None:
    props = {
        "_Matrix": 1,
        "_Transfer": 2,
        "_Primaries": 9,
        "_Range": 0,
        "_ChromaLocation": 0,
        "_SARNum": 8,
        "_SARDen": 9,
    }
    tags = ColorTags.from_props(props, is_subsampled=True)
    assert tags == ColorTags(matrix=1, primaries=9, full_range=False, chroma=0, sample_aspect=(8, 9))
    assert tags.filter() == "setparams=color_primaries=9:colorspace=1:range=limited,setsar=8/9"
    assert tags.encoder_arguments()[-2:] == ["-chroma_sample_location", "1"]
    assert ColorTags.from_props({}, is_subsampled=True).filter() == ""


def test_containers_and_sound() -> None:
    assert holds_audio(Path("a.mkv"), "pcm_s24le")
    assert holds_audio(Path("a.MP4"), "aac")
    assert not holds_audio(Path("a.webm"), "aac")
    assert audio_encoder_arguments(Path("a.webm"), 2) == ["-c:a", "libopus", "-b:a", "192k"]
    assert audio_encoder_arguments(Path("a.mp4"), 6) == ["-c:a", "aac", "-b:a", "384k"]
    assert audio_encoder_arguments(Path("a.mkv"), 2, lossless=True) == ["-c:a", "flac"]


def test_parts_are_hidden_beside_the_target_and_removed(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 120 + ".mkv")
    with pytest.raises(KeyError), temporary_paths(target, 2) as names:
        for name in names:
            assert (name.parent, name.suffix, name.name[0]) == (tmp_path, ".mkv", ".")
            name.touch()
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    assert part_path(target) != part_path(target)


@pytest.mark.skipif(sys.platform == "win32", reason="the configuration lies elsewhere on Windows")
def test_vspipe_is_told_its_python_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vspipe that has no configuration and finds no Python by itself."""
    bare = {"HOME": str(tmp_path), "PATH": ""}
    monkeypatch.setattr(vspipe, "vspipe_environment", lambda: bare)
    assert vspipe.vspipe_output("--version").returncode != 0
    assert vspipe.ensure_config() is True
    assert vspipe.ensure_config() is False


def test_vspipe_that_never_starts_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vs_align.errors import MissingDependencyError

    def broken(*_: str) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "cannot find its library\n")

    monkeypatch.setattr(vspipe, "vspipe_output", broken)
    monkeypatch.setattr(vspipe, "_run", broken)
    with pytest.raises(MissingDependencyError, match="vspipe does not start: cannot find its library"):
        vspipe.ensure_config()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("YUV420P8", "yuv420p"),
        ("YUV444P16", "yuv444p16le"),
        ("GRAY8", "gray"),
        ("GRAY10", "gray10le"),
        ("RGB24", "gbrp"),
        ("RGB30", "gbrp10le"),
        ("RGB48", "gbrp16le"),
    ],
)
def test_names_of_formats(ours: str, theirs: str) -> None:
    assert ffmpeg_format(ours) == theirs


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffmpeg is a POSIX script")
@pytest.mark.parametrize(
    ("version", "taken"), [("4.4.2-0ubuntu0.22.04.1", False), ("5.1.6", True), ("n7.0", True), ("N-123-gabc", True)]
)
def test_system_ffmpeg_is_taken_if_it_is_recent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\necho ffmpeg version {version} Copyright\n")
    program.chmod(0o755)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    find_ffmpeg.cache_clear()
    try:
        assert (find_ffmpeg() == program) is taken
    finally:
        find_ffmpeg.cache_clear()


def test_older_vspipe_pipes_y4m(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    monkeypatch.setattr("vs_align.media.encode.supports_mkv", lambda: False)
    made = job(tmp_path, GRADIENT)
    assert "y4m" in made.vspipe_command(tmp_path)
    encode(made, tmp_path)
    with av.open(str(made.target)) as container:
        assert container.streams.video[0].average_rate == Fraction(24000, 1001)
        assert len(list(container.decode(video=0))) == 10
    with pytest.raises(MediaError, match="cannot pipe a variable frame rate"):
        encode(replace(made, rate=None), tmp_path)
