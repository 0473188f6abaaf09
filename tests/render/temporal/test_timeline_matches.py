"""Rendering of a timeline with segments of every kind."""

from fractions import Fraction

import vs_align
from tests.synth import first_pixels, numbered_clip, props_of
from vs_align.enums import SegmentKind
from vs_align.timeline.timeline import Segment, Timeline


def test_inserts_and_black_are_fallbacks_and_missing_segments_have_no_frames() -> None:
    timeline = Timeline(
        (
            Segment(0, -1, 0, kind=SegmentKind.MISSING, clip_count=4),
            Segment(0, 2, 4),
            Segment(3, 4, None, kind=SegmentKind.BLACK),
            Segment(5, 4, 7, kind=SegmentKind.MISSING, clip_count=13),
            Segment(5, 9, 20, rate=1.5, phase=0.25),
            Segment(10, 10, None, kind=SegmentKind.INSERT),
            Segment(11, 12, 30, 0, SegmentKind.HOLD),
            Segment(13, 12, 31, kind=SegmentKind.MISSING, clip_count=2),
        ),
        Fraction(24),
        Fraction(25),
        clip_length=33,
        ref_length=13,
        verdict="good",
    )
    clip, ref = numbered_clip(33), numbered_clip(13)
    rendered = vs_align.temporal(clip, ref, timeline=timeline)
    assert props_of(rendered, "VSAlignFallback") == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0]
    assert first_pixels(rendered) == [4, 5, 6, 6, 20, 20, 22, 23, 25, 26, 26, 30, 30]
    shown = vs_align.temporal(clip, ref, timeline=timeline, fallback=ref.std.Expr("x 100 +"))
    assert first_pixels(shown) == [4, 5, 6, 103, 104, 20, 22, 23, 25, 26, 110, 30, 30]
