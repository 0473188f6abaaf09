"""Video files opened with BestSource: number, display times and format of their frames."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vs_align.errors import MediaError, MissingDependencyError
from vs_align.io.install_advice import install_command
from vs_align.io.user_folders import temporary_home, writable_cache
from vs_align.media.color import ColorTags
from vs_align.media.frame_clock import FrameClock, frame_clock
from vs_align.media.probe import VideoFile

_SAME_TIME = 0.001
"""Seconds: the rounding of containers."""
_REORDER_FRAMES = 1.5
"""Frames by which the decoding times of AVI may precede display times: one for bidirectional frames, and rounding."""
_NOTICE = "no return value(s) named"
"""Part of a warning of VapourSynth about BestSource, see `_without_notice`."""
_NO_STAMP = -(1 << 63)
"""BestSource's value for a frame without a time stamp (AV_NOPTS_VALUE)."""
_SHORTFALL_SECONDS = 2.0
"""Seconds that may be missing against the declared duration, because of an edit list or some frames."""
_SHORTFALL_SHARE = 0.1
"""The same as a share of the declared duration; a truncated file lacks more of both."""


@dataclass(frozen=True, slots=True)
class Source:
    """Properties of a file opened with BestSource. Has no node, so that it may outlive the VapourSynth core."""

    file: VideoFile
    width: int
    height: int
    format: str
    """VapourSynth's name of the format in capitals, such as YUV420P10."""
    bits: int
    is_rgb: bool
    is_yuv: bool
    length: int
    rate: Fraction
    """Frames per second: of the usual frame duration, or the average if there is none."""
    variable: bool
    """Whether frame durations differ."""
    start: float
    """Time stamp of the first frame in seconds."""
    times: tuple[float, ...]
    """Display time of each frame in seconds since the first."""
    tags: ColorTags
    interlaced: bool
    shifts: tuple[float, ...] = ()
    """Seconds that are added to the time stamps from each restart of the clock on."""
    mended: bool = False
    """Whether the times differ from the time stamps: some were missing, out of order, or restarted."""
    remarks: tuple[str, ...] = ()
    """What was repaired, as sentences."""
    alpha: bool = False
    """Whether frames have alpha in the prop `_Alpha`."""

    @property
    def is_still(self) -> bool:
        """Whether there is one frame only; its rate has no meaning."""
        return self.length == 1

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last, whose duration is the average."""
        return self.times[-1] + self.frame_seconds

    @property
    def frame_seconds(self) -> float:
        """Average duration of a frame in seconds."""
        return float(1 / self.rate)


def require_bestsource() -> None:
    """Raise if the plugin BestSource is missing or too old.

    Raises:
        MissingDependencyError: VapourSynth does not find the plugin, or it is too old.
    """
    if not hasattr(vs.core, "bs"):
        raise MissingDependencyError(
            "The VapourSynth plugin BestSource (core.bs), which reads video files, is missing: "
            f"{install_command('vapoursynth-bestsource')}"
        )
    if "exporttimestamps" not in vs.core.bs.VideoSource.signature:
        raise MissingDependencyError(
            "The VapourSynth plugin BestSource (core.bs) is too old to tell time stamps: "
            f"{install_command('vapoursynth-bestsource', upgrade=True)}"
        )


def index_folder() -> Path:
    """Return the folder of BestSource's indexes of long files: in the user's cache, never beside the video.

    If the cache is not writable, it is a temporary folder: BestSource would report an error of the video.
    """
    return (writable_cache() or temporary_home()) / "index"


def source_arguments(path: Path) -> dict[str, Any]:
    """Return the arguments of `core.bs.VideoSource` that the whole program uses, so that indexes are shared.

    Cache mode 1 reads an existing index, and writes one only if indexing takes noticeable time.
    """
    return {"source": str(path), "cachemode": 1, "cachepath": str(index_folder()), "showprogress": False}


def open_source(file: VideoFile) -> Source:
    """Index a file and read the properties of its frames. The first time takes minutes for a long file.

    Raises:
        MissingDependencyError: BestSource is not installed.
        MediaError: The file cannot be indexed, or is far shorter than its declared duration.
    """
    require_bestsource()
    try:
        with _without_notice():
            opened: Any = vs.core.bs.VideoSource(**source_arguments(file.path), exporttimestamps=True)
        node = opened["clip"]
        with node.get_frame(0) as frame:
            props: dict[str, Any] = {name: value for name, value in frame.props.items() if name != "_Alpha"}
            alpha = "_Alpha" in frame.props
    except vs.Error as error:
        raise MediaError(f"{file.path.name} cannot be read: {_one_line(error)}") from error
    clock = _clock(file, opened, Fraction(node.fps))
    start = _start(file, clock)
    form = node.format
    source = Source(
        file=file,
        width=node.width,
        height=node.height,
        format=form.name.upper(),
        bits=form.bits_per_sample,
        is_rgb=form.color_family == vs.RGB,
        is_yuv=form.color_family == vs.YUV,
        length=node.num_frames,
        rate=clock.rate,
        variable=clock.variable,
        start=start,
        times=tuple(clock.times.tolist()),
        tags=ColorTags.from_props(props, is_subsampled=form.subsampling_h > 0),
        interlaced=file.interlaced or props.get("_FieldBased", 0) > 0,
        shifts=clock.shifts,
        mended=clock.mended or abs(start - clock.start) > _SAME_TIME,
        remarks=clock.remarks(file.path.name),
        alpha=alpha,
    )
    _check_length(source)
    return source


def _start(file: VideoFile, clock: FrameClock) -> float:
    """Return the time of the first frame: BestSource gives decoding times for AVI, about a frame earlier."""
    near = abs(file.video_start - clock.start) < _REORDER_FRAMES / float(clock.rate)
    return file.video_start if near else clock.start


@contextmanager
def _without_notice() -> Iterator[None]:
    """Suppress VapourSynth's warning that BestSource returns more values than its signature declares."""

    def wanted(record: logging.LogRecord) -> bool:
        return _NOTICE not in record.getMessage()

    logger = logging.getLogger("vapoursynth")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)


def _clock(file: VideoFile, opened: dict[str, Any], fps: Fraction) -> FrameClock:
    import numpy as np

    stamps = np.atleast_1d(np.array(opened["timestamps"], np.int64))
    unit = opened["timebasenum"] / opened["timebaseden"]
    seconds = np.where(stamps == _NO_STAMP, np.nan, stamps * unit)
    return frame_clock(
        seconds, file.fps or fps, restarts_forward=file.restarts_forward, forced=file.forced_fps
    )  # fmt: skip


def _check_length(source: Source) -> None:
    promised, name = source.file.duration, source.file.path.name
    if promised is None or source.file.frames is None:
        return
    # with an edit list some stored frames are not shown, and the declared duration is shorter
    expected = min(source.file.frames * source.frame_seconds, promised)
    missing = expected - source.duration
    if missing > _SHORTFALL_SECONDS and missing > _SHORTFALL_SHARE * expected:
        raise MediaError(
            f"{name} is truncated or damaged: its header promises {expected:.1f} s, "
            f"{source.duration:.1f} s can be read."
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."
