"""`judge_sync`: one word for what was found, and reasons."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import noise_pictures, prints
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import ShotFilm
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.decide.synchronization.pipeline import synchronize_videos
from vs_align.decide.synchronization.segmentation import FrameMap
from vs_align.decide.synchronization.sync_result import SyncResult
from vs_align.decide.synchronization.verdict import judge_engine, judge_sync
from vs_align.decide.verdict import Judgment
from vs_align.enums import SyncEngine
from vs_align.measure.fingerprints.fingerprint import Fingerprints

LENGTH = 200


def film(length: int = LENGTH) -> Fingerprints:
    """Of which only length and fields are looked at."""
    return fingerprints_of(np.repeat(noise_pictures(1), length, axis=0), Fraction(24))


def match_of(frames: Any, confidences: Any, scores: Any, contradicted: Any = False) -> SyncResult:
    found = np.asarray(frames, np.int64)
    sure, unlike, wrong = (
        np.broadcast_to(np.asarray(each), found.shape) for each in (confidences, scores, contradicted)
    )
    there = found >= 0
    return SyncResult(
        FrameMap(found, found, found), (), np.where(there, sure, 0), np.where(there, unlike, np.nan), there & wrong
    )


def judged(
    frames: Sequence[int] | Any,
    confidences: Any = 1.0,
    scores: Any = 0.05,
    clip: Fingerprints | None = None,
    remarks: Sequence[str] = (),
) -> Judgment:
    match = match_of(frames, confidences, scores)
    return judge_sync(match, clip or film(), film(len(match.scores)), remarks)


ALL = np.arange(LENGTH)
NONE = np.full(LENGTH, -1)


def share_of(share: float, one: float, other: float) -> Any:
    """One value for the first share of all frames, the other for the rest."""
    return np.where(share * LENGTH > ALL, one, other)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (judged(ALL), "exact"),
        (judged(ALL, share_of(0.99, 0.95, 0.6)), "exact"),
        (judged(ALL, share_of(0.9, 0.95, 0.6)), "good"),
        (judged(ALL, share_of(0.85, 0.95, 0.4)), "doubtful"),
        (judged(NONE), "unrelated"),
        # eight frames that are alike are believed, seven are not
        (judged(np.where(ALL < 8, ALL, -1), clip=film(8)), "exact"),
        (judged(np.where(ALL < 7, ALL, -1), clip=film(16)), "unrelated"),
        # what is not alike says nothing, however sure
        (judged(ALL, 1.0, 0.6), "unrelated"),
        (judged(ALL, 1.0, 0.5), "exact"),
        # what only likeness speaks for must be very alike
        (judged(ALL, 0.0, 0.4), "unrelated"),
        (judged(ALL, 0.0, 0.25), "doubtful"),
        (judged(ALL, share_of(0.03, 0.8, 0.1), 0.4), "unrelated"),
        (judged(ALL, share_of(0.05, 0.8, 0.1), 0.4), "doubtful"),
    ],
)
def test_one_word(found: Judgment, word: str) -> None:
    assert found.verdict == word
    assert found.reasons and all(found.reasons)


def test_short_films_need_fewer_frames() -> None:
    assert judged([0, 1, 2, -1, -1], clip=film(3)).verdict == "exact"
    assert judged([0, -1, -1, -1, -1], clip=film(5)).verdict == "unrelated"
    assert judged([0], clip=film(1)).verdict == "exact"


def test_why() -> None:
    assert judged(NONE).reasons == ("no part of the two shows the same",)
    black = fingerprints_of(np.full((LENGTH, 54, 96), 16, np.uint8), Fraction(24))
    dark = judge_sync(match_of(ALL, 0.0, np.nan), black, black)
    assert dark.reasons == ("neither has any content",)
    assert dark.verdict == "doubtful"
    # black in one of them, or in a part of both, says nothing
    assert judge_sync(match_of(ALL, 0.0, np.nan), black, film()).verdict == "unrelated"
    assert judged(ALL, scores=np.nan).verdict == "unrelated"
    assert "correlate by 0.950, and 100.0 % of the matches are sure" in judged(ALL).reasons[-1]
    half = judged(np.where(ALL < 100, ALL, -1), clip=film(100))
    assert half.reasons[0] == ("4.2 s in common: 50.0 % of ref's frames have a counterpart; they use 100.0 % of clip's")
    # what is not all does not read like it
    nearly = judged(np.where(np.arange(4000) < 3999, np.arange(4000), -1), clip=film(4000))
    assert ": 99.9 % of ref's frames" in nearly.reasons[0]
    assert any("30.0 % of the matches are guesses" in reason for reason in judged(ALL, share_of(0.7, 1, 0)).reasons)


def test_doubts() -> None:
    assert judged(ALL, remarks=["the sounds differ"]).verdict == "doubtful"
    assert judged(ALL, remarks=["the sounds differ"]).reasons[0] == "the sounds differ"
    fields = judged(ALL, clip=replace(film(), interlaced=True))
    assert fields.verdict == "doubtful" and fields.reasons[0].startswith("clip is interlaced")
    overlap = np.arange(4000)
    little = judged(np.where(overlap < 390, 3610 + overlap, -1), clip=film(4000))
    assert little.verdict == "doubtful" and little.reasons[0].startswith("only a small part")
    # what is a small part of the one is no doubt where it is all of the other
    assert judged(ALL[:15], clip=film(200)).verdict == "exact"


@pytest.mark.parametrize("seeds", [(50, 51), (60, 61)])
def test_short_films_that_have_nothing_in_common(seeds: tuple[int, int]) -> None:
    clip, ref = (prints(ShotFilm(seed), range(70)) for seed in seeds)
    found = synchronize_videos(clip, ref, SyncOptions())
    assert found.verdict == "unrelated"
    assert found.frame_map == (None,) * 70


def test_a_part_in_common_makes_no_match() -> None:
    """10 s of a leader, before or behind 20 s of something else."""
    lengths = {4: 240, 5: 480, 6: 480}
    leader, one, other = (prints(ShotFilm(seed), range(count)).thumbnails(0, count) for seed, count in lengths.items())

    def found(clip: list[Any], ref: list[Any], clip_first: int, ref_first: int) -> Judgment:
        films = [fingerprints_of(np.concatenate(parts), Fraction(24)) for parts in (clip, ref)]
        numbers = np.arange(len(films[1])) - ref_first
        frames = np.where((numbers >= 0) & (numbers < 240), clip_first + numbers, -1)
        return judge_sync(match_of(frames, 1.0, 0.02), films[0], films[1])

    for judged_so in (
        found([leader, one], [leader, other], 0, 0),
        found([one, leader], [leader, other], 480, 0),
        found([one[:100], leader, one[100:]], [other, leader], 100, 480),
    ):
        assert judged_so.verdict == "unrelated"
        assert judged_so.reasons[0].startswith("no match of the videos: 10.0 s in common")
    # all of clip
    assert found([leader], [other, leader], 0, 480).verdict == "exact"


def test_what_is_contradicted_is_said_first() -> None:
    wrong = match_of(ALL, 0.95, 0.1, ALL < 10)
    found = judge_engine(wrong, film(), film(), "fast")
    assert found.verdict == "doubtful"
    assert found.reasons[0].startswith("5.0 % of the matches are contradicted")
    assert judge_engine(match_of(ALL, 0.95, 0.1, ALL < 4), film(), film(), "fast").verdict == "good"
    assert judge_engine(match_of(ALL // 4, 0.95, 0.1, ALL >= 80), film(), film(), "fast").verdict == "unrelated"


def test_duration_keeps_its_matches_where_the_frames_agree() -> None:
    """Whoever asks for it knows that nothing was compared; two other films are refused all the same."""
    options = SyncOptions(SyncEngine.DURATION)
    found = synchronize_videos(prints(ShotFilm(50), range(90)), prints(ShotFilm(50), range(10, 80)), options)
    assert found.verdict == "doubtful"
    assert found.reasons[0].startswith("the middle of one on the middle of the other; nothing was compared")
    assert found.frame_map == tuple(range(10, 80))
    assert (
        synchronize_videos(prints(ShotFilm(50), range(90)), prints(ShotFilm(51), range(70)), options).verdict
        == "unrelated"
    )
