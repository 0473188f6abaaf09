"""The guides of the documentation give what their pages say, on the footage that `examples/footage.py` writes."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("skimage")

from tests.folders import REPOSITORY

FOLDERS = [str(REPOSITORY / name) for name in ("scripts", "examples")]
sys.path[:0] = FOLDERS
try:
    import footage
    from guide_outputs import GUIDES, planes, run
finally:
    for name in FOLDERS:
        sys.path.remove(name)

PAGES = REPOSITORY / "docs" / "guides"
# Decibels, code values, correlations and pixels by which another ffmpeg or another CPU may change a result.
TOLERANCE = 0.15


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of the footage are; each test writes those that it needs and that are not there yet."""
    return tmp_path_factory.mktemp("guides")


def numbers(text: str) -> dict[str, list[float]]:
    """Return what was measured: the numbers of each line of the form "label   value"."""
    rows = re.findall(r"^(\S.*?) {2,}([-+\d].*)$", text, re.MULTILINE)
    return {label: [float(n) for n in re.findall(r"[-+]?\d+(?:\.\d+)?", value)] for label, value in rows}


# What takes long is in the tests of the single examples, on shorter videos.
QUICK = ["dub-on-another-cut", "sync-subtitles"]
QUICK_FILES = ("bluray.mkv", "dub.mkv", "dub.srt")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in GUIDES]
)
def test_output_is_the_one_on_the_page(name: str, folder: Path) -> None:
    shown = (PAGES / "outputs" / f"{name}.txt").read_text(encoding="utf-8")
    footage.write_all(folder, QUICK_FILES if name in QUICK else footage.FILES)
    found = GUIDES[name](folder)
    expected = numbers(shown)
    assert expected or name == "sync-subtitles"
    for label, values in numbers(found).items():
        assert values == pytest.approx(expected[label], abs=TOLERANCE), label
    if name == "sync-subtitles":
        assert found == shown.rstrip()


def test_every_guide_has_a_page_with_its_script_and_its_output() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"index"} == set(GUIDES)
    for name in GUIDES:
        text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        assert f'--8<-- "docs/guides/outputs/{name}.txt"' in text
        assert re.search(r'--8<-- "examples/\w+\.(vpy|sh|py)"', text)


def test_excerpt_and_pairs_on_short_videos(tmp_path: Path) -> None:
    footage.write(tmp_path / "bluray.mkv", footage.bluray, range(60, 180))
    footage.write(tmp_path / "restored.mkv", footage.restored, range(120, 168))
    footage.write(tmp_path / "dvd.mkv", footage.dvd, range(72, 120))
    excerpt = str(REPOSITORY / "examples" / "restored_excerpt.sh")
    said = run(tmp_path, "bash", excerpt, "bluray.mkv", "restored.mkv", "patched.mkv")
    assert "x 150, y 80, 384x216 px" in said
    assert len(planes(tmp_path / "patched.mkv")) == 120
    pairs = str(REPOSITORY / "examples" / "paired_dataset.py")
    said = run(tmp_path, sys.executable, pairs, "dvd.mkv", "bluray.mkv", "pairs")
    assert said == "2 pairs written of 2 frames that were looked at"
    rows = (tmp_path / "pairs" / "pairs.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [["0", "12"], ["24", "36"]]
