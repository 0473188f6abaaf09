"""What `vs-align overlay` says at its end: lines for a person, JSON for a program, a page for both."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from vs_align.api.overlay_terms import NAMES
from vs_align.cli.console import console, show_result, step
from vs_align.cli.overlay.layers import AlignedLayers, Layer
from vs_align.cli.overlay.options import OverlayOptions
from vs_align.cli.reporting import left_out_line, show_report, write_report
from vs_align.cli.side_outputs import Writing
from vs_align.enums import Verdict

if TYPE_CHECKING:
    from vs_align.export.overlay_audio import AudioSummary
    from vs_align.export.overlay_report import Page
    from vs_align.placement.placement import Transform

_SCENES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RenderedVideo:
    """What was written.

    Args:
        frames: Number of frames of the result.
        width: Their width.
        height: Their height.
        sound: What is heard, and what is left out.
    """

    frames: int
    width: int
    height: int
    sound: "AudioSummary | None"
    """None of an image."""


def show_summary(
    options: OverlayOptions, aligned: AlignedLayers, rendered: RenderedVideo, seconds: float, writing: Writing
) -> None:
    """Show what was written, and write the report if it is wanted."""
    report, sound = report_of(aligned), rendered.sound
    report |= {
        "output": str(options.target),
        "frames": rendered.frames,
        "size": [rendered.width, rendered.height],
        "seconds": round(seconds, 3),
        "fps": round(rendered.frames / seconds, 2),
        "sound": None if sound is None or sound.codec is None else sound.words.removeprefix("audio: "),
        "left_out": [] if sound is None else list(sound.left_out),
    }
    lines = {"frames": f"{rendered.frames} of {rendered.width}x{rendered.height}", **_lines(aligned)}
    lines["sound"] = report["sound"] or "none"
    lines |= left_out_line(report["left_out"])
    first, *kept = writing.done
    show_report(report, lines, ", ".join([str(first), *(path.name for path in kept)]))
    write_report(report, options.json, writing)


def show_dry_run(options: OverlayOptions, aligned: AlignedLayers, writing: Writing) -> None:
    """Show timelines and placements of a run that writes no video."""
    report = report_of(aligned)
    report |= {"output": None, "frames": len(aligned.schedule), "seconds": None, "fps": None, "sound": None}
    report["left_out"] = []
    text = "\n\n".join(explained(layer) for layer in aligned.layers)
    if options.kept_page is not None and options.kept_page in writing.done:
        step(f"written: {options.kept_page}")
    if options.json == "-":
        console.print(escape(text))
    else:
        writing.attempt(lambda: show_result(text))
    write_report(report, options.json, writing)


def report_of(aligned: AlignedLayers) -> dict[str, Any]:
    """Return timeline and placement: of the first layer, and of all others under `layers`."""
    verdict, reasons = verdict_of(aligned)
    first, *others = (_layer_report(layer) for layer in aligned.layers)
    report = {"verdict": verdict, "reason": "; ".join(reasons), "reasons": reasons, **first}
    return {**report, "layers": others} if others else report


def _layer_report(layer: Layer) -> dict[str, Any]:
    x, y, width, height = box_of(_longest(layer), layer)
    return {
        "fg": str(layer.fg.file.path),
        "x": round(x, 4),
        "y": round(y, 4),
        "width": round(width, 4),
        "height": round(height, 4),
        "timeline": json.loads(layer.timeline.to_json()),
        "placement": json.loads(layer.placement.to_json()),
    }


def verdict_of(aligned: AlignedLayers) -> tuple[str, list[str]]:
    """Return the worst verdict of all, and the reasons of all; "given" where nothing was judged."""
    sides = [side for layer in aligned.layers for side in (layer.timeline, layer.placement)]
    verdicts = [layer.placement.verdict for layer in aligned.layers if layer.placement.verdict is not None]
    # a still that is shown all the time has no time to judge
    verdicts += [
        layer.timeline.verdict
        for number, layer in enumerate(aligned.layers)
        if layer.timeline.verdict is not None and not aligned.has_still(number)
    ]
    reasons = list(dict.fromkeys(reason for side in sides for reason in side.reasons))
    worst = Verdict.worst(verdicts)
    if worst is None:
        return "given", reasons or ["time and place were given, and nobody has judged them"]
    return worst.value, reasons


def _longest(layer: Layer) -> "Transform":
    """Where fg lies during the scene that lasts the longest."""
    scenes = layer.placement.scenes
    ends = [scene.ref_first for scene in scenes[1:]] + [max(layer.timeline.ref_length, scenes[-1].ref_first + 1)]
    lengths = [end - scene.ref_first for scene, end in zip(scenes, ends, strict=True)]
    return scenes[lengths.index(max(lengths))].transform


def box_of(transform: "Transform", layer: Layer) -> tuple[float, float, float, float]:
    """Return the area of fg in bg, edge to edge: left, top, width and height in bg pixels.

    Of a rotated image the top left corner and the lengths of the sides.
    """
    import numpy as np

    width, height = layer.fg.width, layer.fg.height
    corners = transform.apply([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5]]) + 0.5
    across, down = (float(np.hypot(*(corner - corners[0]))) for corner in corners[1:])
    return float(corners[0, 0]), float(corners[0, 1]), across, down


def _lines(aligned: AlignedLayers) -> dict[str, str]:
    lines = {}
    for number, layer in enumerate(aligned.layers):
        suffix = "" if number == 0 else f" {number + 1}"
        lines[f"time{suffix}"] = _timed(aligned, layer)
        lines[f"place{suffix}"] = _placed(layer)
    return lines


def _timed(aligned: AlignedLayers, layer: Layer) -> str:
    name, line = layer.fg.file.path.name, layer.timeline
    if layer.fg.is_still and len(aligned.schedule) > 1:
        return f"{name}, a still, is shown in all {len(aligned.schedule)} frames"
    if aligned.bg.is_still and line.ref_length > 1:
        return f"bg, a still, is shown in all {len(aligned.schedule)} frames"
    matched = sum(frame is not None for frame in line.frame_map)
    return f"{matched} of {line.ref_length} frame{'s' * (line.ref_length != 1)} of {name} matched"


def _placed(layer: Layer) -> str:
    scenes = layer.placement.scenes
    text = placed_words(_longest(layer), layer)
    return text if len(scenes) == 1 else f"{text}; {len(scenes)} scenes"


def placed_words(transform: "Transform", layer: Layer) -> str:
    """Describe the placement of fg in bg in one line."""
    x, y, width, height = box_of(transform, layer)
    scales = width / layer.fg.width, height / layer.fg.height
    text = f"x {_number(x)}, y {_number(y)}, {_number(width)}x{_number(height)} px"
    alike = abs(scales[0] / scales[1] - 1) < 5e-4
    text += f", scaled by {scales[0]:.4f}" if alike else f", scaled by {scales[0]:.4f} across, {scales[1]:.4f} down"
    turned = _turn(transform)
    return text if abs(turned) < 0.005 else f"{text}, turned by {turned:.2f} degrees"


def _turn(transform: "Transform") -> float:
    """Degrees clockwise by which fg is turned in bg, at fg's centre."""
    import math

    width, height = transform.ref_size
    middle = transform.apply([[width / 2 - 1, height / 2], [width / 2 + 1, height / 2]])
    return math.degrees(math.atan2(middle[1, 1] - middle[0, 1], middle[1, 0] - middle[0, 0]))


