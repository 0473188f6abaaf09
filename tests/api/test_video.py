"""`NodeVideo` and `FileVideo`: a file and a node of it are read alike, each part once and not before it is needed."""

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.sync_films import SIZE, ShotFilm
from vs_align.api.video import FileVideo, NodeVideo, file_node
from vs_align.media.probe import probe
from vs_align.media.source import open_source

LENGTH = 30


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = ShotFilm(1).write(tmp_path_factory.mktemp("video") / "film.mkv", range(LENGTH))
    open_source(probe(written))
    return written


def test_a_file_and_its_node_are_read_alike(path: Path) -> None:
    file, node = FileVideo(probe(path)), NodeVideo(file_node(path), "clip")
    assert file.size == node.size == SIZE
    assert file.length == node.length == LENGTH
    assert file.rate == node.rate
    assert file.excluded is node.excluded is None
    part = [7, 2, 7], (10.0, 5.5, 60.0, 40.0), (48, 32)
    one, other = file.frames(*part), node.frames(*part)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert np.array_equal(one[0], one[2])
    assert one[0].shape == (32, 48)
    assert file.fingerprints().lumas(3, 4)[0].tolist() == node.fingerprints().lumas(3, 4)[0].tolist()


def test_frames_are_read_once_and_on_demand() -> None:
    read: list[int] = []

    def count(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        read.append(n)
        return f

    node = ShotFilm(1).node(range(LENGTH))
    video = NodeVideo(node.std.ModifyFrame(node, count), "clip")
    assert (video.identity, video.audio_identity, video.size, video.length) == ("", None, SIZE, LENGTH)
    assert read == []
    assert video.fingerprints() is video.fingerprints()
    assert sorted(read) == list(range(LENGTH))


def test_masked_and_transparent_pixels_are_excluded() -> None:
    node = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=32, length=2)
    left = vs.core.std.BlankClip(node, width=16, color=255, length=1).std.AddBorders(0, 48, 0, 0)
    opaque = vs.core.std.BlankClip(node, width=64, height=24, color=255).std.AddBorders(0, 0, 0, 8)
    with_alpha = node.std.ClipToProp(opaque, "_Alpha")
    assert NodeVideo(with_alpha, "clip").excluded is None
    both = NodeVideo(with_alpha, "clip", mask=left, ignores_transparent=True).excluded
    wanted = np.zeros((32, 64), bool)
    wanted[:, :16] = True
    wanted[24:] = True
    assert both is not None
    assert np.array_equal(both, wanted)
