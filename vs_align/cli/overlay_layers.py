"""What `vs-align overlay` finds out: when and where each video lies on bg."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.cli.console import note, stage_progress
from vs_align.cli.overlay_checks import Means
from vs_align.cli.overlay_request import Place, Request
from vs_align.cli.preparation import fitted_placement, open_video
from vs_align.enums import PlaceMethod
from vs_align.errors import MediaError

if TYPE_CHECKING:
    import vapoursynth as vs

    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.overlay_schedule import Schedule
    from vs_align.placement import Placement
    from vs_align.sync_options import SyncOptions
    from vs_align.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Layer:
    """A video that is laid on bg.

    Args:
        fg: The video.
        timeline: Which frame of bg belongs to which of its frames.
        placement: Where it lies in bg, from pixels of it to pixels of bg.
    """

    fg: "Source"
    timeline: "Timeline"
    placement: "Placement"


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found.

    Args:
        bg: The video that lies under all.
        layers: What is laid on it, at least one.
        schedule: When frames of bg and of the first layer are shown.
        mask: Where the first layer is shown, None for everywhere.
        bg_mask: Where bg may be covered, likewise.
    """

    bg: "Source"
    layers: tuple[Layer, ...]
    schedule: "Schedule"
    mask: "Source | None" = None
    bg_mask: "Source | None" = None

    def timeline_of(self, number: int) -> "Timeline":
        """Return the timeline by which a layer is laid on: of bg and the first; from any other to the result."""
        layer = self.layers[number]
        return layer.timeline if number == 0 else layer.timeline.inverse().then(self.schedule.bg)


def found_layers(given: Request, means: Means) -> Found | str:
    """Find when and where each video lies on bg.

    Returns:
        What was found; or why bg and one of the others have nothing in common, where that was not to be overruled.

    Raises:
        AlignError: A file cannot be read, or a given finding is for other videos.
    """
    from vs_align.overlay_schedule import schedule_of

    bg, fgs = open_video(means.bg), [open_video(file) for file in means.fgs]
    masks = [None if file is None else open_video(file) for file in (means.mask, means.bg_mask)]
    _check_masks(masks, fgs[0], bg)
    if means.timeline is not None:
        _check_lengths(means.timeline, bg, fgs[0], f"--timeline {_named(given.search.timeline)}")
    if means.placement is not None:
        fitted = fitted_placement(means.placement, ("BG", bg), ("FG", fgs[0]), _named(given.search.placement))
        means = replace(means, placement=fitted)
    layers = []
    for number, fg in enumerate(fgs):
        timeline, place = _timeline(given, means, number), given.search.place
        if timeline.verdict == "unrelated":
            if not given.search.force:
                return _refusal(means.bg, fg.file, timeline.reasons)
            timeline = _forced(bg, fg)
            # what shows something else is nowhere to be found
            place = PlaceMethod.CENTER if place is PlaceMethod.AUTO else place
        _check_readers(timeline, bg, fg)
        sides = _Sides(bg, fg, None if number else masks[0])
        placement = means.placement if number == 0 else None
        if placement is None:
            placement = _placed(given, means, sides, timeline, place)
        if placement.verdict == "doubtful":
            note(f"where {fg.file.path.name} lies is doubtful: {'; '.join(placement.reasons)}.")
        else:
            timeline = _looked_again(given, means, sides, timeline, placement)
        layers.append(Layer(fg, timeline, placement))
    schedule = schedule_of(layers[0].timeline, given.look.timing, given.look.trim)
    return Found(bg, tuple(layers), schedule, *masks)


def _refusal(bg: "VideoFile", fg: "VideoFile", reasons: tuple[str, ...]) -> str:
    why = "; ".join(reasons).rstrip(".")
    return (
        f"{bg.path.name} and {fg.path.name} have nothing in common: {why}. Nothing was written; "
        "--force lays one on the other all the same, by their middles."
    )


def _options(given: Request) -> "SyncOptions":
    from vs_align.sync_options import SyncOptions

    search = given.search
    return SyncOptions(
        engine=search.engine, window=search.window, drift_interval=search.drift_interval, margin=search.margin
    )


def _timeline(given: Request, means: Means, number: int) -> "Timeline":
    if number == 0 and means.timeline is not None:
        return means.timeline
    fg = means.fgs[number]
    from vs_align.file_sync import sync_files

    with stage_progress() as progress:
        timeline = sync_files(means.bg, fg, _options(given), means.cache, progress)
    for file, times in ((means.bg, timeline.clip_times), (fg, timeline.ref_times)):
        if times:
            note(f"{file.path.name} has a variable frame rate: its time stamps count.")
    return timeline


def _looked_again(
    given: Request, means: Means, sides: "_Sides", timeline: "Timeline", placement: "Placement"
) -> "Timeline":
    """Find the time once more, where the exact place may tell frames apart that hardly differ."""
    from vs_align.file_sync import sync_files
    from vs_align.synchronisation import is_worth_another_look, looked_closely
    from vs_align.timing.close_look import CloseLook

    if (
        timeline is means.timeline
        or placement is means.placement
        or not is_worth_another_look(timeline, given.search.engine)
    ):
        return timeline
    options = replace(_options(given), placement=placement)
    with stage_progress() as progress:
        closer = CloseLook(opened_node(sides.bg), opened_node(sides.fg), placement, looked_closely(progress))
        found = sync_files(means.bg, sides.fg.file, options, means.cache, progress, closer=closer)
    return timeline if found.verdict == "unrelated" else found


