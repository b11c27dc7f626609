"""Lotz's lines in the plane of Gini and M20."""

import numpy as np


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
