"""Each engine on its own kind of case: known frames are found, and verification tells right from wrong."""

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.decide.synchronization.engines.synthetic_videos import RATE, chosen, exact, film, noisy, prints
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions
from vs_align.decide.synchronization.engines.registry import ENGINES
from vs_align.decide.synchronization.engines.verification import verified
from vs_align.decide.synchronization.rates import known_rates
from vs_align.decide.synchronization.sync_result import SyncResult
from vs_align.io.array_types import Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

NAMES = ("fast", "precise", "mask", "border", "tunnel_full", "tunnel_mask", "keyframes", "duration")
SEARCHING = tuple(name for name in NAMES if name != "duration")
Run = Callable[..., EngineMatch]


@pytest.fixture(scope="module")
def seen() -> tuple[np.ndarray, np.ndarray]:
    return film(360, 1)


def run(name: str, ref: Fingerprints, clip: Fingerprints, options: EngineOptions | None = None) -> EngineMatch:
    reports: list[float] = []
    found = ENGINES[name](ref, clip, options or EngineOptions(), reports.append)
    assert reports == sorted(reports)
    assert reports[-1] == pytest.approx(1)
    check(found, ref, clip)
    return found


def verify(found: EngineMatch, ref: Fingerprints, clip: Fingerprints, engine: str = "") -> SyncResult:
    return verified(found, clip, ref, EngineOptions(), known_rates(clip.rate, ref.rate), engine)


def check(found: EngineMatch, ref: Fingerprints, clip: Fingerprints) -> None:
    """What holds for every match, right or wrong."""
    assert found.frames.dtype == np.int64
    assert found.frames.shape == found.scores.shape == (len(ref),)
    there = found.frames >= 0
    assert found.frames.min() >= -1
    assert found.frames.max() < len(clip)
    assert np.all(np.diff(found.frames[there]) >= 0)
    assert np.array_equal(np.isfinite(found.scores), there)
    assert np.all(found.scores[there] >= 0)


