"""Plots show what was matched."""

import subprocess
import sys
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.export.plots import MatchRow, figure_of, plot_matches, plot_timeline, timeline_figure
from vs_align.timeline.timeline import Segment, Timeline


def rows(count: int = 30, timed: bool = True) -> list[MatchRow]:
    """25 fps; the offset falls from 2 to -2, every tenth frame is fallback, every seventh is not judged."""
    return [
        MatchRow(
            ref=n,
            seconds=4 + n / 25 if timed else None,
            match=n + 2 - 4 * n // count,
            offset=2 - 4 * n // count,
            score=inf if n % 10 == 5 else 0.1 + n / 100,
            runner_up=None if n == 3 else 0.5 + n / 100,
            confidence=None if n % 7 == 6 else n / count,
            fallback=n % 10 == 5,
        )
        for n in range(count)
    ]


def axes_of(figure: Any) -> list[Any]:
    pytest.importorskip("matplotlib")
    return list(figure.axes)


def test_points_lie_where_matches_are_and_bear_their_confidence() -> None:
    pytest.importorskip("matplotlib")
    given = rows()
    offsets, scores, bar = axes_of(figure_of(given))
    judged, unjudged, fallback = offsets.collections
    wanted = {(row.ref, row.offset): row.confidence for row in given if not row.fallback and row.confidence is not None}
    places = [(int(x), int(y)) for x, y in judged.get_offsets()]
    assert len(places) == len(wanted) == 23
    assert dict(zip(places, judged.get_array().tolist(), strict=True)) == wanted
    assert judged.get_clim() == (0, 1)
    judged.figure.draw_without_rendering()
    assert len(np.unique(judged.get_facecolors(), axis=0)) == 23
    assert [int(x) for x, _ in unjudged.get_offsets()] == [6, 13, 20, 27]
    assert [int(x) for x, _ in fallback.get_offsets()] == [5, 15, 25]
    assert bar.get_ylabel() == "confidence"
    runner_up, best = (line.get_ydata() for line in scores.lines)
    np.testing.assert_array_equal(best, [nan if row.fallback else row.score for row in given])
    np.testing.assert_array_equal(runner_up, [nan if row.runner_up is None else row.runner_up for row in given])


