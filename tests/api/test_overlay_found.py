"""`overlay()` that finds time and place by itself."""

from pathlib import Path

import numpy as np
import vapoursynth as vs

from tests.sync_films import WORN, ShotFilm
from vs_align.api.overlay import overlay
from vs_align.placement.placement import Placement, Scene, Transform

BG, FG = (160, 90), (100, 60)
LEFT, TOP = 30, 16
FIRST, LENGTH = 25, 150
MATRIX = ((1.0, 0.0, float(LEFT)), (0.0, 1.0, float(TOP)), (0.0, 0.0, 1.0))


def counted(clip: vs.VideoNode, asked: list[int]) -> vs.VideoNode:
    def count(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        asked.append(n)
        return f

    return clip.std.ModifyFrame(clip, count)


def test_time_is_found_once_and_known_when_the_script_is_loaded_again(tmp_path: Path) -> None:
    film, moments = ShotFilm(4), range(200)
    worn = ShotFilm(4, WORN)
    asked: list[int] = []
    bg = counted(worn.node(moments), asked)
    inside = film.node(moments).std.CropAbs(*FG, LEFT, TOP)[FIRST : FIRST + LENGTH]
    fg = counted(inside, asked)
    placement = Placement(BG, FG, (Scene(0, Transform(MATRIX, BG, FG)),))
    result = overlay(bg, fg, placement=placement, cache=tmp_path)
    assert len(asked) >= 350  # every frame of both, once
    assert result.num_frames == LENGTH
    matches = [int(frame.props["VSAlignMatch"]) for frame in result.frames(close=True)]
    assert np.mean(np.array(matches) == np.arange(LENGTH) + FIRST) >= 0.98
    asked.clear()
    again = overlay(bg, fg, placement=placement, cache=tmp_path)
    assert len(asked) <= 24  # by which both are recognised
    with again.get_frame(70) as frame, inside.get_frame(70) as wanted:
        assert frame.props["VSAlignVerdict"] in ("exact", "good")
        window = np.asarray(frame[0])[TOP : TOP + FG[1], LEFT : LEFT + FG[0]]
        assert np.array_equal(window, np.asarray(wanted[0]))
