"""Script lines of the comparison video: before, ref and after side by side, or alternating stills (blink)."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from vs_align.media.source import Source

_MAX_WIDTH = 4096
"""Largest width of the whole comparison in pixels; hardware decoders of H.264 usually end at 4096."""
_MULTIPLE = 4
"""Pixels: panels have sizes that any chroma subsampling divides."""
_MIN_TEXT_SIZE = 48
"""Pixels: VapourSynth's text plugin refuses frames below 40x48."""
_STILLS = 15
"""Frames of the film that blink; more show more of it and take longer to watch."""
_HOLD = 12
"""Frames for which each version of a still is shown: half a second."""
_CYCLES = 2
"""How often the versions of a still are shown."""
_BLINK_RATE = 24
"""Frames per second of the comparison of stills."""
# Ref before and after each version, so that most changes are between ref and a version of clip.
_VERSIONS = ("before", "reference", "after", "reference")


class CompareStyle(StrEnum):
    """Layout of the comparison of before, ref and after."""

    SIDE = "side"
    """All frames, the three versions side by side, at most 4096 pixels wide."""
    BLINK = "blink"
    """Frames evenly spread over the film in full size; their versions alternate every half second."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison video of a ref."""

    style: CompareStyle
    ref: Source
    timed: Source | None = None
    """File whose number of frames and rate count; None: ref."""

    @property
    def _clock(self) -> Source:
        return self.timed or self.ref

    @property
    def length(self) -> int:
        """Number of frames of the comparison."""
        if self.style is CompareStyle.SIDE:
            return self._clock.length
        return len(self.moments) * len(_VERSIONS) * _CYCLES * _HOLD

    @property
    def rate(self) -> Fraction:
        """Frames per second of the comparison; constant, because it has no audio."""
        return self._clock.rate if self.style is CompareStyle.SIDE else Fraction(_BLINK_RATE)

    @property
    def moments(self) -> list[int]:
        """Ref frames that are shown as stills."""
        count = min(_STILLS, self._clock.length)
        return [(2 * i + 1) * self._clock.length // (2 * count) for i in range(count)]

    @property
    def measured(self) -> slice:
        """Frames of the comparison whose props hold an alignment, one per ref frame."""
        if self.style is CompareStyle.SIDE:
            return slice(None)
        return slice(_VERSIONS.index("after") * _HOLD, None, len(_VERSIONS) * _CYCLES * _HOLD)

    def panel_size(self) -> tuple[int, int]:
        """Return width and height of one version in pixels."""
        width, height = self.ref.width, self.ref.height
        if self.style is CompareStyle.BLINK or 3 * width <= _MAX_WIDTH:
            return width, height
        factor = _MAX_WIDTH / (3 * width)
        across = int(width * factor) // _MULTIPLE * _MULTIPLE
        return across, max(_MULTIPLE, round(height * factor / _MULTIPLE) * _MULTIPLE)

    def text(self) -> str:
        """Return the lines for a script with clips `before`, `reference` and `result` of equal size and format."""
        width, height = self.panel_size()
        scaled = (width, height) != (self.ref.width, self.ref.height)
        made = f".resize.Bicubic({width}, {height})" if scaled else ""
        if width >= _MIN_TEXT_SIZE and height >= _MIN_TEXT_SIZE:
            made += f".text.Text(label, alignment=7, scale={max(1, height // 360)})"
        lines = [
            "",
            "",
            "def labelled(video, label):",
            f"    return video{made}",
            "",
            "",
            'before = labelled(before, "before")',
            'reference = labelled(reference, "ref")',
            'after = labelled(result, "after")',
        ]
        return "\n".join(lines + (self._side() if self.style is CompareStyle.SIDE else self._blink())) + "\n"

    def _side(self) -> list[str]:
        return [
            "comparison = core.std.StackHorizontal([before, reference, after]).std.CopyFrameProps(result)",
            f"comparison = comparison.std.AssumeFPS(fpsnum={self.rate.numerator}, fpsden={self.rate.denominator})",
        ]

    def _blink(self) -> list[str]:
        versions = ", ".join(_VERSIONS)
        return [
            f"MOMENTS = {self.moments}  # which frames are shown",
            f"HOLD = {_HOLD}  # for how many frames each version of them is",
            f"stills = [video[n] * HOLD for n in MOMENTS for video in ({versions}) * {_CYCLES}]",
            f"comparison = core.std.Splice(stills).std.AssumeFPS(fpsnum={_BLINK_RATE}, fpsden=1)",
        ]
