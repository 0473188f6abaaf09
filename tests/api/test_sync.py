"""`sync` on clips: what is found, in whatever format they come, and that scripts may do with it what they do."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.folders import REPOSITORY
from tests.media.films import SOUND_RATE, sound, write_film
from tests.sync_films import BLACK, WORN, ShotFilm, dropped, true_map, without
from tests.synth import first_pixels, numbered_clip
from vs_align.enums import SegmentKind

core = vs.core
A_FRAME = SOUND_RATE // 24
REF = list(range(260))
CLIP = without(range(30, 300), (140, 170))
WANTED = tuple(true_map(CLIP, REF))


def share(found: vs_align.Timeline, wanted: list[int | None]) -> float:
    """Share of ref frames that are mapped to the exact frame, or to none where there is none."""
    assert len(found.frame_map) == len(wanted)
    return float(np.mean([a == b for a, b in zip(found.frame_map, wanted, strict=True)]))


@pytest.fixture(scope="module")
def luma() -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """Pictures of an odd size of a clip that is worn, and of a ref."""
    worn, plain = ShotFilm(1, WORN), ShotFilm(1)
    return [worn.picture(n, 131, 75) for n in CLIP], [plain.picture(n, 117, 67) for n in REF]


def node_of(pictures: list[np.ndarray[Any, Any]], form: int) -> vs.VideoNode:
    """A clip of a format with the pictures as its light, limited range where that is usual."""
    height, width = pictures[0].shape
    gray = core.std.BlankClip(width=width, height=height, format=vs.GRAY8, length=len(pictures), fpsnum=24, keep=True)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        np.copyto(np.asarray(frame[0]), pictures[n])
        return frame

    made = gray.std.ModifyFrame(gray, paint).std.SetFrameProps(_Range=int(vs.RANGE_LIMITED), _Matrix=1)
    family = core.get_video_format(form).color_family
    return made if form == vs.GRAY8 else made.resize.Bicubic(format=form, matrix=0 if family == vs.RGB else 1)


@pytest.mark.parametrize(
    ("clip_format", "ref_format"),
    [
        (vs.GRAY8, vs.GRAY16),
        (vs.GRAYS, vs.GRAYH),
        (vs.YUV444P8, vs.YUV444P10),
        (vs.YUV444P12, vs.YUV444P16),
        (vs.YUV444PS, vs.RGB24),
        (vs.RGB30, vs.RGB48),
        (vs.RGBS, vs.YUV444PH),
    ],
    ids=str,
)
def test_formats_and_odd_sizes(luma: Any, clip_format: int, ref_format: int) -> None:
    clip, ref = node_of(luma[0], clip_format), node_of(luma[1], ref_format)
    found = vs_align.sync(clip, ref, cache=False)
    assert found.frame_map == WANTED
    assert found.verdict in ("exact", "good")
    assert (float(found.clip_rate), float(found.ref_rate), found.clip_length, found.ref_length) == (
        24,
        24,
        len(CLIP),
        len(REF),
    )


def test_subsampled_formats_of_sizes_that_fit_them_badly() -> None:
    film = ShotFilm(1)
    clip = film.node(CLIP, size=(134, 78)).resize.Bicubic(format=vs.YUV422P10)
    ref = film.node(REF, size=(122, 66)).resize.Bicubic(format=vs.YUV420P16)
    assert vs_align.sync(clip, ref, cache=False).frame_map == WANTED


def test_the_frames_that_are_rendered_are_the_right_ones(tmp_path: Path) -> None:
    """Frame numbers as pixels tell which frame of clip is shown."""
    film = ShotFilm(3)
    found = vs_align.sync(ShotFilm(3, WORN).node(CLIP), film.node(REF), cache=tmp_path)
    found.save(tmp_path / "t.json")
    numbers = numbered_clip(len(CLIP))
    fallback = numbered_clip(len(REF)).std.Expr("60000")
    rendered = vs_align.temporal(
        film.node(CLIP), film.node(REF), out=numbers, fallback=fallback, timeline=tmp_path / "t.json"
    )
    assert first_pixels(rendered) == [60000 if frame is None else frame for frame in WANTED]


def test_one_segment_for_each_piece_and_words_for_it() -> None:
    film = ShotFilm(2)
    clip = [*range(40, 180), *[BLACK] * 30, *range(180, 300)]
    ref = [*range(100), *range(150, 290), *[BLACK] * 40]
    found = vs_align.sync(film.node(clip), film.node(ref), cache=False)
    assert share(found, true_map(clip, ref)) >= 0.99
    assert len([passage for passage in found.passages() if passage.kind is SegmentKind.MATCH]) == 3
    assert found.segments[-1].kind is SegmentKind.BLACK
    assert (found.segments[-1].ref_first, found.segments[-1].ref_last) == (240, 279)
    assert "ref lacks 50 frames" in found.explain()


@pytest.mark.parametrize(
    ("clip_rate", "ref_rate", "speed"),
    [
        (Fraction(25), Fraction(24000, 1001), 24000 / 25025),
        (Fraction(24), Fraction(24000, 1001), 1000 / 1001),
        (Fraction(24000, 1001), Fraction(25), 25025 / 24000),
    ],
)
def test_speeds(clip_rate: Fraction, ref_rate: Fraction, speed: float) -> None:
    film = ShotFilm(4)
    found = vs_align.sync(film.node(range(50, 400), clip_rate), film.node(range(330), ref_rate), cache=False)
    assert share(found, [None] * 50 + list(range(280))) == 1
    (match,) = [segment for segment in found.segments if segment.kind is SegmentKind.MATCH]
    assert found.speed_of(match) == pytest.approx(speed, rel=2e-6)


def test_dropped_frames_are_no_jumps() -> None:
    film, moments = ShotFilm(5), list(range(500))
    clip = dropped(moments, 0.03, seed=1)
    found = vs_align.sync(film.node(clip), film.node(moments), cache=False)
    wanted = true_map(clip, moments)
    right = np.mean([w is None or f == w for f, w in zip(found.frame_map, wanted, strict=True)])
    assert right >= 0.99
    (passage,) = [passage for passage in found.passages() if passage.kind is SegmentKind.MATCH]
    assert passage.ref_last - passage.ref_first + 1 >= 499


def test_films_that_have_nothing_in_common() -> None:
    found = vs_align.sync(ShotFilm(1).node(range(300)), ShotFilm(2).node(range(200)), cache=False)
    assert found.verdict == "unrelated"
    assert found.reasons
    assert found.frame_map == (None,) * 200
    assert not any(found.confidences)


def test_search_is_limited_where_that_is_wanted() -> None:
    film = ShotFilm(6)
    clip, ref = film.node(range(120, 400)), film.node(range(300))
    assert vs_align.sync(clip, ref, search=6, cache=False).frame_map == (None,) * 120 + tuple(range(180))
    assert vs_align.sync(clip, ref, search=2.5, cache=False).verdict == "unrelated"


def test_short_stretches_are_not_believed_where_that_is_wanted() -> None:
    film = ShotFilm(7)
    clip = film.node([*range(150), *range(200, 250), *range(400, 520)])
    ref = film.node([*range(150), *range(200, 230), *range(400, 520)])
    wanted = [*range(180), *range(200, 320)]
    assert vs_align.sync(clip, ref, cache=False).frame_map == tuple(wanted)
    found = vs_align.sync(clip, ref, min_segment=3, cache=False)
    # what goes on without a jump is no stretch of its own
    assert found.frame_map[180:] == tuple(wanted[180:])


def test_progress_rises_and_ends() -> None:
    film, told = ShotFilm(1), list[tuple[str, int, int]]()
    vs_align.sync(film.node(REF), film.node(REF), cache=False, progress=lambda *now: told.append(now))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages[:2] == ["reading clip", "reading ref"]
    assert len(stages) >= 4
    for stage in stages:
        done = [(n, total) for each, n, total in told if each == stage]
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1]


def test_the_same_clips_again_are_hardly_looked_at(tmp_path: Path) -> None:
    asked: list[int] = []

    def counted(node: vs.VideoNode) -> vs.VideoNode:
        def look(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            asked.append(n)
            return f

        return node.std.ModifyFrame(node, look)

    film = ShotFilm(1)
    clip, ref = counted(film.node(CLIP)), counted(film.node(REF))
    first = vs_align.sync(clip, ref, cache=tmp_path)
    assert first.frame_map == WANTED
    assert len(asked) >= len(CLIP) + len(REF)
    asked.clear()
    assert vs_align.sync(clip, ref, cache=str(tmp_path)) == first
    # the frames by which clips are recognised
    assert len(asked) <= 24
    # another film of the same length and format is another one
    other = vs_align.sync(counted(ShotFilm(2).node(CLIP)), ref, cache=tmp_path)
    assert other.verdict == "unrelated"


def test_nothing_is_kept_where_nothing_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vs_align.io.user_folders.cache_home", lambda: tmp_path / "cache")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    film = ShotFilm(1)
    vs_align.sync(film.node(range(60)), film.node(range(60)), cache=False)
    assert list(tmp_path.iterdir()) == []
    for cache in (None, True):
        vs_align.sync(film.node(range(60)), film.node(range(60)), cache=cache)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_sound_files_tell_what_is_left_below_a_frame(tmp_path: Path) -> None:
    """Clip's audio is late by 12 ms against its picture, which is no frame."""
    film, wave = ShotFilm(1), sound(400 / 24)
    late = np.concatenate([np.zeros(round(0.012 * SOUND_RATE)), wave])[50 * A_FRAME :]
    clip_file = write_film(tmp_path / "clip.mkv", [0] * 10, wave=late)
    ref_file = write_film(tmp_path / "ref.mkv", [0] * 10, wave=wave)
    clip, ref = film.node(range(50, 380)), film.node(range(350))
    found = vs_align.sync(clip, ref, audio=clip_file, ref_audio=str(ref_file), cache=False)
    assert share(found, [None] * 50 + list(range(300))) == 1
    assert found.residual_ms == pytest.approx(12, abs=1)
    alone = vs_align.sync(clip, ref, engine="audio", audio=clip_file, ref_audio=ref_file, cache=False)
    assert share(alone, [None] * 50 + list(range(300))) > 0.99
    assert "by audio alone" in alone.reasons[0]


