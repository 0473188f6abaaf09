"""`spatial`: every broken rule is one clear error, before any frame is asked for."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import vapoursynth as vs

import vs_align
from tests.api.test_temporal_arguments import untouchable as untouchable_yuv
from vs_align import Device, FlowEngine, Placement, SpatialPrecision, Stabilize, Unaligned

core = vs.core


def untouchable(length: int = 10, format_id: int = vs.RGB24) -> vs.VideoNode:
    """A clip that fails the test when a frame is asked for."""
    return untouchable_yuv(length).resize.Point(format=format_id, matrix_in_s="709")


YUV = 'YUV420P8; convert it, as in resize.Bicubic(format=vs.RGB24, matrix_in_s="709")'
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "clip is no clip": ({"clip": "dvd.mkv"}, "clip must be a video clip, got str."),
    "ref is audio": ({"ref": "audio"}, "ref must be a video clip, got AudioNode."),
    "mask is a number": ({"mask": 1}, "mask must be a video clip, got int."),
    "mask of clip is text": ({"clip_mask": "logo.png"}, "clip_mask must be a video clip, got str."),
    "variable format": ({"clip": "varformat"}, "clip must have a constant format, got a clip of variable format."),
    "variable size": ({"ref": "varsize"}, "ref must have a constant size, got a clip of variable size."),
    "mask of variable size": ({"mask": "varsize"}, "mask must have a constant size, got a clip of variable size."),
    "clip is YUV": ({"clip": untouchable_yuv()}, f"clip must be RGB, got {YUV}."),
    "ref is YUV": ({"ref": untouchable_yuv()}, f"ref must be RGB, got {YUV}."),
    "32 bits": ({"clip": "integer32"}, "clip must have at most 16 bits, or be float, got RGB96."),
    "mask of 32 bits": ({"mask": "grey32"}, "mask must have at most 16 bits, or be float, got Gray32."),
    "precision 0": ({"precision": 0}, "precision must be one of 1, 2, 3, 4, got 0."),
    "precision 5": ({"precision": 5}, "precision must be one of 1, 2, 3, 4, got 5."),
    "precision as truth": ({"precision": True}, "precision must be one of 1, 2, 3, 4, got True."),
    "no iterations": ({"iterations": 0}, "iterations must be at least 1, got 0."),
    "half an iteration": ({"iterations": 1.5}, "iterations must be a whole number, got 1.5."),
    "lq_input as text": ({"lq_input": "yes"}, "lq_input must be True or False, got 'yes'."),
    "wide_search as text": ({"wide_search": "yes"}, "wide_search must be True or False, got 'yes'."),
    "alpha as number": ({"alpha": 2}, "alpha must be True or False, got 2."),
    "unknown unaligned": ({"unaligned": "drop"}, "unaligned must be one of 'keep', 'mask', got 'drop'."),
    "unaligned without alpha": ({"unaligned": "mask"}, "unaligned must be 'keep' without alpha=True, got 'mask'."),
    "unknown stabilize": (
        {"stabilize": "shot"},
        "stabilize must be one of 'frame', 'scene', 'clip', got 'shot'.",
    ),
    "unknown engine": ({"engine": "raft"}, "engine must be one of 'auto', 'dis', 'rife', got 'raft'."),
    "unknown device": ({"device": "tpu"}, "device must be one of 'auto', 'cpu', 'cuda', got 'tpu'."),
    "unknown backend": ({"backend": "tpu"}, "device must be one of 'auto', 'cpu', 'cuda', got 'tpu'."),
    "batch of none": ({"batch_size": 0}, "batch_size must be at least 1, got 0."),
    "placement is a number": (
        {"placement": 3},
        "placement must be a Placement of register(clip, ref) or the path of its JSON file, got int.",
    ),
}


@pytest.mark.parametrize(("change", "message"), CASES.values(), ids=CASES.keys())
def test_broken_rules(change: dict[str, Any], message: str) -> None:
    special = {
        "audio": core.std.BlankAudio(),
        "varformat": core.std.BlankClip(varformat=1, length=10),
        "varsize": core.std.BlankClip(varsize=1, length=10, format=vs.RGB24),
        "grey32": core.std.BlankClip(format=vs.GRAY32, length=10),
        "integer32": core.std.BlankClip(format=core.query_video_format(vs.RGB, vs.INTEGER, 32, 0, 0).id, length=10),
    }
    change = {k: special.get(v, v) if isinstance(v, str) else v for k, v in change.items()}
    arguments: dict[str, Any] = {"clip": untouchable(), "ref": untouchable()} | change
    with pytest.raises(vs_align.ArgumentError) as caught:
        vs_align.spatial(**arguments)
    assert str(caught.value) == f"vs_align.spatial: {message}"
    assert caught.value.function == "spatial"
    assert isinstance(caught.value, vs.Error)
    assert isinstance(caught.value, ValueError)


def test_a_placement_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, text in (("missing.json", None), ("broken.json", "{"), ("other.json", "{}")):
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        for given in (path, str(path)):
            with pytest.raises(vs_align.ArgumentError, match=name):
                vs_align.spatial(untouchable(), untouchable(), placement=given)


EVERYTHING: dict[str, dict[str, Any]] = {
    "defaults": {},
    "frame": {"wide_search": True, "alpha": True, "unaligned": "mask", "precision": 4, "batch_size": 3},
    "scene": {"stabilize": "scene"},
    "wide scene": {"stabilize": "scene", "wide_search": True},
    "clip": {"stabilize": "clip"},
    "placement": {"placement": Placement.neutral((8, 6), (16, 12))},
}


@pytest.mark.parametrize("format_id", [vs.RGB24, vs.RGBH], ids=["8", "half"])
@pytest.mark.parametrize("options", EVERYTHING.values(), ids=EVERYTHING.keys())
def test_nothing_is_computed_before_the_first_frame(options: dict[str, Any], format_id: int) -> None:
    vs_align.spatial(
        untouchable(13, format_id), untouchable(), untouchable_yuv(3), engine="dis", clip_mask=untouchable(1), **options
    )


def test_names_values_and_members_mean_the_same() -> None:
    clip = untouchable()
    for precision in (4, "best", "BEST", SpatialPrecision.BEST):
        vs_align.spatial(clip, clip, precision=precision, engine="dis")  # type: ignore[arg-type]
    for engine, device, stabilize in (("DIS", "CPU", "Clip"), (FlowEngine.DIS, Device.CPU, Stabilize.CLIP)):
        vs_align.spatial(
            clip, clip, engine=engine, device=device, stabilize=stabilize, unaligned=Unaligned.MASK, alpha=True
        )


def test_arguments_by_position_have_the_order_of_3_3() -> None:
    clip = untouchable()
    vs_align.spatial(clip, clip, None, 2, True, True, True, "cpu", engine="dis", unaligned="mask")
    with pytest.raises(TypeError):
        vs_align.spatial(clip, clip, None, 2, True, True, True, "cpu", "dis")  # type: ignore[call-arg, arg-type]


def test_dis_on_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vs_align.api.arguments.check_device", lambda function, device: Device.CUDA)
    with pytest.raises(vs_align.ArgumentError) as caught:
        vs_align.spatial(untouchable(), untouchable(), engine="dis", device="cuda")
    message = "vs_align.spatial: device must be 'cpu' or 'auto' with engine 'dis', got 'cuda'."
    assert str(caught.value) == message


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_rife_without_torch_says_what_to_install() -> None:
    with pytest.raises(vs_align.MissingDependencyError, match=r"pip install torch timm kornia"):
        vs_align.spatial(untouchable(), untouchable(), engine="rife")


def test_auto_is_dis_where_rife_would_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vs_align.measure.networks.weights.available", lambda name: None)
    clip = core.std.BlankClip(format=vs.RGB24, width=32, height=24, length=1)
    assert vs_align.spatial(clip, clip).get_frame(0).props["VSAlignEngine"] == "dis"
