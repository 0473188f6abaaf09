"""Report of `vs-align overlay --report`: one self-contained HTML page with verdict, times, places and frames."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError
from vs_align.io.atomic_files import error_reason, save_bytes
from vs_align.version import __version__

_WIDTH = 400
"""Width of the frames on the page, in pixels. Trades detail against the size of the page."""
_QUALITY = 85
"""JPEG quality of the frames, 0 to 100. Trades detail against the size of the page."""
_COLORS = {"exact": "#1a7f37", "good": "#1a7f37", "doubtful": "#9a6700", "unrelated": "#cf222e"}
_STYLE = (
    "body{font-family:sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#1f2328}"
    "pre{background:#f6f8fa;padding:1rem;overflow:auto}"
    "table{border-collapse:collapse}td,th{padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "img{max-width:100%;display:block}"
)
_ROUNDING_SECONDS = 0.002
"""A frame may be found this much before its time, because containers round time stamps."""


@dataclass(frozen=True, slots=True)
class PageLayer:
    """Description of a video that was laid on bg.

    Args:
        name: Name of its file.
        time: When it is shown, as plain text.
        place: Where it lies, as plain text.
    """

    name: str
    time: str
    place: str


@dataclass(frozen=True, slots=True)
class Page:
    """Contents of the page.

    Args:
        title: Name of the result.
        verdict: Verdict of the result.
        reasons: Reasons of the verdict.
        files: Role and description of each file, a line each.
        layers: The videos that were laid on bg.
        bg: The video under all others.
        fg: The first video that is laid on it.
        result: The result; None if none was made.
        moments: Seconds since the first frame in the result, bg and fg; None if a side shows nothing then.
    """

    title: str
    verdict: str
    reasons: Sequence[str]
    files: Sequence[tuple[str, str]]
    layers: Sequence[PageLayer]
    bg: Path
    fg: Path
    result: Path | None
    moments: Sequence[tuple[float, float | None, float | None]]


def write_page(path: Path, page: Page) -> None:
    """Write the page.

    Raises:
        MediaError: A video cannot be decoded, or the file cannot be written.
    """
    text = _html(page)
    try:
        save_bytes(text.encode(), path)
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error_reason(error)}.") from error


def _html(page: Page) -> str:
    color = _COLORS.get(page.verdict, "inherit")
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in page.reasons)
    files = "".join(f"<tr><th>{escape(name)}</th><td>{escape(said)}</td></tr>" for name, said in page.files)
    layers = "".join(
        f"<h2>{escape(layer.name)}</h2><h3>Time</h3><pre>{escape(layer.time)}</pre>"
        f"<h3>Place</h3><pre>{escape(layer.place)}</pre>"
        for layer in page.layers
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(page.title)}</h1>\n"
        f'<p>Verdict: <strong style="color:{color}">{escape(page.verdict)}</strong></p><ul>{reasons}</ul>\n'
        f"<table>{files}</table>\n{layers}\n<h2>Frames</h2>\n{_frame_table(page)}\n"
        f"<p>Written by vs-align {__version__}.</p>\n</body></html>\n"
    )


def _frame_table(page: Page) -> str:
    last = "" if page.result is None else "<th>result</th>"
    rows = [f"<tr><th>result at</th><th>bg</th><th>fg</th>{last}</tr>"]
    for time, bg, fg in page.moments:
        sides = [(page.bg, bg), (page.fg, fg)]
        if page.result is not None:
            sides.append((page.result, time))
        cells = "".join(f"<td>{_frame_cell(path, seconds)}</td>" for path, seconds in sides)
        rows.append(f"<tr><td>{time:.3f} s</td>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _frame_cell(path: Path, seconds: float | None) -> str:
    if seconds is None:
        return "none"
    data = base64.b64encode(_jpeg(_frame_at(path, seconds))).decode("ascii")
    return f'<img alt="at {seconds:.3f} s" src="data:image/jpeg;base64,{data}">'


def _frame_at(path: Path, seconds: float) -> Any:
    """Decode the frame that is shown a time after the first: (height, width, 3), blue, green and red, uint8."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            first = next(container.decode(stream))
            wanted = (first.time or 0.0) + seconds - _ROUNDING_SECONDS
            shown = first
            if stream.time_base and seconds > 0:
                container.seek(int(wanted / float(stream.time_base)), stream=stream)
                for frame in container.decode(stream):
                    shown = frame
                    if frame.time is None or frame.time >= wanted:
                        break
            height = max(1, round(shown.height * min(1.0, _WIDTH / shown.width)))
            small = shown.reformat(min(_WIDTH, shown.width), height, format="bgr24")
            return small.to_ndarray()
    except (av.FFmpegError, StopIteration) as error:
        raise MediaError(f"{path.name} cannot be decoded for the report: {error_reason(error)}.") from error


def _jpeg(image: Any) -> bytes:
    import cv2

    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise MediaError("A frame for the report cannot be encoded as JPEG.")
    return bytes(data)