def test_audio_nodes(tmp_path: Path) -> None:
    wave = sound(300 / 24)
    film, files = ShotFilm(1), []
    for name, first in (("clip", 40), ("ref", 0)):
        files.append(write_film(tmp_path / f"{name}.mkv", [0] * 5, wave=wave[first * A_FRAME :]))
    nodes = [core.bs.AudioSource(str(path), cachemode=0) for path in files]
    clip, ref = film.node([0] * 240), film.node([0] * 260)
    found = vs_align.sync(clip, ref, engine="audio", audio=nodes[0], ref_audio=nodes[1], cache=False)
    assert share(found, [None] * 40 + list(range(220))) > 0.99


def test_sounds_that_are_another_ones_are_not_believed(tmp_path: Path) -> None:
    """A dub, or a wrong file: the pictures decide."""
    film = ShotFilm(1)
    files = [write_film(tmp_path / f"{n}.mkv", [0] * 5, wave=sound(14, seed=n)) for n in (5, 6)]
    found = vs_align.sync(film.node(CLIP), film.node(REF), audio=files[0], ref_audio=files[1], cache=False)
    assert found.frame_map == WANTED
    alone = vs_align.sync(
        film.node(CLIP), film.node(REF), engine="audio", audio=files[0], ref_audio=files[1], cache=False
    )
    assert alone.verdict == "unrelated"


