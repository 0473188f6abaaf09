"""Dense warps by IFNet, the network of RIFE: robust where two versions look very different.

The procedure differs from that of `vs_align.measure.flow.rife.reference` in what it makes of the same network.
Pictures are neither stretched nor resampled twice: each pass sees the original clip through the field found so far, on
ref's own pixels. Both flows to the middle are estimated, which frees the result of the network's bias without a second
run. The pictures are warped inside the network, as it was trained. At the end the field is polished on the pictures
themselves.
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
from vs_align.measure.flow.dis.local_contrast import noise_of
from vs_align.measure.flow.rife.confidence import continued, texture
from vs_align.measure.flow.rife.images import (
    blurred,
    from_middle,
    luma_of,
    reduced,
    sampled,
    still,
    turn,
    turned_back,
    weight_outside,
)
from vs_align.measure.flow.rife.network import FlowNetwork, Scales
from vs_align.measure.flow.rife.refinement import polish
from vs_align.measure.flow.rife.tiling import room_on
from vs_align.measure.images.field import compose, field_of
from vs_align.measure.images.inpaint import fill
from vs_align.measure.networks.ifnet import load_ifnet

_COARSE: Scales = (16, 8, 4, 2)
_MEDIUM: Scales = (8, 4, 2, 1)
_FINE: Scales = (4, 2, 1, 0.5)
_LISTS: dict[int, tuple[Scales, ...]] = {1: (_COARSE,), 2: (_MEDIUM,), 3: (_MEDIUM, _FINE), 4: (_MEDIUM, _FINE)}
_TURNED_SINCE = 4
"""The precision from which each pass also looks at pictures turned by a quarter, and takes the mean of both."""
_ROUNDS = {1: 3, 2: 2, 3: 2, 4: 2}
"""Rounds of polishing."""
_BLUR, _LQ_BLUR = 0.8, 1.6
"""Standard deviation in pixels of the blur before polishing; that for poor pictures the network sees too."""
_MARGIN, _LARGEST_MARGIN = 2, 12
"""Pixels round a mask in which pictures, and fields, are not believed: cells of the network reach across its edge."""
_SMOOTHING, _LAST_SMOOTHING = 1 / 90, 1 / 120
"""Standard deviation, as a share of the smaller side of ref, of the smoothing of what a pass finds."""
_HALF_SINCE = 7
"""Compute capability of the first CUDA devices that gain from 16 bits."""


@dataclass(frozen=True, slots=True)
class RifeOptions:
    """How thoroughly to look."""

    precision: int = 3
    """1 to 4; each step up looks at finer detail and takes longer."""
    iterations: int = 1
    """How often the finest pass is run, at least 1."""
    lq_input: bool = False
    """Whether the pictures are noisy, blocky or soft, so that detail is not to be trusted."""

    def __post_init__(self) -> None:
        """Refuse values that do not exist."""
        if self.precision not in _LISTS:
            raise ArgumentError("RifeOptions", "precision", "must be 1, 2, 3 or 4", self.precision)
        if self.iterations < 1:
            raise ArgumentError("RifeOptions", "iterations", "must be at least 1", self.iterations)


class RifeEngine:
    """Finds for each pixel of ref where clip shows the same.

    May be called from several threads at once. On the CPU the network runs one call at a time, on all of torch's
    threads; on CUDA each calling thread has a stream of its own. A call takes about 0.8 GB
    of memory for each megapixel of ref at precision 3 and 4, and 0.6 GB at 1 and 2; where that is more than is there,
    the network works in tiles, to the same result in more time.

    Args:
        weights: The file `flownet_v4.14.pkl`, as `vs_align.measure.networks.weights.locate` returns it.
        options: How thoroughly to look.
        device: As torch names it: "cpu", "cuda", "cuda:1".

    Raises:
        AlignError: There is no such device, or the file holds other weights.
    """

    def __init__(self, weights: Path, options: RifeOptions, device: str) -> None:
        try:
            self._device = torch.device(device)
            if self._device.type == "cuda":
                torch.cuda.get_device_properties(self._device)
            network = load_ifnet(weights)
        except (RuntimeError, AssertionError, OSError, UnpicklingError) as error:
            raise AlignError(f"vs_align.RifeEngine: {weights.name} cannot run on {device!r}: {error}") from error
        lists = _LISTS[options.precision]
        lists += lists[-1:] * (options.iterations - 1)
        with torch.inference_mode():
            made = {scales: FlowNetwork(network, scales, device, self._gains_from_half()) for scales in set(lists)}
        self._passes = [made[scales] for scales in lists]
        self._together = self._device.type == "cuda"
        self._modulus = max(network.modulus for network in self._passes)
        self._views = (False, True) if options.precision >= _TURNED_SINCE else (False,)
        self._rounds = _ROUNDS[options.precision]
        self._lq_input = options.lq_input
        self._lock = threading.Lock()
        self._streams = threading.local()

    def field(
        self, clip: Float32Array, ref: Float32Array, start: Float64Array, excluded: BoolArray | None
    ) -> Float32Array:
        """Find where clip shows what ref shows.

        Args:
            clip: RGB, 0 to 1 nominal, shape (Hc, Wc, 3).
            ref: RGB, shape (h, w, 3); every size from 1x1 up.
            start: Roughly where ref lies in clip: 3x3, ref pixels to clip pixels.
            excluded: Where ref shows what clip does not, shape (h, w); the field is continued there from around it.

        Returns:
            The field, (h, w, 2). It is exactly that of `start` if clip seen through `start` equals ref wherever
            ref is not excluded.
        """
        canvas = _Canvas(clip, ref, start, excluded, self._modulus, _LQ_BLUR if self._lq_input else 0)
        if canvas.is_aligned():
            return field_of(start, (ref.shape[1], ref.shape[0]))
        refs: dict[bool, Tensor] = {}
        for number, network in enumerate(self._passes):
            clip_seen = canvas.fetched()
            found = []
            for turned in self._views:
                displacement = from_middle(self._flows(network, clip_seen, canvas.ref, turned, refs))
                found.append(turned_back(displacement) if turned else displacement)
            canvas.move(sum(found[1:], found[0]) / np.float32(len(found)), last=number == len(self._passes) - 1)
        return canvas.polished(self._rounds, _LQ_BLUR if self._lq_input else _BLUR)

    def _flows(
        self, network: FlowNetwork, clip: Float32Array, ref: Float32Array, turned: bool, refs: dict[bool, Tensor]
    ) -> Float32Array:
        """Run the network. What it sees of ref is the same in each pass, and kept in `refs`."""
        with self._running():
            room = room_on(self._device, ref.shape[0] * ref.shape[1])
            pictures = [self._upload(clip, turned)]
            if turned not in refs:
                pictures.append(self._upload(ref, turned))
            if self._together:
                # copies, so that what is seen of ref does not keep the rest of the batch
                seen = [part.clone() for part in network.see(torch.cat(pictures), room).chunk(len(pictures))]
            else:
                seen = [network.see(picture, room) for picture in pictures]
            ref_seen = refs.setdefault(turned, seen[-1])
            flows: Float32Array = (
                network.flows(seen[0], ref_seen, self._together, room)[0].permute(1, 2, 0).cpu().numpy()
            )
        return flows

    def _upload(self, picture: Float32Array, turned: bool) -> Tensor:
        tensor = torch.from_numpy(turn(picture) if turned else picture)
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

    def _gains_from_half(self) -> bool:
        return self._device.type == "cuda" and bool(torch.cuda.get_device_capability(self._device)[0] >= _HALF_SINCE)


class _Canvas:
    """Ref with a margin that the network needs, and the field found so far for all of it."""

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
            # far outside a steep perspective has no value
            self._field = np.nan_to_num(field_of(shifted, (width + over[1], height + over[0])), copy=False)
        self._start = self._field
        self._clip, self._scale = reduced(_nominal(clip), start, (width, height))
        self._blur = blur
        self._smaller_side = min(height, width)
        self._sharp_ref = self._padded(_nominal(ref))
        self._excluded = excluded
        self._weight: Float32Array | None = None
        self._lumas = luma_of(self._clip), luma_of(self._sharp_ref)
        self._trusted = texture(self._lumas[1], max(noise_of(luma) for luma in self._lumas))
        if excluded is not None and excluded.any():
            self._weight, far = (self._padded(weight) for weight in _weights(excluded))
            self._trusted *= far
        self.ref = self._shown(self._sharp_ref)
        """RGB, (H, W, 3), as the network is to see it."""

    def is_aligned(self) -> bool:
        """Whether clip shows exactly what ref shows, wherever that counts."""
        if self._scale != (1, 1):
            return False
        differs = (self._fetch()[self._inner] != self._sharp_ref[self._inner]).any(2)
        return not (differs if self._excluded is None else differs & ~self._excluded).any()

    def fetched(self) -> Float32Array:
        """Return clip as the network is to see it, RGB, (H, W, 3)."""
        return self._shown(self._fetch())

    def move(self, displacement: Float32Array, last: bool) -> None:
        """Take up what a pass has found: ref at p lies at p + displacement(p) of what `fetched` returned."""
        share = _LAST_SMOOTHING if last else _SMOOTHING
        sigma = max(0.5, self._smaller_side * share * (1 + (last and self._blur > 0)))
        field = compose(self._field, still(displacement.shape) + blurred(displacement, sigma))
        self._field = continued(field, self._start, self._trusted)

    def polished(self, rounds: int, blur: float) -> Float32Array:
        """Return the field of ref itself after polishing."""
        field = np.ascontiguousarray(self._field[self._inner])
        ref = np.ascontiguousarray(self._lumas[1][self._inner])
        weight = None if self._weight is None else np.ascontiguousarray(self._weight[self._inner])
        field = polish(self._lumas[0], ref, self._in_reduced(field), weight, rounds, blur)
        return self._in_clip(field)

    def _fetch(self) -> Float32Array:
        fetched = sampled(self._clip, self._in_reduced(self._field), sharp=True)
        return np.clip(fetched, 0, 1, out=fetched)

    def _shown(self, picture: Float32Array) -> Float32Array:
        picture = blurred(picture, self._blur)
        return picture if self._weight is None else fill(picture, self._weight)

    def _padded(self, picture: Float32Array) -> Float32Array:
        return np.asarray(cv2.copyMakeBorder(picture, *self._margins, cv2.BORDER_REPLICATE), np.float32)

    def _in_reduced(self, field: Float32Array) -> Float32Array:
        if self._scale == (1, 1):
            return field
        scale = np.array(self._scale, np.float32)
        return (field + np.float32(0.5)) * scale - np.float32(0.5)

    def _in_clip(self, field: Float32Array) -> Float32Array:
        if self._scale == (1, 1):
            return field
        scale = np.array(self._scale, np.float32)
        return (field + np.float32(0.5)) / scale - np.float32(0.5)


def _nominal(picture: Float32Array) -> Float32Array:
    """Return a picture as far as the network knows pictures: over-range values cut, no value as black."""
    return np.nan_to_num(np.clip(picture, 0, 1), copy=False)


def _weights(excluded: BoolArray) -> tuple[Float32Array, Float32Array]:
    """Return how far pictures and how far fields are believed round a mask, 0 or 1."""
    near = weight_outside(excluded, _MARGIN)
    far = weight_outside(excluded, int(np.clip(min(excluded.shape) // 12, _MARGIN, _LARGEST_MARGIN)))
    return near, far if far.any() else near
