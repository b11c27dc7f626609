"""How wide a PSF is, and whether it can be that of the images."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from morphovote.fields.images import inspect_image, read_psf

# Parts of a pixel, and half of the side (px), of the piece in which the width is measured.
FINER, HALF = 8, 32
# Widths (px) that PSFs of survey images have, and the share of a cutout's side that is too wide.
NARROW, WIDE, SHARE = 1.0, 20.0, 0.25
# A PSF with this share of its light in one pixel has no width.
POINT = 0.9


def measure_fwhm(psf: np.ndarray) -> float:
    """Full width at half maximum (px): the diameter of a circle with the area above half the peak.

    Parameters
    ----------
    psf : ndarray
        Shape (height, width), from `read_psf`.
    """
    y, x = np.unravel_index(psf.argmax(), psf.shape)
    core = np.pad(psf, HALF)[y : y + 2 * HALF + 1, x : x + 2 * HALF + 1]
    at = np.arange(0, 2 * HALF + 1e-9, 1 / FINER)
    fine = ndimage.map_coordinates(core, np.meshgrid(at, at, indexing="ij"), order=3)
    area = np.count_nonzero(fine > fine.max() / 2) / FINER**2
    return float(2 * np.sqrt(area / np.pi))


def describe_psf(path: str | Path, pixel_scale: float, side: int) -> tuple[dict, list[str]]:
    """Size and width of a field's PSF, and what speaks against it.

    Parameters
    ----------
    path : str or Path
        FITS image, with its plane in brackets if need be. Without a WCS it is taken to have the
        pixels of the images.
    pixel_scale : float
        Of the images, arcsec.
    side : int
        Of a cutout (px).

    Returns
    -------
    about : dict
        `shape` (px of its own), and `fwhm` in px of the images and `fwhm_arcsec`.
    doubts : list of str
    """
    psf = read_psf(path)
    scale = inspect_image(path, "psf").pixel_scale or pixel_scale
    own = 0.0 if psf.max() > POINT else measure_fwhm(psf)
    fwhm = own * scale / pixel_scale
    about = {"shape": psf.shape, "fwhm": fwhm, "fwhm_arcsec": own * scale}
    doubts, widest = [], min(WIDE, SHARE * side)
    if not NARROW <= fwhm <= widest:
        doubts.append(
            f"{path}: the PSF is {fwhm:.2g} px wide (FWHM; {own * scale:.2g} arcsec), expected "
            f"{NARROW:g} to {widest:g} px of the images, for cutouts of {side} px. Is it in other "
            "pixels than the images, or no PSF? Give another one, or leave `psf` out"
        )
    return about, doubts
