"""Common lines of the generated VapourSynth scripts, which users may edit: head, sources, color conversion, timing."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.io.atomic_files import error_reason, save_bytes
from vs_align.media.source import Source, source_arguments
from vs_align.version import __version__

_TICKS = 10_000
"""Least time base in ticks per second: a tenth of the milliseconds of Matroska."""


def script_head(purpose: str, clip: Source, ref: Source, constants: Sequence[str] = ()) -> str:
    """Return the head of a script with CLIP and REF: purpose, imports and constants to edit.

    Args:
        purpose: What the script does, as a sentence.
        clip: File of the constant CLIP.
        ref: File of the constant REF.
        constants: Further lines of the form `NAME = value`.
    """
    return script_top(purpose, {"CLIP": clip.file.path, "REF": ref.file.path}, constants)


def script_top(purpose: str, inputs: Mapping[str, Path], constants: Sequence[str] = ()) -> str:
    """Return the head of a script with given names of constants; see `script_head`.

    Args:
        purpose: What the script does, as a sentence.
        inputs: Paths of videos by name of their constant.
        constants: Further lines of the form `NAME = value`.
    """
    index = source_arguments(Path())["cachepath"]
    lines = [
        f"# Written by vs-align {__version__}. {purpose}",
        "# Needs the vs_align package and the plugin BestSource (core.bs). Open it in an editor, or run it:",
        "#     vspipe -c y4m SCRIPT - | ffmpeg -i - OUT",
        "import vapoursynth as vs",
        "",
        "import vs_align",
        "",
        "core = vs.core",
        "",
        *(f"{name} = {str(path)!r}" for name, path in inputs.items()),
        f"INDEX = {index!r}  # where BestSource keeps what it knows of long files",
        *constants,
    ]
    return "\n".join(lines) + "\n"


def opened(constant: str) -> str:
    """Return the call that opens the file of a constant."""
    arguments = source_arguments(Path())
    options = f"cachemode={arguments['cachemode']}, cachepath=INDEX, showprogress={arguments['showprogress']}"
    return f"core.bs.VideoSource({constant}, {options})"


def color_options(source: Source, wanted: Source) -> list[str]:
    """Return the resizer arguments that convert frames of one file to the color tags of another.

    Without a matrix tag the default of players for the size is assumed.
    """
    options = []
    if wanted.is_yuv and (source.is_rgb or (wanted.tags.matrix, source.tags.matrix) != (None, None)):
        if source.is_yuv and source.tags.matrix is None:
            options.append(f"matrix_in={default_matrix(source)}")
        options.append(f"matrix={wanted.tags.matrix or default_matrix(wanted)}")
    elif wanted.is_rgb and source.is_yuv and source.tags.matrix is None:
        options.append(f"matrix_in={default_matrix(source)}")
    elif source.is_rgb and not wanted.is_rgb:
        options.append("matrix=1")  # a matrix is required for gray, and the difference is invisible
    if wanted.tags.full_range is not None:
        options.append(f"range={int(wanted.tags.full_range)}")
    return options


def image_options(source: Source, form: str) -> str:
    """Return the resizer arguments that convert frames of a file to the pixel format of an image, RGB or gray."""
    options = [f"format=vs.{form}"]
    if source.is_yuv and source.tags.matrix is None:
        options.append(f"matrix_in={default_matrix(source)}")
    if form.startswith("GRAY"):
        options.append("range=vs.RANGE_FULL")
    return ", ".join([*options, 'dither_type="error_diffusion"'])


def timing_lines(ref: Source, node: str = "result", named: str = "REF") -> str:
    """Return the lines that give a clip the frame durations of a file; empty for a constant frame rate.

    Args:
        ref: The file.
        node: Name of the clip in the script; its frames have the durations of the file, except the last.
        named: Constant of the file in the script.
    """
    if not ref.variable:
        return ""
    if ref.mended:
        return _rebuilt_timing(ref, node, named)
    # files do not declare the duration of the last frame, and vspipe requires one
    last = Fraction(ref.frame_seconds).limit_denominator(100000)
    return "\n".join(
        [
            f"# {named} has a variable frame rate: a clip without a rate makes vspipe write each frame's own duration.",
            "# The last frame has none, so it is given one.",
            f"last = {node}[-1].std.SetFrameProps(_DurationNum={last.numerator}, _DurationDen={last.denominator})",
            f"timed = {node}[:-1] + last",
            f"{node} = core.std.BlankClip(timed, fpsnum=0, fpsden=1, keep=True)",
            f"{node} = {node}.std.FrameEval(lambda n: timed, clip_src=[timed])",
            "",
        ]
    )


def _rebuilt_timing(ref: Source, node: str, named: str) -> str:
    """Return the lines that give a clip repaired frame durations, as runs of equal durations."""
    unit = ref.rate.numerator if ref.rate.numerator > _TICKS else _TICKS * ref.rate.numerator
    ticks = [round(time * unit) for time in (*ref.times, ref.duration)]
    runs: list[list[int]] = []
    for begin, end in pairwise(ticks):
        length = max(1, end - begin)
        if runs and runs[-1][0] == length:
            runs[-1][1] += 1
        else:
            runs.append([length, 1])
    listed = ", ".join(f"({length}, {count})" for length, count in runs)
    return "\n".join(
        [
            f"# {named} has a variable frame rate and time stamps that lack, stray or start anew: these are the",
            f"# durations of its frames, in units of 1/{unit} s, and how many frames in a row have each.",
            f"runs = [{listed}]",
            "durations = [length for length, count in runs for _ in range(count)]",
            "",
            "",
            "def timed(n, f):",
            "    f = f.copy()",
            f"    f.props._DurationNum, f.props._DurationDen = durations[n], {unit}",
            "    return f",
            "",
            "",
            f"blank = core.std.BlankClip({node}, fpsnum=0, fpsden=1, keep=True)",
            f"{node} = blank.std.ModifyFrame({node}, timed)",
            "",
        ]
    )


def write_script(text: str, path: Path) -> None:
    """Write a script as UTF-8.

    Raises:
        MediaError: The file cannot be written.
    """
    try:
        save_bytes(text.encode(), path)
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error_reason(error)}.") from error


def default_matrix(source: Source) -> int:
    """Return the H.273 code of the matrix that players assume for untagged frames of a file."""
    return default_matrix_for_size(source.width, source.height)


def default_matrix_for_size(width: int, height: int) -> int:
    """Return the H.273 code of the matrix that players assume for a size: BT.709 for HD, BT.601 for SD."""
    return 1 if width > 1024 or height > 576 else 6
