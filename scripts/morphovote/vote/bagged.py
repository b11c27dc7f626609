"""The vote: cluster many bags of one reference sample, and see where the clusterings agree.

Each voter clusters its own bag (a random subset, drawn without replacement) of the reference
sample, in its own subset of the components (random subspaces, Ho 1998). Real groups show in many
components, while noise differs from one to the next: subspaces lower the agreement on real data a
little, and on structureless data much more. Labels of different voters are matched to a consensus
of all. Any galaxy, in the reference or not, takes each voter's label from its nearest reference
galaxy, so that one neighbour search serves all voters.

Distances to a reference galaxy are in units of that galaxy's mean distance to its own neighbours
("local scaling", Zelnik-Manor & Perona 2004). With plain distances in many dimensions, a few
galaxies in dense places are the nearest neighbours of much of a sample ("hubs", Schnitzer et al.
2012), and all of it would take their votes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from morphovote.compute.bags import bag_size
from morphovote.compute.neighbours import nearest
from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.storage.model_files import digest, read_model, write_model
from morphovote.storage.rows import SAMPLE_LIMIT, sample_rows
from morphovote.storage.shards import count_rows, iterate_batches, read_attributes, write_shard
from morphovote.vote.algorithms import ALGORITHMS, cluster
from morphovote.vote.alignment import align, count_votes, rank_groups
from morphovote.vote.confidence import add_confidence, load_confidence

# Share of the components that a voter sees. On four samples of 600 (simulated galaxies with a
# random encoder, and mixtures) with 20 groups, the kept fraction was 1.9-2.2 times that of the
# Gaussian null with all components, and 3.1-7.6 times with 60 % of them.
SUBSPACE_SHARE = 0.6
SMALL_BAG = 1_500
# The nearest in local units is sought among this many nearest by plain distance.
CANDIDATES = 20
# The mean distance to this many neighbours is a reference galaxy's unit.
SCALE = 10
# The mean distance to this many reference galaxies is a galaxy's distance from the reference.
CLOSEST = 5
# Neighbours listed for each reference galaxy. If none of them is in the bag (fewer than one galaxy
# in a million, for a bag of 30 % of the reference), the bag itself is searched.
GRAPH = 48
# A galaxy is an outlier beyond this multiple of the 99.5 % quantile of the reference's own
# distances. With a factor of 1.0, one normal galaxy in 200 would be an outlier by construction.
OUTLIER_QUANTILE, OUTLIER_FACTOR = 0.995, 1.2
# Galaxies in memory at once when votes are cast.
BATCH = 4096


@dataclass(frozen=True)
class Voters:
    """A fitted vote.

    Attributes
    ----------
    reference : ndarray, shape (R, P), float32
        Components of the reference sample.
    scale : ndarray, shape (R,), float64
        Mean distance of each to its ten nearest neighbours in the reference.
    labels : ndarray, shape (V, R), int16
        Group that each voter gives each reference galaxy, in the common numbering.
    algorithms : list of str, length V
    groups : int
    agreement : float
        Share of the voters that have to agree for a galaxy to be kept.
    limit : float
        Mean distance to the nearest reference galaxies beyond which a galaxy is an outlier.
    parents : ndarray, shape (K,), or None
        If groups were split: the group that each was split from, its own number if none.
    """

    reference: np.ndarray
    scale: np.ndarray
    labels: np.ndarray
    algorithms: list[str]
    groups: int
    agreement: float
    limit: float
    parents: np.ndarray | None = None

    @property
    def digest(self) -> str:
        """Hash of the vote: group numbers mean the same only if it is the same."""
        return digest(self.reference, self.labels)


def fit_voters(
    reference: np.ndarray,
    groups: int,
    agreement: float,
    seed: int,
    voters: int = 30,
    threads: int = 1,
    quiet: bool = False,
) -> Voters:
    """Cluster bags of a reference sample and bring the labels to one numbering.

    Voters cycle over `ALGORITHMS`; each has a bag of 60 % of the sample (6,000 galaxies at most),
    60 % of the components and its own seed, so the result does not depend on the number of
    threads. Reference galaxies outside a bag take the label of their nearest member of it.
    Groups are numbered by size.

    Parameters
    ----------
    reference : ndarray, shape (R, P)
        Components, all finite.
    groups : int
        Number of groups, K.
    agreement : float
        Share of the voters that have to agree for a galaxy to be kept, to three decimals: 0.667
        means two thirds.
    seed : int
    voters : int
    threads : int
        Processes.
    quiet : bool
        Without progress messages.

    Returns
    -------
    Voters

    Raises
    ------
    InputError
        If the bags are not larger than the number of groups.
    """
    reference = np.ascontiguousarray(reference, dtype=np.float32)
    size = bag_size(len(reference))
    if groups < 2 or size <= groups:
        raise InputError(
            f"config: voting.groups is {groups}, but {len(reference)} galaxies have features and "
            f"a voter sees {size} of them.\nSet voting.groups to {size - 1} at most (better "
            f"{max(size // 5, 2)} at most), or give the field more galaxies."
        )
    if size < 5 * groups and not quiet:
        log.info(
            "only %.1f galaxies per group in each bag: fewer than %d groups would be more stable",
            size / groups,
            groups,
        )
    bags = [
        np.random.default_rng([seed, voter]).choice(len(reference), size, replace=False)
        for voter in range(voters)
    ]
    algorithms = [ALGORITHMS[voter % len(ALGORITHMS)] for voter in range(voters)]
    found = _cluster_bags(reference, bags, algorithms, groups, seed, threads)
    if not quiet:
        found = progress(found, voters, "voters")
    graph, distance = reference_graph(reference)
    scale = local_scale(distance)
    local = distance / scale[graph]
    labels = np.stack(
        [
            spread_labels(reference, graph, local, bag, bag_labels)
            for bag, bag_labels in zip(bags, found, strict=True)
        ]
    )
    own = distance[:, :CLOSEST].mean(axis=1)
    return Voters(
        reference=reference,
        scale=scale,
        labels=align(labels, groups).astype(np.int16),
        algorithms=algorithms,
        groups=groups,
        agreement=agreement,
        limit=OUTLIER_FACTOR * float(np.quantile(own, OUTLIER_QUANTILE)),
    )


def _cluster_bags(
    reference: np.ndarray,
    bags: list[np.ndarray],
    algorithms: list[str],
    groups: int,
    seed: int,
    threads: int,
) -> Iterator[np.ndarray]:
    """Yield the labels of each bag. One thread each: K-means depends on their number."""
    width = reference.shape[1]
    seen = min(width, max(2, int(np.ceil(SUBSPACE_SHARE * width))))
    tasks = []
    for voter, (bag, algorithm) in enumerate(zip(bags, algorithms, strict=True)):
        rng = np.random.default_rng([seed, voter, 1])
        columns = np.sort(rng.choice(width, seen, replace=False))
        points = (reference, bag, columns)
        tasks.append((points, groups, algorithm, int(rng.integers(2**31))))
    # Small bags take less time than starting processes.
    if threads == 1 or len(bags[0]) < SMALL_BAG:
        for task in tasks:
            yield _cluster_bag(*task)
    else:
        pool = Parallel(n_jobs=threads, return_as="generator")
        yield from pool(delayed(_cluster_bag)(*task) for task in tasks)


def _cluster_bag(points: tuple, groups: int, algorithm: str, seed: int) -> np.ndarray:
    reference, bag, columns = points
    with threadpool_limits(1):
        return cluster(np.ascontiguousarray(reference[bag][:, columns]), groups, algorithm, seed)


def reference_graph(reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest neighbours of each reference galaxy among the others.

    Parameters
    ----------
    reference : ndarray, shape (R, P)

    Returns
    -------
    index, distance : ndarray, shape (R, M)
        M is 48, or R - 1 where that is less.
    """
    count = min(GRAPH, len(reference) - 1)
    index, distance = nearest(reference, reference, count + 1)
    # A galaxy is its own nearest neighbour, unless others are exactly like it.
    is_self = index == np.arange(len(reference))[:, None]
    is_self[:, -1] |= ~is_self.any(axis=1)
    shape = (len(reference), count)
    return index[~is_self].reshape(shape), distance[~is_self].reshape(shape)


