"""Initial estimates of a placement, right to a few pixels: from thumbnails, SIFT features or phase correlation."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import fft

from vs_align.enums import PlaceMethod
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.preprocessing import normalize_contrast, scaled, sequence_weights, size_of
from vs_align.measure.registration.features.multi_frame import register_pairs
from vs_align.measure.registration.features.sift import SiftDetector
from vs_align.measure.registration.placement_search.anchor_frames import AnchorFrames
from vs_align.measure.registration.sequence.geometry import find_geometries, likely_aspect_ratios
from vs_align.measure.registration.sequence.sequence_pair import Windows
from vs_align.measure.registration.template_matching import match_template
from vs_align.placement.homography import resize_matrix

Sizes = tuple[tuple[int, int], tuple[int, int]]

_RADIUS = 7
"""Radius of the contrast normalization for phase correlation in pixels."""
_MAX_TEMPLATE_MATCHES = 3
"""Number of template matches that joint registration starts from."""
_FEATURE_PAIRS = 8
"""Number of anchors in which features are matched."""
_MIN_POWER = 1e-6
"""Magnitude of the cross-power spectrum, relative to its largest one, below which frequencies get less weight."""


def thumbnail_estimates(
    clip: Sequence[Float32Array], ref: Sequence[Float32Array], windows: Windows, sizes: Sizes, scale: float | None
) -> Iterator[Float64Array]:
    """Yield estimates from thumbnails: the best template match, then the results of joint registration from there.

    Args:
        clip: Candidates, (h, w) float32, resized to one size regardless of the aspect ratio.
        ref: One for each anchor, of the same size.
        windows: Indices of the candidates of each anchor.
        sizes: Width and height of the full frames of clip and of ref, in whose pixels estimates are given.
        scale: Clip pixels per ref pixel if known.
    """
    small = size_of(ref[0])
    weights = tuple(sequence_weights(images) for images in (clip, ref))
    matches = match_template(clip, ref, windows, (weights[0], weights[1]), sizes, scale, _MAX_TEMPLATE_MATCHES)
    outward, inward = resize_matrix(sizes[0], small), resize_matrix(small, sizes[1])
    if matches:
        yield outward @ matches[0].matrix @ inward
    shapes = likely_aspect_ratios(*sizes)
    for each in find_geometries(clip, ref, windows, starts=[match.matrix for match in matches], shapes=shapes):
        yield outward @ each.matrix @ inward


def direct_estimates(method: PlaceMethod, images: AnchorFrames, sizes: Sizes) -> list[Float64Array]:
    """Return the estimates of one method that needs no thumbnails.

    Args:
        method: FEATURE (SIFT), PHASE (phase correlation) or ECC (the neutral and the centered transform).
        images: Full frames at anchors.
        sizes: Width and height of the full frames of clip and of ref.
    """
    if method is PlaceMethod.FEATURE:
        return _by_features(images)
    if method is PlaceMethod.PHASE:
        return [_by_phase(images, sizes)]
    return [resize_matrix(*sizes), centered_matrix(*sizes)]


def centered_matrix(clip_size: tuple[int, int], ref_size: tuple[int, int], scale: float | None = None) -> Float64Array:
    """Return the transform with ref centered in clip, at scale 1 or reduced to fit; integer offsets if not scaled."""
    fitting = min(1.0, clip_size[0] / ref_size[0], clip_size[1] / ref_size[1]) if scale is None else scale
    left, top = ((outer - fitting * inner) / 2 for outer, inner in zip(clip_size, ref_size, strict=True))
    if fitting == 1:
        # Even offsets keep subsampled chroma aligned.
        left, top = left // 2 * 2, top // 2 * 2
    return np.array(
        [[fitting, 0, left + (fitting - 1) / 2], [0, fitting, top + (fitting - 1) / 2], [0, 0, 1]], np.float64
    )


def _by_features(images: AnchorFrames) -> list[Float64Array]:
    """Return one transform for all anchors, estimated from SIFT matches; empty if there is none."""
    detector = SiftDetector()
    excluded = [weight == 0 for weight in images.weights]
    anchors = [n for n, window in enumerate(images.windows) if len(window)]
    matches = []
    for n in anchors[:: max(1, len(anchors) // _FEATURE_PAIRS)]:
        window = images.windows[n]
        theirs = detector.detect(images.clip[window[len(window) // 2]], excluded[0])
        matches.append(detector.match(theirs, detector.detect(images.ref[n], excluded[1])))
    if not matches:
        return []
    found = register_pairs(matches)
    return [images.to_full(found.matrix)] if found.found else []


def _by_phase(images: AnchorFrames, sizes: Sizes) -> Float64Array:
    """Return a shift at equal scale in pixels of clip, by phase correlation.

    Source: C. Kuglin and D. Hines, The phase correlation image alignment method, IEEE Conference on Cybernetics and
    Society, 1975; normalized cross-power spectra are summed over all anchors.
    """
    step = images.clip_box[2] / images.size[0]
    views = [_resampled(image, box, step) for image, box in _anchor_pairs(images)]
    shape = tuple(fft.next_fast_len(max(view.shape[axis] for view in views), real=True) for axis in (0, 1))
    total = np.zeros((shape[0], shape[1] // 2 + 1), np.complex128)
    for clip, ref in zip(views[::2], views[1::2], strict=True):
        product = fft.rfft2(clip, shape) * np.conj(fft.rfft2(ref, shape))
        total += product / np.maximum(np.abs(product), _MIN_POWER * np.abs(product).max())
    peak = fft.irfft2(total, shape)
    y, x = np.unravel_index(int(peak.argmax()), peak.shape)
    rows, columns = views[0].shape
    top, left = (int(v) if v < limit else int(v) - length for v, limit, length in
                 ((y, rows, shape[0]), (x, columns, shape[1])))  # fmt: skip
    out = np.eye(3)
    out[:2, 2] = left * step, top * step
    return out


def _anchor_pairs(images: AnchorFrames) -> list[tuple[Float32Array, tuple[float, float, float, float]]]:
    """Return an image of clip and one of ref, with their boxes, for each anchor in turn."""
    out = []
    for n, window in enumerate(images.windows):
        if len(window):
            out += [(images.clip[window[len(window) // 2]], images.clip_box), (images.ref[n], images.ref_box)]
    return out


def _resampled(image: Float32Array, box: tuple[float, float, float, float], step: float) -> Float32Array:
    """Return a normalized image with a Hann window at `step` pixels of the full frame per pixel."""
    size = max(8, round(box[2] / step)), max(8, round(box[3] / step))
    small = scaled(image, size)
    normalized = normalize_contrast(small, np.ones_like(small), _RADIUS)
    out: Float32Array = normalized * np.outer(np.hanning(size[1]), np.hanning(size[0])).astype(np.float32)
    return out
