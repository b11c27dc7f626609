"""Parameters of galaxies in every band of a field, and how their size changes with wavelength."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.fields.bands import in_band
from morphovote.measure.quality import MEASURED, trusted
from morphovote.measure.sections import measure_on_images

# What is kept of each band.
BY_BAND = (*MEASURED, "mag_sersic", "measure_flag")


def measure_in_bands(
    path: str | Path, sources: Table, tiles: Table, wavelength: Sequence[float | None], *how, **more
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Measure every galaxy of a shard of cutouts in every band of its field.

    Parameters
    ----------
    path, sources, tiles, *how, **more
        See `sections.measure_on_images`.
    wavelength : sequence of float or None
        Of the bands, micrometres.

    Returns
    -------
    arrays : dict of ndarray, shape (N,)
        row; `<name>_<number>` for the names of `BY_BAND` and the bands, from 0; size_gradient and
        size_gradient_err, see `size_gradient`.
    units : dict of str
    """
    arrays, units, sizes = {}, {}, []
    for number in range(len(wavelength)):
        moved = in_band(sources, number)
        found, known = measure_on_images(path, moved, tiles, *how, **more)
        arrays["row"] = found["row"]
        arrays |= {f"{name}_{number}": found[name] for name in BY_BAND}
        units |= {f"{name}_{number}": known[name] for name in BY_BAND if name in known}
        good = trusted(found)["r_e"]
        sizes.append((good, np.where(np.isfinite(good), found["r_e_err"], np.nan)))
    values, errors = (np.stack(part, axis=1).astype(float) for part in zip(*sizes, strict=True))
    slope, error = size_gradient(values, errors, np.array(wavelength, dtype=float))
    arrays |= {"size_gradient": slope.astype(np.float32)}
    return arrays | {"size_gradient_err": error.astype(np.float32)}, units


def size_gradient(
    size: np.ndarray, error: np.ndarray, wavelength: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slope of log10 of the size against log10 of the wavelength, by weighted least squares.

    Parameters
    ----------
    size, error : ndarray, shape (N, B)
        Half-light radii in B bands and their errors; NaN where not measured.
    wavelength : ndarray, shape (B,)
        NaN where unknown.

    Returns
    -------
    slope, error : ndarray, shape (N,)
        The slope does not depend on the redshift. NaN with fewer than two bands; the error is that
        of the fits' own errors.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log10(size)
        weight = (size * np.log(10) / error) ** 2
    x = np.broadcast_to(np.log10(wavelength), y.shape)
    good = np.isfinite(y) & np.isfinite(x) & np.isfinite(weight) & (weight > 0)
    x, y, weight = (np.where(good, part, 0.0) for part in (x, y, weight))
    total = np.maximum(weight.sum(axis=1), 1e-300)
    middle = (weight * x).sum(axis=1) / total
    centred = np.where(good, x - middle[:, None], 0.0)
    spread = (weight * centred**2).sum(axis=1)
    known = (good.sum(axis=1) > 1) & (spread > 0)
    spread = np.where(known, spread, 1.0)
    slope = (weight * centred * y).sum(axis=1) / spread
    return np.where(known, slope, np.nan), np.where(known, spread**-0.5, np.nan)
