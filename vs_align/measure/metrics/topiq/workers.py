"""Threads that each compute with one thread of torch.

Many small layers gain little from several threads, which wait for each other after every one; as many independent pairs
side by side keep all cores at work.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch

_starting = threading.Lock()


class Workers:
    """As many threads as torch uses; they end when this object does.

    The calling program's own setting of torch's threads stays as it is: it holds for the thread that sets it, and for
    threads that begin later.
    """

    def __init__(self) -> None:
        with _starting:
            count = torch.get_num_threads()
            together = threading.Barrier(count)

            def begin() -> None:
                torch.get_num_threads()  # takes over what threads begin with, which would else happen later
                torch.set_num_threads(1)
                together.wait()  # so that each thread begins one of these

            self._pool = ThreadPoolExecutor(count, "vs_align_topiq")
            started = [self._pool.submit(begin) for _ in range(count)]
            for each in started:
                each.result()
            torch.set_num_threads(count)  # what threads begin with

    def map[A, B](self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Return work(item) for each item, in order; callers in several threads share the workers."""
        return list(self._pool.map(work, items))
