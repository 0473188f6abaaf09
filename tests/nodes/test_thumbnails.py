"""Small images of nodes of any format: the same levels, at the right times."""

from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs

from tests.sync_films import ShotFilm
from vs_align.media.thumbnails import Thumbnail
from vs_align.nodes.thumbnails import node_identity, node_thumbnails

SIZE = (96, 54)
core = vs.core


def taken(clip: vs.VideoNode, skip: int = 0, after: float = 0.0) -> list[Thumbnail]:
    return list(node_thumbnails(clip, SIZE, skip, after))


def film(length: int = 12, size: tuple[int, int] = (160, 90)) -> vs.VideoNode:
    return ShotFilm(3).node(range(length), size=size)


def difference(one: list[Thumbnail], other: list[Thumbnail]) -> float:
    assert len(one) == len(other)
    pairs = zip(one, other, strict=True)
    return max(float(np.abs(a.luma.astype(int) - b.luma).mean()) for a, b in pairs)


def test_levels_and_times() -> None:
    found = taken(film())
    assert [each.time for each in found] == pytest.approx(np.arange(12) / 24)
    for n, each in enumerate(found):
        wanted = ShotFilm(3).picture(n, *SIZE).astype(int)
        assert np.abs(each.luma - wanted).mean() < 3
        assert (each.chroma == 128).all()
        assert each.luma.flags.owndata or each.luma.base is not None
        assert not each.interlaced


@pytest.mark.parametrize(
    "form",
    [vs.YUV420P8, vs.YUV420P10, vs.YUV444P16, vs.YUV422P8, vs.YUV410P8, vs.YUV444PS, vs.GRAY8, vs.GRAY16, vs.GRAYS],
)
@pytest.mark.parametrize("size", [(160, 92), (36, 20)])
def test_formats(form: vs.PresetVideoFormat, size: tuple[int, int]) -> None:
    source = film(4, size).std.SetFrameProps(_Matrix=1)
    assert difference(taken(source.resize.Bicubic(format=form)), taken(source)) < 1


@pytest.mark.parametrize("form", [vs.RGB24, vs.RGB48, vs.RGBS])
def test_rgb(form: vs.PresetVideoFormat) -> None:
    source = film(4).std.SetFrameProps(_Matrix=1)
    rgb = source.resize.Bicubic(format=form, matrix_in_s="709")
    assert difference(taken(rgb), taken(source)) < 1.5
    # and where it says something else of itself
    assert difference(taken(rgb.std.SetFrameProps(_Matrix=1)), taken(source)) < 1.5
    red = core.std.BlankClip(
        format=form, color=[255.0 if form == vs.RGB24 else (65535 if form == vs.RGB48 else 1), 0, 0], length=1
    )
    (found,) = taken(red)
    # BT.709: 16 + 219 * 0.2126, 128 - 224 * 0.1146, 128 + 224 * 0.5
    assert [int(np.median(plane)) for plane in (found.luma, *found.chroma)] == pytest.approx([63, 102, 240], abs=1)


@pytest.mark.parametrize("props", [{"_Matrix": 0}, {"_Matrix": 2}, {"_Matrix": 1}, {"_Matrix": 5}, {}])
def test_gray_says_what_it_likes(props: dict[str, int]) -> None:
    gray = core.std.BlankClip(format=vs.GRAY8, color=100, length=2, width=64, height=36)
    gray = gray.std.RemoveFrameProps("_Matrix").std.SetFrameProps(**props)
    for each in taken(gray):
        assert np.abs(each.luma.astype(int) - 100).max() <= 1
        assert (each.chroma == 128).all()


@pytest.mark.parametrize("matrix", [None, 0, 1, 2, 5, 6, 9])
def test_color_that_says_what_it_likes(matrix: int | None) -> None:
    clip = core.std.BlankClip(format=vs.YUV420P8, color=[90, 140, 120], length=2, width=64, height=36)
    clip = clip.std.RemoveFrameProps("_Matrix")
    if matrix is not None:
        clip = clip.std.SetFrameProps(_Matrix=matrix)
    for each in taken(clip):
        assert [int(plane[20, 20]) for plane in (each.luma, *each.chroma)] == [90, 140, 120]


