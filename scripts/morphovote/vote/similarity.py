"""Galaxies that look alike, and galaxies that look like no other.

Both are distances between principal components. How strange a galaxy is depends on the model's
reference sample alone; which galaxies are like it, on a bounded sample of the field. The time
therefore grows in proportion to the number of galaxies.
"""

from pathlib import Path

import numpy as np

from morphovote.compute.neighbours import isolation, nearest
from morphovote.logs import log, progress
from morphovote.storage.rows import SAMPLE_LIMIT
from morphovote.storage.shards import (
    count_rows,
    iterate_batches,
    read_attributes,
    read_shard,
    write_shard,
)
from morphovote.vote.bagged import BATCH, CLOSEST
from morphovote.vote.schemes import SCHEMES

# Similar galaxies that are listed for each galaxy.
LISTED = 24
# Similar galaxies are sought among at most SAMPLE_LIMIT of a field's galaxies: a random sample, and
# so many of the strangest.
STRANGEST = 200


def bounded_reference(reference: np.ndarray, seed: int) -> np.ndarray:
    """At most SAMPLE_LIMIT rows of a model's reference sample (R, P), drawn at random."""
    if len(reference) <= SAMPLE_LIMIT:
        return reference
    drawn = np.random.default_rng(seed).choice(len(reference), SAMPLE_LIMIT, replace=False)
    return reference[np.sort(drawn)]


def strangeness(components: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Share (N,) of the reference sample (R, P) that is less isolated than each galaxy (N, P)."""
    own = isolation(reference, reference, CLOSEST)
    return rank_strangeness(isolation(components, reference, CLOSEST), own)


def rank_strangeness(isolated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Share of the reference galaxies that are less isolated.

    Parameters
    ----------
    isolated : ndarray, shape (N,)
        From `neighbours.isolation`.
    reference : ndarray, shape (R,)
        The same of the reference galaxies themselves.

    Returns
    -------
    ndarray of float32, shape (N,)
        From 0 to 1: 1 is more isolated than every reference galaxy. NaN where `isolated` is.
    """
    below = np.searchsorted(np.sort(reference), isolated, side="left")
    return np.where(np.isfinite(isolated), below / max(len(reference), 1), np.nan).astype("f4")


def choose_candidates(
    isolated: np.ndarray, seed: int, limit: int = SAMPLE_LIMIT, strangest: int = STRANGEST
) -> np.ndarray:
    """Galaxies among which similar ones are sought, and which the explore page shows.

    Parameters
    ----------
    isolated : ndarray, shape (N,)
        From `neighbours.isolation`; NaNs are never chosen.
    seed : int
    limit : int
        At most so many.
    strangest : int
        So many of them are the most isolated ones, where there are more galaxies than `limit`.

    Returns
    -------
    ndarray of int8, shape (N,)
        0 not chosen, 1 chosen at random, 2 chosen because strange.
    """
    chosen = np.zeros(len(isolated), np.int8)
    usable = np.flatnonzero(np.isfinite(isolated))
    if len(usable) <= limit:
        chosen[usable] = 1
        return chosen
    chosen[usable[np.argsort(-isolated[usable], kind="stable")[:strangest]]] = 2
    random = np.random.default_rng(seed).choice(usable, limit - strangest, replace=False)
    chosen[random] = 1
    return chosen


def find_similar(
    components: np.ndarray, rows: np.ndarray, candidates: np.ndarray, candidate_rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The most similar galaxies of each, by distance between their components.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        NaN rows find nothing.
    rows : ndarray of int, shape (N,)
        Rows of the catalogue, so that no galaxy finds itself; -1 for galaxies of no catalogue.
    candidates : ndarray, shape (M, P)
        All finite.
    candidate_rows : ndarray of int, shape (M,)

    Returns
    -------
    found : ndarray of int32, shape (N, LISTED)
        Rows of the catalogue, nearest first; -1 where there are no more.
    distance : ndarray of float32, shape (N, LISTED)
    """
    found = np.full((len(components), LISTED), -1, np.int32)
    distance = np.full((len(components), LISTED), np.nan, np.float32)
    finite = np.flatnonzero(np.isfinite(components).all(axis=1))
    if not len(candidates) or not len(finite):
        return found, distance
    index, away = nearest(components[finite], candidates, LISTED + 1)
    near = candidate_rows[index]
    itself = near == rows[finite, None]
    # Whoever is not a candidate, or has too many exact copies, leaves out the last instead.
    itself[:, -1] |= ~itself.any(axis=1) & (near.shape[1] > LISTED)
    order = np.argsort(itself, axis=1, kind="stable")[:, :LISTED]
    gone = np.take_along_axis(itself, order, axis=1)
    width = order.shape[1]
    found[finite, :width] = np.where(gone, -1, np.take_along_axis(near, order, axis=1))
    distance[finite, :width] = np.where(gone, np.nan, np.take_along_axis(away, order, axis=1))
    return found, distance


def find_neighbours_file(
    components: str | Path, model: str | Path, output: str | Path, scheme: str, seed: int
) -> None:
    """Find the similar galaxies of a whole field, and how strange each is, in batches.

    Parameters
    ----------
    components, model : path
        Principal components of the field, and the fitted vote, whose reference sample counts.
    output : path
        row, id, strangeness, isolation, candidate (see `choose_candidates`), neighbour and
        distance (see `find_similar`).
    scheme : str
        Of the vote.
    seed : int
    """
    reference = bounded_reference(SCHEMES[scheme].load(model, components).reference, seed)
    table = read_shard(components, ["row", "id"])
    isolated = np.concatenate(
        [
            isolation(batch["component"], reference, CLOSEST)
            for batch in iterate_batches(components, ["component"], BATCH)
        ]
        or [np.zeros(0)]
    )
    candidate = choose_candidates(isolated, seed)
    parts, start = [], 0
    for batch in iterate_batches(components, ["component"], BATCH):
        here = candidate[start : start + len(batch["component"])] > 0
        parts.append(batch["component"][here])
        start += len(here)
    pool = np.concatenate(parts) if parts else np.zeros((0, 0))
    pool_rows = table["row"][candidate > 0]
    found = []
    batches = iterate_batches(components, ["row", "component"], BATCH)
    for batch in progress(batches, -(-count_rows(components) // BATCH), "batches"):
        found.append(find_similar(batch["component"], batch["row"], pool, pool_rows))
    neighbour, distance = (
        (np.concatenate(part) for part in zip(*found, strict=True))
        if found
        else find_similar(np.zeros((0, 0)), np.zeros(0, int), pool, pool_rows)
    )
    strange = rank_strangeness(isolated, isolation(reference, reference, CLOSEST))
    log.info(
        "similar galaxies of %d among %d of them; %d are more isolated than the whole reference",
        len(isolated),
        len(pool),
        (strange == 1).sum(),
    )
    write_shard(
        output,
        table
        | {
            "strangeness": strange,
            "isolation": isolated.astype(np.float32),
            "candidate": candidate,
            "neighbour": neighbour,
            "distance": distance,
        },
        {name: value for name, value in read_attributes(components).items() if name != "made_by"},
    )
