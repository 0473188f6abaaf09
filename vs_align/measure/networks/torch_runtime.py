"""The runtime of PyTorch: the wait policy of its OpenMP threads, and whether CUDA is there.

Between two layers the threads of OpenMP wait for each other. By default they spin, which is slightly faster on an idle
machine and many times slower if other programs, or VapourSynth's own threads, need the same cores.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

_VARIABLE = "OMP_WAIT_POLICY"


@contextmanager
def passive_waiting() -> Iterator[None]:
    """Set OpenMP's wait policy to passive for a first import of torch within this block.

    Nothing is changed if torch is imported already or if the environment sets a policy.
    """
    if _VARIABLE in os.environ or "torch" in sys.modules:
        yield
        return
    # OpenMP reads the variable once, when it is loaded; child processes must not inherit it.
    os.environ[_VARIABLE] = "passive"
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)


def cuda_is_available() -> bool:
    """Return whether torch is installed and has a CUDA device."""
    if find_spec("torch") is None:
        return False
    with passive_waiting():
        import torch

    return bool(torch.cuda.is_available())
