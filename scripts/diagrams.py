"""Draws docs/steps.svg and docs/layers.svg: the three steps of every job, and the layers of the code.

python scripts/diagrams.py
"""

from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
INK, PALE, RULE, FILL = "#1f2328", "#57606a", "#8c959f", "#ddf4ff"
FONT = 'font-family="system-ui, sans-serif"'

STEPS = (
    ("measure", "arrays in, numbers out", "metrics, registration, optical flow, fingerprints, audio"),
    ("decide", "numbers in, Timeline and Placement out", "best path, segments, verdict, schedule, cut list"),
    ("render", "clips in, one lazy clip out", "frame selection, warp, composite, audio"),
)
"""Name, what goes in and comes out, what belongs to it."""

LAYERS = (
    ("cli", "the commands: options, progress, summary; no algorithm"),
    ("api", "the public functions: check, prepare, build the graph"),
    ("export", "EDL, OTIO, FCPXML, subtitles, chapters, audio files, plots, reports"),
    ("render", "VapourSynth graphs: temporal, spatial, overlay, audio"),
    ("decide", "synchronization, matching, schedule, cut list, verdicts"),
    ("measure", "images, metrics, registration, flow, audio, fingerprints, networks"),
    ("nodes", "helpers for VapourSynth nodes and frames"),
    ("media", "files: probe, decode, encode, ffmpeg, vspipe, cache"),
    ("placement", "Placement, Scene, Transform and their JSON file"),
    ("timeline", "Timeline, Segment and their JSON file"),
    ("io", "JSON, atomic files, memory, array types"),
    ("enums, errors", "options and exceptions"),
)
"""From the top down; each may import what is below it."""


def main() -> None:
    """Write both drawings."""
    (DOCS / "steps.svg").write_text(steps(), encoding="utf-8")
    (DOCS / "layers.svg").write_text(layers(), encoding="utf-8")


def steps() -> str:
    """Return three boxes side by side, joined by arrows."""
    width, height, gap = 290, 110, 40
    parts = []
    for n, (name, flow, members) in enumerate(STEPS):
        x = 10 + n * (width + gap)
        parts += [box(x, 10, width, height), text(x + 14, 38, name, 18, bold=True), text(x + 14, 62, flow, 13)]
        parts += [text(x + 14, 84 + 16 * k, line, 12, PALE) for k, line in enumerate(wrapped(members, 42))]
        if n:
            parts.append(arrow(x - gap + 4, 65, x - 4, 65))
    return drawing(3 * width + 2 * gap + 20, height + 20, parts)


def layers() -> str:
    """Return a stack of boxes, the highest layer at the top, and an arrow along which imports run."""
    width, height, step = 720, 34, 40
    parts = []
    for n, (name, members) in enumerate(LAYERS):
        y = 10 + n * step
        parts += [
            box(40, y, width, height),
            text(54, y + 22, name, 14, bold=True),
            text(190, y + 22, members, 13, PALE),
        ]
    bottom = 10 + (len(LAYERS) - 1) * step + height
    parts.append(arrow(20, 10, 20, bottom))
    return drawing(width + 50, bottom + 10, parts)


def wrapped(words: str, length: int) -> list[str]:
    """Return the words in lines of at most that many characters."""
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) > length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def box(x: float, y: float, width: float, height: float) -> str:
    """Return a filled rectangle with round corners."""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{FILL}" stroke="{RULE}"/>'


def text(x: float, y: float, words: str, size: int, color: str = INK, bold: bool = False) -> str:
    """Return a line of text; y is its baseline."""
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y}" {FONT} font-size="{size}" fill="{color}"{weight}>{escape(words)}</text>'


def arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    """Return an arrow from one point to another."""
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="{PALE}" stroke-width="2" marker-end="url(#head)"/>'


def drawing(width: float, height: float, parts: list[str]) -> str:
    """Return the parts as an SVG file with a white ground."""
    head = (
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 10 5 0 10z" fill="{PALE}"/></marker></defs>'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join((f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', head, ground, *parts, "</svg>", ""))


if __name__ == "__main__":
    main()
