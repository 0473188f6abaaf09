"""The words of `sync` and `register` for users of `overlay`, who know bg and fg instead of clip and ref."""

import re
from dataclasses import replace

from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

NAMES = "bg", "fg"
"""What clip and ref are for `overlay`."""

# names of files and of options are left as they are
_SIDE = re.compile(r"(?<![\w./\\-])(clip|ref)(?![\w/\\-]|\.\w)")


def for_overlay(text: str, names: tuple[str, str] = NAMES) -> str:
    """Return a text that says bg for clip and fg for ref, or other names."""
    return _SIDE.sub(lambda found: names[found[1] == "ref"], text)


def timeline_for_overlay(timeline: Timeline) -> Timeline:
    """Return a timeline whose reasons speak of bg and fg."""
    return replace(timeline, reasons=tuple(map(for_overlay, timeline.reasons)))


def placement_for_overlay(placement: Placement) -> Placement:
    """Return a placement whose reasons speak of bg and fg."""
    return replace(placement, reasons=tuple(map(for_overlay, placement.reasons)))
