"""A still with sound: what pictures cannot tell is not claimed."""

import pytest

from tests.folders import SHARED
from vs_align.api.sync import sync_videos
from vs_align.api.video import FileVideo
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.media.probe import probe

AVS = SHARED / "inputs" / "avs"


@pytest.mark.skipif(not AVS.is_dir(), reason="shared/inputs is missing")
def test_a_still_with_sound_is_never_good_by_its_pictures() -> None:
    clip, ref = (FileVideo(probe(AVS / name)) for name in ("3-secs-in.mp4", "full.mp4"))
    found = sync_videos(clip, ref, SyncOptions(), None)
    assert found.verdict == "doubtful"
    said = " ".join(found.reasons)
    assert "engine audio" in said
    assert "out of sync" not in said, "the pictures are no measure of the sound"
    assert "a guess" in found.explain()
    for word in ("PAL", "faster", "slower", "drift", "frame for frame", "same speed"):
        assert word not in found.explain()
