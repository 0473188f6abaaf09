"""IFNet run for alignment: where do two pictures show the same? Quick, and without preference for either of them.

The network makes a picture that lies between two others, and tells how both must be warped to meet there. Asked for
the exact middle (time 1/2) it treats both alike, so that equal pictures give equal flows: what one flow has over the
other is free of the network's own bias, and no second run on ref alone is needed to take that bias off.

The layers are those of `vs_align.models.ifnet`, rewritten into fewer operations with the same result: the weight of a
residual unit and its sum go into the kernel, enlarging before a strided convolution and shrinking after the last one
go into theirs, and the run with exchanged pictures exchanges the kernel's channels and not the pictures. At coarse
scales only those pixels are warped that shrinking would look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, grid_sample, interpolate, leaky_relu, pad

from vs_align.models.ifnet import FEATURES, SLOPE, STRIDE, Block, Encoder, IFNet

Scales = tuple[float, float, float, float]
_SEEN = 3 + FEATURES  # planes of a picture together with its features
_TIME = 0.5


@dataclass(frozen=True, slots=True)
class _Kernel:
    weight: Tensor
    bias: Tensor


class FlowNetwork:
    """IFNet for one device and one list of scales.

    Args:
        network: The network with its weights, float32 on the CPU.
        scales: How many pixels a cell of each block spans: 1/2, 1 or a greater power of two.
        device: As torch names it.
        half: Whether convolutions run in 16 bits. Flows and warps are always in float32.
    """

    def __init__(self, network: IFNet, scales: Scales, device: str, half: bool) -> None:
        self._type = torch.float16 if half else torch.float32
        self._device = device
        # no conversion happens in place, so that several lists can share one network
        self._encoder = [self._prepared(kernel) for kernel in _encoder_kernels(network.encode)]
        self._blocks = [
            _FusedBlock([[self._prepared(kernel) for kernel in way] for way in _ways(block, scale, not i)], scale)
            for i, (block, scale) in enumerate(zip(network.blocks, scales, strict=True))
        ]
        self.modulus = int(max(scales) * STRIDE)
        """The sides of pictures must be multiples of this."""

    def see(self, picture: Tensor) -> Tensor:
        """Return a picture (1, 3, h, w) of float32, 0 to 1, on the device, together with its features."""
        x = picture.to(self._type)
        *convolutions, last = self._encoder
        for number, kernel in enumerate(convolutions):
            x = conv2d(x, kernel.weight, kernel.bias, 1 if number else 2, 1)
            x = leaky_relu(x, SLOPE, inplace=True)
        features = conv_transpose2d(x, last.weight, last.bias, 2, 1)
        return torch.cat([picture, features.to(torch.float32)], 1)

    def flows(self, clip: Tensor, ref: Tensor) -> Tensor:
        """Return where both pictures lie, seen from their middle.

        Args:
            clip: What `see` returned, (1, 11, h, w).
            ref: The same of the other picture.

        Returns:
            (1, 4, h, w) displacements in pixels, x and y into clip, x and y into ref: clip(p + flow[:2](p)) shows what
            ref(p + flow[2:](p)) shows.
        """
        first, *others = self._blocks
        out = self._run(first, [first.shrink(clip), first.shrink(ref)])
        flow = out[:, :4]
        for block in others:
            guess = [block.shrink(out[:, 4:]), block.shrink(flow) / block.scale]
            out = self._run(block, [block.fetch(clip, flow[0, :2]), block.fetch(ref, flow[0, 2:])], guess)
            flow = flow + out[:, :4]
        return flow

    def _run(self, block: "_FusedBlock", seen: list[Tensor], guess: Sequence[Tensor] = ()) -> Tensor:
        planes = [*seen, torch.full_like(seen[0][:, :1], _TIME), *guess]
        return block.run(torch.cat(planes, 1).to(self._type, memory_format=torch.channels_last))

    def _prepared(self, kernel: _Kernel) -> _Kernel:
        weight = kernel.weight.to(self._device, self._type, memory_format=torch.channels_last)
        return _Kernel(weight, kernel.bias.to(self._device, self._type))


class _FusedBlock:
    """One block in both directions, at one scale."""

    def __init__(self, ways: Sequence[Sequence[_Kernel]], scale: float) -> None:
        self._ways = ways
        self.scale = scale

    def fetch(self, seen: Tensor, flow: Tensor) -> Tensor:
        """Warp what is seen along a flow (2, h, w), and shrink it to the scale."""
        height, width = seen.shape[2:]
        rows, columns = (_centres(size, self.scale, seen.device) for size in (height, width))
        dx, dy = (self._centres_of(plane) for plane in flow)
        grid = torch.empty((1, *dx.shape, 2), device=seen.device)
        torch.mul(dx.add(columns), 2 / width, out=grid[0, ..., 0]).add_(1 / width - 1)
        torch.mul(dy.add(rows[:, None]), 2 / height, out=grid[0, ..., 1]).add_(1 / height - 1)
        fetched = grid_sample(seen, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return avg_pool2d(fetched, 2) if self.scale > 1 else fetched

    def shrink(self, planes: Tensor) -> Tensor:
        """Resize bilinearly without a filter: the mean of the four pixels in the middle of each cell."""
        if self.scale <= 1:
            return planes
        if self.scale == 2:
            return avg_pool2d(planes, 2)
        return interpolate(planes, scale_factor=1 / self.scale, mode="bilinear", recompute_scale_factor=False)

    def run(self, planes: Tensor) -> Tensor:
        """Return the increment of both flows in pixels and the logit, (1, 5, h, w) of float32."""
        ahead, back = (_convolve(planes, way, self.scale).to(torch.float32) for way in self._ways)
        out = torch.empty_like(ahead)
        torch.add(ahead[:, :2], back[:, 2:4], out=out[:, :2])
        torch.add(ahead[:, 2:4], back[:, :2], out=out[:, 2:4])
        torch.sub(ahead[:, 4], back[:, 4], out=out[:, 4])
        out[:, :4] *= self.scale / 2
        out[:, 4] *= 0.5
        if self.scale > 1:
            out = interpolate(out, scale_factor=self.scale, mode="bilinear", recompute_scale_factor=False)
        return out

    def _centres_of(self, plane: Tensor) -> Tensor:
        if self.scale <= 2:
            return plane
        cell = int(self.scale)
        cells = plane.view(plane.shape[0] // cell, cell, plane.shape[1] // cell, cell)
        middle = slice(cell // 2 - 1, cell // 2 + 1)
        return cells[:, middle, :, middle].reshape(plane.shape[0] * 2 // cell, plane.shape[1] * 2 // cell)


def _convolve(planes: Tensor, kernels: Sequence[_Kernel], scale: float) -> Tensor:
    first, second, *units, last = kernels
    if scale < 1:
        x = conv2d(pad(planes, (1, 1, 1, 1), mode="replicate"), first.weight, first.bias)
    else:
        x = conv2d(planes, first.weight, first.bias, 2, 1)
    x = conv2d(leaky_relu(x, SLOPE, inplace=True), second.weight, second.bias, 2, 1)
    x = leaky_relu(x, SLOPE, inplace=True)
    for unit in units:
        x = leaky_relu(conv2d(x, unit.weight, unit.bias, 1, 1), SLOPE, inplace=True)
    x = conv_transpose2d(x, last.weight, last.bias, 2, 1)
    return x if scale < 1 else torch.nn.functional.pixel_shuffle(x, 2)


def _centres(size: int, scale: float, device: torch.device) -> Tensor:
    """The pixels of a row that shrinking looks at: all, or the two in the middle of each cell."""
    positions = torch.arange(size, device=device, dtype=torch.float32)
    if scale <= 2:
        return positions
    cell = int(scale)
    return positions.view(-1, cell)[:, cell // 2 - 1 : cell // 2 + 1].reshape(-1)


def _encoder_kernels(encoder: Encoder) -> list[_Kernel]:
    return [_kernel(layer) for layer in (encoder.cnn0, encoder.cnn1, encoder.cnn2, encoder.cnn3)]


def _kernel(layer: Module) -> _Kernel:
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return _Kernel(weight, bias)


def _ways(block: Block, scale: float, first: bool) -> tuple[list[_Kernel], list[_Kernel]]:
    """Return the kernels of a block, and those that give its answer to exchanged pictures."""
    stem = _kernel(block.get_submodule("conv0.0.0"))
    flows = 0 if first else 4
    # The network was trained on pictures before features; here each picture comes with its own.
    order = [*range(3), *range(6, 14), *range(3, 6), *range(14, 22), 22, *([23] if flows else [])]
    exchanged = [*order[_SEEN : 2 * _SEEN], *order[:_SEEN], *order[2 * _SEEN :]]
    flow = [len(order) + i for i in range(flows)]
    ahead = stem.weight[:, order + flow]
    back = stem.weight[:, exchanged + flow[2:] + flow[:2]]
    if flows:
        back[:, 2 * _SEEN + 1] *= -1
    rest = [_kernel(block.get_submodule("conv0.1.0"))]
    rest += [_folded(unit) for unit in block.convblock]
    rest.append(_last(block, scale))
    kernels = [[_Kernel(_stem_weight(weight, scale), stem.bias), *rest] for weight in (ahead, back)]
    return kernels[0], kernels[1]


def _folded(unit: Module) -> _Kernel:
    """Convolve, weight by channel and add the input, all in one kernel."""
    convolution, beta = _kernel(unit.get_submodule("conv")), unit.get_parameter("beta").view(-1)
    weight = convolution.weight * beta.view(-1, 1, 1, 1)
    channels = torch.arange(weight.shape[0])
    weight[channels, channels, 1, 1] += 1
    return _Kernel(weight, convolution.bias * beta)


def _stem_weight(weight: Tensor, scale: float) -> Tensor:
    """Enlarging twofold and then convolving with stride 2, as one kernel of stride 1."""
    if scale >= 1:
        return weight
    taps = weight.new_tensor([[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25]])
    return torch.einsum("oikl,ky,lx->oiyx", weight, taps, taps)


def _last(block: Block, scale: float) -> _Kernel:
    """Leave out the channel that nobody uses; below scale 1 shrink twofold after shuffling, all in one kernel."""
    last = _kernel(block.get_submodule("lastconv.0"))
    weight, bias = last.weight[:, :20], last.bias[:20]
    if scale >= 1:
        return _Kernel(weight, bias)
    inputs, outputs, height, width = weight.shape
    return _Kernel(weight.view(inputs, outputs // 4, 4, height, width).mean(2), bias.view(-1, 4).mean(1))
