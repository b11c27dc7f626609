"""Lotz's lines in the plane of Gini and M20 (Lotz et al. 2008, ApJ 672, 177, equations 4 and 5)."""

import numpy as np

# Below this M20 the line between early and late types lies under that of the mergers.
MEETING = (0.33 - 0.80) / 0.28


def merger_line(m20):
    """Gini above which a galaxy of this M20 is a merger."""
    return -0.14 * m20 + 0.33


def early_line(m20):
    """Gini above which a galaxy of this M20, if no merger, is of type E, S0 or Sa."""
    return 0.14 * m20 + 0.80


def structure_region(gini: np.ndarray, m20: np.ndarray) -> np.ndarray:
    """Region of the Gini-M20 plane.

    Returns
    -------
    ndarray of str, shape (N,)
        'merger', 'E/S0/Sa', 'Sb-Irr', or '' where a value is missing.
    """
    gini, m20 = np.asarray(gini, dtype=float), np.asarray(m20, dtype=float)
    early = np.where(gini > early_line(m20), "E/S0/Sa", "Sb-Irr")
    region = np.where(gini > merger_line(m20), "merger", early)
    return np.where(np.isfinite(gini) & np.isfinite(m20), region, "")
