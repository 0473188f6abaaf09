"""Rates, times and formats of opened files, and the scripts that are made of them."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from tests.media.films import write_film
from vs_align.media.probe import probe
from vs_align.media.scripts.common import default_matrix, timing_lines
from vs_align.media.scripts.temporal import TemporalScript, follows_clock
from vs_align.media.source import Source, index_folder, open_source

NTSC = Fraction(24000, 1001)


def film(folder: Path, name: str, count: int = 24, rate: Fraction | int = 25, **options: object) -> Source:
    return open_source(probe(write_film(folder / name, range(count), rate, **options)))  # type: ignore[arg-type]


def test_rate_stays_exact_where_the_container_rounds_times(tmp_path: Path) -> None:
    source = film(tmp_path, "film.mkv", 60, NTSC)
    assert (source.rate, source.variable, source.length) == (NTSC, False, 60)
    assert (source.width, source.height, source.format, source.bits) == (160, 90, "YUV420P8", 8)


def test_late_start(tmp_path: Path) -> None:
    source = film(tmp_path, "film.mp4", start=0.5)
    assert source.start == pytest.approx(0.5, abs=0.001)
    assert source.times[:2] == pytest.approx((0, 0.04), abs=0.001)


def test_variable_rate(tmp_path: Path) -> None:
    times = np.cumsum([0, *[0.04, 0.08, 0.12] * 8])
    source = film(tmp_path, "film.mkv", 25, times=times.tolist())
    assert source.variable
    assert source.times == pytest.approx(times, abs=0.0011)


def test_opening_leaves_nothing_beside_the_video(tmp_path: Path) -> None:
    film(tmp_path, "film.mkv")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]
    assert "vs_align" in index_folder().parts


def test_clock_or_frames(tmp_path: Path) -> None:
    ref = film(tmp_path, "ref.mkv", 100, NTSC)
    assert not follows_clock(film(tmp_path, "same.mkv", 70, NTSC), ref)
    assert not follows_clock(film(tmp_path, "faster.mkv", 101, 25), ref), "sped up, frame for frame"
    assert follows_clock(film(tmp_path, "double.mkv", 200, 2 * NTSC), ref)
    assert follows_clock(film(tmp_path, "other.mkv", 60, 25), ref)


def test_match_size_is_even_and_never_larger_than_the_files(tmp_path: Path) -> None:
    clip, ref = film(tmp_path, "clip.mkv", 2), film(tmp_path, "ref.mkv", 2, size=(318, 238))
    assert TemporalScript(clip, ref).match_size() == (120, 90)
    assert TemporalScript(ref, ref).match_size() == (318, 238)
    assert TemporalScript(ref, ref, match_height=101).match_size() == (134, 100)


def test_script_says_what_was_asked_for(tmp_path: Path) -> None:
    clip, ref = film(tmp_path, "it's.mkv", 100, 25), film(tmp_path, "ref.mkv", 60, 24, pix_fmt="yuv420p10le")
    text = TemporalScript(clip, ref, tr=12, fallback=True, thresh=0.05, by_time=True).text()
    compile(text, "script", "exec")
    assert repr(str(tmp_path / "it's.mkv")) in text
    for part in ("RADIUS = 12", "THRESH = 0.05", "clip_num=25", "ref_den=1", "GRAY16", "fallback=fallback"):
        assert part in text
    assert "fallback" not in TemporalScript(clip, ref).text()
    assert "TIMELINE = '/x/t.json'" in TemporalScript(clip, ref, timeline=Path("/x/t.json")).text()


def test_likely_matrix(tmp_path: Path) -> None:
    assert default_matrix(film(tmp_path, "small.mkv", 1)) == 6
    assert default_matrix(film(tmp_path, "large.mkv", 1, size=(1280, 720))) == 1


def test_scripts_give_rebuilt_durations_to_mended_files(tmp_path: Path) -> None:
    source = film(tmp_path, "film.mkv", 12, NTSC)
    assert timing_lines(source) == ""
    places = np.array([*range(5), *range(8, 15)])
    times = tuple((places * 1001 / 24000).tolist())
    mended = replace(source, variable=True, mended=True, times=times)
    text = timing_lines(mended, "node")
    assert "runs = [(1001, 4), (4004, 1), (1001, 7)]" in text
    node = vs.core.std.BlankClip(length=12, fpsnum=25)
    scope: dict[str, Any] = {"core": vs.core, "node": node}
    exec(text, scope)  # noqa: S102 - it is what the command line writes
    timed = scope["node"]
    assert (timed.num_frames, timed.fps) == (12, 0)
    lengths = [Fraction(*(int(frame.props[f"_Duration{part}"]) for part in ("Num", "Den"))) for frame in timed.frames()]
    assert lengths == [Fraction(1001, 24000) * (4 if n == 4 else 1) for n in range(12)]
