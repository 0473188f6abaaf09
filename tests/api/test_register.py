"""`register`: synthetic films whose place is known, and demanded back."""

import re
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from tests.measure.registration.placed_films import CLIP_SIZE, Change, PlacedFilms, error_of, window
from tests.measure.registration.scenes import noisy, scene, shifted, turned, with_logo
from tests.synth import clip_of
from vs_align.api.register import register
from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.placement.placement import Placement, Transform
from vs_align.timeline.timeline import Timeline

REF = (160, 90)
PLAIN = PlacedFilms(window(37, 23, REF), REF)


def _turned(x: float, y: float, degrees: float, scale: float) -> Float64Array:
    """Ref turned about its middle, which lies at a pixel of clip."""
    return shifted(x, y) @ turned(degrees, scale) @ shifted(-(REF[0] - 1) / 2, -(REF[1] - 1) / 2)


def _found(films: PlacedFilms, clip: Change | None = None, ref: Change | None = None, **options: Any) -> Placement:
    return register(films.clip(change=clip), films.ref(change=ref), cache=False, **options)


def _barred(picture: Float32Array, _: int) -> Float32Array:
    out = picture.copy()
    rows = out.shape[0] // 8
    out[:rows] = out[-rows:] = 0
    return out


def _pillared(picture: Float32Array, _: int) -> Float32Array:
    return _barred(picture.T, 0).T


def _check(found: Placement, films: PlacedFilms, within: float) -> None:
    assert found.verdict in ("exact", "good"), found.reasons
    assert max(error_of(found, n, films.truth_at(n)) for n in range(films.length)) <= within


@pytest.mark.parametrize(
    ("films", "within"),
    [
        (PlacedFilms(window(77, 51, (201, 117)), (201, 117)), 0.0),
        (PlacedFilms(window(37.37, 23.61, REF), REF), 0.03),
        (PlacedFilms(window(70, 41, CLIP_SIZE, 0.4), CLIP_SIZE), 0.05),
        (PlacedFilms(window(30, 20, (240, 136), 0.75), (240, 136)), 0.0),
        (PlacedFilms(window(30, 20, (96, 54), 2.5), (96, 54)), 0.1),
        (PlacedFilms(window(40, 20, REF, 1.1, 1.3), REF), 0.05),
        (PlacedFilms(_turned(150, 90, 2, 1.2), REF), 0.1),
        (PlacedFilms(window(-30, 60, REF), REF), 0.03),
        (PlacedFilms(window(210, 120, REF), REF), 0.03),
        (PlacedFilms(window(-40, -25, (400, 230)), (400, 230)), 0.0),
        (PlacedFilms(window(-40, 25, (401, 130)), (401, 130)), 0.0),
    ],
    ids=[
        "odd", "fraction", "0.4", "0.75", "2.5", "stretched", "turned", "outside", "corner", "larger", "wider",
    ],
)  # fmt: skip
def test_a_window_is_found_where_it_was_cut(films: PlacedFilms, within: float) -> None:
    _check(_found(films), films, within + 1e-9)


@pytest.mark.parametrize(
    ("clip", "ref"),
    [
        (None, _barred),
        (_barred, None),
        (_pillared, None),
        (None, lambda p, _: 0.1 + 0.7 * p**1.4),
        (None, lambda p, i: noisy(p, 0.06, i)),
        (None, lambda p, _: with_logo(p)),
    ],
    ids=["letterboxed ref", "letterboxed clip", "pillared clip", "grade", "grain", "logo"],
)
def test_what_differs_does_not_pull(clip: Change | None, ref: Change | None) -> None:
    found = _found(PLAIN, clip, ref)
    _check(found, PLAIN, 1e-9)
    assert found.scenes[0].transform.matrix == ((1, 0, 37), (0, 1, 23), (0, 0, 1))


@pytest.mark.parametrize("off", [1, -2, None], ids=["later", "earlier", "mixed"])
def test_moments_that_are_off_do_not_move_the_place(off: int | None) -> None:
    offsets = [1, 2, -1, 0, 2, -2] * 6 if off is None else [off] * PLAIN.length
    frames = [min(max(m + d, 0), PLAIN.length - 1) for m, d in zip(range(PLAIN.length), offsets, strict=True)]
    timeline = Timeline.from_frame_map(frames, clip_rate=24, ref_rate=24, clip_length=PLAIN.length)
    _check(_found(PLAIN, timeline=timeline), PLAIN, 0.1)


