"""Choice of the flow engine, and errors if RIFE cannot run."""

import numpy as np
import pytest

import vs_align
from tests.folders import SHARED
from tests.synth import coloured, grid, rgb_clip_of, texture
from vs_align.enums import Device, FlowEngine
from vs_align.errors import AlignError, MissingDependencyError
from vs_align.measure.flow import engine as engines
from vs_align.measure.flow.dis.engine import DisEngine
from vs_align.measure.flow.engine import engine_for
from vs_align.measure.flow.rife.images import joined_masks

WEIGHTS = SHARED / "weights"


def test_the_built_in_engine_runs_where_there_is_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "cuda_is_available", lambda: False)
    engine = engine_for(FlowEngine.AUTO, Device.AUTO, 3, 1, False, "spatial")
    assert engine.name == "dis" and not engine.wants_rgb


def test_rife_is_not_chosen_without_weights_even_where_cuda_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("VS_ALIGN_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "cuda_is_available", lambda: True)
    assert engine_for(FlowEngine.AUTO, Device.AUTO, 3, 1, False, "spatial").name == "dis"


def test_without_torch_the_error_says_that_dis_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(
        MissingDependencyError, match=r"vs_align\.spatial: engine 'rife' needs PyTorch; .*'dis' does not"
    ):
        engine_for(FlowEngine.RIFE, Device.CPU, 3, 1, False, "spatial")


def test_wrong_weights_are_refused_by_their_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    pytest.importorskip("torch")
    wrong = f"{tmp_path}/flownet_v4.14.pkl"
    with open(wrong, "wb") as file:
        file.write(b"not a network")
    monkeypatch.setenv("VS_ALIGN_MODELS", str(tmp_path))
    with pytest.raises(AlignError, match="sha256"):
        engine_for(FlowEngine.RIFE, Device.CPU, 3, 1, False, "spatial")


def test_masks_of_clip_move_onto_ref() -> None:
    clip_mask = np.zeros((20, 30), bool)
    clip_mask[5:8, 10:13] = True
    start = np.array([[1.0, 0, 4], [0, 1, 2], [0, 0, 1]])
    joined = joined_masks(None, clip_mask, start, (30, 20))
    assert joined is not None
    ys, xs = np.nonzero(joined)
    assert [int(edge) for edge in (xs.min(), xs.max(), ys.min(), ys.max())] == [6, 8, 3, 5]


def test_both_engines_bring_a_shift_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    if not WEIGHTS.is_dir():
        pytest.skip("no folder shared/weights beside the repository")
    monkeypatch.setenv("VS_ALIGN_MODELS", str(WEIGHTS))
    u, v = grid(160, 96)
    ref, clip = (rgb_clip_of([coloured(texture(u + shift, v))]) for shift in (0.0, 2.5))
    for engine, within in (("dis", 0.02), ("rife", 0.1)):
        with vs_align.spatial(clip, ref, precision=2, engine=engine).get_frame(0) as frame:
            assert frame.props["VSAlignEngine"] == engine
            assert abs(float(frame.props["VSAlignShiftX"]) + 2.5) < within
            assert abs(float(frame.props["VSAlignShiftY"])) < within


def test_luma_engine_takes_any_precision() -> None:
    picture = texture(*grid(64, 48)).astype(np.float32)
    for precision in (1, 2, 3, 4):
        field = DisEngine(precision).field(picture, picture, np.eye(3))
        assert field.shape == (48, 64, 2) and field.dtype == np.float32
