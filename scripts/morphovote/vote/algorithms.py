"""Cluster one bag with K-means, Ward or BIRCH.

Ward needs the distances between all pairs, so its cost grows with the square of the bag's size.
BIRCH first gathers the galaxies into small sub-clusters and then joins these. A threshold sets
their size. At scikit-learn's default of 0.5 every galaxy of a high-dimensional bag is a sub-cluster
of its own, and BIRCH gives the same groups as Ward. Here the threshold is found from the data.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.cluster import AgglomerativeClustering, Birch, KMeans

from morphovote.compute.neighbours import nearest

ALGORITHMS = ("kmeans", "ward", "birch")
MOST_SUBCLUSTERS = 2000


def cluster(
    points: np.ndarray, groups: int, algorithm: str, seed: int, threshold: float | None = None
) -> np.ndarray:
    """Cluster one bag.

    Parameters
    ----------
    points : ndarray, shape (N, P)
        Principal components, all finite, N > groups.
    groups : int
        Number of clusters.
    algorithm : str
        One of `ALGORITHMS`.
    seed : int
        For K-means. Ward and BIRCH use no random numbers; BIRCH depends on the order of `points`.
    threshold : float, optional
        For BIRCH: largest radius of a sub-cluster; from `birch_threshold` if left out.

    Returns
    -------
    ndarray of int, shape (N,)
        0 to groups - 1.
    """
    if algorithm == "kmeans":
        # One start is enough: real groups are found from any start, chance ones differ between
        # voters.
        return KMeans(groups, n_init=1, random_state=seed).fit_predict(points)
    if algorithm == "ward":
        return AgglomerativeClustering(groups, linkage="ward").fit_predict(points)
    if algorithm == "birch":
        if threshold is None:
            threshold = birch_threshold(points, groups)
        # Nearly identical galaxies can give too few sub-clusters: make them smaller.
        while True:
            tree = _tree(points, threshold)
            if len(tree.subcluster_centers_) > groups or threshold < 1e-12:
                break
            threshold /= 2
        return _join(tree, points, groups)
    raise ValueError(f"unknown algorithm '{algorithm}', expected one of {ALGORITHMS}")


def _tree(points: np.ndarray, threshold: float) -> Birch:
    return Birch(threshold=threshold, branching_factor=50, n_clusters=None).fit(points)


def _join(tree: Birch, points: np.ndarray, groups: int) -> np.ndarray:
    """Join sub-clusters into groups by Ward's rule, each weighted by its number of galaxies.

    scikit-learn's own last step gives all sub-clusters the same weight: the many that hold one or
    two outliers then use up the groups, and one group gets half of all galaxies.
    """
    member = tree.labels_
    used, member = np.unique(member, return_inverse=True)
    centres = tree.subcluster_centers_[used].astype(np.float64)
    weights = np.bincount(member).astype(float)
    return _weighted_ward(centres, weights, groups)[member]


def _weighted_ward(centres: np.ndarray, weights: np.ndarray, groups: int) -> np.ndarray:
    """Ward's clustering of weighted points, by the update of Lance & Williams (1967).

    Memory, and mostly time as well, grow with the square of the number of points: for a few
    thousand points.
    """
    squared = cdist(centres, centres, "sqeuclidean")
    cost = squared * weights[:, None] * weights / (weights[:, None] + weights)
    np.fill_diagonal(cost, np.inf)
    weights = weights.copy()
    label = np.arange(len(centres))
    alive = np.ones(len(centres), bool)
    # Keep the cheapest partner of each: searching all pairs at every step would be cubic.
    partner = cost.argmin(axis=1)
    cheapest = cost[label, partner]
    for _ in range(len(centres) - groups):
        i = cheapest.argmin()
        j = partner[i]
        total = weights[i] + weights[j] + weights
        with np.errstate(invalid="ignore"):
            merged = (
                (weights[i] + weights) * cost[i]
                + (weights[j] + weights) * cost[j]
                - weights * cost[i, j]
            ) / total
        alive[j] = False
        merged[i] = np.inf
        merged[~alive] = np.inf
        cost[i], cost[:, i] = merged, merged
        cost[j], cost[:, j] = np.inf, np.inf
        weights[i] += weights[j]
        label[label == j] = i
        # Update only points that had one of the two as partner, or are closer to the merged one.
        again = np.flatnonzero(alive & ((partner == i) | (partner == j)))
        again = np.append(again[again != i], i)
        partner[again] = cost[again].argmin(axis=1)
        cheapest[again] = cost[again, partner[again]]
        cheapest[j] = np.inf
        closer = (merged < cheapest) | ((merged == cheapest) & (i < partner))
        partner[closer], cheapest[closer] = i, merged[closer]
    return np.unique(label, return_inverse=True)[1]


def birch_threshold(points: np.ndarray, groups: int) -> float:
    """Radius that gives BIRCH fewer sub-clusters than galaxies, but many more than groups.

    The target is a third of the number of galaxies, at most 2,000. With more sub-clusters BIRCH
    comes close to Ward; with fewer, a sub-cluster mixes galaxies of several groups. The search
    starts from the median distance to the nearest neighbour and stops within a factor of 1.3 of the
    target.

    Parameters
    ----------
    points : ndarray, shape (N, P)
    groups : int

    Returns
    -------
    float
        In the units of `points`.
    """
    _, distance = nearest(points, points, 2)
    scale = float(np.median(distance[:, -1])) or float(points.std()) or 1.0
    fewest = min(4 * groups, 0.7 * len(points))
    target = max(min(len(points) / 3, MOST_SUBCLUSTERS), fewest)
    low, high = 0.1 * scale, 10 * scale
    threshold = scale
    for _ in range(12):
        ratio = len(_tree(points, threshold).subcluster_centers_) / target
        if 1 / 1.3 < ratio < 1.3:
            break
        low, high = (threshold, high) if ratio > 1 else (low, threshold)
        threshold = float(np.sqrt(low * high))
    return threshold
