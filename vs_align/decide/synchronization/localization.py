"""`located`: where one film's picture lies in the other's, when nobody knows which frames show the same."""

from dataclasses import replace

import numpy as np

from vs_align.decide.synchronization.chaining import sampled
from vs_align.io.array_types import Float32Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.images.views import scaled, still_weight
from vs_align.measure.registration.sequence.alternation import resized
from vs_align.measure.registration.template_matching import Place, template_places

# Frames of ref that ask, and of clip that answer; of long films more, at half the size, whose best answers count.
_ASKING, _ANSWERING = 8, 40
_MORE_ASKING, _MORE_ANSWERING = 10, 400
# Agreement from which on a place is believed, and edges that differ by less than this share of the picture are equal.
_BELIEVED, _NEARLY = 0.35, 0.06
# Of long films frames so many seconds apart answer: those between look like them.
_APART = 1 / 3


def located(clip: Fingerprints, ref: Fingerprints, among: Int64Array | None = None) -> list[Place]:
    """Find the places at which frames of ref find frames of clip that look like them.

    Args:
        clip: One film.
        ref: The other one.
        among: Numbers of the ref frames that ask, rising; None: any.

    Returns:
        Transforms from pixels of ref's small pictures to pixels of clip's, the best first; empty where nothing is to
        be seen.
    """
    asking, answering = sampled(ref, 0.0) if among is None else among, sampled(clip, 0.0)
    if not len(asking) or not len(answering):
        return []
    if len(answering) <= _MORE_ANSWERING // 2:
        return _placed(clip, ref, _some(answering, _ANSWERING), _some(asking, _ASKING), (WIDTH, HEIGHT))
    # long films have too many scenes for a few frames to meet one
    asking, answering = _some(asking, _MORE_ASKING), _some(sampled(clip, _APART), _MORE_ANSWERING)
    half = WIDTH // 2, HEIGHT // 2
    places = _placed(clip, ref, answering, asking, half)
    return [replace(place, matrix=resized(place.matrix, half, (WIDTH, HEIGHT))) for place in places]


def located_box(clip: Fingerprints, ref: Fingerprints) -> tuple[float, float, float, float] | None:
    """Where ref's picture lies in clip's: left, top, width and height as shares of clip's.

    None where it is all of clip's, where it is no part of it, and where nobody can tell.
    """
    found = located(clip, ref)
    if not found or found[0].agreement < _BELIEVED:
        return None
    matrix = found[0].matrix
    size = np.array([WIDTH, HEIGHT])
    low = (matrix @ [-0.5, -0.5, 1])[:2] + 0.5
    high = (matrix @ [WIDTH - 0.5, HEIGHT - 0.5, 1])[:2] + 0.5
    low, high = low / size, high / size
    if np.abs([*low, *(1 - high)]).max() < _NEARLY or min(*low, *(1 - high)) < -_NEARLY:
        return None
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _some(frames: Int64Array, count: int) -> Int64Array:
    """Some frames, evenly spread."""
    out: Int64Array = frames[np.unique(np.linspace(0, len(frames) - 1, count).astype(int))]
    return out


def _placed(
    clip: Fingerprints,
    ref: Fingerprints,
    answering: Int64Array,
    asking: Int64Array,
    size: tuple[int, int],
) -> list[Place]:
    clips, refs = _lumas(clip, answering, size), _lumas(ref, asking, size)
    weights = still_weight(clips), still_weight(refs)
    return template_places(clips, refs, [range(len(clips))] * len(refs), weights, (clip.size, ref.size))


def _lumas(film: Fingerprints, frames: Int64Array, size: tuple[int, int]) -> list[Float32Array]:
    return [scaled(film.lumas(n, n + 1)[0], size) for n in frames.tolist()]
