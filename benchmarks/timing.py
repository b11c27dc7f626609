"""Time and peak memory of a command or a function.

It imports nothing large: a child process starts with the peak memory of its parent.
"""

import multiprocessing
import os
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """Time and memory that a process used.

    Attributes
    ----------
    seconds : float
        Wall-clock time.
    processor : float
        Processor seconds, including its children.
    own : float
        Processor seconds of the process itself.
    memory : float
        Peak memory (MB).
    memory_before : float
        Peak memory (MB) when the work began.
    """

    seconds: float
    processor: float
    own: float
    memory: float
    memory_before: float = 0.0


def time_command(command: list[str], **options) -> Cost:
    """Run a command (`options` are Popen's); memory is that of its largest process."""
    start, own = time.monotonic(), 0.0
    process = subprocess.Popen(command, **options)
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        # A process that has just ended shows zeros.
        own = max(own, sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK"))
        time.sleep(0.1)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:3]} ended with exit code {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, own, usage.ru_maxrss / 1024)


def time_apart(
    function: Callable, *arguments, warm_up: Callable | None = None, workers: int = 0
) -> tuple[object, Cost]:
    """Call a function in a fresh process.

    Parameters
    ----------
    function : callable
        Defined in a module, as `warm_up`: it is imported by name.
    warm_up : callable, optional
        Called before the clock starts, to import what the function uses.
    workers : int
        joblib's processes that the function leaves, each counted as large as the largest.

    Returns
    -------
    result, Cost
        The function's result, and its cost without `warm_up`.
    """
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    work = (results, function, arguments, warm_up, workers)
    process = context.Process(target=_measure, args=work)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{function.__name__} ended with exit code {process.exitcode}")
    return results.get()


def _measure(results, function, arguments, warm_up, workers) -> None:
    if warm_up:
        warm_up()
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    if workers:
        from joblib.externals.loky import get_reusable_executor

        # End them here, so that their memory counts.
        get_reusable_executor().shutdown(wait=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    processor = own + children.ru_utime + children.ru_stime
    memory = after.ru_maxrss + workers * children.ru_maxrss
    results.put((result, Cost(seconds, processor, own, memory / 1024, before.ru_maxrss / 1024)))


def wall_seconds(action: Callable[[], object]) -> float:
    """Wall-clock seconds that an action takes in this process."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
