"""What `vs-align overlay` finds out: when and where each video lies on bg."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.cli.console import note, stage_progress
from vs_align.cli.overlay.checks import Means, tell_alpha
from vs_align.cli.overlay.request import Place, Request
from vs_align.cli.preparation import fitted_placement, open_video
from vs_align.enums import PlaceMethod, SyncEngine, Timing
from vs_align.errors import MediaError
from vs_align.timeline.report import refused

if TYPE_CHECKING:
    import vapoursynth as vs

    from vs_align.decide.schedule.schedule import Schedule
    from vs_align.decide.synchronization.options import SyncOptions
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.placement.placement import Placement
    from vs_align.timeline.timeline import Timeline


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

    def has_still(self, number: int) -> bool:
        """Whether bg or a layer is a still that lasts as long as the other one."""
        one = self.layers[number].fg.is_still
        if number == 0 and one and not self.bg.is_still:
            return len(self.schedule) > 1
        return one or self.bg.is_still

    def timeline_of(self, number: int) -> "Timeline":
        """Return the timeline by which a layer is laid on: of bg and the first; from any other to the result."""
        from vs_align.decide.schedule.still_frames import beside_still, held_still

        layer = self.layers[number]
        if number == 0:
            return layer.timeline
        if layer.fg.is_still:
            return held_still(self.schedule.bg)
        if self.bg.is_still:
            return beside_still(layer.timeline, self.schedule.bg)
        return layer.timeline.inverse().then(self.schedule.bg)


def found_layers(given: Request, means: Means) -> Found | str:
    """Find when and where each video lies on bg.

    Returns:
        What was found; or why bg and one of the others have nothing in common, where that was not to be overruled.

    Raises:
        AlignError: A file cannot be read, or a given finding is for other videos.
    """
    from vs_align.api.overlay_terms import placement_for_overlay, timeline_for_overlay
    from vs_align.decide.schedule.schedule import schedule_of

    bg, fgs = open_video(means.bg), [open_video(file) for file in means.fgs]
    tell_alpha(bg, fgs)
    _tell_stills(bg, fgs, given)
    _check_image(given, bg, fgs[0])
    masks = [None if file is None else open_video(file) for file in (means.mask, means.bg_mask)]
    _check_masks(masks, fgs[0], bg)
    if means.timeline is not None:
        _check_lengths(means.timeline, bg, fgs[0], f"--timeline {_named(given.search.timeline)}")
    if means.placement is not None:
        fitted = fitted_placement(means.placement, ("BG", bg), ("FG", fgs[0]), _named(given.search.placement))
        means = replace(means, placement=fitted)
    layers = []
    for number, fg in enumerate(fgs):
        place = given.search.place
        untimed = _is_untimed(given, means, number, bg, fg)
        timeline = timeline_for_overlay(_untimed(bg, fg) if untimed else _timeline(given, means, number))
        if timeline.verdict == "unrelated":
            if not given.search.force:
                return _refusal(means.bg, fg.file, timeline.reasons)
            is_still = bg.is_still or fg.is_still
            timeline = _untimed(bg, fg) if is_still else _kept(timeline, bg, fg) or _forced(bg, fg)
            # what shows something else is nowhere to be found
            place = PlaceMethod.CENTER if place is PlaceMethod.AUTO else place
        _check_readers(timeline, bg, fg)
        sides = _Sides(bg, fg, None if number else masks[0])
        placement = means.placement if number == 0 else None
        if placement is None:
            placement = placement_for_overlay(_placed(given, means, sides, timeline, place))
        if placement.verdict == "doubtful":
            note(f"where {fg.file.path.name} lies is doubtful: {'; '.join(placement.reasons)}.")
        else:
            timeline = timeline_for_overlay(_looked_again(given, means, sides, timeline, placement))
        layers.append(Layer(fg, timeline, placement))
    schedule = schedule_of(layers[0].timeline, given.look.timing, given.look.trim)
    return Found(bg, tuple(layers), schedule, *masks)


def _is_untimed(given: Request, means: Means, number: int, bg: "Source", fg: "Source") -> bool:
    """Whether there is no time to look for: one of both is a still, and its place is known."""
    from vs_align.decide.schedule.still_frames import lasting_still

    if number == 0 and means.timeline is not None:
        return False
    timing = given.look.timing if number == 0 else None
    known = (number == 0 and means.placement is not None) or given.search.place is PlaceMethod.CENTER
    known = known or not isinstance(given.search.place, PlaceMethod)
    return known and lasting_still(bg.length, fg.length, timing)


def _untimed(bg: "Source", fg: "Source") -> "Timeline":
    from vs_align.decide.schedule.still_frames import timeless

    sides = [(side.length, side.rate, side.times if side.variable else ()) for side in (bg, fg)]
    return timeless(sides[0], sides[1])


def _check_image(given: Request, bg: "Source", fg: "Source") -> None:
    """Complain before anything is searched, as far as one sees."""
    from vs_align.decide.schedule.still_frames import lasting_still
    from vs_align.media.image_output import check_one_frame

    if given.dry_run:
        return
    both = lasting_still(bg.length, fg.length, given.look.timing) or given.look.timing is Timing.BG
    check_one_frame(given.out, max(bg.length, fg.length) if both else fg.length)


def _tell_stills(bg: "Source", fgs: "list[Source]", given: Request) -> None:
    if bg.is_still and not all(fg.is_still for fg in fgs):
        note(f"{bg.file.path.name} is a still: as bg it lasts as long as fg.")
    for number, fg in enumerate(fgs):
        if fg.is_still and not bg.is_still and (number or given.look.timing is not Timing.FG):
            note(f"{fg.file.path.name} is a still: it is shown in all frames of bg.")
    for side in (bg, *fgs):
        if side.is_still and side.file.audio_codec is not None:
            note(f"{side.file.path.name} is a still: its sound is left out.")


def _refusal(bg: "VideoFile", fg: "VideoFile", reasons: tuple[str, ...]) -> str:
    if bg.is_still or fg.is_still:
        return (
            f"{bg.path.name} and {fg.path.name} have nothing in common, so that no place is found: "
            f"{'; '.join(reasons).rstrip('.')}. Nothing was written; --place X,Y or --place center lays one on the "
            "other all the same."
        )
    return (
        f"{bg.path.name} and {fg.path.name} {refused(reasons).rstrip('.')}. Nothing was written; "
        "--force lays one on the other all the same, by their middles."
    )


def _options(given: Request) -> "SyncOptions":
    from vs_align.decide.synchronization.options import SyncOptions

    search = given.search
    return SyncOptions(
        engine=search.engine,
        window=search.window,
        drift_interval=search.drift_interval,
        margin=search.margin,
        # what auto does not believe is worse than to lay one middle on the other
        force=search.force and search.engine is not SyncEngine.AUTO,
    )


def _timeline(given: Request, means: Means, number: int) -> "Timeline":
    if number == 0 and means.timeline is not None:
        return means.timeline
    fg = means.fgs[number]
    from vs_align.decide.synchronization.pipeline_files import sync_files

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
    from vs_align.api.sync import is_worth_another_look, looked_closely
    from vs_align.decide.synchronization.pipeline_files import sync_files
    from vs_align.decide.synchronization.refinement import CloseLook

    if (
        means.timeline is not None
        or placement is means.placement
        or sides.bg.is_still
        or sides.fg.is_still
        or not is_worth_another_look(timeline, given.search.engine)
    ):
        return timeline
    options = replace(_options(given), placement=placement)
    with stage_progress() as progress:
        closer = CloseLook(opened_node(sides.bg), opened_node(sides.fg), placement, looked_closely(progress))
        found = sync_files(means.bg, sides.fg.file, options, means.cache, progress, closer=closer)
    return timeline if found.verdict == "unrelated" else found


def _kept(found: "Timeline", bg: "Source", fg: "Source") -> "Timeline | None":
    """Return a map that its engine does not believe itself, for want of a better one; None where there is none."""
    if all(frame is None for frame in found.frame_map):
        return None
    note(f"{bg.file.path.name} and {fg.file.path.name} have nothing in common: the best map that was found is used.")
    reason = "the two have nothing in common: the best map that was found was used all the same"
    return replace(found, verdict="doubtful", reasons=(*found.reasons, reason))


def _forced(bg: "Source", fg: "Source") -> "Timeline":
    """The timeline that lays the middle of fg on the middle of bg, by the clock."""
    import numpy as np

    from vs_align.timeline.timeline import Timeline

    note(f"{bg.file.path.name} and {fg.file.path.name} do not match: their middles are laid on each other.")
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
    reason = "the two do not match: the middle of one was laid on the middle of the other"
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
    from vs_align.api.register import white_of
    from vs_align.api.register_files import register_files
    from vs_align.measure.registration.placement_search.estimator import PlaceOptions
    from vs_align.placement.placement import Placement
    from vs_align.render.overlay.alpha import transparent_areas, united

    sizes = (sides.bg.width, sides.bg.height), (sides.fg.width, sides.fg.height)
    scale = given.search.scale
    if not isinstance(place, PlaceMethod):
        x, y, *rest = place
        return Placement.from_corner(*sizes, x, y, rest[0] if rest else scale or 1.0)
    bg, fg = opened_node(sides.bg), opened_node(sides.fg)
    clear = transparent_areas(fg) if sides.fg.alpha and place is not PlaceMethod.CENTER else None
    mask = _opened_mask(sides.fg_mask, sides.fg)
    hidden = white_of(mask if clear is None else united(mask, clear), fg)
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
    from vs_align.media.scripts.overlay import preview_size

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
