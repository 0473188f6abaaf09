"""What the VapourSynth scripts of the command line have in common: they are written for a person to read and change."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.media.source import Source, source_arguments
from vs_align.version import __version__


def script_head(purpose: str, clip: Source, ref: Source, constants: Sequence[str] = ()) -> str:
    """Return the top of a script: what it is for, imports, and what a person may want to change.

    Args:
        purpose: What it does, in a sentence.
        clip: Becomes CLIP.
        ref: Becomes REF.
        constants: Further lines of the form `NAME = value`.
    """
    return script_top(purpose, {"CLIP": clip.file.path, "REF": ref.file.path}, constants)


def script_top(purpose: str, inputs: Mapping[str, Path], constants: Sequence[str] = ()) -> str:
    """Return the top of a script whose videos have names of their own; see `script_head`.

    Args:
        purpose: What it does, in a sentence.
        inputs: Videos by the names of their constants.
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
    """Return the call that opens the file which a constant of the script names."""
    arguments = source_arguments(Path())
    options = f"cachemode={arguments['cachemode']}, cachepath=INDEX, showprogress={arguments['showprogress']}"
    return f"core.bs.VideoSource({constant}, {options})"


def colour_options(source: Source, wanted: Source) -> list[str]:
    """Return the arguments of a resizer that give pictures of one file the colours of another.

    A picture that does not say is taken for what its size makes likely, as players do.
    """
    options = []
    if wanted.is_yuv and (source.is_rgb or (wanted.tags.matrix, source.tags.matrix) != (None, None)):
        if source.is_yuv and source.tags.matrix is None:
            options.append(f"matrix_in={likely_matrix(source)}")
        options.append(f"matrix={wanted.tags.matrix or likely_matrix(wanted)}")
    elif wanted.is_rgb and source.is_yuv and source.tags.matrix is None:
        options.append(f"matrix_in={likely_matrix(source)}")
    elif source.is_rgb and not wanted.is_rgb:
        options.append("matrix=1")  # one must be named for grey, and the difference cannot be seen
    if wanted.tags.full_range is not None:
        options.append(f"range={int(wanted.tags.full_range)}")
    return options


def timing_lines(ref: Source, node: str = "result", named: str = "REF") -> str:
    """Return what gives a clip the durations of a file of variable frame rate; nothing for a constant one.

    Args:
        ref: The file.
        node: Name of the clip in the script; its frames have the durations of the file but for the last.
        named: Name of the file in the script.
    """
    if not ref.variable:
        return ""
    # A file does not say how long its last frame lasts, and vspipe wants to know.
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


def write_script(text: str, path: Path) -> None:
    """Write a script as UTF-8.

    Raises:
        MediaError: The file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error.strerror or error}.") from error


def likely_matrix(source: Source) -> int:
    """Return the H.273 code of the matrix that players assume for a picture that names none: by its size."""
    return matrix_of_size(source.width, source.height)


def matrix_of_size(width: int, height: int) -> int:
    """Return the H.273 code of the matrix that players assume for pictures of a size: BT.709 for large ones."""
    return 1 if width > 1024 or height > 576 else 6
