"""`sync` with a placement: it is checked, it is used, and it tells frames apart that hardly differ."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.api.test_sync_arguments import untouchable
from tests.sync_films import ShotFilm
from vs_align.api.sync import is_worth_another_look
from vs_align.enums import SyncEngine
from vs_align.io.array_types import Float32Array, Int64Array, UInt8Array
from vs_align.placement.placement import Placement, Scene, Transform
from vs_align.timeline.timeline import Timeline

core = vs.core
SIZE, PART, CORNER = (320, 180), (200, 113), (52, 26)
LENGTH, LATER = 90, 25
PLACE = Placement.from_corner(SIZE, PART, *CORNER)
ENGINES = [engine for engine in SyncEngine if engine is not SyncEngine.AUTO]


@lru_cache(maxsize=1)
def world() -> Float32Array:
    """Something to be seen, in fine detail and in coarse."""
    rng = np.random.default_rng(5)
    total = np.zeros((240, 400), np.float32)
    for level in range(2, 6):
        noise = rng.normal(0, 1.5**level, (240 >> level, 400 >> level)).astype(np.float32)
        total += cv2.resize(noise, (400, 240), interpolation=cv2.INTER_CUBIC)
    return np.asarray(128 + total * (45 / total.std()), np.float32)


def seen(n: int) -> Float32Array:
    """The whole picture at a moment: the camera goes to the right by a fifth of a pixel per frame."""
    matrix = np.array([[1, 0, 10 + 0.2 * n], [0, 1, 10 + 0.05 * n]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(world(), matrix, SIZE, flags=flags), np.float32)


def grained(picture: Float32Array, seed: int) -> UInt8Array:
    noise = np.random.default_rng(seed).standard_normal(picture.shape, np.float32)
    return np.asarray(np.clip(np.rint(picture + 3 * noise), 0, 255), np.uint8)


def node(pictures: list[UInt8Array]) -> vs.VideoNode:
    height, width = pictures[0].shape
    blank = core.std.BlankClip(
        width=width, height=height, format=vs.GRAY8, length=len(pictures), fpsnum=24, fpsden=1, keep=True
    )

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        np.copyto(np.asarray(out[0]), pictures[n])
        return out

    return blank.std.ModifyFrame(blank, paint)


@pytest.fixture(scope="module")
def pan() -> tuple[list[UInt8Array], list[UInt8Array]]:
    """A pan so slow that small pictures hardly change; and a part of its picture, darker, that begins later."""
    x, y = CORNER
    parts = (seen(n)[y : y + PART[1], x : x + PART[0]] for n in range(LATER, LENGTH))
    return [grained(seen(n), n) for n in range(LENGTH)], [grained(0.8 * p, 1000 + i) for i, p in enumerate(parts)]


def off(found: Timeline) -> Int64Array:
    """By how many frames each match is off; a frame that has none counts like a hundred."""
    return np.array([100 if frame is None else abs(frame - n - LATER) for n, frame in enumerate(found.frame_map)])


def test_exact_numbers_tell_frames_apart_that_hardly_differ(pan: Any, tmp_path: Path) -> None:
    clip, ref = (node(each) for each in pan)
    alone = vs_align.sync(clip, ref, cache=tmp_path)
    PLACE.save(tmp_path / "place.json")
    told: list[str] = []
    placed = vs_align.sync(
        clip, ref, cache=tmp_path, placement=tmp_path / "place.json", progress=lambda *now: told.append(now[0])
    )
    assert (off(placed) == 0).mean() >= 0.97
    assert off(placed).max() <= 1
    assert off(alone).sum() > off(placed).sum()
    assert placed.verdict in ("exact", "good")
    assert "looking closely" in told
    # each answer is kept for its own question
    assert vs_align.sync(clip, ref, cache=tmp_path, placement=PLACE) == placed
    assert vs_align.sync(clip, ref, cache=tmp_path) == alone
    assert len(list(tmp_path.glob("*.timeline.json"))) == 2


def test_another_place_is_another_answer(pan: Any) -> None:
    """Ten frames of the pan lie between the two: the place is believed."""
    clip, ref = (node(each) for each in pan)
    beside = Placement.from_corner(SIZE, PART, CORNER[0] + 2, CORNER[1] + 0.5)
    found = vs_align.sync(clip, ref, cache=False, placement=beside)
    frames = [frame - n - LATER for n, frame in enumerate(found.frame_map) if frame is not None]
    assert np.median(frames) == pytest.approx(-10, abs=1)


def test_a_placement_that_changes_counts_where_it_holds() -> None:
    """The first forty frames of ref show the left of the picture, the rest the right."""
    film = ShotFilm(3)
    whole = [film.picture(n, *SIZE) for n in range(100)]
    corners = [(10, 40), (150, 20)]
    ref = [whole[n][y : y + 90, x : x + 160] for n in range(20, 100) for x, y in [corners[n >= 60]]]
    transforms = [Placement.from_corner(SIZE, (160, 90), x, y).at(0) for x, y in corners]
    place = Placement(SIZE, (160, 90), (Scene(0, transforms[0]), Scene(40, transforms[1])))
    found = vs_align.sync(node(whole), node(ref), cache=False, placement=place)
    assert found.frame_map == tuple(range(20, 100))


OTHER = Placement.neutral((64, 40), (32, 24))
CASES: dict[str, tuple[Any, str]] = {
    "number": (3, "placement must be a Placement of register(clip, ref) or the path of its JSON file, got int."),
    "transform": (
        Transform.identity((32, 24)),
        "placement must be a Placement of register(clip, ref) or the path of its JSON file, got Transform.",
    ),
    "other size": (
        OTHER,
        "placement must be for clip of 32x24 and ref of 32x24, or of their aspect ratios, got one for 64x40 and 32x24; "
        "was it made at another size? Use .resized().",
    ),
    "turned round": (
        Placement.neutral((32, 24), (64, 40)),
        "placement must be for clip of 32x24 and ref of 32x24, or of their aspect ratios, got one for 32x24 and 64x40; "
        "was it made at another size? Use .resized().",
    ),
}


@pytest.mark.parametrize(("placement", "message"), CASES.values(), ids=CASES.keys())
def test_broken_rules(placement: Any, message: str) -> None:
    with pytest.raises(vs_align.ArgumentError) as caught:
        vs_align.sync(untouchable(), untouchable(), placement=placement, cache=False)
    assert str(caught.value) == f"vs_align.sync: {message}"


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_other_engines_know_no_placement(engine: SyncEngine) -> None:
    same = Placement.neutral((32, 24), (32, 24))
    sound = core.std.BlankAudio()
    rule = f"placement must be left out but for the engine 'auto', got '{engine}'."
    with pytest.raises(vs_align.ArgumentError) as caught:
        vs_align.sync(
            untouchable(), untouchable(), engine=engine, audio=sound, ref_audio=sound, placement=same, cache=False
        )
    assert str(caught.value) == f"vs_align.sync: {rule}"


def test_files_that_are_no_placement(tmp_path: Path) -> None:
    with pytest.raises(vs_align.ArgumentError, match=r"path must name a placement file that can be read"):
        vs_align.sync(untouchable(), untouchable(), placement=tmp_path / "none.json", cache=False)
    Timeline.from_frame_map([0], clip_rate=25, ref_rate=25, clip_length=1).save(tmp_path / "t.json")
    with pytest.raises(vs_align.ArgumentError, match=r"format in '.*t\.json' must be 'vs_align placement'"):
        vs_align.sync(untouchable(), untouchable(), placement=str(tmp_path / "t.json"), cache=False)


@pytest.mark.parametrize(
    ("verdict", "engine", "worth"),
    [
        ("good", SyncEngine.AUTO, True),
        ("doubtful", SyncEngine.AUTO, True),
        ("exact", SyncEngine.AUTO, False),
        ("unrelated", SyncEngine.AUTO, False),
        (None, SyncEngine.AUTO, False),
        ("good", SyncEngine.PRECISE, False),
        ("doubtful", SyncEngine.DURATION, False),
    ],
)
def test_another_look_is_worth_it_where_frames_are_in_doubt(
    verdict: str | None, engine: SyncEngine, worth: bool
) -> None:
    found = Timeline.from_frame_map([0], clip_rate=25, ref_rate=25, clip_length=1)
    object.__setattr__(found, "verdict", verdict)
    assert is_worth_another_look(found, engine) is worth
