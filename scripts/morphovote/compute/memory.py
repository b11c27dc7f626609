"""Memory: how much is free, and a stop before something that would not fit."""

from pathlib import Path

import numpy as np

from morphovote.errors import InputError


def available_memory() -> float:
    """Memory (GB) that this process may still take: the machine's, or its control group's."""
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
    """Stop where something would not fit in memory.

    Parameters
    ----------
    needed : float
        GB.
    what, advice : str
        What takes them, with the config key that asks for it; what to do instead.

    Raises
    ------
    InputError
    """
    free = available_memory()
    if needed > free:
        raise InputError(
            f"{what} would take {needed:.1f} GB of memory, and {free:.1f} GB are free.\n{advice}"
        )
