"""Arguments of `overlay()`: what is wrong is told before any frame is asked for."""

from typing import Any

import pytest
import vapoursynth as vs

from vs_align.api.overlay import overlay
from vs_align.errors import AlignError, ArgumentError
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

core = vs.core
BG, FG = (32, 24), (16, 12)


def never_asked(length: int, size: tuple[int, int], form: int = vs.YUV420P8) -> vs.VideoNode:
    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise AssertionError("a frame was asked for")

    clip = core.std.BlankClip(width=size[0], height=size[1], format=form, length=length)
    return clip.std.ModifyFrame(clip, fail)


def timeline(length: int = 10, bg_length: int = 30) -> Timeline:
    return Timeline.from_frame_map(range(length), clip_rate=24, ref_rate=24, clip_length=bg_length)


def call(**options: Any) -> vs.VideoNode:
    given = {"timeline": timeline(), "placement": Placement.neutral(BG, FG), **options}
    bg, fg = given.pop("bg", never_asked(30, BG)), given.pop("fg", never_asked(10, FG))
    return overlay(bg, fg, **given)


def mask(length: int, size: tuple[int, int]) -> vs.VideoNode:
    return never_asked(length, size, vs.GRAY8)


def test_nothing_wrong_with_these() -> None:
    assert call().num_frames == 10
    assert call(place=(3, 4.5, 0.5), scale=2, timing="BG", track="scan", engine="fast").num_frames == 10
    assert call(mask=mask(10, FG), bg_mask=mask(1, BG), trim=0, cache=False).num_frames == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bg": 3}, "bg must be a video clip, got int"),
        ({"fg": core.std.BlankClip(varsize=True)}, "fg must have a constant size"),
        ({"bg": core.std.BlankClip(format=vs.GRAY32)}, "bg must have at most 16 bits, or be float, got Gray32"),
        ({"timing": "both"}, "timing must be one of 'fg', 'bg', 'ref', got 'both'"),
        ({"timing": "ref"}, "ref must be given for timing 'ref': the clip whose time counts, got None"),
        ({"ref": never_asked(5, BG)}, "ref must be left out but for timing 'ref', got timing 'fg'"),
        ({"timing": "ref", "ref": 7}, "ref must be a video clip, got int"),
        ({"engine": "psychic"}, "engine must be one of 'auto', 'fast', .* got 'psychic'"),
        ({"engine": "audio"}, "engine must compare frames; for audio give timeline=sync.* got 'audio'"),
        ({"place": "left"}, "place must be one of 'auto', 'template', .* got 'left'"),
        ({"place": 5}, r"place must be the name of a method, \(x, y\) or \(x, y, scale\), got 5"),
        ({"place": (1, 2, 3, 4)}, "place must be the name of a method"),
        ({"place": (1, "2")}, "place must be a number, got '2'"),
        ({"place": (1, float("inf"))}, "place must have x and y within 1e.06 pixels"),
        ({"place": (1, 2, 0)}, r"place must have a scale in 0.01..100, got \(1, 2, 0\)"),
        ({"place": (1, 2, 1e-300)}, r"place must have a scale in 0.01..100, got \(1, 2, 1e-300\)"),
        ({"scale": 0}, "scale must lie in 0.01..100, got 0"),
        ({"scale": float("inf")}, "scale must lie in 0.01..100, got inf"),
        ({"scale": "big"}, "scale must be a number, got 'big'"),
        ({"trim": 2}, "trim must be True or False, got 2"),
        ({"smooth": "yes"}, "smooth must be True or False, got 'yes'"),
        ({"margin": -1}, "margin must be at least 0, got -1"),
        ({"margin": 2.5}, "margin must be a whole number, got 2.5"),
        ({"opacity": 1.5}, r"opacity must lie in 0\.\.1, got 1.5"),
        ({"background": "pink"}, "background must be one of 'keep', 'black', 'blur', got 'pink'"),
        ({"canvas": "all"}, "canvas must be one of 'bg', 'union', 'fg', got 'all'"),
        ({"colour_match": None}, "colour_match must be True or False, got None"),
        ({"track": "car"}, "track must be one of 'scene', 'scan', got 'car'"),
        ({"cache": 3}, "cache must be a folder, True or False, got 3"),
        ({"progress": "bar"}, "progress must be a function, got 'bar'"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"drift_interval": True}, "drift_interval must be a whole number, got True"),
        ({"mask": mask(10, BG)}, r"mask must have the size of fg \(16x12\), got 32x24"),
        ({"mask": mask(9, FG)}, r"mask must have one frame or be as long as fg \(10 frames\), got 9"),
        ({"bg_mask": mask(30, FG)}, r"bg_mask must have the size of bg \(32x24\), got 16x12"),
        ({"bg_mask": 1}, "bg_mask must be a video clip, got int"),
        ({"timeline": 4}, r"timeline must be a Timeline of sync\(bg, fg\) or the path of its JSON file, got int"),
        (
            {"timeline": timeline(11)},
            r"timeline must be sync\(bg, fg\), from 30 frames of bg to 10 of fg, got one from 30 frames to 11\.$",
        ),
        (
            {"timeline": timeline().inverse()},
            r"got one from 10 frames to 30; was it made by sync\(fg, bg\)\? Use \.inverse\(\)",
        ),
        ({"placement": "nowhere.json"}, r"nowhere\.json"),
        ({"timeline": "nowhere.json"}, r"nowhere\.json"),
        (
            {"placement": 4},
            r"placement must be a Placement of register\(bg, fg\) or the path of its JSON file, got int",
        ),
        (
            {"placement": Placement.neutral(FG, BG)},
            r"placement must be for bg of 32x24 and fg of 16x12, or of their aspect ratios, got one for 16x12 and "
            r"32x24; was it made by register\(fg, bg\)\? Call it with bg first",
        ),
        ({"placement": Placement.neutral(BG, (8, 8))}, r"was it made at another size\? Use \.resized\(\)"),
        (
            {"timing": "ref", "ref": never_asked(5, BG)},
            r"timeline must be a pair, sync\(bg, ref\) and sync\(fg, ref\), for timing 'ref', got Timeline",
        ),
        (
            {"timing": "ref", "ref": never_asked(5, BG), "timeline": (timeline(5), timeline(5))},
            r"timeline must be sync\(fg, ref\), from 10 frames of fg to 5 of ref, got one from 30 frames to 5",
        ),
        ({"timeline": (timeline(), timeline())}, r"timeline must be a Timeline of sync\(bg, fg\)"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(AlignError, match=message) as caught:
        call(**options)
    if isinstance(caught.value, ArgumentError) and "json" not in message:
        assert str(caught.value).startswith("vs_align.overlay: ")
