"""Confidence intervals of fractions and medians, and bins of equal number."""

import numpy as np
from astropy.stats import binom_conf_interval
from scipy.stats import binom


def fraction_interval(successes: int, total: int) -> tuple[float, float, float]:
    """Fraction and its 95 % Wilson interval (Wilson 1927, JASA 22, 209).

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

    The interval lies between two observed values. A binomial count with p = 1/2 stays within
    their ranks with at least the probability `level` (David & Nagaraja 2003, section 7.1). With
    too few values for the level (fewer than 6 at 95 %) it is their whole range.

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


def equal_bins(values: np.ndarray, most: int, fewest: int) -> list[np.ndarray]:
    """Rows of bins with about the same number of galaxies each, by ascending value.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Rows that are not finite are left out.
    most : int
        Maximum number of bins.
    fewest : int
        Minimum number of galaxies in a bin, unless there are fewer in all.

    Returns
    -------
    list of ndarray of int
    """
    rows = np.flatnonzero(np.isfinite(values))
    rows = rows[np.argsort(values[rows], kind="stable")]
    count = max(1, min(most, len(rows) // fewest))
    return [part for part in np.array_split(rows, count) if len(part)]
