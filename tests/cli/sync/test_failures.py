"""`vs-align sync`: an output that cannot be written is told as early as may be, and the others are written."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.media.films import sound, write_film
from vs_align.errors import MediaError
from vs_align.export import audio as sound_export
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.timeline.timeline import Timeline

SUBTITLES = "1\n00:00:01,000 --> 00:00:02,000\nhello\n"


class Finder:
    """Stands for the search, which finds that two films are one frame for frame; counts how often it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.verdict = "exact"
        monkeypatch.setattr("vs_align.api.sync.sync_videos", self)

    def __call__(self, clip: Any, ref: Any, *_: Any, **__: Any) -> Timeline:
        """Return a timeline as `sync_videos` does."""
        self.asked += 1
        count = ref.file.frames or round(ref.file.fps * ref.file.duration)
        made = Timeline.from_frame_map(range(count), clip_rate=clip.file.fps, ref_rate=ref.file.fps, clip_length=count)
        return Timeline(made.segments, made.clip_rate, made.ref_rate, count, count, verdict=self.verdict)


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Finder:
    return Finder(monkeypatch)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames a second, which no time code counts."""
    return write_film(tmp_path_factory.mktemp("slow") / "slow.mkv", range(30), 10)


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("talkie") / "talkie.mkv", range(60), wave=sound(2.4))


def lines_of(text: str, kind: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{kind}: ")]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_rate_that_edl_cannot_hold(
    slow: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = [part for kind in ("edl", "csv", "fcpxml", "otio") for part in (f"--{kind}", tmp_path / f"a.{kind}")]
    assert call("sync", slow, slow, "--no-cache", *options) == 1
    said = capfd.readouterr()
    reason = "--edl a.edl: time codes know no 10 frames per second, which slow.mkv has; FCPXML and OTIO take any."
    assert lines_of(said.err, "note") == [f"note: {reason} The rest will be written."]
    assert lines_of(said.err, "error") == [f"error: {reason}"]
    assert said.err.index("note: ") < said.err.index("written: ")
    assert said.out.startswith("Verdict: exact")
    assert names_in(tmp_path) == ["a.csv", "a.fcpxml", "a.otio"]
    assert finder.asked == 1


def test_nothing_is_sought_where_nothing_can_be_written(
    slow: Path, talkie: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call("sync", slow, slow, "--no-cache", "--edl", tmp_path / "a.edl", "--mux", tmp_path / "a.mkv") == 1
    said = capfd.readouterr()
    assert [line.split(": ")[1] for line in lines_of(said.err, "error")] == ["--edl a.edl", "--mux a.mkv"]
    assert said.out == ""
    assert finder.asked == 0
    # the timeline on stdout is something too
    assert call("sync", slow, slow, "--no-cache", "--edl", tmp_path / "a.edl", "--json", "-", "-q") == 1
    assert Timeline.from_json(capfd.readouterr().out).ref_length == 30
    assert not names_in(tmp_path)


def test_a_container_that_does_not_take_the_images(
    talkie: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = ("--mux", tmp_path / "a.webm", "--audio-out", tmp_path / "a.wav")
    assert call("sync", talkie, talkie, "--no-cache", *outputs) == 1
    said = capfd.readouterr()
    (line,) = lines_of(said.err, "error")
    assert line.startswith("error: --mux a.webm: .webm does not take the images of talkie.mkv as they are: ")
    assert names_in(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_what_fails_while_it_is_written(
    quiet: Sequence[str], talkie: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(*_: Any) -> None:
        raise MediaError("cannot write: No space left on device.")

    def broken(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("vs_align.export.fcpxml.write_fcpxml", full)
    monkeypatch.setattr("vs_align.export.tables.write_csv", broken)
    (tmp_path / "a.fcpxml").write_text("precious")
    (tmp_path / "in.srt").write_text(SUBTITLES)
    options = ("--fcpxml", "a.fcpxml", "--csv", "a.csv", "--json", "a.json", "--timecodes", "a.txt")
    named = [tmp_path / part if i % 2 else part for i, part in enumerate(options)]
    assert call("sync", talkie, talkie, "--no-cache", "-y", *named, "--subs", tmp_path / "in.srt", *quiet) == 1
    said = capfd.readouterr()
    assert lines_of(said.err, "error") == [
        "error: --csv a.csv: Input/output error.",
        "error: --fcpxml a.fcpxml: cannot write: No space left on device.",
    ]
    assert ("written: a.json, a.txt, in.synced.srt in " in said.err) != bool(quiet)
    assert names_in(tmp_path) == ["a.fcpxml", "a.json", "a.txt", "in.srt", "in.synced.srt"]
    assert (tmp_path / "a.fcpxml").read_text() == "precious"


def test_files_that_cannot_be_opened_frame_by_frame(
    talkie: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise MediaError("talkie.mkv is truncated.")

    monkeypatch.setattr("vs_align.cli.sync.command.open_video", refuse)
    outputs = ("--mux", tmp_path / "a.mkv", "--audio-out", tmp_path / "a.wav", "--csv", tmp_path / "a.csv")
    assert call("sync", talkie, talkie, "--no-cache", *outputs) == 1
    assert lines_of(capfd.readouterr().err, "error") == [
        "error: --audio-out a.wav: talkie.mkv is truncated.",
        "error: --mux a.mkv: talkie.mkv is truncated.",
    ]
    assert names_in(tmp_path) == ["a.csv"]


def test_unrelated_comes_first(slow: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    finder.verdict = "unrelated"
    assert call("sync", slow, slow, "--no-cache", "--edl", tmp_path / "a.edl", "--csv", tmp_path / "a.csv") == 3
    assert len(lines_of(capfd.readouterr().err, "error")) == 1
    assert not names_in(tmp_path)


def test_an_encoding_is_asked_for_by_its_option(
    talkie: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    latin = tmp_path / "latin.srt"
    latin.write_bytes(SUBTITLES.replace("hello", "grün").encode("latin-1"))
    assert call("sync", talkie, talkie, "--no-cache", "--subs", latin) == 1
    (line,) = lines_of(capfd.readouterr().err, "error")
    assert line.startswith("error: --subs latin.srt: ")
    assert line.endswith("name it with --subs-encoding, such as cp1252.")
    assert call("sync", talkie, talkie, "--no-cache", "--subs", latin, "--subs-encoding", "cp1252", "-q") == 0
    assert "grün" in (tmp_path / "latin.synced.srt").read_text(encoding="utf-8")


def muxed(folder: Path, name: str, *inputs: Path, options: Sequence[str] = ()) -> Path:
    command = [str(find_ffmpeg()), "-v", "error", "-y"]
    for path in inputs:
        command += ["-i", str(path)]
    subprocess.run([*command, *options, "-c", "copy", str(folder / name)], check=True)
    return folder / name


def test_subtitles_of_a_video(talkie: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.srt"
    source.write_text(SUBTITLES)
    film = muxed(tmp_path, "film.mkv", talkie, source, options=("-metadata:s:s:0", "language=fre"))
    assert call("sync", film, film, "--no-cache", "--subs", film) == 0
    said = capfd.readouterr().err
    assert "note: film.mkv: the subtitles are taken from track 2 (subrip, fre)." in said
    assert (tmp_path / "film.synced.srt").read_text() == SUBTITLES + "\n"
    assert call("sync", talkie, talkie, "--no-cache", "--subs", talkie) == 1
    assert lines_of(capfd.readouterr().err, "error") == ["error: --subs talkie.mkv: talkie.mkv has no subtitles."]
    assert names_in(talkie.parent) == ["talkie.mkv"]


def test_times_are_those_of_the_files_clocks(finder: Finder, tmp_path: Path) -> None:
    """Clip's audio begins half a second before its images, as in remuxed recordings; so do ref's, in a stream."""
    early = write_film(tmp_path / "early.mkv", range(60), start=0.5, wave=sound(2.9))
    plain = write_film(tmp_path / "plain.mkv", range(60))
    stream = muxed(tmp_path, "stream.ts", write_film(tmp_path / "early.mp4", range(60), start=0.5, wave=sound(2.9)))
    (tmp_path / "in.srt").write_text(SUBTITLES)
    (tmp_path / "in.txt").write_text("CHAPTER01=00:00:01.000\nCHAPTER01NAME=A\n")
    options = ("--subs", tmp_path / "in.srt", "--chapters", tmp_path / "in.txt", "--no-cache", "-q", "-y")

    def written(clip: Path, ref: Path) -> tuple[str, str]:
        assert call("sync", clip, ref, *options) == 0
        texts = [(tmp_path / f"in.synced.{end}").read_text() for end in ("srt", "txt")]
        return texts[0].splitlines()[1][:12].replace(",", "."), texts[1].splitlines()[0][-12:]

    assert written(early, plain) == ("00:00:00.500",) * 2
    assert written(plain, early) == ("00:00:01.500",) * 2
    assert written(early, early) == ("00:00:01.000",) * 2
    # AAC has a packet of 21 ms before its first sample
    assert written(plain, stream) == ("00:00:01.521",) * 2


def test_an_encoder_that_ffmpeg_lacks(
    talkie: Path, finder: Finder, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sound_export._LOSSY, ".opus", "libnothing")
    assert call("sync", talkie, talkie, "--no-cache", "--audio-out", tmp_path / "a.opus") == 1
    (line,) = lines_of(capfd.readouterr().err, "error")
    assert line.startswith("error: --audio-out a.opus: ")
    assert "libnothing" in line
    assert finder.asked == 0
