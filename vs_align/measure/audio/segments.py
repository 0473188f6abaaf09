"""Which line of offset and speed is heard when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.audio.features import FRAMES
from vs_align.measure.audio.gcc_phat import SoundLine
from vs_align.measure.audio.kernels import best_way, evidence
from vs_align.measure.audio.offset_search import Line

_STEP = 25
# Costs in steps that are fully alike: two seconds on another line pay for the way there.
_JUMP, _BACK, _GAP = 4.0, 12.0, 2.0
# Share of the usual likeness from which on being alike is more likely than not.
_HALF = 0.4
# Lines nearer than this say the same, in frames.
_SAME = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of ref that is heard in clip along a line. Seconds, counted from sample 0."""

    start: float
    end: float
    line: SoundLine
    alike: float = 0.0
    """Mean correlation of what moves in the bands, -1 to 1."""
    rival: float = 0.0
    """That of the best other line over this one's: 1 is as good."""
    by_wave: bool = False
    """Whether the line was found from the wave, and is exact."""

    @property
    def middle(self) -> float:
        """Ref seconds."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> float:
        """Ref seconds."""
        return self.end - self.start


def choose_pieces(clip: Float32Array, ref: Float32Array, lines: Sequence[Line]) -> list[Piece]:
    """Choose for each half second the line that is heard, with few changes.

    Args:
        clip: (m, bands), see `sound_features`.
        ref: (n, bands).
        lines: In frames; the candidates.
    """
    steps = -(-len(ref) // _STEP)
    if not lines or not steps:
        return []
    alike = np.zeros((len(lines), steps), np.float32)
    floor = np.float32(0.1 * ref.shape[1] * _STEP)
    for row, line in zip(alike, lines, strict=True):
        evidence(ref, clip, line.first, line.speed, _STEP, floor, row)
    middles = (np.arange(steps) + 0.5) * _STEP
    places = np.array([line.first + line.speed * middles for line in lines], np.float32)
    inside = (places >= 0) & (places < len(clip))
    smooth = _smooth(alike, 4)
    # What is usual for these recordings, where they are alike at all: noise and rooms lower it.
    usual = max(0.1, float(np.percentile(smooth.max(axis=0), 75)))
    gains = np.where(inside, _smooth(alike, 1) / usual - _HALF, -1.0).astype(np.float32)
    way = best_way(gains, places, _JUMP, _BACK, _GAP)
    edges = np.flatnonzero(np.diff(way)) + 1
    pieces = []
    for first, end in zip([0, *edges.tolist()], [*edges.tolist(), steps], strict=True):
        if way[first] < 0:
            continue
        line = lines[way[first]]
        mean = float(alike[way[first], first:end].mean())
        some = slice(first, end)
        # Compared where both are possible: the ends of a file say nothing against a rival that lies beyond them.
        apart = (np.abs(places[:, some] - places[way[first], some]) > _SAME) & inside[:, some]
        others = np.where(apart, alike[:, some], 0).sum(axis=1)
        own = np.where(apart, alike[way[first], some], 0).sum(axis=1)
        fair = (apart.mean(axis=1) > 0.5) & (own > 0)
        pieces.append(
            Piece(
                start=first * _STEP / FRAMES,
                end=min(end * _STEP, len(ref)) / FRAMES,
                line=SoundLine(line.first / FRAMES, line.speed),
                alike=mean,
                rival=float((others[fair] / own[fair]).max(initial=0.0)),
            )
        )
    return pieces


def _smooth(values: Float32Array, reach: int) -> Float32Array:
    """Running mean along the second axis, shorter at the ends."""
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1)
    n = values.shape[1]
    low, high = np.maximum(np.arange(n) - reach, 0), np.minimum(np.arange(n) + reach + 1, n)
    out: Float32Array = ((sums[:, high] - sums[:, low]) / (high - low)).astype(np.float32)
    return out


def join_pieces(pieces: Sequence[Piece], longest: float = 15.0, tolerance: float = 0.004) -> list[Piece]:
    """Join neighbours that lie on one line and have little between them.

    Args:
        pieces: In order.
        longest: Of what lies between, seconds.
        tolerance: How far their lines may be apart where they meet, seconds.
    """
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last is not None and piece.start - last.end <= longest:
            meeting = np.array([last.end, piece.start])
            apart = np.abs(last.line.at(meeting) - piece.line.at(meeting)).max()
            if apart <= tolerance and abs(last.line.speed - piece.line.speed) < 1e-4:
                longer = max(last, piece, key=lambda p: p.length)
                joined[-1] = replace(longer, start=last.start, end=piece.end, rival=max(last.rival, piece.rival))
                continue
        joined.append(piece)
    return joined
