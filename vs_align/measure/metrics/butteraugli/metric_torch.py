"""Butteraugli on PyTorch, for CUDA: equal to the CPU version within rounding, many candidates at once.

See `butteraugli.metric` for the method and its source. Sums over neighbors are written as sums of shifted images,
which are single precision on every device; convolutions may run in fewer bits (TF32).
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap
from math import inf, log

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from vs_align.errors import ArgumentError
from vs_align.io.array_types import RgbImage
from vs_align.measure.metrics.butteraugli import constants as c
from vs_align.measure.metrics.butteraugli.checks import check_image, check_options, check_sizes
from vs_align.measure.metrics.metric import Metric

_BATCH_PIXELS = 1 << 24
"""Pixels of the candidates of a batch: about 1 GiB, since a dozen float32 images of this size exist at once."""
_SHIFT = 4
"""Largest shift of the Malta lines in pixels."""


@dataclass(frozen=True, slots=True)
class TorchLevel:
    """Bands and mask of an image at one size."""

    bands: Tensor
    """(11, height, width), float32, as in `PyramidLevel`."""
    mask: Tensor
    """(height, width): masking by texture; higher hides more."""


@dataclass(frozen=True, slots=True)
class TorchPsychoImage:
    """Pyramid of an image and samples of its bound, on the device."""

    levels: tuple[TorchLevel, ...]
    samples: Tensor
    """(levels, 3, samples): the lowest band on a sparse grid."""
    factors: Tensor
    """(levels, samples): visibility of the samples under the mask."""
    crop: tuple[int, int, int, int]
    """First row, first column, rows and columns of the image in its levels, which are larger if it is very small."""


class ButteraugliTorch(Metric[TorchPsychoImage]):
    """Compares images with PyTorch. May be called from several threads.

    Args:
        device: Name of the device in PyTorch, such as "cuda", "cuda:1" or "cpu".
        norm: "max" or "3", see `Butteraugli`.
        intensity_target: Luminance of white in nits, more than 0.
        hf_asymmetry: More than 1 weighs fine detail that only ref has higher, less than 1 that of the candidate; more
            than 0.
        batch_size: Candidates compared at once, at least 1; default: as many as fit in about 1 GiB, one on the CPU.

    Raises:
        ArgumentError: An argument is out of its range.
    """

    zero_for_equal = True

    def __init__(
        self,
        device: str = "cuda",
        norm: str = "max",
        intensity_target: float = 80.0,
        hf_asymmetry: float = 0.8,
        batch_size: int | None = None,
    ) -> None:
        check_options(norm, intensity_target, hf_asymmetry)
        if batch_size is not None and batch_size < 1:
            raise ArgumentError("Butteraugli", "batch_size", "must be at least 1", batch_size)
        self._device = torch.device(device)
        self._cubes = norm == "3"
        self._intensity = intensity_target
        self._malta = c.malta_weights(hf_asymmetry).tolist()
        self._squares = c.square_weights(hf_asymmetry).tolist()
        self._batch_size = batch_size
        self._memory = threading.Lock()

    def prepare(self, image: RgbImage) -> TorchPsychoImage:
        """Split an image of shape (3, height, width) into bands; see `Butteraugli.prepare`.

        Raises:
            ArgumentError: The image has another shape or type.
        """
        check_image(image)
        if image.dtype == np.float32:
            return self._prepare(torch.from_numpy(c.linear_light(np.asarray(image, np.float32), self._intensity)))
        table = torch.from_numpy(c.linear_table(1 << 8 * image.itemsize, self._intensity))
        # codes are copied to the device in their own width, as the signed type that PyTorch has, and widened there
        codes = torch.from_numpy(np.array(image, order="C").view(f"i{image.itemsize}")).to(self._device)
        return self._prepare(table.to(self._device)[codes.long() & (table.numel() - 1)])

    def size(self, features: TorchPsychoImage) -> int:
        """Return the bytes that features hold on the device."""
        tensors = [features.samples, features.factors]
        tensors += [tensor for level in features.levels for tensor in (level.bands, level.mask)]
        return sum(tensor.numel() * 4 for tensor in tensors)

    def score(self, candidate: TorchPsychoImage, ref: TorchPsychoImage, limit: float = inf) -> float:
        """Return the visibility of the difference; see `Butteraugli.score`."""
        return self.scores([candidate], ref, limit)[0]

    def scores(self, candidates: Sequence[TorchPsychoImage], ref: TorchPsychoImage, limit: float = inf) -> list[float]:
        """Return the scores of several candidates; one above `limit` may be replaced by a lower bound above it.

        The bounds of all candidates are computed here at once, in one transfer, and not by `bound`.

        Raises:
            ArgumentError: The images differ in size.
        """
        for candidate in candidates:
            check_sizes(candidate.crop, ref.crop)
        with torch.inference_mode(), self._memory:
            found = self._bounds(candidates, ref) if limit < inf else [0.0] * len(candidates)
            near = [i for i, bound in enumerate(found) if not bound > limit]
            batch = self._batch(ref)
            for start in range(0, len(near), batch):
                chosen = near[start : start + batch]
                for i, score in zip(chosen, self._compare([candidates[i] for i in chosen], ref), strict=True):
                    found[i] = score
        return found

    def _batch(self, ref: TorchPsychoImage) -> int:
        if self._batch_size is not None:
            return self._batch_size
        return 1 if self._device.type == "cpu" else max(1, _BATCH_PIXELS // ref.levels[0].mask.numel())

    def _prepare(self, light: Tensor) -> TorchPsychoImage:
        with torch.inference_mode():
            light = light.to(self._device)
            height, width = light.shape[1:]
            top, left = max(0, (c.SMALLEST - height) // 2), max(0, (c.SMALLEST - width) // 2)
            below, right = max(0, c.SMALLEST - height - top), max(0, c.SMALLEST - width - left)
            light = pad(light[None], (left, right, top, below), mode="replicate")[0]
            levels = [_level(light)]
            half = _halved(light)
            if min(half.shape[1:]) >= c.SMALLEST:
                levels.append(_level(half))
            samples, factors = _samples(levels)
            return TorchPsychoImage(tuple(levels), samples, factors, (top, left, height, width))

    def _bounds(self, candidates: Sequence[TorchPsychoImage], ref: TorchPsychoImage) -> list[float]:
        """Return lower bounds from samples of the lowest band, safe from rounding."""
        if min(ref.crop[2:]) < c.SMALLEST or not candidates:
            return [0.0] * len(candidates)
        samples = torch.stack([candidate.samples for candidate in candidates])
        factors = torch.stack([candidate.factors for candidate in candidates])
        seen = ((samples - ref.samples).square().sum(2).sqrt() * factors).sum(1)
        return [norm * c.SAFETY for norm in self._norms(seen, ref.crop[2] * ref.crop[3])]

    def _compare(self, candidates: Sequence[TorchPsychoImage], ref: TorchPsychoImage) -> list[float]:
        maps = []
        for number, wanted in enumerate(ref.levels):
            bands = torch.stack([candidate.levels[number].bands for candidate in candidates])
            masks = torch.stack([candidate.levels[number].mask for candidate in candidates])
            maps.append(self._level_map(bands, wanted.bands, masks))
        whole = maps[0]
        if len(maps) == 2:
            height, width = whole.shape[1:]
            under = maps[1].repeat_interleave(2, 1)[:, :height].repeat_interleave(2, 2)[:, :, :width]
            whole = whole * c.FULL_SHARE + under * c.HALF_SHARE
        top, left, height, width = ref.crop
        return self._norms(whole[:, top : top + height, left : left + width].flatten(1), height * width)

    def _norms(self, values: Tensor, pixels: int) -> list[float]:
        """Return the norm of each row of values; missing pixels count as 0."""
        if not self._cubes:
            return [float(value) for value in values.amax(1).tolist()]
        cubes = values.double() ** 3
        sums = torch.stack([(cubes**power).sum(1) / pixels for power in (1, 2, 4)], 1).tolist()
        return [float(s3 ** (1 / 3) + s6 ** (1 / 6) + s12 ** (1 / 12)) / 3 for s3, s6, s12 in sums]

    def _level_map(self, a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
        """Compare one level.

        Args:
            a: Bands of the candidates, shape (n, 11, height, width).
            b: Bands of the ref, shape (11, height, width).
            mask: Masks of the candidates, shape (n, height, width).
        """
        lf, mf = (self._squares[first : first + 3] for first in (0, 3))
        dc = sum(lf[k] * (a[:, k] - b[k]).square() for k in range(3))
        ac = sum(mf[k] * (a[:, 3 + k] - b[3 + k]).square() for k in range(3))
        for plane, (above, below) in ((c.HF_X, self._squares[6:8]), (c.HF_Y, self._squares[8:10])):
            ac = ac + above * (a[:, plane] - b[plane]).square()
            ac = ac + below * _beyond(a[:, plane], b[plane], c.SQUARES_LOW, c.SQUARES_HIGH).square()
        ac = ac + c.MASK_DIFFERENCE * (a[:, c.BLURRED] - b[c.BLURRED]).square()
        for term, plane in enumerate(c.MALTA_PLANES):
            first, second, norm = self._malta[term]
            difference = a[:, plane] - b[plane]
            penalty = second * _beyond(a[:, plane], b[plane], c.MALTA_LOW, c.MALTA_HIGH)
            weighed = first * difference + torch.where(difference > 0, penalty, -penalty)
            weighed = weighed / (norm + 0.5 * (a[:, plane].abs() + b[plane].abs()))
            ac = ac + (_full_lines(weighed) if term < 2 else _sparse_lines(weighed))
        return (_visible(mask, c.MASK_OF_DC) * dc + _visible(mask, c.MASK_OF_AC) * ac).sqrt()


def _beyond(a: Tensor, b: Tensor, low: float, high: float) -> Tensor:
    """Return by how much b is below `low` times a, or above `high` times it, in the direction of a."""
    size = a.abs()
    along = torch.where(a >= 0, b, -b)
    return torch.maximum(low * size - along, along - high * size).clamp(min=0)


def _visible(mask: Tensor, numbers: tuple[float, float, float]) -> Tensor:
    offset, factor, numerator = numbers
    return (c.GLOBAL_SCALE * (1 + numerator / (factor * mask + offset))).square()


def _shifts(plane: Tensor) -> Callable[[int, int], Tensor]:
    """Return a function that shifts a plane, with zeros beyond its border."""
    padded = pad(plane, (_SHIFT,) * 4)
    height, width = plane.shape[-2:]

    def shifted(dx: int, dy: int) -> Tensor:
        return padded[..., _SHIFT + dy : _SHIFT + dy + height, _SHIFT + dx : _SHIFT + dx + width]

    return shifted


def _line(shifted: Callable[[int, int], Tensor], offsets: tuple[tuple[int, int], ...]) -> Tensor:
    """Return the square of the sum along a line, of which half the offsets are given."""
    total = shifted(0, 0).clone()
    for dx, dy in offsets:
        total += shifted(dx, dy)
        total += shifted(-dx, -dy)
    return total.square_()


def _full_lines(plane: Tensor) -> Tensor:
    shifted = _shifts(plane)
    total = torch.zeros_like(plane)
    for offsets in c.FULL_LINES:
        total += _line(shifted, offsets)
    for offsets in c.FULL_LINES_TWICE:
        total.add_(_line(shifted, offsets), alpha=2)
    return total


def _sparse_lines(plane: Tensor) -> Tensor:
    shifted = _shifts(plane)
    total = torch.zeros_like(plane)
    for offsets in c.SPARSE_LINES:
        total += _line(shifted, offsets)
    return total


def _blur_along(planes: Tensor, half: Sequence[float], dim: int) -> Tensor:
    """Convolve padded planes along a dimension with symmetric taps, given from the center outwards."""
    radius = len(half) - 1
    size = planes.shape[dim] - 2 * radius
    total = planes.narrow(dim, radius, size) * half[0]
    for t in range(1, radius + 1):
        total.add_(planes.narrow(dim, radius - t, size), alpha=half[t])
        total.add_(planes.narrow(dim, radius + t, size), alpha=half[t])
    return total


def _blur(planes: Tensor, sigma: float) -> Tensor:
    """Blur planes of shape (n, height, width); taps outside the image are left out and the rest normalized."""
    taps = c.taps(sigma)
    radius, half = taps.size - 1, taps.tolist()
    height, width = planes.shape[1:]
    across = torch.from_numpy(c.share_inside(width, taps)).to(planes.device)
    down = torch.from_numpy(c.share_inside(height, taps)).to(planes.device)
    rows = _blur_along(pad(planes, (radius, radius)), half, 2) * across
    return _blur_along(pad(rows, (0, 0, radius, radius)), half, 1) * down[:, None]


def _adapted(light: Tensor) -> Tensor:
    """Blur linear light by SIGMA_SENSITIVITY, with symmetric borders."""
    taps = c.taps(c.SIGMA_SENSITIVITY).astype(np.float64)
    half = (taps / (taps[0] + 2 * taps[1:].sum())).tolist()
    wide = torch.cat([light[:, :, :2].flip(2), light, light[:, :, -2:].flip(2)], 2)
    rows = _blur_along(wide, half, 2)
    tall = torch.cat([rows[:, :2].flip(1), rows, rows[:, -2:].flip(1)], 1)
    return _blur_along(tall, half, 1)


def _absorbed(light: Tensor) -> Tensor:
    def of_cone(weights: tuple[float, ...], bias: float) -> Tensor:
        return weights[0] * light[0] + weights[1] * light[1] + weights[2] * light[2] + bias

    return torch.stack(list(starmap(of_cone, zip(c.ABSORBANCE, c.BIAS, strict=True))))


def _opponent_colors(light: Tensor) -> Tensor:
    """Return X, Y and B of linear light in nits, shape (3, height, width) both."""
    bias = torch.tensor(c.BIAS, dtype=torch.float32, device=light.device)[:, None, None]
    absorbed = torch.maximum(_absorbed(_adapted(light)), bias)
    response = (c.GAMMA_SCALE * log(2)) * (absorbed + c.GAMMA_INSIDE).log2() - c.GAMMA_OFFSET
    cones = torch.maximum(_absorbed(light) * (response / absorbed).clamp(min=1e-4), bias)
    return torch.stack([cones[0] - cones[1], cones[0] + cones[1], cones[2]])


def _remove(values: Tensor, width: float) -> Tensor:
    return values - values.clamp(-width, width)


def _amplify(values: Tensor, width: float) -> Tensor:
    return values + values.clamp(-width, width)


def _softly_clamped(values: Tensor, most: float) -> Tensor:
    inside = values.clamp(-most, most)
    return inside + (values - inside) * c.CLAMP_SLOPE


def _halved(light: Tensor) -> Tensor:
    """Average 2x2 pixels; at an odd border the pixels that exist."""
    height, width = light.shape[1:]
    even = pad(light[None], (0, width % 2, 0, height % 2), mode="replicate")[0]
    return (even[:, ::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, ::2] + even[:, 1::2, 1::2]) * 0.25


def _eroded(blurred: Tensor) -> Tensor:
    """Return the weighted mean of the three smallest activities around each pixel."""
    height, width = blurred.shape
    step = c.MASK_STEP
    padded = pad(blurred, (step,) * 4, value=inf)
    first, second, third = blurred, 2 * blurred, 2 * blurred
    for down in (0, step, 2 * step):
        for across in (0, step, 2 * step):
            if (down, across) != (step, step):
                value = padded[down : down + height, across : across + width]
                first, value = torch.minimum(first, value), torch.maximum(first, value)
                second, value = torch.minimum(second, value), torch.maximum(second, value)
                third = torch.minimum(third, value)
    return c.MASK_SHARES[0] * first + c.MASK_SHARES[1] * second + c.MASK_SHARES[2] * third


def _level(light: Tensor) -> TorchLevel:
    colors = _opponent_colors(light)
    low = _blur(colors, c.SIGMA_LF)
    colors = colors - low
    middle = _blur(colors, c.SIGMA_HF)
    high_x, high_y = (colors[:2] - middle[:2]).unbind()
    high_x = high_x * (
        c.SUPPRESS_FLOOR + c.SUPPRESS_SHARE * c.SUPPRESS_SOFTNESS / (high_y.square() + c.SUPPRESS_SOFTNESS)
    )
    blurred_x, blurred_y = _blur(torch.stack([high_x, high_y]), c.SIGMA_UHF).unbind()
    soft = _softly_clamped(blurred_y, c.CLAMP_HF_Y)
    bands = [
        c.LF_X * low[0],
        c.LF_Y * low[1],
        c.LF_B * (low[2] - c.LF_B_FROM_Y * low[1]),
        _remove(middle[0], c.REMOVE_MF_X),
        _amplify(middle[1], c.AMPLIFY_MF_Y),
        middle[2],
        _remove(blurred_x, c.REMOVE_HF_X),
        _amplify(c.GAIN_HF_Y * soft, c.AMPLIFY_HF_Y),
        _remove(high_x - blurred_x, c.REMOVE_UHF_X),
        c.GAIN_UHF_Y * _softly_clamped(high_y - soft, c.CLAMP_UHF_Y),
    ]
    in_x, in_y = bands[c.UHF_X] + bands[c.HF_X], bands[c.UHF_Y] + bands[c.HF_Y]
    energy = ((c.MASK_X * in_x).square() + (c.MASK_Y * in_y).square()).sqrt()
    activity = (c.MASK_GAIN * energy + c.MASK_OFFSET).sqrt() - c.MASK_OFFSET**0.5
    bands.append(_blur(activity[None], c.SIGMA_MASK)[0])
    return TorchLevel(torch.stack(bands), _eroded(bands[c.BLURRED]))


def _samples(levels: list[TorchLevel]) -> tuple[Tensor, Tensor]:
    """Return the samples and factors of the bound, shapes (levels, 3, samples) and (levels, samples)."""
    roots = torch.tensor(c.WEIGHTS_LF, device=levels[0].mask.device).sqrt()[:, None, None]
    shares = (c.FULL_SHARE, c.HALF_SHARE) if len(levels) == 2 else (1.0,)
    samples, factors = [], []
    for number, (level, share) in enumerate(zip(levels, shares, strict=True)):
        step = c.SAMPLE_STEP >> number
        samples.append((level.bands[:3, ::step, ::step] * roots).flatten(1))
        factors.append(share * _visible(level.mask[::step, ::step], c.MASK_OF_DC).sqrt().flatten())
    return torch.stack(samples), torch.stack(factors)
