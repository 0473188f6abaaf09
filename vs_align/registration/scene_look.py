"""`misplaced`: by how much a scene lies elsewhere than a transform says, seen on small pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vs_align.flow.field import Matrix, neutral_matrix
from vs_align.registration.refinement import AFFINE, UNIFORM
from vs_align.registration.sequences import Sequences
from vs_align.registration.settling import corner_distance
from vs_align.registration.views import Luma
from vs_align.timing.fingerprint import HEIGHT, WIDTH, Fingerprints

if TYPE_CHECKING:
    from vs_align.registration.film_places import Side

_LOOKS, _RADIUS, _STEPS = 3, 5, 6
# Below this agreement the scene lies somewhere else altogether, or shows something else.
_LOST = 0.3


def misplaced(clip: "Side", ref: "Side", pairs: Sequence[tuple[int, int]], matrix: Matrix) -> float:
    """Return by how many pixels of the small pictures a scene lies elsewhere.

    Args:
        clip: The film in which the other one lies.
        ref: The other one.
        pairs: Ref frames and clip frames of the scene, at least one.
        matrix: What is said, between whole pictures in their pixels.
    """
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, _LOOKS + 2)[1:-1].astype(int))]
    clips = [_luma(clip.film, k) for _, k in chosen]
    refs = [_luma(ref.film, n) for n, _ in chosen]
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


def _luma(film: Fingerprints, n: int) -> Luma:
    picture: Luma = film.pictures(n, n + 1)[0].astype(np.float32) * np.float32(1 / 255)
    return picture
