"""The examples run as they stand, through vspipe."""

import json
import subprocess
from pathlib import Path

from tests.media.films import write_film
from vs_align.media.vspipe import ensure_config, find_vspipe, vspipe_environment

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_temporal(tmp_path: Path) -> None:
    clip = write_film(tmp_path / "a clip.mkv", range(5, 45), 24)
    ref = write_film(tmp_path / "ref.mkv", range(40), 24)
    ensure_config()
    props = tmp_path / "props.json"
    command = [
        str(find_vspipe()), "-a", f"clip={clip}", "-a", f"ref={ref}", "-a", "tr=8",
        "-j", str(props), str(EXAMPLES / "temporal.vpy"), "--",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=vspipe_environment())
    assert done.returncode == 0, done.stderr
    frames = json.loads(props.read_text())
    assert len(frames) == 40
    offsets = [int(str(frame["VSAlignOffset"])) for frame in frames]
    assert offsets[5:] == [-5] * 35
