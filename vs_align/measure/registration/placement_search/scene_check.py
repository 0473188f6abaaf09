"""`misplaced`: by how much a scene lies elsewhere than a transform says, seen on small pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vs_align.io.array_types import Float64Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.registration.esm import AFFINE, UNIFORM
from vs_align.measure.registration.sequence.alternation import corner_distance
from vs_align.measure.registration.sequence.sequence_pair import Sequences

if TYPE_CHECKING:
    from vs_align.measure.registration.placement_search.estimator import Side

_LOOKS, _RADIUS, _STEPS = 3, 5, 6
# Each sixth frame is looked at for changes; so many of them in a row must agree less than this part of what is
# usual, and so many are held at a time.
_EVERY, _IN_A_ROW, _LEFT, _AT_ONCE = 6, 2, 0.6, 64
# By how much agreement must fall or rise from one frame to the next.
_ABRUPT = 0.25
# Below this agreement the scene lies somewhere else altogether, or shows something else.
_LOST = 0.3


def misplaced(clip: "Side", ref: "Side", pairs: Sequence[tuple[int, int]], matrix: Float64Array) -> float:
    """Return by how many pixels of the small pictures a scene lies elsewhere.

    Args:
        clip: The film in which the other one lies.
        ref: The other one.
        pairs: Ref frames and clip frames of the scene, at least one.
        matrix: What is said, between whole pictures in their pixels.
    """
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, _LOOKS + 2)[1:-1].astype(int))]
    clips = [clip.film.lumas(k, k + 1)[0] for _, k in chosen]
    refs = [ref.film.lumas(n, n + 1)[0] for n, _ in chosen]
    size = WIDTH, HEIGHT
    whole = np.ones((HEIGHT, WIDTH), np.float32)
    sequences = Sequences(clips, refs, whole, whole, size, _RADIUS)
    inner = neutral_matrix(size, clip.size) @ matrix @ neutral_matrix(ref.size, size)
    same = [(i, i) for i in range(len(chosen))]
    closer = sequences.refined(inner, same, AFFINE, _STEPS, UNIFORM)
    windows = [range(i, i + 1) for i in range(len(chosen))]
    if sequences.matched(closer, windows).agreement < _LOST:
        return float(WIDTH)
    return corner_distance(inner, closer, size)


def unseen_changes(clip: "Side", ref: "Side", pairs: Sequence[tuple[int, int]], matrix: Float64Array) -> list[int]:
    """Find ref frames at which a transform begins or ends to explain the pictures, which are cuts that nobody saw.

    Args:
        clip: The film in which the other one lies.
        ref: The other one.
        pairs: Ref frames and clip frames that show the same, in order.
        matrix: The transform, between whole pictures in their pixels.

    Returns:
        Numbers of ref frames, rising.
    """
    sampled = list(range(0, len(pairs), _EVERY))
    if len(sampled) < 2 * _IN_A_ROW:
        return []
    alike = agreements(clip, ref, [pairs[i] for i in sampled], matrix)
    limit = _LEFT * float(np.percentile(alike, 90))
    explained = alike > limit
    changes = np.flatnonzero(np.diff(explained)) + 1
    edges = [0, *changes.tolist(), len(sampled)]
    lasting = [
        i
        for i, (before, change, after) in enumerate(zip(edges, edges[1:-1], edges[2:], strict=False))
        if min(change - before, after - change) >= _IN_A_ROW
    ]
    found = []
    for i in lasting:
        first, stop = sampled[changes[i] - 1], sampled[changes[i]]
        between = agreements(clip, ref, pairs[first : stop + 1], matrix)
        steps = np.abs(np.diff(between))
        # a slow move leaves a place little by little
        if steps.max() > _ABRUPT:
            found.append(pairs[first + int(steps.argmax()) + 1][0])
    return found


def agreements(clip: "Side", ref: "Side", pairs: Sequence[tuple[int, int]], matrix: Float64Array) -> Float64Array:
    """Return how well small pictures of each pair agree under a transform, (n,), -1..1."""
    size = WIDTH, HEIGHT
    whole = np.ones((HEIGHT, WIDTH), np.float32)
    inner = neutral_matrix(size, clip.size) @ matrix @ neutral_matrix(ref.size, size)
    out = np.zeros(len(pairs))
    for first in range(0, len(pairs), _AT_ONCE):
        part = pairs[first : first + _AT_ONCE]
        clips, refs = [clip.film.lumas(k, k + 1)[0] for _, k in part], [ref.film.lumas(n, n + 1)[0] for n, _ in part]
        sequences = Sequences(clips, refs, whole, whole, size, _RADIUS)
        windows = [range(i, i + 1) for i in range(len(part))]
        out[first : first + len(part)] = sequences.matched(inner, windows).agreements
    return out
