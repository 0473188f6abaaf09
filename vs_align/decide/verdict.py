"""`Judgment`: the verdict on an alignment and the reasons for it. Every judge returns one.

The judges are: `decide.matching.verdict.judge` for matches of `temporal`, `decide.synchronization.verdict.judge_sync`,
`judge_engine` and `judge_audio` for `sync`, and `decide.alignment_verdict.judge_alignment` for `spatial`.
"""

from dataclasses import dataclass

from vs_align.enums import Verdict


@dataclass(frozen=True, slots=True)
class Judgment:
    """A verdict with its reasons.

    Args:
        verdict: Quality of the whole.
        reasons: At least one finding in words; what casts doubt stands first.
    """

    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)
