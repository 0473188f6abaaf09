"""IFNet 4.14, the network of Practical-RIFE, as far as alignment needs it: an encoder and four flow blocks.

Architecture and weights: Z. Huang, T. Zhang, W. Heng, B. Shi, S. Zhou, "Real-Time Intermediate Flow Estimation for
Video Frame Interpolation", ECCV 2022, and the release 4.14 of Practical-RIFE (MIT). Names of modules are those of the
weight file, which is loaded strictly. Tensors are (1, channels, height, width); images are RGB, 0..1.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

FEATURES = 8
WIDTHS = (192, 128, 96, 64)
"""Channels inside the four blocks."""
STRIDE = 4
"""Sides of the input of a block must be multiples of this."""
SLOPE = 0.2
_PREFIX = "module."


class Encoder(nn.Module):
    """Image (1, 3, h, w) to features (1, 8, h, w); h and w even."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, 32, 3, 2, 1)
        self.cnn1 = nn.Conv2d(32, 32, 3, 1, 1)
        self.cnn2 = nn.Conv2d(32, 32, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(32, FEATURES, 4, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Encode an image."""
        x = image
        for convolution in (self.cnn0, self.cnn1, self.cnn2):
            x = nn.functional.leaky_relu(convolution(x), SLOPE, inplace=True)
        encoded: Tensor = self.cnn3(x)
        return encoded


class Residual(nn.Module):
    """Convolution, weighted per channel, plus its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Refine features; the shape is kept."""
        return nn.functional.leaky_relu(torch.addcmul(x, self.conv(x), self.beta), SLOPE, inplace=True)


class Block(nn.Module):
    """Images, features and a flow to an increment of the flow.

    Takes (1, channels, h, w), h and w multiples of 4, and returns (1, 6, h, w): the increments of both flows (x and y
    of the first, x and y of the second), the logit of the blending mask, and an unused channel.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_stem(channels, width // 2), _stem(width // 2, width))
        self.convblock = nn.Sequential(*(Residual(width) for _ in range(8)))
        self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 24, 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """Estimate an increment at the resolution of `x`."""
        increment: Tensor = self.lastconv(self.convblock(self.conv0(x)))
        return increment


class IFNet(nn.Module):
    """The whole network; how the parts are combined is up to the engines in `vs_align.measure.flow`."""

    def __init__(self) -> None:
        super().__init__()
        images, features, plane, flows = 2 * 3, 2 * FEATURES, 1, 4
        first = images + features + plane
        self.block0 = Block(first, WIDTHS[0])
        self.block1 = Block(first + plane + flows, WIDTHS[1])
        self.block2 = Block(first + plane + flows, WIDTHS[2])
        self.block3 = Block(first + plane + flows, WIDTHS[3])
        self.encode = Encoder()

    @property
    def blocks(self) -> tuple[Block, Block, Block, Block]:
        """The four blocks in the order in which they run."""
        return self.block0, self.block1, self.block2, self.block3


def load_ifnet(weights: Path) -> IFNet:
    """Read the weight file `flownet_v4.14.pkl` as float32 on the CPU, for inference only.

    Raises:
        RuntimeError: The file does not hold exactly the weights of this network.
    """
    with torch.device("meta"):
        network = IFNet()
    state = torch.load(weights, map_location="cpu", weights_only=True)
    network.load_state_dict({name.removeprefix(_PREFIX): value for name, value in state.items()}, assign=True)
    network.eval().requires_grad_(False)
    return network


def _stem(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 3, 2, 1), nn.LeakyReLU(SLOPE, inplace=True))
