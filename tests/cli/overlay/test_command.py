"""`vs-align overlay` from end to end: what is shown where and when, what is heard, and what is written beside it."""

import json
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.cli.calling import call
from tests.cli.overlay.films import (
    BG_STOP,
    BOX,
    FG_FIRST,
    FG_STOP,
    RATE,
    SIZE,
    film_sound,
    leftovers,
    lumas,
    painted,
    shown_moments,
    write_bg,
    write_fg,
)
from tests.media.films import heard, lag
from tests.sync_films import ShotFilm
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

WANTED = list(range(FG_FIRST, FG_STOP))


class Pair:
    """Bg and fg with sound, and a cache that knows them."""

    def __init__(self, folder: Path) -> None:
        self.bg = write_bg(folder / "bg.mkv", wave=film_sound())
        self.fg = write_fg(folder / "the fg.mkv", wave=film_sound(FG_FIRST, FG_STOP))
        self.cache = folder / "cache"

    def overlay(self, *options: object) -> int:
        """Run the command on both."""
        return call("overlay", self.bg, self.fg, "--cache", self.cache, "--preset", "ultrafast", *options)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("pair"))


def moments_of(path: Path, candidates: range = range(BG_STOP)) -> list[int]:
    return shown_moments(path, candidates, partial(painted, ShotFilm()))


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stream(path: Path) -> Any:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        return video.width, video.height, video.pix_fmt, video.average_rate


