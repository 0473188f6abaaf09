"""`vs-align sync` from end to end: what is found, said and written."""

import csv
import json
import re
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse

import av
import numpy as np
import pytest

from tests.cli.calling import call
from tests.media.films import SOUND_RATE, heard, sound, turn, write_film
from tests.sync_films import SIZE, WORN, Look, ShotFilm, true_map, without
from vs_align.enums import SyncEngine
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.timeline.timeline import Timeline

REF = list(range(400))
CLIP = without(range(48, 460), (200, 240))
"""Begins two seconds after ref, lacks 40 frames, and goes on for 60 frames behind ref's end."""
WANTED = true_map(CLIP, REF)
A_FRAME = SOUND_RATE // 24


def filmed(
    path: Path, moments: Sequence[int], *, seed: int = 1, look: Look | None = None, heard_too: bool = True
) -> Path:
    """A file of moments with the sound that belongs to each."""
    wave = sound(500 / 24, seed).reshape(-1, A_FRAME)[list(moments)].reshape(-1) if heard_too else None
    film = ShotFilm(seed) if look is None else ShotFilm(seed, look)
    return write_film(path, moments, 24, size=SIZE, paint=film.picture, wave=wave)


class Pair:
    """Two versions of one film, and a cache that knows them."""

    def __init__(self, folder: Path) -> None:
        self.clip = filmed(folder / "a clip.mkv", CLIP, look=WORN)
        self.ref = filmed(folder / "ref.mkv", REF)
        self.cache = folder / "cache"

    def sync(self, *options: object) -> int:
        """Run the command on both."""
        return call("sync", self.clip, self.ref, "--cache", self.cache, *options)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("pair"))


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_json_on_stdout(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    assert pair.sync("--json", "-") == 0
    said = capfd.readouterr()
    found = json.loads(said.out)
    assert found["verdict"] in ("exact", "good")
    assert found["frame_map"] == WANTED
    keys = {"ref_first", "ref_last", "clip_first", "rate", "kind", "confidence", "offset_ms"}
    assert all(keys <= set(segment) for segment in found["segments"])
    places = [(s["kind"], s["ref_first"], s["ref_last"], s["clip_first"]) for s in found["segments"]]
    assert places[:4] == [
        ("insert", 0, 47, None),
        ("match", 48, 199, 0),
        ("insert", 200, 239, None),
        ("match", 240, 399, 152),
    ]
    shown = [segment for segment in found["segments"] if segment["kind"] == "match"]
    assert [segment["offset_ms"] for segment in shown] == pytest.approx([-2000, -1000 * 88 / 24], abs=0.001)
    assert min(segment["confidence"] for segment in shown) > 0.9
    assert Timeline.from_json(said.out).frame_map == tuple(WANTED)
    # what a person reads is on the other stream then
    assert "Verdict: " in said.err


def test_table_on_stdout_is_plain_text(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    assert pair.sync() == 0
    said = capfd.readouterr()
    assert re.match(r"Verdict: (exact|good)\n- ", said.out)
    assert re.search(
        r"^00:00:02\.000-00:00:08\.333 +48-199 +00:00:00\.000 +-2000\.0 +-48 +(1\.00|0\.9\d) ", said.out, re.MULTILINE
    )
    assert re.search(r"^00:00:10\.000-00:00:16\.667 +240-399 +00:00:06\.333 +-3666\.7 +-88 ", said.out, re.MULTILINE)
    assert "\x1b" not in said.out + said.err


def test_progress_is_shown_for_each_stage_unless_it_is_unwanted(
    pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call("sync", pair.clip, pair.ref, "--cache", tmp_path) == 0
    bars = {line.split(" ━")[0].strip() for line in capfd.readouterr().err.splitlines() if "100%" in line}
    assert bars >= {"reading a clip.mkv", "reading ref.mkv", "listening to ref.mkv", "searching", "comparing"}
    assert call("sync", pair.clip, pair.ref, "--no-cache", "--no-sound", "--quiet") == 0
    said = capfd.readouterr()
    assert said.err == ""
    assert said.out.startswith("Verdict: ")


def test_unrelated_films_are_refused(pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = filmed(tmp_path / "other.mkv", range(200), seed=7)
    subtitles = tmp_path / "other.srt"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    (tmp_path / "cut.edl").write_text("precious")
    before = files_of(tmp_path)
    options = ("--edl", tmp_path / "cut.edl", "--subs", subtitles, "--audio-out", tmp_path / "a.mka")
    assert call("sync", other, pair.ref, "--cache", pair.cache, "-y", *options) == 3
    said = capfd.readouterr()
    assert said.out.startswith("Verdict: unrelated\n")
    lines = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert lines[0].startswith("error: other.mkv and ref.mkv have nothing in common: ")
    assert files_of(tmp_path) == before
    assert (tmp_path / "cut.edl").read_text() == "precious"
    report = tmp_path / "report.json"
    assert call("sync", other, pair.ref, "--cache", pair.cache, "--json", report, "-q") == 3
    assert len(capfd.readouterr().err.splitlines()) == 1
    found = json.loads(report.read_text())
    assert found["verdict"] == "unrelated"
    assert found["frame_map"] == [None] * len(REF)


def test_timeline_is_rendered_by_temporal(pair: Pair, tmp_path: Path) -> None:
    timeline, out = tmp_path / "t.json", tmp_path / "out.mkv"
    assert pair.sync("--json", timeline, "-q") == 0
    options = ("--use-timeline", timeline, "--fallback", "ref", "--preset", "ultrafast")
    assert call("temporal", pair.clip, pair.ref, "-o", out, *options) == 0
    with av.open(str(out)) as container:
        frames = [frame.reformat(*SIZE, format="gray").to_ndarray() for frame in container.decode(video=0)]
    assert len(frames) == len(REF)
    for n in (2, 47, 48, 49, 150, 199, 200, 239, 240, 241, 397):
        # where clip has nothing, ref is shown
        film = ShotFilm(1) if WANTED[n] is None else ShotFilm(1, WORN)
        alike = [np.corrcoef(frames[n].ravel(), film.picture(k).ravel())[0, 1] for k in range(n - 2, n + 3)]
        assert int(np.argmax(alike)) == 2


@pytest.fixture(scope="module")
def written(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all outputs were written but those that need Matplotlib."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "in.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nearly\n\n2\n00:00:08,000 --> 00:00:09,000\nlate\n"
    )
    (folder / "in.txt").write_text(
        "CHAPTER01=00:00:00.000\nCHAPTER01NAME=One\nCHAPTER02=00:00:08.000\nCHAPTER02NAME=Two\n"
    )
    named = {f"--{kind}": folder / f"out.{kind}" for kind in ("json", "csv", "edl", "fcpxml", "otio")}
    named |= {"--timecodes": folder / "times.txt", "--subs": folder / "in.srt", "--chapters": folder / "in.txt"}
    named |= {"--chapters-out": folder / "out.xml", "--audio-out": folder / "out.wav", "--mux": folder / "out.mkv"}
    assert pair.sync(*(part for option in named.items() for part in option)) == 0
    return folder


def test_nothing_else_is_written(written: Path) -> None:
    names = ["in.srt", "in.synced.srt", "in.txt", "out.csv", "out.edl", "out.fcpxml", "out.json", "out.mkv"]
    assert files_of(written) == sorted([*names, "out.otio", "out.wav", "out.xml", "times.txt"])


def test_table_has_the_segments(written: Path) -> None:
    with (written / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["ref_first"], row["clip_first"]) for row in rows[:4]] == [
        ("insert", "0", ""),
        ("match", "48", "0"),
        ("insert", "200", ""),
        ("match", "240", "152"),
    ]
    assert rows[1]["offset_ms"] == "-2000"


def test_cuts_have_the_events(written: Path) -> None:
    otio = pytest.importorskip("opentimelineio")
    track = otio.adapters.read_from_file(str(written / "out.otio"), "otio_json").video_tracks()[0]
    kinds = [(type(item).__name__, item.source_range.duration.value) for item in track]
    assert kinds == [("Gap", 48), ("Clip", 152), ("Gap", 40), ("Clip", 160)]
    assert [item.source_range.start_time.value for item in track if isinstance(item, otio.schema.Clip)] == [0, 152]
    events = re.findall(r"^\d{3} .*", (written / "out.edl").read_text(), re.MULTILINE)
    assert [event.split()[-4:] for event in events] == [
        ["00:00:00:00", "00:00:06:08", "00:00:02:00", "00:00:08:08"],
        ["00:00:06:08", "00:00:13:00", "00:00:10:00", "00:00:16:16"],
    ]
    spine = parse(written / "out.fcpxml").getroot().find(".//spine")  # noqa: S314  # our own file
    assert spine is not None
    lengths = [Fraction(item.attrib["duration"].removesuffix("s")) * 24 for item in spine]
    assert [(item.tag, int(length)) for item, length in zip(spine, lengths, strict=True)] == [
        ("gap", 48), ("asset-clip", 152), ("gap", 40), ("asset-clip", 160),
    ]  # fmt: skip


def test_texts_have_the_times(written: Path) -> None:
    assert re.findall(r"\S+ --> \S+", (written / "in.synced.srt").read_text()) == [
        "00:00:03,000 --> 00:00:04,000",
        "00:00:11,667 --> 00:00:12,667",
    ]
    starts = re.findall(r"<ChapterTimeStart>(.*?)<", (written / "out.xml").read_text())
    assert [start[:12] for start in starts] == ["00:00:02.000", "00:00:11.667"]
    lines = (written / "times.txt").read_text().splitlines()
    assert lines[:3] == ["# timestamp format v2", "0", "41.666667"]
    assert len(lines) == 1 + len(REF)


def test_sound_is_that_of_clip_at_its_place(pair: Pair, written: Path) -> None:
    wave = sound(500 / 24, 1)
    with av.open(str(written / "out.wav")) as container:
        alone = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]) / 32768
    muxed = heard(written / "out.mkv", len(REF) / 24)
    for found in (alone, muxed):
        for first, last in ((48, 200), (240, 400)):
            # but for the fades at the ends
            piece = slice(first * A_FRAME + 200, min(last * A_FRAME - 200, len(found)))
            np.testing.assert_allclose(found[piece], wave[piece], atol=3 / 32768)
        assert not found[: 48 * A_FRAME - 200].any()
        assert not found[200 * A_FRAME + 200 : 240 * A_FRAME - 200].any()
    with av.open(str(written / "out.mkv")) as made, av.open(str(pair.ref)) as given:
        packets = [[bytes(packet) for packet in file.demux(video=0) if packet.size] for file in (made, given)]
    assert packets[0] == packets[1]


def test_sound_is_copied_where_one_offset_is_enough(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Both files begin at different times of their clocks, as recordings do."""
    film, wave = ShotFilm(1), sound(200 / 24)
    clip = write_film(tmp_path / "clip.mp4", range(200), 24, size=SIZE, paint=film.picture, wave=wave)
    ref = write_film(tmp_path / "ref.mp4", range(30, 200), 24, size=SIZE, paint=film.picture, start=0.5)
    out = tmp_path / "out.mp4"
    assert call("sync", clip, ref, "--no-cache", "--mux", out) == 0
    assert "out.mp4: audio copied without loss" in capfd.readouterr().err
    found = heard(out, 160 / 24)
    due = heard(clip, 190 / 24)[30 * A_FRAME :][: len(found)]
    # times of packets are whole milliseconds in no container but this, which keeps samples
    np.testing.assert_allclose(found[4000:-4000], due[4000:-4000], atol=0.02)


def test_plot(pair: Pair, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert pair.sync("--plot", tmp_path / "plot.png") == 0
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_time_code_of_a_file_is_kept(tmp_path: Path) -> None:
    film = ShotFilm(1).write(tmp_path / "film.mkv", range(100), 25)
    coded = tmp_path / "coded.mov"
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(film), "-c", "copy", "-timecode", "01:00:00:05", str(coded)]
    subprocess.run(command, check=True)
    edl = tmp_path / "cut.edl"
    assert call("sync", film, coded, "--no-cache", "--edl", edl) == 0
    (event,) = re.findall(r"^\d{3} .*", edl.read_text(), re.MULTILINE)
    assert event.split()[-4:] == ["00:00:00:00", "00:00:04:00", "01:00:00:05", "01:00:04:05"]


@pytest.mark.parametrize("engine", list(SyncEngine))
def test_engines_are_known_by_name(tmp_path: Path, engine: SyncEngine, capfd: pytest.CaptureFixture[str]) -> None:
    clip, ref = (filmed(tmp_path / f"{name}.mkv", range(100)) for name in ("clip", "ref"))
    options = ("--engine", engine.value.upper(), "--window", 20, "--drift-interval", 25, "--margin", 12)
    assert call("sync", clip, ref, "--no-cache", "--json", "-", *options) == 0
    found = json.loads(capfd.readouterr().out)
    right = np.mean([frame == n for n, frame in enumerate(found["frame_map"])])
    assert right > 0.9
    special = {
        SyncEngine.AUTO: "correlate",
        SyncEngine.AUDIO: "by audio alone",
        SyncEngine.DURATION: "nothing was compared",
    }
    says = special.get(engine, f"engine {engine}")
    assert says in " ".join(found["reasons"])


def test_variable_frame_rate_goes_by_time_stamps(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Ref leaves out every fifth frame, and the one before is shown for two; frame counts differ, times do not."""
    moments = [n for n in range(200) if n % 5 != 4]
    film = ShotFilm(1)
    ref = write_film(tmp_path / "ref.mkv", moments, 24, size=SIZE, paint=film.picture, times=[n / 24 for n in moments])
    clip = film.write(tmp_path / "clip.mkv", range(25, 200))
    assert call("sync", clip, ref, "--no-cache", "--json", "-") == 0
    said = capfd.readouterr()
    found = json.loads(said.out)
    assert found["frame_map"] == [n - 25 if n >= 25 else None for n in moments]
    assert found["ref"]["times"] == pytest.approx([n / 24 for n in moments], abs=0.001)
    offsets = [segment["offset_ms"] for segment in found["segments"] if segment["kind"] in ("match", "hold")]
    assert offsets == pytest.approx([-25_000 / 24] * len(offsets), abs=1.1)
    assert "note: ref.mkv has a variable frame rate: its time stamps count." in said.err


def ffmpeg(*arguments: object) -> None:
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *map(str, arguments)], check=True)


