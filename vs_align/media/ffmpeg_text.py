"""Text that ffmpeg takes out of a media file, such as subtitles and chapters, on the clock of players."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.media.ffmpeg import file_url, find_ffmpeg

_SHOWN_CHARACTERS = 200
"""Length of the end of ffmpeg's stderr that error messages quote: a line or two."""


def ffmpeg_text(path: Path, zero: float, arguments: Sequence[str], what: str, timeout_seconds: float) -> str:
    """Run ffmpeg on a file and return what it writes to stdout, decoded as UTF-8.

    Args:
        path: The file that is read.
        zero: Time stamp at which players begin to count, in seconds; see `file_clock.playback_zero`.
        arguments: ffmpeg's options for the output, without its name.
        what: What is taken out, for messages.
        timeout_seconds: Time after which ffmpeg counts as hanging.

    Raises:
        MediaError: ffmpeg cannot be run, fails or hangs.
        MissingDependencyError: There is no ffmpeg.
    """
    command = [str(find_ffmpeg()), "-hide_banner", "-nostdin", "-loglevel", "error"]
    # Without -copyts ffmpeg counts from the first time stamp, wherever the clock of players begins.
    command += ["-copyts", "-itsoffset", f"{-zero:.6f}", "-i", file_url(path.absolute()), *arguments, "-"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MediaError(f"ffmpeg cannot read the {what} of {path.name}: {error}.") from error
    if done.returncode != 0:
        stderr = " ".join(done.stderr.decode(errors="replace").split())[-_SHOWN_CHARACTERS:]
        raise MediaError(f"ffmpeg cannot read the {what} of {path.name}: {stderr}.")
    return done.stdout.decode("utf-8", errors="replace")