def _number(value: float) -> str:
    """Return a number with at most two decimals; one that is rounded to zero has no sign."""
    return f"{round(value, 2) + 0.0:g}" if abs(value) < 10000 else f"{value:.2f}"


def explained(layer: Layer) -> str:
    """Describe timeline and placement of a layer in plain text."""
    return f"{layer.fg.file.path.name}\n{layer.timeline.explain(*NAMES)}\n{placement_words(layer)}"


def placement_words(layer: Layer) -> str:
    """Describe the placement of a layer in plain text, scene by scene."""
    placement = layer.placement
    lines = [] if placement.verdict is None else [f"Place: {placement.verdict}"]
    lines += [f"- {reason}" for reason in placement.reasons]
    for scene in placement.scenes[:_SCENES_SHOWN]:
        sure = "" if scene.confidence is None else f", confidence {scene.confidence:.2f}"
        how = f" ({scene.method})" if scene.method else ""
        lines.append(f"from frame {scene.ref_first}: {placed_words(scene.transform, layer)}{sure}{how}")
    left = len(placement.scenes) - _SCENES_SHOWN
    return "\n".join([*lines, f"and {left} scenes more"] if left > 0 else lines)


def page_of(options: OverlayOptions, aligned: AlignedLayers, result: Path | None) -> "Page":
    """Return what the page says that is written beside the result.

    Args:
        options: Parameters of the command.
        aligned: Timelines and placements.
        result: The finished video, which has not got its name yet; None where none is made.
    """
    from vs_align.cli.overlay.checks import described
    from vs_align.export.overlay_report import Page, PageLayer

    verdict, reasons = verdict_of(aligned)
    first = aligned.layers[0]
    files = [("bg", described(aligned.bg.file)), *(("fg", described(layer.fg.file)) for layer in aligned.layers)]
    schedule = aligned.schedule
    counted = f"{len(schedule)} frame{'s' * (len(schedule) != 1)}"
    return Page(
        title=options.target.name,
        verdict=verdict,
        reasons=reasons,
        files=[*files, ("result", counted if result is not None else f"{counted}; it was not made: --dry-run")],
        layers=[
            PageLayer(layer.fg.file.path.name, layer.timeline.explain(*NAMES), placement_words(layer))
            for layer in aligned.layers
        ],
        bg=aligned.bg.file.path,
        fg=first.fg.file.path,
        result=result,
        moments=_moments(aligned),
    )


def _moments(aligned: AlignedLayers) -> list[tuple[float, float | None, float | None]]:
    """Four moments, spread evenly: seconds in the result, in bg and in fg, None where one shows nothing."""
    schedule = aligned.schedule
    count = len(schedule)
    frames = sorted({count * part // 8 for part in (1, 3, 5, 7)})
    moments = []
    for n in frames:
        time = schedule.bg.ref_times[n] if schedule.bg.ref_times else n / float(schedule.bg.ref_rate or 1)
        bg, fg = schedule.bg.frame_map[n], schedule.fg.frame_map[n]
        moments.append(
            (time, None if bg is None else aligned.bg.times[bg], None if fg is None else aligned.layers[0].fg.times[fg])
        )
    return moments
