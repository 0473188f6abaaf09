"""`synchronize_videos`: pictures and sounds of two films become one timeline with a verdict."""

import inspect
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import vs_align
from tests.decide.synchronization.synthetic_fingerprints import prints
from tests.measure.audio.audio_signals import RATE, as_sound, film
from tests.sync_films import BLACK, WORN, ShotFilm, true_map, without
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.decide.synchronization.pipeline import synchronize_videos
from vs_align.enums import SegmentKind, SyncEngine
from vs_align.io.array_types import Float64Array
from vs_align.media.audio_track import MonoAudio
from vs_align.timeline.timeline import Timeline

PICTURES, WORN_PICTURES = ShotFilm(1), ShotFilm(1, WORN)
OF_PICTURES = [SyncEngine(name) for name in SyncEngine if name not in (SyncEngine.AUTO, SyncEngine.AUDIO)]


@cache
def _wave(seed: int) -> Float64Array:
    return film(30, seed)


def heard(seconds: float, first: float = 0.0, seed: int = 1, late: float = 0.0) -> MonoAudio:
    """What is heard of a film from a second on; `late` seconds after the picture to which it belongs."""
    wave = _wave(seed)
    return as_sound(
        np.concatenate([np.zeros(round(late * RATE)), wave])[round(first * RATE) :][: round(seconds * RATE)]
    )


def test_defaults_are_those_of_sync() -> None:
    defaults = {name: each.default for name, each in inspect.signature(vs_align.sync).parameters.items()}
    options = SyncOptions()
    assert (defaults["engine"], defaults["search"]) == (options.engine, "all")
    assert options.reach is None
    for name in ("min_segment", "window", "drift_interval", "margin"):
        assert defaults[name] == getattr(options, name)


def test_all_fields_are_there() -> None:
    clip, ref = without(range(40, 300), (120, 160)), [*range(250), *[BLACK] * 40]
    found = synchronize_videos(
        prints(WORN_PICTURES, clip, Fraction(25)), prints(PICTURES, ref, Fraction(24)), SyncOptions()
    )
    assert found.frame_map == tuple(true_map(clip, ref))
    assert (float(found.clip_rate), float(found.ref_rate), found.clip_length, found.ref_length) == (
        25,
        24,
        len(clip),
        len(ref),
    )
    assert found.clip_times == found.ref_times == ()
    assert len(found.scores) == len(found.confidences) == len(ref)
    shown = [n for n, frame in enumerate(found.frame_map) if frame is not None]
    assert min(found.confidences[n] for n in shown) > 0.9
    assert max(score for n in shown if (score := found.scores[n]) is not None) < 0.3
    assert all(found.confidences[n] == 0 for n in range(len(ref)) if n not in shown)
    kinds = [segment.kind for segment in found.segments if len(segment)]
    assert kinds == [SegmentKind.INSERT, SegmentKind.MATCH, SegmentKind.INSERT, SegmentKind.MATCH, SegmentKind.BLACK]
    assert found.verdict in ("exact", "good")
    assert found.residual_ms is None
    assert Timeline.from_json(found.to_json()) == found


def test_variable_rates_keep_their_times() -> None:
    moments = [n for n in range(200) if n % 4 != 3]
    times = [n / 24 for n in moments]
    clip, ref = prints(PICTURES, range(200)), replace(prints(PICTURES, moments, times=times), variable=True)
    found = synchronize_videos(clip, ref, SyncOptions())
    assert found.frame_map == tuple(moments)
    assert found.ref_times == pytest.approx(times)
    assert found.clip_times == ()
    assert [found.to_ms(n) for n in range(len(moments))] == pytest.approx([0] * len(moments), abs=1e-6)


def test_sound_says_what_is_left_below_a_frame() -> None:
    clip, ref = prints(PICTURES, range(48, 450)), prints(PICTURES, range(400))
    sounds = heard(402 / 24, 2.0, late=0.009), heard(400 / 24)
    found = synchronize_videos(clip, ref, SyncOptions(), sounds)
    assert found.frame_map == (None,) * 48 + tuple(range(352))
    assert found.residual_ms == pytest.approx(9, abs=1)
    assert found.verdict in ("exact", "good")


