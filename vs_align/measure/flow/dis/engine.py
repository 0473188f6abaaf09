"""The DIS flow engine: dense inverse search, refined on a control grid by Gauss-Newton from coarse to fine."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.flow.dis.common_scale import CommonScale
from vs_align.measure.flow.dis.control_grid import (
    GridUpdate,
    fill_untrusted,
    gauss_newton_step,
    grid_means,
    grid_shape,
    grid_to_field,
    resample_grid,
    sample,
)
from vs_align.measure.flow.dis.inverse_search import inverse_search
from vs_align.measure.flow.dis.local_contrast import estimate_noise, local_contrast, presmoothing_sigma
from vs_align.measure.flow.dis.tone_curve import estimate_tone_curve
from vs_align.measure.images.field import homography_field, sample_bilinear
from vs_align.measure.images.inpaint import fill
from vs_align.placement.homography import resize_matrix


@dataclass(frozen=True, slots=True)
class _Passes:
    """Numbers of Gauss-Newton steps at one precision."""

    coarsest: int
    """At the coarsest level."""
    middle: int
    """At each level between."""
    full: int
    """At full size."""
    sharp: int
    """How many of the last ones sample with the longer kernel."""


_PASSES = {1: _Passes(1, 1, 2, 1), 2: _Passes(3, 2, 1, 0), 3: _Passes(3, 2, 2, 1), 4: _Passes(4, 3, 5, 3)}
"""Steps per precision: a trade of time against accuracy."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the DIS engine."""

    downscaling: int = 2
    """Factor by which images are downscaled at precision 1."""
    min_coarsest: int = 80
    """Smallest length of the shorter side of the coarsest level, in pixels."""
    tone_level: int = 1
    """Pyramid level on which the tone curve is estimated."""
    tone_curve_since: int = 2
    """Precision from which on it is."""
    lq_noise: float = 0.025
    """Smallest standard deviation of noise, of 1, that is assumed for low-quality input."""
    min_size: int = 16
    """Shortest side in pixels of an image that is searched; of smaller ones, the field is that of the coarse
    transform."""
    border_margin: int = 4
    """Pixels along the borders that are ignored, because their normalization windows are truncated."""
    mask_margin: int = 7
    """Pixels around excluded areas that are ignored for the same reason."""
    hole_margin: int = 4
    """Pixels around invalid ones in which the smoothness term of DIS mixes its result with them."""


_SETTINGS = _Settings()


