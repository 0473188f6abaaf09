"""Checks of the fields of a `Placement`, and the keys of its file."""

from vs_align.enums import Verdict
from vs_align.errors import ArgumentError

FILE_KEYS = ("format", "version", "verdict", "reasons", "clip", "ref", "scenes")
"""Keys of a placement file. Any other key at its top level is a note."""

VERDICTS = (Verdict.EXACT, Verdict.GOOD, Verdict.DOUBTFUL)
"""Verdicts that a placement can have: images that are unrelated have no transform."""


def checked_verdict(verdict: object) -> str | None:
    """Return a verdict as plain text, or None."""
    if verdict is None or verdict in VERDICTS:
        return None if verdict is None else str(verdict)
    raise ArgumentError("Placement", "verdict", f"must be one of {', '.join(VERDICTS)}", repr(verdict))