def test_one_frame() -> None:
    film = ShotFilm(1)
    assert vs_align.sync(film.node([70]), film.node([70]), cache=False).frame_map == (0,)
    assert vs_align.sync(film.node(range(60, 90)), film.node([70]), cache=False).frame_map == (10,)


def test_nothing_to_be_seen() -> None:
    film = ShotFilm(1)
    found = vs_align.sync(film.node([BLACK] * 60), film.node([BLACK] * 50), cache=False)
    assert found.verdict == "doubtful"
    found = vs_align.sync(film.node([BLACK] * 60), film.node(range(50)), cache=False)
    assert found.verdict == "unrelated"


def test_a_small_cache_neither_hangs_nor_changes_the_answer() -> None:
    script = """
import vapoursynth as vs, vs_align
from tests.sync_films import ShotFilm
vs.core.max_cache_size, vs.core.num_threads = 1, {threads}
film = ShotFilm(1)
clip, ref = (film.node(range(first, 120), size=(640, 360)) for first in (20, 0))
found = vs_align.sync(clip, ref, cache=False)
assert found.frame_map == (None,) * 20 + tuple(range(100)), found.frame_map
"""
    run(script.format(threads=2))


RELOAD = """
import gc
import vapoursynth as vs
from tests.previewer import policy
import vs_align  # stays imported over reloads, like in a previewer
from tests.sync_films import ShotFilm
from tests.synth import first_pixels, numbered_clip


def script():
    film = ShotFilm(1)
    clip, ref = film.node(range(20, 120)), film.node(range(110))
    timeline = vs_align.sync(clip, ref, cache=r"CACHE")
    rendered = vs_align.temporal(clip, ref, out=numbered_clip(100), fallback=numbered_clip(110), timeline=timeline)
    return first_pixels(rendered)


seen = []
for _ in range(3):
    environment = policy.api.create_environment()
    with policy.api.wrap_environment(environment).use():
        seen.append(script())
    policy.api.destroy_environment(environment)
    del environment
    gc.collect()
assert seen[0] == [*range(20), *range(90)], seen[0]
assert seen[0] == seen[1] == seen[2]
"""


def run(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", script],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # what goes to stdout would be in the piped video
    assert done.stdout == ""


def test_the_core_is_reloaded(tmp_path: Path) -> None:
    run(RELOAD.replace("CACHE", str(tmp_path)))
