"""`vs-align demo` finds the truth, and counts honestly."""

import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from vs_align.cli import demo_footage
from vs_align.cli.app import app
from vs_align.cli.demo_footage import (
    CLIP_SIZE,
    FARTHEST,
    REF_SIZE,
    SAMPLE_RATE,
    DemoFootage,
    clip_order,
    film,
    right_frames,
    write_ref,
)
from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.io.array_types import AnyArray, Float64Array, UInt8Array
from vs_align.timeline.timeline import Timeline

FRAMES = 96
SMALL = (160, 90)

pytestmark = pytest.mark.skipif(find_spec("skimage") is None, reason="the demo needs scikit-image (extra demo)")


def luma(picture: AnyArray) -> Float64Array:
    """Plane 0 of BT.709, 0 to 255, in double precision."""
    blue, green, red = (picture[..., i].astype(np.float64) for i in range(3))
    return 0.0722 * blue + 0.7152 * green + 0.2126 * red


def difference(a: AnyArray, b: AnyArray) -> float:
    return float(np.abs(luma(a) - luma(b)).mean())


def structure(picture: AnyArray) -> Float64Array:
    """A small picture without brightness and contrast, so that grades do not matter."""
    small = cv2.resize(luma(picture), SMALL, interpolation=cv2.INTER_AREA)
    flat: Float64Array = np.asarray(small - small.mean(), np.float64)
    return np.asarray(flat / np.linalg.norm(flat), np.float64)


def decode(path: Path) -> list[UInt8Array]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]


