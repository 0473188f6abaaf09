"""Generator of the script of `vs-align overlay`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vs_align.media.color import ColorTags
from vs_align.media.pixel_format import Size, chroma_subsampling
from vs_align.media.scripts.common import default_matrix, default_matrix_for_size, opened, script_top, timing_lines
from vs_align.media.source import Source

_SAME = "same"
"""Variable of the identity timeline of the result in the script."""
# Options of `vs_align.overlay` that apply to the first layer only.
_FIRST_LAYER_OPTIONS = ("timing", "trim", "canvas", "background")


@dataclass(frozen=True, slots=True)
class ScriptLayer:
    """A layer of the overlay.

    Args:
        fg: Its file.
        timeline: JSON file of the timeline from its frames to frames of bg; for all but the first layer, from frames
            of the result to its frames.
        placement: JSON file of its placement in bg.
    """

    fg: Source
    timeline: Path
    placement: Path


@dataclass(frozen=True, slots=True)
class OverlayScript:
    """Parameters of the script of `vs-align overlay`. The result is output 0.

    Args:
        bg: The background.
        layers: Layers in order, at least one. All but the first are laid on the result of the layer before.
        format: VapourSynth's name of the format of the result.
        size: Width and height of the result.
        options: Options of `vs_align.overlay` that are no files and not at their defaults, by name.
        mask: Mask of the first layer; white is shown.
        bg_mask: Mask of bg; white may be covered.
        division: Divisor of all sizes, for a preview.
        clock: File whose frame durations the result has, bg or the first fg, if they vary.
    """

    bg: Source
    layers: Sequence[ScriptLayer]
    format: str
    size: Size
    options: Mapping[str, int | float | str | bool] = field(default_factory=dict)
    mask: Source | None = None
    bg_mask: Source | None = None
    division: int = 1
    clock: Source | None = None

    @property
    def bits(self) -> int:
        """Bits per sample of the result."""
        digits = self.format[7:] if self.format.startswith("YUV") else self.format.lstrip("GRAYB")
        return int(digits) // 3 if self.format.startswith("RGB") else int(digits)

    @property
    def tags(self) -> ColorTags:
        """Color tags of the result: those of bg, as far as its format allows."""
        tags = self.bg.tags
        if self.options.get("canvas") == "fg":
            tags = replace(tags, sample_aspect=self.layers[0].fg.tags.sample_aspect)
        if self.format.startswith("RGB"):
            return replace(tags, matrix=None, chroma=None, full_range=True)
        if self.bg.is_rgb:
            tags = replace(tags, matrix=self._matrix, full_range=False)
        elif not self.bg.is_yuv:
            full = False if self.format.startswith("YUV") else tags.full_range is not False
            tags = replace(tags, matrix=self._matrix, full_range=full)
        elif tags.matrix is None and self._matrix != default_matrix_for_size(*self.size):
            # the matrix that is assumed for bg's size differs from that for the size of the result
            tags = replace(tags, matrix=self._matrix)
        return tags if chroma_subsampling(self.format)[1] > 1 else replace(tags, chroma=None)

    @property
    def _matrix(self) -> int:
        if self.bg.is_rgb:
            return default_matrix_for_size(*self.size)
        return self.bg.tags.matrix or default_matrix(self.bg)

    def text(self) -> str:
        """Return the script."""
        parts = [self._head(), self._sources(), self._timed(), *self._smaller(), *self._masks()]
        parts += [self._overlay(0), *self._same()]
        parts += [self._overlay(number) for number in range(1, len(self.layers))]
        parts.append(self._converted())
        return "\n".join(part for part in parts if part) + "\nresult.set_output()\n"

    def _head(self) -> str:
        inputs = {"BG": self.bg.file.path}
        inputs |= {_name("FG", number): layer.fg.file.path for number, layer in enumerate(self.layers)}
        inputs |= {name.upper(): mask.file.path for name, mask, _ in self._given_masks()}
        lines = []
        for number, layer in enumerate(self.layers):
            fg = _name("FG", number)
            said = "frame of BG belongs to which of FG" if number == 0 else f"frame of {fg} is shown in which of all"
            lines.append(f"{_name('TIMELINE', number)} = {str(layer.timeline)!r}  # which {said}")
            lines.append(f"{_name('PLACEMENT', number)} = {str(layer.placement)!r}  # where {fg} lies in BG")
        return script_top("Lays FG on BG. Edit TIMELINE and PLACEMENT and open it again.", inputs, lines)

    def _sources(self) -> str:
        names = ["bg", *(_name("fg", number) for number in range(len(self.layers)))]
        text = "".join(f"{name} = {opened(name.upper())}\n" for name in names)
        if self.bg.is_rgb or self.bg.is_yuv or self.bg.tags.full_range is not None:
            return text
        # as ffmpeg does, which also shows the result
        return f"{text}bg = bg.std.SetFrameProps(_Range=vs.RANGE_FULL)  # what grey is where it does not say\n"

    def _timed(self) -> str:
        if self.clock is None:
            return ""
        name = "bg" if self.clock == self.bg else "fg"
        return timing_lines(self.clock, name, name.upper())

    def _smaller(self) -> list[str]:
        if self.division == 1:
            return []
        lines = [f"# A preview: all sizes are divided by {self.division}. Without these lines it is no preview."]
        size = preview_size((self.bg.width, self.bg.height), self.division)
        lines.append(f"bg = bg.resize.Bilinear({size[0]}, {size[1]})")
        for number, layer in enumerate(self.layers):
            small = preview_size((layer.fg.width, layer.fg.height), self.division)
            fg, placement = _name("fg", number), _name("PLACEMENT", number)
            lines.append(f"{fg} = {fg}.resize.Bilinear({small[0]}, {small[1]})")
            lines.append(f"{placement} = vs_align.Placement.load({placement}).resized({size}, {small})")
        return ["\n".join(lines) + "\n"]

    def _given_masks(self) -> list[tuple[str, Source, str]]:
        masks = (("mask", self.mask, "fg"), ("bg_mask", self.bg_mask, "bg"))
        return [(name, mask, under) for name, mask, under in masks if mask is not None]

    def _masks(self) -> list[str]:
        lines = []
        for name, mask, under in self._given_masks():
            colours = ", matrix=1" if mask.is_rgb else ""
            size = f"{under}.width, {under}.height"
            lines.append(f"{name} = {opened(name.upper())}")
            lines.append(f"{name} = {name}.resize.Bilinear({size}, format=vs.GRAY8, range=vs.RANGE_FULL{colours})")
        return ["\n".join(lines) + "\n"] if lines else []

    def _same(self) -> list[str]:
        """Return the identity timeline of the result, for the layers that are laid on it."""
        if len(self.layers) == 1:
            return []
        rates = "clip_rate=result.fps, ref_rate=result.fps, clip_length=len(result)"
        said = "# What follows is laid on the result frame by frame."
        return [f"{said}\n{_SAME} = vs_align.Timeline.from_frame_map(range(len(result)), {rates})\n"]

    def _overlay(self, number: int) -> str:
        under, options = "bg", dict(self.options)
        if "margin" in options:
            options["margin"] = max(1, round(int(options["margin"]) / self.division))
        if number > 0:
            under = "result"
            options = {name: value for name, value in options.items() if name not in _FIRST_LAYER_OPTIONS}
            options = {"timing": "ref", "trim": False, **options}
        timeline = _name("TIMELINE", number)
        arguments = [under, _name("fg", number)]
        arguments += [f"timeline=({_SAME}, {timeline})", "ref=result"] if number else [f"timeline={timeline}"]
        arguments.append(f"placement={_name('PLACEMENT', number)}")
        if number == 0:
            arguments += [f"{name}={name}" for name, _, _ in self._given_masks()]
        for name, value in options.items():
            arguments.append(f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}")
        return f"result = vs_align.overlay(\n{''.join(f'    {argument},\n' for argument in arguments)})\n"

    def _converted(self) -> str:
        if self.format == self.bg.format:
            return ""
        options = [f"format=vs.{self.format}"]
        was_yuv, is_yuv = self.bg.is_yuv, self.format.startswith("YUV")
        if is_yuv and not was_yuv:
            options += [f"matrix={self._matrix}", "range=vs.RANGE_LIMITED"]
        elif was_yuv and self.format.startswith("RGB") and self.bg.tags.matrix is None:
            options.append(f"matrix_in={self._matrix}")
        elif self.bg.is_rgb and self.format.startswith("GRAY"):
            options += [f"matrix={self._matrix}", "range=vs.RANGE_LIMITED"]
        joined = ", ".join([*options, 'dither_type="error_diffusion"'])
        return f"# To the format of the pixels that is wanted.\nresult = result.resize.Spline36({joined})\n"


def preview_size(size: Size, division: int) -> Size:
    """Return a size for a preview: divided, and even."""
    if division == 1:
        return size
    width, height = (max(2, round(length / division / 2) * 2) for length in size)
    return width, height


def _name(word: str, number: int) -> str:
    return word if number == 0 else f"{word}{number + 1}"
