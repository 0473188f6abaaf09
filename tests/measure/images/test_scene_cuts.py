"""Cuts are found on thumbnails; motion, noise and changes of light are not cuts."""

import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.io.array_types import UInt8Array
from vs_align.measure.images.scene_cuts import detect_cuts


def shots(lengths: list[int], speed: float = 0.2, noise: float = 0.0) -> UInt8Array:
    """Shots of different scenes, each with a slow pan."""
    rng = np.random.default_rng(0)
    u, v = grid(32, 18)
    frames = []
    for seed, length in enumerate(lengths):
        frames += [texture(u + speed * n, v, seed, 6) + rng.normal(0, noise, u.shape) for n in range(length)]
    return np.clip(np.rint(np.array(frames) * 255), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("lengths", [[10, 12], [5, 30, 8], [4, 4, 4, 4], [20, 1, 20], [40]])
def test_cuts_are_found(lengths: list[int]) -> None:
    assert detect_cuts(shots(lengths)) == np.cumsum(lengths)[:-1].tolist()


def test_cuts_are_found_under_noise_and_quick_motion() -> None:
    assert detect_cuts(shots([10, 12, 15], noise=0.05)) == [10, 22]
    assert detect_cuts(shots([10, 12, 15], speed=1)) == [10, 22]


def test_one_frame_and_none_have_no_cut() -> None:
    assert detect_cuts(shots([1])) == []
    assert detect_cuts(np.zeros((1, 18, 32), np.uint8)) == []
    assert detect_cuts(np.zeros((9, 18, 32), np.uint8)) == []


def test_two_frames_can_be_two_scenes() -> None:
    assert detect_cuts(shots([1, 1])) == [1]


@pytest.mark.parametrize("change", ["fade", "flash", "flicker"])
def test_a_change_of_light_is_no_cut(change: str) -> None:
    frames = shots([24]).astype(np.float64)
    light = {
        "fade": np.linspace(1, 0, 24),
        "flash": np.where(np.arange(24) == 12, 1.0, 0.8),
        "flicker": np.where(np.arange(24) % 2 == 0, 0.9, 1.0),
    }[change]
    offset = 90 * (np.arange(24) == 12) if change == "flash" else np.zeros(24)
    lit = np.clip(frames * 0.6 * light[:, None, None] + offset[:, None, None], 0, 255).astype(np.uint8)
    assert detect_cuts(lit) == []


def test_a_slow_dissolve_is_no_cut() -> None:
    one, other = shots([24]), shots([24, 24])[24:]
    mix = np.linspace(0, 1, 24)[:, None, None]
    assert detect_cuts((one * (1 - mix) + other * mix).astype(np.uint8)) == []