@dataclass(frozen=True)
class Run:
    """A demo that has been run."""

    folder: Path
    said: str
    footage: DemoFootage


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("demo") / "made by the demo"
    result = CliRunner().invoke(app, ["demo", "--folder", str(folder), "--frames", str(FRAMES)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return Run(folder, result.stdout, film(FRAMES))


def test_count_is_what_an_independent_count_gives(demo: Run) -> None:
    order, cuts = demo.footage.order, [FRAMES * i // 4 for i in range(4)]
    frame_map = json.loads((demo.folder / "timeline.json").read_text())["frame_map"]
    assert len(frame_map) == FRAMES
    right = 0
    for n, found in enumerate(frame_map):
        end = min((cut for cut in cuts if cut > n), default=10**6)
        start = max((cut for cut in cuts if 0 < cut <= n), default=-(10**6))
        distance = min(abs(moment - n) for moment in order if start <= moment < end)
        true = {moment for moment in (n - distance, n + distance) if start <= moment < end and moment in order}
        shown = demo.footage.picture(order[found])
        right += order[found] in true or min(difference(shown, demo.footage.picture(m)) for m in true) <= 0.5
    said = re.search(r"(\d+) of (\d+) frames are right", demo.said)
    assert said is not None
    assert (int(said[1]), int(said[2])) == (right, FRAMES)
    assert right >= 0.9 * FRAMES


def test_result_shows_the_moments_of_ref(demo: Run) -> None:
    """What is on the screen counts: each frame is looked up among the pristine pictures around it."""
    footage, shown = demo.footage, decode(demo.folder / "result.mkv")
    assert len(shown) == FRAMES
    pristine = {m: structure(footage.picture(m)) for m in range(-5, FRAMES + 5)}
    kept = [n for n in range(FRAMES) if n in footage.order]
    hits = 0
    for n in kept:
        picture = structure(shown[n])
        likeness = {m: float((picture * pristine[m]).sum()) for m in range(n - 5, n + 6)}
        hits += max(likeness, key=lambda m: likeness[m]) == n
    assert len(kept) < FRAMES, "some moments must be lost, or the demo shows nothing"
    assert hits >= 0.9 * len(kept)


def test_files_are_there_and_named(demo: Run) -> None:
    for name in ("ref.mkv", "clip.mkv", "result.mkv", "result.vpy", "timeline.json", "report.json"):
        assert (demo.folder / name).stat().st_size > 0
        assert name in demo.said
    assert not [path for path in demo.folder.iterdir() if ".part" in path.name]
    assert Timeline.load(demo.folder / "timeline.json").ref_length == FRAMES
    assert json.loads((demo.folder / "report.json").read_text())["frames"] == FRAMES
    with av.open(str(demo.folder / "result.mkv")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == CLIP_SIZE
        assert str(video.average_rate) in ("24", "24/1")
        assert len(container.streams.audio) == 1


def test_files_show_what_was_planned(demo: Run) -> None:
    refs, clips = decode(demo.folder / "ref.mkv"), decode(demo.folder / "clip.mkv")
    assert (len(refs), len(clips)) == (FRAMES, len(demo.footage.order))
    for n in (0, FRAMES // 2, FRAMES - 1):
        assert difference(refs[n], demo.footage.picture(n)) < 3
    for i in (0, 40, len(clips) - 1):
        assert difference(clips[i], demo.footage.clip_picture(i)) < 5


def test_running_again_replaces_only_what_the_demo_made(demo: Run, tmp_path: Path) -> None:
    (tmp_path / "clip.mkv").write_text("precious")
    result = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path), "--frames", "16"])
    assert isinstance(result.exception, MediaError)
    assert "already holds clip.mkv" in str(result.exception)
    assert (tmp_path / "clip.mkv").read_text() == "precious"
    again = CliRunner().invoke(app, ["demo", "--folder", str(demo.folder), "--frames", str(FRAMES)])
    assert again.exit_code == 0
    assert again.stdout.split(" after ")[0] == demo.said.split(" after ")[0]


def test_clip_frame_shows_the_moment_that_the_order_says() -> None:
    footage = film(48)
    pristine = {m: structure(footage.picture(m)) for m in sorted(set(footage.order))}
    for i in range(len(footage.order)):
        shown = structure(footage.clip_picture(i))
        assert max(pristine, key=lambda m: float((shown * pristine[m]).sum())) == footage.order[i]


def test_repeated_moments_differ_in_grain_alone() -> None:
    footage = film(240)
    i = next(i for i in range(len(footage.order) - 1) if footage.order[i] == footage.order[i + 1])
    first, second = footage.clip_picture(i), footage.clip_picture(i + 1)
    assert 0.5 < difference(first, second) < 6
    assert (footage.clip_picture(i) == first).all()


@pytest.mark.parametrize("frames", [16, 48, 96, 240, 1000])
@pytest.mark.parametrize("seed", range(20))
def test_order_is_known_and_bounded(frames: int, seed: int) -> None:
    order = clip_order(frames, seed)
    assert order == clip_order(frames, seed)
    assert list(order) == sorted(order)
    assert order[0] < 0
    assert order[-1] >= frames - 1
    assert all(abs(i - moment) <= FARTHEST for i, moment in enumerate(order))


def test_demo_order_loses_and_repeats() -> None:
    footage = film()
    drifts = {i - moment for i, moment in enumerate(footage.order)}
    assert max(drifts) - min(drifts) >= 10
    assert set(range(footage.frames)) - set(footage.order)
    assert len(footage.order) > len(set(footage.order))
    assert 30 <= len(set(range(footage.frames)) - set(footage.order)) <= 60


def test_every_moment_moves_by_more_than_half_a_code_value() -> None:
    """Or frames could not be told apart, and the count would flatter."""
    footage = film()
    for n in range(0, footage.frames - 1, 5):
        assert difference(footage.picture(n), footage.picture(n + 1)) > 1


def test_motion_is_finer_than_a_pixel() -> None:
    footage = film()
    shifts = []
    for n in range(10, 40, 5):
        a, b = (luma(footage.picture(m)).astype(np.float32) for m in (n, n + 1))
        (x, y), _ = cv2.phaseCorrelate(a, b)
        shifts += [x, y]
    assert sum(abs(s - round(s)) > 0.1 for s in shifts) > len(shifts) / 2
    assert footage.picture(0).shape == (REF_SIZE[1], REF_SIZE[0], 3)


def test_sounds_click_at_the_cuts_of_each_version() -> None:
    footage = film()
    samples = SAMPLE_RATE // 24
    loud_ref = np.flatnonzero(np.abs(footage.ref_sound().reshape(-1, samples).astype(int)).max(axis=1) > 12000)
    assert loud_ref.tolist() == list(footage.cuts[1:])
    loud_clip = np.flatnonzero(np.abs(footage.clip_sound().reshape(-1, samples).astype(int)).max(axis=1) > 12000)
    shots = [sum(moment >= cut for cut in footage.cuts[1:]) for moment in footage.order]
    assert loud_clip.tolist() == [i for i in range(1, len(shots)) if shots[i] != shots[i - 1]]
    assert footage.ref_sound().size == 240 * samples
    assert footage.clip_sound().size == len(footage.order) * samples


def test_right_frames_counts_by_the_rule() -> None:
    footage = film()
    order = footage.order
    truth = [order.index(n) if n in order else None for n in range(footage.frames)]
    right = right_frames(footage, truth)
    assert [n for n, ok in enumerate(right) if not ok] == [n for n, frame in enumerate(truth) if frame is None]
    lost = next(n for n in range(1, 240) if n not in order and n - 1 in order and n not in footage.cuts)
    patched = list(truth)
    patched[lost] = order.index(lost - 1)
    assert right_frames(footage, patched)[lost]
    patched[lost] = order.index(lost - 1) - 3
    assert not right_frames(footage, patched)[lost]
    last_of_shot = footage.cuts[2] - 1
    assert last_of_shot not in order
    patched[last_of_shot] = order.index(footage.cuts[2])
    assert not right_frames(footage, patched)[last_of_shot], "a frame of the next shot is nearer in time, but wrong"


def test_missing_photographs_are_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_footage, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path / "new")])
    assert isinstance(result.exception, MissingDependencyError)
    assert "pip install" in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "new").exists(), "nothing may be written before that is known"


def test_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path / "file" / "new")])
    assert isinstance(result.exception, MediaError)
    assert "cannot be made" in str(result.exception)


def test_failing_encoder_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_footage, "REF_SIZE", (0, 0))
    with pytest.raises(MediaError, match=r"ref\.mkv cannot be written"):
        write_ref(film(16), tmp_path / "ref.mkv")
    assert not list(tmp_path.iterdir())


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ArgumentError, match="frames must be at least 16, got 15"):
        film(15)