def _forced(bg: "Source", fg: "Source") -> "Timeline":
    """The timeline that lays the middle of fg on the middle of bg, by the clock."""
    import numpy as np

    from vs_align.timeline import Timeline

    note(f"{bg.file.path.name} and {fg.file.path.name} have nothing in common: their middles are laid on each other.")
    wanted = np.array(fg.times) + (bg.duration - fg.duration) / 2
    # the frame that is on display, even where two clocks round differently
    frames = np.searchsorted(np.array(bg.times), wanted + bg.frame_seconds / 4, side="right") - 1
    inside = (frames >= 0) & (wanted < bg.duration)
    found = Timeline.from_frame_map(
        [int(frame) if there else None for frame, there in zip(frames, inside, strict=True)],
        clip_rate=bg.rate,
        ref_rate=fg.rate,
        clip_length=bg.length,
        clip_times=bg.times if bg.variable else (),
        ref_times=fg.times if fg.variable else (),
    )
    reason = "the two have nothing in common: the middle of one was laid on the middle of the other"
    return replace(found, verdict="doubtful", reasons=(reason,))


def _named(path: Path | None) -> str:
    return "" if path is None else path.name


def _check_masks(masks: "Sequence[Source | None]", fg: "Source", bg: "Source") -> None:
    for name, mask, covered in (("--mask", masks[0], fg), ("--bg-mask", masks[1], bg)):
        if mask is not None and mask.length not in (1, covered.length):
            raise MediaError(
                f"{name} {mask.file.path.name}: must be a picture or have as many frames as "
                f"{covered.file.path.name} ({covered.length}), has {mask.length}."
            )


def _check_lengths(timeline: "Timeline", bg: "Source", fg: "Source", where: str) -> None:
    for name, length, source in (("BG", timeline.clip_length, bg), ("FG", timeline.ref_length, fg)):
        if length != source.length:
            raise MediaError(
                f"{where}: it was made for a {name} of {length} frames, {source.file.path.name} has {source.length}."
            )


def _check_readers(timeline: "Timeline", bg: "Source", fg: "Source") -> None:
    """One program looked for moments and another shows the frames; both must count alike."""
    for length, source in ((timeline.clip_length, bg), (timeline.ref_length, fg)):
        if length != source.length:
            raise MediaError(
                f"{source.file.path.name} has {length} frames for one reader and {source.length} for another: "
                "it is damaged, or was written to meanwhile."
            )


@dataclass(frozen=True, slots=True)
class _Sides:
    """Bg and a layer, with what hides parts of it. The mask belongs to the first layer alone."""

    bg: "Source"
    fg: "Source"
    fg_mask: "Source | None"


def _placed(given: Request, means: Means, sides: "_Sides", timeline: "Timeline", place: Place) -> "Placement":
    from vs_align.file_registering import register_files
    from vs_align.placement import Placement
    from vs_align.registering import white_of
    from vs_align.registration.film_places import PlaceOptions

    sizes = (sides.bg.width, sides.bg.height), (sides.fg.width, sides.fg.height)
    scale = given.search.scale
    if not isinstance(place, PlaceMethod):
        x, y, *rest = place
        return Placement.from_corner(*sizes, x, y, rest[0] if rest else scale or 1.0)
    bg, fg = opened_node(sides.bg), opened_node(sides.fg)
    hidden = white_of(_opened_mask(sides.fg_mask, sides.fg), fg)
    options = PlaceOptions(place, scale, given.search.track)
    with stage_progress() as progress:
        return register_files((sides.bg, bg), (sides.fg, fg), timeline, options, hidden, means.cache, progress)


def _opened_mask(mask: "Source | None", covered: "Source") -> "vs.VideoNode | None":
    """White where a picture is not shown, which is what does not count."""
    import vapoursynth as vs

    if mask is None:
        return None
    colours = {"matrix": 1} if mask.is_rgb else {}
    size = covered.width, covered.height
    node = opened_node(mask).resize.Bilinear(*size, format=vs.GRAY8, range=vs.RANGE_FULL, **colours)
    hidden: vs.VideoNode = node.std.Invert()
    return hidden


def opened_node(source: "Source") -> "vs.VideoNode":
    """Open a video whose index there is already."""
    import vapoursynth as vs

    from vs_align.media.source import source_arguments

    node: vs.VideoNode = vs.core.bs.VideoSource(**source_arguments(source.file.path))
    return node


def built(given: Request, found: Found) -> "vs.VideoNode":
    """Build the result of the first layer here, as the script does, of which only size, length and rate are wanted."""
    import vs_align
    from vs_align.media.overlay_script import preview_size

    first, division = found.layers[0], given.coding.preview.division
    nodes, sizes = [], []
    for source in (found.bg, first.fg):
        size = preview_size((source.width, source.height), division)
        node = opened_node(source)
        nodes.append(node if division == 1 else node.resize.Bilinear(*size))
        sizes.append(size)
    placement = first.placement.resized(sizes[0], sizes[1])
    options: dict[str, Any] = given.look.differing()
    return vs_align.overlay(nodes[0], nodes[1], timeline=first.timeline, placement=placement, **options)
