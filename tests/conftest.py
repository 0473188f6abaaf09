"""Fixtures for all tests, and what the processes that run them share and what they do not."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import REPOSITORY, SHARED

KEPT = REPOSITORY / ".pytest_cache"

# threads of PyTorch that wait by spinning would hold up everything else on a busy machine
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if sys.dont_write_bytecode:
    # a hundred interpreters are started; each that has to compile numba and what it imports anew takes twice as long
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(KEPT / "bytecode"))

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # two processes that compile one kernel at a time for other types may overwrite each other's files
    os.environ["NUMBA_CACHE_DIR"] = str(KEPT / f"numba-{worker}")


# a shell starts jobs in the background with these ignored, and so would be the programs that tests interrupt
for number in filter(None, (signal.SIGINT, getattr(signal, "SIGQUIT", None))):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def cheap_collections() -> None:
    """VapourSynth collects garbage after each loop over frames, and need not look at what was there before the test."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let the interpreter take apart at its end what was left out of collections."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """The folder of real footage that lies beside the repository on some machines."""
    folder = SHARED / "clips"
    if not folder.is_dir():
        pytest.skip("no folder shared/clips with real footage beside the repository")
    return folder


@pytest.fixture(scope="session")
def cfanet_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of generated weights for CFANet."""
    from tests.measure.networks.cfanet_cases import weight_file

    made = weight_file(tmp_path_factory.mktemp("weights"))
    yield made
    made.unlink()  # pytest would keep its 144 MB
