"""Alignment of the videos of `vs-align overlay`: timeline and placement of each layer on bg."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.cli.console import note, stage_progress
from vs_align.cli.overlay.checks import OverlayInputs, report_alpha
from vs_align.cli.overlay.options import OverlayOptions
from vs_align.cli.preparation import fit_placement, open_video
from vs_align.enums import PlaceMethod, SyncEngine, Timing
from vs_align.errors import MediaError
from vs_align.timeline.report import refused

if TYPE_CHECKING:
    from vs_align.api.overlay_search import OverlaySearch
    from vs_align.api.video import FileVideo
    from vs_align.decide.schedule.schedule import Schedule
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
class AlignedLayers:
    """All that was found.

    Args:
        bg: The video that lies under all.
        layers: What is laid on it, at least one.
        schedule: When frames of bg and of the first layer are shown.
        mask: Where the first layer is shown, None for everywhere.
        bg_mask: White where bg may be covered; None: everywhere.
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


def align_layers(options: OverlayOptions, inputs: OverlayInputs) -> AlignedLayers | str:
    """Find when and where each video lies on bg.

    Returns:
        What was found; or why bg and one of the others have nothing in common, unless that was to be overruled.

    Raises:
        AlignError: A file cannot be read, or a given finding is for other videos.
    """
    from vs_align.api.video import FileVideo
    from vs_align.decide.schedule.schedule import schedule_of

    bg, fgs = open_video(inputs.bg), [open_video(file) for file in inputs.fgs]
    report_alpha(bg, fgs)
    _tell_stills(bg, fgs, options)
    _check_image(options, bg, fgs[0])
    masks = [None if file is None else open_video(file) for file in (inputs.mask, inputs.bg_mask)]
    _check_masks(masks, fgs[0], bg)
    if inputs.timeline is not None:
        _check_lengths(inputs.timeline, bg, fgs[0], f"--timeline {_named(options.timeline)}")
    placement = None
    if inputs.placement is not None:
        placement = fit_placement(inputs.placement, ("BG", bg), ("FG", fgs[0]), _named(options.placement))
    search = _search(options, inputs)
    below = FileVideo.opened(bg, inputs.cache, listen=search.sync.uses_audio)
    layers = []
    for number, fg in enumerate(fgs):
        above = FileVideo.opened(fg, inputs.cache, listen=search.sync.uses_audio, mask=None if number else masks[0])
        known = (None, None) if number else (inputs.timeline, placement)
        how = search if number == 0 else replace(search, timing=None)
        layer = _layer(below, above, known, how, force=options.force)
        if isinstance(layer, str):
            return layer
        layers.append(layer)
    schedule = schedule_of(layers[0].timeline, options.clock, options.trim)
    return AlignedLayers(bg, tuple(layers), schedule, *masks)


def _search(options: OverlayOptions, inputs: OverlayInputs) -> "OverlaySearch":
    from vs_align.api.overlay_search import OverlaySearch
    from vs_align.decide.synchronization.options import SyncOptions

    border = options.engine is SyncEngine.BORDER
    return OverlaySearch(
        sync=SyncOptions(
            engine=options.engine,
            window=options.window,
            drift_interval=options.drift_interval,
            # so that the width of a soft edge is no reason to search again
            margin=options.margin if border else SyncOptions().margin,
            # what auto does not believe is worse than to lay one middle on the other
            force=options.force and options.engine is not SyncEngine.AUTO,
        ),
        place=options.place_input,
        scale=options.scale,
        track=options.track,
        timing=options.clock,
        cache=inputs.cache,
        refines_time=inputs.timeline is None,
    )


