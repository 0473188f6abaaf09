"""Torch's threads told to sleep while they wait.

Between two layers the threads of OpenMP wait for each other. By default they spin, which is a little quicker on an idle
machine, and many times slower where other programs, or VapourSynth's own threads, want the same cores.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "OMP_WAIT_POLICY"


@contextmanager
def patient_threads() -> Iterator[None]:
    """Let torch, if it is first imported within this block, wait patiently. What the user has set is kept."""
    if _VARIABLE in os.environ or "torch" in sys.modules:
        yield
        return
    # OpenMP looks once, when it is loaded; children of this process shall not inherit the choice.
    os.environ[_VARIABLE] = "passive"
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
