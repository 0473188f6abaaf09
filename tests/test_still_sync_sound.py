"""A still with sound: what pictures cannot tell is not claimed."""

from pathlib import Path

import pytest

from vs_align.file_sync import sync_files
from vs_align.media.probe import probe
from vs_align.sync_options import SyncOptions

AVS = Path(__file__).parents[2] / "shared" / "inputs" / "avs"


@pytest.mark.skipif(not AVS.is_dir(), reason="shared/inputs is missing")
def test_a_still_with_sound_is_never_good_by_its_pictures() -> None:
    files = [probe(AVS / name) for name in ("3-secs-in.mp4", "full.mp4")]
    found = sync_files(files[0], files[1], SyncOptions(), None)
    assert found.verdict == "doubtful"
    said = " ".join(found.reasons)
    assert "engine audio" in said
    assert "out of step" not in said, "the pictures are no measure of the sound"
    assert "a guess" in found.explain()
    for word in ("PAL", "faster", "slower", "drift", "frame for frame", "same speed"):
        assert word not in found.explain()
