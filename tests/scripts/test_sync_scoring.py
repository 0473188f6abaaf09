"""The judge of `scripts/bench_sync.py`: truths written by hand, and answers whose faults are known."""

import json
import subprocess
import sys
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.folders import REPOSITORY
from vs_align.io.array_types import Int64Array

SCRIPTS = REPOSITORY / "scripts"
sys.path.insert(0, str(SCRIPTS))
try:
    import sync_scoring
finally:
    sys.path.remove(str(SCRIPTS))

if TYPE_CHECKING:
    from sync_scoring import Score, Truth

BLACK = -1
FILM = np.arange(1000)


def truth(clip: "Int64Array", ref: "Int64Array", groups: "Int64Array" = FILM, rate: float = 1.0) -> "Truth":
    pairs = sync_scoring.true_map(clip, ref, groups)
    seen, wanted = (np.where(moments == BLACK, BLACK, groups[moments]) for moments in (clip, ref))
    return sync_scoring.Truth(Fraction(24), Fraction(24), rate, pairs, seen, wanted)


def judged(what: "Truth", frames: "Int64Array", **more: object) -> "Score":
    answer = {"verdict": "good", "frame_map": [None if frame < 0 else int(frame) for frame in frames], **more}
    return sync_scoring.score(what, answer, refused=False)


def places(what: "Truth") -> list[tuple[int, int, bool]]:
    return [(boundary.low, boundary.high, boundary.dark) for boundary in what.boundaries]


def test_cut_has_two_boundaries_and_the_truth_is_right() -> None:
    what = truth(np.delete(FILM, slice(300, 500)), FILM)
    assert places(what) == [(300, 300, False), (500, 500, False)]
    assert what.frame_map[[299, 300, 499, 500]].tolist() == [299, -1, -1, 300]
    found = judged(what, what.frame_map)
    assert (found.right, found.boundary, found.extra, found.frames_ppm, found.fair) == (1.0, 0, 0, 0.0, True)


def test_insert_in_clip_has_one_boundary() -> None:
    what = truth(np.concatenate([FILM[:400], FILM[900:], FILM[400:800]]), FILM[:800])
    assert places(what) == [(400, 400, False)]
    late = what.frame_map.copy()
    late[400:402] = [400, 401]
    found = judged(what, late)
    assert (found.boundary, found.extra) == (2, 0)
    assert found.right == pytest.approx(1 - 2 / 800)


def test_neighbours_are_wrong_unless_they_look_the_same() -> None:
    groups = FILM.copy()
    groups[100:110] = 100
    what = truth(FILM, FILM, groups)
    assert judged(what, np.minimum(FILM + 1, 999)).right == pytest.approx(10 / 1000)
    held = FILM.copy()
    held[100:110] = 109
    found = judged(what, held)
    assert (found.right, found.extra, found.frames_ppm) == (1.0, 0, 0.0)


def test_single_missing_frames_may_show_the_nearest_or_none() -> None:
    clip = np.delete(FILM, [50, 120, 121, 700])
    what = truth(clip, FILM)
    assert not what.boundaries
    frames = what.frame_map.copy()
    assert (frames == -1).sum() == 4
    frames[[50, 120, 121]] = frames[[49, 119, 122]]
    assert judged(what, frames).right == 1.0
    frames[120] = frames[122]
    assert judged(what, frames).right == pytest.approx(0.999)


def test_long_stretches_that_clip_lacks_must_be_empty() -> None:
    what = truth(np.delete(FILM, slice(300, 500)), FILM)
    frames = what.frame_map.copy()
    frames[300:400] = 299
    found = judged(what, frames)
    assert found.right == pytest.approx(0.9)
    assert found.boundary == 100


def test_black_is_right_either_way_and_its_steps_are_nobodys_fault() -> None:
    dark = np.full(20, BLACK)
    clip = np.concatenate([FILM[:500], dark[:8], FILM[500:]])
    ref = np.concatenate([dark, FILM[:500], dark, FILM[500:]])
    what = truth(clip, ref)
    assert places(what) == [(0, 20, True), (520, 540, True)]
    frames = what.frame_map.copy()
    found = judged(what, frames)
    assert (found.right, found.boundary, found.extra) == (1.0, 0, 0)
    frames[520:528] = np.arange(500, 508)
    assert judged(what, frames).right == 1.0
    frames[530] = 499
    assert judged(what, frames).right == pytest.approx(1 - 1 / 1040)


