"""Lengths on the sky in a flat universe with H0 = 70 km/s/Mpc and Omega_m = 0.3."""

import numpy as np
from astropy.cosmology import FlatLambdaCDM

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)


def kpc_per_arcsec(redshift: np.ndarray) -> np.ndarray:
    """Proper length of one arcsecond (kpc) in `COSMOLOGY`; NaN without a positive redshift.

    Parameters
    ----------
    redshift : ndarray of float, shape (N,)

    Returns
    -------
    ndarray of float, shape (N,)
    """
    redshift = np.asarray(redshift, dtype=float)
    scale = np.full(redshift.shape, np.nan)
    known = np.isfinite(redshift) & (redshift > 0)
    scale[known] = COSMOLOGY.kpc_proper_per_arcmin(redshift[known]).value / 60
    return scale
