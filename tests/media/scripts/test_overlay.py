"""What the script of `vs-align overlay` says, and what of it VapourSynth makes."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.media.films import write_film
from vs_align.media.color import ColorTags
from vs_align.media.pixel_format import format_for_size
from vs_align.media.probe import probe
from vs_align.media.scripts.overlay import OverlayScript, ScriptLayer, preview_size
from vs_align.media.source import Source, open_source


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Source:
    source = open_source(probe(write_film(tmp_path_factory.mktemp("film") / "it's a film.mkv", range(4))))
    return replace(source, tags=ColorTags(chroma=0))


def script(bg: Source, fg: Source | None = None, **changes: Any) -> OverlayScript:
    layer = ScriptLayer(fg or bg, Path("/x/t.json"), Path("/x/p.json"))
    usual = {"format": "YUV420P8", "size": (160, 90)}
    return OverlayScript(bg=bg, layers=[layer], **(usual | changes))


def test_inputs_and_findings_are_named_at_the_top(film: Source, tmp_path: Path) -> None:
    text = script(film).text()
    head, _, rest = text.partition("\nbg = ")
    (tmp_path / "head.py").write_text(head)
    constants = runpy.run_path(str(tmp_path / "head.py"))
    assert constants["BG"] == constants["FG"] == str(film.file.path)
    assert (constants["TIMELINE"], constants["PLACEMENT"]) == ("/x/t.json", "/x/p.json")
    # nothing is named again below, and what is usual is not said
    assert str(film.file.path) not in rest
    wanted = "    bg,\n    fg,\n    timeline=TIMELINE,\n    placement=PLACEMENT,\n"
    assert f"result = vs_align.overlay(\n{wanted})\n" in rest
    assert "resize" not in rest
    assert rest.endswith("\nresult.set_output()\n")
    compile(text, "overlay.vpy", "exec")


def test_options_that_differ_are_said(film: Source) -> None:
    text = script(film, options={"timing": "bg", "trim": False, "margin": 12, "opacity": 0.5, "smooth": True}).text()
    for argument in ('timing="bg"', "trim=False", "margin=12", "opacity=0.5", "smooth=True"):
        assert f"    {argument},\n" in text


def test_further_layers_are_laid_on_the_result_with_its_time(film: Source) -> None:
    one = script(film, options={"smooth": True, "background": "black"})
    second = ScriptLayer(film, Path("/x/t2.json"), Path("/x/p2.json"))
    text = replace(one, layers=[*one.layers, second]).text()
    first, last = text.split("result = vs_align.overlay(\n")[1:]
    assert "    smooth=True,\n" in first
    assert '    background="black",\n' in first
    assert last.startswith(
        "    result,\n    fg2,\n    timeline=(same, TIMELINE2),\n    ref=result,\n    placement=PLACEMENT2,\n"
        '    timing="ref",\n    trim=False,\n    smooth=True,\n)'
    )
    assert "same = vs_align.Timeline.from_frame_map(range(len(result)), " in first
    assert "TIMELINE2 = '/x/t2.json'" in text


def test_masks_are_shaped_like_what_they_cover(film: Source) -> None:
    text = script(film, mask=film, bg_mask=replace(film, is_rgb=True)).text()
    assert "mask = mask.resize.Bilinear(fg.width, fg.height, format=vs.GRAY8, range=vs.RANGE_FULL)\n" in text
    assert (
        "bg_mask = bg_mask.resize.Bilinear(bg.width, bg.height, format=vs.GRAY8, range=vs.RANGE_FULL, matrix=1)" in text
    )
    assert "    mask=mask,\n    bg_mask=bg_mask,\n" in text


def test_preview_divides_sizes_and_margin(film: Source) -> None:
    large = replace(film, width=1920, height=1080)
    text = script(large, replace(film, width=1278, height=719), division=4, options={"margin": 2}).text()
    assert "bg = bg.resize.Bilinear(480, 270)\nfg = fg.resize.Bilinear(320, 180)\n" in text
    assert "PLACEMENT = vs_align.Placement.load(PLACEMENT).resized((480, 270), (320, 180))" in text
    assert "margin=1,\n" in text
    assert preview_size((1278, 719), 1) == (1278, 719)


@pytest.mark.parametrize(
    ("name", "size", "made"),
    [
        ("YUV420P8", (160, 90), "YUV420P8"),
        ("YUV420P10", (161, 90), "YUV444P10"),
        ("YUV422P10", (160, 91), "YUV422P10"),
        ("GRAY8", (161, 91), "GRAY8"),
        ("RGB24", (161, 91), "RGB24"),
    ],
)
def test_subsampling_goes_where_the_size_does_not_allow_for_it(name: str, size: tuple[int, int], made: str) -> None:
    assert format_for_size(name, size) == made


@pytest.mark.parametrize(
    ("source", "wanted", "bits", "said"),
    [
        ("YUV420P8", "YUV420P8", 8, ""),
        ("YUV420P10", "YUV420P8", 8, 'format=vs.YUV420P8, dither_type="error_diffusion"'),
        ("YUV420P8", "YUV422P10", 10, "format=vs.YUV422P10, "),
        ("RGB24", "YUV420P8", 8, "format=vs.YUV420P8, matrix=6, range=vs.RANGE_LIMITED"),
        ("GRAY8", "YUV420P8", 8, "format=vs.YUV420P8, matrix=6, range=vs.RANGE_LIMITED"),
        ("YUV420P8", "RGB30", 10, "format=vs.RGB30, matrix_in=6"),
        ("YUV420P8", "GRAY16", 16, "format=vs.GRAY16, "),
        ("RGB24", "GRAY8", 8, "format=vs.GRAY8, matrix=6, range=vs.RANGE_LIMITED"),
    ],
)
def test_result_is_converted_where_it_has_another_format(
    film: Source, source: str, wanted: str, bits: int, said: str
) -> None:
    bg = replace(film, format=source, is_rgb=source.startswith("RGB"), is_yuv=source.startswith("YUV"))
    made = script(bg, format=wanted)
    assert made.bits == bits
    assert (said in made.text()) if said else ("Spline36" not in made.text())


@pytest.mark.parametrize("source", ["YUV420P8", "YUV444P10", "RGB24", "GRAY8"])
@pytest.mark.parametrize("wanted", ["YUV420P8", "YUV422P10", "RGB24", "GRAY8"])
def test_conversions_work(film: Source, source: str, wanted: str, tmp_path: Path) -> None:
    import vapoursynth as vs

    bg = replace(film, format=source, is_rgb=source.startswith("RGB"), is_yuv=source.startswith("YUV"))
    text = script(bg, format=wanted).text()
    line = next((line for line in text.splitlines() if "Spline36" in line), "")
    assert bool(line) is (source != wanted)
    blank = vs.core.std.BlankClip(None, 160, 90, getattr(vs, source), 1)
    (tmp_path / "line.py").write_text(line)
    made = runpy.run_path(str(tmp_path / "line.py"), {"vs": vs, "result": blank})["result"]
    (frame,) = made.frames()
    assert frame.format.name.upper() == wanted


def test_tags_are_those_of_bg_as_far_as_the_format_can_say_so(film: Source) -> None:
    tagged = replace(film, tags=ColorTags(matrix=1, transfer=1, full_range=False, chroma=0))
    assert script(tagged).tags == tagged.tags
    assert script(tagged, format="YUV444P8").tags.chroma is None
    assert script(tagged, format="RGB24").tags == ColorTags(transfer=1, full_range=True)
    grey = replace(film, format="GRAY8", is_yuv=False)
    assert (script(grey).tags.full_range, script(grey, format="GRAY8").tags.full_range) == (False, True)
    assert "bg = bg.std.SetFrameProps(_Range=vs.RANGE_FULL)" in script(grey).text()
    limited = replace(grey, tags=ColorTags(full_range=False))
    assert script(limited, format="GRAY8").tags.full_range is False
    assert "SetFrameProps" not in script(limited).text()
    small = replace(film, width=640, height=360)
    # a small picture without tags is taken for BT.601, and a large one would not be
    assert script(small, size=(1920, 1080)).tags.matrix == 6
    assert script(small, size=(640, 480)).tags.matrix is None
    turned = replace(film, tags=ColorTags(sample_aspect=(4, 3)))
    assert script(film, turned, options={"canvas": "fg"}).tags.sample_aspect == (4, 3)
    assert script(film, turned).tags.sample_aspect is None


def test_variable_rate_keeps_durations(film: Source) -> None:
    varying = replace(film, variable=True)
    assert "\nbg = bg.std.FrameEval(lambda n: timed" in script(varying, film, clock=varying).text()
    assert "\nfg = fg.std.FrameEval(lambda n: timed" in script(film, varying, clock=varying).text()
    assert "timed" not in script(film).text()