def test_missed_and_invented_boundaries_are_told_apart() -> None:
    what = truth(np.delete(FILM, slice(300, 500)), FILM)
    assert judged(what, np.minimum(FILM, 799)).boundary == inf
    jumped = np.where(FILM < 310, FILM, np.maximum(FILM - 200, 300))
    assert judged(what, jumped).boundary == 190
    straight = truth(FILM, FILM[:900])
    stepped = np.where(FILM[:900] < 450, FILM[:900], FILM[:900] + 20)
    found = judged(straight, stepped)
    assert (found.boundary, found.extra) == (0, 1)
    unbroken = truth(np.concatenate([FILM[:400], FILM[900:], FILM[400:800]]), FILM[:800])
    assert judged(unbroken, FILM[:800]).boundary == inf


def test_rates() -> None:
    what = truth(np.rint(np.arange(980) * 1.02).astype(int), FILM, rate=1 / 1.02)
    found = judged(what, what.frame_map, segments=[{"ref_first": 0, "ref_last": 999, "kind": "match", "rate": 0.9804}])
    assert found.frames_ppm == 0.0
    assert found.said_ppm == pytest.approx(1e6 * (0.9804 * 1.02 - 1))
    assert found.time_ppm == 0.0
    found = judged(what, what.frame_map, clip={"rate": "25"}, ref={"rate": "24"})
    assert found.time_ppm == pytest.approx(-40_000)
    lagging = truth(FILM, FILM)
    assert judged(lagging, FILM - np.arange(1000) // 200).frames_ppm == pytest.approx(-4500, abs=1500)


def test_a_segment_of_less_than_half_says_nothing_about_the_rate() -> None:
    segments = [{"ref_first": 100 * k, "ref_last": 100 * k + 99, "kind": "match", "rate": 1.0} for k in range(10)]
    assert judged(truth(FILM, FILM), FILM, segments=segments).said_ppm is None


@pytest.mark.parametrize(
    ("related", "refused", "fair"), [(True, True, False), (False, True, True), (False, False, False)]
)
def test_refusals(related: bool, refused: bool, fair: bool) -> None:
    base = truth(FILM, FILM)
    what = sync_scoring.Truth(
        base.clip_rate, base.ref_rate, 1.0, base.frame_map, base.clip_groups, base.ref_groups, related
    )
    answer: dict[str, object] = {"verdict": "unrelated" if refused else "good", "frame_map": []}
    for given in (answer, None) if refused else (answer,):
        assert sync_scoring.score(what, given, refused).fair is fair


def test_answers_of_the_wrong_length_are_wrong() -> None:
    assert judged(truth(FILM, FILM), FILM[:-1]).right == 0.0
    assert sync_scoring.score(truth(FILM, FILM), None, refused=False).right == 0.0


def test_json_returns() -> None:
    what = truth(np.concatenate([[BLACK], np.delete(FILM, slice(30, 50))]), FILM)
    again = sync_scoring.Truth.from_json(what.to_json())
    assert (again.frame_map == what.frame_map).all()
    assert (again.clip_groups == what.clip_groups).all()
    assert (again.ref_groups == what.ref_groups).all()
    assert again.boundaries == what.boundaries
    assert (again.clip_rate, again.ref_rate, again.rate, again.related) == (Fraction(24), Fraction(24), 1.0, True)
    assert json.loads(what.to_json())["frame_map"][30] is None


def test_bench_measures_a_command(shared_clips: Path, tmp_path: Path) -> None:
    oracle = tmp_path / "oracle.py"
    oracle.write_text(
        "import json, sys, pathlib\n"
        "truth = json.loads((pathlib.Path(sys.argv[1]).parent / 'truth.json').read_text())\n"
        "if truth['related'] is False: sys.exit(3)\n"
        "print(json.dumps({'verdict': 'exact', 'segments': [], 'frame_map': truth['frame_map']}))\n"
    )
    told = tmp_path / "rows.json"
    options = ["--shared", str(shared_clips.parent), "--work", str(tmp_path / "work"), "--minutes", "0.3"]
    options += ["--cases", "three-seconds", "bbb-seattle", "--json", str(told)]
    command = [sys.executable, str(SCRIPTS / "bench_sync.py"), *options]
    command += ["--command", f"{sys.executable} {oracle} {{clip}} {{ref}}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "unrelated refused: 1 of 1" in done.stdout
    assert "related refused: 0 of 1" in done.stdout
    rows = {row["case"]: row for row in json.loads(told.read_text())}
    assert rows["three-seconds"]["score"]["right"] == 1.0
    assert rows["bbb-seattle"]["score"]["fair"]
