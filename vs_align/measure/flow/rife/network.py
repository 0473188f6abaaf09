"""IFNet for alignment: flows from the temporal midpoint to both images, fast and symmetric.

The network interpolates an image between two others and estimates the flows to both. At the midpoint (time 1/2) it
treats both alike, so that equal images give equal flows: the difference of the flows is free of the network's bias, and
no second run on ref alone is needed to subtract it.

The layers are those of `vs_align.measure.networks.ifnet`, fused to fewer operations with the same result: the weight
and the sum of a residual unit, upsampling before a strided convolution and downsampling after the last one are folded
into the kernels, and the run with exchanged images exchanges channels of the kernel instead of images. At coarse scales
only those pixels are warped that downsampling uses.
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

from vs_align.measure.flow.rife.tiling import Part, plan_tiles, run_tiled
from vs_align.measure.networks.ifnet import FEATURES, SLOPE, STRIDE, Block, Encoder, IFNet

Scales = tuple[float, float, float, float]
_Pair = tuple[Tensor, Tensor]
_PLANES_PER_IMAGE = 3 + FEATURES
"""RGB and features."""
_MIDPOINT = 0.5
"""Time of the interpolated image, which treats both images alike."""
_BYTES_PER_PIXEL = {0.5: 640, 1: 325, 2: 115}
"""Largest number of bytes per pixel by the scale of a block, for both directions as a batch in float32: measured on the
CPU as growth of the peak resident memory. One direction after the other takes a fifth less."""
_COARSE_BYTES_PER_PIXEL = 45
"""The same for coarser scales."""
_ENCODER_BYTES_PER_PIXEL = 110
"""The same for the encoder."""
_REACH = 11
"""Radius of the receptive field of a block, in cells of `STRIDE` times its scale; changes in single pixels have been
measured up to 10.25 cells away."""
_ENCODER_REACH = 8
"""Radius of the receptive field of the encoder in pixels; measured up to 7 pixels away."""


@dataclass(frozen=True, slots=True)
class _Kernel:
    weight: Tensor
    bias: Tensor


class FlowNetwork:
    """IFNet for one device and one list of scales.

    Args:
        network: The network with its weights, float32 on the CPU.
        scales: Pixels per cell of each block: 1/2, 1 or a greater power of two.
        device: Torch device.
        half: Whether convolutions run in float16. Flows and warps are always float32.
    """

    def __init__(self, network: IFNet, scales: Scales, device: str, half: bool) -> None:
        self._type = torch.float16 if half else torch.float32
        self._device = device
        # No conversion happens in place, so that several lists of scales can share one network.
        self._encoder = [self._prepared(kernel) for kernel in _encoder_kernels(network.encode)]
        self._blocks = []
        for number, (block, scale) in enumerate(zip(network.blocks, scales, strict=True)):
            stems, rest = _stems(block, scale, not number), _rest(block, scale)
            stems, rest = ([self._prepared(kernel) for kernel in kernels] for kernels in (stems, rest))
            self._blocks.append(_FusedBlock(stems, rest, scale))
        self.modulus = int(max(scales) * STRIDE)
        """The sides of images must be multiples of this."""

    def with_features(self, images: Tensor, room: int | None = None) -> Tensor:
        """Return images concatenated with their features.

        Args:
            images: (n, 3, h, w) float32, 0..1, on the device.
            room: Number of bytes that the work may take before it is tiled; None: no limit.

        Returns:
            (n, 11, h, w) float32.
        """
        pixels = None if room is None else room // (_ENCODER_BYTES_PER_PIXEL * len(images))
        return run_tiled(partial(self._encoded, images), plan_tiles(images.shape[2:], pixels, _ENCODER_REACH, STRIDE))

    def flows(self, clip: Tensor, ref: Tensor, together: bool = False, room: int | None = None) -> Tensor:
        """Return the flows from the midpoint to both images.

        Args:
            clip: Result of `with_features` for clip, (1, 11, h, w).
            ref: Result of `with_features` for ref, (1, 11, h, w).
            together: Whether a block processes both directions as a batch, or one after the other. The result is the
                same; the first suits CUDA, the second takes less memory.
            room: Number of bytes that a block may take before it is tiled; None: no limit.

        Returns:
            (1, 4, h, w) displacements in pixels, x and y to clip, x and y to ref: clip(p + flow[:2](p)) shows the
            content of ref(p + flow[2:](p)).
        """
        first, *others = self._blocks
        out = self._run(first, (clip, ref), None, together, room)
        flow = out[:, :4]
        for block in others:
            out = self._run(block, (clip, ref), (flow, out[:, 4:]), together, room)
            flow = flow + out[:, :4]
        return flow

    def _run(
        self, block: "_FusedBlock", encoded: _Pair, guess: _Pair | None, together: bool, room: int | None
    ) -> Tensor:
        tiles = plan_tiles(
            encoded[0].shape[2:], None if room is None else room // block.bytes, block.reach, block.multiple
        )
        return run_tiled(partial(self._increment, block, encoded, guess, together), tiles)

    def _increment(
        self, block: "_FusedBlock", encoded: _Pair, guess: _Pair | None, together: bool, part: Part
    ) -> Tensor:
        planes = block.planes(encoded, guess, part).to(self._type, memory_format=torch.channels_last)
        return block.run(planes, together)

    def _encoded(self, images: Tensor, part: Part) -> Tensor:
        images = images[(..., *part)]
        x = images.to(self._type)
        *convolutions, last = self._encoder
        for number, kernel in enumerate(convolutions):
            x = conv2d(x, kernel.weight, kernel.bias, 1 if number else 2, 1)
            x = leaky_relu(x, SLOPE, inplace=True)
        features = conv_transpose2d(x, last.weight, last.bias, 2, 1)
        return torch.cat([images, features.to(torch.float32)], 1)

    def _prepared(self, kernel: _Kernel) -> _Kernel:
        weight = kernel.weight.to(self._device, self._type, memory_format=torch.channels_last)
        return _Kernel(weight, kernel.bias.to(self._device, self._type))


class _FusedBlock:
    """One block in both directions, at one scale.

    Args:
        stems: The first kernel, and the one for exchanged images.
        rest: The other kernels, shared by both directions.
        scale: Pixels per cell.
    """

    def __init__(self, stems: Sequence[_Kernel], rest: Sequence[_Kernel], scale: float) -> None:
        self._stems, self._rest = stems, rest
        self.scale = scale
        self.multiple = max(STRIDE, int(STRIDE * scale))
        """Parts of the image begin and end at multiples of this number of pixels."""
        self.reach = int(_REACH * STRIDE * scale)
        """Radius of the receptive field in pixels."""
        self.bytes = _BYTES_PER_PIXEL.get(scale, _COARSE_BYTES_PER_PIXEL)
        """Largest number of bytes per pixel of a part that a run takes."""

    def planes(self, encoded: _Pair, guess: _Pair | None, part: Part) -> Tensor:
        """Return the input of the kernels, (1, 23 or 28, h, w), for a part of the image.

        Args:
            encoded: Both images with their features, whole.
            guess: Both flows and the current logit, whole; None for the first block.
            part: The part of them.
        """
        if guess is None:
            planes = [self.shrink(image[(..., *part)]) for image in encoded]
            return torch.cat([*planes, torch.full_like(planes[0][:, :1], _MIDPOINT)], 1)
        flow, logit = (planes[(..., *part)] for planes in guess)
        planes = [self.fetch(image, way, part) for image, way in zip(encoded, (flow[0, :2], flow[0, 2:]), strict=True)]
        half = torch.full_like(planes[0][:, :1], _MIDPOINT)
        return torch.cat([*planes, half, self.shrink(logit), self.shrink(flow) / self.scale], 1)

    def fetch(self, encoded: Tensor, flow: Tensor, part: Part) -> Tensor:
        """Warp an encoded image by the flow (2, h, w) of a part, and downsample it to the scale."""
        height, width = encoded.shape[2:]
        rows, columns = (_centers(side, self.scale, encoded.device) for side in part)
        dx, dy = (self._centers_of(plane) for plane in flow)
        grid = torch.empty((1, *dx.shape, 2), device=encoded.device)
        torch.mul(dx.add(columns), 2 / width, out=grid[0, ..., 0]).add_(1 / width - 1)
        torch.mul(dy.add(rows[:, None]), 2 / height, out=grid[0, ..., 1]).add_(1 / height - 1)
        fetched = grid_sample(encoded, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return avg_pool2d(fetched, 2) if self.scale > 1 else fetched

    def shrink(self, planes: Tensor) -> Tensor:
        """Downsample bilinearly without a filter: the mean of the four central pixels of each cell."""
        if self.scale <= 1:
            return planes
        if self.scale == 2:
            return avg_pool2d(planes, 2)
        return interpolate(planes, scale_factor=1 / self.scale, mode="bilinear", recompute_scale_factor=False)

    def run(self, planes: Tensor, together: bool) -> Tensor:
        """Return the increment of both flows in pixels and the logit, (1, 5, h, w) of float32."""
        stems = (_stem_output(planes, stem, self.scale) for stem in self._stems)
        if together:
            ahead, back = _rest_output(torch.cat(list(stems)), self._rest, self.scale).chunk(2)
        else:
            ahead, back = (_rest_output(stem, self._rest, self.scale) for stem in stems)
        out = torch.empty_like(ahead)
        torch.add(ahead[:, :2], back[:, 2:4], out=out[:, :2])
        torch.add(ahead[:, 2:4], back[:, :2], out=out[:, 2:4])
        torch.sub(ahead[:, 4], back[:, 4], out=out[:, 4])
        out[:, :4] *= self.scale / 2
        out[:, 4] *= 0.5
        if self.scale > 1:
            out = interpolate(out, scale_factor=self.scale, mode="bilinear", recompute_scale_factor=False)
        return out

    def _centers_of(self, plane: Tensor) -> Tensor:
        if self.scale <= 2:
            return plane
        cell = int(self.scale)
        cells = plane.view(plane.shape[0] // cell, cell, plane.shape[1] // cell, cell)
        middle = slice(cell // 2 - 1, cell // 2 + 1)
        return cells[:, middle, :, middle].reshape(plane.shape[0] * 2 // cell, plane.shape[1] * 2 // cell)


def _stem_output(planes: Tensor, stem: _Kernel, scale: float) -> Tensor:
    if scale < 1:
        return conv2d(pad(planes, (1, 1, 1, 1), mode="replicate"), stem.weight, stem.bias)
    return conv2d(planes, stem.weight, stem.bias, 2, 1)


def _rest_output(x: Tensor, kernels: Sequence[_Kernel], scale: float) -> Tensor:
    second, *units, last = kernels
    x = conv2d(leaky_relu(x, SLOPE, inplace=True), second.weight, second.bias, 2, 1)
    x = leaky_relu(x, SLOPE, inplace=True)
    for unit in units:
        x = leaky_relu(conv2d(x, unit.weight, unit.bias, 1, 1), SLOPE, inplace=True)
    x = conv_transpose2d(x, last.weight, last.bias, 2, 1)
    return (x if scale < 1 else pixel_shuffle(x, 2)).to(torch.float32)


def _centers(side: slice, scale: float, device: torch.device) -> Tensor:
    """Return the pixels of a side that downsampling uses: all, or the two central ones of each cell."""
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
    """Return the first kernel of a block, and the one that returns its result for exchanged images."""
    stem = _kernel(block.get_submodule("conv0.0.0"))
    flows = 0 if first else 4
    # The network was trained with images before features; here each image is followed by its features.
    order = [*range(3), *range(6, 14), *range(3, 6), *range(14, 22), 22, *([23] if flows else [])]
    exchanged = [
        *order[_PLANES_PER_IMAGE : 2 * _PLANES_PER_IMAGE],
        *order[:_PLANES_PER_IMAGE],
        *order[2 * _PLANES_PER_IMAGE :],
    ]
    flow = [len(order) + i for i in range(flows)]
    ahead = stem.weight[:, order + flow]
    back = stem.weight[:, exchanged + flow[2:] + flow[:2]]
    if flows:
        back[:, 2 * _PLANES_PER_IMAGE + 1] *= -1
    return [_Kernel(_stem_weight(weight, scale), stem.bias) for weight in (ahead, back)]


def _rest(block: Block, scale: float) -> list[_Kernel]:
    """Return the kernels of a block after the first."""
    return [
        _kernel(block.get_submodule("conv0.1.0")),
        *(_folded(unit) for unit in block.convblock),
        _last(block, scale),
    ]


def _folded(unit: Module) -> _Kernel:
    """Fold convolution, weight per channel and addition of the input into one kernel."""
    convolution, beta = _kernel(unit.get_submodule("conv")), unit.get_parameter("beta").view(-1)
    weight = convolution.weight * beta.view(-1, 1, 1, 1)
    channels = torch.arange(weight.shape[0])
    weight[channels, channels, 1, 1] += 1
    return _Kernel(weight, convolution.bias * beta)


def _stem_weight(weight: Tensor, scale: float) -> Tensor:
    """Fold twofold upsampling and a convolution of stride 2 into one kernel of stride 1."""
    if scale >= 1:
        return weight
    taps = weight.new_tensor([[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25]])
    return torch.einsum("oikl,ky,lx->oiyx", weight, taps, taps)


def _last(block: Block, scale: float) -> _Kernel:
    """Drop the unused channel; below scale 1 fold twofold downsampling after the pixel shuffle into the kernel."""
    last = _kernel(block.get_submodule("lastconv.0"))
    weight, bias = last.weight[:, :20], last.bias[:20]
    if scale >= 1:
        return _Kernel(weight, bias)
    inputs, outputs, height, width = weight.shape
    return _Kernel(weight.view(inputs, outputs // 4, 4, height, width).mean(2), bias.view(-1, 4).mean(1))
