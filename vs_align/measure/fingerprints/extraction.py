"""Taking fingerprints of clips and files: looked at once, kept on disk, taken up again after an interruption."""

import errno
import logging
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vs_align.decide.synchronization.options import Progress
from vs_align.errors import MediaError
from vs_align.measure.fingerprints.fingerprint import (
    COLOUR_HEIGHT,
    COLOUR_WIDTH,
    HEIGHT,
    WIDTH,
    Fingerprints,
    SmallFrames,
)
from vs_align.measure.fingerprints.fingerprint_file import BLOCK, FingerprintFile, FingerprintWriter
from vs_align.media.cache import file_identity
from vs_align.media.cache_versions import FINGERPRINTS
from vs_align.media.frame_clock import frame_clock
from vs_align.media.thumbnails import SmallPicture, small_pictures
from vs_align.nodes.thumbnails import node_identity, node_pictures

if TYPE_CHECKING:
    import vapoursynth as vs

    from vs_align.media.probe import VideoFile

_log = logging.getLogger(__name__)

# The cache holds so much at most; what was not used for the longest time goes first.
_MOST_BYTES = 8 << 30
# A disk that is full, or the user's share of it.
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What fingerprints are taken of."""

    name: str
    identity: str
    pictures: Callable[[int, float], Iterable[SmallPicture]]
    length: int
    rate: Fraction
    size: tuple[int, int]
    start: float = 0.0
    """Time stamp of the first frame in seconds."""
    forced: Fraction | None = None
    restarts_forward: bool = False


def file_fingerprints(file: "VideoFile", folder: Path | None, progress: Progress | None = None) -> Fingerprints:
    """Take the fingerprints of the frames of a file, or read those that were taken before.

    Args:
        file: The file.
        folder: Where they are kept; None: nowhere.
        progress: Told how many frames are done.

    Raises:
        MediaError: The file cannot be decoded, or the folder cannot be written to.
    """
    subject = _Subject(
        name=file.path.name,
        identity=file_identity(file.path),
        pictures=lambda skip, after: small_pictures(file.path, (WIDTH, HEIGHT), skip, after),
        length=file.frames or round(float(file.fps) * (file.duration or 0)),
        rate=file.fps,
        size=(file.width, file.height) if file.rotation % 180 == 0 else (file.height, file.width),
        start=file.video_start,
        forced=file.forced_fps,
        restarts_forward=file.restarts_forward,
    )
    return _fingerprints(subject, folder, progress)


def node_fingerprints(
    clip: "vs.VideoNode", name: str, folder: Path | None, progress: Progress | None = None, identity: str = ""
) -> Fingerprints:
    """Take the fingerprints of the frames of a clip, or read those that were taken before.

    Args:
        clip: Of any constant format.
        name: How it is called in messages.
        folder: Where they are kept; None: nowhere.
        progress: Told how many frames are done.
        identity: What `node_identity` says of the clip, where somebody has asked already.

    Raises:
        MediaError: The folder cannot be written to.
    """
    subject = _Subject(
        name=name,
        identity=identity or ("" if folder is None else node_identity(clip)),
        pictures=lambda skip, after: node_pictures(clip, (WIDTH, HEIGHT), skip, after),
        length=clip.num_frames,
        rate=Fraction(clip.fps),
        size=(clip.width, clip.height),
    )
    return _fingerprints(subject, folder, progress)


def _fingerprints(subject: _Subject, folder: Path | None, progress: Progress | None) -> Fingerprints:
    temporary = None
    if folder is None:
        temporary = TemporaryDirectory(prefix="vs_align-", ignore_cleanup_errors=True)
        folder = Path(temporary.name)
    path = folder / f"{subject.identity or 'clip'}-{FINGERPRINTS}.fingerprints"
    try:
        store = _stored(path, temporary)
        if store is None:
            _take(subject, path, progress)
            store = FingerprintFile(path, temporary)
            _tidy(folder)
    except OSError as error:
        if isinstance(error, MediaError):
            raise
        if temporary is None and error.errno in _FULL:
            _log.warning("the fingerprints of %s are not kept in %s: %s", subject.name, folder, error.strerror)
            return _fingerprints(subject, None, progress)
        raise MediaError(f"The fingerprints of {subject.name} cannot be kept in {folder}: {error}.") from error
    clock = frame_clock(
        store.times + subject.start, subject.rate, restarts_forward=subject.restarts_forward, forced=subject.forced
    )
    return Fingerprints(
        store,
        store.stats,
        clock.times,
        clock.rate,
        clock.variable,
        bool(store.facts["interlaced"]),
        subject.size,
        clock,
        bool(store.facts["combed"]),
    )


def _stored(path: Path, folder: object) -> FingerprintFile | None:
    """Open what was taken before, where it is there and whole."""
    try:
        found = FingerprintFile(path, folder)
    except FileNotFoundError:
        return None
    except ValueError:
        # damaged by something else than us, who rename only what is finished: it is taken anew
        path.unlink(missing_ok=True)
        return None
    os.utime(path)
    return found


def _take(subject: _Subject, path: Path, progress: Progress | None) -> None:
    """Look at all frames, and go on where an earlier run was broken off."""
    part = path.with_suffix(".part")
    try:
        writer = FingerprintWriter(part)
    except BlockingIOError:
        # somebody else is at it; whoever is done first has the name
        part = path.with_suffix(f".{secrets.token_hex(4)}.part")
        writer = FingerprintWriter(part)
    try:
        held: list[SmallPicture] = []
        for picture in subject.pictures(writer.length, writer.last_time):
            held.append(picture)
            if len(held) == BLOCK:
                writer.add(_packed(held))
                held.clear()
                if progress is not None:
                    progress(f"reading {subject.name}", writer.length, subject.length)
        if held:
            writer.add(_packed(held))
        if writer.length == 0:
            raise MediaError(f"{subject.name} has not one frame that can be decoded.")
        writer.finish(path)
    finally:
        writer.close()
    if progress is not None:
        progress(f"reading {subject.name}", writer.length, writer.length)


def _packed(pictures: list[SmallPicture]) -> SmallFrames:
    size = COLOUR_WIDTH, COLOUR_HEIGHT
    colour = [[cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in p.chroma] for p in pictures]
    return SmallFrames(
        np.stack([picture.luma for picture in pictures]),
        np.array(colour, np.uint8),
        np.array([picture.time for picture in pictures]),
        np.array([picture.interlaced for picture in pictures]),
        np.array([picture.combed for picture in pictures]),
    )


def _tidy(folder: Path) -> None:
    """Remove what was not used for long, once there is too much of it."""
    files = []
    # with those that were broken off and never gone on with
    for path in [*folder.glob("*.fingerprints"), *folder.glob("*.part")]:
        with suppress(FileNotFoundError):  # another process tidies too
            files.append((path.stat(), path))
    files.sort(key=lambda entry: entry[0].st_mtime, reverse=True)
    total = 0
    for facts, path in files:
        total += facts.st_size
        if total > _MOST_BYTES:
            path.unlink(missing_ok=True)
