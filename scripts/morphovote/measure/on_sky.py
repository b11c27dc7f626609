"""Angles and magnitudes of Sersic fits, from pixels to the sky."""

import numpy as np
from astropy.table import Table

from morphovote.fields.images import image_wcs, pixel_to_sky


def angles_on_sky(
    tiles: Table, tile: np.ndarray, x: np.ndarray, y: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """Position angles of major axes, east of north.

    Parameters
    ----------
    tiles : Table
        From `sources.read_sources`.
    tile : ndarray of int, shape (N,)
        On which tile each galaxy is measured.
    x, y : ndarray, shape (N,)
        Its place there (px, 0-based).
    angle : ndarray, shape (N,)
        Of the major axis, from x towards y (rad); NaN where there is none.

    Returns
    -------
    ndarray, shape (N,)
        Degrees in [0, 180), ICRS; NaN where there is no angle, or the image has no WCS.
    """
    result = np.full(len(angle), np.nan)
    known = np.isfinite(angle)
    for number in np.unique(tile[known]):
        rows = np.flatnonzero(known & (tile == number))
        wcs = image_wcs(str(tiles["IMAGE"][number]), int(tiles["HDU"][number]))
        if wcs is None:
            continue
        along_x, along_y = np.cos(angle[rows]) / 2, np.sin(angle[rows]) / 2
        ends = [
            pixel_to_sky(wcs, x[rows] + sign * along_x, y[rows] + sign * along_y)
            for sign in (-1, 1)
        ]
        (ra, dec), (ra_end, dec_end) = ends
        east = (ra_end - ra + 180) % 360 - 180
        east *= np.cos(np.radians((dec + dec_end) / 2))
        result[rows] = np.degrees(np.arctan2(east, dec_end - dec)) % 180
    return result


def magnitudes(light: np.ndarray, zero_point: float | np.ndarray) -> np.ndarray:
    """AB magnitudes (N,) of light in units of the image; NaN where it is not positive.

    The zero point is that of all, or an array of shape (N,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found = zero_point - 2.5 * np.log10(light)
    return np.where(np.isfinite(found), found, np.nan)
