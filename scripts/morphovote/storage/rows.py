"""Rows of one file in the order of another, and a bounded sample of the rows of many files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from morphovote.storage.shards import iterate_batches

# Maximum number of rows to which the PCA and the vote are fitted.
SAMPLE_LIMIT = 20_000


def align_rows(rows: np.ndarray, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Put arrays with their own `row` into the order of `rows`; NaN or 0 for missing rows."""
    order = np.argsort(arrays["row"], kind="stable")
    place = np.searchsorted(arrays["row"][order], rows)
    place = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(len(rows), int)
    there = arrays["row"][place] == rows if len(order) else np.zeros(len(rows), bool)
    result = {}
    for name, values in arrays.items():
        if name != "row":
            empty = np.nan if values.dtype.kind == "f" else 0
            result[name] = np.where(there, values[place] if len(order) else empty, empty)
    return result


def sample_rows(
    paths: Sequence[str | Path], name: str, limit: int, seed: int
) -> tuple[np.ndarray, int]:
    """Draw a random sample of rows without NaN from an array that is spread over shards.

    Parameters
    ----------
    paths : sequence of path
    name : str
        Array of shape (N, D) in each shard.
    limit : int
        Maximum number of rows to draw, without replacement.
    seed : int

    Returns
    -------
    sample : ndarray, shape (at most limit, D), float32
        In the order of the shards.
    available : int
        Number of rows without NaN.
    """
    chosen, available = choose_rows(paths, name, limit, seed)
    parts, start = [], 0
    for batch in _batches(paths, name):
        parts.append(batch[chosen[start : start + len(batch)]])
        start += len(batch)
    sample = np.concatenate(parts) if parts else np.zeros((0, 0))
    return sample.astype(np.float32), available


def choose_rows(
    paths: Sequence[str | Path], name: str, limit: int, seed: int
) -> tuple[np.ndarray, int]:
    """Mask over all rows of those that `sample_rows` draws, and the number of rows without NaN."""
    usable = np.concatenate(
        [np.isfinite(batch).all(axis=1) for batch in _batches(paths, name)] or [np.zeros(0, bool)]
    )
    rows = np.flatnonzero(usable)
    if len(rows) > limit:
        rows = np.random.default_rng(seed).choice(rows, limit, replace=False)
    chosen = np.zeros(len(usable), bool)
    chosen[rows] = True
    return chosen, int(usable.sum())


def _batches(paths: Sequence[str | Path], name: str) -> Iterator[np.ndarray]:
    for path in paths:
        for batch in iterate_batches(path, [name], 4096):
            yield batch[name]