def test_milliseconds_are_shown_where_the_rate_is_known() -> None:
    pytest.importorskip("matplotlib")
    figure = figure_of(rows())
    figure.draw_without_rendering()
    (right,) = figure.axes[0].child_axes
    assert right.get_ylim() == pytest.approx([40 * y for y in figure.axes[0].get_ylim()])
    assert not figure_of(rows(timed=False)).axes[0].child_axes
    assert not figure_of(rows(1)).axes[0].child_axes


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_file_is_a_picture(count: int, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "scores.PNG"
    path.write_bytes(b"something older")
    plot_matches(rows(count), path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    pixels = cv2.imread(str(path))
    assert pixels.shape == (840, 1440, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_judged_and_nothing_matched(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lost = [MatchRow(n, None, n, 0, inf, None, None, True) for n in range(5)]
    plot_matches(lost, tmp_path / "lost.svg")
    assert "<svg" in (tmp_path / "lost.svg").read_text()


def test_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"plot_matches: rows must hold at least one row"):
        plot_matches([], tmp_path / "scores.png")
    for name in ("scores", "scores.bmp"):
        with pytest.raises(ArgumentError, match=rf"path must end in \.png, \.svg or \.pdf, got '.*{name}'"):
            plot_matches(rows(), tmp_path / name)
    pytest.importorskip("matplotlib")
    with pytest.raises(MediaError, match=r"plot_matches: cannot write '.*nowhere"):
        plot_matches(rows(), tmp_path / "nowhere" / "scores.png")
    assert not list(tmp_path.iterdir())


def test_missing_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install matplotlib"):
        plot_matches(rows(), tmp_path / "scores.png")
    assert not list(tmp_path.iterdir())


def test_no_global_state_is_touched(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code = (
        "import sys\nfrom vs_align.export.plots import MatchRow, plot_matches\nassert 'matplotlib' not in sys.modules\n"
        "plot_matches([MatchRow(0, None, 0, 0, 0.0, None, 1.0, False)], sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "scores.png")], check=True)


def timeline(**changes: Any) -> Timeline:
    """A second that clip lacks, 4 s at the same speed, 2 s that ref lacks, 3 s at another speed, a second of black."""
    segments = (
        Segment(0, 24, None, kind=SegmentKind.INSERT),
        Segment(25, 124, 10, confidence=0.9),
        Segment(125, 124, 110, kind=SegmentKind.MISSING, clip_count=50),
        Segment(125, 199, 160, 1.02, confidence=0.4),
        Segment(200, 224, None, kind=SegmentKind.BLACK),
    )
    given: dict[str, Any] = {
        "segments": segments,
        "clip_rate": 25,
        "ref_rate": 25,
        "clip_length": 300,
        "ref_length": 225,
    }
    return Timeline(**(given | changes))


def test_passages_lie_where_they_are_in_both() -> None:
    pytest.importorskip("matplotlib")
    figure = timeline_figure(timeline(verdict="good"))
    places, offsets, bar = figure.axes
    lines = np.array([(line.get_xdata(), line.get_ydata()) for line in places.lines])
    np.testing.assert_allclose(lines, [([1, 4.96], [0.4, 4.36]), ([5, 7.96], [6.4, 9.4])])
    shifts = np.array([line.get_ydata() for line in offsets.lines])
    np.testing.assert_allclose(shifts, [[-600, -600], [1400, 1440]])
    # insert and black over ref's time, missing over clip's
    boxes = [(box.get_x(), box.get_y(), box.get_width(), box.get_height()) for box in places.patches]
    np.testing.assert_allclose(boxes[0][::2], [0, 1])
    np.testing.assert_allclose(boxes[1][1::2], [4.4, 2])
    np.testing.assert_allclose(boxes[2][::2], [8, 1])
    assert len(offsets.patches) == 2
    assert places.lines[0].get_color() != places.lines[1].get_color()
    assert (places.get_ylabel(), offsets.get_xlabel()) == ("clip (seconds)", "ref (seconds)")
    assert offsets.get_ylabel() == "offset in ms"
    assert (bar.get_ylabel(), places.get_title()) == ("confidence", "verdict: good")
    assert places.get_xlim() == (0, 9)


def test_frames_are_counted_where_a_rate_is_not_known() -> None:
    pytest.importorskip("matplotlib")
    places, offsets, _ = timeline_figure(timeline(clip_rate=0)).axes
    np.testing.assert_array_equal(places.lines[0].get_xydata(), [[25, 10], [124, 109]])
    np.testing.assert_array_equal(offsets.lines[0].get_ydata(), [-15, -15])
    assert offsets.get_ylabel() == "offset in frames"


def test_time_stamps_count() -> None:
    pytest.importorskip("matplotlib")
    given = Timeline.from_frame_map(
        [0, 1, 2], clip_rate=25, ref_rate=10, clip_length=3, ref_times=[0, 0.1, 0.4], confidences=()
    )
    places, _ = timeline_figure(given).axes
    np.testing.assert_allclose(np.asarray(places.lines[0].get_xydata()), np.array([[0, 0], [0.4, 0.08]]))


@pytest.mark.parametrize("name", ["plot.png", "plot.SVG", "plot.pdf"])
def test_timeline_in_a_file(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    plot_timeline(timeline(), tmp_path / name)
    heads = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert (tmp_path / name).read_bytes().startswith(heads[name[-3:].lower()])
    assert len(list(tmp_path.iterdir())) == 1


def test_timelines_that_match_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lost = Timeline.from_frame_map([None] * 5, clip_rate=25, ref_rate=25, clip_length=7)
    plot_timeline(lost, tmp_path / "lost.svg")
    assert "<svg" in (tmp_path / "lost.svg").read_text()


def test_timeline_where_no_file_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match=r"plot_timeline: path must end in \.png"):
        plot_timeline(timeline(), tmp_path / "plot.bmp")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"plot_timeline: .*pip install matplotlib"):
        plot_timeline(timeline(), tmp_path / "plot.png")
    assert not list(tmp_path.iterdir())
