"""Dense field by IFNet, the network of RIFE: robust if two versions look very different.

Images are neither stretched nor resampled twice: each pass sees the original clip, warped by the current field to ref's
pixels. Both flows from the midpoint are estimated, whose difference is free of the network's bias, without a second
run. Images are warped inside the network, as it was trained. Finally the field is refined on the images themselves.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import cv2
import numpy as np
import torch
from torch import Tensor

from vs_align.errors import AlignError, ArgumentError
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.flow.dis.local_contrast import estimate_noise
from vs_align.measure.flow.rife.confidence import extrapolate_field, texture_confidence
from vs_align.measure.flow.rife.images import (
    blurred,
    flow_from_midpoint,
    flow_turned_back,
    identity_field,
    joined_masks,
    luma_of,
    reduced,
    sample,
    transpose_antidiagonal,
    weight_outside,
)
from vs_align.measure.flow.rife.network import FlowNetwork, Scales
from vs_align.measure.flow.rife.refinement import refine_on_images
from vs_align.measure.flow.rife.tiling import memory_budget
from vs_align.measure.images.field import compose, homography_field
from vs_align.measure.images.inpaint import fill
from vs_align.measure.networks.ifnet import load_ifnet

_COARSE: Scales = (16, 8, 4, 2)
_MEDIUM: Scales = (8, 4, 2, 1)
_FINE: Scales = (4, 2, 1, 0.5)
_SCALES: dict[int, tuple[Scales, ...]] = {1: (_COARSE,), 2: (_MEDIUM,), 3: (_MEDIUM, _FINE), 4: (_MEDIUM, _FINE)}
"""Scales of the four blocks in each pass, per precision: a trade of time against detail."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the RIFE engine."""

    transposed_since: int = 4
    """Precision from which on each pass also processes transposed images and averages both results."""
    refinement_sigma: float = 0.8
    """Standard deviation in pixels of the blur before refinement."""
    lq_sigma: float = 1.6
    """The same for low-quality input, which the network also receives blurred."""
    mask_margin: int = 2
    """Pixels around a mask in which images are ignored."""
    max_field_margin: int = 12
    """Largest number of pixels around a mask in which fields are ignored: cells of the network extend across its
    edge."""
    smoothing_sigma: float = 1 / 90
    """Standard deviation, as a share of the shorter side of ref, of the smoothing of the displacement of a pass."""
    last_smoothing_sigma: float = 1 / 120
    """The same for the last pass."""
    min_float16_capability: int = 7
    """Major compute capability from which on CUDA devices gain from float16."""


_SETTINGS = _Settings()
_REFINEMENT_ROUNDS = {1: 3, 2: 2, 3: 2, 4: 2}
"""Rounds of refinement on the images, per precision."""


