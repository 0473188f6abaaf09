"""`Timeline`: the clip frame of every ref frame, as piecewise linear segments; editing, composition, files."""

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.timeline.algebra import compose_timelines, invert_timeline
from vs_align.timeline.passages import Passage, passages_of
from vs_align.timeline.report import report_text
from vs_align.timeline.segment import Segment, check_segments, frame_map_of, segments_of
from vs_align.timeline.serialization import load_json, read_json, save_json, write_json
from vs_align.timeline.speed import stamped_speed
from vs_align.timeline.validation import (
    FILE_KEYS,
    Rate,
    as_rate,
    checked_confidences,
    checked_frame,
    checked_length,
    checked_rate,
    checked_reasons,
    checked_residual,
    checked_scores,
    checked_times,
    checked_verdict,
    seconds_of,
    usual_seconds_a_frame,
)

__all__ = ["FILE_KEYS", "Rate", "Segment", "Timeline", "as_rate"]


@dataclass(frozen=True)
class Timeline:
    """Which frame of clip is at frame n of ref, for every frame of ref.

    The segments define it; the frame map and all offsets follow from them. NumPy arrays and lists are accepted for
    every tuple and stored as plain numbers. A timeline can be hashed, compared and pickled.

    Example:
        ```python
        timeline = Timeline.from_frame_map([3, 4, 5, None], clip_rate="24000/1001", ref_rate=25, clip_length=10)
        timeline.save("timeline.json")  # edit it by hand, then
        Timeline.load("timeline.json").clip_frame(1)
        ```

    Args:
        segments: Contiguous segments in order that cover ref frames 0..ref_length-1 once, with existing clip frames.
            Missing segments cover no ref frame and may stand anywhere between the others.
        clip_rate: Frames per second of clip, at least 0; 0 if unknown or variable.
        ref_rate: Frames per second of ref, at least 0; 0 if unknown or variable.
        clip_length: Number of frames of clip, at least 1.
        ref_length: Number of frames of ref, at least 1.
        scores: Dissimilarity of the matched frames per ref frame, or empty. At least 0, lower is better; 0..1 for the
            mean absolute difference. None if there was no candidate; infinite and undefined scores become None.
        confidences: Probability that each match is right, 0..1 per ref frame, or empty.
        clip_times: Time stamp of each clip frame in seconds, never falling, or empty: then n / clip_rate.
        ref_times: Time stamp of each ref frame in seconds, never falling, or empty: then n / ref_rate.
        notes: JSON values that a person added to the file. They are saved again and take no part in comparisons.
        verdict: Quality of the whole: "exact", "good", "doubtful" or "unrelated". None: not judged.
        reasons: Reasons for the verdict, in words.
        residual_ms: Sub-frame part of clip time minus ref time, in milliseconds. None if not measured.

    Raises:
        ArgumentError: A field breaks its rule.
    """

    segments: tuple[Segment, ...]
    clip_rate: Fraction
    ref_rate: Fraction
    clip_length: int
    ref_length: int
    scores: tuple[float | None, ...] = ()
    confidences: tuple[float, ...] = ()
    clip_times: tuple[float, ...] = ()
    ref_times: tuple[float, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict, compare=False)
    verdict: str | None = None
    reasons: tuple[str, ...] = ()
    residual_ms: float | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("clip_rate", "ref_rate"):
            put(self, name, checked_rate(getattr(self, name), name))
        for name in ("clip_length", "ref_length"):
            put(self, name, checked_length(getattr(self, name), name))
        put(self, "segments", tuple(self.segments))
        check_segments(self.segments, self.clip_length, self.ref_length)
        put(self, "scores", checked_scores(self.scores, self.ref_length))
        put(self, "confidences", checked_confidences(self.confidences, self.ref_length))
        put(self, "clip_times", checked_times(self.clip_times, "clip_times", self.clip_length))
        put(self, "ref_times", checked_times(self.ref_times, "ref_times", self.ref_length))
        put(self, "verdict", checked_verdict(self.verdict))
        put(self, "reasons", checked_reasons(self.reasons))
        put(self, "residual_ms", checked_residual(self.residual_ms))
        put(self, "notes", dict(self.notes))
        for key in self.notes:
            if not isinstance(key, str) or key in FILE_KEYS:
                raise ArgumentError("Timeline", "notes", "must have text keys that the file does not use", repr(key))

    @classmethod
    def from_frame_map(
        cls,
        frame_map: Sequence[int | None],
        *,
        clip_rate: Rate,
        ref_rate: Rate,
        clip_length: int,
        ref_length: int | None = None,
        scores: Sequence[float | None] = (),
        confidences: Sequence[float] = (),
        clip_times: Sequence[float] = (),
        ref_times: Sequence[float] = (),
        notes: Mapping[str, Any] | None = None,
    ) -> "Timeline":
        """Build a timeline from the clip frame of each ref frame; `frame_map` gives the same frames back.

        Args:
            frame_map: Clip frame (0..clip_length-1) of each ref frame, None if clip has no counterpart.
            clip_rate: As in `Timeline`.
            ref_rate: As in `Timeline`.
            clip_length: As in `Timeline`.
            ref_length: Number of frames of ref. None: the length of `frame_map`, which it must equal.
            scores: As in `Timeline`.
            confidences: As in `Timeline`; a segment gets the mean of its frames.
            clip_times: As in `Timeline`.
            ref_times: As in `Timeline`.
            notes: As in `Timeline`.

        Raises:
            ArgumentError: An argument breaks its rule.
        """
        length = checked_length(clip_length, "clip_length")
        frames = [None if frame is None else checked_frame(frame, i, length) for i, frame in enumerate(frame_map)]
        if ref_length is not None and len(frames) != ref_length:
            rule = f"must have one entry per ref frame ({ref_length})"
            raise ArgumentError("Timeline", "frame_map", rule, len(frames))
        if not frames:
            raise ArgumentError("Timeline", "frame_map", "must have at least one entry", 0)
        sure = checked_confidences(confidences, len(frames))
        return cls(
            segments=tuple(segments_of(frames, sure)),
            clip_rate=checked_rate(clip_rate, "clip_rate"),
            ref_rate=checked_rate(ref_rate, "ref_rate"),
            clip_length=length,
            ref_length=len(frames),
            scores=tuple(scores),
            confidences=sure,
            clip_times=tuple(clip_times),
            ref_times=tuple(ref_times),
            notes=notes or {},
        )

    def __len__(self) -> int:
        """Number of ref frames."""
        return self.ref_length

    @cached_property
    def frame_map(self) -> tuple[int | None, ...]:
        """Clip frame of each ref frame, None in inserts."""
        return frame_map_of(self.segments)

    @cached_property
    def _firsts(self) -> tuple[int, ...]:
        return tuple(segment.ref_first for segment in self.segments)

    def segment_at(self, n: int) -> Segment:
        """Segment that holds ref frame n (0..ref_length-1)."""
        self._check_frame(n, "segment_at")
        return self.segments[bisect_right(self._firsts, n) - 1]

    def clip_frame(self, n: int) -> int | None:
        """Clip frame shown at ref frame n (0..ref_length-1), None in an insert."""
        self._check_frame(n, "clip_frame")
        return self.frame_map[n]

    def offset_at(self, n: int) -> int | None:
        """Clip frame minus ref frame at ref frame n (0..ref_length-1), None in an insert."""
        self._check_frame(n, "offset_at")
        frame = self.frame_map[n]
        return None if frame is None else frame - n

    def to_ms(self, n: int) -> float | None:
        """Clip time minus ref time at ref frame n (0..ref_length-1), in milliseconds.

        Time stamps are used if the timeline has them, else frame numbers divided by the rate. None in an insert, and if
        a clip has neither time stamps nor a rate.
        """
        self._check_frame(n, "to_ms")
        frame = self.frame_map[n]
        if frame is None:
            return None
        if self.clip_times or self.ref_times:
            clip_time = seconds_of(frame, self.clip_times, self.clip_rate)
            ref_time = seconds_of(n, self.ref_times, self.ref_rate)
            return None if clip_time is None or ref_time is None else 1000 * (clip_time - ref_time)
        if not self.clip_rate or not self.ref_rate:
            return None
        # a single division of integers is exact to the last bit
        clip, ref = self.clip_rate, self.ref_rate
        over, under = clip.denominator * ref.numerator, ref.denominator * clip.numerator
        return 1000 * (frame * over - n * under) / (clip.numerator * ref.numerator)

    def speed_of(self, segment: Segment) -> float | None:
        """Seconds of clip per second of ref in a segment, 1.0 if both run at the same speed.

        A film with PAL speed-up, frame for frame against the film itself at 24000/1001 fps, has 0.959. Time stamps are
        used if the timeline has them; deviations below a frame over the whole segment are ignored. None for inserts,
        black and missing segments, and if a rate is unknown.
        """
        if segment.kind is SegmentKind.HOLD:
            return 0.0
        last = segment.clip_last
        if segment.kind is not SegmentKind.MATCH or segment.clip_first is None or last is None:
            return None
        if self.clip_times or self.ref_times:
            fitted = stamped_speed(self, segment.ref_first, segment.ref_last, segment.rate)
            if fitted is not None:
                return fitted
        clip_frame = usual_seconds_a_frame(segment.clip_first, last, self.clip_times, self.clip_rate)
        ref_frame = usual_seconds_a_frame(segment.ref_first, segment.ref_last, self.ref_times, self.ref_rate)
        if clip_frame is None or ref_frame is None:
            return None
        return float(segment.rate * clip_frame / ref_frame)

    def inverse(self) -> "Timeline":
        """The same timeline with clip and ref exchanged: which frame of ref is at frame n of clip.

        A match of rate r becomes one of rate 1 / r. If several ref frames show one clip frame, the middle one is taken;
        if a clip frame occurs in several segments, the first one is used. Inserts and black become missing segments and
        vice versa, and clip frames that no segment shows become inserts. Scores, confidences, the verdict and its
        reasons are kept.
        """
        return invert_timeline(self)

    def then(self, other: "Timeline") -> "Timeline":
        """Join two timelines: this one from A to B, the other from B to C, the result from A to C.

        Args:
            other: Its clip is this timeline's ref.

        Returns:
            The timeline whose frame n is this one's frame at the other's frame n. Confidences are multiplied; there are
            no scores, because A and C were not compared; the verdict is the worse of the two.

        Raises:
            ArgumentError: The other's clip is not as long as this timeline's ref.
        """
        return compose_timelines(self, other)

    def passages(self) -> tuple[Passage, ...]:
        """Parts at one steady offset or speed, in which single frames may be dropped or repeated; see `Passage`."""
        return passages_of(self)

    def explain(self, clip: str = "clip", ref: str = "ref") -> str:
        """Return a text report: the verdict, each passage with its offset and speed, and the gaps of either clip.

        Lines have at most 100 columns; the text does not end in a newline.

        Args:
            clip: Name of clip in the text, such as "bg". Reasons are not changed.
            ref: Name of ref in the text.
        """
        return report_text(self, clip, ref)

    def _check_frame(self, n: int, method: str) -> None:
        if not 0 <= n < self.ref_length:
            raise ArgumentError(f"Timeline.{method}", "n", f"must lie in 0..{self.ref_length - 1}", n)

    def to_json(self) -> str:
        """Return the text of the file that `save` writes: one segment per line, 20 entries of the frame map per line.

        Raises:
            ArgumentError: A note is not a JSON value.
        """
        return write_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Timeline":
        """Parse the text of a timeline file, which may have been edited; see `load`.

        Raises:
            ArgumentError: The text is not a timeline; the message names the key.
        """
        return read_json(cls, text)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the timeline as JSON. The file is written completely and then replaces an existing one.

        Raises:
            MediaError: The file cannot be written.
        """
        save_json(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Timeline":
        """Read a file that `save` wrote and that may have been edited by hand.

        The file holds the frames twice, as `segments` and as `frame_map`: edit or delete one of them, and the other
        follows. If both were edited they must agree. `offset_ms` and `speed` are for information and not read. Scores
        and confidences are not changed by edits. Other keys at the top level become `notes`; notes of a file of version
        1 named `verdict`, `reasons` or `residual_ms`, which have a meaning since version 2, become `verdict_note` and
        so on.

        Raises:
            ArgumentError: The file cannot be read or is not a timeline; the message names the path and the key.
        """
        return load_json(cls, path)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """JSON schema (draft 2020-12) of the file that `save` writes and `load` reads."""
        from vs_align.timeline.schema import TimelineFile

        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **TimelineFile.model_json_schema()}
