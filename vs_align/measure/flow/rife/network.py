"""IFNet run for alignment: where do two pictures show the same? Quick, and without preference for either of them.

The network makes a picture that lies between two others, and tells how both must be warped to meet there. Asked for
the exact middle (time 1/2) it treats both alike, so that equal pictures give equal flows: what one flow has over the
other is free of the network's own bias, and no second run on ref alone is needed to take that bias off.

The layers are those of `networks.ifnet`, rewritten into fewer operations with the same result: the weight of a
residual unit and its sum go into the kernel, enlarging before a strided convolution and shrinking after the last one
go into theirs, and the run with exchanged pictures exchanges the kernel's channels and not the pictures. At coarse
scales only those pixels are warped that shrinking would look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import (
    avg_pool2d,
    conv2d,
    conv_transpose2d,
    grid_sample,
    interpolate,
    leaky_relu,
    pad,
    pixel_shuffle,
)

from vs_align.measure.flow.rife.tiling import Part, in_tiles, plan
from vs_align.measure.networks.ifnet import FEATURES, SLOPE, STRIDE, Block, Encoder, IFNet

Scales = tuple[float, float, float, float]
_SEEN = 3 + FEATURES  # planes of a picture together with its features
_TIME = 0.5
_Pair = tuple[Tensor, Tensor]
_BYTES, _COARSE_BYTES = {0.5: 640, 1: 325, 2: 115}, 45
"""Most bytes for each pixel by the scale of a block, in both directions together and 32 bits. Measured on the CPU, as
what the peak of resident memory grows by; in one direction after the other it is a fifth less."""
_ENCODER_BYTES = 110
_REACH, _ENCODER_REACH = 11, 8
"""How far one step looks: in cells of `STRIDE` times its scale for a block, in pixels for the encoder. Measured from
changes in single pixels, which are felt 10.25 cells and 7 pixels away."""


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
        self._blocks = []
        for number, (block, scale) in enumerate(zip(network.blocks, scales, strict=True)):
            stems, rest = _stems(block, scale, not number), _rest(block, scale)
            stems, rest = ([self._prepared(kernel) for kernel in kernels] for kernels in (stems, rest))
            self._blocks.append(_FusedBlock(stems, rest, scale))
        self.modulus = int(max(scales) * STRIDE)
        """The sides of pictures must be multiples of this."""

    def see(self, pictures: Tensor, room: int | None = None) -> Tensor:
        """Return pictures together with their features.

        Args:
            pictures: (n, 3, h, w) of float32, 0 to 1, on the device.
            room: How many bytes the work may take before it is done in tiles, None for any number.

        Returns:
            (n, 11, h, w) of float32.
        """
        pixels = None if room is None else room // (_ENCODER_BYTES * len(pictures))
        return in_tiles(partial(self._encoded, pictures), plan(pictures.shape[2:], pixels, _ENCODER_REACH, STRIDE))

    def flows(self, clip: Tensor, ref: Tensor, together: bool = False, room: int | None = None) -> Tensor:
        """Return where both pictures lie, seen from their middle.

        Args:
            clip: What `see` returned, (1, 11, h, w).
            ref: The same of the other picture.
            together: Whether a block looks in both directions at once, as a batch, or in one after the other. The
                result is the same; the first suits CUDA, the second takes less memory.
            room: How many bytes a block may take before it works in tiles, None for any number.

        Returns:
            (1, 4, h, w) displacements in pixels, x and y into clip, x and y into ref: clip(p + flow[:2](p)) shows what
            ref(p + flow[2:](p)) shows.
        """
        first, *others = self._blocks
        out = self._run(first, (clip, ref), None, together, room)
        flow = out[:, :4]
        for block in others:
            out = self._run(block, (clip, ref), (flow, out[:, 4:]), together, room)
            flow = flow + out[:, :4]
        return flow

    def _run(self, block: "_FusedBlock", seen: _Pair, guess: _Pair | None, together: bool, room: int | None) -> Tensor:
        tiles = plan(seen[0].shape[2:], None if room is None else room // block.bytes, block.reach, block.multiple)
        return in_tiles(partial(self._increment, block, seen, guess, together), tiles)

    def _increment(self, block: "_FusedBlock", seen: _Pair, guess: _Pair | None, together: bool, part: Part) -> Tensor:
        planes = block.planes(seen, guess, part).to(self._type, memory_format=torch.channels_last)
        return block.run(planes, together)

    def _encoded(self, pictures: Tensor, part: Part) -> Tensor:
        pictures = pictures[(..., *part)]
        x = pictures.to(self._type)
        *convolutions, last = self._encoder
        for number, kernel in enumerate(convolutions):
            x = conv2d(x, kernel.weight, kernel.bias, 1 if number else 2, 1)
            x = leaky_relu(x, SLOPE, inplace=True)
        features = conv_transpose2d(x, last.weight, last.bias, 2, 1)
        return torch.cat([pictures, features.to(torch.float32)], 1)

    def _prepared(self, kernel: _Kernel) -> _Kernel:
        weight = kernel.weight.to(self._device, self._type, memory_format=torch.channels_last)
        return _Kernel(weight, kernel.bias.to(self._device, self._type))


class _FusedBlock:
    """One block in both directions, at one scale.

    Args:
        stems: The first kernel, and the one that gives the answer to exchanged pictures.
        rest: The other kernels, which both directions share.
        scale: How many pixels a cell spans.
    """

    def __init__(self, stems: Sequence[_Kernel], rest: Sequence[_Kernel], scale: float) -> None:
        self._stems, self._rest = stems, rest
        self.scale = scale
        self.multiple = max(STRIDE, int(STRIDE * scale))
        """Parts begin and end at multiples of this."""
        self.reach = int(_REACH * STRIDE * scale)
        """No pixel matters to another that is farther away."""
        self.bytes = _BYTES.get(scale, _COARSE_BYTES)
        """What a run takes at most for each pixel of a part."""

    def planes(self, seen: _Pair, guess: _Pair | None, part: Part) -> Tensor:
        """Return what the kernels take, (1, 23 or 28, h, w), for a part of the picture.

        Args:
            seen: Both pictures with their features, whole.
            guess: Both flows and the logit so far, whole; None for the first block.
            part: What of them is wanted.
        """
        if guess is None:
            planes = [self.shrink(picture[(..., *part)]) for picture in seen]
            return torch.cat([*planes, torch.full_like(planes[0][:, :1], _TIME)], 1)
        flow, logit = (planes[(..., *part)] for planes in guess)
        planes = [self.fetch(picture, way, part) for picture, way in zip(seen, (flow[0, :2], flow[0, 2:]), strict=True)]
        half = torch.full_like(planes[0][:, :1], _TIME)
        return torch.cat([*planes, half, self.shrink(logit), self.shrink(flow) / self.scale], 1)

    def fetch(self, seen: Tensor, flow: Tensor, part: Part) -> Tensor:
        """Warp what is seen along the flow (2, h, w) of a part, and shrink it to the scale."""
        height, width = seen.shape[2:]
        rows, columns = (_centres(side, self.scale, seen.device) for side in part)
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

    def run(self, planes: Tensor, together: bool) -> Tensor:
        """Return the increment of both flows in pixels and the logit, (1, 5, h, w) of float32."""
        stems = (_entered(planes, stem, self.scale) for stem in self._stems)
        if together:
            ahead, back = _convolved(torch.cat(list(stems)), self._rest, self.scale).chunk(2)
        else:
            ahead, back = (_convolved(stem, self._rest, self.scale) for stem in stems)
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


def _entered(planes: Tensor, stem: _Kernel, scale: float) -> Tensor:
    if scale < 1:
        return conv2d(pad(planes, (1, 1, 1, 1), mode="replicate"), stem.weight, stem.bias)
    return conv2d(planes, stem.weight, stem.bias, 2, 1)


def _convolved(x: Tensor, kernels: Sequence[_Kernel], scale: float) -> Tensor:
    second, *units, last = kernels
    x = conv2d(leaky_relu(x, SLOPE, inplace=True), second.weight, second.bias, 2, 1)
    x = leaky_relu(x, SLOPE, inplace=True)
    for unit in units:
        x = leaky_relu(conv2d(x, unit.weight, unit.bias, 1, 1), SLOPE, inplace=True)
    x = conv_transpose2d(x, last.weight, last.bias, 2, 1)
    return (x if scale < 1 else pixel_shuffle(x, 2)).to(torch.float32)


def _centres(side: slice, scale: float, device: torch.device) -> Tensor:
    """The pixels of a side that shrinking looks at: all, or the two in the middle of each cell."""
    positions = torch.arange(side.start, side.stop, device=device, dtype=torch.float32)
    if scale <= 2:
        return positions
    cell = int(scale)
    return positions.view(-1, cell)[:, cell // 2 - 1 : cell // 2 + 1].reshape(-1)


def _encoder_kernels(encoder: Encoder) -> list[_Kernel]:
    return [_kernel(layer) for layer in (encoder.cnn0, encoder.cnn1, encoder.cnn2, encoder.cnn3)]


def _kernel(layer: Module) -> _Kernel:
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return _Kernel(weight, bias)


def _stems(block: Block, scale: float, first: bool) -> list[_Kernel]:
    """Return the first kernel of a block, and the one that gives its answer to exchanged pictures."""
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
    return [_Kernel(_stem_weight(weight, scale), stem.bias) for weight in (ahead, back)]


def _rest(block: Block, scale: float) -> list[_Kernel]:
    """Return the kernels of a block after the first."""
    return [
        _kernel(block.get_submodule("conv0.1.0")),
        *(_folded(unit) for unit in block.convblock),
        _last(block, scale),
    ]


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
