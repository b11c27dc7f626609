"""Numbers behind the figures and the summary: on arrays and tables, without drawing anything."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.stats import binom_conf_interval
from astropy.table import Table
from scipy.stats import binom, spearmanr

from morphovote import flags
from morphovote.classify.classes import MEASURED as JUDGED
from morphovote.classify.classes import trusted
from morphovote.errors import InputError

# The order of the classes wherever they are listed: from smooth and concentrated to shapeless.
CLASSES = ("SPH", "ETD", "LTD", "IRR", "UNC")

CATALOGUE_COLUMNS = (
    "ID",
    "GROUP",
    "VOTE_FRACTION",
    "VOTE_CONFIDENCE",
    "KEPT",
    "CLASS",
    "CLASS_ORIGIN",
    "CLASS_REASON",
    "FLAGS",
    "SNR",
    "GINI",
    "M20",
    "CONCENTRATION",
    "ASYMMETRY",
    "SMOOTHNESS",
    "SERSIC_N",
    "R_E",
    "AXIS_RATIO",
    "MEASURE_FLAG",
)
# What the source catalogue may tell; NaN where it does not.
SOURCE_COLUMNS = ("MAG", "REDSHIFT", "LOG_MASS", "U_V", "V_J")
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
    """The columns of a morphovote catalogue that the diagnostics use, one row a source.

    What MEASURE_FLAG marks as badly measured is NaN (`leave_out_bad`), so that no figure and no
    median holds it.
    """
    return leave_out_bad(read_columns(path, CATALOGUE_COLUMNS))


def leave_out_bad(catalogue: Table) -> Table:
    """A copy of the catalogue with NaN wherever MEASURE_FLAG says that a value is bad."""
    catalogue = catalogue.copy()
    names = (*JUDGED, "measure_flag")
    shape = {name: np.asarray(catalogue[name.upper()]) for name in names}
    for name, values in trusted(shape).items():
        catalogue[name.upper()] = values
    return catalogue


def read_sources(path: str | Path) -> Table:
    """`SOURCE_COLUMNS` of the source list, one row a source, in the catalogue's order."""
    return read_columns(path, SOURCE_COLUMNS, "SOURCES")


def is_massive(log_mass: np.ndarray, cut: float) -> np.ndarray:
    """Above a stellar mass (log10 of solar masses); never where the mass is unknown."""
    return np.nan_to_num(np.asarray(log_mass, dtype=float), nan=-np.inf) > cut


def _native(column: np.ndarray) -> np.ndarray:
    column = np.asarray(column)
    if column.dtype.kind == "S":
        # Other letters than ASCII's: the catalogue holds them as UTF-8.
        return np.char.strip(np.char.decode(column, "utf-8", "replace"))
    if column.dtype.kind == "U":
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


def fraction_interval(successes: int, total: int) -> tuple[float, float, float]:
    """Fraction and its 95 % Wilson (1927, JASA 22, 209) interval.

    Returns
    -------
    fraction, low, high : float
        NaN where `total` is 0.
    """
    if total == 0:
        return np.nan, np.nan, np.nan
    low, high = binom_conf_interval(successes, total, 0.95, interval="wilson")
    return successes / total, float(low), float(high)


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


def equal_bins(values: np.ndarray, most: int, fewest: int) -> list[np.ndarray]:
    """Rows of bins that hold about as many galaxies each, by ascending value.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Rows that are not finite are left out.
    most : int
        Bins, at most.
    fewest : int
        Galaxies in a bin, at least, unless there are fewer in all.

    Returns
    -------
    list of ndarray of int
    """
    rows = np.flatnonzero(np.isfinite(values))
    rows = rows[np.argsort(values[rows], kind="stable")]
    count = max(1, min(most, len(rows) // fewest))
    return [part for part in np.array_split(rows, count) if len(part)]


def kept_by_snr(snr: np.ndarray, kept: np.ndarray, bins: int = 10) -> Table:
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
    snr, kept = np.asarray(snr, dtype=float), np.asarray(kept, dtype=bool)
    rows = [
        (float(np.median(snr[part])), float(snr[part[0]]), float(snr[part[-1]]), len(part),
         *fraction_interval(int(kept[part].sum()), len(part)))
        for part in equal_bins(np.where(snr > 0, snr, np.nan), bins, 15)
    ]  # fmt: skip
    names = ("snr", "snr_low", "snr_high", "galaxies", "fraction", "low", "high")
    return Table(rows=rows, names=names) if rows else Table(names=names)


def class_fractions(name: np.ndarray, values: np.ndarray, bins: int = 8) -> Table:
    """Share of every class in bins of a quantity that hold about as many galaxies each.

    Parameters
    ----------
    name : ndarray of str, shape (N,)
        Classes; galaxies without one are left out.
    values : ndarray of float, shape (N,)
        NaNs are left out.
    bins : int
        At most; fewer where a bin would hold fewer than 25 galaxies.

    Returns
    -------
    Table
        One row a bin and class: middle (median), bin_low, bin_high, class, galaxies (in the bin),
        members (of the class), fraction, low, high (95 % Wilson interval).
    """
    name = np.asarray(name, dtype=str)
    order = order_classes(name)
    values = np.where(np.isin(name, order), np.asarray(values, dtype=float), np.nan)
    rows = []
    for part in equal_bins(values, bins, 25):
        ends = float(np.median(values[part])), float(values[part[0]]), float(values[part[-1]])
        for key in order:
            members = int((name[part] == key).sum())
            rows.append((*ends, key, len(part), members, *fraction_interval(members, len(part))))
    names = ("middle", "bin_low", "bin_high", "class", "galaxies", "members", "fraction", "low",
             "high")  # fmt: skip
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
        How many of each, at most; nobody is both. Where there are fewer members than both
        together, they are shared out in proportion, so that neither kind is empty.

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
