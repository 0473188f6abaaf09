"""The page that `vs-align overlay --report` writes: one file that shows what was found, and needs nothing else."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError
from vs_align.io.atomic_files import reason_of, save_bytes
from vs_align.version import __version__

_WIDTH = 400
_QUALITY = 85
_COLOURS = {"exact": "#1a7f37", "good": "#1a7f37", "doubtful": "#9a6700", "unrelated": "#cf222e"}
_STYLE = (
    "body{font-family:sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#1f2328}"
    "pre{background:#f6f8fa;padding:1rem;overflow:auto}"
    "table{border-collapse:collapse}td,th{padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "img{max-width:100%;display:block}"
)
# A frame is shown from a little before to a little behind its time stamp, because containers round.
_ROUNDING = 0.002


@dataclass(frozen=True, slots=True)
class PageLayer:
    """What there is to say about a video that was laid on bg.

    Args:
        name: Name of its file.
        time: When it is shown, in plain text.
        place: Where it lies, in plain text.
    """

    name: str
    time: str
    place: str


@dataclass(frozen=True, slots=True)
class Page:
    """What the page says.

    Args:
        title: Name of the result.
        verdict: How sure all of it is.
        reasons: Why.
        files: What each file is and what is in it, in a line.
        layers: What was laid on bg.
        bg: The video that lies under all.
        fg: The first that is laid on it.
        result: The result; None where none was made.
        moments: Seconds since the first frame in the result, bg and fg, None where one shows nothing.
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
        raise MediaError(f"{path} cannot be written: {reason_of(error)}.") from error


def _html(page: Page) -> str:
    colour = _COLOURS.get(page.verdict, "inherit")
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
        f'<p>Verdict: <strong style="color:{colour}">{escape(page.verdict)}</strong></p><ul>{reasons}</ul>\n'
        f"<table>{files}</table>\n{layers}\n<h2>Pictures</h2>\n{_pictures(page)}\n"
        f"<p>Written by vs-align {__version__}.</p>\n</body></html>\n"
    )


def _pictures(page: Page) -> str:
    last = "" if page.result is None else "<th>result</th>"
    rows = [f"<tr><th>result at</th><th>bg</th><th>fg</th>{last}</tr>"]
    for time, bg, fg in page.moments:
        sides = [(page.bg, bg), (page.fg, fg)]
        if page.result is not None:
            sides.append((page.result, time))
        cells = "".join(f"<td>{_picture(path, seconds)}</td>" for path, seconds in sides)
        rows.append(f"<tr><td>{time:.3f} s</td>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _picture(path: Path, seconds: float | None) -> str:
    if seconds is None:
        return "none"
    data = base64.b64encode(_jpeg(_frame_at(path, seconds))).decode("ascii")
    return f'<img alt="at {seconds:.3f} s" src="data:image/jpeg;base64,{data}">'


def _frame_at(path: Path, seconds: float) -> Any:
    """Decode the frame that is shown so many seconds after the first: (height, width, 3) of blue, green and red."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            first = next(container.decode(stream))
            wanted = (first.time or 0.0) + seconds - _ROUNDING
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
        raise MediaError(f"{path.name} cannot be decoded for the report: {reason_of(error)}.") from error


def _jpeg(picture: Any) -> bytes:
    import cv2

    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise MediaError("A picture for the report cannot be made into a JPEG.")
    return bytes(data)