@pytest.mark.parametrize("size", [CLIP_SIZE, (161, 91)], ids=["same size", "another size"])
def test_what_lies_on_each_other_is_neutral_to_the_last_bit(size: tuple[int, int]) -> None:
    neutral = Transform.neutral(CLIP_SIZE, size)
    found = _found(PlacedFilms(neutral.array, size))
    assert [each.transform for each in found.scenes] == [neutral]
    assert found.verdict == "exact"


@pytest.mark.parametrize("method", ["auto", "feature", "phase"])
def test_unlike_pictures_lie_in_the_middle_and_are_doubtful(method: str) -> None:
    other = PlacedFilms(PLAIN.truth, REF, shots=(-99, -98, -97, -96, 0))
    found = register(PLAIN.clip(), other.ref(), method=method, cache=False)
    assert found.verdict == "doubtful"
    assert found.reasons[0].endswith("the middle of one on the middle of the other")
    assert found.confidence == 0
    assert found.at(0).matrix == ((1, 0, 80), (0, 1, 44), (0, 0, 1))


@pytest.mark.parametrize(
    ("method", "films"),
    [
        ("template", PlacedFilms(window(37, 23, REF, 1.2), REF)),
        ("feature", PlacedFilms(window(37, 23, REF, 1.2), REF)),
        ("feature", PlacedFilms(_turned(150, 90, 2, 1.2), REF)),
        ("ecc", PlacedFilms(window(82, 47, REF), REF)),
        ("phase", PLAIN),
    ],
)
def test_each_method_finds_what_it_can(method: str, films: PlacedFilms) -> None:
    _check(_found(films, method=method), films, 0.1)


def test_a_known_scale_is_enough() -> None:
    films = PlacedFilms(window(41, 22, REF, 1.3), REF)
    _check(_found(films, scale=1.3), films, 0.03)


def test_the_centre_and_numbers_compare_nothing() -> None:
    clip, ref = _unseen(CLIP_SIZE), _unseen(REF)
    middle = register(clip, ref, method="center", scale=0.5)
    assert (middle.verdict, middle.scenes[0].method) == ("doubtful", "center")
    assert np.allclose(middle.at(0).apply([(79.5, 44.5)]), [(160, 90)])
    assert error_of(register(clip, ref, method=(12.5, -7)), 0, window(12.5, -7, REF)) < 1e-9
    assert error_of(register(clip, ref, method=(12.5, -7, 0.8)), 0, window(12.5, -7, REF, 0.8)) < 1e-9
    assert error_of(register(clip, ref, method=(12.5, -7), scale=0.8), 0, window(12.5, -7, REF, 0.8)) < 1e-9


def _unseen(size: tuple[int, int]) -> vs.VideoNode:
    """A clip whose frames fail."""
    blank = vs.core.std.BlankClip(width=size[0], height=size[1], format=vs.GRAY8, length=5)

    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise AssertionError(f"frame {n} was asked for")

    return blank.std.ModifyFrame(blank, fail)


def test_scenes_that_lie_elsewhere_are_told_apart() -> None:
    places = window(37, 23, REF), window(60, 40, REF), window(37, 23, REF)
    films = PlacedFilms(places, REF, shots=(0, 20, 40), length=60)
    found = _found(films)
    _check(found, films, 0.03)
    assert [each.ref_first for each in found.scenes] == [0, 20, 40]
    assert found.scenes[0].transform is found.scenes[2].transform
    assert "scenes lie elsewhere" in found.reasons[1]


def test_equal_scenes_share_one_transform() -> None:
    films = PlacedFilms(window(37.4, 23, REF, 1.1), REF, shots=(0, 20, 40), length=60)
    found = _found(films)
    _check(found, films, 0.1)
    assert len(found.scenes) == 3
    assert len({id(each.transform) for each in found.scenes}) == 1


class _Scanned(PlacedFilms):
    """A window that moves slowly."""

    def truth_at(self, moment: int) -> Float64Array:
        return window(37 + 0.15 * moment, 23 + 0.06 * moment, REF)


