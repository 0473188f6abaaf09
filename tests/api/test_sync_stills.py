"""Stills: a clip of one frame has neither a rate nor a speed, and what it shows is found in a film."""

from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs

from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import RATE, SIZE, ShotFilm
from tests.synth import clip_of
from vs_align.api.sync import sync
from vs_align.enums import SyncEngine
from vs_align.timeline.timeline import Timeline

FILM = ShotFilm(seed=3)
LENGTH = 120
SHOWN = 77


def film(moments: "range | list[int]", seed: int = 3, form: int = vs.GRAY8) -> vs.VideoNode:
    pictures = [ShotFilm(seed).picture(moment) / 255 for moment in moments]
    return clip_of(pictures, form, (RATE.numerator, RATE.denominator))


def still(moment: int, seed: int = 3) -> vs.VideoNode:
    """What a window of the picture shows, darker, at a rate that is none."""
    picture = ShotFilm(seed).picture(moment, *SIZE)[9:81, 16:144] / 255
    return clip_of([0.85 * picture + 0.05], vs.GRAY16, (25, 1))


@pytest.fixture(scope="module")
def whole() -> vs.VideoNode:
    return film(range(LENGTH))


def test_a_still_as_ref_is_found(whole: vs.VideoNode) -> None:
    found = sync(whole, still(SHOWN), cache=False)
    assert found.frame_map == (SHOWN,)
    assert (found.clip_rate, found.ref_rate) == (RATE, Fraction(0))
    assert found.verdict in ("good", "doubtful")
    assert f"frame {SHOWN} of clip shows the still" in found.reasons[0]
    assert found.to_ms(0) is None, "a still has no time"


def test_a_still_as_clip_is_found(whole: vs.VideoNode) -> None:
    found = sync(still(SHOWN), whole, cache=False)
    shown = [n for n, frame in enumerate(found.frame_map) if frame is not None]
    assert SHOWN in shown
    assert shown == list(range(shown[0], shown[-1] + 1))
    assert len(shown) <= 3
    assert (found.clip_rate, found.ref_rate) == (Fraction(0), RATE)
    assert f"frame {SHOWN} of ref shows the still" in found.reasons[0]


def test_no_words_on_speed(whole: vs.VideoNode) -> None:
    for pair in ((whole, still(SHOWN)), (still(SHOWN), whole), (still(SHOWN), still(SHOWN))):
        text = sync(*pair, cache=False).explain()
        assert "1 frame, a still" in text
        for word in ("PAL", "faster", "slower", "drift", "fps, up to 00:00:00.040", "25 fps", "inf"):
            assert word not in text, text


def test_a_film_that_does_not_show_it(whole: vs.VideoNode) -> None:
    for pair in ((whole, still(SHOWN, seed=8)), (still(SHOWN, seed=8), whole)):
        found = sync(*pair, cache=False)
        assert found.verdict == "unrelated"
        assert set(found.frame_map) == {None}


def test_two_stills() -> None:
    assert sync(still(SHOWN), still(SHOWN), cache=False).verdict == "good"
    assert sync(still(SHOWN), still(SHOWN, seed=8), cache=False).verdict == "unrelated"


def test_frames_that_look_the_same_are_no_good_match() -> None:
    """A film that stands still while it shows the still: all of that shows it, and nobody claims one frame."""
    standing = film([*range(40), *[40] * 20, *range(41, 80)])
    found = sync(still(40), standing, cache=False)
    shown = [n for n, frame in enumerate(found.frame_map) if frame is not None]
    assert set(range(45, 55)) <= set(shown)
    assert found.verdict == "doubtful"
    assert "look the same" in found.reasons[0]
    assert "the still is shown" in found.explain()
    turned = sync(standing, still(40), cache=False)
    assert 40 <= (turned.frame_map[0] or 0) < 60
    assert turned.verdict == "doubtful"


def test_other_engines_take_a_still_too(whole: vs.VideoNode) -> None:
    # how far apart the times may be says nothing of a still
    assert sync(whole, still(SHOWN), cache=False, search=0.5).frame_map == (SHOWN,)
    assert len(sync(whole, still(SHOWN), engine="duration", cache=False)) == 1


def test_films_of_one_moment_are_a_guess() -> None:
    """A still that lasts: pictures do not tell times, so nothing is said of speed, and it is not good."""
    from vs_align.decide.synchronization.options import SyncOptions
    from vs_align.decide.synchronization.pipeline import synchronize_videos

    luma = np.stack([FILM.picture(5, 96, 54)] * 60)
    clip, ref = (fingerprints_of(luma[:count], Fraction(rate)) for count, rate in ((50, 24), (60, 25)))
    found = synchronize_videos(clip, ref, SyncOptions(engine=SyncEngine.AUTO))
    assert found.verdict == "doubtful"
    text = found.explain()
    assert "a guess" in text
    assert "PAL" not in text and "faster" not in text and "slower" not in text


def test_a_passage_of_one_frame_has_no_speed() -> None:
    found = Timeline.from_frame_map([None, 7, None], clip_rate=24, ref_rate=25, clip_length=90)
    assert "PAL" not in found.explain()
    assert "one frame" in found.explain()
