"""The part of a script that shows before, ref and after: all of the film side by side, or stills that blink."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from vs_align.media.source import Source

_WIDEST = 4096
_MULTIPLE = 4
# The text plugin refuses pictures of less than 40x48.
_LEAST_FOR_TEXT = 48
_STILLS, _HOLD, _CYCLES, _BLINK_RATE = 15, 12, 2, 24
# Each change but the one back to before is between ref and what should lie on it.
_VERSIONS = ("before", "reference", "after", "reference")


class CompareStyle(StrEnum):
    """How before, ref and after are compared."""

    SIDE = "side"
    """All frames, the three versions side by side, no wider than 4096 pixels in all."""
    BLINK = "blink"
    """Some frames from all over the film, full size; the versions of each are shown in turn, half a second each."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison shows of a ref."""

    style: CompareStyle
    ref: Source
    timed: Source | None = None
    """Whose frames' number and rate count; None: ref's."""

    @property
    def _clock(self) -> Source:
        return self.timed or self.ref

    @property
    def length(self) -> int:
        """Frames of the comparison."""
        if self.style is CompareStyle.SIDE:
            return self._clock.length
        return len(self.moments) * len(_VERSIONS) * _CYCLES * _HOLD

    @property
    def rate(self) -> Fraction:
        """Frames per second of the comparison; constant, for it has no sound to keep up with."""
        return self._clock.rate if self.style is CompareStyle.SIDE else Fraction(_BLINK_RATE)

    @property
    def moments(self) -> list[int]:
        """Numbers of the ref frames that blink."""
        count = min(_STILLS, self._clock.length)
        return [(2 * i + 1) * self._clock.length // (2 * count) for i in range(count)]

    @property
    def measured(self) -> slice:
        """Which frames of the comparison carry the numbers of a ref frame, each ref frame once."""
        if self.style is CompareStyle.SIDE:
            return slice(None)
        return slice(_VERSIONS.index("after") * _HOLD, None, len(_VERSIONS) * _CYCLES * _HOLD)

    def panel_size(self) -> tuple[int, int]:
        """Return width and height of one of the versions."""
        width, height = self.ref.width, self.ref.height
        if self.style is CompareStyle.BLINK or 3 * width <= _WIDEST:
            return width, height
        factor = _WIDEST / (3 * width)
        across = int(width * factor) // _MULTIPLE * _MULTIPLE
        return across, max(_MULTIPLE, round(height * factor / _MULTIPLE) * _MULTIPLE)

    def text(self) -> str:
        """Return lines of a script that has the clips `before`, `reference` and `result`, alike in size and format."""
        width, height = self.panel_size()
        scaled = (width, height) != (self.ref.width, self.ref.height)
        made = f".resize.Bicubic({width}, {height})" if scaled else ""
        if width >= _LEAST_FOR_TEXT and height >= _LEAST_FOR_TEXT:
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