def test_fg_is_laid_where_and_when_it_belongs(pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.mp4"
    assert pair.overlay("-o", out, "--crf", 8, "--json", "-") == 0
    said = capfd.readouterr()
    report = json.loads(said.out)
    assert stream(out) == (*SIZE, "yuv420p", RATE)
    assert moments_of(out) == WANTED
    for moment, luma in zip(WANTED, lumas(out), strict=True):
        error = luma - ShotFilm().picture(moment, *SIZE)
        assert 10 * np.log10(255**2 / (error**2).mean()) > 36
    box = [report[name] for name in ("x", "y", "width", "height")]
    assert box == pytest.approx(BOX, abs=0.25)
    assert report["verdict"] in ("exact", "good")
    assert report["timeline"]["frame_map"] == WANTED
    assert report["placement"]["scenes"]
    assert (report["frames"], report["size"]) == (len(WANTED), list(SIZE))
    assert report["sound"]
    seconds, likeness = lag(film_sound(FG_FIRST, FG_STOP)[:200000], heard(out, 4))
    assert abs(seconds) < 0.5 / RATE
    assert likeness > 0.9
    for word in ("bg ", "fg ", "verdict", "place", "overlaying", "out.mp4 in "):
        assert word in said.err
    assert "their shapes differ" in said.err
    assert files_of(tmp_path) == ["out.mp4"]


def test_default_name_and_everything_beside_it(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from vs_align.media.vspipe import find_vspipe, vspipe_environment

    monkeypatch.chdir(tmp_path)
    assert pair.overlay("--keep-script", "--report", "--audio", "none", "-q") == 0
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    stem = "bg_overlay_the fg"
    assert files_of(tmp_path) == [
        f"{stem}{suffix}" for suffix in (".mp4", ".placement.json", ".report.html", ".timeline.json", ".vpy")
    ]
    with av.open(f"{stem}.mp4") as container:
        assert not container.streams.audio
    assert Timeline.load(f"{stem}.timeline.json").frame_map == tuple(WANTED)
    assert Placement.load(f"{stem}.placement.json").clip_size == SIZE
    page = Path(f"{stem}.report.html").read_text(encoding="utf-8")
    assert len(re.findall(r'src="data:image/jpeg;base64,/9j/', page)) == 12
    assert "Verdict: <strong" in page
    assert "http" not in page
    # from another folder, as an editor would
    info = subprocess.run(
        [str(find_vspipe()), "--info", str(tmp_path / f"{stem}.vpy"), "-"],
        env=vspipe_environment(), cwd="/", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"Frames: {len(WANTED)}" in info.stdout
    assert f"Width: {SIZE[0]}" in info.stdout


def test_dry_run_writes_nothing_but_the_report(pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.mp4"
    assert pair.overlay("-o", out, "--dry-run", "--keep-script") == 0
    assert files_of(tmp_path) == []
    capfd.readouterr()
    assert pair.overlay("-o", out, "--dry-run", "--report") == 0
    said = capfd.readouterr()
    assert "Verdict: " in said.out
    assert re.search(r"from frame 0: x 70, y 36, 176x108 px", said.out)
    assert pair.overlay("-o", out, "--dry-run", "--json", "-") == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["output"], report["frames"]) == (None, len(WANTED))
    assert files_of(tmp_path) == ["out.report.html"]
    assert "out.report.html" in said.err
    page = (tmp_path / "out.report.html").read_text(encoding="utf-8")
    # of bg and of fg, and none of a result
    assert len(re.findall(r'src="data:image/jpeg;base64,/9j/', page)) == 8
    assert "it was not made" in page


def test_everything_that_is_said_speaks_of_bg_and_fg(
    pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert pair.overlay("-o", tmp_path / "out.mp4", "--dry-run", "--report", "--json", tmp_path / "r.json") == 0
    said = capfd.readouterr()
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    page = (tmp_path / "out.report.html").read_text(encoding="utf-8")
    texts = [said.out, said.err, *report["reasons"], report["reason"], re.sub("<[^>]*>", " ", page)]
    texts += [*report["timeline"]["reasons"], *report["placement"]["reasons"]]
    for text in texts:
        assert not re.search(r"\b(clip|ref)\b", text), text
    assert "bg time" in said.out
    assert "of fg's frames have a counterpart" in report["reason"]


def test_bg_and_fg_by_name(pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ("-o", tmp_path / "out.mp4", "--dry-run", "--json", "-", "--cache", pair.cache)
    named = (("--bg", pair.bg, "--fg", pair.fg), ("--fg", pair.fg, "--bg", pair.bg), ("--bg", pair.bg, pair.fg))
    for given in (*named, (pair.bg, "--fg", pair.fg)):
        assert call("overlay", *given, *options) == 0, given
        report = json.loads(capfd.readouterr().out)
        assert (report["fg"], report["frames"]) == (str(pair.fg), len(WANTED))
        assert "layers" not in report
    # further layers, as before
    assert call("overlay", "--bg", pair.bg, "--fg", pair.fg, "--fg", pair.fg, *options) == 0
    assert len(json.loads(capfd.readouterr().out)["layers"]) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), "BG is missing"),
        (("a.mkv",), "FG is missing"),
        (("--bg", "a.mkv"), "FG is missing"),
        (("--fg", "a.mkv"), "BG is missing"),
        (("a.mkv", "b.mkv", "--bg", "c.mkv"), "BG was given by place too"),
        (("a.mkv", "--bg", "b.mkv", "--fg", "c.mkv"), "neither BG nor FG"),
    ],
)
def test_bg_or_fg_that_is_not_clear(given: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert call("overlay", *given) == 2
    assert message in capfd.readouterr().err


def test_preview_is_small(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert pair.overlay("--preview", "draft", "--smooth") == 0
    out = tmp_path / "bg_overlay_the fg.draft.mp4"
    assert stream(out)[:2] == (80, 44)
    assert len(lumas(out)) == len(WANTED)
    assert pair.overlay("--preview", "half", "-o", tmp_path / "half.mkv") == 0
    assert stream(tmp_path / "half.mkv")[:2] == (160, 90)


def test_ten_bit(pair: Pair, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    assert pair.overlay("-o", out, "--pixel-format", "yuv420p10le") == 0
    assert stream(out) == (*SIZE, "yuv420p10le", RATE)
    assert moments_of(out) == WANTED


def test_given_findings_are_used_and_nothing_is_searched(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vs_align.placement.placement import Scene
    from vs_align.placement.transform import Transform

    moments = [3, 3, 9, 8, *range(60, 60 + len(WANTED) - 4)]
    timeline, placement = tmp_path / "out.timeline.json", tmp_path / "out.placement.json"
    Timeline.from_frame_map(moments, clip_rate=RATE, ref_rate=RATE, clip_length=BG_STOP).save(timeline)
    # fg's top left corner lies at 10, 20
    corner = Transform(((1.0, 0.0, 10.0), (0.0, 1.0, 20.0), (0.0, 0.0, 1.0)), SIZE, BOX[2:])
    Placement(SIZE, BOX[2:], (Scene(0, corner),)).save(placement)
    before = timeline.read_bytes(), placement.read_bytes()
    for name in ("sync_videos", "register_videos"):
        monkeypatch.setattr(f"vs_align.api.overlay_search.{name}", None)
    out = tmp_path / "out.mkv"
    options = ("--timeline", timeline, "--placement", placement, "--keep-script", "--audio", "none", "--crf", 8)
    assert pair.overlay("-o", out, *options) == 0
    shown = lumas(out)
    film = ShotFilm()
    left, top, width, height = BOX
    for n in (0, 1, 2, 3, 50):
        wanted = film.picture(moments[n], *SIZE).astype(float)
        inside = film.picture(WANTED[n], *SIZE)[top : top + height, left : left + width]
        wanted[20 : 20 + height, 10 : 10 + width] = inside
        assert np.abs(shown[n] - wanted).mean() < 3
    # findings are read, not written over
    assert (timeline.read_bytes(), placement.read_bytes()) == before


def test_place_by_hand_and_in_the_middle(pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for options, x, y in (
        (("--place", "31.5,-4"), 31.5, -4),
        (("--place", "8,6,0.5"), 8, 6),
        (("--skip-spatial",), (SIZE[0] - BOX[2]) / 2, (SIZE[1] - BOX[3]) / 2),
    ):
        assert pair.overlay("-o", tmp_path / "out.mkv", "--dry-run", "--json", "-", *options) == 0
        report = json.loads(capfd.readouterr().out)
        assert (report["x"], report["y"]) == pytest.approx((x, y), abs=0.01), options
    assert pair.overlay("-o", tmp_path / "out.mkv", "--dry-run", "--json", "-", "--place", "8,6,0.5") == 0
    assert json.loads(capfd.readouterr().out)["width"] == pytest.approx(BOX[2] / 2, abs=0.01)


def test_bg_time_goes_on_before_and_after_fg(pair: Pair, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    assert pair.overlay("-o", out, "--timing", "bg", "--no-trim", "--audio", "mix") == 0
    assert moments_of(out) == list(range(BG_STOP))
    seconds, likeness = lag(film_sound()[:300000], heard(out, 6.25))
    assert abs(seconds) < 0.5 / RATE
    assert likeness > 0.8


def test_several_videos_are_laid_on_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second begins before the first and ends before it; neither changes how long the result is."""
    moments = {"first.mkv": WANTED, "second.mkv": list(range(10, 120))}

    def known(_: Any, fg: Any, *__: Any) -> Timeline:
        shown = moments[fg.name]
        return Timeline.from_frame_map(shown, clip_rate=RATE, ref_rate=RATE, clip_length=BG_STOP)

    # both searches are tested by themselves, and take long
    monkeypatch.setattr("vs_align.api.overlay_search.sync_videos", known)
    boxes = (BOX, (8, 100, 120, 72))
    bg = write_bg(tmp_path / "bg.mkv")
    first = write_fg(tmp_path / "first.mkv")
    second = write_fg(tmp_path / "second.mkv", moments["second.mkv"], box=boxes[1])
    options = ("--cache", tmp_path / "cache", "--preset", "ultrafast", "--crf", 8, "--json", "-", "--keep-script")
    out = tmp_path / "out.mkv"
    assert call("overlay", bg, first, "--fg", second, "-o", out, *options) == 0
    report = json.loads(capfd.readouterr().out)
    assert [report["layers"][0][name] for name in ("x", "y", "width", "height")] == pytest.approx(boxes[1], abs=0.25)
    assert moments_of(out) == WANTED
    for moment, luma in zip(WANTED, lumas(out), strict=True):
        error = luma - ShotFilm().picture(moment, *SIZE)
        assert 10 * np.log10(255**2 / (error**2).mean()) > 34
    found = Timeline.load(tmp_path / "out.2.timeline.json")
    assert (found.clip_length, found.ref_length) == (110, len(WANTED))
    assert found.frame_map == tuple(m - 10 if m < 120 else None for m in WANTED)
    assert leftovers(tmp_path) == []


def test_unrelated_videos_are_refused_unless_forced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "work"
    work.mkdir()
    bg, other = write_bg(tmp_path / "bg.mkv"), write_fg(tmp_path / "other.mkv", seed=7)
    out = work / "out.mkv"
    out.write_text("precious")
    options = ("--cache", tmp_path / "cache", "-y", "-o", out, "--preset", "ultrafast")
    assert call("overlay", bg, other, *options, "--keep-script", "--report") == 3
    said = capfd.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert lines[0].startswith("error: bg.mkv and other.mkv have nothing in common: ")
    assert "--force" in lines[0]
    assert out.read_text() == "precious"
    assert files_of(work) == ["out.mkv"]
    assert call("overlay", bg, other, *options, "--force", "--json", "-") == 0
    report = json.loads(capfd.readouterr().out)
    assert report["verdict"] == "doubtful"
    # the middle of one lies on the middle of the other, in time and in place
    assert report["timeline"]["frame_map"] == list(range(FG_FIRST, FG_STOP))
    assert (report["x"] + report["width"] / 2, report["y"] + report["height"] / 2) == pytest.approx(
        (SIZE[0] / 2, SIZE[1] / 2), abs=0.6
    )
    assert len(lumas(out)) == len(WANTED)


def test_force_uses_what_a_named_engine_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bg, other = write_bg(tmp_path / "bg.mkv"), write_fg(tmp_path / "other.mkv", seed=7)
    options = ("--cache", tmp_path / "cache", "--engine", "fast")
    found = tmp_path / "t.json"
    assert call("sync", bg, other, *options, "--json", found) == 3
    assert set(json.loads(found.read_text())["frame_map"]) == {None}
    assert call("sync", bg, other, *options, "--json", found, "-y", "--force") == 0
    kept = json.loads(found.read_text())
    assert kept["verdict"] == "unrelated"
    assert len(set(kept["frame_map"])) > 1
    assert "the two have nothing in common: the best map that was found is written" in capfd.readouterr().err
    forced = ("--force", "--dry-run", "--json", "-")
    for given in ((*options, *forced), ("--timeline", found, *forced)):
        assert call("overlay", bg, other, *given) == 0
        report = json.loads(capfd.readouterr().out)
        assert report["verdict"] == "doubtful"
        assert report["timeline"]["frame_map"] == kept["frame_map"]
        assert "the best map that was found was used all the same" in report["reason"]
