"""The procedure by which vs_align 3.3.1 aligned pictures with IFNet, step by step, its faults included.

Kept as the yardstick: tests hold it against recorded results, and `scripts/bench_rife.py` measures how far
`flow.rife.engine`, which users get, is ahead of it. Tensors are float32 (1, channels, height, width), pictures RGB
from 0 to 1. A flow (1, 2, h, w) is a displacement: what ref shows at p lies in clip at p + flow(p).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, grid_sample, interpolate, pad

from vs_align.measure.networks.ifnet import Block, IFNet

S1, S2, S3, S4 = (16, 8, 4, 2), (8, 4, 2, 1), (4, 2, 1, 0.5), (2, 1, 0.5, 0.25)
Scales = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ReferencePass:
    """One estimate and one warp."""

    scales: Scales
    """How many pixels a cell of each block spans."""
    blur: float = 0
    """Standard deviation of the blur of both pictures; 0 for none."""
    smooth: int = 0
    """Width of the box that smooths the flow, odd; 0 for none."""
    compensate: bool = True
    """Whether the flow from ref to itself is taken off."""
    iterations: int = 1


@dataclass(frozen=True, slots=True)
class ReferenceStep:
    """What one iteration of a pass found."""

    raw: Tensor
    """The flow in pixels of the stretched pictures, as the network gave it."""
    unfilled: Tensor
    """The flow in pixels of clip before what is masked was filled."""
    flow: Tensor
    """The flow by which the picture was warped."""
    picture: Tensor
    """The warped picture, which the next step takes as clip."""


def reference_passes(precision: int, lq_input: bool = False) -> tuple[ReferencePass, ...]:
    """Return the passes of a precision from 1 to 4."""
    blur, smooth = (2, 11) if lq_input else (0, 0)
    return {
        1: (ReferencePass(S1, blur, 3 * smooth or 11),),
        2: (ReferencePass(S1, 9, 91, False), ReferencePass(S2, blur, smooth)),
        3: (ReferencePass(S2, 9, 15, False), ReferencePass(S3, blur, smooth)),
        4: (ReferencePass(S2, 9, 15, False), ReferencePass(S3, 2, 7, False), ReferencePass(S4, blur, smooth)),
    }[precision]


@torch.inference_mode()
def align(
    network: IFNet, clip: Tensor, ref: Tensor, passes: tuple[ReferencePass, ...], mask: Tensor | None = None
) -> list[ReferenceStep]:
    """Align clip with ref.

    Args:
        network: The network with its weights.
        clip: (1, 3, Hc, Wc), or four channels, the last of which is alpha.
        ref: (1, 3, h, w).
        passes: What to do, in order; each takes up the picture that the one before it warped.
        mask: (1, 1, any, any), over 0.5 where ref shows what clip does not; None for nowhere.

    Returns:
        The steps in order. Lists hold one entry per iteration of each pass.
    """
    steps: list[ReferenceStep] = []
    for step in passes:
        bias: Tensor | None = None
        for _ in range(step.iterations):
            size = _model_size(ref, step.scales)
            a, b = (_blur(_stretch(picture, size), step.blur) for picture in (clip[:, :3], ref))
            raw = estimate(network, a, b, step.scales)[0]
            flow = raw[:, :2]
            if step.compensate:
                if bias is None:
                    bias = estimate(network, b, b, step.scales)[0][:, :2]
                flow = flow - bias
            unfilled = _to_clip_pixels(flow, clip, ref)
            flow = unfilled if mask is None else inpaint(unfilled, mask)
            flow = _smooth(flow, step.smooth)
            clip = _warp_picture(clip, flow)
            steps.append(ReferenceStep(raw[:, :2], unfilled, flow, clip))
    return steps


def estimate(network: IFNet, a: Tensor, b: Tensor, scales: Scales) -> tuple[Tensor, Tensor]:
    """Return the flows (1, 4, h, w) from b to a and from b to b, in pixels, and the mask logits (1, 1, h, w)."""
    features_a, features_b = network.encode(a), network.encode(b)
    one = torch.ones_like(a[:, :1])
    ahead, back = [a, b, features_a, features_b, one], [b, a, features_b, features_a, one * 0]
    flow, mask = _both_ways(network.blocks[0], ahead, back, None, scales[0])
    for block, scale in zip(network.blocks[1:], scales[1:], strict=True):
        warped_a, warped_b = warp(features_a, flow[:, :2]), warp(features_b, flow[:, 2:])
        ahead = [a, b, warped_a, warped_b, one, mask]
        back = [b, a, warped_b, warped_a, one * 0, -mask]
        increment, mask = _both_ways(block, ahead, back, flow, scale)
        flow = flow + increment
    return flow, mask


def _both_ways(
    block: Block, ahead: list[Tensor], back: list[Tensor], flow: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    increment, mask = run_block(block, torch.cat(ahead, 1), flow, scale)
    exchanged = None if flow is None else _swap(flow)
    back_increment, back_mask = run_block(block, torch.cat(back, 1), exchanged, scale)
    return (increment + _swap(back_increment)) / 2, (mask - back_mask) / 2


def run_block(block: Block, planes: Tensor, flow: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """Run one block at its scale; return the increment (1, 4, h, w) in pixels and the logit (1, 1, h, w)."""
    x = _resize_by(planes, 1 / scale)
    if flow is not None:
        x = torch.cat([x, _resize_by(flow, 1 / scale) / scale], 1)
    out = _resize_by(block(x), scale)
    return out[:, :4] * scale, out[:, 4:5]


def warp(picture: Tensor, flow: Tensor, mode: str = "bicubic", padding: str = "border") -> Tensor:
    """Fetch a picture along a flow given in its pixels; the corners of both lie on each other."""
    height, width = flow.shape[2:]
    spans = [(size - 1) / 2 for size in (picture.shape[3], picture.shape[2])]
    grid_x = torch.linspace(-1, 1, width, device=flow.device) + flow[:, 0] / spans[0]
    grid_y = torch.linspace(-1, 1, height, device=flow.device)[:, None] + flow[:, 1] / spans[1]
    grid = torch.stack([grid_x, grid_y], 3)
    return grid_sample(picture, grid, mode=mode, padding_mode=padding, align_corners=True)


def inpaint(flow: Tensor, mask: Tensor) -> Tensor:
    """Replace the flow under a mask by what lies around it."""
    height, width = flow.shape[2:]
    holes = (mask > 0.5).float()
    if holes.shape[2:] != flow.shape[2:]:
        holes = interpolate(holes, (height, width), mode="nearest")
    left, small, filled = holes, flow, flow
    side = max(2 * (height // 100) + 1, 3)
    for _ in range(100):
        if min(small.shape[2:]) > 4:
            small = _resize_by(small, 0.5)
            left = interpolate(left, scale_factor=0.5, mode="nearest", recompute_scale_factor=False)
        known = 1 - left
        mean = _box_sum(small * known, side) / _box_sum(known, side).clamp(min=1e-6)
        mean = interpolate(mean, (height, width), mode="bilinear")
        where = interpolate(left, (height, width), mode="nearest")
        filled = filled * (1 - where) + mean * where
        left = (1 - _box_sum(1 - left, side - 2)).clamp(0, 1)
        if not left.any():
            break
    q = 2 * (height // 40) + 1
    filled = _box_sum(_box_sum(filled, 1, q), q, 1) / q**2
    weight = interpolate(holes, scale_factor=1 / 8, mode="bilinear", align_corners=True)
    weight = _box_sum(weight, 3).clamp(0, 1)
    weight = (_box_sum(weight, 3) / 9).clamp(0, 1)
    weight = interpolate(weight, (height, width), mode="bilinear", align_corners=True)
    return flow + (filled - flow) * weight


def _model_size(ref: Tensor, scales: Scales) -> tuple[int, int]:
    modulus = int(4 * max(scales))
    height, width = (-(-side // modulus) * modulus for side in ref.shape[2:])
    return height, width


def _stretch(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return picture if picture.shape[2:] == size else interpolate(picture, size, mode="bilinear")


def _blur(picture: Tensor, sigma: float) -> Tensor:
    if sigma == 0:
        return picture
    taps = torch.exp(-0.5 * (torch.arange(-2.0, 3.0, device=picture.device) / sigma) ** 2)
    taps = taps / taps.sum()
    kernel = torch.outer(taps, taps).expand(3, 1, 5, 5)
    return conv2d(pad(picture, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)


def _to_clip_pixels(flow: Tensor, clip: Tensor, ref: Tensor) -> Tensor:
    model_height, model_width = flow.shape[2:]
    flow = interpolate(flow, ref.shape[2:], mode="bilinear")
    clip_height, clip_width = clip.shape[2:]
    if clip_width != model_width:  # a fault: the height may differ alone
        scale = torch.tensor([clip_width / model_width, clip_height / model_height], device=flow.device)
        flow = flow * scale.view(1, 2, 1, 1)
    return flow


def _smooth(flow: Tensor, width: int) -> Tensor:
    if width == 0:
        return flow
    half = width // 2
    flow = avg_pool2d(pad(flow, (half, half, 0, 0), mode="reflect"), (1, width), 1)
    return avg_pool2d(pad(flow, (0, 0, half, half), mode="reflect"), (width, 1), 1)


def _warp_picture(clip: Tensor, flow: Tensor) -> Tensor:
    colours = warp(clip[:, :3], flow)
    if clip.shape[1] == 4:
        colours = torch.cat([colours, warp(clip[:, 3:], flow, "nearest", "zeros")], 1)
    return colours.clamp(0, 1)


def _box_sum(planes: Tensor, height: int, width: int | None = None) -> Tensor:
    width = height if width is None else width
    padding = (height // 2, width // 2)
    return avg_pool2d(planes, (height, width), 1, padding, count_include_pad=True, divisor_override=1)


def _resize_by(planes: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return planes
    return interpolate(planes, scale_factor=factor, mode="bilinear", recompute_scale_factor=False)


def _swap(flow: Tensor) -> Tensor:
    return torch.cat([flow[:, 2:], flow[:, :2]], 1)
