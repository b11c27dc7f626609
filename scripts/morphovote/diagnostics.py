"""Numbers behind the figures and the summary: on arrays and tables, without drawing anything."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy.stats import binom, spearmanr

from morphovote import flags
from morphovote.errors import InputError

# The order of the classes wherever they are listed: from smooth and concentrated to shapeless.
CLASSES = ("SPH", "ETD", "LTD", "IRR", "UNC")

CATALOGUE_COLUMNS = (
    "ID",
    "GROUP",
    "VOTE_FRACTION",
    "KEPT",
    "CLASS",
    "CLASS_ORIGIN",
    "FLAGS",
    "SNR",
    "GINI",
    "M20",
    "CONCENTRATION",
    "ASYMMETRY",
    "SMOOTHNESS",
    "SERSIC_N",
    "R_E",
    "MEASURE_FLAG",
)
MEASURED = ("SERSIC_N", "R_E", "GINI", "M20", "CONCENTRATION", "ASYMMETRY")


def read_columns(path: str | Path, names: Sequence[str], extension: str | None = None) -> Table:
    """Read columns of a FITS table, with text as str and missing numbers as NaN.

    Parameters
    ----------
    path : str or Path
    names : sequence of str
        Exact names. Where a name occurs twice the first column counts: ours come before those of
        the source catalogue.
    extension : str, optional
        Name of the extension; the first table if left out.

    Returns
    -------
    Table
        The columns asked for, in that order.

    Raises
    ------
    InputError
        If the file holds no such table or column.
    """
    try:
        with fits.open(path) as file:
            tables = [hdu for hdu in file[1:] if isinstance(hdu, fits.BinTableHDU)]
            if extension is not None:
                tables = [hdu for hdu in tables if hdu.name == extension]
            if not tables:
                raise InputError(
                    f"{path}: holds no table {extension or ''}. Delete it and run the workflow "
                    "again."
                )
            hdu = tables[0]
            found = list(hdu.columns.names)
            missing = [name for name in names if name not in found]
            if missing:
                raise InputError(
                    f"{path}: has no column {', '.join(missing)}, only {', '.join(found)}. "
                    "Delete it and run the workflow again."
                )
            # By number, since FITS looks names up without regard to case.
            return Table({name: _native(hdu.data.field(found.index(name))) for name in names})
    except OSError as error:
        raise InputError(
            f"{path}: not a readable FITS file ({error}). Delete it and run the workflow again."
        ) from error


def read_catalogue(path: str | Path) -> Table:
    """The columns of a morphovote catalogue that the diagnostics use, one row a source."""
    return read_columns(path, CATALOGUE_COLUMNS)


def _native(column: np.ndarray) -> np.ndarray:
    column = np.asarray(column)
    if column.dtype.kind in "SU":
        return np.char.strip(column.astype(str))
    if column.dtype.kind in "iu" and column.dtype.itemsize > 1:
        return column.astype(np.int64)
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    return column.astype(column.dtype.newbyteorder("="))


def order_classes(classes: np.ndarray) -> list[str]:
    """Names that occur, in the fixed order; others after them by alphabet, empty ones left out."""
    found = set(np.unique(np.asarray(classes, dtype=str))) - {"", "none"}
    return [name for name in CLASSES if name in found] + sorted(found - set(CLASSES))


def in_vote(flag: np.ndarray) -> np.ndarray:
    """Which sources took part in the vote: selected, and with usable pixels.

    Parameters
    ----------
    flag : ndarray of int, shape (N,)
        The FLAGS column.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    return (np.asarray(flag) & (flags.NO_DATA | flags.NOT_SELECTED)) == 0


def fraction_interval(successes: int, total: int, z: float = 1.96) -> tuple[float, float, float]:
    """Fraction and its Wilson (1927, JASA 22, 209) interval, by default 95 %.

    Returns
    -------
    fraction, low, high : float
        NaN where `total` is 0.
    """
    if total == 0:
        return np.nan, np.nan, np.nan
    fraction = successes / total
    scale = 1 + z**2 / total
    centre = (fraction + z**2 / (2 * total)) / scale
    half = z / scale * np.sqrt(fraction * (1 - fraction) / total + z**2 / (4 * total**2))
    return fraction, max(0.0, centre - half), min(1.0, centre + half)