@pytest.mark.parametrize("size", [(35, 21), (1, 1), (97, 55), (640, 3), (2, 500)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    clip = core.std.BlankClip(format=vs.YUV444P8, color=[77, 128, 128], length=3, width=size[0], height=size[1])
    found = taken(clip)
    assert len(found) == 3
    assert all((each.luma == 77).all() and each.luma.shape == SIZE[::-1] for each in found)


def test_fields_are_told_and_not_scaled_apart() -> None:
    clip = film(6)
    for value in (0, 1, 2):
        found = taken(clip.std.SetFieldBased(value))
        assert [each.interlaced for each in found] == [value > 0] * 6
        assert difference(found, taken(clip)) == 0


@pytest.mark.parametrize("skip", [0, 1, 7, 11, 12])
def test_reading_goes_on_where_it_stopped(skip: int) -> None:
    whole = taken(film())
    rest = taken(film(), skip, whole[skip - 1].time if skip else 0.0)
    assert [each.time for each in rest] == pytest.approx([each.time for each in whole[skip:]])
    if rest:
        assert difference(rest, whole[skip:]) == 0


def _uneven(durations: list[Fraction], stamped: bool) -> vs.VideoNode:
    start = 5.0
    parts = []
    for n, duration in enumerate(durations):
        one = film(len(durations))[n].std.SetFrameProps(
            _DurationNum=duration.numerator, _DurationDen=duration.denominator
        )
        if stamped:
            one = one.std.SetFrameProps(_AbsoluteTime=start + float(sum(durations[:n])))
        parts.append(one)
    clip = core.std.Splice(parts)
    blank = core.std.BlankClip(clip, varsize=False, fpsnum=0, fpsden=1, keep=True)
    # a clip of variable rate
    return blank.std.FrameEval(lambda n: clip[n]).std.CopyFrameProps(clip)


@pytest.mark.parametrize("stamped", [True, False])
def test_uneven_times(stamped: bool) -> None:
    durations = [Fraction(1, 25), Fraction(1, 50), Fraction(3, 25), Fraction(1, 25), Fraction(1001, 24000), Fraction(1)]
    clip = _uneven(durations, stamped)
    assert clip.fps == 0
    wanted = [float(sum(durations[:n])) for n in range(6)]
    whole = taken(clip)
    assert [each.time for each in whole] == pytest.approx(wanted)
    for skip in (1, 3, 5):
        rest = taken(clip, skip, whole[skip - 1].time)
        assert [each.time for each in rest] == pytest.approx(wanted[skip:])


def test_uneven_times_without_durations() -> None:
    clip = _uneven([Fraction(1, 25)] * 4, stamped=False).std.RemoveFrameProps(["_DurationNum", "_DurationDen"])
    assert [each.time for each in taken(clip)] == pytest.approx([0, 0.04, 0.08, 0.12])


def test_identity() -> None:
    clip = film(40)
    same = node_identity(clip)
    assert node_identity(film(40)) == same
    others = [
        film(39),
        film(40, (162, 90)),
        ShotFilm(4).node(range(40)),
        clip.std.AssumeFPS(fpsnum=25),
        clip.resize.Bicubic(format=vs.YUV420P10),
        clip[1:] + clip[0],
    ]
    found = {same, *(node_identity(other) for other in others)}
    assert len(found) == len(others) + 1


@pytest.mark.parametrize("length", [1, 2, 11, 12])
def test_identity_of_short_clips_sees_every_frame(length: int) -> None:
    clip = film(length)
    seen = {node_identity(clip)}
    for n in range(length):
        black = clip[n].std.BlankClip(keep=True)
        seen.add(node_identity(core.std.Splice([black if k == n else clip[k] for k in range(length)])))
    assert len(seen) == length + 1
