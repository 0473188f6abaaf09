"""Where `register` begins: places that are right to a few pixels, found in small pictures or by features."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import fft

from vs_align.enums import PlaceMethod
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.images.views import normalised, scaled, size_of, still_weight
from vs_align.measure.registration.features.multi_frame import pooled
from vs_align.measure.registration.features.sift import SiftDetector
from vs_align.measure.registration.placement_search.anchor_frames import NearPictures
from vs_align.measure.registration.sequence.geometry import geometries, likely_shapes
from vs_align.measure.registration.sequence.sequence_pair import Windows
from vs_align.measure.registration.template_matching import template_places

Sizes = tuple[tuple[int, int], tuple[int, int]]

_RADIUS = 7
# How many places of the template search are followed.
_PLACES = 3
_FEATURE_PAIRS = 8


def small_starts(
    clip: Sequence[Float32Array], ref: Sequence[Float32Array], windows: Windows, sizes: Sizes, scale: float | None
) -> Iterator[Float64Array]:
    """Places that small pictures tell, by normalised correlation over all shifts and many scales.

    The first is what correlation says; those after it take longer, for that they are followed with their moments.

    Args:
        clip: Candidates, (h, w) float32, stretched to one size whatever the shape of the pictures is.
        ref: One for each anchor, of the same size.
        windows: Indices of the candidates of each anchor.
        sizes: Width and height of the whole pictures of clip and of ref, in which places are given.
        scale: Clip pixels per ref pixel, where it is known.
    """
    small = size_of(ref[0])
    weights = tuple(still_weight(pictures) for pictures in (clip, ref))
    places = template_places(clip, ref, windows, (weights[0], weights[1]), sizes, scale, _PLACES)
    outward, inward = neutral_matrix(sizes[0], small), neutral_matrix(small, sizes[1])
    if places:
        yield outward @ places[0].matrix @ inward
    shapes = likely_shapes(*sizes)
    for each in geometries(clip, ref, windows, starts=[place.matrix for place in places], shapes=shapes):
        yield outward @ each.matrix @ inward


def plain_starts(method: PlaceMethod, pictures: NearPictures, sizes: Sizes) -> list[Float64Array]:
    """Places to begin with that need no small pictures.

    Args:
        method: FEATURE, PHASE or ECC.
        pictures: Frames at anchors, whole.
        sizes: As above.
    """
    if method is PlaceMethod.FEATURE:
        return _by_features(pictures)
    if method is PlaceMethod.PHASE:
        return [_by_phase(pictures, sizes)]
    return [neutral_matrix(*sizes), centred(*sizes)]


def centred(clip_size: tuple[int, int], ref_size: tuple[int, int], scale: float | None = None) -> Float64Array:
    """Ref's middle on clip's, at its size or made smaller to fit; whole pixels where nothing is scaled."""
    fitting = min(1.0, clip_size[0] / ref_size[0], clip_size[1] / ref_size[1]) if scale is None else scale
    left, top = ((outer - fitting * inner) / 2 for outer, inner in zip(clip_size, ref_size, strict=True))
    if fitting == 1:
        # even, so that colours which several pixels share fall together too
        left, top = left // 2 * 2, top // 2 * 2
    return np.array(
        [[fitting, 0, left + (fitting - 1) / 2], [0, fitting, top + (fitting - 1) / 2], [0, 0, 1]], np.float64
    )


def _by_features(pictures: NearPictures) -> list[Float64Array]:
    """One transform for all anchors, by SIFT."""
    detector = SiftDetector()
    excluded = [weight == 0 for weight in pictures.weights]
    asked = [n for n, window in enumerate(pictures.windows) if len(window)]
    matches = []
    for n in asked[:: max(1, len(asked) // _FEATURE_PAIRS)]:
        window = pictures.windows[n]
        theirs = detector.detect(pictures.clip[window[len(window) // 2]], excluded[0])
        matches.append(detector.match(theirs, detector.detect(pictures.ref[n], excluded[1])))
    if not matches:
        return []
    found = pooled(matches)
    return [pictures.outer(found.matrix)] if found.found else []


def _by_phase(pictures: NearPictures, sizes: Sizes) -> Float64Array:
    """A shift at equal scale, in pixels of clip.

    Source: C. Kuglin and D. Hines, The phase correlation image alignment method, IEEE Conference on Cybernetics and
    Society, 1975; spectra are added up over all anchors.
    """
    step = pictures.clip_box[2] / pictures.size[0]
    views = [_at_step(picture, box, step) for picture, box in _first_pairs(pictures)]
    shape = tuple(fft.next_fast_len(max(view.shape[axis] for view in views), real=True) for axis in (0, 1))
    total = np.zeros((shape[0], shape[1] // 2 + 1), np.complex128)
    for clip, ref in zip(views[::2], views[1::2], strict=True):
        product = fft.rfft2(clip, shape) * np.conj(fft.rfft2(ref, shape))
        total += product / np.maximum(np.abs(product), 1e-6 * np.abs(product).max())
    peak = fft.irfft2(total, shape)
    y, x = np.unravel_index(int(peak.argmax()), peak.shape)
    rows, columns = views[0].shape
    top, left = (int(v) if v < limit else int(v) - length for v, limit, length in
                 ((y, rows, shape[0]), (x, columns, shape[1])))  # fmt: skip
    out = np.eye(3)
    out[:2, 2] = left * step, top * step
    return out


def _first_pairs(pictures: NearPictures) -> list[tuple[Float32Array, tuple[float, float, float, float]]]:
    """A picture of clip and one of ref for each anchor, one after the other."""
    out = []
    for n, window in enumerate(pictures.windows):
        if len(window):
            out += [(pictures.clip[window[len(window) // 2]], pictures.clip_box), (pictures.ref[n], pictures.ref_box)]
    return out


def _at_step(picture: Float32Array, box: tuple[float, float, float, float], step: float) -> Float32Array:
    """A picture of even contrast at so many pixels of the whole picture for each of its own, fading at its edges."""
    size = max(8, round(box[2] / step)), max(8, round(box[3] / step))
    small = scaled(picture, size)
    even = normalised(small, np.ones_like(small), _RADIUS)
    out: Float32Array = even * np.outer(np.hanning(size[1]), np.hanning(size[0])).astype(np.float32)
    return out
