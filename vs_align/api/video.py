"""`NodeVideo` and `FileVideo`: what analysis reads of a node or of a file, each part on its first use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.io.progress import Progress, share_of

if TYPE_CHECKING:
    from vs_align.io.array_types import BoolArray, Float32Array
    from vs_align.measure.fingerprints.fingerprint import Fingerprints
    from vs_align.media.audio_track import MonoAudio
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source

type NodeAudio = vs.AudioNode | Path
"""Audio of a node: an audio node, or a file."""


class _NodeFrames:
    """What a node and a file share: frames come from a VapourSynth node."""

    node: vs.VideoNode
    mask: vs.VideoNode | None
    ignores_transparent: bool

    @cached_property
    def excluded(self) -> "BoolArray | None":
        """Pixels that registration ignores, bool (h, w); None for none."""
        from vs_align.render.overlay.alpha import transparent_areas, union_masks

        clear = transparent_areas(self.node) if self.ignores_transparent else None
        return _mask_pixels(self.mask if clear is None else union_masks(self.mask, clear), self.node)

    def frames(
        self, numbers: Sequence[int], box: tuple[float, float, float, float], size: tuple[int, int]
    ) -> "list[Float32Array]":
        """Return the luma of some frames, cropped and resized."""
        from vs_align.nodes.crops import read_crops

        return read_crops(self.node, numbers, box, size)


@dataclass(eq=False)
class NodeVideo(_NodeFrames):
    """A VapourSynth node as one side of an alignment; see `vs_align.measure.video.Video`.

    Args:
        node: Any constant format.
        name: Its name in messages.
        cache: Folder of fingerprints; None: no cache, and no identity.
        audio_input: Its audio, which begins with the first frame; None for none.
        mask: White where registration ignores the frame: any format and size, its first frame counts; None for none.
        ignores_transparent: Whether registration ignores what is transparent most of the time.
    """

    node: vs.VideoNode
    name: str
    cache: Path | None = None
    audio_input: NodeAudio | None = None
    mask: vs.VideoNode | None = None
    ignores_transparent: bool = False
    _fingerprints: "Fingerprints | None" = field(default=None, init=False, repr=False)

    @cached_property
    def identity(self) -> str:
        """A hash of the format, the length and the pixels of some frames; empty without a cache."""
        from vs_align.nodes.thumbnails import node_identity

        return "" if self.cache is None else node_identity(self.node)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.node.width, self.node.height

    @property
    def length(self) -> int:
        """Number of frames."""
        length: int = self.node.num_frames
        return length

    @property
    def rate(self) -> Fraction:
        """Frames per second; 0 if it is variable."""
        return Fraction(self.node.fps)

    @property
    def stamps(self) -> tuple[float, ...]:
        """Time stamps of a variable rate that are known without reading frames: none."""
        return ()

    @cached_property
    def audio_identity(self) -> str | None:
        """A hash of the audio, empty without a cache; None if there is no audio."""
        from vs_align.media.cache import file_identity
        from vs_align.nodes.audio import audio_identity

        audio = self.audio_input
        if audio is None:
            return None
        if self.cache is None:
            return ""
        return audio_identity(audio) if isinstance(audio, vs.AudioNode) else file_identity(audio)

    def fingerprints(self, progress: Progress | None = None) -> "Fingerprints":
        """Return the fingerprints of all frames."""
        from vs_align.measure.fingerprints.extraction import node_fingerprints

        if self._fingerprints is None:
            self._fingerprints = node_fingerprints(self.node, self.name, self.cache, progress, self.identity)
        return self._fingerprints

    def audio(self, progress: Progress | None = None) -> "MonoAudio":
        """Return the whole audio, mixed to one channel."""
        from vs_align.media.audio_track import read_audio
        from vs_align.nodes.audio import node_audio

        audio = self.audio_input
        if audio is None:
            raise ValueError(f"{self.name} has no audio")
        return node_audio(audio) if isinstance(audio, vs.AudioNode) else read_audio(audio)


@dataclass(eq=False)
class FileVideo(_NodeFrames):
    """A video file as one side of an alignment; see `vs_align.measure.video.Video`.

    Args:
        file: The file.
        cache: Folder of fingerprints; None: no cache.
        listen: Whether its audio is used if it has any.
        mask: White where registration ignores the frame: any format and size, its first frame counts; None for none.
        ignores_transparent: Whether registration ignores what is transparent most of the time.
    """

    file: "VideoFile"
    cache: Path | None = None
    listen: bool = True
    mask: vs.VideoNode | None = None
    ignores_transparent: bool = False
    _fingerprints: "Fingerprints | None" = field(default=None, init=False, repr=False)

    @classmethod
    def opened(
        cls, source: "Source", cache: Path | None = None, *, listen: bool = True, mask: "Source | None" = None
    ) -> "FileVideo":
        """Make one of a file that is indexed already. Registration ignores what is transparent in it.

        Args:
            source: The file.
            cache: Folder of fingerprints; None: no cache.
            listen: Whether its audio is used if it has any.
            mask: A file that is white where the video counts; None: everywhere.
        """
        hidden = None if mask is None else _hidden_part(mask, (source.width, source.height))
        video = cls(source.file, cache, listen, hidden, ignores_transparent=True)
        video.source = source
        return video

    @cached_property
    def source(self) -> "Source":
        """The file, indexed frame by frame."""
        from vs_align.media.source import open_source

        return open_source(self.file)

    @cached_property
    def node(self) -> vs.VideoNode:
        """Its frames."""
        return file_node(self.file.path)

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.file.path.name

    @cached_property
    def identity(self) -> str:
        """A hash of size, time of the last change and content of the file, and the frame rate if one was given."""
        from vs_align.media.cache import file_identity

        forced = self.file.forced_fps
        return file_identity(self.file.path) + ("" if forced is None else f" at {forced} fps")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.source.width, self.source.height

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.source.length

    @property
    def rate(self) -> Fraction:
        """Frames per second; the average if it is variable."""
        return self.source.rate

    @property
    def stamps(self) -> tuple[float, ...]:
        """When each frame is shown, in seconds since the first; empty if the rate is constant."""
        return self.source.times if self.source.variable else ()

    @property
    def audio_identity(self) -> str | None:
        """The codec: the file's identity covers the samples."""
        return self.file.audio_codec if self.listen else None

    def fingerprints(self, progress: Progress | None = None) -> "Fingerprints":
        """Return the fingerprints of all frames."""
        from vs_align.measure.fingerprints.extraction import file_fingerprints

        if self._fingerprints is None:
            self._fingerprints = file_fingerprints(self.file, self.cache, progress)
        return self._fingerprints

    def audio(self, progress: Progress | None = None) -> "MonoAudio":
        """Return the whole audio, mixed to one channel, on the clock of the frames."""
        from vs_align.media.audio_track import read_audio

        clock = self.fingerprints().clock
        start, shifts = (self.file.video_start, ()) if clock is None else (clock.start, clock.shifts)
        report = share_of(progress, f"listening to {self.name}")
        return read_audio(self.file.path, on_progress=report, zero=start, shifts=shifts)


def file_node(path: Path) -> vs.VideoNode:
    """Return the frames of a file that is indexed already."""
    from vs_align.media.source import source_arguments

    node: vs.VideoNode = vs.core.bs.VideoSource(**source_arguments(path))
    return node


def _hidden_part(mask: "Source", size: tuple[int, int]) -> vs.VideoNode:
    """Return a mask file inverted and resized: full range gray, white where the masked video does not count."""
    matrix = {"matrix": int(vs.MATRIX_BT709)} if mask.is_rgb else {}
    node = file_node(mask.file.path).resize.Bilinear(*size, format=vs.GRAY8, range=vs.RANGE_FULL, **matrix)
    hidden: vs.VideoNode = node.std.Invert()
    return hidden


def _mask_pixels(mask: vs.VideoNode | None, node: vs.VideoNode) -> "BoolArray | None":
    """Return where the first frame of a mask is white, resized to a node: bool (h, w).

    None without a mask, and for one that is black all over.
    """
    if mask is None:
        return None
    from vs_align.nodes.frames import mask_array
    from vs_align.nodes.resize import mask_of

    with mask_of(mask[:1], node.width, node.height).get_frame(0) as frame:
        return mask_array(frame)
