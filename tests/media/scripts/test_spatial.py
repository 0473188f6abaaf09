"""What the script of `vs-align spatial` says, and what the frames said that it made."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.media.films import write_film
from vs_align.errors import MediaError
from vs_align.media.color import ColorTags
from vs_align.media.frame_props import read_alignments
from vs_align.media.probe import probe
from vs_align.media.scripts.comparison import CompareStyle, Comparison
from vs_align.media.scripts.spatial import SpatialScript
from vs_align.media.source import Source, open_source


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Source:
    source = open_source(probe(write_film(tmp_path_factory.mktemp("film") / "film.mkv", range(4))))
    return replace(source, tags=ColorTags(chroma=0))


def sized(source: Source, width: int, height: int, **changes: Any) -> Source:
    return replace(source, width=width, height=height, **changes)


@pytest.mark.parametrize(
    ("given", "size", "made"),
    [
        ("YUV420P8", (160, 90), "YUV420P8"),
        ("YUV420P10", (161, 90), "YUV444P10"),
        ("YUV420P16", (160, 91), "YUV444P16"),
        ("YUV422P10", (160, 91), "YUV422P10"),
        ("YUV440P8", (161, 90), "YUV440P8"),
        ("YUV411P8", (162, 90), "YUV444P8"),
        ("YUV444P12", (161, 91), "YUV444P12"),
    ],
)
def test_subsampling_goes_where_the_size_does_not_allow_for_it(
    film: Source, given: str, size: tuple[int, int], made: str
) -> None:
    script = SpatialScript(replace(film, format=given), sized(film, *size))
    assert script.format == made
    assert (script.tags.chroma is None) is (given != made)


def test_grey_and_rgb_have_no_subsampling(film: Source) -> None:
    for name, is_rgb in (("GRAY8", False), ("RGB24", True)):
        script = SpatialScript(replace(film, format=name, is_yuv=False, is_rgb=is_rgb), sized(film, 161, 91))
        assert script.format == name


def test_colours_that_the_size_told_are_named_where_the_size_changes(film: Source) -> None:
    small, large = sized(film, 720, 576), sized(film, 1920, 1080)
    assert SpatialScript(small, small).tags.matrix is None
    assert SpatialScript(small, large).tags.matrix == 6
    assert SpatialScript(large, small).tags.matrix == 1
    assert "format=vs.RGBS, matrix_in=6" in SpatialScript(small, large).text()
    assert "matrix=6," in SpatialScript(small, large).text()
    tagged = replace(small, tags=ColorTags(matrix=5))
    assert SpatialScript(tagged, large).tags.matrix == 5
    assert "matrix_in=1" in SpatialScript(tagged, large).text(), "of ref, which does not say"
    assert "matrix=5," in SpatialScript(tagged, large).text()


def test_pixels_have_the_shape_of_those_of_ref(film: Source) -> None:
    wide = replace(film, tags=ColorTags(sample_aspect=(64, 45)))
    assert SpatialScript(wide, film).tags.sample_aspect is None
    assert SpatialScript(film, wide).tags.sample_aspect == (64, 45)


def test_options_and_files_are_named(film: Source) -> None:
    script = SpatialScript(
        film,
        film,
        {"precision": 4, "lq_input": True, "engine": "dis"},
        mask=Path("it's a mask.png"),
        placement=Path("place.json"),
    )
    text = script.text()
    for line in ("    precision=4,", "    lq_input=True,", '    engine="dis",', "    placement=PLACEMENT,"):
        assert line in text.splitlines()
    assert 'MASK = "it\'s a mask.png"' in text
    assert "CLIP_MASK" not in text
    assert "set_output(1)" not in text


def test_finished_result_is_compared_without_aligning_again(film: Source) -> None:
    script = SpatialScript(film, film, comparison=Comparison(CompareStyle.SIDE, film))
    assert "vs_align.spatial(" in script.text()
    again = script.after(Path("out.mkv")).text()
    assert "vs_align.spatial(" not in again
    assert "RESULT = 'out.mkv'" in again
    assert "comparison.set_output(1)" in again


@pytest.mark.parametrize("style", CompareStyle)
@pytest.mark.parametrize("rendered", [None, Path("out.mkv")])
@pytest.mark.parametrize("variable", [True, False])
def test_scripts_are_python(film: Source, style: CompareStyle, rendered: Path | None, variable: bool) -> None:
    ref = replace(film, variable=variable)
    for clip in (film, replace(film, length=3), replace(film, length=9)):
        compile(SpatialScript(clip, ref, comparison=Comparison(style, ref), rendered=rendered).text(), "script", "exec")


ALIGNED = {
    "VSAlignShiftX": 1.5, "VSAlignShiftY": -2, "VSAlignRotation": 0, "VSAlignScaleX": 1.01, "VSAlignScaleY": 1,
    "VSAlignResidual": 0.03, "VSAlignValid": 1, "VSAlignFallback": 2, "VSAlignEngine": "dis", "VSAlignReason": "so, so",
}  # fmt: skip


def props_file(folder: Path, *frames: dict[str, Any]) -> Path:
    path = folder / "props.json"
    path.write_text("[\n" + ",\n".join("\t" + json.dumps(frame) for frame in frames) + "\n]\n")
    return path


def test_alignments_are_read_back(tmp_path: Path) -> None:
    flat = {name: value for name, value in ALIGNED.items() if name not in ("VSAlignResidual", "VSAlignReason")}
    first, second = read_alignments(props_file(tmp_path, ALIGNED, flat))
    assert (first.shift, first.rotation, first.scale) == ((1.5, -2.0), 0.0, (1.01, 1.0))
    assert (first.residual, first.valid, first.fallback) == (0.03, 1.0, 2)
    assert (first.engine, first.reason) == ("dis", "so, so")
    assert (second.residual, second.reason) == (None, "")


def test_only_some_frames_carry_alignments(tmp_path: Path) -> None:
    path = props_file(tmp_path, {}, ALIGNED, {}, {}, ALIGNED | {"VSAlignShiftX": 9}, {})
    assert [found.shift[0] for found in read_alignments(path, slice(1, None, 3))] == [1.5, 9.0]
    with pytest.raises(MediaError, match="no alignment for frame 0"):
        read_alignments(path)
