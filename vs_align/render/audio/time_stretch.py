"""Audio at another speed with its pitch kept: overlap-add with a search for similar waveforms (WSOLA).

Method: W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for high quality
time-scale modification of speech" (ICASSP 1993). Each frame is searched around the position that the speed gives it,
not around the frame before it, so no error adds up.
"""

from collections.abc import Iterator

import numpy as np

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.io.array_types import Float32Array
from vs_align.media.audio_reader import SampleReader
from vs_align.render.audio.time_stretch_kernels import overlap_add

_HOP_SECONDS = 0.02
"""What each frame adds to the result: some periods of a voice."""
_REACH_SECONDS = 0.008
"""How far a frame may be moved to fit the one before it: one period of a low voice (125 Hz). It is also the
largest error of time."""
_HOPS_PER_BLOCK = 64
"""Frames that are put together at a time: 1.28 s of the result."""


def time_stretched(reader: SampleReader, segment: AudioSegment) -> Iterator[Float32Array]:
    """Yield the samples of a segment with their pitch kept, as float32 of shape (n, channels).

    Args:
        reader: Clip's audio; its sample 0 is heard with clip's first frame.
        segment: The segment.
    """
    rate = reader.format.rate
    hop, reach = round(_HOP_SECONDS * rate), round(_REACH_SECONDS * rate)
    begin, length = (segment.clip_start or 0.0) * rate, len(segment)
    margin = reach + 2 * hop
    goes_on = round(begin)
    for done in range(0, length, _HOPS_PER_BLOCK * hop):
        # Half of what a frame adds lies on either side of its middle, which is what has to be in time.
        middles = done + hop * (np.arange(_HOPS_PER_BLOCK) + 1)
        places = np.rint(begin + middles * segment.speed - hop).astype(np.int64)
        first = min(int(places[0]), goes_on) - margin
        samples = reader.read(first, int(places[-1]) + 2 * margin - first)
        block, behind = overlap_add(samples, goes_on - first, places - first, hop, reach)
        goes_on = int(behind) + first
        yield block[: length - done]
