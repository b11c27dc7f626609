"""The published vote: K-means, Ward and BIRCH once each on all galaxies; all have to agree.

Fang et al. 2025 (A&A 693, A141) and their code. K-means is the reference. Each cluster of the other
two is mapped to the K-means group that most of its members are in, and a galaxy is kept if all
three agree. Three faults are kept on purpose (`checks.published_faults`): BIRCH's default
threshold, and two in the mapping. Ward stores the distances between all pairs of galaxies, and the
fitted vote cannot label any other galaxy.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.cluster import AgglomerativeClustering, Birch, KMeans
from threadpoolctl import threadpool_limits

from morphovote.compute.memory import require_memory
from morphovote.compute.neighbours import nearest
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.storage.model_files import digest, read_model, write_model
from morphovote.storage.shards import read_attributes, read_shard, write_shard
from morphovote.vote.bagged import Voters
from morphovote.vote.confidence import add_confidence, load_confidence

ALGORITHMS = ("kmeans", "ward", "birch")
# The mean distance to this many neighbours is listed for each galaxy, as in the bagged vote.
CLOSEST = 5
KIND = "published voters"


@dataclass(frozen=True)
class PublishedVoters:
    """A fitted published vote.

    Attributes
    ----------
    labels : ndarray, shape (3, N), int16
        Cluster of each galaxy by K-means, Ward and BIRCH, each in its own numbering.
    groups : int
    """

    labels: np.ndarray
    groups: int

    @property
    def algorithms(self) -> list[str]:
        """Names of the voters."""
        return list(ALGORITHMS)

    @property
    def digest(self) -> str:
        """Hash of the vote: group numbers mean the same only if it is the same."""
        return digest(self.labels)


def needed_gigabytes(galaxies: int, components: int) -> float:
    """Memory (GB) that the vote needs.

    Ward and BIRCH's last step store the distances between all pairs in double precision, and a copy
    for the linkage: 8 bytes times the square of the number of galaxies. The components are in
    memory five times (the data, double precision, BIRCH's tree and its centres).
    """
    return (8 * galaxies**2 + 5 * 8 * galaxies * components) / 1e9


def fit_voters(components: np.ndarray, groups: int, seed: int) -> PublishedVoters:
    """Cluster all galaxies by three algorithms with scikit-learn's defaults.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        All finite.
    groups : int
    seed : int
        For K-means. (The published code sets none.)

    Returns
    -------
    PublishedVoters

    Raises
    ------
    InputError
        If there are not more galaxies than groups, or not enough memory.
    """
    count, width = components.shape
    if count <= groups:
        raise InputError(
            f"config: voting.groups is {groups}, but {count} galaxies have features.\nSet "
            f"voting.groups to {max(count - 1, 2)} at most, or give the field more galaxies."
        )
    require_memory(
        needed_gigabytes(count, width),
        f"config: voting.scheme published on {count:,} galaxies with {width} components",
        "Set voting.scheme: bagged, whose cost grows linearly, or select fewer galaxies.",
    )
    # One thread: K-means depends on their number.
    with threadpool_limits(1):
        labels = cluster_all(np.ascontiguousarray(components), groups, seed)
    return PublishedVoters(labels.astype(np.int16), groups)


def cluster_all(points: np.ndarray, groups: int, seed: int) -> np.ndarray:
    """Labels (3, N) of all points (N, P) by K-means, Ward and BIRCH, with default settings."""
    return np.stack(
        [
            KMeans(groups, random_state=seed).fit_predict(points),
            AgglomerativeClustering(groups).fit_predict(points),
            Birch(n_clusters=groups).fit_predict(points),
        ]
    )


def map_clusters(
    reference: np.ndarray, labels: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Map clusters to K-means groups, and record one cluster for each K-means group.

    Parameters
    ----------
    reference, labels : ndarray of int, shape (N,)
        K-means groups and the other algorithm's clusters, 0 to `groups` - 1.
    groups : int

    Returns
    -------
    meant : ndarray of int, shape (groups,)
        Most frequent K-means group of each cluster, -1 if it has no members.
    owner : ndarray of int, shape (groups,)
        The cluster recorded for each K-means group: the last one mapped to it, which overwrites the
        others; -1 if there is none.
    """
    meant, owner = np.full(groups, -1), np.full(groups, -1)
    for cluster in range(groups):
        members = reference[labels == cluster]
        if len(members):
            meant[cluster] = np.bincount(members, minlength=groups).argmax()
            owner[meant[cluster]] = cluster
    return meant, owner


def voter_labels(reference: np.ndarray, labels: np.ndarray, groups: int) -> np.ndarray:
    """K-means group that a voter gives each galaxy, with the faults of the mapping.

    Parameters
    ----------
    reference, labels : ndarray of int, shape (N,)
    groups : int

    Returns
    -------
    ndarray of int, shape (N,)
        The galaxy's own K-means group if its cluster is recorded for this group, and also if no
        cluster is (accepted without a vote). Otherwise the group that its cluster is mapped to, or
        -1 if that is the galaxy's own group but another cluster is recorded for it.
    """
    meant, owner = map_clusters(reference, labels, groups)
    accepted = (owner[reference] == labels) | (owner[reference] < 0)
    said = np.where(meant[labels] == reference, -1, meant[labels])
    return np.where(accepted, reference, said)


def cast_votes(components: np.ndarray, voters: PublishedVoters) -> dict[str, np.ndarray]:
    """Vote on the galaxies that the voters were fitted to.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        Rows with NaN get no group. The others have to be those of `fit_voters`, in the same order.
    voters : PublishedVoters

    Returns
    -------
    dict of ndarray, shape (N, ...)
        See `bagged.cast_votes`. group is always that of K-means, the reference of the published
        method; kept is true if all three agree; no galaxy is an outlier.
    """
    finite = np.isfinite(components).all(axis=1)
    reference = voters.labels[0].astype(int)
    said = np.stack(
        [reference, *(voter_labels(reference, other, voters.groups) for other in voters.labels[1:])]
    )
    votes = np.zeros((len(reference), voters.groups), np.int16)
    rows = np.arange(len(reference))
    for voter in said:
        np.add.at(votes, (rows[voter >= 0], voter[voter >= 0]), 1)
    own = votes[rows, reference]
    others = votes.copy()
    others[rows, reference] = 0
    second = np.where(others.max(axis=1) > 0, others.argmax(axis=1), -1)
    _, away = nearest(components[finite], components[finite], CLOSEST + 1)

    def everywhere(values: np.ndarray, empty: float, dtype: type) -> np.ndarray:
        result = np.full((len(components), *values.shape[1:]), empty, dtype)
        result[finite] = values
        return result

    return {
        "group": everywhere(reference, -1, np.int16),
        "vote_fraction": everywhere(own / len(ALGORITHMS), np.nan, np.float32),
        "group_second": everywhere(second, -1, np.int16),
        "kept": everywhere(own == len(ALGORITHMS), False, bool),
        "counts": everywhere(votes, 0, np.int16),
        "distance": everywhere(away[:, 1:].mean(axis=1), np.nan, np.float32),
        "outlier": np.zeros(len(components), bool),
    }


def nearest_voters(components: str | Path, model: str | Path) -> Voters:
    """Voters for changed galaxies: each one takes the labels of its nearest galaxy.

    The published method cannot do this; the checks that follow changed and injected galaxies need
    it. Each cluster is mapped to the K-means group that most of its members are in, without the
    faults of the published mapping.

    Parameters
    ----------
    components, model : path
        Components of the field, and the vote fitted to them.
    """
    arrays, attributes = read_model(model, KIND, ("labels", "row"))
    points = read_shard(components, ["component"])["component"]
    points = points[np.isfinite(points).all(axis=1)]
    groups, reference = int(attributes["groups"]), arrays["labels"][0].astype(int)
    meant = [map_clusters(reference, other, groups)[0][other] for other in arrays["labels"][1:]]
    return Voters(
        reference=points,
        scale=np.ones(len(points)),
        labels=np.stack([reference, *meant]).astype(np.int16),
        algorithms=list(ALGORITHMS),
        groups=groups,
        agreement=1.0,
        limit=np.inf,
    )


def count_faults(voters: PublishedVoters) -> dict[str, dict[str, float]]:
    """Share of the galaxies that each fault of the mapping affects, for Ward and for BIRCH.

    Returns
    -------
    dict of dict
        overwritten : galaxies whose cluster is mapped to their own group but not recorded for it;
        unmapped : galaxies in a K-means group for which no cluster is recorded.
    """
    reference = voters.labels[0].astype(int)
    found: dict[str, dict[str, float]] = {"overwritten": {}, "unmapped": {}}
    for name, labels in zip(ALGORITHMS[1:], voters.labels[1:], strict=True):
        said = voter_labels(reference, labels, voters.groups)
        _, owner = map_clusters(reference, labels, voters.groups)
        found["overwritten"][name] = float((said < 0).mean())
        found["unmapped"][name] = float((owner[reference] < 0).mean())
    return found


def fit_voters_file(components: str | Path, output: str | Path, groups: int, seed: int) -> None:
    """Fit the vote on all galaxies of a components file; see `fit_voters`."""
    arrays = read_shard(components, ["row", "component"])
    finite = np.isfinite(arrays["component"]).all(axis=1)
    fitted = fit_voters(arrays["component"][finite], groups, seed)
    for fault, shares in count_faults(fitted).items():
        text = ", ".join(f"{100 * share:.1f} % by {name}" for name, share in shares.items())
        log.info("%s labels (share of galaxies): %s", fault, text)
    attributes = {k: v for k, v in read_attributes(components).items() if k != "made_by"}
    attributes |= {"groups": groups, "seed": seed, "agreement": 1.0, "voters": fitted.digest}
    points, group = arrays["component"][finite], fitted.labels[0]
    centres = np.stack([points[group == number].mean(axis=0) for number in range(groups)])
    model = {"labels": fitted.labels, "row": arrays["row"][finite], "centres": centres}
    write_model(output, KIND, model, attributes)


def cast_votes_file(
    components: str | Path, model: str | Path, calibration: str | Path, output: str | Path
) -> None:
    """Vote on all galaxies of the components file that the voters were fitted to.

    Raises
    ------
    InputError
        If `components` is another file.
    """
    arrays, attributes = read_model(model, KIND, ("labels", "row"))
    found = read_attributes(components)
    galaxies = read_shard(components, ["row", "id", "component"])
    component = galaxies.pop("component")
    finite = np.isfinite(component).all(axis=1)
    same = np.array_equal(galaxies["row"][finite], arrays["row"])
    if not same or found.get("pca") != attributes.get("pca"):
        raise InputError(
            f"{components}: its galaxies or its PCA are not those that {model} was fitted to, "
            "expected the same field.\nThe published vote cannot be used on another: fit it there."
        )
    voters = PublishedVoters(arrays["labels"], int(attributes["groups"]))
    confidence, _ = load_confidence(calibration, len(ALGORITHMS))
    votes = add_confidence(cast_votes(component, voters), confidence)
    log.info("%d of %d galaxies kept", votes["kept"].sum(), len(finite))
    write_shard(
        output,
        galaxies | votes,
        {name: found[name] for name in found if name != "made_by"}
        | {
            "voters": attributes["voters"],
            "voter_count": len(ALGORITHMS),
            "groups": voters.groups,
            "agreement": 1.0,
            "scheme": "published",
        },
    )
