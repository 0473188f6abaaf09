"""The reference procedure reproduces the recorded results of vs_align 3.3.1."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.measure.networks.goldens import Golden

pytest.importorskip("torch")

import torch

from tests.folders import SHARED
from tests.measure.flow.rife import reference
from vs_align.measure.networks.ifnet import load_ifnet

if TYPE_CHECKING:
    from vs_align.measure.networks.ifnet import IFNet

FLOW, PICTURE, STORED_FLOW, STORED_PICTURE = 1e-4, 1e-3, 3.1e-4, 2.1e-3
"""Most that a pixel may differ: flows in pixels, pictures of 0 to 1, and flows stored as whole numbers."""


@pytest.fixture(scope="module")
def network() -> "IFNet":
    weights = SHARED / "weights" / "flownet_v4.14.pkl"
    if not weights.is_file():
        pytest.skip("no folder shared/weights with the weights of the network beside the repository")
    return load_ifnet(weights)


def tensor(picture: Any) -> torch.Tensor:
    array = picture if picture.ndim == 3 else picture[..., None]
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))[None]


def close(got: torch.Tensor, golden: Golden, name: str, limit: float) -> None:
    want = golden[name]
    assert got.shape[1:] == want.shape
    assert np.abs(want).max() > 0.1
    assert np.abs(got[0].numpy() - want).max() < limit, name


def run(network: "IFNet", clip: Any, ref: Any, passes: Any, mask: Any = None) -> list[reference.ReferenceStep]:
    steps: list[reference.ReferenceStep] = reference.align(
        network, tensor(clip), tensor(ref), passes, None if mask is None else tensor(mask)
    )
    return steps


def test_encoder_and_blocks(network: "IFNet") -> None:
    golden = Golden("blocks_128x192")
    clip, ref = tensor(golden.picture("clip")), tensor(golden.picture("ref"))
    with torch.inference_mode():
        features, of_ref = network.encode(clip), network.encode(ref)
        close(features, golden, "enc_clip", FLOW)
        one = torch.ones_like(clip[:, :1])
        ahead = torch.cat([clip, ref, features, of_ref, one], 1)
        back = torch.cat([ref, clip, of_ref, features, one * 0], 1)
        for name, planes in (("fwd", ahead), ("rev", back)):
            flow, mask = reference.run_block(network.block0, planes, None, 8)
            close(flow, golden, f"b0_{name}_flow", FLOW)
            close(mask, golden, f"b0_{name}_mask", FLOW)
        after = torch.from_numpy(golden["flow_after_b0"])[None]
        close(reference.warp(features, after[:, :2]), golden, "b1_warped_clip_features", 1.6e-4)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_flow_after_each_block(network: "IFNet", count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = Golden("blocks_128x192")
    monkeypatch.setattr(
        type(network), "blocks", property(lambda self: [self.block0, self.block1, self.block2, self.block3][:count])
    )
    with torch.inference_mode():
        flow, mask = reference.estimate(
            network,
            tensor(golden.picture("clip")),
            tensor(golden.picture("ref")),
            reference.S2[:count],  # type: ignore[arg-type]
        )
    close(flow, golden, f"flow_after_b{count - 1}", FLOW)
    close(mask, golden, f"mask_after_b{count - 1}", FLOW if count < 4 else 2e-4)


@pytest.mark.parametrize(
    ("scales", "name"), [(reference.S1, "s1"), (reference.S2, None), (reference.S3, "s3"), (reference.S4, "s4")]
)
def test_every_list_of_scales(network: "IFNet", scales: reference.Scales, name: str | None) -> None:
    golden = Golden("blocks_128x192")
    clip, ref = tensor(golden.picture("clip")), tensor(golden.picture("ref"))
    with torch.inference_mode():
        ahead, own = (reference.estimate(network, x, ref, scales)[0] for x in (clip, ref))
    if name is None:
        close(own, golden, "self_flow", FLOW)
        close((ahead - own)[:, :2], golden, "compensated", FLOW)
    else:
        close(ahead[:, :2], golden, f"raw_flow_{name}", STORED_FLOW)
        close(own[:, :2], golden, f"self_flow_{name}", STORED_FLOW)


@pytest.mark.parametrize("precision", [1, 2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_every_precision(network: "IFNet", precision: int) -> None:
    golden = Golden("precision_256x384")
    steps = run(network, golden.picture("clip"), golden.picture("ref"), reference.reference_passes(precision))
    flows = {
        1: {0: "p1_pass0_flow"},
        2: {0: "p2_pass0_flow", 1: "p2_pass1_flow"},
        3: {0: "p3_pass0_flow", 1: "p3_pass1_flow"},
        4: {0: "p3_pass0_flow", 1: "p4_pass1_flow", 2: "p4_pass2_flow"},
    }[precision]
    for number, name in flows.items():
        close(steps[number].flow, golden, name, STORED_FLOW)
    close(steps[-1].picture, golden, f"p{precision}_aligned", STORED_PICTURE if precision != 3 else PICTURE)


@pytest.mark.parametrize(("precision", "name"), [(3, "p3_pass1_flow"), (1, "p1_pass0_flow")])
def test_poor_pictures(network: "IFNet", precision: int, name: str) -> None:
    golden = Golden("lq_256x384")
    ref = Golden("precision_256x384").picture("ref")
    steps = run(network, golden.picture("clip"), ref, reference.reference_passes(precision, lq_input=True))
    close(steps[-1].flow, golden, name, STORED_FLOW)


def test_masked(network: "IFNet") -> None:
    golden = Golden("mask_256x384")
    clip = Golden("precision_256x384").picture("clip")
    passes = reference.reference_passes(3)
    first, second = run(network, clip, golden.picture("ref"), passes, golden.picture("mask"))
    close(first.flow, golden, "pass0_flow", STORED_FLOW)
    close(second.unfilled, golden, "pass1_before_inpaint", 6e-4)
    close(second.flow, golden, "pass1_after_inpaint", 6e-4)
    close(second.picture, golden, "aligned", STORED_PICTURE)


def test_iterations(network: "IFNet") -> None:
    golden, pair = Golden("its2_256x384"), Golden("precision_256x384")
    passes = (reference.ReferencePass(reference.S3, iterations=2),)
    first, second = run(network, pair.picture("clip"), pair.picture("ref"), passes)
    close(first.flow, golden, "it0_flow", STORED_FLOW)
    close(second.flow, golden, "it1_flow", STORED_FLOW)
    close(second.picture, golden, "aligned", STORED_PICTURE)


def test_odd_sizes(network: "IFNet") -> None:
    golden = Golden("odd_118x182")
    clip, ref = golden.picture("clip"), golden.picture("ref")
    first, second = run(network, clip, ref, reference.reference_passes(3))
    close(first.raw, golden, "pass0_raw2", 1.2e-4)
    close(first.flow, golden, "pass0_flow", STORED_FLOW)
    close(second.flow, golden, "pass1_flow", 3.3e-4)
    close(second.picture, golden, "aligned", PICTURE)
    (only,) = run(network, clip, ref, reference.reference_passes(1))
    close(only.flow, golden, "p1_flow", FLOW)
    close(only.picture, golden, "p1_aligned", STORED_PICTURE)


def test_odd_sizes_with_mask_and_alpha(network: "IFNet") -> None:
    golden = Golden("odd_118x182")
    clip = np.dstack([golden.picture("clip"), np.ones((150, 206), np.float32)])
    first, second = run(network, clip, golden.picture("ref"), reference.reference_passes(3), golden.picture("mask"))
    close(first.unfilled, golden, "masked_pass0_before_inpaint", 1.25e-4)
    close(first.flow, golden, "masked_pass0_flow", STORED_FLOW)
    close(second.flow, golden, "masked_pass1_flow", 1.8e-4)
    close(second.picture, golden, "masked_aligned", STORED_PICTURE)


def test_height_is_not_rescaled_alone(network: "IFNet") -> None:
    golden = Golden("width_120x192")
    (only,) = run(network, golden.picture("clip"), golden.picture("ref"), reference.reference_passes(1))
    close(only.raw, golden, "raw2", FLOW)
    close(only.flow, golden, "flow", FLOW)
    close(only.picture, golden, "aligned", PICTURE)