def test_a_slow_move_is_followed() -> None:
    films = _Scanned(PLAIN.truth, REF, length=64, pan=(0.8, 0.3))
    found = _found(films, track="scan")
    _check(found, films, 0.5)
    steps = [error_of(found, n, found.at(n + 1).array) for n in range(films.length - 1)]
    assert max(steps) < 0.4


def test_a_steady_scene_stays_steady_when_moves_are_followed() -> None:
    films = PlacedFilms(PLAIN.truth, REF, length=50)
    found = _found(films, track="scan")
    assert [each.moving for each in found.scenes] == [False]
    _check(found, films, 1e-9)


def _hidden(picture: Float32Array, _: int) -> Float32Array:
    """Something else in the middle, for good."""
    out = picture.copy()
    height, width = out.shape
    rows, columns = slice(height // 4, height * 3 // 4), slice(width // 4, width * 3 // 4)
    out[rows, columns] = scene(99, (width, height))[rows, columns]
    return out


@pytest.mark.parametrize("side", ["clip", "ref"])
def test_masked_areas_do_not_count(side: str) -> None:
    size = CLIP_SIZE if side == "clip" else REF
    white = np.zeros((size[1] // 2, size[0] // 2))
    white[white.shape[0] // 5 : -(white.shape[0] // 5), white.shape[1] // 5 : -(white.shape[1] // 5)] = 1
    mask = clip_of([white], vs.GRAY8)
    if side == "clip":
        plain, masked = _found(PLAIN, clip=_hidden), _found(PLAIN, clip=_hidden, mask=mask)
    else:
        plain, masked = _found(PLAIN, ref=_hidden), _found(PLAIN, ref=_hidden, ref_mask=mask)
    _check(masked, PLAIN, 1e-9)
    assert _agreement(masked) > _agreement(plain) + 0.05


def _agreement(found: Placement) -> float:
    return float(found.reasons[0].split("agree by ")[1].split(";")[0])


def test_flat_frames_are_passed_over() -> None:
    def black(picture: Float32Array, i: int) -> Float32Array:
        return picture * 0 if i < 12 else picture

    _check(_found(PLAIN, black, black), PLAIN, 1e-9)


def test_nothing_but_black_lies_in_the_middle() -> None:
    found = _found(PLAIN, lambda p, _: p * 0, lambda p, _: p * 0)
    assert (found.verdict, found.scenes[0].method) == ("doubtful", "center")
    assert found.reasons[0].startswith("no frames of the two show the same")


@pytest.mark.parametrize("length", [1, 3])
def test_a_few_frames_are_placed_by_parts_of_their_images(length: int) -> None:
    films = PlacedFilms(PLAIN.truth, REF, length=length)
    found = _found(films)
    assert error_of(found, 0, films.truth_at(0)) < 0.1
    # one still confirms nothing but itself, so it is never exact
    assert found.verdict == "good"
    within = re.search(r"halves of them place it within (\d\.\d\d) pixels", found.reasons[0])
    assert within is not None
    assert float(within[1]) < 0.1


def test_a_still_that_lasts_confirms_nothing_but_itself() -> None:
    clip, ref = PLAIN.clip(), PLAIN.ref()
    found = register(clip[5] * 12, ref[5] * 12, cache=False)
    assert error_of(found, 0, PLAIN.truth_at(0)) < 0.1
    assert found.verdict == "good"
    assert _found(PLAIN).verdict == "exact"


class _Counted:
    """Counts the frames that are asked for."""

    def __init__(self, clip: vs.VideoNode) -> None:
        self.count = 0
        self.clip = clip.std.ModifyFrame(clip, self._seen)

    def _seen(self, n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        self.count += 1
        return f


def test_what_was_found_is_kept(tmp_path: Path) -> None:
    clip, ref = _Counted(PLAIN.clip()), _Counted(PLAIN.ref())
    first = register(clip.clip, ref.clip, method="phase", cache=tmp_path)
    looked = clip.count, ref.count
    kept = sorted(tmp_path.rglob("*"))
    assert min(looked) >= PLAIN.length
    assert any(path.name.endswith("placement.json") for path in kept)
    assert register(clip.clip, ref.clip, method="phase", cache=tmp_path) == first
    again = clip.count - looked[0], ref.count - looked[1]
    # some frames are looked at, to see whether the clips are those of before
    assert max(again) < PLAIN.length / 2
    assert sorted(tmp_path.rglob("*")) == kept


def test_other_options_are_another_question(tmp_path: Path) -> None:
    clip, ref = PLAIN.clip(), PLAIN.ref()
    register(clip, ref, method="phase", cache=tmp_path)
    before = len(list(tmp_path.rglob("*.placement.json")))
    register(clip, ref, method="phase", ref_mask=clip_of([np.eye(90, 160)], vs.GRAY8), cache=tmp_path)
    assert (before, len(list(tmp_path.rglob("*.placement.json")))) == (1, 2)


def test_nothing_is_kept_where_nothing_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    _found(PLAIN, method="phase")
    assert not list(tmp_path.iterdir())


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    _found(PLAIN, method="phase", progress=lambda *each: told.append(each))
    placing = [each for each in told if each[0] == "placing"]
    assert (placing[0], placing[-1]) == (("placing", 0, 1), ("placing", 1, 1))


CLIP, OTHER = (vs.core.std.BlankClip(width=64, height=48, format=vs.GRAY8, length=n) for n in (5, 4))
LINE = Timeline.from_frame_map([0, 1, 2, 3], clip_rate=24, ref_rate=24, clip_length=5)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3, OTHER), {}, r"register: clip must be .*"),
        ((CLIP, None), {}, r"register: ref must be .*"),
        ((CLIP, OTHER), {"method": "magic"}, r"register: method must be .*magic"),
        ((CLIP, OTHER), {"method": 3}, r"register: method must be .*3"),
        (
            (CLIP, OTHER),
            {"method": (1,)},
            r"method must be the name of a method, \(x, y\) or \(x, y, scale\).*\(1,\)",
        ),
        ((CLIP, OTHER), {"method": (1, "a")}, r"register: method must be .*a"),
        ((CLIP, OTHER), {"method": (nan, 0)}, r"register: method must be a number, got nan"),
        ((CLIP, OTHER), {"method": (inf, 0)}, r"register: method must have x and y within 1e\+06 pixels.*inf"),
        ((CLIP, OTHER), {"method": (0, -1e300)}, r"register: method must have x and y within .*1e\+300"),
        ((CLIP, OTHER), {"method": (1, 2, 0)}, r"register: method must have a scale in 0.01..100.*0"),
        ((CLIP, OTHER), {"method": (1, 2, inf)}, r"register: method must have a scale .*inf"),
        ((CLIP, OTHER), {"method": (1, 2, 1e-300)}, r"register: method must have a scale .*1e-300"),
        ((CLIP, OTHER), {"scale": 0}, r"register: scale must lie in 0.01..100, got 0"),
        ((CLIP, OTHER), {"scale": inf}, r"register: scale must lie in 0.01..100, got inf"),
        ((CLIP, OTHER), {"scale": nan}, r"register: scale must be a number, got nan"),
        ((CLIP, OTHER), {"scale": 1e-300, "method": "center"}, r"register: scale must lie in .*1e-300"),
        ((CLIP, OTHER), {"scale": "x"}, r"register: scale must be .*x"),
        ((CLIP, OTHER), {"track": "dance"}, r"register: track must be .*dance"),
        ((CLIP, OTHER), {"mask": 1}, r"register: mask must be .*"),
        ((CLIP, OTHER), {"ref_mask": 1}, r"register: ref_mask must be .*"),
        ((CLIP, OTHER), {"cache": 3}, r"register: cache must be .*3"),
        (
            (CLIP, OTHER, 3),
            {},
            r"register: timeline must be a Timeline of sync\(clip, ref\) or the path.*int",
        ),
        (
            (CLIP, CLIP, LINE),
            {},
            r"register: timeline must be .* from 5 frames of clip to 5 of ref, got .* 5 frames to 4\.$",
        ),
        (
            (OTHER, CLIP, LINE),
            {},
            r"register: timeline must be .* made by sync\(ref, clip\)\? Use \.inverse\(\)",
        ),
    ],
)
def test_messages_name_what_is_wrong(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        register(*arguments, **options)
