"""Labels of many voters in one numbering, and how much two labellings agree."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array


def rand_index(first: np.ndarray, second: np.ndarray) -> float:
    """Adjusted Rand index of two labellings (Hubert & Arabie 1985, eq. 5).

    Parameters
    ----------
    first, second : ndarray of int, shape (N,)
        Not negative.

    Returns
    -------
    float
        1 for equal partitions, about 0 for unrelated ones.
    """
    width = int(second.max()) + 1
    table = np.bincount(first.astype(np.int64) * width + second, minlength=width)
    table = np.pad(table, (0, -len(table) % width)).reshape(-1, width).astype(float)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / max(pairs(np.array([len(first)])), 1)
    highest = (rows + columns) / 2
    return 1.0 if highest == expected else (both - expected) / (highest - expected)


def pairwise_rand_index(labels: np.ndarray) -> np.ndarray:
    """Adjusted Rand index of all pairs of voters, labels (V, R) -> (V, V)."""
    result = np.eye(len(labels))
    for i in range(len(labels)):
        for j in range(i):
            result[i, j] = result[j, i] = rand_index(labels[i], labels[j])
    return result


def align(labels: np.ndarray, groups: int) -> np.ndarray:
    """Bring the labels of all voters to one numbering, whatever their own and their order.

    The consensus starts from the voter that agrees best with all others (highest mean adjusted
    Rand index). Then each voter in turn is matched to the votes of all others by the assignment
    that lets most votes fall together (Hungarian algorithm, Kuhn 1955), until none changes: each
    step raises the number of agreeing pairs of votes. Of five starts the best end is taken.

    Parameters
    ----------
    labels : ndarray of int, shape (V, R)
        0 to groups - 1, each voter in its own numbering.
    groups : int

    Returns
    -------
    ndarray of int, shape (V, R)
        The same partitions; group 0 is the largest by most votes, then 1, and so on.
    """
    own = np.stack([_by_first_member(voter, groups) for voter in labels])
    # Voters in an order that is a property of their partitions, not of the way they are given.
    order = np.lexsort(own.T[::-1])
    own = own[order]
    likeness = pairwise_rand_index(own).mean(axis=1)
    best, highest = own, -1.0
    for start in np.argsort(-likeness, kind="stable")[:5]:
        aligned, agreement = _align_from(own, groups, int(start))
        if agreement > highest:
            best, highest = aligned, agreement
    votes = count_votes(best, groups)
    sizes = np.bincount(votes.argmax(axis=1), minlength=groups)
    number = np.empty(groups, int)
    number[np.lexsort((-votes.sum(axis=0), -sizes))] = np.arange(groups)
    result = np.empty_like(best)
    result[order] = number[best]
    return result


def _by_first_member(labels: np.ndarray, groups: int) -> np.ndarray:
    """Number groups by their first member, so that the numbers say nothing more."""
    names, first = np.unique(labels, return_index=True)
    number = np.zeros(groups, int)
    number[names[np.argsort(first)]] = np.arange(len(names))
    return number[labels]


def _align_from(own: np.ndarray, groups: int, start: int) -> tuple[np.ndarray, float]:
    member = np.eye(groups)
    aligned = np.stack([_match(voter, member[own[start]], groups)[voter] for voter in own])
    votes = member[aligned].sum(axis=0)
    for _ in range(100):
        changed = False
        for voter in range(len(own)):
            votes -= member[aligned[voter]]
            mapping = _match(own[voter], votes, groups)
            if (mapping[own[voter]] != aligned[voter]).any():
                aligned[voter] = mapping[own[voter]]
                changed = True
            votes += member[aligned[voter]]
        if not changed:
            break
    return aligned, float((votes**2).sum())


def _match(labels: np.ndarray, votes: np.ndarray, groups: int) -> np.ndarray:
    """Mapping (K,) of a voter's labels that lets most of its votes fall on those of the others."""
    places = np.arange(len(labels))
    member = csr_array((np.ones(len(labels)), (labels, places)), (groups, len(labels)))
    overlap = member @ votes
    return linear_sum_assignment(overlap, maximize=True)[1]


def count_votes(labels: np.ndarray, groups: int) -> np.ndarray:
    """Votes for each group, labels (V, N) -> (N, K) int16."""
    votes = np.zeros((labels.shape[1], groups), np.int16)
    rows = np.arange(labels.shape[1])
    for voter in labels:
        votes[rows, voter] += 1
    return votes


def rank_groups(counts: np.ndarray, parents: np.ndarray | None = None) -> np.ndarray:
    """Groups of each galaxy by their votes, the lower number first of equal ones.

    Parameters
    ----------
    counts : ndarray of int, shape (N, K)
    parents : ndarray of int, shape (K,), optional
        Group that each one is a part of, its own number where it is none. Votes for the parts of
        one group count together first: splitting a group hands none of its members to others.

    Returns
    -------
    ndarray of int, shape (N, K)
        Groups without a vote come last.
    """
    if parents is None:
        return np.argsort(-counts, axis=1, kind="stable")
    total = np.zeros_like(counts)
    for parent in np.unique(parents):
        family = parents == parent
        total[:, family] = counts[:, family].sum(axis=1, keepdims=True)
    return np.lexsort((-counts, -total, counts == 0), axis=1)
