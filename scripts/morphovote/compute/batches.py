"""Batches for a network, one per processor.

This is faster than sharing the arithmetic of one small batch among all processors, and the result
does not depend on their number.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch


def map_ordered(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Yield `function(item)` in the order of the items, computed by threads.

    Each thread uses one processor. At most two items per thread are read ahead.
    """
    waiting: deque = deque()
    with ThreadPoolExecutor(workers, "batch", torch.set_num_threads, (1,)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