def local_scale(distance: np.ndarray) -> np.ndarray:
    """Mean distance (R,) of each reference galaxy to its nearest ones, from (R, M) distances."""
    scale = distance[:, :SCALE].mean(axis=1)
    # Galaxies with many exact copies would have a scale of zero.
    return np.maximum(scale, 1e-6 * max(float(np.median(scale)), 1e-300))


def spread_labels(
    reference: np.ndarray,
    graph: np.ndarray,
    local: np.ndarray,
    bag: np.ndarray,
    bag_labels: np.ndarray,
) -> np.ndarray:
    """Give reference galaxies outside a bag the label of their nearest member of the bag.

    Parameters
    ----------
    reference : ndarray, shape (R, P)
    graph : ndarray of int, shape (R, M)
        Neighbours, from `reference_graph`.
    local : ndarray, shape (R, M)
        Distances to them, in units of each neighbour's scale.
    bag : ndarray of int, shape (B,)
        Members.
    bag_labels : ndarray of int, shape (B,)

    Returns
    -------
    ndarray of int, shape (R,)
    """
    labels = np.full(len(reference), -1)
    labels[bag] = bag_labels
    outside = np.flatnonzero(labels < 0)
    inside = labels[graph[outside]] >= 0
    # As in `cast_votes`, take the label from the best of the first candidates.
    inside &= np.cumsum(inside, axis=1) <= CANDIDATES
    column = np.where(inside, local[outside], np.inf).argmin(axis=1)
    source = graph[outside, column]
    alone = ~inside.any(axis=1)
    if alone.any():
        found, _ = nearest(reference[outside[alone]], reference[bag], 1)
        source[alone] = bag[found[:, 0]]
    labels[outside] = labels[source]
    return labels


