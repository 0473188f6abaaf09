"""Multi-frame template matching: masked NCC of one video's frames in the other's over all shifts and many scales.

For each scale and shift, each ref frame counts with its best candidate in time, so that neither the place nor the time
offset has to be known first. Scores are negative log-likelihoods, averaged over all ref frames.

Source: D. Padfield, Masked object registration in the Fourier domain, IEEE Transactions on Image Processing 2012.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.images.preprocessing import normalize_contrast, scaled, size_of
from vs_align.measure.registration.sequence.sequence_pair import Windows


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of multi-frame template matching."""

    radius: int = 4
    """Radius of the contrast normalization in pixels."""
    scale_step: float = 1.09
    """Ratio of successive scales: small enough for features of a few pixels."""
    fine_scale_step: float = 1.045
    """Ratio of successive scales around promising ones."""
    max_scales: int = 12
    """Number of scales up to which all are tried at full size; more are first tried at half the size."""
    promising: int = 4
    """Number of scales of the first pass around which the second pass searches."""
    min_halved_size: int = 48
    """Shorter side in pixels from which on the first pass uses images of half the size."""
    min_share: float = 0.2
    """Smallest size of one image as a share of the other."""
    min_inside: float = 0.6
    """Share of a template that must lie inside the other image."""
    min_fitting: float = 0.7
    """Share of a template that must be able to lie inside the other image for a scale to be tried."""
    pixels_per_sample: float = 9.0
    """Pixels that count as one independent sample, because neighboring pixels are correlated."""
    max_correlation: float = 0.98
    """Correlations are clipped here: the likelihood diverges at 1."""
    min_pixels: int = 48
    """Smallest number of pixels of a template."""
    same_aspect_ratio: float = 0.01
    """Relative difference below which two aspect ratios are equal."""
    min_distance: float = 3.0
    """Distance in pixels, at the corners, below which two matches are the same."""


_SETTINGS = _Settings()


@dataclass(frozen=True, eq=False)
class TemplateMatch:
    """A transform with its score.

    Args:
        matrix: (3, 3), from pixels of ref's working images to pixels of clip's.
        score: Negative log-likelihood per frame that independent images agree so well.
        agreement: Mean NCC, 0..1.
    """

    matrix: Float64Array
    score: float
    agreement: float


def match_template(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    windows: Windows,
    weights: tuple[Float32Array, Float32Array],
    sizes: tuple[tuple[int, int], tuple[int, int]],
    scale: float | None = None,
    most: int = 3,
) -> list[TemplateMatch]:
    """Find the transforms of scale and shift with the highest scores.

    Args:
        clip: Candidate frames, (h, w) float32, 0..1 nominal; all frames of both videos are resized to one working size.
        ref: (h, w) float32 each.
        windows: Indices of the candidates of each ref frame.
        weights: (h, w) for clip and for ref, 0 in borders, else 1.
        sizes: Width and height of the original frames of clip and of ref, for their aspect ratios.
        scale: Clip pixels per ref pixel if known.
        most: Number of matches to return.

    Returns:
        Matches, best first; empty if no template is usable.
    """
    anchors = [n for n, window in enumerate(windows) if len(window)]
    used = sorted({k for n in anchors for k in windows[n]})
    if not used:
        return []
    index_of = {k: i for i, k in enumerate(used)}
    pairs = [(i, np.array([index_of[k] for k in windows[n]])) for i, n in enumerate(anchors)]
    clips, refs = [clip[k] for k in used], [ref[n] for n in anchors]
    found: list[TemplateMatch] = []
    for outer, templates, each, is_ref in (
        ((clips, weights[0], sizes[0]), (refs, weights[1], sizes[1]), scale, True),
        ((refs, weights[1], sizes[1]), (clips, weights[0], sizes[0]), None if scale is None else 1 / scale, False),
    ):
        shares = _scale_candidates(outer[2], templates[2], each)
        if len(shares) > _SETTINGS.max_scales:
            shares = _promising_scales(outer[:2], templates[:2], pairs, shares, is_ref)
        if not shares:
            continue
        inside = _SearchImages(*outer[:2])
        for share in shares:
            for match in _best_position(inside, *templates[:2], pairs, share, templates_are_ref=is_ref):
                matrix = match.matrix if is_ref else np.linalg.inv(match.matrix)
                found.append(TemplateMatch(matrix, match.score, match.agreement))
    return _suppress_neighbors(sorted(found, key=lambda each: -each.score), size_of(weights[1]), most)


def _promising_scales(
    outer: tuple[Sequence[Float32Array], Float32Array],
    templates: tuple[Sequence[Float32Array], Float32Array],
    pairs: Sequence[tuple[int, IntpArray]],
    shares: Sequence[tuple[float, float]],
    is_ref: bool,
) -> list[tuple[float, float]]:
    """Return scales around the best ones at half the size; of small images, only every other scale is tried first."""
    size = size_of(outer[1])
    if min(size) >= _SETTINGS.min_halved_size:
        size = size[0] // 2, size[1] // 2
    else:
        shares = shares[::2]
    (images, weight), (others, other_weight) = (
        ([scaled(image, size) for image in side], np.where(scaled(counts, size) > 0.999, np.float32(1), 0))
        for side, counts in (outer, templates)
    )
    inside = _SearchImages(images, weight.astype(np.float32))
    scored = [
        (match.score, share)
        for share in shares
        for match in _best_position(
            inside, others, other_weight.astype(np.float32), pairs, share, templates_are_ref=is_ref
        )
    ]
    best = [share for _, share in sorted(scored, reverse=True)[: _SETTINGS.promising]]
    reach = 1 if size != size_of(outer[1]) else 2
    steps = [_SETTINGS.fine_scale_step**step for step in range(-reach, reach + 1)]
    fine = {(round(wide * step, 6), round(high * step, 6)) for wide, high in best for step in steps}
    return sorted(share for share in fine if _fits(*share))


