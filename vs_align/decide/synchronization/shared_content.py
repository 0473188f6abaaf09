"""`SharedContent`: what two videos have in common, what contradicts it, and whether they are versions of one video."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vs_align.io.array_types import BoolArray, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

if TYPE_CHECKING:
    from vs_align.measure.audio.matching import AudioMatch


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Thresholds of the decision."""

    short_seconds: float = 15.0
    """Length up to which shared content may be a leader, an ident, an opening or a logo."""
    short_agreement: float = 2 / 3
    """Share of the comparable content that must agree if the shared content is short."""
    long_agreement: float = 0.4
    """Share of the comparable content that must agree if the shared content is long."""
    least_coverage: float = 0.5
    """Share of the shorter video that short shared content must cover."""
    least_coverage_amid_shot: float = 0.2
    """The same if it does not stand by itself between cuts."""
    cut_slack: int = 2
    """Frames between the end of shared content and the cut at which it ends."""
    flat_slack: int = 4
    """Frames between the end of shared content and the flat frame at which it ends."""


_TUNING = _Tuning()


@dataclass(frozen=True, slots=True)
class SharedContent:
    """Evidence that two videos are versions of one, and against it. Flat frames do not count.

    Args:
        seconds: Duration of the frames that both show.
        conflicting_seconds: How long both continue with different frames around the shared content: before it, after
            it and between its intervals the shorter of what clip and ref show there. What only one of them shows
            contradicts nothing: the other one may have been cut, or begin later.
        clip_share: Share of clip's frames that are shared, 0..1.
        ref_share: Share of ref's frames that are shared, 0..1.
        isolated: Whether every interval begins and ends, within both videos, at a cut or at a flat frame, as a leader,
            an ident, or a logo does.
    """

    seconds: float
    conflicting_seconds: float
    clip_share: float
    ref_share: float
    isolated: bool

    @property
    def is_match(self) -> bool:
        """Whether the two are versions of one video, or one is an excerpt of the other.

        Shared content up to 15 s must be two thirds of what could agree, and half of the shorter video; a fifth is
        enough if an interval begins or ends within a shot, as it does if one video stops while the other continues.
        Longer shared content must be 0.4 of what could agree.
        """
        if not self.seconds:
            return False
        agreement = self.seconds / (self.seconds + self.conflicting_seconds)
        if self.seconds > _TUNING.short_seconds:
            return agreement >= _TUNING.long_agreement
        covered = max(self.clip_share, self.ref_share)
        return agreement >= _TUNING.short_agreement and (
            covered >= _TUNING.least_coverage or (covered >= _TUNING.least_coverage_amid_shot and not self.isolated)
        )


def shared_audio(audio: "AudioMatch", clip: Fingerprints, ref: Fingerprints) -> SharedContent:
    """Measure what the audio of two videos has in common; see `shared_frames`."""
    heard = [(part.ref_start, part.ref_end, part.clip_start, part.speed) for part in audio.intervals]
    spans = [(start, end, begin, begin + (end - start) * speed) for start, end, begin, speed in heard]
    edges = [(0.0, 0.0), *((end, stop) for _, end, _, stop in spans)]
    begins = [*((start, begin) for start, _, begin, _ in spans), (ref.duration, clip.duration)]
    gaps = (min(later[0] - edge[0], later[1] - edge[1]) for edge, later in zip(edges, begins, strict=True))
    seconds = sum(end - start for start, end, _, _ in spans)
    return SharedContent(
        seconds=seconds,
        conflicting_seconds=sum(max(0.0, gap) for gap in gaps),
        clip_share=min(1.0, sum(stop - begin for _, _, begin, stop in spans) / clip.duration),
        ref_share=min(1.0, seconds / ref.duration),
        isolated=True,
    )


def shared_frames(
    frames: Int64Array, same: BoolArray, unclear: BoolArray, clip: Fingerprints, ref: Fingerprints
) -> SharedContent:
    """Measure what the frames of two videos have in common.

    Args:
        frames: (n,) the clip frame of each ref frame, -1 for none.
        same: (n,) whether both show the same.
        unclear: (n,) whether a pair is evidence neither for nor against it.
        clip: The video with the candidates.
        ref: The other video.
    """
    counted = same & ~ref.flat
    shown = np.unique(frames[counted])
    seconds = min(float(counted.sum()) * ref.frame_seconds, len(shown) * clip.frame_seconds)
    clip_content, ref_content = int((~clip.flat).sum()), int((~ref.flat).sum())
    held = np.flatnonzero(counted | (unclear & (frames >= 0)))
    return SharedContent(
        seconds=seconds,
        conflicting_seconds=_conflicting_seconds(held, frames[held], clip, ref) if len(held) else 0.0,
        clip_share=len(shown) / max(1, clip_content),
        ref_share=float(counted.sum()) / max(1, ref_content),
        isolated=_is_isolated(np.flatnonzero(counted), frames, clip, ref),
    )


def _conflicting_seconds(held: Int64Array, shown: Int64Array, clip: Fingerprints, ref: Fingerprints) -> float:
    """Seconds of content that both videos show before, between and after the matched pairs."""
    gaps = []
    for video, numbers in ((clip, shown), (ref, held)):
        before = np.concatenate([[0], np.cumsum(~video.flat)])
        starts, stops = np.concatenate([[0], numbers + 1]), np.concatenate([numbers, [len(video)]])
        gaps.append(np.maximum(before[stops] - before[np.minimum(starts, stops)], 0) * video.frame_seconds)
    return float(np.minimum(*gaps).sum())


def _is_isolated(counted: Int64Array, frames: Int64Array, clip: Fingerprints, ref: Fingerprints) -> bool:
    """Whether no interval begins or ends within a shot of either video."""
    if not len(counted):
        return True
    shown = frames[counted]
    slack = _TUNING.cut_slack
    breaks = np.flatnonzero((np.diff(counted) > slack) | (np.diff(shown) > slack + np.diff(counted)))
    firsts, lasts = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(counted) - 1]])
    return all(
        _lie_at_cuts(video, numbers[firsts], numbers[lasts] + 1) for video, numbers in ((clip, shown), (ref, counted))
    )


def _lie_at_cuts(video: Fingerprints, firsts: Int64Array, stops: Int64Array) -> bool:
    """Whether all edges lie at an end of the video, at a cut, or beside a flat frame."""
    slack, flat_slack = _TUNING.cut_slack, _TUNING.flat_slack
    edges = np.concatenate([firsts, stops])
    for edge in edges[(edges > slack) & (edges < len(video) - slack)].tolist():
        near_cut = bool((np.abs(video.cuts - edge) <= slack).any())
        if not near_cut and not video.flat[max(0, edge - flat_slack) : edge + flat_slack].any():
            return False
    return True