def cast_votes(components: np.ndarray, voters: Voters) -> dict[str, np.ndarray]:
    """Vote on galaxies, row by row.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        In the same coordinates as the reference. Rows with NaN get no group.
    voters : Voters

    Returns
    -------
    dict of ndarray, shape (N, ...)
        group : int16, the one with most votes (the lower number if equal), -1 if none.
        vote_fraction : float32, its share of the votes, NaN if none.
        group_second : int16, the one with the next most votes, -1 if all voters agree.
        kept : bool, whether vote_fraction reaches the agreement.
        counts : int16, shape (N, K), votes for each group.
        distance : float32, mean distance to the five nearest reference galaxies other than
            itself, in units of the components.
        outlier : bool, whether distance is above `voters.limit`.
    """
    finite = np.isfinite(components).all(axis=1)
    counts = np.zeros((len(components), voters.groups), np.int16)
    distance = np.full(len(components), np.nan, np.float32)
    index, away = nearest(components[finite], voters.reference, CANDIDATES)
    local = away / voters.scale[index]
    # A reference galaxy finds itself at distance zero, and so keeps its own votes.
    source = np.take_along_axis(index, local.argmin(axis=1)[:, None], axis=1)[:, 0]
    counts[finite] = count_votes(voters.labels[:, source], voters.groups)
    is_member = away[:, :1] == 0
    others = np.where(is_member, away[:, 1 : CLOSEST + 1], away[:, :CLOSEST])
    distance[finite] = others.mean(axis=1)
    order = rank_groups(counts, voters.parents)
    rows = np.arange(len(components))
    highest = counts[rows, order[:, 0]]
    total = len(voters.labels)
    runner_up = np.where(counts[rows, order[:, 1]] > 0, order[:, 1], -1)
    return {
        "group": np.where(finite, order[:, 0], -1).astype(np.int16),
        "vote_fraction": np.where(finite, highest / total, np.nan).astype(np.float32),
        "group_second": np.where(finite, runner_up, -1).astype(np.int16),
        "kept": finite & (highest >= votes_needed(voters.agreement, total)),
        "counts": counts,
        "distance": distance,
        "outlier": np.nan_to_num(distance) > voters.limit,
    }


def votes_needed(agreement: float, voters: int) -> int:
    """Fewest votes for a galaxy to be kept. An agreement of 0.667 means two thirds: 20 of 30."""
    return int(np.ceil((agreement - 0.0005) * voters))


def save_voters(path: str | Path, voters: Voters, attributes: dict) -> None:
    """Write a fitted vote to an HDF5 model file."""
    write_model(
        path,
        "voters",
        {
            "reference": voters.reference,
            "scale": voters.scale,
            "labels": voters.labels,
            "algorithms": np.array(voters.algorithms, dtype=str),
        },
        attributes
        | {
            "groups": voters.groups,
            "agreement": voters.agreement,
            "outlier_distance": voters.limit,
            "voters": voters.digest,
        }
        | ({} if voters.parents is None else {"parents": voters.parents}),
    )