class _SearchImages:
    """Images in which templates are searched, with their spectra."""

    def __init__(self, images: Sequence[Float32Array], weight: Float32Array) -> None:
        self.size = size_of(weight)
        width, height = self.size
        self.shape = tuple(
            fft.next_fast_len(int(side * (2.05 - _SETTINGS.min_inside)), real=True) for side in (height, width)
        )
        normalized = np.stack([normalize_contrast(image, weight, _SETTINGS.radius) for image in images])
        self.spectra = fft.rfft2(normalized, self.shape, workers=-1)
        self.powers = fft.rfft2(normalized * normalized, self.shape, workers=-1)
        self.weight = fft.rfft2(weight, self.shape)


def _best_position(
    inside: _SearchImages,
    templates: Sequence[Float32Array],
    weight: Float32Array,
    pairs: Sequence[tuple[int, IntpArray]],
    share: tuple[float, float],
    *,
    templates_are_ref: bool,
) -> list[TemplateMatch]:
    """Return the best position at one scale; the matrix maps pixels of the template to pixels of the searched image."""
    width, height = inside.size
    size = max(1, round(share[0] * width)), max(1, round(share[1] * height))
    if size[0] * size[1] < _SETTINGS.min_pixels or size[1] > inside.shape[0] or size[0] > inside.shape[1]:
        return []
    small = np.where(scaled(weight, size) > 0.999, np.float32(1), np.float32(0))
    whole = float(small.sum())
    if whole < _SETTINGS.min_pixels:
        return []
    normalized = np.stack([normalize_contrast(scaled(image, size), small, _SETTINGS.radius) for image in templates])
    spectra = fft.rfft2(normalized, inside.shape, workers=-1).conj()
    powers = fft.rfft2(normalized * normalized, inside.shape, workers=-1).conj()
    cover = fft.rfft2(small, inside.shape).conj()
    mass = fft.irfft2(inside.weight * cover, inside.shape)
    floor = np.float32(1e-3) * np.float32(mass.max())
    image_power = fft.irfft2(inside.powers * cover, inside.shape, workers=-1)
    template_power = fft.irfft2(powers * inside.weight, inside.shape, workers=-1)
    evidence = np.zeros(inside.shape, np.float32)
    correlation_sum = np.zeros(inside.shape, np.float32)
    for ref, clips in pairs:
        searched, template = (clips, [ref]) if templates_are_ref else ([ref], clips)
        cross = fft.irfft2(inside.spectra[searched] * spectra[template], inside.shape, workers=-1)
        power = np.maximum(image_power[searched], floor) * np.maximum(template_power[template], floor)
        best = np.clip((cross / np.sqrt(power)).max(axis=0), 0, _SETTINGS.max_correlation)
        correlation_sum += best
        evidence -= np.log(1 - best * best)
    score = np.where(
        mass > _SETTINGS.min_inside * whole, evidence * mass / (2 * _SETTINGS.pixels_per_sample * len(pairs)), 0
    )
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    across = (size[0] / width, 0.0, _unwrapped(int(x), inside.shape[1], width) + (size[0] / width - 1) / 2)
    down = (0.0, size[1] / height, _unwrapped(int(y), inside.shape[0], height) + (size[1] / height - 1) / 2)
    matrix = np.array([across, down, (0, 0, 1)], np.float64)
    return [TemplateMatch(matrix, float(score[y, x]), float(correlation_sum[y, x]) / len(pairs))]


def _unwrapped(position: int, length: int, limit: int) -> int:
    """Return a circular shift as a signed one."""
    return position if position < limit else position - length


def _scale_candidates(outer: tuple[int, int], inner: tuple[int, int], scale: float | None) -> list[tuple[float, float]]:
    """Return widths and heights to try for the inner image, as shares of the outer one.

    Either pixels are square on both sides, or one image is stretched to the aspect ratio of the other.
    """
    if scale is not None:
        share = scale * inner[0] / outer[0], scale * inner[1] / outer[1]
        return [share] if _fits(*share) else []
    shape = (inner[0] / inner[1]) / (outer[0] / outer[1])
    found = []
    for each in {1.0, shape if abs(shape - 1) > _SETTINGS.same_aspect_ratio else 1.0}:
        across, down = 2 * each, 2.0
        while max(across, down) > _SETTINGS.min_share:
            if _fits(across, down):
                found.append((across, down))
            across, down = across / _SETTINGS.scale_step, down / _SETTINGS.scale_step
    return found


def _fits(across: float, down: float) -> bool:
    """Return whether enough of an image of this relative size can lie inside the other one."""
    return min(1.0, 1 / across) * min(1.0, 1 / down) >= _SETTINGS.min_fitting


def _suppress_neighbors(matches: Sequence[TemplateMatch], size: tuple[int, int], most: int) -> list[TemplateMatch]:
    """Return the best matches that are not close to a better one."""
    width, height = size
    corners = np.array([(0, 0, 1), (width, 0, 1), (0, height, 1), (width, height, 1)], np.float64)
    kept: list[TemplateMatch] = []
    for match in matches:
        near = (float(np.abs(corners @ (match.matrix - other.matrix).T).max()) for other in kept)
        if match.score > 0 and all(distance > _SETTINGS.min_distance for distance in near):
            kept.append(match)
        if len(kept) == most:
            break
    return kept
