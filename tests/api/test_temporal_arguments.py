"""`temporal`: every broken rule raises one clear error, before any frame is requested."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import vapoursynth as vs

import vs_align
from tests.synth import clip_of, moving_pictures, props_of

core = vs.core


def blank(length: int = 10, width: int = 32, height: int = 24, format_id: int = vs.YUV420P8) -> vs.VideoNode:
    return core.std.BlankClip(width=width, height=height, format=format_id, length=length)


def untouchable(length: int = 10) -> vs.VideoNode:
    """A clip that fails the test when a frame is asked for."""

    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise AssertionError("a frame was asked for")

    clip = blank(length)
    return clip.std.ModifyFrame(clip, fail)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "clip is no clip": ({"clip": "dvd.mkv"}, "clip must be a video clip, got str."),
    "ref is audio": ({"ref": "audio"}, "ref must be a video clip, got AudioNode."),
    "variable format": ({"clip": "varformat"}, "clip must have a constant format, got a clip of variable format."),
    "variable size": ({"ref": "varsize"}, "ref must have a constant size, got a clip of variable size."),
    "other size": (
        {"ref": blank(width=34)},
        "clip must have the format and size of ref (YUV420P8 34x24), got YUV420P8 32x24; resize one of them.",
    ),
    "other format": (
        {"clip": blank(format_id=vs.YUV420P10)},
        "clip must have the format and size of ref (YUV420P8 32x24), got YUV420P10 32x24; resize one of them.",
    ),
    "negative tr": ({"tr": -3}, "tr must be at least 0, got -3."),
    "broken tr": ({"tr": 2.5}, "tr must be a whole number, got 2.5."),
    "tr as truth": ({"tr": True}, "tr must be a whole number, got True."),
    "precision 4": ({"precision": 4}, "precision must be one of 1, 2, 3, got 4."),
    "unknown metric": (
        {"metric": "psnr"},
        "metric must be one of 'planestats', 'butteraugli', 'butteraugli:3norm', 'butteraugli:vship', "
        "'butteraugli:julek', 'topiq', 'structure', got 'psnr'.",
    ),
    "metric as number": (
        {"metric": 2},
        "metric must be one of 'planestats', 'butteraugli', 'butteraugli:3norm', 'butteraugli:vship', "
        "'butteraugli:julek', 'topiq', 'structure', got 2.",
    ),
    "smooth as text": ({"smooth": "yes"}, "smooth must be True or False, got 'yes'."),
    "placement without structure": (
        {"placement": "p.json"},
        "placement must be left out but for the metric 'structure', got 'planestats'.",
    ),
    "placement as number": (
        {"placement": 3, "metric": "structure"},
        "placement must be a Placement of register(clip, ref) or the path of its JSON file, got int.",
    ),
    "thresh as text": ({"thresh": "high"}, "thresh must be a number, got 'high'."),
    "thresh not a number": ({"thresh": float("nan")}, "thresh must be a number, got nan."),
    "some of the rates": (
        {"clip_num": 24, "clip_den": 1, "ref_num": 25},
        "clip_num, clip_den, ref_num, ref_den must be given all or none, got no ref_den.",
    ),
    "rate of zero": (
        {"clip_num": 24, "clip_den": 0, "ref_num": 25, "ref_den": 1},
        "clip_den must be at least 1, got 0.",
    ),
    "rate as number": (
        {"clip_num": 23.976, "clip_den": 1, "ref_num": 25, "ref_den": 1},
        "clip_num must be a whole number, got 23.976.",
    ),
    "out too short": ({"out": blank(9)}, "out must be as long as clip (10 frames), got 9."),
    "out too long": ({"out": blank(11)}, "out must be as long as clip (10 frames), got 11."),
    "out of variable size": ({"out": "varsize"}, "out must have a constant size, got a clip of variable size."),
    "fallback too short": ({"fallback": blank(9)}, "fallback must be as long as ref (10 frames), got 9."),
    "fallback of another size": (
        {"fallback": blank(width=64)},
        "fallback must have the format and size of out (YUV420P8 32x24), got YUV420P8 64x24; resize one of them.",
    ),
    "unknown device": ({"device": "tpu"}, "device must be one of 'auto', 'cpu', 'cuda', got 'tpu'."),
    "unknown backend": ({"backend": "tpu"}, "device must be one of 'auto', 'cpu', 'cuda', got 'tpu'."),
    "batch of none": ({"batch_size": 0}, "batch_size must be at least 1, got 0."),
}


@pytest.mark.parametrize(("change", "message"), CASES.values(), ids=CASES.keys())
def test_broken_rules(change: dict[str, Any], message: str) -> None:
    special = {
        "audio": core.std.BlankAudio(),
        "varformat": core.std.BlankClip(varformat=1, length=10),
        "varsize": core.std.BlankClip(varsize=1, length=10),
    }
    change = {k: special.get(v, v) if isinstance(v, str) else v for k, v in change.items()}
    arguments = {"clip": untouchable(), "ref": untouchable()} | change
    with pytest.raises(vs_align.ArgumentError) as caught:
        vs_align.temporal(**arguments)
    assert str(caught.value) == f"vs_align.temporal: {message}"
    assert isinstance(caught.value, vs.Error)
    assert isinstance(caught.value, ValueError)


def test_nothing_is_computed_before_the_first_frame() -> None:
    vs_align.temporal(untouchable(), untouchable(), out=untouchable(), fallback=untouchable(), debug=True)


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_cuda_without_torch_says_what_to_install() -> None:
    with pytest.raises(vs_align.MissingDependencyError, match=r"pip install torch timm kornia"):
        vs_align.temporal(blank(), blank(), precision=2, device="cuda")


def test_cuda_without_a_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    torch = ModuleType("torch")
    torch.__spec__ = find_spec("json")
    torch.__version__ = "2.9.9+cpu"  # type: ignore[attr-defined]
    torch.cuda = type("cuda", (), {"is_available": staticmethod(lambda: False)})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    with pytest.raises(vs_align.MissingDependencyError, match=r"torch 2\.9\.9\+cpu sees none"):
        vs_align.temporal(blank(), blank(), precision=2, device="cuda")


@pytest.mark.parametrize("options", [{}, {"metric": "structure"}])
def test_what_runs_on_the_cpu_always_takes_cuda_without_pytorch(options: dict[str, Any]) -> None:
    result = vs_align.temporal(blank(), blank(), device="cuda", **options)
    assert result.num_frames == blank().num_frames


@pytest.mark.skipif(hasattr(core, "julek"), reason="the plugin julek is installed")
def test_a_metric_whose_plugin_is_not_there_says_what_to_install() -> None:
    with pytest.raises(vs_align.MissingDependencyError, match=r"metric 'butteraugli:julek' needs .* plugin julek\. "):
        vs_align.temporal(blank(), blank(), metric="butteraugli:julek")


@pytest.mark.skipif(not (find_spec("torch") and find_spec("timm")), reason="PyTorch or timm is not installed")
def test_a_metric_whose_weights_are_not_there_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VS_ALIGN_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(vs_align.MissingDependencyError, match=r"vs-align models get topiq"):
        vs_align.temporal(blank(), blank(), metric="TOPIQ")


def test_a_longer_fallback_is_welcome() -> None:
    pictures = moving_pictures(10, 32, 24)
    clip = clip_of(pictures)
    result = vs_align.temporal(clip, clip, fallback=clip_of([*pictures, *pictures]), thresh=1)
    assert props_of(result, "VSAlignFallback") == [0] * 10


def test_one_frame() -> None:
    clip = clip_of(moving_pictures(1, 32, 24))
    assert props_of(vs_align.temporal(clip, clip), "VSAlignMatch") == [0]


def test_a_clip_of_one_frame_for_a_long_ref() -> None:
    pictures = moving_pictures(30, 32, 24)
    result = vs_align.temporal(clip_of(pictures[:1]), clip_of(pictures), tr=5)
    assert props_of(result, "VSAlignFallback") == [0] * 6 + [1] * 24
