"""TOPIQ, full-reference: quality of the candidate relative to ref, by the network CFANet. Needs torch and weights.

The score is 1 minus the output of CFANet with the candidate as the distorted image; `networks.cfanet` names the paper.
The backbone features of an image are computed once and cached; gates, pooling and attention run for each pair.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from vs_align.errors import AlignError, ArgumentError
from vs_align.io.array_types import Float32Array, RgbImage
from vs_align.measure.metrics.metric import Metric
from vs_align.measure.metrics.topiq.pooling import pooled_in_one_pass
from vs_align.measure.metrics.topiq.workers import Workers
from vs_align.measure.networks.cfanet import CFANet, gated_means, load_cfanet

_log = logging.getLogger(__name__)

_ROUNDING_FLOAT32 = 1e-6
"""Change of a score by rounding in 32 bits."""
_ROUNDING_FLOAT16 = 2e-3
"""Change of a score by rounding in 16 bits or TF32."""
_FLOAT16_CAPABILITY = 7
"""Major compute capability from which on CUDA devices are faster in 16 bits."""
_BATCH_PIXELS = 16 * 480 * 360
"""Default pixels of the candidates of a batch on CUDA: more takes memory and is not faster."""
_BROKEN = (UnpicklingError, EOFError, KeyError, TypeError, ValueError)
"""Errors of reading a file that holds no weights, or other ones."""
_warned = threading.Event()


@dataclass(frozen=True, slots=True)
class TopiqFeatures:
    """Backbone features of one image."""

    maps: tuple[Tensor, ...]
    """Five maps (1, C, h, w), finest first, on the device of the metric."""
    shape: tuple[int, int]
    """Height and width of the image."""


class Topiq(Metric[TopiqFeatures]):
    """Scores images by CFANet.

    Scores are about 0 (as good as ref) to 1, or slightly outside; equal images do not score exactly 0. There is no
    bound: each candidate is compared, whatever the limit.

    May be called from several threads at once. On the CPU one image is prepared at a time on all threads of torch, and
    as many pairs are compared at a time as torch has threads, each on one of them and in about 350 bytes per pixel; on
    CUDA each calling thread has its own stream.

    Args:
        path: The file `cfanet_fr_kadid_res50-2c4cc61d.pth`, as `networks.weights.locate("topiq")` returns it.
        device: Name of the device in PyTorch: "cpu", "cuda", "cuda:1".
        batch_size: Candidates in one batch on CUDA, at least 1; by default as many pixels as 16 images of 480x360. On
            the CPU it is always 1, which is fastest there.
        half: Whether to run in 16 bits, on CUDA only; "auto" if the device is faster in 16 bits.

    Raises:
        ArgumentError: `batch_size` is below 1, or `half` is True on the CPU.
        AlignError: There is no such device, or the file does not hold these weights.
        MissingDependencyError: timm is not installed.
    """

    def __init__(
        self, path: Path, device: str = "cpu", batch_size: int | None = None, half: bool | Literal["auto"] = "auto"
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ArgumentError("Topiq", "batch_size", "must be at least 1", batch_size)
        try:
            self._device = torch.device(device)
            self._on_cuda = self._device.type == "cuda"
            gains = self._on_cuda and torch.cuda.get_device_capability(self._device)[0] >= _FLOAT16_CAPABILITY
            if half is True and not self._on_cuda:
                raise ArgumentError("Topiq", "half", "needs a CUDA device", repr(device))
            self._dtype = torch.float16 if half is True or (half == "auto" and gains) else torch.float32
            network = load_cfanet(path, gated_means if self._on_cuda else pooled_in_one_pass)
            _fold(network.semantic_model)
            self._network: CFANet = network.to(self._device, self._dtype, memory_format=torch.channels_last)
        except AlignError:
            raise
        except (*_BROKEN, RuntimeError, AssertionError, OSError) as error:
            raise AlignError(f"vs_align.Topiq: {path.name} cannot run on {device!r}: {error}") from error
        self._batch_size = batch_size
        self._embeddings: dict[tuple[int, int], Tensor] = {}
        self._lock = threading.Lock()
        self._workers = None if self._on_cuda else Workers()
        self._streams = threading.local()
        _warn_of_license()

    @property
    def rounding(self) -> float:
        """Largest change of a score by rounding."""
        low_precision = self._on_cuda and (self._dtype == torch.float16 or torch.backends.cudnn.allow_tf32)
        return _ROUNDING_FLOAT16 if low_precision else _ROUNDING_FLOAT32

    def prepare(self, image: RgbImage) -> TopiqFeatures:
        """Run the backbone of the network.

        Args:
            image: (3, h, w) RGB, at least 1x1; floats are clipped to 0 to 1, and NaN counts as 0.
        """
        nominal = _nominal(image)
        with self._running():
            maps = self._network.features(self._upload(nominal))
            layout = torch.channels_last
            return TopiqFeatures(tuple(part.contiguous(memory_format=layout) for part in maps), nominal.shape[1:])

    def size(self, features: TopiqFeatures) -> int:
        """Return the bytes that features hold: about 185 per pixel, half of that in 16 bits."""
        return sum(part.numel() * part.element_size() for part in features.maps)

    def score(self, candidate: TopiqFeatures, ref: TopiqFeatures, limit: float = inf) -> float:
        """Return 1 minus the quality of a candidate; see `scores`."""
        return self.scores([candidate], ref, limit)[0]

    def scores(self, candidates: Sequence[TopiqFeatures], ref: TopiqFeatures, limit: float = inf) -> list[float]:
        """Return 1 minus the quality of each candidate, exactly, whatever the limit.

        Raises:
            ArgumentError: A candidate has another size than ref.
        """
        for candidate in candidates:
            if candidate.shape != ref.shape:
                raise ArgumentError("Topiq.scores", "candidates", f"must have the shape {ref.shape}", candidate.shape)
        if self._workers is not None:
            return self._workers.map(lambda candidate: self._compare([candidate], ref)[0], candidates)
        step = self._batch_size or max(1, _BATCH_PIXELS // (ref.shape[0] * ref.shape[1]))
        found: list[float] = []
        for first in range(0, len(candidates), step):
            with self._running():
                found += self._compare(candidates[first : first + step], ref)
        return found

    @torch.inference_mode()
    def _compare(self, candidates: Sequence[TopiqFeatures], ref: TopiqFeatures) -> list[float]:
        maps = candidates[0].maps
        if len(candidates) > 1:
            maps = tuple(torch.cat(level) for level in zip(*(each.maps for each in candidates), strict=True))
        output = self._network.compare(maps, ref.maps, self._embedding(ref))
        return [1 - float(value) for value in output.tolist()]

    def _embedding(self, ref: TopiqFeatures) -> Tensor:
        height, width = ref.maps[-1].shape[-2:]
        if (height, width) not in self._embeddings:
            made = self._network.embedding(height, width)
            if self._on_cuda:
                # another thread may use it on another stream
                torch.cuda.current_stream(self._device).synchronize()
            self._embeddings[height, width] = made
        return self._embeddings[height, width]

    def _upload(self, nominal: Float32Array) -> Tensor:
        tensor = torch.from_numpy(nominal)[None]
        if self._on_cuda:
            tensor = tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.contiguous(memory_format=torch.channels_last)

    @contextmanager
    def _running(self) -> Iterator[None]:
        if self._on_cuda:
            if not hasattr(self._streams, "own"):
                self._streams.own = torch.cuda.Stream(self._device)
            with torch.inference_mode(), torch.cuda.stream(self._streams.own):
                yield
                # the result may next be read on the stream of another thread
                self._streams.own.synchronize()
        else:
            with torch.inference_mode(), self._lock:
                yield


def _nominal(image: RgbImage) -> Float32Array:
    """Return an image as float32, 0 to 1."""
    if image.dtype == np.float32:
        nominal = np.nan_to_num(np.clip(image, 0, 1), copy=False)
    else:
        peak = 255 if image.dtype == np.uint8 else 65535
        nominal = np.divide(image, np.float32(peak), dtype=np.float32)
    return np.ascontiguousarray(nominal)


def _fold(module: nn.Module) -> None:
    """Fold each batch normalization of a ResNet into the convolution before it."""
    for name, child in list(module.named_children()):
        if name == "downsample":
            child[0], child[1] = fuse_conv_bn_eval(child[0], child[1]), nn.Identity()
        elif isinstance(child, nn.Conv2d):
            norm = name.replace("conv", "bn")
            setattr(module, name, fuse_conv_bn_eval(child, module.get_submodule(norm)))
            setattr(module, norm, nn.Identity())
        else:
            _fold(child)


def _warn_of_license() -> None:
    """Log once per process what the weights may be used for."""
    if not _warned.is_set():
        _warned.set()
        _log.warning("The weights of TOPIQ are for non-commercial use; commercial use needs their author's permission.")