def dropped(seed: int = 3) -> Int64Array:
    """Frames 20 to 339 of a film without 2 percent of them."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(np.arange(20, 340), 314, replace=False))


def test_the_names() -> None:
    assert tuple(ENGINES) == NAMES


@pytest.mark.parametrize("name", SEARCHING)
def test_a_shift_under_noise(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    ref, clip = chosen(seen, np.arange(43, 320), 3.0), chosen(seen, np.arange(351), 2.0)
    found = run(name, ref, clip)
    assert exact(found.frames, np.arange(43, 320)) >= (0.98 if name == "fast" else 0.99)
    assert exact(found.frames, np.arange(43, 320), 1) == 1


@pytest.mark.parametrize("name", SEARCHING)
def test_frames_that_ref_dropped(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    kept = dropped()
    found = run(name, chosen(seen, kept, 3.0), chosen(seen, np.arange(360)))
    # sampled frames do not show where between them a frame was dropped
    assert exact(found.frames, kept) >= (0.9 if name == "keyframes" else 0.99)
    assert exact(found.frames, kept, 1) == 1


@pytest.mark.parametrize("name", SEARCHING)
def test_frames_that_clip_repeats(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(4)
    shown = np.sort(np.concatenate([np.arange(10, 340), rng.choice(np.arange(10, 340), 8)]))
    ref = np.arange(20, 330)
    found = run(name, chosen(seen, ref, 3.0), chosen(seen, shown))
    assert exact(shown[found.frames], ref) >= 0.98


@pytest.mark.parametrize("name", ["fast", "precise", "tunnel_full", "keyframes"])
def test_two_frame_rates_of_one_film(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    # clip shows the film at 20 frames a second, ref at 24
    frames = np.arange(0, 360, 1.2).astype(int)
    clip = prints(seen[0][frames], seen[1][frames], Fraction(20))
    found = run(name, chosen(seen, np.arange(30, 330), 2.0), clip)
    assert np.abs(frames[found.frames] - np.arange(30, 330)).max() <= 2


@pytest.mark.parametrize("name", NAMES)
def test_unrelated_videos_are_contradicted(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    ref, clip = chosen(seen, np.arange(20, 320), 3.0), chosen(seen, np.arange(340), 3.0)
    other = chosen(film(340, 2), np.arange(340), 3.0)
    right, wrong = (verify(run(name, ref, each), ref, each, name) for each in (clip, other))
    assert wrong.contradicted.mean() > 0.9
    assert wrong.confidences.max() < 0.25
    # a noisy band of one pixel is too little evidence to verify `border`
    if name not in ("duration", "border"):
        assert right.contradicted.mean() < 0.02
        assert np.median(right.confidences) > 0.9


def test_wrong_matches_are_contradicted(seen: tuple[np.ndarray, np.ndarray]) -> None:
    """Half of ref is another video: those frames cannot be right, the others are."""
    other = film(360, 11)
    luma, color = (np.concatenate([a[20:180], b[180:320]]) for a, b in zip(seen, other, strict=True))
    ref, clip = prints(luma, color), chosen(seen, np.arange(340), 3.0)
    found = run("fast", ref, clip)
    assert exact(found.frames[:150], np.arange(20, 170)) > 0.98
    match = verify(found, ref, clip)
    assert not match.contradicted[:140].any()
    assert match.contradicted[180:].mean() > 0.9


def test_duration_lays_middle_on_middle(seen: tuple[np.ndarray, np.ndarray]) -> None:
    found = run("duration", chosen(seen, np.arange(30, 330), 3.0), chosen(seen, np.arange(360)))
    assert found.frames.tolist() == list(range(30, 330))
    # clip is shorter: nothing of it is there before its first and after its last frame
    found = run("duration", chosen(seen, np.arange(100)), chosen(seen, np.arange(10, 90)))
    assert found.frames.tolist() == [-1] * 10 + list(range(80)) + [-1] * 10


def test_duration_goes_by_time_stamps(seen: tuple[np.ndarray, np.ndarray]) -> None:
    # each frame of the second half is shown for twice as long
    steps = np.concatenate([np.full(60, 1.0), np.full(60, 2.0)]) / float(RATE)
    times = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    clip = prints(seen[0][:120], seen[1][:120], Fraction(120 * RATE, 180), times)
    ref = chosen(seen, np.arange(180))
    found = run("duration", ref, clip)
    lead = (clip.duration - ref.duration) / 2
    late = clip.times[np.maximum(0, found.frames)] - (ref.times + lead)
    assert np.abs(late[found.frames >= 0]).max() <= 1 / float(RATE) + 1e-6
    assert (found.frames >= 0).sum() >= 178
    assert exact(found.frames[1:60], np.arange(1, 60), 1) == 1


def test_the_mask_leaves_borders_out(seen: tuple[np.ndarray, np.ndarray]) -> None:
    """Ref has black bars where clip flickers: only what looks at the content alone gets along."""
    luma = seen[0].copy()
    luma[:, :14], luma[:, -14:] = 16, 16
    flicker = seen[0].copy()
    lights = np.random.default_rng(5).integers(20, 236, (360, 1, 1))
    flicker[:, :14], flicker[:, -14:] = lights, lights
    kept = dropped()
    ref, clip = chosen((luma, seen[1]), kept, 3.0), prints(flicker, seen[1])
    for name in ("mask", "tunnel_mask"):
        found = run(name, ref, clip)
        assert exact(found.frames, kept) >= 0.99
    assert exact(run("tunnel_full", ref, clip).frames, kept) < 0.9


def test_the_border_alone_matches_where_the_middle_differs(seen: tuple[np.ndarray, np.ndarray]) -> None:
    other = film(360, 12, 45)[0]
    luma = seen[0].copy()
    luma[:, 4:-4, 6:-6] = other[:, 4:-4, 6:-6]
    kept = dropped()
    ref, clip = chosen((luma, seen[1]), kept, 2.0), chosen(seen, np.arange(360))
    found = run("border", ref, clip, EngineOptions(margin=4))
    assert exact(found.frames, kept) >= 0.99
    assert exact(run("tunnel_full", ref, clip).frames, kept) < 0.9


@pytest.mark.parametrize("name", ["fast", "precise", "border", "tunnel_full", "keyframes"])
def test_a_picture_within_the_picture(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    luma = film(360, 13)[0]
    for i, picture in enumerate(seen[0]):
        luma[i, 5:45, 20:92] = cv2.resize(picture, (72, 40), interpolation=cv2.INTER_AREA)
    box = (20 / 96, 5 / 54, 72 / 96, 40 / 54)
    found = run(name, chosen(seen, np.arange(30, 330), 2.0), prints(luma, seen[1]), EngineOptions(box=box))
    assert exact(found.frames, np.arange(30, 330)) >= 0.95
    assert exact(found.frames, np.arange(30, 330), 1) >= 0.99


@pytest.mark.parametrize("name", ["precise", "tunnel_full"])
def test_a_still_scene_does_not_lead_astray(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    index = np.concatenate([np.arange(100), np.full(50, 100), np.arange(101, 310)])
    luma = np.concatenate([seen[0][index]])
    clip = prints(noisy(luma, 3.0, 1), seen[1][index])
    ref = prints(noisy(luma, 3.0, 2)[20:340], seen[1][index][20:340])
    found = run(name, ref, clip)
    moving = np.r_[0:78, 134:320]
    assert exact(found.frames[moving], np.arange(20, 340)[moving]) >= 0.98


def test_precise_does_not_drift(seen: tuple[np.ndarray, np.ndarray]) -> None:
    for interval in (7, 100, 10_000):
        options = EngineOptions(drift_interval=interval)
        found = run("precise", chosen(seen, dropped(6), 4.0), chosen(seen, np.arange(360), 4.0), options)
        assert exact(found.frames, dropped(6)) >= 0.98


@pytest.mark.parametrize("name", ["tunnel_full", "fast"])
def test_the_window_limits_the_search(name: str, seen: tuple[np.ndarray, np.ndarray]) -> None:
    # of equal length, so that the window alone decides
    ref, clip = chosen(seen, np.arange(60, 260)), chosen(seen, np.arange(0, 200))
    near, far = (run(name, ref, clip, EngineOptions(window=window)) for window in (20, 80))
    there = slice(0, 30)
    truth = np.arange(60, 90)
    assert exact(far.frames[there], truth) > 0.98
    assert exact(near.frames[there], truth) < 0.9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("ref_count", "clip_count"), [(1, 1), (1, 40), (40, 1), (2, 3), (23, 9), (33, 35)])
def test_short_clips(name: str, ref_count: int, clip_count: int, seen: tuple[np.ndarray, np.ndarray]) -> None:
    ref, clip = chosen(seen, np.arange(ref_count)), chosen(seen, np.arange(clip_count))
    check(ENGINES[name](ref, clip, EngineOptions(window=1, drift_interval=1), None), ref, clip)


@pytest.mark.parametrize("name", NAMES)
def test_matches_of_black_clips_are_not_sure(name: str) -> None:
    black = prints(np.full((50, 54, 96), 16, np.uint8), np.full((50, 2, 9, 16), 128, np.uint8))
    assert verify(run(name, black, black), black, black, name).confidences.max() < 0.1
