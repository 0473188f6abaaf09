"""Opening a file frame by frame with BestSource: how many frames, at which times, of which format."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import vapoursynth as vs

from vs_align.errors import MediaError, MissingDependencyError
from vs_align.media.colour import ColourTags
from vs_align.media.probe import VideoFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Containers round time stamps to a millisecond; two roundings may stand against each other.
_ROUNDING = 0.0021
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
    """Frames per second; the average where the rate is variable."""
    variable: bool
    """Whether frames are shown for different times."""
    start: float
    """When the first frame is shown, in seconds of the container's clock."""
    times: tuple[float, ...]
    """When each frame is shown, in seconds since the first."""
    tags: ColourTags
    interlaced: bool

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
        MissingDependencyError: VapourSynth does not find it.
    """
    if not hasattr(vs.core, "bs"):
        raise MissingDependencyError(
            "The VapourSynth plugin BestSource (core.bs), which reads video files, is missing: "
            "pip install vapoursynth-bestsource"
        )


def index_folder() -> Path:
    """Return where BestSource keeps the indexes of long files: in the user's cache, never beside the video."""
    from platformdirs import user_cache_path

    return user_cache_path("vs_align", appauthor=False) / "index"


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
    with TemporaryDirectory(prefix="vs_align-") as folder:
        timecodes = Path(folder) / "times.txt"
        try:
            node = vs.core.bs.VideoSource(**source_arguments(file.path), timecodes=str(timecodes))
            with node.get_frame(0) as frame:
                props: dict[str, Any] = dict(frame.props)
        except vs.Error as error:
            raise MediaError(f"{file.path.name} cannot be read: {_one_line(error)}") from error
        stamps = _read_timecodes(timecodes)
    rate, variable = frame_rate(stamps, Fraction(node.fps))
    times = stamps - stamps[0]
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
        rate=rate,
        variable=variable,
        start=float(stamps[0]),
        times=tuple(times.tolist()),
        tags=ColourTags.from_props(props, is_subsampled=form.subsampling_h > 0),
        interlaced=file.interlaced or props.get("_FieldBased", 0) > 0,
    )
    _check_length(source)
    return source


def frame_rate(stamps: "NDArray[np.float64]", nominal: Fraction) -> tuple[Fraction, bool]:
    """Tell from time stamps whether frames come at a constant rate, and at which.

    Args:
        stamps: Time of each frame in seconds, at least one.
        nominal: The rate that the container names, frames per second; 0 where it names none.

    Returns:
        Frames per second, and whether the rate is variable, in which case it is the average.
    """
    import numpy as np

    count = len(stamps)
    span = float(stamps[-1] - stamps[0])
    if count < 2 or span <= 0:
        return nominal or Fraction(25), False
    even = np.linspace(stamps[0], stamps[-1], count)
    variable = bool(np.abs(stamps - even).max() > _ROUNDING)
    measured = Fraction((count - 1) / span)
    # A nominal rate is exact where a measured one is rounded, so it is kept as long as it loses no time.
    if nominal and abs((count - 1) / float(nominal) - span) <= _ROUNDING + span * 1e-5:
        return nominal, variable
    return measured.limit_denominator(1001), variable


def _read_timecodes(path: Path) -> "NDArray[np.float64]":
    import numpy as np

    lines = path.read_text(encoding="ascii").splitlines()
    return np.array([float(line) for line in lines[1:] if line.strip()]) / 1000


def _check_length(source: Source) -> None:
    promised, name = source.file.duration, source.file.path.name
    if promised is None or source.file.frames is None:
        return
    expected = source.file.frames * source.frame_seconds
    missing = expected - source.duration
    if missing > _SHORTFALL_SECONDS and missing > _SHORTFALL_SHARE * expected:
        raise MediaError(
            f"{name} is truncated or damaged: its header promises {expected:.1f} s, "
            f"{source.duration:.1f} s can be read."
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."
