"""Parameters of `vs-align sync`, and what follows from them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vs_align.cli.options import (
    CacheOptions,
    DriftInterval,
    Engine,
    GeneralOptions,
    PairRateOptions,
    Window,
    absolute,
    report_path,
)
from vs_align.cli.sync.outputs import Pitch, SyncExtras, SyncOutputs, default_chapters, default_subs
from vs_align.enums import SyncEngine
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.decide.synchronization.options import SyncOptions


def _check_search(text: str) -> str:
    if parse_reach(text) is None and text != "all":
        raise typer.BadParameter("must be 'all' or a number of seconds above 0.")
    return text


def parse_reach(text: str) -> float | None:
    """Parse the seconds of --search; None for "all", and for what is no number above 0."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCommandOptions:
    """Parameters of `vs-align sync`."""

    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video in which frames are sought.", show_default=False)]
    ref: Annotated[Path, typer.Argument(metavar="REF", help="Video whose time counts.", show_default=False)]
    engine: Engine = SyncEngine.AUTO
    search: Annotated[
        str, typer.Option(callback=_check_search, metavar="SECONDS", help="How far apart both may be at most, or all.")
    ] = "all"
    min_segment: Annotated[float, typer.Option(min=0, help="Seconds that a stretch must last to be believed.")] = 1.0
    window: Window = 100
    drift_interval: DriftInterval = 100
    margin: Annotated[int, typer.Option(min=1, help="Pixels of the edge: border.")] = 8
    sound: Annotated[bool, typer.Option("--sound/--no-sound", help="Whether to listen, if both have audio.")] = True
    caching: CacheOptions
    json: Annotated[
        str | None, typer.Option(help="Write the timeline as JSON, for `temporal --use-timeline`; - is stdout.")
    ] = None
    csv: Annotated[Path | None, typer.Option(help="Write the segments as a table.")] = None
    edl: Annotated[Path | None, typer.Option(help="Write an edit decision list (CMX 3600).")] = None
    fcpxml: Annotated[Path | None, typer.Option(help="Write FCPXML.")] = None
    otio: Annotated[Path | None, typer.Option(help="Write an OpenTimelineIO file.")] = None
    timecodes: Annotated[Path | None, typer.Option(help="Write the result's time codes (v2).")] = None
    subs: Annotated[Path | None, typer.Option(help="Clip's subtitles, or a video with them.")] = None
    subs_out: Annotated[Path | None, typer.Option(help="Where to. Default: beside them, as NAME.synced.")] = None
    subs_encoding: Annotated[str | None, typer.Option(help="Their encoding. Default: UTF-8.")] = None
    chapters: Annotated[Path | None, typer.Option(help="Clip's chapters: a text, or a video with chapters.")] = None
    chapters_out: Annotated[Path | None, typer.Option(help="Where to. Default: beside them, as NAME.synced.")] = None
    audio_out: Annotated[Path | None, typer.Option(help="Write CLIP's audio, fitted to REF.")] = None
    pitch: Annotated[Pitch, typer.Option(help="Of that audio, if the speeds differ.")] = Pitch.CHANGE
    mux: Annotated[Path | None, typer.Option(help="Write REF's video, as it is, with that audio.")] = None
    plot: Annotated[Path | None, typer.Option(help="Draw what lies where: .png, .svg or .pdf.")] = None
    rates: PairRateOptions
    force: Annotated[
        bool, typer.Option("--force", help="Write the best map that was found where the two have nothing in common.")
    ] = False
    general: GeneralOptions

    @property
    def json_to_stdout(self) -> bool:
        """Whether the timeline goes to stdout."""
        return self.json == "-"

    def outputs(self) -> SyncOutputs:
        """Return the files to write. The source of subtitles may have to be read for it.

        Raises:
            MediaError: A target is named without the source that it is made from.
        """
        return SyncOutputs(
            json=report_path(self.json),
            csv=self.csv,
            edl=self.edl,
            fcpxml=self.fcpxml,
            otio=self.otio,
            timecodes=self.timecodes,
            subs=_retimed("--subs", self.subs, self.subs_out, default_subs),
            chapters=_retimed("--chapters", self.chapters, self.chapters_out, default_chapters),
            plot=self.plot,
            audio=self.audio_out,
            mux=self.mux,
        )

    @property
    def extras(self) -> SyncExtras:
        """What is retimed."""
        return SyncExtras(self.subs, self.subs_encoding, self.chapters, self.pitch)

    @property
    def search_options(self) -> "SyncOptions":
        """How the frames are found."""
        from vs_align.decide.synchronization.options import SyncOptions

        return SyncOptions(
            engine=self.engine,
            reach=parse_reach(self.search),
            min_segment=self.min_segment,
            window=self.window,
            drift_interval=self.drift_interval,
            margin=self.margin,
            force=self.force,
        )


def _retimed(option: str, source: Path | None, target: Path | None, usual: Callable[[Path], Path]) -> Path | None:
    """Return where something retimed is written; None if there is nothing to retime."""
    if source is not None:
        return absolute(target or usual(source))
    if target is not None:
        raise MediaError(f"{option}-out {target.name}: needs {option}, which says what to fit.")
    return None
