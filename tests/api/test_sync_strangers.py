"""Two films that share a part which any two films may have are no match: not for any engine, not for nodes or files."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import vs_align
from tests.cli.calling import call
from tests.decide.synchronization.synthetic_fingerprints import prints
from tests.measure.audio.audio_signals import RATE, as_sound, film
from tests.stranger_films import PARTS, Stranger, node_of
from tests.sync_films import ShotFilm
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.decide.synchronization.pipeline import synchronize_videos
from vs_align.enums import SyncEngine

PLACES = [(0, 0), (0.5, 0.5), (1, 1), (0.5, 1), (0, 1)]
BY_PICTURES = [engine.value for engine in SyncEngine if engine is not SyncEngine.AUDIO]


@pytest.mark.parametrize("parts", [(name,) for name in PARTS] + [("black", "card", "ident")])
def test_a_shared_part_makes_no_match(parts: tuple[str, ...]) -> None:
    for clip_place, ref_place in PLACES:
        clip, ref = Stranger(21, 20, parts, clip_place).prints(), Stranger(22, 24, parts, ref_place).prints()
        found = synchronize_videos(clip, ref, SyncOptions())
        assert found.verdict == "unrelated", (clip_place, ref_place)
        assert set(found.frame_map) == {None}
        flat = parts in (("black",), ("long black",), ("white",))
        assert (" s in common" in found.reasons[0]) is not flat


@pytest.mark.parametrize("engine", BY_PICTURES)
def test_no_engine_takes_a_part_for_the_film(engine: str) -> None:
    for parts in (("black",), ("countdown",), ("card", "ident")):
        clip, ref = Stranger(21, 12, parts, 0).prints(), Stranger(22, 14, parts, 0).prints()
        assert synchronize_videos(clip, ref, SyncOptions(SyncEngine(engine))).verdict == "unrelated", parts


def test_a_jingle_is_no_soundtrack() -> None:
    clip, ref = prints(ShotFilm(2), range(480)), prints(ShotFilm(3), range(480))
    jingle = film(4, 9)
    sounds = [as_sound(np.concatenate([jingle, film(16, seed)])) for seed in (1, 2)]
    assert len(jingle) == 4 * RATE
    for engine in ("auto", "audio"):
        found = synchronize_videos(clip, ref, SyncOptions(SyncEngine(engine)), (sounds[0], sounds[1]))
        assert found.verdict == "unrelated", engine


def test_nodes_and_files_are_refused_alike(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, other = Stranger(21, 8, ("black", "ident")), Stranger(22, 9, ("black", "ident"))
    by_node = vs_align.sync(one.node(), other.node(), cache=False)
    assert by_node.verdict == "unrelated"
    files = [stranger.write(tmp_path / name) for stranger, name in ((one, "a.mkv"), (other, "b.mkv"))]
    assert call("sync", *files, "--no-cache") == 3
    assert "3.0 s in common" in capfd.readouterr().out
    assert call("overlay", *files, "-o", tmp_path / "out.mp4", "--no-cache") == 3
    assert "are not versions of one film" in capfd.readouterr().err


def test_excerpts_are_matched_and_named() -> None:
    """All of a short clip is in a long film; and one film stops amid a shot that the other one begins with."""
    film_of = ShotFilm(4)
    whole = synchronize_videos(prints(film_of, range(700, 988)), prints(film_of, range(3000)), SyncOptions())
    assert whole.frame_map == (*(None,) * 700, *range(288), *(None,) * 2012)
    assert whole.verdict == "exact"
    assert whole.reasons[0].startswith("12.0 s in common: 9.6 % of ref's frames")
    overlap = synchronize_videos(prints(film_of, range(180)), prints(film_of, range(120, 300)), SyncOptions())
    assert overlap.frame_map == (*range(120, 180), *(None,) * 120)
    assert overlap.reasons[0].startswith("2.5 s in common")


def test_a_film_backwards_is_another_film() -> None:
    film_of = ShotFilm(4)
    assert synchronize_videos(
        prints(film_of, range(299, -1, -1)), prints(film_of, range(300)), SyncOptions()
    ).verdict == ("unrelated")


def test_combed_frames_are_seen() -> None:
    pictures = [ShotFilm(5).picture(moment, 320, 180) for moment in range(96)]
    woven = []
    for before, after in pairwise(pictures):
        both = before.copy()
        both[1::2] = after[1::2]
        woven.append(both)
    found = vs_align.sync(node_of(woven), node_of(pictures), cache=False)
    assert found.verdict == "doubtful"
    assert found.reasons[0].startswith("clip looks combed")
    assert not any(
        "combed" in reason for reason in vs_align.sync(node_of(pictures), node_of(pictures), cache=False).reasons
    )
