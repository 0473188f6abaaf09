"""The command in the comment of each example works as it is written, with relative names, from any folder."""

import re
import shutil
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.examples.test_examples import EXAMPLES
from tests.sync_films import ShotFilm
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.media.vspipe import ensure_config, vspipe_environment

FRAMES = 26
FILM = ShotFilm(1)
# one of the commands names a place in a picture of this size
LARGE = (1920, 1080)
SIZES = {"patch_logo": LARGE}
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are for a POSIX shell")
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.vpy"))


def usage(name: str) -> str:
    """Return the command in the comment at the top of an example."""
    lines = [line.removeprefix("#").strip() for line in (EXAMPLES / f"{name}.vpy").read_text().splitlines()[:8]]
    first = next(n for n, line in enumerate(lines) if line.startswith("vspipe "))
    last = next(n for n in range(first, len(lines)) if not lines[n].endswith("\\"))
    return " ".join(line.removesuffix("\\") for line in lines[first : last + 1])


def run(command: str, folder: Path) -> None:
    """Run a command in a shell as a person does who is in a folder, with the videos that it names."""
    ensure_config()
    programs = folder.parent / "programs"
    programs.mkdir()
    (programs / "ffmpeg").symlink_to(find_ffmpeg())
    environment = vspipe_environment() | {"XDG_CACHE_HOME": str(folder.parent / "cache")}
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    line = f"set -o pipefail; cd '{folder}' && {command}"
    done = subprocess.run(
        [str(shutil.which("bash")), "-c", line],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr


def written(path: Path) -> list[np.ndarray]:
    """Luma of each frame of a file, at the size of `FILM`."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [cv2.resize(frame, (144, 82), interpolation=cv2.INTER_AREA) for frame in frames]


@pytest.mark.parametrize("name", NAMES)
def test_the_command_in_the_comment(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "my videos"
    folder.mkdir()
    (folder / "examples").symlink_to(EXAMPLES)
    command = usage(name)
    for file in re.findall(r"-a \w+=(\w+\.\w+)", command):
        FILM.write(folder / file, range(FRAMES), size=SIZES.get(name, (320, 180)))
    run(command, folder)
    shown = written(folder / "out.mkv")
    assert len(shown) == FRAMES
    for n in (3, 12, 23):
        meant = cv2.resize(FILM.picture(n, 320, 180), (144, 82), interpolation=cv2.INTER_AREA)
        others = [float(np.abs(shown[m].astype(float) - meant).mean()) for m in range(FRAMES)]
        assert others[n] < 12 and np.argmin(others) == n, others


def test_a_script_that_lies_elsewhere(tmp_path: Path) -> None:
    """The path of the script says nothing of the folder then."""
    folder = tmp_path / "my videos"
    folder.mkdir()
    for name in ("dvd.mkv", "bluray.mkv"):
        FILM.write(folder / name, range(8), size=(160, 90))
    script = EXAMPLES / "temporal.vpy"
    run(
        f"vspipe -a clip=./dvd.mkv -a 'ref=../my videos/bluray.mkv' -e 1 -c y4m '{script}' - | ffmpeg -i - out.mkv",
        folder,
    )
    assert len(written(folder / "out.mkv")) == 2
