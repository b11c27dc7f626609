"""Class fractions as they are: corrected for confusion, and for what is lost with S/N and size.

The anchors tell how often a galaxy of class c at some S/N is called j. In each third of the field's
S/N the fractions are those that make the counted classes most probable (expectation-maximisation;
Saerens et al. 2002, Neural Comput. 14, 21), and a bin's fractions are the means of its thirds. An
anchor's class is here the one that it would have without noise and blur, so UNC is what has no class
at all, such as stars and artefacts, and galaxies whose shape was lost count for their own classes.

Intervals come from draws in which galaxies, anchors, and whole kinds of anchors (mergers, rings, ...)
have other weights (Rubin 1981, Ann. Stat. 9, 130): which kinds a class has in the sky is not known.
"""

import numpy as np

# S/N ranges of about equal numbers, and draws of the bootstrap.
STRATA, DRAWS = 3, 200
# Quantiles of the intervals.
LEVEL = (0.05, 0.95)
# Anchors, called as in all ranges together, that each range's table is given.
LENT = 5.0
# Galaxies with the fractions of the whole field that each bin is given.
FIELD = 4.0
STEPS = 100
BINS, FEWEST = 4, 60


def confusion(
    called: np.ndarray, clear: np.ndarray, stratum: np.ndarray, weight: np.ndarray, classes: int
) -> np.ndarray:
    """Chance (T, C, C) that a galaxy of each class (last) is called each (middle), by S/N range.

    Parameters
    ----------
    called, clear, stratum : ndarray of int, shape (A,)
        Of anchors: the class they get, the class without noise and blur, the range of S/N.
    weight : ndarray, shape (A,)
    classes : int
    """
    table = np.zeros((STRATA, classes, classes))
    np.add.at(table, (stratum, called, clear), weight)
    every = table.sum(axis=0) + 0.1
    every /= every.sum(axis=0)
    table += LENT * every
    return table / table.sum(axis=1, keepdims=True)


def unfold(counts: np.ndarray, table: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Fractions (..., T, C) that make the counts (..., T, C) of called classes most probable.

    Parameters
    ----------
    counts : ndarray, shape (..., T, C)
    table : ndarray, shape (T, C, C)
        From `confusion`.
    prior : ndarray, shape (T, C)
        Galaxies of each class that are added.
    """
    found = np.full(counts.shape, 1 / counts.shape[-1])
    for _ in range(STEPS):
        expected = np.einsum("tjc,...tc->...tj", table, found)
        ratio = counts / np.maximum(expected, 1e-12)
        found = found * np.einsum("tjc,...tj->...tc", table, ratio) + prior
        found /= np.maximum(found.sum(axis=-1, keepdims=True), 1e-12)
    return found


def estimate(tallies: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Corrected fractions (B, C) of bins from counts (B, T, C); the first bin is the whole field."""
    flat = np.full(tallies.shape[1:], 0.2)
    field = unfold(tallies[0], table, flat)
    found = unfold(tallies, table, FIELD * field)
    share = tallies.sum(axis=2)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    result = np.einsum("bt,btc->bc", share, found)
    result[0] = share[0] @ field
    return result