@dataclass(frozen=True, slots=True)
class RifeOptions:
    """Options of the engine."""

    precision: int = 3
    """1 to 4; higher values resolve finer detail and take longer."""
    iterations: int = 1
    """Number of runs of the finest pass, at least 1."""
    lq_input: bool = False
    """Whether the images are noisy, blocky or soft, so that their detail is unreliable."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.precision not in _SCALES:
            raise ArgumentError("RifeOptions", "precision", "must be 1, 2, 3 or 4", self.precision)
        if self.iterations < 1:
            raise ArgumentError("RifeOptions", "iterations", "must be at least 1", self.iterations)


class RifeEngine:
    """Estimates the field of an image pair with a network. Thread-safe.

    On the CPU the network runs one call at a time, on all of torch's threads; on CUDA each calling thread has a stream
    of its own. A call takes about 0.8 GB of memory per megapixel of ref at precision 3 and 4, and 0.6 GB at 1 and 2;
    if less is free, the network works in tiles, with the same result in more time.

    Args:
        weights: The file `flownet_v4.14.pkl`, see `vs_align.measure.networks.download.locate`.
        options: Options of the engine.
        device: Torch device: "cpu", "cuda", "cuda:1".

    Raises:
        AlignError: There is no such device, or the file holds other weights.
    """

    name = "rife"
    wants_rgb = True

    def __init__(self, weights: Path, options: RifeOptions, device: str) -> None:
        try:
            self._device = torch.device(device)
            if self._device.type == "cuda":
                torch.cuda.get_device_properties(self._device)
            network = load_ifnet(weights)
        except (RuntimeError, AssertionError, OSError, UnpicklingError) as error:
            raise AlignError(f"vs_align.RifeEngine: {weights.name} cannot run on {device!r}: {error}") from error
        scale_lists = _SCALES[options.precision]
        scale_lists += scale_lists[-1:] * (options.iterations - 1)
        with torch.inference_mode():
            made = {
                scales: FlowNetwork(network, scales, device, self._gains_from_float16()) for scales in set(scale_lists)
            }
        self._passes = [made[scales] for scales in scale_lists]
        self._batched = self._device.type == "cuda"
        # On the CPU the network fills the cores by itself.
        self.most_lanes = 2 if self._batched else 1
        self._modulus = max(network.modulus for network in self._passes)
        self._views = (False, True) if options.precision >= _SETTINGS.transposed_since else (False,)
        self._rounds = _REFINEMENT_ROUNDS[options.precision]
        self._lq_input = options.lq_input
        self._lock = threading.Lock()
        self._streams = threading.local()

    def field(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None,
        clip_excluded: BoolArray | None = None,
    ) -> Float32Array:
        """Return the position in clip of each pixel of ref.

        Args:
            clip: RGB, 0..1 nominal, (hc, wc, 3).
            ref: RGB, (h, w, 3); any size from 1x1 on.
            start: (3, 3), initial homography from ref pixels to clip pixels.
            excluded: Pixels of ref to ignore, (h, w), or None; the field is extrapolated there.
            clip_excluded: Pixels of clip to ignore, (hc, wc), or None.

        Returns:
            The field, (h, w, 2). It is exactly that of `start` if clip warped by `start` equals ref wherever ref is not
            excluded.
        """
        excluded = joined_masks(excluded, clip_excluded, start, (ref.shape[1], ref.shape[0]))
        pair = _PaddedPair(clip, ref, start, excluded, self._modulus, _SETTINGS.lq_sigma if self._lq_input else 0)
        if pair.is_aligned():
            return homography_field(start, (ref.shape[1], ref.shape[0]))
        refs: dict[bool, Tensor] = {}
        for number, network in enumerate(self._passes):
            clip_seen = pair.network_input()
            found = []
            for turned in self._views:
                displacement = flow_from_midpoint(self._flows(network, clip_seen, pair.ref, turned, refs))
                found.append(flow_turned_back(displacement) if turned else displacement)
            pair.move(sum(found[1:], found[0]) / np.float32(len(found)), last=number == len(self._passes) - 1)
        return pair.refined(self._rounds, _SETTINGS.lq_sigma if self._lq_input else _SETTINGS.refinement_sigma)

    def _flows(
        self, network: FlowNetwork, clip: Float32Array, ref: Float32Array, turned: bool, refs: dict[bool, Tensor]
    ) -> Float32Array:
        """Run the network; its features of ref are the same in each pass and cached in `refs`."""
        with self._running():
            room = memory_budget(self._device, ref.shape[0] * ref.shape[1])
            images = [self._upload(clip, turned)]
            if turned not in refs:
                images.append(self._upload(ref, turned))
            if self._batched:
                # Copies, so that the features of ref do not keep the rest of the batch in memory.
                seen = [part.clone() for part in network.with_features(torch.cat(images), room).chunk(len(images))]
            else:
                seen = [network.with_features(image, room) for image in images]
            ref_seen = refs.setdefault(turned, seen[-1])
            flows: Float32Array = (
                network.flows(seen[0], ref_seen, self._batched, room)[0].permute(1, 2, 0).cpu().numpy()
            )
        return flows

    def _upload(self, image: Float32Array, turned: bool) -> Tensor:
        tensor = torch.from_numpy(transpose_antidiagonal(image) if turned else image)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.permute(2, 0, 1)[None].contiguous()

    @contextmanager
    def _running(self) -> Iterator[None]:
        if self._device.type == "cuda":
            if not hasattr(self._streams, "own"):
                self._streams.own = torch.cuda.Stream(self._device)
            with torch.inference_mode(), torch.cuda.stream(self._streams.own):
                yield
        else:
            with torch.inference_mode(), self._lock:
                yield

    def _gains_from_float16(self) -> bool:
        return self._device.type == "cuda" and bool(
            torch.cuda.get_device_capability(self._device)[0] >= _SETTINGS.min_float16_capability
        )


class _PaddedPair:
    """Clip and ref, padded to a size that the network accepts, and the current field."""

    def __init__(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None,
        modulus: int,
        blur: float,
    ) -> None:
        height, width = ref.shape[:2]
        over = [-size % modulus for size in (height, width)]
        top, left = (size // 2 for size in over)
        self._margins = (top, over[0] - top, left, over[1] - left)
        self._inner = (slice(top, top + height), slice(left, left + width))
        shifted = start @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A steep perspective is undefined far outside.
            self._field = np.nan_to_num(homography_field(shifted, (width + over[1], height + over[0])), copy=False)
        self._start = self._field
        self._clip, self._scale = reduced(_nominal(clip), start, (width, height))
        self._blur = blur
        self._smaller_side = min(height, width)
        self._sharp_ref = self._padded(_nominal(ref))
        self._excluded = excluded
        self._weight: Float32Array | None = None
        self._lumas = luma_of(self._clip), luma_of(self._sharp_ref)
        self._trust = texture_confidence(self._lumas[1], max(estimate_noise(luma) for luma in self._lumas))
        if excluded is not None and excluded.any():
            self._weight, far = (self._padded(weight) for weight in _weights(excluded))
            self._trust *= far
        self.ref = self._as_network_input(self._sharp_ref)
        """RGB, (H, W, 3), input of the network."""

    def is_aligned(self) -> bool:
        """Return whether clip, warped by the initial field, equals ref exactly at all valid pixels."""
        if self._scale != (1, 1):
            return False
        differs = (self._warped_clip()[self._inner] != self._sharp_ref[self._inner]).any(2)
        return not (differs if self._excluded is None else differs & ~self._excluded).any()

    def network_input(self) -> Float32Array:
        """Return clip, warped by the current field, as input of the network, RGB, (H, W, 3)."""
        return self._as_network_input(self._warped_clip())

    def move(self, displacement: Float32Array, last: bool) -> None:
        """Update the field by the displacement of a pass: ref at p lies at p + displacement(p) in `network_input()`."""
        share = _SETTINGS.last_smoothing_sigma if last else _SETTINGS.smoothing_sigma
        sigma = max(0.5, self._smaller_side * share * (1 + (last and self._blur > 0)))
        field = compose(self._field, identity_field(displacement.shape) + blurred(displacement, sigma))
        self._field = extrapolate_field(field, self._start, self._trust)

    def refined(self, rounds: int, blur: float) -> Float32Array:
        """Return the field of ref without padding after refinement on the images."""
        field = np.ascontiguousarray(self._field[self._inner])
        ref = np.ascontiguousarray(self._lumas[1][self._inner])
        weight = None if self._weight is None else np.ascontiguousarray(self._weight[self._inner])
        field = refine_on_images(self._lumas[0], ref, self._to_reduced(field), weight, rounds, blur)
        return self._from_reduced(field)

    def _warped_clip(self) -> Float32Array:
        network_input = sample(self._clip, self._to_reduced(self._field), sharp=True)
        return np.clip(network_input, 0, 1, out=network_input)

    def _as_network_input(self, image: Float32Array) -> Float32Array:
        image = blurred(image, self._blur)
        return image if self._weight is None else fill(image, self._weight)

    def _padded(self, image: Float32Array) -> Float32Array:
        return np.asarray(cv2.copyMakeBorder(image, *self._margins, cv2.BORDER_REPLICATE), np.float32)

    def _to_reduced(self, field: Float32Array) -> Float32Array:
        if self._scale == (1, 1):
            return field
        scale = np.array(self._scale, np.float32)
        return (field + np.float32(0.5)) * scale - np.float32(0.5)

    def _from_reduced(self, field: Float32Array) -> Float32Array:
        if self._scale == (1, 1):
            return field
        scale = np.array(self._scale, np.float32)
        return (field + np.float32(0.5)) / scale - np.float32(0.5)


def _nominal(image: Float32Array) -> Float32Array:
    """Return an image with the range that the network knows: clipped to 0..1, NaN replaced by 0."""
    return np.nan_to_num(np.clip(image, 0, 1), copy=False)


def _weights(excluded: BoolArray) -> tuple[Float32Array, Float32Array]:
    """Return the weights, 0 or 1, of images and of fields around a mask."""
    near = weight_outside(excluded, _SETTINGS.mask_margin)
    far = weight_outside(
        excluded, int(np.clip(min(excluded.shape) // 12, _SETTINGS.mask_margin, _SETTINGS.max_field_margin))
    )
    return near, far if far.any() else near
