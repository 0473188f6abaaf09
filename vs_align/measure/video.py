"""`Video`: the interface through which analysis reads one side of an alignment, a VapourSynth node or a file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vs_align.io.array_types import BoolArray, Float32Array
    from vs_align.io.progress import Progress
    from vs_align.measure.fingerprints.fingerprint import Fingerprints
    from vs_align.media.audio_track import MonoAudio


class Video(Protocol):
    """One side of an alignment. Nothing is read before it is needed, and what was read is kept."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def identity(self) -> str:
        """A text that differs if the frames or their times do; a key of caches. Empty if nothing is cached."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames in pixels."""

    @property
    def length(self) -> int:
        """Number of frames."""

    @property
    def excluded(self) -> "BoolArray | None":
        """Pixels that registration ignores, bool (h, w); None for none."""

    @property
    def audio_identity(self) -> str | None:
        """A text that differs if the audio does, empty if nothing is cached; None if there is no audio."""

    def fingerprints(self, progress: "Progress | None" = None) -> "Fingerprints":
        """Return the fingerprints of all frames; the first call reads every frame once.

        Args:
            progress: Called with the stage, the number of frames read and their total.

        Raises:
            MediaError: The video cannot be decoded, or the cache cannot be written to.
        """

    def frames(
        self, numbers: Sequence[int], box: tuple[float, float, float, float], size: tuple[int, int]
    ) -> "list[Float32Array]":
        """Return the luma of some frames, cropped and resized.

        Args:
            numbers: Frame numbers, in any order.
            box: The area to crop: left, top, width and height in pixels, from edge to edge.
            size: Width and height of the results in pixels.

        Returns:
            One (h, w) float32 array for each number, 0..1 nominal.
        """

    def audio(self, progress: "Progress | None" = None) -> "MonoAudio":
        """Return the whole audio, mixed to one channel, on the clock of the frames.

        Args:
            progress: Called with the stage, how much of the audio is read and how much there is.

        Raises:
            MediaError: The audio cannot be decoded.
        """
