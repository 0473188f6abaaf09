"""`sync`: the frame mapping from one clip to another over their whole lengths, with segments and a verdict."""

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
    from vs_align.api.video import NodeAudio
    from vs_align.decide.synchronization.options import SyncOptions
    from vs_align.io.progress import Progress
    from vs_align.measure.video import Video
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
    frames, another grade, grain, crop, or a logo. The search runs when the function is called, not when frames are
    requested: the first call requests every frame of both once. Results are cached, so that a script that is loaded
    again has them at once. Never call it within a filter's callback.

    Example:
        ```python
        timeline = vs_align.sync(clip, ref)
        logging.warning(timeline.explain())
        vs_align.temporal(clip, ref, timeline=timeline).set_output()
        ```

    Args:
        clip: The clip in which frames are searched. Any constant format and size, any length.
        ref: The clip whose frames are searched. Any constant format, size and length, also other than those of `clip`.
        engine: What finds the frames; see `SyncEngine`.
        audio: Audio of `clip`: an audio node that begins with the first frame, or a file. It gives candidates, confirms
            or contradicts what the frames show, and is all that `engine="audio"` goes by.
        ref_audio: Audio of `ref`. Give both or none.
        search: "all", or how many seconds the times of both may be apart at most, above 0.
        min_segment: Shortest segment between two jumps in seconds, at least 0. Single frames that are dropped or
            repeated are no jumps.
        placement: Maps pixels of `ref` to pixels of `clip`, as `register` found it, or its file: it is not searched
            then, and frames that hardly differ are compared again at high resolution. For "auto" only.
        cache: Folder of cached results. None or True: a folder in the user's cache. False: no cache. A clip is
            identified by its format, its length and the pixels of 12 of its frames.
        progress: Called with the name of the stage, how much of it is done, and how much there is (0 if unknown).
        window: Frames to either side that the engines fast, precise, mask, border and tunnel search, at least 1.
        drift_interval: Frames after which the engines precise, mask and border measure drift, at least 1.
        margin: Width of the band of the engine border in pixels of `ref`, at least 1.

    Returns:
        A timeline with segments, confidences and a verdict. If the two have nothing in common, or only a part such as
        black, a leader, an ident or a logo, its verdict is "unrelated" and every ref frame is an insert: nothing is
        guessed. The reasons give the seconds in common. A common part up to 15 s is a match if it is two thirds of
        what could agree, and half of the shorter film, or a fifth of it if it ends amid a shot; a longer one if it is
        0.4 of what could agree. Scenes that only one of the two has do not count against a match.

    Raises:
        ArgumentError: An argument breaks one of the rules above.
        MediaError: An audio file cannot be read, or the cache cannot be written to.

    Source:
        Collinear chaining (M. Abouelhoda and E. Ohlebusch, Journal of Discrete Algorithms 3, 2005) over descriptors of
        frames, dynamic programming (R. Bellman, 1957) over registered frames, generalized cross-correlation with phase
        transform (C. Knapp and G. Carter, IEEE Transactions on Acoustics, Speech and Signal Processing 24, 1976).
    """
    clip, ref = checks.check_clip(_NAME, "clip", clip), checks.check_clip(_NAME, "ref", ref)
    folder = checks.check_cache(_NAME, cache)
    if (audio is None) != (ref_audio is None):
        missing = "audio" if audio is None else "ref_audio"
        raise ArgumentError(_NAME, missing, "must be given too, one side alone says nothing", "None")
    _check_sound("audio", audio)
    _check_sound("ref_audio", ref_audio)
    options = _check_options(engine, search, min_segment, window, drift_interval, margin)
    if placement is not None:
        options = replace(options, placement=_check_placement(placement, clip, ref, options.engine))
    if options.engine is SyncEngine.AUDIO and audio is None:
        raise ArgumentError(_NAME, "audio", "must be given for the engine 'audio'", "None")

    from vs_align.api.video import NodeVideo

    videos = [
        NodeVideo(node, name, folder, _audio_input(sound))
        for node, name, sound in ((clip, "clip", audio), (ref, "ref", ref_audio))
    ]
    return sync_videos(videos[0], videos[1], options, folder, progress)


def sync_videos(
    clip: "Video",
    ref: "Video",
    options: "SyncOptions",
    cache: Path | None,
    progress: "Progress | None" = None,
) -> "Timeline":
    """Find which frame of clip belongs to which frame of ref, or return what was found before.

    Args:
        clip: The video whose frames are wanted.
        ref: The video whose time counts.
        options: How they are found.
        cache: Folder in which timelines are kept; None: nowhere.
        progress: Called with the stage, how much of it is done and how much there is.

    Raises:
        MediaError: A video cannot be decoded, one has no audio although the engine needs it, or the cache cannot be
            written to.
    """
    from vs_align.media.cache import memoized_timeline

    silent = [video.name for video in (clip, ref) if video.audio_identity is None]
    if options.engine is SyncEngine.AUDIO and silent:
        raise MediaError(f"the engine audio needs the audio of both: that of {silent[0]} is missing or switched off.")

    def find() -> "Timeline":
        # a cached timeline needs none of these imports
        from vs_align.decide.synchronization.pipeline import synchronize_videos

        prints = clip.fingerprints(progress), ref.fingerprints(progress)
        sounds = None if silent else (clip.audio(progress), ref.audio(progress))
        matcher = None
        if options.placement is not None:
            from vs_align.decide.synchronization.high_resolution import HighResolutionMatcher
            from vs_align.io.progress import count_of

            matcher = HighResolutionMatcher(clip, ref, options.placement, count_of(progress, "looking closely"))
        return synchronize_videos(*prints, options, sounds, progress, matcher)

    if cache is None:
        return find()
    audio = [None if silent else video.audio_identity for video in (clip, ref)]
    return memoized_timeline(cache, (clip.identity, ref.identity, options, *audio), find)


def is_worth_another_look(timeline: "Timeline", engine: SyncEngine) -> bool:
    """Return whether a timeline that was found without a placement may be found better with one."""
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
    """Check audio before frames are read.

    Raises:
        ArgumentError: It is neither a node nor a path.
        MediaError: The file does not exist or has no readable audio.
    """
    if sound is None or isinstance(sound, vs.AudioNode):
        return
    if not isinstance(sound, str | PathLike):
        raise ArgumentError(_NAME, name, "must be an audio node or the path of a file", type(sound).__name__)
    from vs_align.media.audio_reader import audio_format

    path = Path(sound)
    if not path.is_file():
        raise MediaError(f"vs_align.{_NAME}: {name} {path} does not exist.")
    try:
        audio_format(path)
    except MediaError as error:
        raise MediaError(f"vs_align.{_NAME}: {name} {path} has no audio track that can be read.") from error


def _audio_input(audio: object) -> "NodeAudio | None":
    return audio if audio is None or isinstance(audio, vs.AudioNode) else Path(str(audio))
