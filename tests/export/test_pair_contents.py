"""Clip's audio in the result of `temporal` and `spatial`: exact positions, and fades of 2 ms at cuts only."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.media.films import SOUND_RATE, heard, sound, write_film
from vs_align.export.pair_contents import PairContents, expected_video
from vs_align.io.array_types import Float64Array
from vs_align.media.probe import probe
from vs_align.media.source import Source, open_source
from vs_align.timeline.timeline import Timeline

RATE = 10
STEP = SOUND_RATE // RATE
FADE = 96
"""2 ms."""
ONE_STEP = 1.5 / 32768
WAVE = sound(9.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    return open_source(probe(write_film(path, range(90), RATE, size=(32, 18), wave=WAVE)))


def fitted(clip: Source, frame_map: Sequence[int | None], folder: Path, rate: Fraction | int = RATE) -> Float64Array:
    """Clip's audio for a ref whose frames show these frames of clip."""
    path = write_film(folder / "ref.mkv", range(len(frame_map)), rate, size=(32, 18))
    ref, out, steps = open_source(probe(path)), folder / "out.mkv", list[str]()
    found = Timeline.from_frame_map(frame_map, clip_rate=clip.rate, ref_rate=ref.rate, clip_length=clip.length)
    contents = PairContents(clip, ref, "clip", out, folder, on_step=steps.append)
    made, _ = contents.assembled(found, path, expected_video(ref), out)
    assert made == out
    (step,) = steps
    assert step.startswith("cutting clip's audio: ")
    return heard(out, len(frame_map) / float(rate))


def faded(*parts: Float64Array | int) -> Float64Array:
    """Samples, or numbers of silent samples, one after the other, each with a linear ramp of 2 ms at every joint."""
    ramp = (np.arange(FADE) + 0.5) / FADE
    made = [np.zeros(part) if isinstance(part, int) else part.copy() for part in parts]
    for left, right in pairwise(made):
        left[-FADE:] *= ramp[::-1]
        right[:FADE] *= ramp
    return np.concatenate(made)


def test_an_offset_moves_whole_samples_and_fades_nowhere(clip: Source, tmp_path: Path) -> None:
    found = fitted(clip, range(7, 67), tmp_path)
    np.testing.assert_allclose(found, WAVE[7 * STEP : 67 * STEP], atol=ONE_STEP)


def test_dropped_and_repeated_frames_make_no_cut(clip: Source, tmp_path: Path) -> None:
    numbers: list[int | None] = [*range(40)]
    numbers[10], numbers[25], numbers[30] = 9, None, 31
    np.testing.assert_allclose(fitted(clip, numbers, tmp_path), WAVE[: 40 * STEP], atol=ONE_STEP)


def test_a_jump_is_at_its_sample_and_fades(clip: Source, tmp_path: Path) -> None:
    found = fitted(clip, [*range(30), *range(60, 90)], tmp_path)
    np.testing.assert_allclose(found, faded(WAVE[: 30 * STEP], WAVE[60 * STEP :]), atol=ONE_STEP)


def test_audio_fades_where_clip_has_nothing(clip: Source, tmp_path: Path) -> None:
    found = fitted(clip, [*range(30), *[None] * 20, *range(50, 90)], tmp_path)
    expected = faded(WAVE[: 30 * STEP], 20 * STEP, WAVE[50 * STEP :])
    np.testing.assert_allclose(found, expected, atol=ONE_STEP)
    assert not found[30 * STEP : 50 * STEP].any()


def test_clip_at_another_rate_is_resampled_to_its_exact_positions(clip: Source, tmp_path: Path) -> None:
    """Frame for frame at 24/25 of the rate: each sample is taken from 0.96 times its position."""
    found = fitted(clip, range(90), tmp_path, Fraction(48, 5))
    spectrum = np.fft.rfft(WAVE)
    count = round(len(WAVE) * 25 / 24)
    expected = np.fft.irfft(np.append(spectrum, np.zeros(count // 2 + 1 - len(spectrum))), count) * count / len(WAVE)
    inside = slice(2000, -2000)
    np.testing.assert_allclose(found[inside], expected[inside], atol=5e-4)
