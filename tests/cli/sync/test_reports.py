"""`vs-align sync` on files of which something went wrong before; they lie in shared/ beside the repository."""

import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from tests.cli.calling import call
from tests.folders import SHARED
from tests.media.films import SOUND_RATE, lag

INPUTS = SHARED / "inputs"
FILES = INPUTS / "reports"

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="no folder shared/inputs/reports beside the repository")


def wave_of(path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SOUND_RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(float)


@pytest.mark.parametrize(
    ("clip", "ref", "wanted"), [("a_early", "ref0", "00:00:04,667"), ("c100", "a_early", "00:00:01,500")]
)
def test_images_that_begin_half_a_second_late(clip: str, ref: str, wanted: str, tmp_path: Path) -> None:
    out = tmp_path / "s.srt"
    files = FILES / f"{clip}.mkv", FILES / f"{ref}.mkv"
    options = ("--subs", FILES / "subs/two.srt", "--subs-out", out, "--no-sound", "--no-cache", "-q")
    assert call("sync", *files, *options) == 0
    assert re.findall(r"(\S+) -->", out.read_text())[0] == wanted


def test_one_odd_frame(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The frame of ref before clip begins is much like clip's first."""
    out = tmp_path / "x.wav"
    assert call("sync", FILES / "c0.mkv", FILES / "ref0.mkv", "--audio-out", out, "--no-cache", "-q") == 0
    (row,) = re.findall(
        r"^\S+ +\d+-359 +\S+ +(\S+) +(\S+) +\S+  frame for frame$", capfd.readouterr().out, re.MULTILINE
    )
    assert row == ("-3000.0", "-72")
    seconds, _ = lag(wave_of(FILES / "base_sound.flac"), wave_of(out))
    assert abs(seconds) < 0.0005


def test_cuts_of_another_rate_stay_within_their_media(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.fcpxml"
    files = FILES / "interp60.mkv", FILES / "ref0.mkv"
    assert call("sync", *files, "--no-sound", "--no-cache", "--fcpxml", out, "-q") == 0
    assert re.search(r"^00:00:04.167\S+ +100-386 +00:00:00.000 +-4166.7 +-100 ", capfd.readouterr().out, re.MULTILINE)
    checker = [sys.executable, str(INPUTS / "tools" / "fcpcheck.py"), str(out)]
    assert subprocess.run(checker, capture_output=True, text=True, check=True).stdout.endswith(" ok\n")
    assert 'name="interp60.mkv"' in out.read_text()
