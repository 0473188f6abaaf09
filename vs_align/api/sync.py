"""`sync`: which frame of one clip belongs to which frame of another, over their whole lengths."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.enums import SyncEngine
from vs_align.errors import ArgumentError, MediaError
from vs_align.placement.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Callable

    from vs_align.decide.synchronization.options import Progress, SyncOptions
    from vs_align.media.audio_track import Sound
    from vs_align.timeline.timeline import Timeline

_NAME = "sync"


def sync(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    *,
    engine: str | SyncEngine = "auto",
    audio: "vs.AudioNode | str | PathLike[str] | None" = None,
    ref_audio: "vs.AudioNode | str | PathLike[str] | None" = None,
    search: float | str = "all",
    min_segment: float = 1.0,
    placement: "Placement | str | PathLike[str] | None" = None,
    cache: "str | PathLike[str] | bool | None" = None,
    progress: "Progress | None" = None,
    window: int = 100,
    drift_interval: int = 100,
    margin: int = 8,
) -> "Timeline":
    """Find for all frames of `ref` the frames of `clip` that show the same, whatever lies between the two.

    The two may begin minutes apart, run at other rates or drift, and have scenes that the other one lacks, dropped
    frames, another grade, grain, crop, or a logo. It works at once, not when frames are asked for: every frame of both
    is asked for once, at the first time. What was found is kept, so that a script that is loaded again has it at once.
    Never call it within a filter's callback.

    Example:
        ```python
        timeline = vs_align.sync(clip, ref)
        logging.warning(timeline.explain())
        vs_align.temporal(clip, ref, timeline=timeline).set_output()
        ```

    Args:
        clip: Where frames are looked for. Any constant format and size, any length.
        ref: What is looked for, likewise. Neither size nor format must be that of `clip`.
        engine: What finds the frames; see `SyncEngine`.
        audio: Sound of `clip`: an audio node that begins with the picture, or a file. It helps to find the place, is a
            witness for what the pictures say, and is all that `engine="audio"` goes by.
        ref_audio: Sound of `ref`. Give both or none.
        search: "all", or how many seconds the times of both may be apart at most, above 0.
        min_segment: Seconds that a stretch between two jumps must last to be believed, at least 0. Single frames that
            are dropped or repeated are no jumps.
        placement: Maps pixels of `ref` to pixels of `clip`, as `register` found it, or its file: then it is not looked
            for, and frames that hardly differ are compared once more at a larger size. For "auto" only.
        cache: Folder for what is kept. None or True: a folder in the user's cache. False: nothing is kept. A clip is
            recognised by its format, its length and the pixels of 12 of its frames.
        progress: Called with what is being done, how much of it is done, and how much there is.
        window: Frames to either side that the engines fast, precise, mask, border and tunnel look at, at least 1.
        drift_interval: Frames after which the engines precise, mask and border measure drift, at least 1.
        margin: Width of the band of the engine border in pixels of `ref`, at least 1.

    Returns:
        A timeline with segments, confidences and a verdict. Where the two have nothing in common, or only a part such
        as black, a leader, an ident or a logo, its verdict is "unrelated" and every ref frame is an insert: nothing is
        guessed. The reasons say how many seconds are in common. A part up to 15 s makes a match where it is two thirds
        of what could agree, and half of the shorter film, or a fifth of it where it ends amid a shot; a longer one
        where it is 0.4 of what could agree. What only one of the two shows contradicts nothing.

    Raises:
        ArgumentError: An argument breaks one of the rules above.
        MediaError: A sound file cannot be read, or the cache cannot be written to.

    Source:
        Collinear chaining (M. Abouelhoda and E. Ohlebusch, Journal of Discrete Algorithms 3, 2005) over shapes of
        frames, dynamic programming (R. Bellman, 1957) over registered pictures, generalised cross-correlation with
        phase transform (C. Knapp and G. Carter, IEEE Transactions on Acoustics, Speech and Signal Processing 24, 1976).
    """
    clip, ref = checks.check_clip(_NAME, "clip", clip), checks.check_clip(_NAME, "ref", ref)
    folder = checks.check_cache(_NAME, cache)
    if (audio is None) != (ref_audio is None):
        missing = "audio" if audio is None else "ref_audio"
        raise ArgumentError(_NAME, missing, "must be given too, one sound alone says nothing", "None")
    _check_sound("audio", audio)
    _check_sound("ref_audio", ref_audio)
    options = _check_options(engine, search, min_segment, window, drift_interval, margin)
    if placement is not None:
        options = replace(options, placement=_check_placement(placement, clip, ref, options.engine))
    if options.engine is SyncEngine.AUDIO and audio is None:
        raise ArgumentError(_NAME, "audio", "must be given for the engine 'audio'", "None")

    from vs_align.media.cache import remembered
    from vs_align.nodes.thumbnails import node_identity

    named = {"clip": clip, "ref": ref}
    known = {name: "" if folder is None else node_identity(node) for name, node in named.items()}

    def find() -> "Timeline":
        # what is remembered needs none of this
        from vs_align.decide.synchronization.pipeline import sync_films
        from vs_align.measure.fingerprints.extraction import node_fingerprints

        films = [node_fingerprints(named[name], name, folder, progress, known[name]) for name in named]
        sounds = None
        if audio is not None and ref_audio is not None:
            sounds = _sound(audio), _sound(ref_audio)
        closer = None
        if options.placement is not None:
            from vs_align.decide.synchronization.refinement import CloseLook

            closer = CloseLook(clip, ref, options.placement, looked_closely(progress))
        return sync_films(films[0], films[1], options, sounds, progress, closer)

    if folder is None:
        return find()
    heard = [None if sound is None else _sound_identity(sound) for sound in (audio, ref_audio)]
    return remembered(folder, (*known.values(), options, *heard), find)


def looked_closely(progress: "Progress | None") -> "Callable[[int, int], object] | None":
    """What a `CloseLook` tells how far it is."""
    return None if progress is None else lambda done, total: progress("looking closely", done, total)


def is_worth_another_look(timeline: "Timeline", engine: SyncEngine) -> bool:
    """Whether a timeline that was found without a placement may be found better with one."""
    return engine is SyncEngine.AUTO and timeline.verdict in ("good", "doubtful")


def _check_options(
    engine: object, search: object, min_segment: object, window: object, drift_interval: object, margin: object
) -> "SyncOptions":
    from vs_align.decide.synchronization.options import SyncOptions

    chosen = checks.check_option(_NAME, "engine", engine, SyncEngine)
    reach = None if search == "all" else checks.check_number(_NAME, "search", search)
    if reach is not None and not reach > 0:
        raise ArgumentError(_NAME, "search", "must be 'all' or a number of seconds above 0", search)
    least = checks.check_number(_NAME, "min_segment", min_segment)
    if not least >= 0:
        raise ArgumentError(_NAME, "min_segment", "must be at least 0", min_segment)
    return SyncOptions(
        chosen,
        reach,
        least,
        checks.check_integer(_NAME, "window", window, 1),
        checks.check_integer(_NAME, "drift_interval", drift_interval, 1),
        checks.check_integer(_NAME, "margin", margin, 1),
    )


def _check_placement(placement: object, clip: vs.VideoNode, ref: vs.VideoNode, engine: SyncEngine) -> "Placement":
    if engine is not SyncEngine.AUTO:
        raise ArgumentError(_NAME, "placement", "must be left out but for the engine 'auto'", repr(engine.value))
    return checks.check_placement(_NAME, placement, clip, ref)


def _check_sound(name: str, sound: object) -> None:
    """Complain before frames are read, not after."""
    if sound is None or isinstance(sound, vs.AudioNode):
        return
    if not isinstance(sound, str | PathLike):
        raise ArgumentError(_NAME, name, "must be an audio node or the path of a file", type(sound).__name__)
    from vs_align.media.audio_reader import sound_format

    path = Path(sound)
    if not path.is_file():
        raise MediaError(f"vs_align.{_NAME}: {name} {path} does not exist.")
    try:
        sound_format(path)
    except MediaError as error:
        raise MediaError(f"vs_align.{_NAME}: {name} {path} has no sound track that can be read.") from error


def _sound(sound: object) -> "Sound":
    from vs_align.media.audio_track import read_sound
    from vs_align.nodes.audio import node_sound

    return node_sound(sound) if isinstance(sound, vs.AudioNode) else read_sound(Path(str(sound)))


def _sound_identity(sound: object) -> str:
    from vs_align.media.cache import file_identity
    from vs_align.nodes.audio import sound_identity

    return sound_identity(sound) if isinstance(sound, vs.AudioNode) else file_identity(Path(str(sound)))
