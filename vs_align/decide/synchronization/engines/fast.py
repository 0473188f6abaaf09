"""The engine `fast`: perceptual hashes and one pass of banded dynamic time warping."""

from vs_align.decide.synchronization.engines.dtw import align, sakoe_chiba
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, ProgressPart
from vs_align.decide.synchronization.engines.frame_views import frame_views
from vs_align.decide.synchronization.engines.perceptual_hashes import hash_pair
from vs_align.io.progress import ShareProgress
from vs_align.measure.fingerprints.fingerprint import Fingerprints


def fast(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Match by perceptual hashes and dynamic time warping; the warping path is the map.

    The path stays within `options.window` frames of the diagonal (H. Sakoe and S. Chiba, Dynamic programming algorithm
    optimization for spoken word recognition, 1978), see `dtw.sakoe_chiba`. Frames of clip before and after ref cost
    nothing. Scores are distances of hashes, see `perceptual_hashes.hash_pair`. Frames that differ too little for hashes
    may be matched to their neighbors.
    """
    whole = ProgressPart(progress)
    first, second = frame_views(ref, clip, options)
    pair = hash_pair(first, second, 1, whole.part(0, 0.9))
    within = sakoe_chiba(len(first), len(second), options.window)
    frames, scores = align(pair.ref, pair.clip, pair.weights, within)
    whole.done(1)
    return EngineMatch(frames, scores)