def test_rotated_video_is_compared_upright(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film = ShotFilm(1)
    ref = film.write(tmp_path / "ref.mp4", range(150))
    clip = write_film(
        tmp_path / "clip.mp4", range(40, 150), 24, size=(SIZE[1] // 2 * 2, SIZE[0]),
        paint=lambda n, width, height: np.rot90(film.picture(n, height, width)).copy(),
    )  # fmt: skip
    turn(clip, 270)
    assert call("sync", clip, ref, "--no-cache", "--json", "-") == 0
    assert json.loads(capfd.readouterr().out)["frame_map"] == [None] * 40 + list(range(110))


def test_interlaced_video_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ref = ShotFilm(1).write(tmp_path / "ref.mkv", range(100), 25, (160, 96))
    clip = tmp_path / "clip.mkv"
    ffmpeg("-i", ref, "-vf", "setfield=tff", "-c:v", "mpeg2video", "-q:v", 2, "-flags", "+ildct+ilme", clip)
    assert call("sync", clip, ref, "--no-cache", "--json", "-") == 0
    said = capfd.readouterr()
    note = "note: clip.mkv is interlaced: frames are compared as they are; deinterlace it first."
    assert note in said.err.splitlines()
    found = json.loads(said.out)
    assert found["verdict"] == "doubtful"
    assert "clip is interlaced" in " ".join(found["reasons"])


def test_one_frame(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film = ShotFilm(1)
    single = film.write(tmp_path / "single.mkv", [70])
    several = film.write(tmp_path / "several.mkv", range(60, 90))

    def found(clip: Path, ref: Path) -> dict[str, Any]:
        code = call("sync", clip, ref, "--no-cache", "--json", "-", "-q")
        answer: dict[str, Any] = json.loads(capfd.readouterr().out)
        assert (answer["verdict"] == "unrelated") == (code == 3)
        return answer

    assert found(several, single)["frame_map"] == [10]
    assert found(single, single)["frame_map"] == [0]
    # where a single frame belongs among others that are much like it may be a guess, and is called one then
    guess = found(single, several)
    assert guess["verdict"] in ("doubtful", "unrelated") or guess["frame_map"] == [None] * 10 + [0] + [None] * 19


def test_two_files_of_one_name_have_two_bars(capfd: pytest.CaptureFixture[str]) -> None:
    from vs_align.cli.console import stage_progress

    with stage_progress() as told:
        for stage, done, total in (
            ("reading film.mkv", 5, 10),
            ("reading film.mkv", 12, 10),
            ("reading film.mkv", 5, 20),
            ("[odd] name", 3, 0),
        ):
            told(stage, done, total)
    lines = capfd.readouterr().err.splitlines()
    assert [line.split(" ━")[0].strip() for line in lines] == ["reading film.mkv"] * 2 + ["[odd] name"]
    assert all("100%" in line for line in lines)