def test_sound_that_contradicts_the_pictures_is_said_and_not_believed() -> None:
    clip, ref = prints(PICTURES, range(48, 450)), prints(PICTURES, range(400))
    found = synchronize_videos(clip, ref, SyncOptions(), (heard(402 / 24, 2.0, late=0.6), heard(400 / 24)))
    assert found.frame_map == (None,) * 48 + tuple(range(352))
    assert found.verdict == "doubtful"
    assert "the audio is +600 ms off the video" in found.reasons[0]
    assert found.residual_ms is None


def test_one_sound_under_two_films_makes_them_no_pair() -> None:
    sounds = heard(400 / 24), heard(400 / 24)
    clip, ref = prints(ShotFilm(2), range(400)), prints(PICTURES, range(400))
    found = synchronize_videos(clip, ref, SyncOptions(), sounds)
    assert found.verdict == "unrelated"
    assert found.frame_map == (None,) * 400
    assert any("the audio agrees though" in reason for reason in found.reasons)
    # who asks for the sound gets it
    alone = synchronize_videos(clip, ref, SyncOptions(SyncEngine.AUDIO), sounds)
    assert alone.frame_map == tuple(range(400))
    assert alone.verdict in ("good", "doubtful")


def test_sound_alone_is_refused_where_there_is_none_to_go_by() -> None:
    clip, ref, options = prints(PICTURES, range(300)), prints(PICTURES, range(300)), SyncOptions(SyncEngine.AUDIO)
    silence = MonoAudio(np.zeros(12 * RATE, np.int16), RATE)
    for sounds in (None, (silence, silence), (heard(12, seed=3), heard(12, seed=50))):
        found = synchronize_videos(clip, ref, options, sounds)
        assert found.verdict == "unrelated"
        assert found.frame_map == (None,) * 300
        assert found.reasons[0]


@pytest.mark.parametrize("engine", OF_PICTURES)
def test_engines_answer_for_the_same_film(engine: SyncEngine) -> None:
    clip, ref = prints(WORN_PICTURES, range(150)), prints(PICTURES, range(150))
    found = synchronize_videos(clip, ref, SyncOptions(engine, window=20))
    apart = [abs(frame - n) for n, frame in enumerate(found.frame_map) if frame is not None]
    assert len(apart) >= 140
    assert float(np.median(apart)) <= 1
    assert found.verdict in ("good", "doubtful")
    assert found.reasons[-1].startswith(f"engine {engine}: ")
    assert any(" s in common: " in reason for reason in found.reasons)
    # sure matches are right
    sure = [n for n, confidence in enumerate(found.confidences) if confidence >= 0.9]
    assert sum(found.frame_map[n] == n for n in sure) >= 0.98 * len(sure)


@pytest.mark.parametrize("engine", [None, *OF_PICTURES])
def test_films_that_have_nothing_in_common_are_refused(engine: SyncEngine | None) -> None:
    clip, ref = prints(ShotFilm(8), range(150)), prints(PICTURES, range(150))
    found = synchronize_videos(clip, ref, SyncOptions() if engine is None else SyncOptions(engine, window=20))
    assert found.verdict == "unrelated"


def test_progress_names_the_stages() -> None:
    told: list[str] = []
    clip = prints(PICTURES, range(100))
    sounds = heard(4), heard(4)
    synchronize_videos(clip, clip, SyncOptions(), sounds, lambda stage, done, total: told.append(stage))
    assert told[0] == "listening"
    assert {"searching", "comparing"} <= set(told)
    told.clear()
    synchronize_videos(clip, clip, SyncOptions(SyncEngine.PRECISE), None, lambda stage, done, total: told.append(stage))
    assert set(told) == {"comparing"}
