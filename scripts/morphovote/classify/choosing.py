"""Which galaxies to classify by eye next: half of them at random, half where a label teaches most.

Random ones stand in an order that follows from their ids alone, so a list stays the same when
labels are added, and the first so many of that order are a random sample of the field. The others
are doubtful galaxies (entropy of their probabilities) that differ from each other: centres of
clusters of the most doubtful, weighted by their doubt (Zhdanov 2019, arXiv:1901.05954).
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from morphovote.classify.assignment import own_classes
from morphovote.classify.fitting import read_components
from morphovote.classify.labels import Labels, read_labels
from morphovote.compute.neighbours import nearest
from morphovote.fields.role_columns import id_texts
from morphovote.logs import log
from morphovote.storage.files import write_text
from morphovote.storage.shards import read_shard

# Galaxies of each half.
SHOWN = 50
# Doubtful galaxies among which the second half is chosen, as a multiple of it.
POOL = 10
# Galaxies looked at for doubt and variety, at most: the first by the order of their ids.
MOST = 20_000
# A galaxy nearer to a labelled one than this quantile of nearest distances is a near-duplicate.
DUPLICATE = 0.05
UNSEEN = ("not selected", "no data", "no light")
COLUMNS = ("ID", "CLASS", "RANDOM", "ROW")


def id_order(ids: Sequence[str]) -> np.ndarray:
    """A random order (N,) of ids that follows from each id alone."""
    keys = [hashlib.sha256(f"look at {one}".encode()).hexdigest() for one in ids]
    return np.argsort(np.array(keys), kind="stable")


def choose_random(order: np.ndarray, labels: Labels | None, count: int) -> np.ndarray:
    """The next galaxies of a random order that nobody has classified as a random one.

    Parameters
    ----------
    order : ndarray of int
        Rows that may be shown, in their order.
    labels : Labels or None
    count : int

    Returns
    -------
    ndarray of int, shape (at most count,)
        Rows. Those that were classified for another reason are among them: without them the sample
        would lack doubtful galaxies.
    """
    done = set(labels.row[labels.random].tolist()) if labels else set()
    return np.array([row for row in order.tolist() if row not in done][:count], dtype=int)


def doubt_of(chance: np.ndarray) -> np.ndarray:
    """Entropy (N,) of probabilities (N, C), nat; the largest there is where they are unknown."""
    unknown = ~np.isfinite(chance).all(axis=1)
    safe = np.where(unknown[:, None], 1 / chance.shape[1], np.clip(chance, 1e-12, 1))
    return -(safe * np.log(safe)).sum(axis=1)


def choose_doubtful(
    components: np.ndarray, doubt: np.ndarray, labelled: np.ndarray, count: int
) -> np.ndarray:
    """Places of doubtful galaxies that differ from each other and from labelled ones.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        All finite.
    doubt : ndarray, shape (N,)
        Not negative; 0 leaves a galaxy out.
    labelled : ndarray, shape (L, P)
        Components of galaxies that are labelled, or listed already.
    count : int

    Returns
    -------
    ndarray of int, shape (at most count,)
    """
    use = np.flatnonzero(doubt > 0)
    if len(labelled) and len(use) > 1:
        own = nearest(components[use], components[use], 2)[1][:, 1]
        away = nearest(components[use], labelled, 1)[1][:, 0]
        use = use[away > np.quantile(own, DUPLICATE)]
    pool = use[np.argsort(-doubt[use], kind="stable")][: POOL * count]
    clusters = min(count, len(np.unique(components[pool], axis=0)))
    if not clusters:
        return pool[:0]
    with threadpool_limits(1):
        found = KMeans(clusters, n_init=1, random_state=0).fit(
            components[pool].astype(np.float64), sample_weight=doubt[pool]
        )
    away = ((components[pool] - found.cluster_centers_[found.labels_]) ** 2).sum(axis=1)
    best = [np.flatnonzero(found.labels_ == number) for number in range(clusters)]
    chosen = np.array([pool[rows[away[rows].argmin()]] for rows in best if len(rows)])
    return chosen[np.argsort(-doubt[chosen], kind="stable")]


def choose_labels_file(
    classes: str | Path,
    components: str | Path,
    names: str | Path,
    labels: Sequence[str | Path],
    output: str | Path,
    count: int = SHOWN,
) -> None:
    """Write the list of galaxies to classify next.

    Parameters
    ----------
    classes : path
        classes.h5.
    components, names : path
    labels : sequence of path
        Tables of galaxies classified already.
    output : path
        CSV: ID, CLASS (to be filled in), RANDOM, ROW (in the source catalogue). Galaxies of the
        random half that were classified for another reason have their class.
    count : int
        Of each half.
    """
    found = read_shard(classes)
    ids = id_texts(found["id"])
    by_eye = read_labels(labels, found["id"], own_classes(names)) if labels else None
    known = by_eye.row if by_eye else np.zeros(0, int)
    order = id_order(ids.tolist())
    # Ids that stand in several rows are shown once.
    order = order[np.sort(np.unique(ids[order], return_index=True)[1])]
    order = order[(ids[order] != "") & ~np.isin(found["class_reason"][order], UNSEEN)]
    drawn = choose_random(order, by_eye, count)
    rows = np.sort(np.union1d(order[:MOST], np.union1d(drawn, known)))
    component = read_components(components, rows)
    usable = np.isfinite(component).all(axis=1)
    taken = np.isin(rows, np.union1d(drawn, known))
    chance = np.stack([found[name][rows] for name in found if name.startswith("p_")], axis=1)
    doubt = np.where(usable & ~taken & np.isin(rows, order), doubt_of(chance), 0)
    component = np.where(usable[:, None], component, 0)
    chosen = rows[choose_doubtful(component, doubt, component[usable & taken], count)]
    said = dict(zip(known.tolist(), by_eye.votes.argmax(axis=1), strict=True)) if by_eye else {}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, random in [(r, True) for r in drawn.tolist()] + [(r, False) for r in chosen.tolist()]:
        name = by_eye.names[said[row]] if row in said else ""
        writer.writerow([ids[row], name, str(random).lower(), int(found["row"][row])])
    write_text(output, stream.getvalue())
    log.info("%d galaxies at random and %d doubtful ones to look at", len(drawn), len(chosen))
