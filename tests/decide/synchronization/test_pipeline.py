"""The films of the tests of `sync` have one answer, and it is the one that is said."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.sync_films import BLACK, WORN, Look, ShotFilm, dropped, repeated, shot_at, shot_starts, true_map, without
from vs_align.io.array_types import Float32Array


def stack(film: ShotFilm, moments: list[int]) -> Float32Array:
    return np.stack([film.picture(moment, 96, 54) for moment in moments]).astype(np.float32)


def distances(a: Float32Array, b: Float32Array) -> Float32Array:
    return np.stack([np.abs(b - picture).mean(axis=(1, 2)) for picture in a])


def test_every_frame_differs_from_every_other() -> None:
    pictures = stack(ShotFilm(3), list(range(400)))
    apart = distances(pictures, pictures) + np.diag(np.full(400, np.inf))
    assert apart.min() > 0.7
    assert len(shot_starts(3, 400)) >= 3


def test_scene_cuts_are_where_they_are_said_to_be() -> None:
    pictures = stack(ShotFilm(1), list(range(500)))
    change = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2))
    starts = shot_starts(1, 500)
    assert sorted(np.argsort(change)[-len(starts) :] + 1) == starts
    assert shot_at(1, starts[1]) == (2, 0)
    assert shot_at(1, starts[1] - 1)[0] == 1


def test_shots_go_on_past_the_first_block() -> None:
    far = 64 * 110 + 500
    assert shot_at(0, far)[0] > 64
    assert ShotFilm(0).picture(far).std() > 10


@pytest.mark.parametrize(("look", "off"), [(replace(WORN, zoom=1.0), 0), (WORN, 1)])
def test_degraded_frames_are_still_nearest_to_their_own(look: Look, off: int) -> None:
    wanted = np.arange(0, 90, 7)
    plain, worn = stack(ShotFilm(5), list(range(90))), stack(ShotFilm(5, look), wanted.tolist())
    plain -= plain.mean(axis=(1, 2), keepdims=True)
    worn -= worn.mean(axis=(1, 2), keepdims=True)
    # a crop moves the picture by more than the pan does in a frame
    assert np.abs(distances(worn, plain).argmin(axis=1) - wanted).max() <= off


def test_versions_hold_what_they_say() -> None:
    moments = list(range(300))
    cut = without(moments, (50, 80), (200, 201))
    assert len(cut) == 269
    assert not set(range(50, 80)) & set(cut)
    assert true_map(cut, [49, 50, 79, 80, 200, 201, BLACK]) == [49, None, None, 50, None, 170, None]
    fewer, more = dropped(moments, 0.05, seed=2), repeated(moments, 0.05, seed=2)
    assert fewer[0] == 0
    assert fewer[-1] == 299
    assert 3 <= 300 - len(fewer) <= 30
    assert 3 <= len(more) - 300 <= 30
    assert sorted(set(more)) == moments
    assert true_map(more, moments) == [more.index(moment) for moment in moments]


def test_file_and_node_show_the_moments(tmp_path: Path) -> None:
    film, moments = ShotFilm(2), [5, 6, 9, 9, BLACK, 40, 77]
    path = film.write(tmp_path / "film.mkv", moments, Fraction(25), (162, 90))
    wanted = np.stack([film.picture(moment, 162, 90) for moment in moments]).astype(np.float32)
    with av.open(str(path)) as container:
        assert Fraction(str(container.streams.video[0].average_rate)) == 25
        luma = [frame.to_ndarray()[:90, :162] for frame in container.decode(video=0)]
    node = film.node(moments, Fraction(25), (162, 90))
    assert (node.fps, node.num_frames) == (25, 7)
    shown = [np.asarray(frame[0]).copy() for frame in node.frames(close=True)]
    assert (np.stack(shown) == wanted).all()
    # the file is encoded and, coming from full-range gray, in limited range
    assert len(luma) == 7
    assert np.abs(16 + wanted[-1] * 219 / 255 - luma[-1]).mean() < 3
    assert luma[4].mean() < 40


def test_films_of_other_seeds_have_nothing_in_common() -> None:
    one, other = stack(ShotFilm(1), list(range(0, 300, 5))), stack(ShotFilm(2), list(range(0, 300, 5)))
    assert distances(one, other).min() > 8
