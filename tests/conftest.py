"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

# threads of PyTorch that wait by spinning would hold up everything else on a busy machine
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """The folder of real footage that lies beside the repository on some machines."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "clips"
    if not folder.is_dir():
        pytest.skip("no folder shared/clips with real footage beside the repository")
    return folder
