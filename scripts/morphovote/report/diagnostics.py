"""Numbers behind the figures and the summary, from arrays and tables; nothing is drawn here."""

import numpy as np
from astropy.table import Table
from scipy.stats import spearmanr

from morphovote.classify.classes import EARLY, LATE
from morphovote.compute.statistics import equal_bins, fraction_interval

MEASURED = ("SERSIC_N", "R_E", "GINI", "M20", "CONCENTRATION", "ASYMMETRY")


def rank_trend(classes: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Spearman's rank correlation of a quantity with the class order SPH, ETD, LTD, IRR.

    Parameters
    ----------
    classes : ndarray of str, shape (N,)
        Rows of other classes are left out.
    values : ndarray of float, shape (N,)
        NaNs are left out.

    Returns
    -------
    dict
        `rho`, its 95 % interval `low` and `high` (Bonett & Wright 2000, Psychometrika 65, 23),
        `count`. NaN with fewer than 10 galaxies, fewer than two classes or a constant quantity.
    """
    classes, values = np.asarray(classes, dtype=str), np.asarray(values, dtype=float)
    rank = np.full(len(classes), np.nan)
    for place, name in enumerate(EARLY + LATE):
        rank[classes == name] = place
    use = np.isfinite(rank) & np.isfinite(values)
    count = int(use.sum())
    nothing = {"rho": np.nan, "low": np.nan, "high": np.nan, "count": count}
    if count < 10 or np.ptp(rank[use]) == 0 or np.ptp(values[use]) == 0:
        return nothing
    rho = float(spearmanr(rank[use], values[use]).statistic)
    centre = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    half = 1.96 * np.sqrt((1 + rho**2 / 2) / (count - 3))
    low, high = np.tanh([centre - half, centre + half])
    return {"rho": rho, "low": float(low), "high": float(high), "count": count}


# Intercept of the quiescent box's slanted side, by redshift (Williams et al. 2009, equation 4).
UVJ_BINS = ((0.0, 0.5, 0.69), (0.5, 1.0, 0.59), (1.0, 2.0, 0.49))


def is_quiescent(u_v: np.ndarray, v_j: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Whether galaxies lie in the UVJ box of Williams et al. (2009, ApJ 691, 1879, equation 4).

    Parameters
    ----------
    u_v, v_j : ndarray of float, shape (N,)
        Rest-frame colours, mag.
    redshift : ndarray of float, shape (N,)

    Returns
    -------
    ndarray of bool, shape (N,)
        False outside 0 <= z < 2, where the box is not defined, and for missing values.
    """
    inside = np.zeros(len(np.asarray(u_v)), dtype=bool)
    for low, high, intercept in UVJ_BINS:
        here = (redshift >= low) & (redshift < high)
        inside |= here & (u_v > 1.3) & (v_j < 1.6) & (u_v > 0.88 * v_j + intercept)
    return inside


def kept_by_snr(snr: np.ndarray, kept: np.ndarray, bins: int = 10) -> Table:
    """Kept fraction in bins of signal-to-noise ratio that hold about as many galaxies each.

    Parameters
    ----------
    snr : ndarray of float, shape (N,)
        Values that are not finite or not positive are left out.
    kept : ndarray of bool, shape (N,)
    bins : int
        At most; fewer where a bin would hold fewer than 15 galaxies.

    Returns
    -------
    Table
        Columns snr (median), snr_low, snr_high, galaxies, fraction, low, high (95 %).
    """
    snr, kept = np.asarray(snr, dtype=float), np.asarray(kept, dtype=bool)
    rows = [
        (float(np.median(snr[part])), float(snr[part[0]]), float(snr[part[-1]]), len(part),
         *fraction_interval(int(kept[part].sum()), len(part)))
        for part in equal_bins(np.where(snr > 0, snr, np.nan), bins, 15)
    ]  # fmt: skip
    names = ("snr", "snr_low", "snr_high", "galaxies", "fraction", "low", "high")
    return Table(rows=rows, names=names) if rows else Table(names=names)


def select_members(
    vote_fraction: np.ndarray, distance: np.ndarray, typical: int, doubtful: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pick a group's most typical and most doubtful members.

    Parameters
    ----------
    vote_fraction : ndarray of float, shape (M,)
        Share of the voters that put each member into the group.
    distance : ndarray of float, shape (M,)
        From its nearest reference galaxies; decides between equal vote fractions. NaN counts as
        far.
    typical, doubtful : int
        How many of each, at most; no member is both. If there are fewer members than the two
        together, they are divided in proportion, so that neither kind is empty.

    Returns
    -------
    typical, doubtful : ndarray of int
        Positions, most typical and most doubtful first.
    """
    far = np.where(np.isfinite(distance), distance, np.inf)
    share = np.where(np.isfinite(vote_fraction), vote_fraction, -1)
    order = np.lexsort((np.arange(len(far)), far, -share))
    if typical and doubtful and len(order) < typical + doubtful:
        doubtful = max(round(len(order) * doubtful / (typical + doubtful)), len(order) > 1)
        typical = len(order) - doubtful
    first = order[:typical]
    last = order[typical:][::-1][:doubtful]
    return first, last


# Largest number of galaxies on a map: more take longer and cannot be told apart by eye.
MAP = 5000


def choose_mapped(component: np.ndarray, seed: int, size: int = MAP) -> np.ndarray:
    """Which galaxies (N, P) are on the map: those without NaN, at most `size`, in ascending order.

    Fewer than 10 make no map: then the result is empty.
    """
    index = np.flatnonzero(np.isfinite(component).all(axis=1))
    if len(index) > size:
        index = np.sort(np.random.default_rng(seed).choice(index, size, replace=False))
    return index if len(index) >= 10 else index[:0]


def embed_tsne(component: np.ndarray, seed: int, size: int = MAP) -> tuple[np.ndarray, np.ndarray]:
    """Lay galaxies out on a plane with t-SNE (van der Maaten & Hinton 2008, JMLR 9, 2579).

    Parameters
    ----------
    component : ndarray of float, shape (N, P)
        NaN rows are left out.
    seed : int
    size : int
        At most as many galaxies, drawn at random.

    Returns
    -------
    index : ndarray of int, shape (M,)
        Which galaxies, in ascending order; empty if fewer than 10 have components.
    position : ndarray of float, shape (M, 2)
        No unit; only nearness has a meaning.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    index = choose_mapped(component, seed, size)
    if not len(index):
        return index, np.empty((0, 2))
    spread = np.ptp(component[index], axis=0).max()
    if spread == 0:
        return index, np.zeros((len(index), 2))
    perplexity = min(30.0, (len(index) - 1) / 4)
    # One thread: with more, sums are in another order and give another map.
    with threadpool_limits(limits=1):
        model = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
        position = model.fit_transform(component[index].astype(np.float32))
    return index, position.astype(np.float64)
