"""`sync`: every broken rule is one clear error, before any frame is asked for."""

from pathlib import Path
from typing import Any

import pytest
import vapoursynth as vs

import vs_align
from tests.media.films import write_film

core = vs.core
ENGINES = "'auto', 'fast', 'precise', 'mask', 'border', 'tunnel_full', 'tunnel_mask', 'keyframes', 'audio', 'duration'"


def untouchable(length: int = 10) -> vs.VideoNode:
    """A clip that fails the test when a frame is asked for."""

    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise AssertionError("a frame was asked for")

    clip = core.std.BlankClip(width=32, height=24, format=vs.YUV420P8, length=length)
    return clip.std.ModifyFrame(clip, fail)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "clip is no clip": ({"clip": "dvd.mkv"}, "clip must be a video clip, got str."),
    "ref is audio": ({"ref": "sound"}, "ref must be a video clip, got AudioNode."),
    "variable format": ({"clip": "varformat"}, "clip must have a constant format, got a clip of variable format."),
    "variable size": ({"ref": "varsize"}, "ref must have a constant size, got a clip of variable size."),
    "unknown engine": ({"engine": "psychic"}, f"engine must be one of {ENGINES}, got 'psychic'."),
    "engine as number": ({"engine": 3}, f"engine must be one of {ENGINES}, got 3."),
    "search nowhere": ({"search": 0}, "search must be 'all' or a number of seconds above 0, got 0."),
    "search before": ({"search": -2.5}, "search must be 'all' or a number of seconds above 0, got -2.5."),
    "negative segment": ({"min_segment": -1}, "min_segment must be at least 0, got -1."),
    "segment as text": ({"min_segment": "long"}, "min_segment must be a number, got 'long'."),
    "segment not a number": ({"min_segment": float("nan")}, "min_segment must be a number, got nan."),
    "no window": ({"window": 0}, "window must be at least 1, got 0."),
    "broken window": ({"window": 2.5}, "window must be a whole number, got 2.5."),
    "no drift interval": ({"drift_interval": 0}, "drift_interval must be at least 1, got 0."),
    "no margin": ({"margin": 0}, "margin must be at least 1, got 0."),
    "margin as truth": ({"margin": True}, "margin must be a whole number, got True."),
    "cache as number": ({"cache": 3}, "cache must be a folder, True or False, got 3."),
    "one sound": (
        {"audio": "sound"},
        "ref_audio must be given too, one side alone says nothing, got None.",
    ),
    "the other sound": (
        {"ref_audio": "sound"},
        "audio must be given too, one side alone says nothing, got None.",
    ),
    "no audio": ({"engine": "audio"}, "audio must be given for the engine 'audio', got None."),
}


@pytest.mark.parametrize(("change", "message"), CASES.values(), ids=CASES.keys())
def test_broken_rules(change: dict[str, Any], message: str) -> None:
    special = {
        "sound": core.std.BlankAudio(),
        "varformat": core.std.BlankClip(varformat=1, length=10),
        "varsize": core.std.BlankClip(varsize=1, length=10),
    }
    change = {k: special.get(v, v) if isinstance(v, str) else v for k, v in change.items()}
    arguments = {"clip": untouchable(), "ref": untouchable(), "cache": False} | change
    with pytest.raises(vs_align.ArgumentError) as caught:
        vs_align.sync(**arguments)
    assert str(caught.value) == f"vs_align.sync: {message}"
    assert isinstance(caught.value, vs.Error)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("search", ["far", "", None, float("nan"), [1]])
def test_search_that_is_no_number(search: Any) -> None:
    with pytest.raises(vs_align.ArgumentError, match=r"^vs_align\.sync: search must be "):
        vs_align.sync(untouchable(), untouchable(), search=search, cache=False)


@pytest.mark.parametrize("sound", [3, b"sound.wav", "clip"])
def test_sound_that_is_none(sound: Any) -> None:
    given = untouchable() if sound == "clip" else sound
    with pytest.raises(vs_align.ArgumentError, match=r"audio must be an audio node or the path of a file, got "):
        vs_align.sync(untouchable(), untouchable(), audio=given, ref_audio=given, cache=False)


def test_sound_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing, mute = tmp_path / "missing.wav", write_film(tmp_path / "mute.mkv", range(3))
    with pytest.raises(vs_align.MediaError, match=r"missing\.wav .*(does not exist|cannot be read)"):
        vs_align.sync(untouchable(), untouchable(), audio=missing, ref_audio=missing, cache=False)
    with pytest.raises(vs_align.MediaError, match=r"mute\.mkv has no audio"):
        vs_align.sync(untouchable(), untouchable(), audio=mute, ref_audio=str(mute), cache=False)


def test_options_by_keyword_only() -> None:
    with pytest.raises(TypeError):
        vs_align.sync(untouchable(), untouchable(), "auto")  # type: ignore[call-arg]


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    clip = core.std.BlankClip(width=32, height=24, format=vs.GRAY8, length=10)
    with pytest.raises(vs_align.MediaError, match=r"file"):
        vs_align.sync(clip, clip, cache=tmp_path / "file")
