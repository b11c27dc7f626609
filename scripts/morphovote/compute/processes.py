"""Call a function on many items, in processes that can be stopped."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from threadpoolctl import threadpool_limits

# What `map_with_limit` yields in place of a result.
TIMED_OUT = "timed out"
DIED = "its process died"


def map_with_limit(
    function: Callable, items: Iterable[tuple], processes: int, seconds: float
) -> Iterator[tuple[int, object, str]]:
    """Call `function(*item)` in worker processes, with a time limit for each call.

    A call that exceeds its time is stopped by killing its process; a new process takes over.
    `items` is read only as fast as it is processed.

    Parameters
    ----------
    function : callable
        Its result is sent between processes and must be plain data.
    items : iterable of tuple
    processes : int
    seconds : float
        Time limit of one call.

    Yields
    ------
    index : int
        Number of the item, from 0; items come in the order in which their calls finish.
    result : object
        None where the call failed.
    problem : str
        Empty, `TIMED_OUT`, `DIED`, or the text of the call's exception.
    """
    # Forked workers do not run the script's main module again.
    context = multiprocessing.get_context("fork")
    waiting = enumerate(items)
    workers: list[_Worker] = []
    try:
        for _ in range(max(processes, 1)):
            worker = _Worker(context, function, workers)
            if worker.give(next(waiting, None), seconds):
                workers.append(worker)
            else:
                worker.end()
                break
        while workers:
            deadline = min(worker.deadline for worker in workers)
            ready = wait([w.pipe for w in workers], timeout=max(deadline - time.monotonic(), 0))
            now = time.monotonic()
            for worker in list(workers):
                if worker.pipe in ready:
                    try:
                        result, problem = worker.pipe.recv()
                    except (EOFError, ConnectionError):
                        result, problem = None, DIED
                elif now >= worker.deadline:
                    result, problem = None, TIMED_OUT
                else:
                    continue
                index = worker.index
                if problem in (DIED, TIMED_OUT):
                    worker.end()
                    workers.remove(worker)
                    worker = _Worker(context, function, workers)
                    workers.append(worker)
                if not worker.give(next(waiting, None), seconds):
                    worker.end()
                    workers.remove(worker)
                yield index, result, problem
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process, the pipe to it, and the item it is working on."""

    def __init__(self, context, function: Callable, others: list):
        self.pipe, inner = context.Pipe()
        # The fork copies the pipes of earlier workers. With a copy left open, those workers would
        # not notice the end of this process.
        foreign = [worker.pipe for worker in others] + [self.pipe]
        self.process = context.Process(target=_work, args=(function, inner, foreign), daemon=True)
        self.process.start()
        inner.close()
        self.index, self.deadline = -1, float("inf")

    def give(self, numbered: tuple | None, seconds: float) -> bool:
        if numbered is None:
            return False
        self.index, item = numbered
        self.deadline = time.monotonic() + seconds
        # If the process has died, the end of its pipe shows it.
        with suppress(BrokenPipeError, ConnectionError):
            self.pipe.send(item)
        return True

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _work(function: Callable, pipe: Connection, foreign: list[Connection]) -> None:
    for other in foreign:
        other.close()
    # One thread per process: the processes already fill the cores.
    os.environ["OMP_NUM_THREADS"] = "1"
    with threadpool_limits(1):
        while True:
            try:
                item = pipe.recv()
            except EOFError:
                return
            try:
                answer = function(*item), ""
            except Exception as error:
                answer = None, f"{type(error).__name__}: {error}"
            try:
                pipe.send(answer)
            except (BrokenPipeError, ConnectionError):
                return