def _layer(
    bg: "FileVideo",
    fg: "FileVideo",
    known: "tuple[Timeline | None, Placement | None]",
    search: "OverlaySearch",
    *,
    force: bool,
) -> Layer | str:
    """Find when and where one video lies on bg, or return why both have nothing in common."""
    from vs_align.api.overlay_search import find_placement, find_timeline, timeless_timeline
    from vs_align.api.overlay_terms import timeline_for_overlay

    timeline, placement = known
    if timeline is None:
        with stage_progress() as progress:
            timeline = find_timeline(bg, fg, search, placement, progress)
        # without a verdict nothing was compared
        for file, times in ((bg.file, timeline.clip_times), (fg.file, timeline.ref_times)):
            if times and timeline.verdict is not None:
                note(f"{file.path.name} has a variable frame rate: its time stamps count.")
    timeline = timeline_for_overlay(timeline)
    has_still = bg.source.is_still or fg.source.is_still
    if timeline.verdict == "unrelated":
        if not force:
            return _refusal(bg.file, fg.file, timeline.reasons)
        timeline = timeless_timeline(bg, fg) if has_still else _forced(timeline, bg.source, fg.source)
        # what shows something else is nowhere to be found
        search = replace(search, place=PlaceMethod.CENTER if search.place is PlaceMethod.AUTO else search.place)
    _check_readers(timeline, bg.source, fg.source)
    if placement is None:
        search = replace(search, refines_time=search.refines_time and not has_still)
        with stage_progress() as progress:
            timeline, placement = find_placement(bg, fg, timeline, search, progress)
    if placement.verdict == "doubtful":
        note(f"where {fg.name} lies is doubtful: {'; '.join(placement.reasons)}.")
    return Layer(fg.source, timeline, placement)


def _forced(found: "Timeline", bg: "Source", fg: "Source") -> "Timeline":
    """Return a doubtful timeline of two videos that have nothing in common, and report how it was made."""
    from vs_align.api.overlay_search import best_unrelated, centered_timeline

    names = f"{bg.file.path.name} and {fg.file.path.name}"
    best = best_unrelated(found)
    if best is not None:
        note(f"{names} have nothing in common: the best map that was found is used.")
        return best
    note(f"{names} do not match: their middles are laid on each other.")
    return centered_timeline(bg, fg)


def _check_image(options: OverlayOptions, bg: "Source", fg: "Source") -> None:
    """Complain before anything is searched, as far as one sees."""
    from vs_align.decide.schedule.still_frames import lasting_still
    from vs_align.media.image_output import check_single_frame

    if options.dry_run:
        return
    both = lasting_still(bg.length, fg.length, options.clock) or options.clock is Timing.BG
    check_single_frame(options.target, max(bg.length, fg.length) if both else fg.length)


def _tell_stills(bg: "Source", fgs: "list[Source]", options: OverlayOptions) -> None:
    if bg.is_still and not all(fg.is_still for fg in fgs):
        note(f"{bg.file.path.name} is a still: as bg it lasts as long as fg.")
    for number, fg in enumerate(fgs):
        if fg.is_still and not bg.is_still and (number or options.clock is not Timing.FG):
            note(f"{fg.file.path.name} is a still: it is shown in all frames of bg.")
    for side in (bg, *fgs):
        if side.is_still and side.file.audio_codec is not None:
            note(f"{side.file.path.name} is a still: its audio is left out.")


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


def _named(path: Path | None) -> str:
    return "" if path is None else path.name


def _check_masks(masks: "Sequence[Source | None]", fg: "Source", bg: "Source") -> None:
    for name, mask, covered in (("--mask", masks[0], fg), ("--bg-mask", masks[1], bg)):
        if mask is not None and mask.length not in (1, covered.length):
            raise MediaError(
                f"{name} {mask.file.path.name}: must be an image or have as many frames as "
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


def result_size(options: OverlayOptions, aligned: AlignedLayers) -> tuple[int, int]:
    """Return width and height of the result, which `vs_align.overlay` decides; no frame is read."""
    import vs_align
    from vs_align.api.video import file_node
    from vs_align.media.scripts.overlay import preview_size

    first, division = aligned.layers[0], options.coding.preview.division
    nodes, sizes = [], []
    for source in (aligned.bg, first.fg):
        size = preview_size((source.width, source.height), division)
        node = file_node(source.file.path)
        nodes.append(node if division == 1 else node.resize.Bilinear(*size))
        sizes.append(size)
    placement = first.placement.resized(sizes[0], sizes[1])
    arguments: dict[str, Any] = options.overlay_arguments()
    node = vs_align.overlay(nodes[0], nodes[1], timeline=first.timeline, placement=placement, **arguments)
    return node.width, node.height
