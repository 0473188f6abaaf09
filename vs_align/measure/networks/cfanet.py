"""CFANet with a ResNet-50, the network of full-reference TOPIQ: perceptual quality of an image relative to another.

Architecture: C. Chen, J. Mo, J. Hou, H. Wu, L. Liao, W. Sun, Q. Yan, W. Lin, "TOPIQ: A Top-Down Approach From Semantics
to Distortions for Image Quality Assessment", IEEE Transactions on Image Processing 33, 2024; the ResNet-50 is that of
`timm`. Names of modules are those of the weight file, which is loaded strictly. Inference only.

The five feature maps of an image depend on that image alone, and everything after them on the pair. Therefore both
halves are separate functions: `features` once per image, `compare` once per pair.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vs_align.errors import MissingDependencyError
from vs_align.io.install_advice import TORCH, install_command

CHANNELS = (64, 256, 512, 1024, 2048)
"""Channels of the feature maps, finest first."""
WIDTH = 256
"""Length of a token."""
_HEADS = 4
_GATE = 64
_HIDDEN = 1024
_EMBEDDING_CELLS = 32
"""Cells per side of the position embedding."""
_SQUARED_EPSILON = 1e-12
"""Added to squared differences before the square root."""
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_PREFIX = "module."
_KEY = "params"

Features = Sequence[Tensor]
"""Five maps, finest first: (N, C, h, w); sides are halved per level and rounded up."""
Pooling = Callable[[Tensor, Tensor, nn.Sequential, tuple[int, int]], Tensor]
"""Takes maps x and y (N, C, h, w), the gate and a size (th, tw); returns (N, th tw, 3 C): see `gated_means`."""


class Attention(nn.Module):
    """Multi-head attention with four heads; tokens are (N, count, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * WIDTH, WIDTH))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * WIDTH))
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        """Attend from `query` to `memory`; the result has the shape of `query`."""
        if query is memory:
            q, k, v = functional.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        else:
            weights, biases = self.in_proj_weight, self.in_proj_bias
            q = functional.linear(query, weights[:WIDTH], biases[:WIDTH])
            k, v = functional.linear(memory, weights[WIDTH:], biases[WIDTH:]).chunk(2, -1)
        attended = functional.scaled_dot_product_attention(_split(q), _split(k), _split(v))
        joined: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return joined


class Encoder(nn.Module):
    """Transformer encoder layer (self-attention)."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.linear1 = nn.Linear(WIDTH, _HIDDEN)
        self.linear2 = nn.Linear(_HIDDEN, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Refine tokens (N, count, 256)."""
        normed = self.norm1(tokens)
        tokens = tokens + self.self_attn(normed, normed)
        refined: Tensor = tokens + self.linear2(functional.gelu(self.linear1(self.norm2(tokens))))
        return refined


class Decoder(nn.Module):
    """Transformer decoder layer (cross-attention to the tokens of a finer level)."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()  # unused, but in the weight file
        self.multihead_attn = Attention()
        self.linear1 = nn.Linear(WIDTH, _HIDDEN)
        self.linear2 = nn.Linear(_HIDDEN, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.norm3 = nn.LayerNorm(WIDTH)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        """Refine `query` (N, count, 256) by `memory` of the same shape."""
        query = query + self.multihead_attn(self.norm1(query), self.norm2(memory))
        refined: Tensor = query + self.linear2(functional.gelu(self.linear1(self.norm3(query))))
        return refined


class Stack(nn.Module):
    """A stack of one layer, with the name in the weight file."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer])

    def forward(self, *tokens: Tensor) -> Tensor:
        """Run the layer."""
        refined: Tensor = self.layers[0](*tokens)
        return refined


