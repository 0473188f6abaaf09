"""The script that `vs-align spatial` runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vs_align.media.color import ColourTags
from vs_align.media.scripts.common import (
    colour_options,
    likely_matrix,
    matrix_of_size,
    opened,
    script_head,
    timing_lines,
)
from vs_align.media.scripts.comparison import Comparison
from vs_align.media.source import Source

# How many columns and rows of pixels share a chroma sample.
_SHARED = {"420": (2, 2), "422": (2, 1), "411": (4, 1), "410": (4, 4), "440": (1, 2)}


@dataclass(frozen=True, slots=True)
class SpatialScript:
    """What the script of `vs-align spatial` is made of. The result is its output 0, a comparison output 1."""

    clip: Source
    ref: Source
    options: Mapping[str, int | str] = field(default_factory=dict)
    """Options of `vs_align.spatial` by name, without those that are files."""
    mask: Path | None = None
    clip_mask: Path | None = None
    placement: Path | None = None
    comparison: Comparison | None = None
    rendered: Path | None = None
    """A finished result that is compared; nothing is aligned then."""
    image: str | None = None
    """Format that an image needs; None: that of a video."""

    def after(self, rendered: Path | None) -> "SpatialScript":
        """Return a script of the same that reads a finished result, if there is one."""
        return replace(self, rendered=rendered)

    @property
    def timed(self) -> Source:
        """Whose frames' number and durations the result has: ref's, but clip's where ref alone is a still."""
        return self.clip if self.ref.is_still else self.ref

    @property
    def format(self) -> str:
        """Name of the format of the result: clip's, but without subsampling where ref's size does not allow for it."""
        if self.image is not None:
            return self.image
        columns, rows = _SHARED.get(self.clip.format[3:6], (1, 1)) if self.clip.is_yuv else (1, 1)
        if self.ref.width % columns or self.ref.height % rows:
            return f"YUV444{self.clip.format[6:]}"
        return self.clip.format

    @property
    def tags(self) -> ColourTags:
        """How the result is meant: clip's colours in ref's geometry."""
        tags = replace(self.clip.tags, sample_aspect=self.ref.tags.sample_aspect)
        if self.format != self.clip.format:
            tags = replace(tags, chroma=None)
        if self.clip.is_yuv and tags.matrix is None and self._matrix != matrix_of_size(self.ref.width, self.ref.height):
            # A clip that does not say is taken for what its size makes likely, and now it has another size.
            return replace(tags, matrix=self._matrix)
        return tags

    @property
    def _matrix(self) -> int:
        return self.clip.tags.matrix or likely_matrix(self.clip)

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
                matrix = "" if source.tags.matrix is not None else f", matrix_in={likely_matrix(source)}"
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
        is_grey = not self.clip.is_yuv and not self.clip.is_rgb
        planes = ".std.ShufflePlanes(0, vs.GRAY)" if is_grey else ""
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
        """Return what shows clip and ref in the size and format of the result."""
        form, missing = f"format=vs.{self.format}", self.timed.length - self.clip.length
        colours = ", ".join([form, *colour_options(self.ref, self.clip)])
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
