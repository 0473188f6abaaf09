"""The folders that tests read: the repository, and `shared` beside it, which exists on some machines only."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