class CFANet(nn.Module):
    """The whole network, in two halves.

    Args:
        pooling: Gating and pooling of features: `gated_means`, or a function with equal results.

    Raises:
        MissingDependencyError: timm is not installed.
    """

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self._pooling = pooling
        self.h_emb = nn.Parameter(torch.empty(1, WIDTH // 2, _EMBEDDING_CELLS, 1))
        self.w_emb = nn.Parameter(torch.empty(1, WIDTH // 2, 1, _EMBEDDING_CELLS))
        self.semantic_model = _backbone()
        self.weight_pool = nn.ModuleList(_gate(channels) for channels in CHANNELS)
        self.dim_reduce = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3 * channels, WIDTH, 1), nn.GELU()) for channels in CHANNELS
        )
        self.sa_attn_blks = nn.ModuleList(Stack(Encoder()) for _ in CHANNELS)
        self.attn_blks = nn.ModuleList(Stack(Decoder()) for _ in CHANNELS[1:])
        self.attn_pool = Encoder()
        self.score_linear = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU(),
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU(),
            nn.Linear(WIDTH, 1),
        )  # fmt: skip

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the five maps of images (N, 3, h, w), RGB as stored, 0..1, of any floating type."""
        mean, deviation = (images.new_tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION))
        maps: list[Tensor] = self.semantic_model(((images - mean) / deviation).to(self.h_emb.dtype))
        return maps

    def embedding(self, height: int, width: int) -> Tensor:
        """Return the position embedding of height x width tokens, (1, height width, 256)."""
        cells = torch.cat(
            (self.h_emb.expand(-1, -1, -1, _EMBEDDING_CELLS), self.w_emb.expand(-1, -1, _EMBEDDING_CELLS, -1)), 1
        )
        resized = functional.interpolate(cells.float(), (height, width), mode="bicubic", align_corners=False)
        return _tokens(resized).to(cells.dtype)

    def compare(self, x: Features, y: Features, embedding: Tensor) -> Tensor:
        """Return the quality of x relative to y, (N,): higher is better, about 0..1. Not symmetric.

        Args:
            x: Maps of the images to judge.
            y: Maps of the reference images, of the same shapes or with N = 1.
            embedding: Result of `embedding` for the size of the coarsest map.
        """
        size = tuple(x[-1].shape[-2:])
        levels = []
        for level, (fx, fy) in enumerate(zip(x, y, strict=True)):
            pooled = self._pooling(fx, fy, self.weight_pool[level], size)
            levels.append(self.sa_attn_blks[level](self._reduced(level, pooled) + embedding))
        query = levels.pop()
        for block in self.attn_blks:
            query = block(query, levels.pop())
        scores: Tensor = self.score_linear(self.attn_pool(query).mean(1))
        return scores[:, 0]

    def _reduced(self, level: int, pooled: Tensor) -> Tensor:
        # A 1x1 convolution as a matrix product.
        convolution = self.dim_reduce[level][0]
        return functional.gelu(functional.linear(pooled, convolution.weight.flatten(1), convolution.bias))


def gated_means(x: Tensor, y: Tensor, gate: nn.Sequential, size: tuple[int, int]) -> Tensor:
    """Weight two feature maps and their difference by a gate computed from the difference, and average over cells.

    The three are weighted and pooled one after the other: concatenated they would take three times the memory, which
    costs more time than the gate.

    Args:
        x: (N, C, h, w).
        y: (N, C, h, w), or with N = 1.
        gate: Maps the difference (N, C, h, w) to (N, 1, h, w).
        size: Cells (th, tw). Cell k covers pixels floor(k h / th) to ceil((k + 1) h / th), exclusive.

    Returns:
        (N, th tw, 3 C): x, y, difference.
    """
    difference = x - y
    if difference.dtype == torch.float32:
        difference = difference.square_().add_(_SQUARED_EPSILON).sqrt_()
    else:
        difference = difference.abs_()  # squares would underflow in float16
    weight = gate(difference)
    parts = [functional.adaptive_avg_pool2d(part * weight, size) for part in (x, y)]
    return _tokens(torch.cat((*parts, functional.adaptive_avg_pool2d(difference.mul_(weight), size)), 1))


def load_cfanet(weights: Path, pooling: Pooling) -> CFANet:
    """Read the weight file `cfanet_fr_kadid_res50-2c4cc61d.pth` as float32 on the CPU, for inference only.

    Args:
        weights: The file.
        pooling: See `CFANet`.

    Raises:
        MissingDependencyError: timm is not installed.
        RuntimeError: The file does not hold exactly the weights of this network.
        KeyError: It holds something else.
    """
    with torch.device("meta"):
        network = CFANet(pooling)
    state = torch.load(weights, map_location="cpu", weights_only=True)[_KEY]
    network.load_state_dict({name.removeprefix(_PREFIX): value for name, value in state.items()}, assign=True)
    network.eval().requires_grad_(False)
    return network


def _backbone() -> nn.Module:
    try:
        import timm
    except ImportError as error:
        message = f"vs_align: TOPIQ needs the package timm. Run: {install_command(*TORCH)}"
        raise MissingDependencyError(message) from error
    backbone: nn.Module = timm.create_model("resnet50", features_only=True, pretrained=False)
    return backbone


def _gate(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, _GATE, 1), nn.GELU(),
        nn.Conv2d(_GATE, _GATE, 3, padding=1), nn.GELU(),
        nn.Conv2d(_GATE, 1, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip


def _split(tokens: Tensor) -> Tensor:
    return tokens.unflatten(-1, (_HEADS, WIDTH // _HEADS)).transpose(1, 2)


def _tokens(cells: Tensor) -> Tensor:
    """Reshape (N, C, h, w) to (N, h w, C)."""
    return cells.flatten(2).transpose(1, 2)