@dataclass(frozen=True, slots=True)
class DisEngine:
    """Estimates a field from luma alone, without any download.

    Both images are normalized to local contrast. DIS optical flow starts from the coarse transform; its displacements
    are averaged over the cells of a control grid (8x8 pixels) and refined by Gauss-Newton steps from the coarsest
    pyramid level to full size. In between, the tone curve of one image is matched to the other's. Cells without
    texture or with inconsistent content move like their surroundings.

    Args:
        precision: 1 to 4, number of steps.
        iterations: Number of repetitions, each from the result of the one before; at least 1.
        lq_input: Whether the input is of low quality: noisy or with compression artifacts.

    Source:
        T. Kroeger et al., Fast optical flow using dense inverse search, ECCV 2016; B. Lucas and T. Kanade, An iterative
        image registration technique, IJCAI 1981; mean gradient of both images after S. Benhimane and E. Malis,
        Real-time image-based tracking of planes using efficient second-order minimization, IROS 2004.
    """

    name: ClassVar[str] = "dis"
    wants_rgb: ClassVar[bool] = False
    most_lanes: ClassVar[None] = None

    precision: int
    iterations: int = 1
    lq_input: bool = False

    def field(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None = None,
        clip_excluded: BoolArray | None = None,
    ) -> Float32Array:
        """Return the position in clip of each pixel of ref, (h, w, 2).

        Args:
            clip: Luma, (hc, wc) float32, 0..1 nominal.
            ref: Luma, (h, w) float32, 0..1 nominal.
            start: The coarse transform, (3, 3), from ref pixels to clip pixels.
            excluded: Pixels of ref to ignore, (h, w), or None.
            clip_excluded: Pixels of clip to ignore, (hc, wc), or None.
        """
        height, width = ref.shape
        if min(*ref.shape, *clip.shape) < _SETTINGS.min_size:
            return homography_field(start, (width, height))
        downscaling = (
            _SETTINGS.downscaling
            if self.precision == 1 and min(*ref.shape, *clip.shape) >= 2 * _SETTINGS.min_coarsest
            else 1
        )
        common = CommonScale.of(clip, ref, start, excluded, clip_excluded, downscaling)
        pair = _Pair.of(common.clip, common.ref, common.excluded, common.clip_excluded, self.lq_input)
        grid = np.zeros((*grid_shape(*common.ref.shape), 2), np.float32)
        for _ in range(self.iterations):
            grid = self._iterate(pair, common.start, grid)
        return grid_to_field(resample_grid(grid, common.ref.shape, ref.shape), start, height, width)

    def _iterate(self, pair: "_Pair", start: Float64Array, grid: Float32Array) -> Float32Array:
        """Refine the displacements once from the coarsest level to full size."""
        normalized = pair.normalized()
        levels = _pyramid(*normalized)
        grid = grid + _initial_by_dis(levels[min(1, len(levels) - 1)], start, grid, pair.ref.shape)
        full = pair.ref.shape
        tone_matched = False
        for i, passes, sharp in _plan(self.precision, len(levels)):
            if i <= _SETTINGS.tone_level and not tone_matched and self.precision >= _SETTINGS.tone_curve_since:
                levels, tone_matched = _pyramid(*pair.tone_matched(normalized, start, grid, i)), True
            level = levels[i]
            shape = grid_shape(*level.ref.shape)
            update = GridUpdate(resample_grid(grid, full, level.ref.shape), np.zeros(shape, np.float32))
            for k in range(passes):
                update = gauss_newton_step(
                    level.ref, level.clip, level.transform(start), update.grid, sharp=k >= passes - sharp
                )
            small = fill_untrusted(update) if i == 0 else update.grid
            grid = resample_grid(small, level.ref.shape, full)
        return grid


def _plan(precision: int, levels: int) -> list[tuple[int, int, int]]:
    """Return level, number of steps and how many of them are sharp, from coarse to fine."""
    passes = _PASSES[precision]
    if levels == 1:
        return [(0, passes.coarsest + passes.full, passes.sharp)]
    middle = [(level, passes.middle, 0) for level in range(levels - 2, 0, -1)]
    return [(levels - 1, passes.coarsest, 0), *middle, (0, passes.full, passes.sharp)]


