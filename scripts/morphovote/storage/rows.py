"""Rows of one file in the order of another, and a bounded sample of the rows of many files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from morphovote.errors import InputError
from morphovote.storage.shards import iterate_batches, read_shard

# Maximum number of rows to which the PCA and the vote are fitted.
SAMPLE_LIMIT = 20_000
# Rows read at once.
BATCH = 4096


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
        for batch in iterate_batches(path, [name], BATCH):
            yield batch[name]


def in_parts(
    paths: Sequence[str | Path], names: Sequence[str], size: int, total: int
) -> Iterator[dict[str, np.ndarray]]:
    """Arrays of a stage's files, cut where the rows of the source list reach multiples of `size`.

    Parameters
    ----------
    paths : sequence of path
        Files in the order of their `row`, each in order itself (`check_order`).
    names : sequence of str
        `row` among them.
    size, total : int
        Rows of a part, and of the source list.

    Yields
    ------
    dict of ndarray
        Arrays whose rows are within the part; `row` counts from its start.
    """
    batches = (batch for path in paths for batch in iterate_batches(path, names, size))
    none = {name: array[:0] for name, array in read_shard(paths[0], names, slice(0, 1)).items()}
    held = next(batches, none)
    for start in range(0, max(total, 1), size):
        found = [none]
        while len(held["row"]):
            here = int(np.searchsorted(held["row"], start + size))
            found.append({name: array[:here] for name, array in held.items()})
            held = {name: array[here:] for name, array in held.items()}
            if len(held["row"]):
                break
            held = next(batches, none)
        part = {name: np.concatenate([one[name] for one in found]) for name in names}
        yield part | {"row": part["row"] - start}


def check_order(stage: str, paths: Sequence[str | Path], selected: np.ndarray) -> None:
    """Raise an error unless a stage's files hold every selected source once, in order.

    Parameters
    ----------
    stage : str
        Its name, for the message.
    paths : sequence of path
    selected : ndarray of bool
        Shape (N,): sources of the source list.

    Raises
    ------
    InputError
    """
    found, last, rows, ordered = np.zeros(len(selected), bool), -1, 0, True
    for path in paths:
        for batch in iterate_batches(path, ["row"], 100 * BATCH):
            row = batch["row"]
            steps = np.diff(row, prepend=last)
            ordered &= bool((steps > 0).all()) and bool(row[-1] < len(selected))
            found[row[(row >= 0) & (row < len(selected))]] = True
            last, rows = row[-1], rows + len(row)
    if not ordered or (found != selected).any():
        order = "" if ordered else ", not in order"
        raise InputError(
            f"{stage}: expected each of the {selected.sum()} selected sources once, found "
            f"{(found & selected).sum()} of them in {rows} rows{order}.\n"
            "These files come from an older run: delete them and run the workflow again."
        )
