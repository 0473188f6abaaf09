"""What a comparison shows: which frames, how large, how long."""

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.media.films import write_film
from vs_align.media.probe import probe
from vs_align.media.scripts.comparison import CompareStyle, Comparison
from vs_align.media.source import Source, open_source


@pytest.fixture(scope="module")
def ref(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return open_source(probe(write_film(tmp_path_factory.mktemp("ref") / "ref.mkv", range(4))))


def test_side_by_side_shows_everything(ref: Source) -> None:
    shown = Comparison(CompareStyle.SIDE, ref)
    assert (shown.length, shown.rate, shown.panel_size()) == (4, Fraction(25), (160, 90))
    assert list(range(4))[shown.measured] == [0, 1, 2, 3]
    assert "resize" not in shown.text()


@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160), (1366, 768), (4095, 2303)])
def test_side_by_side_is_never_too_wide_to_be_played(ref: Source, size: tuple[int, int]) -> None:
    large = replace(ref, width=size[0], height=size[1])
    width, height = Comparison(CompareStyle.SIDE, large).panel_size()
    assert 3900 < 3 * width <= 4096
    assert width % 4 == height % 4 == 0
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)
    assert Comparison(CompareStyle.BLINK, large).panel_size() == size


def test_blinking_shows_each_version_of_stills_from_all_over(ref: Source) -> None:
    long = replace(ref, length=1500)
    shown = Comparison(CompareStyle.BLINK, long)
    assert shown.moments == list(range(50, 1500, 100))
    assert shown.length == 15 * 8 * 12
    assert shown.rate == 24


def test_blinking_counts_each_still_once_where_after_is_seen(ref: Source) -> None:
    shown = Comparison(CompareStyle.BLINK, ref)
    assert shown.moments == [0, 1, 2, 3]
    versions = ["before", "reference", "after", "reference"] * 2
    frames = [(n, version) for n in shown.moments for version in versions for _ in range(12)]
    assert len(frames) == shown.length
    assert frames[shown.measured] == [(n, "after") for n in range(4)]


def test_pictures_too_small_for_labels_have_none(ref: Source) -> None:
    assert "text.Text" in Comparison(CompareStyle.SIDE, ref).text()
    assert "text.Text" not in Comparison(CompareStyle.SIDE, replace(ref, width=64, height=36)).text()