def median_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Median and its distribution-free interval from order statistics; NaNs are left out.

    The interval lies between two observed values whose ranks a binomial count with p = 1/2
    stays within with at least the wanted probability (David & Nagaraja 2003, section 7.1). With
    too few values for the level (fewer than 6 at 95 %) it is all of their range.

    Returns
    -------
    median, low, high : float
        NaN where there is no finite value.
    """
    values = np.sort(np.asarray(values, dtype=float)[np.isfinite(values)])
    if not len(values):
        return np.nan, np.nan, np.nan
    lower = max(int(binom.ppf((1 - level) / 2, len(values), 0.5)) - 1, 0)
    return float(np.median(values)), float(values[lower]), float(values[-1 - lower])


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
    for place, name in enumerate(CLASSES[:4]):
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


def structure_region(gini: np.ndarray, m20: np.ndarray) -> np.ndarray:
    """Region of the Gini-M20 plane (Lotz et al. 2008, ApJ 672, 177, equation 4).

    Returns
    -------
    ndarray of str, shape (N,)
        'merger', 'E/S0/Sa', 'Sb-Irr', or '' where a value is missing.
    """
    gini, m20 = np.asarray(gini, dtype=float), np.asarray(m20, dtype=float)
    early = np.where(gini > 0.14 * m20 + 0.80, "E/S0/Sa", "Sb-Irr")
    region = np.where(gini > -0.14 * m20 + 0.33, "merger", early)
    return np.where(np.isfinite(gini) & np.isfinite(m20), region, "")


# Intercept of the quiescent box's slanted side, by redshift (Williams et al. 2009, equation 4).
UVJ_BINS = ((0.0, 0.5, 0.69), (0.5, 1.0, 0.59), (1.0, 2.0, 0.49))


def is_quiescent(u_v: np.ndarray, v_j: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Inside the UVJ box of Williams et al. (2009, ApJ 691, 1879, equation 4).

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


def kept_by_snr(snr: np.ndarray, kept: np.ndarray, bins: int = 8) -> Table:
    """Kept fraction in bins of signal-to-noise ratio that hold about as many galaxies each.

    Parameters
    ----------
    snr : ndarray of float, shape (N,)
        Not finite or not positive values are left out.
    kept : ndarray of bool, shape (N,)
    bins : int
        At most; fewer where a bin would hold fewer than 15 galaxies.

    Returns
    -------
    Table
        Columns snr (median), snr_low, snr_high, galaxies, fraction, low, high (95 %).
    """
    use = np.isfinite(snr) & (np.asarray(snr) > 0)
    order = np.argsort(snr[use], kind="stable")
    snr, kept = snr[use][order], np.asarray(kept, dtype=bool)[use][order]
    rows = []
    for part in np.array_split(np.arange(len(snr)), max(1, min(bins, len(snr) // 15))):
        if len(part):
            rows.append(
                (
                    float(np.median(snr[part])),
                    float(snr[part[0]]),
                    float(snr[part[-1]]),
                    len(part),
                    *fraction_interval(int(kept[part].sum()), len(part)),
                )
            )
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
        From its nearest likes; it decides between equal vote fractions. NaN counts as far.
    typical, doubtful : int
        How many of each, at most. The typical ones are picked first; nobody is both.

    Returns
    -------
    typical, doubtful : ndarray of int
        Positions, most typical and most doubtful first.
    """
    far = np.where(np.isfinite(distance), distance, np.inf)
    share = np.where(np.isfinite(vote_fraction), vote_fraction, -1)
    order = np.lexsort((np.arange(len(far)), far, -share))
    first = order[:typical]
    last = order[typical:][::-1][:doubtful]
    return first, last


# Galaxies on a map, at most: the time grows with their number, and the eye sees no more.
MAP = 5000


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
        Which galaxies, in ascending order; empty where fewer than 10 have components.
    position : ndarray of float, shape (M, 2)
        Without unit or meaning beyond who is near whom.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    index = np.flatnonzero(np.isfinite(component).all(axis=1))
    if len(index) > size:
        index = np.sort(np.random.default_rng(seed).choice(index, size, replace=False))
    if len(index) < 10:
        return index[:0], np.empty((0, 2))
    spread = np.ptp(component[index], axis=0).max()
    if spread == 0:
        return index, np.zeros((len(index), 2))
    perplexity = min(30.0, (len(index) - 1) / 4)
    # One thread: with more, sums in another order give another map.
    with threadpool_limits(limits=1):
        model = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
        position = model.fit_transform(component[index].astype(np.float32))
    return index, position.astype(np.float64)
