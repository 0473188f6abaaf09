"""A pool of threads that each run torch with one intra-op thread.

Small layers gain little from several intra-op threads, which synchronize after each layer. Independent pairs in
parallel keep all cores busy.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch

_starting = threading.Lock()


class Workers:
    """As many threads as torch uses; they end with this object.

    The number of torch threads of the calling program is not changed: `torch.set_num_threads` holds for the thread that
    calls it, and for threads that start later.
    """

    def __init__(self) -> None:
        with _starting:
            count = torch.get_num_threads()
            together = threading.Barrier(count)

            def begin() -> None:
                torch.get_num_threads()  # initializes the setting, which later would overwrite the next line
                torch.set_num_threads(1)
                together.wait()  # so that each thread runs this once

            self._pool = ThreadPoolExecutor(count, "vs_align_topiq")
            started = [self._pool.submit(begin) for _ in range(count)]
            for each in started:
                each.result()
            torch.set_num_threads(count)  # the initial setting of later threads

    def map[A, B](self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Return work(item) for each item, in order; callers in several threads share the workers."""
        return list(self._pool.map(work, items))
