"""Perceptual hashes equal OpenCV's; their distances tell frames apart; masks and views."""

from typing import Any

import cv2
import numpy as np
import pytest

from tests.decide.synchronization.engines.synthetic_videos import chosen, film, noisy, prints
from vs_align.decide.synchronization.engines.dtw import pair_distances
from vs_align.decide.synchronization.engines.engine import EngineOptions, ProgressPart
from vs_align.decide.synchronization.engines.frame_views import FrameView, border_mask, content_mask, frame_views
from vs_align.decide.synchronization.engines.marr_hildreth import BITS, marr_hildreth
from vs_align.decide.synchronization.engines.perceptual_hashes import color_moments, hash_pair

HASHES: Any = cv2.img_hash


@pytest.mark.parametrize("size", [(96, 54), (47, 31), (96, 9)])
def test_the_bits_of_marr_and_hildreth_are_those_of_opencv(size: tuple[int, int]) -> None:
    pictures = [cv2.resize(picture, size) for picture in film(60, 3, 6)[0][::5]]
    theirs = HASHES.MarrHildrethHash_create()
    differ = []
    for picture in pictures:
        found = marr_hildreth(picture)
        assert found.shape == (BITS // 8,)
        differ.append(np.unpackbits(found ^ theirs.compute(picture).ravel()).mean())
    # in flat parts of a picture sums in another order may round the other way
    assert np.median(differ) < 0.005
    assert np.max(differ) < 0.1
    assert np.unpackbits(marr_hildreth(pictures[0]) ^ marr_hildreth(pictures[-1])).mean() > 0.2


def test_moments_are_those_of_opencv() -> None:
    luma, color = film(60, 4, 6)
    theirs = HASHES.ColorMomentHash_create()
    ours, known = [], []
    for picture, chroma in zip(luma[::3], color[::3], strict=True):
        planes = [picture, *(cv2.resize(plane, (96, 54)) for plane in chroma)]
        bgr = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YUV2BGR)
        ours.append(color_moments(bgr))
        known.append(theirs.compute(bgr).ravel())
    error = np.abs(np.array(ours) - np.array(known)).max(axis=0)
    spread = np.array(known).std(axis=0)
    assert ours[0].shape == (42,)
    for first in range(0, 42, 7):
        assert error[first] < 0.1 * spread[first]


def test_the_same_frame_is_much_nearer_than_others() -> None:
    seen = film(120, 5, 40)
    ref, clip = FrameView(prints(*seen)), FrameView(prints(noisy(seen[0], 4.0), seen[1]))
    reports: list[float] = []
    pair = hash_pair(ref, clip, 2, ProgressPart(reports.append))
    assert len(pair.ref) == len(pair.clip) == 60
    assert reports == sorted(reports)
    assert reports[-1] == 1
    frames = np.arange(60)
    same = pair_distances(pair.ref, pair.clip, pair.weights, frames, frames)
    other = pair_distances(pair.ref, pair.clip, pair.weights, frames, (frames + 20) % 60)
    assert pair_distances(pair.ref, pair.ref, pair.weights, frames, frames).max() < 1e-6
    assert same.max() < 0.15
    assert other.min() > 2 * same.max()


def test_flat_pictures_have_a_distance_too() -> None:
    flat = FrameView(prints(np.full((9, 54, 96), 16, np.uint8), np.full((9, 2, 9, 16), 128, np.uint8)))
    pair = hash_pair(flat, flat, 1, ProgressPart(None))
    assert np.isfinite(pair.ref.vectors).all()
    assert pair_distances(pair.ref, pair.clip, pair.weights, np.arange(9), np.arange(9)).max() == 0


@pytest.mark.parametrize("black", [0, 16])
def test_the_content_mask_is_where_the_picture_is(black: int) -> None:
    luma, color = film(50, 6)
    luma = np.maximum(luma, 40)
    luma[:, :8], luma[:, -7:], luma[:, :, :5] = black, black, black
    luma[:10] = black  # a leader
    mask = content_mask(FrameView(prints(luma, color)))
    wanted = np.zeros((54, 96), np.bool_)
    wanted[9:46, 6:] = True  # eroded by a pixel, but not where the picture goes on beyond the frame
    assert np.array_equal(mask, wanted)
    assert content_mask(FrameView(prints(np.full_like(luma, black), color))).all()


def test_the_border_is_at_least_a_pixel_wide() -> None:
    side = FrameView(chosen(film(2, 7), [0, 1]))
    side.prints.__dict__["size"] = (1920, 1080)
    assert border_mask(side, 1).sum() == 2 * 96 + 2 * 52
    wide = border_mask(side, 60)  # 3 small pixels
    assert wide.sum() == 54 * 96 - 48 * 90
    assert not wide[3:-3, 3:-3].any()


def test_clip_is_cut_to_the_place_of_ref() -> None:
    luma, color = film(4, 8)
    ref = prints(luma, color)
    # clip shows ref's picture at half the size, in the middle right
    clip_luma = np.full_like(luma, 60)
    for i, picture in enumerate(luma):
        clip_luma[i, 13:40, 40:88] = cv2.resize(picture, (48, 27), interpolation=cv2.INTER_AREA)
    box = (40 / 96, 13 / 54, 0.5, 0.5)
    first, second = frame_views(ref, prints(clip_luma, color), EngineOptions(box=box))
    assert first.size == second.size == (48, 27)
    assert np.abs(first.images(0, 4).astype(int) - second.images(0, 4)).max() <= 1


def test_reading_backwards_and_by_frames() -> None:
    luma, color = film(300, 9)
    side = FrameView(prints(luma, color))
    assert np.array_equal(side.reversed().rows(10, 30), luma[::-1][10:30].reshape(20, -1))
    wanted = np.array([299, 0, 256, 255, 0, 17])
    assert np.array_equal(side.take(wanted), luma[wanted].reshape(6, -1))
    assert side.take(np.empty(0, np.int64)).shape == (0, 54 * 96)