def load_voters(path: str | Path) -> tuple[Voters, dict]:
    """Read a fitted vote and the attributes that say what it was fitted on.

    Raises
    ------
    InputError
        If the file does not hold a vote, or its arrays do not fit together.
    """
    arrays, attributes = read_model(path, "voters", ("reference", "scale", "labels", "algorithms"))
    reference, labels = arrays["reference"], arrays["labels"]
    groups = int(attributes["groups"])
    fits = labels.ndim == 2 and labels.shape == (len(arrays["algorithms"]), len(reference))
    fits = fits and reference.ndim == 2 and arrays["scale"].shape == (len(reference),)
    if not fits or labels.min() < 0 or labels.max() >= groups:
        raise InputError(
            f"{path}: array 'labels' of shape {labels.shape} does not fit {len(reference)} "
            f"reference galaxies in {groups} groups. The file is damaged: fit the voters again."
        )
    voters = Voters(
        reference=reference,
        scale=arrays["scale"],
        labels=labels,
        algorithms=list(arrays["algorithms"]),
        groups=groups,
        agreement=float(attributes["agreement"]),
        limit=float(attributes["outlier_distance"]),
        parents=attributes.get("parents"),
    )
    return voters, attributes


def check_components(found: dict, path: str | Path, expected: dict, source: str | Path) -> None:
    """Raise an error if components come from another PCA than the model's.

    Parameters
    ----------
    found, expected : dict
        Attributes of the two files. Nothing is checked if `expected` names no PCA.
    path, source : path
        The files, for the message.

    Raises
    ------
    InputError
    """
    if "pca" in expected and found.get("pca") != expected["pca"]:
        raise InputError(
            f"{path}: attribute 'pca' is {found.get('pca')}, but {source} was fitted on the "
            f"components of PCA {expected['pca']}.\nTake both files from one model folder."
        )


def fit_voters_file(
    components: str | Path,
    output: str | Path,
    groups: int,
    agreement: float,
    seed: int,
    voters: int,
    threads: int,
) -> None:
    """Fit a vote on a random reference sample (20,000 at most) of a components file."""
    sample, available = sample_rows([components], "component", SAMPLE_LIMIT, seed)
    log.info("%d voters on a reference of %d of %d galaxies", voters, len(sample), available)
    fitted = fit_voters(sample, groups, agreement, seed, voters, threads)
    attributes = read_attributes(components) | {"seed": seed, "galaxies": available}
    save_voters(output, fitted, attributes)
    sizes = np.bincount(count_votes(fitted.labels, groups).argmax(axis=1), minlength=groups)
    log.info("sizes of the %d groups: %s", groups, ", ".join(str(size) for size in sizes))


def cast_votes_file(
    components: str | Path, model: str | Path, calibration: str | Path, output: str | Path
) -> None:
    """Vote on all galaxies of a components file, one batch in memory at a time.

    Parameters
    ----------
    components, model, calibration : path
        Components of the field, fitted voters, and the confidence for each number of votes.
    output : path

    Raises
    ------
    InputError
        If the components come from another PCA than the voters, or the confidence was made for
        another number of voters.
    """
    voters, attributes = load_voters(model)
    confidence, calibrated = load_confidence(calibration, len(voters.labels))
    found = read_attributes(components)
    check_components(found, components, attributes, model)
    check_components(found, components, calibrated, calibration)
    names = ["row", "id", "component"]
    batches = iterate_batches(components, names, BATCH)
    parts = []
    for batch in progress(batches, -(-count_rows(components) // BATCH), "batches"):
        votes = cast_votes(batch.pop("component"), voters)
        parts.append(batch | add_confidence(votes, confidence))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kept = arrays["kept"]
    log.info(
        "%d of %d galaxies in the vote kept (%.1f %%), %d outliers, %d without data",
        kept.sum(),
        voted := int((arrays["group"] >= 0).sum()),
        100 * kept.sum() / max(voted, 1),
        arrays["outlier"].sum(),
        (arrays["group"] < 0).sum(),
    )
    write_shard(
        output,
        arrays,
        {name: found[name] for name in found if name != "made_by"}
        | {
            "voters": attributes["voters"],
            "voter_count": len(voters.labels),
            "groups": voters.groups,
            "agreement": voters.agreement,
            "outlier_distance": voters.limit,
        },
    )
