"""Free memory, and an error before a step that would need more."""

from pathlib import Path

import numpy as np

from morphovote.errors import InputError


def available_memory() -> float:
    """Memory (GB) still free for this process, on the machine or in its control group."""
    free = np.inf
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable"):
                free = float(line.split()[1]) * 1024
    except OSError:
        return np.inf
    for folder, names in (
        ("/sys/fs/cgroup", ("memory.max", "memory.current")),
        ("/sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")),
    ):
        try:
            limit, used = (Path(folder, name).read_text(encoding="ascii").strip() for name in names)
        except OSError:
            continue
        if limit != "max":
            free = min(free, float(limit) - float(used))
    return free / 1e9


def require_memory(needed: float, what: str, advice: str) -> None:
    """Stop if something would not fit in memory.

    Parameters
    ----------
    needed : float
        GB.
    what, advice : str
        What needs the memory, with its config key, and what to do instead; for the message.

    Raises
    ------
    InputError
    """
    free = available_memory()
    if needed > free:
        raise InputError(
            f"{what} would take {needed:.1f} GB of memory, and {free:.1f} GB are free.\n{advice}"
        )
