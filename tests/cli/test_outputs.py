"""What is written by every command: checked to the last byte, in folders that are made, over nothing that is there."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import av
import pytest

from tests.cli.calling import call
from tests.cli.overlay.films import Scenario, leftovers, write_bg, write_fg
from tests.cli.small_disks import mounted_disk
from tests.media.films import write_film
from vs_align.media.ffmpeg import find_ffmpeg

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, where nothing can be written")
QUICK = ("--preset", "ultrafast")


class Films:
    """Clip and ref, and a cache that knows them."""

    def __init__(self, folder: Path) -> None:
        self.clip = write_film(folder / "clip.mkv", range(40))
        self.ref = write_film(folder / "ref.mkv", range(3, 35))
        self.cache = folder / "cache"

    def sync(self, *options: object) -> int:
        """Run `vs-align sync` on both."""
        return call("sync", self.clip, self.ref, "--cache", self.cache, *options)

    def temporal(self, *options: object) -> int:
        """Run `vs-align temporal` on both."""
        return call("temporal", self.clip, self.ref, *QUICK, *options)

    def spatial(self, *options: object) -> int:
        """Run `vs-align spatial` on ref and itself."""
        return call("spatial", self.ref, self.ref, *QUICK, "--precision", "1", *options)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return Films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    folder = tmp_path_factory.mktemp("overlaid")
    return Scenario(folder, write_bg(folder / "bg.mkv"), write_fg(folder / "fg.mkv"))


def error_of(capfd: pytest.CaptureFixture[str]) -> str:
    """The one line that says what failed."""
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith(("error: ", "Traceback"))]
    assert len(lines) == 1, lines
    return lines[0]


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@needs_full
def test_a_report_that_cannot_be_written_takes_nothing_with_it(
    films: Films, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, timeline = tmp_path / "out.mkv", tmp_path / "t.json"
    assert films.temporal("-o", out, "--json", FULL, "--timeline", timeline, "--keep-script") == 1
    written = f"Written: {out} and {tmp_path / 'out.vpy'} and {timeline}."
    assert error_of(capfd) == f"error: /dev/full cannot be written: No space left on device. {written}"
    assert frames_of(out) == 32
    assert len(json.loads(timeline.read_text())["frame_map"]) == 32
    assert films.temporal("-o", out, "-y", "--timeline", FULL, "--json", tmp_path / "r.json") == 1
    assert "/dev/full cannot be written: No space left on device." in error_of(capfd)
    assert json.loads((tmp_path / "r.json").read_text())["frames"] == 32
    assert films.spatial("-o", out, "-y", "--json", FULL) == 1
    assert f"No space left on device. Written: {out}." in error_of(capfd)
    assert films.sync("--json", FULL) == 1
    assert "/dev/full cannot be written: No space left on device." in error_of(capfd)
    assert FULL.is_char_device()
    assert leftovers(tmp_path) == []


@needs_full
def test_an_overlay_stays_whatever_becomes_of_what_lies_beside_it(
    scenario: Scenario, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    (tmp_path / "out.report.html").symlink_to(FULL)
    assert call(*scenario.arguments(out, *QUICK, "--report", "--keep-script", "--json", FULL)) == 1
    said = error_of(capfd)
    assert f"{tmp_path / 'out.report.html'} cannot be written: No space left on device." in said
    assert "/dev/full cannot be written: No space left on device." in said
    assert frames_of(out) > 0
    names = ["out.mp4", "out.placement.json", "out.report.html", "out.timeline.json", "out.vpy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert FULL.is_char_device()


@needs_full
@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("models", "list"),
        ("models", "list", "--json"),
        ("doctor", "--json"),
        ("sync", "CLIP", "REF", "-q"),
        ("sync", "CLIP", "REF", "-q", "--json", "-"),
    ],
    ids=" ".join,
)
def test_stdout_that_is_full(
    films: Films,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = [{"CLIP": films.clip, "REF": films.ref}.get(word, word) for word in arguments]
    kept = ("--cache", films.cache) if "sync" in arguments else ()
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert call(*given, *kept) == 1
        monkeypatch.undo()
    assert error_of(capfd) == "error: stdout cannot be written: No space left on device."


@needs_full
def test_the_video_stays_where_stdout_is_full(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mkv"
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert films.temporal("-o", out, "--json", "-") == 1
        monkeypatch.undo()
    assert error_of(capfd) == f"error: stdout cannot be written: No space left on device. Written: {out}."
    assert frames_of(out) == 32


@needs_full
def test_help_and_the_end_of_python_find_stdout_full() -> None:
    """Python itself writes what is left in a buffer when it ends, and would say so in its own words."""
    for option in ("--help", "--version"):
        with FULL.open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "vs_align", option], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1


def test_stderr_that_is_full_stops_nothing(films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    assert films.sync("--json", tmp_path / "t.json") == 0
    assert (tmp_path / "t.json").exists()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 KB with a kilobyte left."""
    with mounted_disk(tmp_path, 16) as folder:
        (folder / "filler").write_bytes(bytes(12 << 10))
        yield folder