@dataclass(frozen=True, slots=True)
class _Level:
    """Both images at one pyramid level, in units of local contrast."""

    clip: Float32Array
    ref: Float32Array
    to_clip: Float64Array
    from_ref: Float64Array

    @classmethod
    def full(cls, clip: Float32Array, ref: Float32Array) -> "_Level":
        """Return the level of full size."""
        return cls(clip, ref, np.eye(3), np.eye(3))

    def transform(self, start: Float64Array) -> Float64Array:
        """Convert a transform of the full images to this level."""
        return np.asarray(self.to_clip @ start @ self.from_ref, np.float64)

    def halved(self) -> "_Level":
        """Return the next coarser level."""
        clip, ref = _halved(self.clip), _halved(self.ref)
        return _Level(
            clip,
            ref,
            resize_matrix(clip.shape[::-1], self.clip.shape[::-1]) @ self.to_clip,
            self.from_ref @ resize_matrix(self.ref.shape[::-1], ref.shape[::-1]),
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both images with their noise and masks."""

    clip: Float32Array
    ref: Float32Array
    noise: float
    excluded: BoolArray | None
    clip_excluded: BoolArray | None

    @classmethod
    def of(
        cls,
        clip: Float32Array,
        ref: Float32Array,
        excluded: BoolArray | None,
        clip_excluded: BoolArray | None,
        lq_input: bool,
    ) -> "_Pair":
        """Estimate the noise, and smooth the images if they are noisy."""
        noise = max(estimate_noise(clip), estimate_noise(ref), _SETTINGS.lq_noise if lq_input else 0.0)
        sigma = presmoothing_sigma(noise)
        if sigma:
            clip, ref = (np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), np.float32) for luma in (clip, ref))
        return cls(clip, ref, noise, excluded, clip_excluded)

    def normalized(self) -> tuple[Float32Array, Float32Array]:
        """Return clip and ref in units of local contrast."""
        return _normalized_without_borders(self.clip, self.noise, self.clip_excluded), _normalized_without_borders(
            self.ref, self.noise, self.excluded
        )

    def tone_matched(
        self, normalized: tuple[Float32Array, Float32Array], start: Float64Array, grid: Float32Array, level: int
    ) -> tuple[Float32Array, Float32Array]:
        """Return them after matching the tone curve of one image to the other's under the current displacements."""
        step = _Level.full(_with_nan(self.clip, self.clip_excluded), _with_nan(self.ref, self.excluded))
        for _ in range(level):
            step = step.halved()
        small = resample_grid(grid, self.ref.shape, step.ref.shape)
        field = grid_to_field(small, step.transform(start), *step.ref.shape)
        tone = estimate_tone_curve(step.ref, sample(step.clip, field, sharp=False))
        if tone is None:
            return normalized
        if tone.of_ref:
            return normalized[0], _normalized_without_borders(tone.applied(self.ref), self.noise, self.excluded)
        return _normalized_without_borders(tone.applied(self.clip), self.noise, self.clip_excluded), normalized[1]


def _normalized_without_borders(luma: Float32Array, noise: float, excluded: BoolArray | None) -> Float32Array:
    """Return local contrast, with NaN at borders and around excluded areas.

    The normalization windows there are truncated and differ from those of the other image.
    """
    out = local_contrast(luma, noise, excluded)
    if excluded is not None:
        out[
            cv2.dilate(
                excluded.astype(np.uint8),
                np.ones((2 * _SETTINGS.mask_margin + 1, 2 * _SETTINGS.mask_margin + 1), np.uint8),
            )
            > 0
        ] = np.nan
    edge = min(_SETTINGS.border_margin, min(luma.shape) // 16)
    if edge:
        out[:edge] = out[-edge:] = np.nan
        out[:, :edge] = out[:, -edge:] = np.nan
    return out


def _pyramid(clip: Float32Array, ref: Float32Array) -> list[_Level]:
    """Return the pyramid levels from full size to the coarsest."""
    levels = [_Level.full(clip, ref)]
    while min(*levels[-1].ref.shape, *levels[-1].clip.shape) >= 2 * _SETTINGS.min_coarsest:
        levels.append(levels[-1].halved())
    return levels


def _with_nan(luma: Float32Array, excluded: BoolArray | None) -> Float32Array:
    return luma if excluded is None else np.where(excluded, np.float32(np.nan), luma)


def _halved(image: Float32Array) -> Float32Array:
    size = (image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _initial_by_dis(level: _Level, start: Float64Array, grid: Float32Array, full: tuple[int, ...]) -> Float32Array:
    """Return the displacements that DIS finds on top of the current ones, as control grid of the full image."""
    small = resample_grid(grid, full, level.ref.shape)
    field = grid_to_field(small, level.transform(start), *level.ref.shape)
    warped = sample_bilinear(level.clip, field)
    known = np.isfinite(warped) & np.isfinite(level.ref)
    # With the same holes in both images, the border of a hole is no structure that seems to move.
    flow = inverse_search(np.where(known, level.ref, np.float32(np.nan)), np.where(known, warped, np.float32(np.nan)))
    size = 2 * _SETTINGS.hole_margin + 1
    weight = cv2.erode(known.astype(np.float32), np.ones((size, size), np.uint8))[..., None]
    sums, share = grid_means(flow * weight), grid_means(np.repeat(weight, 2, axis=-1))
    found = fill(np.asarray(sums / np.maximum(share, 1e-6), np.float32), share[..., 0])
    return resample_grid(found, level.ref.shape, full)
