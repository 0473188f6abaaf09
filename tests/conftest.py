"""Fixtures for all tests."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """The folder of real footage that lies beside the repository on some machines."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "clips"
    if not folder.is_dir():
        pytest.skip("no folder shared/clips with real footage beside the repository")
    return folder
