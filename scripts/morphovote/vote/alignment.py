"""Bring the labels of many voters to one numbering; measure how well two labellings agree."""

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
    """Bring the labels of all voters to one numbering; the order of the voters does not matter.

    The consensus starts from the voter that agrees best with all others (highest mean adjusted Rand
    index). Each voter in turn is then matched to the votes of all others by the assignment that
    makes most votes agree (Hungarian algorithm, Kuhn 1955), until nothing changes. Each step raises
    the number of agreeing pairs of votes. The best of five starts is kept.

    Parameters
    ----------
    labels : ndarray of int, shape (V, R)
        0 to groups - 1, each voter in its own numbering.
    groups : int

    Returns
    -------
    ndarray of int, shape (V, R)
        The same partitions, groups numbered from the largest (by most votes) to the smallest.
    """
    own = np.stack([_by_first_member(voter, groups) for voter in labels])
    # Sort the voters by their partitions: the result must not depend on the order given.
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
    """Number groups by their first member, so that equal partitions have equal labels."""
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
    """Mapping (K,) of a voter's labels that makes most of its votes agree with the others'."""
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
    """Rank the groups of each galaxy by votes; of equal ones the lower number comes first.

    Parameters
    ----------
    counts : ndarray of int, shape (N, K)
    parents : ndarray of int, shape (K,), optional
        Group that each was split from, its own number if none. Votes for all parts of a group are
        added up first, so that splitting a group gives none of its members to other groups.

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
