"""Opening a file frame by frame with BestSource: how many frames, at which times, of which format."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vs_align.errors import MediaError, MissingDependencyError
from vs_align.io.user_folders import temporary_home, writable_cache
from vs_align.media.color import ColourTags
from vs_align.media.frame_clock import FrameClock, frame_clock
from vs_align.media.probe import VideoFile

_SAME_TIME = 0.001
# Frames by which AVI's stamps, which are times of decoding, may be ahead of showing: one for bidirectional frames.
_DECODED_EARLIER = 1.5
_NOTICE = "no return value(s) named"
# What BestSource says for the time stamp of a frame that has none.
_NO_STAMP = -(1 << 63)
# What a container says and what can be decoded differ by an edit list or a frame or two; a cut-off file by more.
_SHORTFALL_SECONDS, _SHORTFALL_SHARE = 2.0, 0.1


@dataclass(frozen=True, slots=True)
class Source:
    """A file as VapourSynth sees it. Holds no node, so that it may outlive the core."""

    file: VideoFile
    width: int
    height: int
    format: str
    """Name of the format in capitals, such as YUV420P10."""
    bits: int
    is_rgb: bool
    is_yuv: bool
    length: int
    rate: Fraction
    """Frames per second: that of the usual step, or the average where there is no usual one."""
    variable: bool
    """Whether frames are shown for different times."""
    start: float
    """When the first frame is shown, in seconds of the container's clock."""
    times: tuple[float, ...]
    """When each frame is shown, in seconds since the first."""
    tags: ColourTags
    interlaced: bool
    shifts: tuple[float, ...] = ()
    """Seconds that are added to the container's clock from each place on where it starts anew."""
    mended: bool = False
    """Whether the times are not those that the container says: some lack, lie out of order, or start anew."""
    remarks: tuple[str, ...] = ()
    """What was mended, in words."""
    alpha: bool = False
    """Whether frames come with alpha, in the prop `_Alpha`."""

    @property
    def is_still(self) -> bool:
        """Whether there is but one frame. Its rate is a nominal one, which says nothing."""
        return self.length == 1

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last, which is taken to last as long as an average one."""
        return self.times[-1] + self.frame_seconds

    @property
    def frame_seconds(self) -> float:
        """Seconds that a frame is shown for, on average."""
        return float(1 / self.rate)


def require_bestsource() -> None:
    """Make sure that the plugin which reads files is there.

    Raises:
        MissingDependencyError: VapourSynth does not find it, or it is too old.
    """
    if not hasattr(vs.core, "bs"):
        raise MissingDependencyError(
            "The VapourSynth plugin BestSource (core.bs), which reads video files, is missing: "
            "pip install vapoursynth-bestsource"
        )
    if "exporttimestamps" not in vs.core.bs.VideoSource.signature:
        raise MissingDependencyError(
            "The VapourSynth plugin BestSource (core.bs) is too old to tell time stamps: "
            "pip install -U vapoursynth-bestsource"
        )


def index_folder() -> Path:
    """Return where BestSource keeps the indexes of long files: in the user's cache, never beside the video.

    Where that cannot be written, which BestSource takes for a fault of the video, they last as long as this process.
    """
    return (writable_cache() or temporary_home()) / "index"


def source_arguments(path: Path) -> dict[str, Any]:
    """Return the arguments for `core.bs.VideoSource` that every part of the program uses, so that indexes are shared.

    Cache mode 1 reads an index where there is one and writes one only where that saves noticeable time.
    """
    return {"source": str(path), "cachemode": 1, "cachepath": str(index_folder()), "showprogress": False}


def open_source(file: VideoFile) -> Source:
    """Index a file and read what there is to know about its frames. Takes minutes for a long file on its first time.

    Raises:
        MissingDependencyError: BestSource is not installed.
        MediaError: The file cannot be indexed, or far less of it can be read than it promises.
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
        tags=ColourTags.from_props(props, is_subsampled=form.subsampling_h > 0),
        interlaced=file.interlaced or props.get("_FieldBased", 0) > 0,
        shifts=clock.shifts,
        mended=clock.mended or abs(start - clock.start) > _SAME_TIME,
        remarks=clock.remarks(file.path.name),
        alpha=alpha,
    )
    _check_length(source)
    return source


def _start(file: VideoFile, clock: FrameClock) -> float:
    """When the first frame is shown: for AVI, BestSource may say when it is decoded, which is a frame or so earlier."""
    near = abs(file.video_start - clock.start) < _DECODED_EARLIER / float(clock.rate)
    return file.video_start if near else clock.start


@contextmanager
def _without_notice() -> Iterator[None]:
    """Keep VapourSynth from saying that BestSource returns more than its signature says."""

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
    # What is stored is not all shown where an edit list says so; then the container's duration is the shorter one.
    expected = min(source.file.frames * source.frame_seconds, promised)
    missing = expected - source.duration
    if missing > _SHORTFALL_SECONDS and missing > _SHORTFALL_SHARE * expected:
        raise MediaError(
            f"{name} is truncated or damaged: its header promises {expected:.1f} s, "
            f"{source.duration:.1f} s can be read."
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."
