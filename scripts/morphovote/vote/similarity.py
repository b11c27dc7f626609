"""Galaxies that look alike: the nearest among the principal components.

They are sought among a bounded sample of the field, so that the time grows in proportion to the
number of galaxies. The file that lists them also says how strange each galaxy is.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morphovote.compute.neighbours import nearest
from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.storage.rows import SAMPLE_LIMIT
from morphovote.storage.shards import (
    count_rows,
    iterate_batches,
    read_attributes,
    read_shard,
    remedy,
    write_shard,
)
from morphovote.vote.strangeness import (
    BATCH,
    isolation_of_shards,
    load_reference,
    rank_strangeness,
)

# Similar galaxies that are listed for each galaxy.
LISTED = 24
# Similar galaxies are sought among at most SAMPLE_LIMIT of a field's galaxies: a random sample, and
# so many of the strangest.
STRANGEST = 200


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
    components: str | Path,
    embeddings: Sequence[str | Path],
    strangeness: str | Path,
    output: str | Path,
    seed: int,
) -> None:
    """Find the similar galaxies of a whole field, and how strange each is, in batches.

    Parameters
    ----------
    components : path
        Principal components of the field.
    embeddings : sequence of path
        Shards with `picture` of the same galaxies.
    strangeness : path
        The model's reference, see `strangeness.fit_strangeness_file`.
    output : path
        row, id, strangeness, isolation, candidate (see `choose_candidates`), neighbour and
        distance (see `find_similar`).
    seed : int

    Raises
    ------
    InputError
        If the components and the embeddings are of other galaxies.
    """
    reference = load_reference(strangeness)
    table = read_shard(components, ["row", "id"])
    rows, isolated = isolation_of_shards(embeddings, reference)
    if not np.array_equal(rows, table["row"]):
        raise InputError(
            f"{components}: its rows are not those of the embeddings, expected the same galaxies. "
            f"{remedy(components)}"
        )
    candidate = choose_candidates(isolated, seed)
    found = _find_all(components, table["row"], candidate)
    strange = rank_strangeness(isolated, reference["isolation"])
    log.info(
        "similar galaxies of %d among %d of them; %d are more isolated than the whole reference",
        len(isolated),
        (candidate > 0).sum(),
        (strange == 1).sum(),
    )
    write_shard(
        output,
        table
        | {
            "strangeness": strange,
            "isolation": isolated.astype(np.float32),
            "candidate": candidate,
            "neighbour": found[0],
            "distance": found[1],
        },
        {name: value for name, value in read_attributes(components).items() if name != "made_by"},
    )


def _find_all(
    components: str | Path, rows: np.ndarray, candidate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Similar galaxies of all, in batches, among the candidates; see `find_similar`."""
    parts, start = [np.zeros((0, 0))], 0
    for batch in iterate_batches(components, ["component"], BATCH):
        here = candidate[start : start + len(batch["component"])] > 0
        parts.append(batch["component"][here])
        start += len(here)
    pool = np.concatenate(parts[1:] or parts)
    found = [find_similar(np.zeros((0, 0)), np.zeros(0, int), pool, rows[candidate > 0])]
    batches = iterate_batches(components, ["row", "component"], BATCH)
    for batch in progress(batches, -(-count_rows(components) // BATCH), "batches"):
        found.append(find_similar(batch["component"], batch["row"], pool, rows[candidate > 0]))
    neighbour, distance = (np.concatenate(part) for part in zip(*found, strict=True))
    return neighbour, distance
