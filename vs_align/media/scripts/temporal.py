"""Generator of the script of `vs-align temporal`."""

from dataclasses import dataclass
from pathlib import Path

from vs_align.media.scripts.common import color_options, image_options, opened, script_head, timing_lines, write_script
from vs_align.media.source import Source

_MAX_ASPECT = 16
"""Largest ratio of width to height at which frames are compared; limits the memory for very wide frames."""


@dataclass(frozen=True, slots=True)
class TemporalScript:
    """Parameters of the script of `vs-align temporal`."""

    clip: Source
    ref: Source
    tr: int = 20
    precision: int = 1
    match_height: int = 360
    """Height in pixels at which frames are compared; at most that of the files."""
    fallback: bool = False
    thresh: float | None = None
    """None: the metric's own."""
    metric: str | None = None
    """Name of the metric, None: that of the precision."""
    smooth: bool = True
    color: bool = False
    """Whether the metric compares RGB; else luma."""
    by_time: bool = False
    """Whether the search window follows time instead of frame numbers."""
    timeline: Path | None = None
    """JSON file of a timeline that is rendered without a search."""
    image: str | None = None
    """Pixel format of an image; None: clip's format."""

    @property
    def format(self) -> str:
        """Name of the format of the result."""
        return self.image or self.clip.format

    def _as_image(self) -> str:
        """Return the lines that convert the result to the format of an image."""
        if self.image is None or self.image == self.clip.format:
            return ""
        return (
            f"# To the format of an image.\nresult = result.resize.Spline36({image_options(self.clip, self.image)})\n"
        )

    def match_size(self) -> tuple[int, int]:
        """Return width and height at which frames are compared: even, with ref's aspect ratio."""
        height = max(2, min(self.match_height, self.clip.height, self.ref.height) // 2 * 2)
        width = round(height * self.ref.width / self.ref.height / 2) * 2
        return min(max(2, width), height * _MAX_ASPECT), height

    def text(self) -> str:
        """Return the script."""
        parts = [self._head(), self._sources(), self._match(), timing_lines(self.ref), self._as_image()]
        return "\n".join(part for part in parts if part) + "\nresult.set_output()\n"

    def write(self, path: Path) -> None:
        """Write the script as UTF-8.

        Raises:
            MediaError: The file cannot be written.
        """
        write_script(self.text(), path)

    def _head(self) -> str:
        width, height = self.match_size()
        lines = []
        if self.timeline is not None:
            lines.append(
                f"TIMELINE = {str(self.timeline)!r}  # which frame of CLIP belongs where; edit it and run again"
            )
        else:
            lines.append(f"WIDTH, HEIGHT = {width}, {height}  # frames are compared at this size")
            lines.append(f"RADIUS = {self.tr}  # frames to look at on either side")
        if self.fallback and self.thresh is not None:
            lines.append(f"THRESH = {self.thresh!r}  # from this score on, the frame of REF is shown")
        purpose = "Shows for each frame of REF the frame of CLIP with the same moment."
        return script_head(purpose, self.clip, self.ref, lines)

    def _sources(self) -> str:
        return f"clip = {opened('CLIP')}\nref = {opened('REF')}\n"

    def _match(self) -> str:
        lines: list[str] = []
        if self.timeline is None:
            lines += [*self._small(), ""]
            how = f"precision={self.precision}" if self.metric is None else f'metric="{self.metric}"'
            arguments = ["small(clip)", "small(ref)", "out=clip", "tr=RADIUS", how]
            if not self.smooth:
                arguments.append("smooth=False")
        else:
            arguments = ["clip", "ref", "timeline=TIMELINE"]
        if self.fallback:
            lines += self._fallback()
            arguments += ["fallback=fallback"] if self.thresh is None else ["fallback=fallback", "thresh=THRESH"]
        if self.by_time and self.timeline is None:
            for name, rate in (("clip", self.clip.rate), ("ref", self.ref.rate)):
                arguments += [f"{name}_num={rate.numerator}", f"{name}_den={rate.denominator}"]
        listed = "".join(f"    {argument},\n" for argument in arguments)
        return "\n".join(lines) + f"\nresult = vs_align.temporal(\n{listed})\n"

    def _small(self) -> list[str]:
        if self.color:
            depth = "vs.RGB24" if max(self.clip.bits, self.ref.bits) == 8 else "vs.RGB48"
            matrix = "" if self.clip.is_rgb and self.ref.is_rgb else ', matrix_in_s="709"'
            return self._shrunk(f"format={depth}{matrix}")
        depth = "vs.GRAY8" if max(self.clip.bits, self.ref.bits) == 8 else "vs.GRAY16"
        matrix = ', matrix_s="709"' if self.clip.is_rgb or self.ref.is_rgb else ""
        return self._shrunk(f"format={depth}, range=vs.RANGE_LIMITED{matrix}")

    @staticmethod
    def _shrunk(options: str) -> list[str]:
        return [
            "",
            "def small(node):",
            "    # Fields of interlaced frames are not scaled one by one: both versions are treated alike.",
            "    node = node.std.SetFieldBased(0)",
            f"    return node.resize.Bicubic(WIDTH, HEIGHT, {options})",
            "",
        ]

    def _fallback(self) -> list[str]:
        options = ["clip.width", "clip.height", "format=clip.format.id", *color_options(self.ref, self.clip)]
        joined = ", ".join(options)
        return [
            "",
            "# REF in the size and format of CLIP, for frames that CLIP does not have.",
            f"fallback = ref.std.SetFieldBased(0).resize.Bicubic({joined})",
        ]


def follows_clock(clip: Source, ref: Source) -> bool:
    """Return whether the search window should follow time instead of frame numbers.

    With different frame rates equal moments have equal times, unless one version is the other at another speed, frame
    by frame: then their numbers of frames agree and their durations differ.
    """
    if clip.rate == ref.rate or clip.is_still or ref.is_still:
        return False
    same_count = abs(clip.length - ref.length) <= max(2, 0.002 * ref.length)
    gap = abs(clip.duration - ref.duration)
    return not (same_count and gap > 0.01 * ref.duration)
