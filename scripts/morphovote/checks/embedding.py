"""What an embedding is made of: how much of it known quantities explain, and where classes lie."""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold

# Most galaxies, drawn at random.
SAMPLE = 2000
FOLDS, TREES, LEAF = 5, 40, 5
# Fewest galaxies with a quantity for it to be judged.
FEWEST = 50
# Components whose direction is told.
SHOWN = 8
ALL, SHUFFLED = "all together", "all, shuffled"
COLUMNS = ("quantity", "galaxies", "embedding", "groups")


def explained(quantities: np.ndarray, *targets: np.ndarray, seed: int = 0) -> list[float]:
    """Share of the variance of targets that quantities predict, in five folds.

    Parameters
    ----------
    quantities : ndarray, shape (N, Q)
        NaN where unknown, which the trees take for a value of its own.
    *targets : ndarray, shape (N, P)
        All finite. Components count as much as they vary.
    seed : int
        Of the folds and the trees.

    Returns
    -------
    list of float
        For each target 1 minus the squared errors over the squared distances from the mean: 1 if
        all is predicted, 0 if nothing; may be a little below 0.
    """
    unknown = ~np.isfinite(quantities)
    # Ranks, so that neither unit nor scale matters; below all ranks where unknown.
    values = np.where(unknown, -1.0, _ranks(quantities))
    both = np.concatenate(targets, 1)
    found = np.empty_like(both)
    for learn, test in KFold(FOLDS, shuffle=True, random_state=seed).split(values):
        model = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=seed)
        found[test] = model.fit(values[learn], both[learn]).predict(values[test])
    parts = np.split(found, np.cumsum([target.shape[1] for target in targets])[:-1], axis=1)
    return [
        float(1 - ((target - part) ** 2).sum() / ((target - target.mean(0)) ** 2).sum())
        for target, part in zip(targets, parts, strict=True)
    ]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank, 0 to 1, of each value in its column."""
    order = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0)
    return order / max(len(values) - 1, 1)


def explain_embedding(
    quantities: Mapping[str, np.ndarray], components: np.ndarray, group: np.ndarray, seed: int = 0
) -> Table:
    """How much of the embedding, and of the groups, each quantity explains.

    Parameters
    ----------
    quantities : mapping of ndarray, shape (N,)
        NaN where unknown. Left out are those known for fewer than 50 galaxies, or of one value.
    components : ndarray, shape (N, P)
        All finite.
    group : ndarray of int, shape (N,)
        -1 where none.
    seed : int
        Of the sample, the folds and the trees.

    Returns
    -------
    Table
        `COLUMNS`: for each quantity alone, for all together, and for all after shuffling the
        galaxies, the share of the variance of the components, and of that between the groups'
        means, that it predicts for galaxies left out.
    """
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(group >= 0)
    rows = np.sort(rng.permutation(rows)[:SAMPLE])
    known = {
        name: np.asarray(value, float)[rows]
        for name, value in quantities.items()
        if np.isfinite(np.asarray(value, float)[rows]).sum() >= FEWEST
    }
    known = {name: value for name, value in known.items() if np.nanmin(value) < np.nanmax(value)}
    number, label = np.unique(group[rows], return_inverse=True)
    if len(rows) < FEWEST or len(number) < 2 or not known:
        return Table(names=COLUMNS, dtype=(str, int, float, float))
    points = components[rows]
    means = np.stack([points[label == k].mean(0) for k in range(len(number))])[label]
    lines = []
    for name, value in known.items():
        here = np.isfinite(value)
        shares = explained(value[here, None], points[here], means[here], seed=seed)
        lines.append((name, int(here.sum()), *shares))
    together = np.stack(list(known.values()), 1)
    mixed = together[rng.permutation(len(together))]
    for name, values in ((ALL, together), (SHUFFLED, mixed)):
        shares = explained(values, points, means, seed=seed)
        lines.append((name, len(rows), *shares))
    return Table(rows=lines, names=COLUMNS)


def directions(
    quantities: Mapping[str, np.ndarray], components: np.ndarray, classes: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Where quantities rise and classes lie along the first components.

    Parameters
    ----------
    quantities : mapping of ndarray, shape (N,)
    components : ndarray, shape (N, P)
    classes : ndarray of str, shape (N,)

    Returns
    -------
    rank : dict of ndarray, shape (at most 8,)
        Spearman's rank correlation of each quantity with each component.
    place : dict of ndarray, same shape
        Mean of each class, in standard deviations of the component.
    """
    shown = components[:, :SHOWN]
    rank = {}
    for name, value in quantities.items():
        here = np.isfinite(np.asarray(value, float))
        if here.sum() >= FEWEST and np.ptp(np.asarray(value, float)[here]) > 0:
            pairs = [spearmanr(value[here], column[here]).statistic for column in shown.T]
            rank[name] = np.array(pairs)
    spread = shown.std(0).clip(1e-12)
    place = {
        str(name): (shown[classes == name].mean(0) - shown.mean(0)) / spread
        for name in np.unique(classes)
    }
    return rank, place
