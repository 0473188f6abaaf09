"""The engines by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from vs_align.decide.synchronization.engines.duration import duration
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions
from vs_align.decide.synchronization.engines.fast import fast
from vs_align.decide.synchronization.engines.keyframes import keyframes
from vs_align.decide.synchronization.engines.precise import border, mask, precise
from vs_align.decide.synchronization.engines.tunnel import tunnel_full, tunnel_mask
from vs_align.io.progress import ShareProgress
from vs_align.measure.fingerprints.fingerprint import Fingerprints

Engine = Callable[[Fingerprints, Fingerprints, EngineOptions, ShareProgress | None], EngineMatch]

ENGINES: Mapping[str, Engine] = MappingProxyType({
    "fast": fast,
    "precise": precise,
    "mask": mask,
    "border": border,
    "tunnel_full": tunnel_full,
    "tunnel_mask": tunnel_mask,
    "keyframes": keyframes,
    "duration": duration,
})  # fmt: skip
"""Each takes the fingerprints of ref, those of clip, the options and a progress callback."""
