"""The fused network equals its plain layers, and treats both images alike."""

from collections.abc import Iterator

import numpy as np
import pytest

from vs_align.io.array_types import Float32Array

pytest.importorskip("torch")

import torch
from torch import Tensor

from tests.measure.flow.rife import reference
from tests.measure.flow.rife.cases import pictures, weights_file
from vs_align.measure.flow.rife.images import (
    flow_from_midpoint,
    flow_turned_back,
    identity_field,
    transpose_antidiagonal,
)
from vs_align.measure.flow.rife.network import FlowNetwork
from vs_align.measure.networks.ifnet import IFNet, load_ifnet

SIZE = (128, 192)


@pytest.fixture(scope="module")
def network() -> IFNet:
    return load_ifnet(weights_file())


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def tensor(picture: Float32Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


def plainly(network: IFNet, a: Tensor, b: Tensor, scales: reference.Scales) -> Tensor:
    """The same estimate with the layers as they were published, one after the other."""
    features_a, features_b = network.encode(a), network.encode(b)
    half = torch.full_like(a[:, :1], 0.5)
    flow, mask = torch.zeros(1, 4, *SIZE), half * 0
    for number, (block, scale) in enumerate(zip(network.blocks, scales, strict=True)):
        ahead = [bilinear(a, flow[:, :2]), bilinear(b, flow[:, 2:]), bilinear(features_a, flow[:, :2])]
        ahead += [bilinear(features_b, flow[:, 2:]), half]
        back = [ahead[1], ahead[0], ahead[3], ahead[2], half]
        swapped = torch.cat([flow[:, 2:], flow[:, :2]], 1)
        flows: tuple[Tensor | None, Tensor | None] = (flow, swapped) if number else (None, None)
        if number:
            ahead, back = [*ahead, mask], [*back, -mask]
        one, logit = reference.run_block(block, torch.cat(ahead, 1), flows[0], scale)
        other, back_logit = reference.run_block(block, torch.cat(back, 1), flows[1], scale)
        flow = flow + (one + torch.cat([other[:, 2:], other[:, :2]], 1)) / 2
        mask = (logit - back_logit) / 2
    return flow


def bilinear(picture: Tensor, flow: Tensor) -> Tensor:
    return reference.warp(picture, flow, "bilinear")


@pytest.mark.parametrize("scales", [(16, 8, 4, 2), (8, 4, 2, 1), (4, 2, 1, 0.5)])
def test_same_result_in_fewer_operations(network: IFNet, scales: reference.Scales) -> None:
    clip, ref, _ = pictures(*SIZE, shift=(3.0, -2.0))
    fast = FlowNetwork(network, scales, "cpu", half=False)
    assert fast.modulus == 4 * scales[0]
    got = fast.flows(fast.with_features(tensor(clip)), fast.with_features(tensor(ref)))
    want = plainly(network, tensor(clip), tensor(ref), scales)
    assert want.abs().max() > 1
    difference = (got - want).abs()
    # enlarging inside the kernel sees one line beyond the border, where plain layers see black
    assert difference.max() < (1e-3 if scales[-1] >= 1 else 0.5)
    assert difference[..., 32:-32, 32:-32].max() < (1e-3 if scales[-1] >= 1 else 0.05)
    assert difference.mean() < 5e-3


def test_loading_leaves_the_shared_network_alone(network: IFNet) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    FlowNetwork(network, (4, 2, 1, 0.5), "cpu", half=False)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_exchanged_pictures_give_exchanged_flows(network: IFNet) -> None:
    clip, ref, _ = pictures(*SIZE, shift=(3.0, -2.0))
    fast = FlowNetwork(network, (8, 4, 2, 1), "cpu", half=False)
    a, b = fast.with_features(tensor(clip)), fast.with_features(tensor(ref))
    ahead, back = fast.flows(a, b), fast.flows(b, a)
    assert (ahead - torch.cat([back[:, 2:], back[:, :2]], 1)).abs().max() < 1e-3
    own = fast.flows(b, b)
    assert own.abs().max() > 1e-3
    assert (own[:, :2] - own[:, 2:]).abs().max() < 1e-4


def test_middle_is_left_for_ref() -> None:
    """Both flows of one smooth motion are put together to that motion."""
    base = identity_field((96, 128))
    xs, ys = base[..., 0], base[..., 1]
    into_ref = np.dstack([2 * np.sin(ys / 30), 1.5 * np.cos(xs / 40)]).astype(np.float32)
    # clip lies twice as far from the middle as ref, on the other side
    flows = np.dstack([-2 * into_ref, into_ref])
    found = flow_from_midpoint(flows)
    for y, x in ((40, 50), (60, 90), (20, 30)):
        middle = np.array([x, y], float)
        for _ in range(50):
            middle = np.array([x, y]) - [2 * np.sin(middle[1] / 30), 1.5 * np.cos(middle[0] / 40)]
        at_middle = np.array([2 * np.sin(middle[1] / 30), 1.5 * np.cos(middle[0] / 40)])
        assert np.abs(found[y, x] + 3 * at_middle).max() < 0.02


def test_equal_flows_are_no_motion() -> None:
    flow = np.random.default_rng(0).normal(0, 3, (9, 7, 2)).astype(np.float32)
    assert not flow_from_midpoint(np.dstack([flow, flow])).any()


def test_turning_is_undone() -> None:
    picture = np.random.default_rng(0).random((5, 8, 2), np.float32)
    assert np.array_equal(transpose_antidiagonal(transpose_antidiagonal(picture)), picture)
    # a motion to the right by 1 and down by 3, seen in the turned picture
    turned = np.full((8, 5, 2), (-3, -1), np.float32)
    assert np.array_equal(flow_turned_back(turned), np.full((5, 8, 2), (1, 3), np.float32))
    one = np.zeros((5, 8, 1), np.float32)
    one[1, 2] = 1
    moved = np.zeros_like(one)
    moved[4, 3] = 1
    (y0, x0), (y1, x1) = (np.argwhere(transpose_antidiagonal(p)[..., 0])[0] for p in (one, moved))
    assert (x1 - x0, y1 - y0) == (-3, -1)
