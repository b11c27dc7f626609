"""Exact nearest neighbours among a bounded reference sample."""

import numpy as np

# Queries compared with the whole reference at once: 512 x 20,000 distances are 41 MB. Blocks
# always have this length (the last is padded), so that a query's result never depends on others.
BLOCK = 512


def nearest(
    queries: np.ndarray, reference: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest reference points of each query, by Euclidean distance.

    A fast matrix product finds candidates. Their distances are computed again in double precision
    and sorted, equal distances by index. A query's result therefore depends neither on the other
    queries nor on the number of threads.

    Parameters
    ----------
    queries : ndarray, shape (N, P)
        All finite.
    reference : ndarray, shape (R, P)
        All finite.
    count : int
        Number of neighbours; at most R are returned.

    Returns
    -------
    index : ndarray, shape (N, min(count, R)), int32
    distance : ndarray, same shape, float64
    """
    count = min(count, len(reference))
    candidates = min(len(reference), count + max(8, count // 2))
    centre = reference.mean(axis=0, dtype=np.float64)
    points = (reference - centre).astype(np.float32)
    half = 0.5 * np.einsum("rp,rp->r", points, points, dtype=np.float64).astype(np.float32)
    transposed = np.ascontiguousarray(points.T)
    index = np.empty((len(queries), count), np.int32)
    distance = np.empty((len(queries), count))
    block = np.zeros((BLOCK, reference.shape[1]), np.float32)
    for start in range(0, len(queries), BLOCK):
        part = queries[start : start + BLOCK]
        block[:] = 0
        block[: len(part)] = part - centre
        score = (half - block @ transposed)[: len(part)]
        if candidates < len(reference):
            found = np.argpartition(score, candidates - 1, axis=1)[:, :candidates]
        else:
            found = np.broadcast_to(np.arange(len(reference)), score.shape)
        found = np.sort(found, axis=1)
        exact = _distances(part, reference, found)
        order = np.argsort(exact, axis=1, kind="stable")[:, :count]
        stop = start + len(part)
        index[start:stop] = np.take_along_axis(found, order, axis=1)
        distance[start:stop] = np.take_along_axis(exact, order, axis=1)
    return index, distance


def isolation(points: np.ndarray, reference: np.ndarray, count: int) -> np.ndarray:
    """How far points are from others: the mean distance to their nearest reference points.

    Parameters
    ----------
    points : ndarray, shape (N, P)
    reference : ndarray, shape (R, P)
        All finite.
    count : int

    Returns
    -------
    ndarray of float64, shape (N,)
        To the `count` nearest reference points other than itself; NaN where a coordinate is NaN, or
        where there is no other reference point.
    """
    finite = np.isfinite(points).all(axis=1)
    found = np.full(len(points), np.nan)
    if len(reference) < 2:
        return found
    _, away = nearest(points[finite], reference, count + 1)
    # A reference point finds itself at distance zero.
    others = np.where(away[:, :1] == 0, away[:, 1:], away[:, :-1])
    found[finite] = others.mean(axis=1)
    return found


def _distances(queries: np.ndarray, reference: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Distances (N, M) from each query (N, P) to its own M candidates `found` (N, M)."""
    result = np.empty(found.shape)
    # A few queries at a time, because all differences together would fill the memory.
    step = max(1, 4_000_000 // max(found.shape[1] * reference.shape[1], 1))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        difference = reference[found[part]].astype(np.float64) - queries[part, None]
        result[part] = np.sqrt((difference**2).sum(axis=2))
    return result
