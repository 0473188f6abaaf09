"""Extraction of fingerprints from files and nodes: every frame decoded once, cached on disk, resumed if interrupted."""

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

from vs_align.errors import MediaError
from vs_align.io.progress import Progress
from vs_align.measure.fingerprints.fingerprint import (
    COLOR_HEIGHT,
    COLOR_WIDTH,
    HEIGHT,
    WIDTH,
    Fingerprints,
    FrameThumbnails,
)
from vs_align.measure.fingerprints.fingerprint_file import BLOCK, FingerprintFile, FingerprintWriter
from vs_align.media.cache import file_identity
from vs_align.media.cache_versions import FINGERPRINTS
from vs_align.media.frame_clock import frame_clock
from vs_align.media.thumbnails import Thumbnail, read_thumbnails
from vs_align.nodes.thumbnails import node_identity, node_thumbnails

if TYPE_CHECKING:
    import vapoursynth as vs

    from vs_align.media.probe import VideoFile

_log = logging.getLogger(__name__)

_MOST_BYTES = 8 << 30
"""Size limit of the cache, bytes (8 GiB); the least recently used files are evicted first."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a full disk or an exhausted quota."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A video whose fingerprints are extracted."""

    name: str
    """Its name in messages."""
    identity: str
    """Key of its file in the cache; empty without a cache."""
    thumbnails: Callable[[int, float], Iterable[Thumbnail]]
    """Yields thumbnails; takes the number of frames to skip and the time of the last of them."""
    length: int
    """Expected number of frames, for progress."""
    rate: Fraction
    """Nominal frames per second."""
    size: tuple[int, int]
    """Width and height of the full frames in pixels."""
    start: float = 0.0
    """Time stamp of the first frame in seconds."""
    forced: Fraction | None = None
    """Frame rate given by the user instead of time stamps."""
    restarts_forward: bool = False
    """See `frame_clock`."""


def file_fingerprints(file: "VideoFile", folder: Path | None, progress: Progress | None = None) -> Fingerprints:
    """Return the fingerprints of a file, from the cache or by decoding it.

    Args:
        file: The file.
        folder: Cache folder; None: no cache.
        progress: Called with the stage, the number of frames done and their total.

    Raises:
        MediaError: The file cannot be decoded, or the folder cannot be written to.
    """
    source = _Source(
        name=file.path.name,
        identity=file_identity(file.path),
        thumbnails=lambda skip, after: read_thumbnails(file.path, (WIDTH, HEIGHT), skip, after),
        length=file.frames or round(float(file.fps) * (file.duration or 0)),
        rate=file.fps,
        size=(file.width, file.height) if file.rotation % 180 == 0 else (file.height, file.width),
        start=file.video_start,
        forced=file.forced_fps,
        restarts_forward=file.restarts_forward,
    )
    return _fingerprints(source, folder, progress)


def node_fingerprints(
    clip: "vs.VideoNode", name: str, folder: Path | None, progress: Progress | None = None, identity: str = ""
) -> Fingerprints:
    """Return the fingerprints of a VapourSynth node, from the cache or by rendering it.

    Args:
        clip: A node of any constant format.
        name: Its name in messages.
        folder: Cache folder; None: no cache.
        progress: Called with the stage, the number of frames done and their total.
        identity: Result of `node_identity` for the clip, if known; if empty it is computed when there is a cache.

    Raises:
        MediaError: The folder cannot be written to.
    """
    source = _Source(
        name=name,
        identity=identity or ("" if folder is None else node_identity(clip)),
        thumbnails=lambda skip, after: node_thumbnails(clip, (WIDTH, HEIGHT), skip, after),
        length=clip.num_frames,
        rate=Fraction(clip.fps),
        size=(clip.width, clip.height),
    )
    return _fingerprints(source, folder, progress)


def _fingerprints(source: _Source, folder: Path | None, progress: Progress | None) -> Fingerprints:
    temporary = None
    if folder is None:
        temporary = TemporaryDirectory(prefix="vs_align-", ignore_cleanup_errors=True)
        folder = Path(temporary.name)
    path = folder / f"{source.identity or 'clip'}-{FINGERPRINTS}.fingerprints"
    try:
        store = _cached(path, temporary)
        if store is None:
            _extract(source, path, progress)
            store = FingerprintFile(path, temporary)
            _evict(folder)
    except OSError as error:
        if isinstance(error, MediaError):
            raise
        if temporary is None and error.errno in _FULL:
            _log.warning("the fingerprints of %s are not kept in %s: %s", source.name, folder, error.strerror)
            return _fingerprints(source, None, progress)
        raise MediaError(f"The fingerprints of {source.name} cannot be kept in {folder}: {error}.") from error
    clock = frame_clock(
        store.times + source.start, source.rate, restarts_forward=source.restarts_forward, forced=source.forced
    )
    return Fingerprints(
        store,
        store.stats,
        clock.times,
        clock.rate,
        clock.variable,
        bool(store.facts["interlaced"]),
        source.size,
        clock,
        bool(store.facts["combed"]),
    )


def _cached(path: Path, folder: object) -> FingerprintFile | None:
    """Open the cached file; None if there is none, or it is not intact."""
    try:
        found = FingerprintFile(path, folder)
    except FileNotFoundError:
        return None
    except ValueError:
        # corrupted externally (only finished files get this name): extract again
        path.unlink(missing_ok=True)
        return None
    os.utime(path)
    return found


def _extract(source: _Source, path: Path, progress: Progress | None) -> None:
    """Extract all frames to a file, resuming an interrupted run."""
    part = path.with_suffix(".part")
    try:
        writer = FingerprintWriter(part)
    except BlockingIOError:
        # another process is extracting the same video; the first to finish keeps the name
        part = path.with_suffix(f".{secrets.token_hex(4)}.part")
        writer = FingerprintWriter(part)
    try:
        batch: list[Thumbnail] = []
        for thumbnail in source.thumbnails(writer.length, writer.last_time):
            batch.append(thumbnail)
            if len(batch) == BLOCK:
                writer.add(_stacked(batch))
                batch.clear()
                if progress is not None:
                    progress(f"reading {source.name}", writer.length, source.length)
        if batch:
            writer.add(_stacked(batch))
        if writer.length == 0:
            raise MediaError(f"{source.name} has not one frame that can be decoded.")
        writer.finish(path)
    finally:
        writer.close()
    if progress is not None:
        progress(f"reading {source.name}", writer.length, writer.length)


def _stacked(thumbnails: list[Thumbnail]) -> FrameThumbnails:
    size = COLOR_WIDTH, COLOR_HEIGHT
    color = [[cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in t.chroma] for t in thumbnails]
    return FrameThumbnails(
        np.stack([thumbnail.luma for thumbnail in thumbnails]),
        np.array(color, np.uint8),
        np.array([thumbnail.time for thumbnail in thumbnails]),
        np.array([thumbnail.interlaced for thumbnail in thumbnails]),
        np.array([thumbnail.combed for thumbnail in thumbnails]),
    )


def _evict(folder: Path) -> None:
    """Delete the least recently used files of the cache beyond its size limit."""
    files = []
    # including interrupted extractions that were never resumed
    for path in [*folder.glob("*.fingerprints"), *folder.glob("*.part")]:
        with suppress(FileNotFoundError):  # another process evicts too
            files.append((path.stat(), path))
    files.sort(key=lambda entry: entry[0].st_mtime, reverse=True)
    total = 0
    for facts, path in files:
        total += facts.st_size
        if total > _MOST_BYTES:
            path.unlink(missing_ok=True)
