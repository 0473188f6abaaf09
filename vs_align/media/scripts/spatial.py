"""Generator of the script of `vs-align spatial`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vs_align.media.color import ColorTags
from vs_align.media.pixel_format import format_for_size
from vs_align.media.scripts.common import (
    color_options,
    default_matrix,
    default_matrix_for_size,
    opened,
    script_head,
    timing_lines,
)
from vs_align.media.scripts.comparison import Comparison
from vs_align.media.source import Source


@dataclass(frozen=True, slots=True)
class SpatialScript:
    """Parameters of the script of `vs-align spatial`. The result is output 0, the comparison output 1."""

    clip: Source
    ref: Source
    options: Mapping[str, int | str] = field(default_factory=dict)
    """Options of `vs_align.spatial` that are no files, by name."""
    mask: Path | None = None
    clip_mask: Path | None = None
    placement: Path | None = None
    comparison: Comparison | None = None
    rendered: Path | None = None
    """A finished result for the comparison; nothing is aligned then."""
    image: str | None = None
    """Pixel format of an image; None: a video is written."""

    def after(self, rendered: Path | None) -> "SpatialScript":
        """Return a script that reads a finished result instead of aligning; None aligns."""
        return replace(self, rendered=rendered)

    @property
    def timed(self) -> Source:
        """File whose number of frames and durations the result has: ref, or clip if only ref is a still."""
        return self.clip if self.ref.is_still else self.ref

    @property
    def format(self) -> str:
        """Format of the result: clip's, or YUV 4:4:4 if its subsampling does not divide ref's size."""
        if self.image is not None:
            return self.image
        return format_for_size(self.clip.format, (self.ref.width, self.ref.height))

    @property
    def tags(self) -> ColorTags:
        """Color tags of the result: clip's, with ref's sample aspect ratio."""
        tags = replace(self.clip.tags, sample_aspect=self.ref.tags.sample_aspect)
        if self.format != self.clip.format:
            tags = replace(tags, chroma=None)
        if (
            self.clip.is_yuv
            and tags.matrix is None
            and self._matrix != default_matrix_for_size(self.ref.width, self.ref.height)
        ):
            # the matrix that is assumed for clip's size differs from that for ref's size
            return replace(tags, matrix=self._matrix)
        return tags

    @property
    def _matrix(self) -> int:
        return self.clip.tags.matrix or default_matrix(self.clip)

    def text(self) -> str:
        """Return the script."""
        parts = [self._head(), f"clip = {opened('CLIP')}\nref = {opened('REF')}\n"]
        if self.rendered is None:
            parts += [self._to_rgb(), self._align(), self._back(), self._timing()]
        else:
            parts.append(self._opened_result())
        text = "\n".join(part for part in parts if part) + "\nresult.set_output()\n"
        return text if self.comparison is None else text + self._versions() + self.comparison.text() + _SECOND_OUTPUT

    def _head(self) -> str:
        constants = {
            "MASK": (self.mask, "what does not count in REF is white"),
            "CLIP_MASK": (self.clip_mask, "what does not count in CLIP is white"),
            "PLACEMENT": (self.placement, "maps pixels of REF to pixels of CLIP; edit it and run again"),
            "RESULT": (self.rendered, "CLIP laid on REF"),
        }
        lines = [f"{name} = {str(path)!r}  # {said}" for name, (path, said) in constants.items() if path is not None]
        return script_head(
            "Lays each frame of CLIP on the frame of REF with the same number.", self.clip, self.ref, lines
        )

    def _to_rgb(self) -> str:
        lines = ["# RGB of floating point, so that nothing is rounded and no colour out of range is lost on the way."]
        for name, source in (("clip", self.clip), ("ref", self.ref)):
            if source.is_rgb:
                lines.append(f"{name}_rgb = {name}.resize.Point(format=vs.RGBS)")
            elif source.is_yuv:
                matrix = "" if source.tags.matrix is not None else f", matrix_in={default_matrix(source)}"
                lines.append(f"{name}_rgb = {name}.std.SetFieldBased(0).resize.Spline36(format=vs.RGBS{matrix})")
            else:
                lines.append(f'grey = {name}.resize.Point(format=vs.GRAYS).std.RemoveFrameProps("_Matrix")')
                lines.append(f"{name}_rgb = core.std.ShufflePlanes(grey, [0, 0, 0], vs.RGB)")
        return "\n".join(lines) + "\n"

    def _align(self) -> str:
        arguments = ["clip_rgb", "ref_rgb"]
        arguments += [f"mask={opened('MASK')}"] if self.mask is not None else []
        arguments += [f"clip_mask={opened('CLIP_MASK')}"] if self.clip_mask is not None else []
        arguments += ["placement=PLACEMENT"] if self.placement is not None else []
        for name, value in self.options.items():
            arguments.append(f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}")
        listed = "".join(f"    {argument},\n" for argument in arguments)
        return f"aligned = vs_align.spatial(\n{listed})\n"

    def _back(self) -> str:
        options = [f"format=vs.{self.format}"]
        options += [f"matrix={self._matrix}"] if self.clip.is_yuv and self.image is None else []
        if self.image is not None:
            options.append("range=vs.RANGE_FULL")
        elif self.clip.tags.full_range is not None or not self.clip.is_rgb:
            options.append(f"range={int(bool(self.clip.tags.full_range))}")
        options += [f"chromaloc={self.tags.chroma}"] if self.tags.chroma is not None and self.image is None else []
        joined = ", ".join([*options, 'dither_type="error_diffusion"'])
        is_gray = not self.clip.is_yuv and not self.clip.is_rgb
        planes = ".std.ShufflePlanes(0, vs.GRAY)" if is_gray else ""
        return "\n".join(
            [
                "# Back to the format of CLIP, with REF's shape of pixels.",
                f"result = aligned{planes}.resize.Spline36({joined})",
                'result = result.std.CopyFrameProps(ref, props=["_SARNum", "_SARDen"])',
                "",
            ]
        )

    def _timing(self) -> str:
        return timing_lines(self.timed, named="CLIP" if self.timed is self.clip else "REF")

    def _opened_result(self) -> str:
        options = [f"format=vs.{self.format}"]
        if self.clip.tags.full_range is not None:
            options.append(f"range={int(self.clip.tags.full_range)}")
        return (
            "result = core.bs.VideoSource(RESULT, cachemode=0, showprogress=False)\n"
            f"result = result.resize.Spline36({', '.join(options)})\n"
        )

    def _versions(self) -> str:
        """Return the lines that convert clip and ref to the size and format of the result."""
        form, missing = f"format=vs.{self.format}", self.timed.length - self.clip.length
        colours = ", ".join([form, *color_options(self.ref, self.clip)])
        before = f"clip.std.SetFieldBased(0).resize.Spline36({self.ref.width}, {self.ref.height}, {form})"
        lines = [
            "",
            "# Output 1: before, ref and after. Before is CLIP, stretched over REF.",
            f"before = {before}" + (f"[:{self.timed.length}]" if missing < 0 else ""),
            *([f"before = before + before[-1] * {missing}"] if missing > 0 else []),
            f"reference = ref.std.SetFieldBased(0).resize.Spline36({colours})",
            *([f"reference = reference * {self.timed.length}"] if self.timed is not self.ref else []),
            "",
        ]
        return "\n".join(lines)


_SECOND_OUTPUT = "comparison.set_output(1)\n"