def test_a_full_disk_keeps_what_fits(films: Films, full_disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plot, out = full_disk / "plot.png", full_disk.parent / "out.mkv"
    plot.write_text("precious")
    assert films.temporal("-y", "-o", out, "--plot", plot) == 1
    assert error_of(capfd).endswith(f"cannot write '{plot}': No space left on device. Written: {out}.")
    assert plot.read_text() == "precious"
    assert leftovers(full_disk) == []


@pytest.mark.parametrize("option", ["-o", "--json", "--timeline", "--plot"])
def test_what_exists_is_not_replaced_without_being_asked(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr("vs_align.media.probe.probe", work)
    name = {"-o": "a.mkv", "--plot": "a.png"}.get(option, "a.json")
    target = tmp_path / name
    target.write_text("precious")
    rest = () if option == "-o" else ("-o", tmp_path / "out.mkv")
    assert films.temporal(*rest, option, target) == 1
    said = f"error: {target} exists: name another file, or replace it with -y (--overwrite)."
    assert error_of(capfd) == said
    if option != "--timeline":
        spatial = rest if option != "--plot" else ()
        assert call("spatial", films.clip, films.ref, *spatial, option if option != "--plot" else "--compare", target)
        capfd.readouterr()
    assert target.read_text() == "precious"


@pytest.mark.parametrize("option", ["--json", "--csv", "--edl", "--fcpxml", "--timecodes", "--plot", "--audio-out"])
def test_sync_replaces_nothing_without_being_asked(
    films: Films, tmp_path: Path, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    endings = {"--json": "json", "--timecodes": "txt", "--plot": "png", "--audio-out": "wav"}
    target = tmp_path / f"a.{endings.get(option, option[2:])}"
    target.write_text("precious")
    assert films.sync(option, target) == 1
    assert "exists: name another file" in error_of(capfd)
    assert target.read_text() == "precious"


def test_empty_files_and_devices_lose_nothing(films: Films, tmp_path: Path) -> None:
    made = tmp_path / "made-by-mktemp.json"
    made.touch()
    assert films.sync("--json", made, "--csv", tmp_path / "new" / "deep" / "a.csv") == 0
    assert made.stat().st_size > 0
    assert (tmp_path / "new" / "deep" / "a.csv").exists()
    if os.name != "nt":
        assert films.sync("--json", "/dev/null", "--timecodes", "/dev/null") == 0
        assert Path("/dev/null").is_char_device()


def test_folders_are_made_for_all_outputs(films: Films, tmp_path: Path) -> None:
    deep = tmp_path / "one"
    files = [deep / "a" / "out.mkv", deep / "b" / "t.json", deep / "c" / "r.json", deep / "a" / "out.vpy"]
    out, timeline, report, _ = files
    assert films.temporal("-o", out, "--timeline", timeline, "--json", report, "--keep-script") == 0
    assert all(path.stat().st_size for path in files)


def test_default_names_of_long_names_are_shortened(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bg, fg = tmp_path / f"{'映' * 80}.mkv", tmp_path / f"{'é' * 120}.mkv"
    shutil.copy(scenario.bg, bg)
    shutil.copy(scenario.fg, fg)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    _, _, _, _, _, _, *found = scenario.arguments(work / "unused.mp4")
    assert call("overlay", bg, fg, *found, *QUICK, "--preview", "draft", "--keep-script", "--report") == 0
    names = sorted(path.name for path in work.iterdir())
    endings = [name[name.index(".") :] for name in names]
    assert endings == [f".draft{end}" for end in (".mp4", ".placement.json", ".report.html", ".timeline.json", ".vpy")]
    assert len({name[: name.index(".")] for name in names}) == 1
    assert all(name.startswith("映映映") and "_overlay_ééé" in name for name in names)
    assert all(len(os.fsencode(name)) <= 255 for name in names)


def test_a_name_that_is_too_long_is_refused(films: Films, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert films.sync("--json", tmp_path / f"{'é' * 130}.json") == 1
    assert "its name has 265 bytes, a file system takes 255." in error_of(capfd)
    subtitles = tmp_path / f"{'é' * 122}.srt"
    subtitles.write_text("1\n00:00:00,400 --> 00:00:01,000\nhello\n")
    assert films.sync("--subs", subtitles) == 0
    synced = [path for path in tmp_path.iterdir() if path.name.endswith(".synced.srt")]
    assert [path.name[:120] for path in synced] == ["é" * 120]


@pytest.mark.skipif(os.name == "nt", reason="folders of the user are elsewhere")
def test_a_home_that_cannot_be_written_stops_nothing(films: Films, tmp_path: Path) -> None:
    """As in a container for a user who has no home. There vspipe has not been configured either."""
    nowhere = tmp_path / "file"
    nowhere.touch()
    homes = {f"XDG_{kind}_HOME": str(nowhere / kind) for kind in ("CACHE", "CONFIG", "DATA")}
    environment = os.environ | homes | {"HOME": str(nowhere)}
    clip, ref, out = str(films.clip), str(films.ref), tmp_path / "out.mkv"
    plot = ["--plot", str(tmp_path / "plot.png")] if find_spec("matplotlib") else []
    for command in (["sync", clip, ref, *plot], ["temporal", clip, ref, "-o", str(out), *QUICK]):
        done = subprocess.run(
            [sys.executable, "-m", "vs_align", *command], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "atplotlib" not in done.stderr
        said = [line for line in done.stderr.splitlines() if "cannot be written" in line]
        assert said == [
            f"note: the cache {nowhere / 'CACHE' / 'vs_align'} cannot be written (Not a directory): "
            "nothing is kept for the next time."
        ]
    assert frames_of(out) == 32


def test_quiet_and_verbose(films: Films, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.mkv"
    assert films.temporal("-o", out, "-q") == 0
    assert films.spatial("-o", out, "-y", "-q") == 0
    assert capfd.readouterr().err == ""
    assert films.temporal("-o", out, "-y", "-v") == 0
    said = capfd.readouterr().err
    assert "vs-align " in said
    assert "Python 3." in said
    assert f"running {find_ffmpeg()}" in said
    assert "-c:v libx264" in said
    assert "-map 0:v:0" in said  # and no picture of a hand, which Rich has for ":v:"
    assert "matching took " in said
    assert "opening clip.mkv took " in said
    assert films.temporal("-o", out, "-y", "-q", "-v") == 2


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="kills as Linux does")
def test_after_a_kill_nothing_works_on_and_the_next_run_tidies(tmp_path: Path, films: Films) -> None:
    work = tmp_path / "work"
    work.mkdir()
    out = work / "out.mkv"
    slow = write_film(tmp_path / "slow.mkv", [n % 40 for n in range(300)], size=(640, 360))
    command = [sys.executable, "-m", "vs_align", "temporal", str(slow), str(slow), "-o", str(out)]
    with subprocess.Popen([*command, "--preset", "placebo"], stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 60
        while not any("part.mkv" in name for name in leftovers(work)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert leftovers(work), "the encoder never began"
        running.kill()
    deadline = time.monotonic() + 10
    while _users_of(work) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _users_of(work) == []
    assert leftovers(work) != []
    assert films.temporal("-o", out, "-q") == 0
    assert [path.name for path in work.iterdir()] == ["out.mkv"]


def _users_of(folder: Path) -> list[str]:
    """Command lines that name a folder, of processes that have not ended."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return [line for line in lines if str(folder) in line]
