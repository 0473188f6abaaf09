"""The engine `fast`: fingerprints and one pass of dynamic time warping."""

from vs_align.decide.synchronization.engines.dtw import align, sakoe_chiba
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, Progress, Stage
from vs_align.decide.synchronization.engines.frame_views import sides
from vs_align.decide.synchronization.engines.perceptual_hashes import hashed
from vs_align.decide.synchronization.engines.trust import confidences
from vs_align.measure.fingerprints.fingerprint import Fingerprints


def fast(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Match by perceptual hashes and dynamic time warping; its path is the map.

    The path stays within `options.window` frames of the diagonal from the first frames of both to the last (H. Sakoe
    and S. Chiba, Dynamic programming algorithm optimization for spoken word recognition, 1978), see `dtw.sakoe_chiba`.
    What clip has before and after ref costs nothing. Scores are distances of fingerprints, see `hashes.hashed`. Frames
    that differ too little for hashes may be mapped to their neighbours.
    """
    stage = Stage(progress)
    first, second = sides(ref, clip, options)
    pair = hashed(first, second, 1, stage.part(0, 0.8))
    within = sakoe_chiba(len(first), len(second), options.window)
    frames, scores = align(pair.ref, pair.clip, pair.weights, within)
    return EngineMatch(frames, confidences(first, second, frames, stage.part(0.85, 1)), scores)
