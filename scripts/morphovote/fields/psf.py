"""The PSF at each place of a field: of its image, on the image's pixels."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy.interpolate import make_interp_spline
from scipy.ndimage import label

from morphovote.errors import InputError
from morphovote.fields.images import inspect_image, open_image, read_section
from morphovote.fields.psfex import Model, evaluate, read_model
from morphovote.fields.tiles import of_tiles

# How far (px) the brightest pixel of a PSF may lie from the middle of its image.
OFFSET = 2
# Cards with the side of a pixel of the PSF, mostly in arcsec (WebbPSF, STPSF, Tiny Tim), and those
# of an incomplete WCS, mostly in degrees; and cards with the samples along a pixel.
SCALES = ("PIXELSCL", "PIXSCALE", "PIXSCL", "PIXELSC", "SECPIX", "SECPIX1", "CDELT1", "CD1_1")
SAMPLES = ("OVERSAMP", "OVRSAMP", "OVERSMP", "OSAMP", "DET_SAMP")
# Sides (px of the images) that a PSF's pixels may have: others are a scale in another unit.
FINEST, COARSEST = 1 / 64, 4.0
# Pixels of a PSF that differ less from those of the images are the same.
SAME = 0.01
# Least side (px of the images) of a PSF.
LEAST = 3
# PSFs that are kept in memory.
KEPT = 64


class Psf(NamedTuple):
    """A PSF as its file has it.

    `image` has odd sides and a sum of 1, and is None where `model` is a PSFEx model. `step` is the
    side of its samples in pixels of the images, and `told` what told it, '' where nothing did and
    they are taken to be the same. Samples `hold` the response of a whole pixel of the image, or of
    one of their own size.
    """

    image: np.ndarray | None
    model: Model | None
    step: float
    told: str
    holds: bool


def field_psf(
    tiles: Table, given: Sequence[str], oversampling: float | None = None
) -> Callable[[int, float, float], np.ndarray | None] | None:
    """The PSF of a field, as a function of the image and the place in it.

    Parameters
    ----------
    tiles : Table
        From `sources.read_sources`; where each image has a PSF of its own, with a column PSF.
    given : sequence of str
        The PSF of all images, otherwise; empty if the field has none.
    oversampling : float, optional
        Samples along a pixel of the images; from the PSF's header if left out.

    Returns
    -------
    callable or None
        (tile, x, y) -> ndarray of odd sides and a sum of 1, in pixels of the images, centred on its
        middle pixel; x and y in px, 0-based. The same array wherever the PSF is the same. None in a
        band without a PSF.
    """
    files = list(map(str, tiles["PSF"] if "PSF" in tiles.colnames else given))
    if not any(files):
        return None
    # A model tells positions in the image that a cutout was cut from, which nobody knows.
    placed = tiles.meta["KIND"] != "cutouts"
    scales = of_tiles(tiles, "PIXSCALE", np.arange(len(files)))
    samples = [oversampling] * len(files)
    if "PSF_SAMPLES" in tiles.colnames:
        samples = [float(n) if np.isfinite(n) else None for n in tiles["PSF_SAMPLES"]]
    return partial(_psf_at, files, scales.tolist(), samples, placed)


def _psf_at(
    files: list[str],
    scales: list[float],
    samples: list[float | None],
    placed: bool,
    tile: int,
    x: float,
    y: float,
) -> np.ndarray | None:
    number = tile if len(files) > 1 else 0
    path = files[number]
    if not path:
        return None
    psf, pixels = _read(path, scales[number], samples[number])
    if pixels is not None:
        return pixels
    image = evaluate(psf.model, x, y) if placed else evaluate(psf.model)
    return _to_pixels(path, psf._replace(image=image))


@lru_cache(maxsize=KEPT)
def _read(
    path: str, pixel_scale: float, oversampling: float | None
) -> tuple[Psf, np.ndarray | None]:
    """A PSF, and its pixels if they are the same everywhere."""
    psf = read_psf(path, pixel_scale, oversampling)
    varies = psf.model is not None and len(psf.model.powers) > 1
    if psf.model is not None and not varies:
        psf = psf._replace(image=evaluate(psf.model))
    return psf, None if varies else _to_pixels(path, psf)


def psf_pixels(
    path: str | Path, pixel_scale: float, oversampling: float | None = None
) -> np.ndarray:
    """The PSF of one file in pixels of the images; of a PSFEx model, that in its middle.

    Parameters
    ----------
    path : str or Path
    pixel_scale : float
        Of the images, arcsec.
    oversampling : float, optional
        See `field_psf`.
    """
    psf = read_psf(path, pixel_scale, oversampling)
    return _to_pixels(path, psf if psf.model is None else psf._replace(image=evaluate(psf.model)))


def read_psf(path: str | Path, pixel_scale: float, oversampling: float | None = None) -> Psf:
    """Read a PSF image or model.

    Parameters
    ----------
    path : str or Path
        FITS, with its plane in brackets if need be.
    pixel_scale : float
        Of the images, arcsec.
    oversampling : float, optional
        See `field_psf`.

    Returns
    -------
    Psf
        An image is cut to an odd number of rows and columns, so that its centre is a pixel.

    Raises
    ------
    InputError
        If there is no 2-D image, it has no value in its middle, its sum is not positive, it has
        several peaks, or its peak is not in its middle; or for a model that cannot be used.
    """
    model = read_model(path)
    if model is not None:
        return Psf(None, model, model.step, f"PSF_SAMP = {model.step:g}", True)
    found = inspect_image(path, "psf")
    with open_image(found.path, found.hdu) as hdu:
        psf = read_section(hdu, 0, 0, *found.shape).astype(float)
        header = hdu.header.copy()
    step, told = sampling(header, found.pixel_scale, pixel_scale, oversampling)
    return Psf(_centred(path, psf, step), None, step, told, False)


def sampling(
    header: fits.Header, own: float | None, pixel_scale: float, oversampling: float | None
) -> tuple[float, str]:
    """Side of a PSF's samples in pixels of the images, and what tells it.

    Parameters
    ----------
    header : Header
        Of its plane.
    own : float or None
        Side of its pixels by its WCS (arcsec).
    pixel_scale : float
        Of the images, arcsec.
    oversampling : float or None
        By the config: what it says holds.

    Returns
    -------
    step : float
    told : str
        'OVERSAMP = 4'; '' where nothing tells, and the samples are taken to be the images' pixels.
    """
    if oversampling:
        return 1 / oversampling, f"psf_oversampling = {oversampling:g}"
    step, told = None, ""
    if own:
        step, told = own / pixel_scale, f"WCS, {own:.4g} arcsec"
    for key in SCALES:
        value = header.get(key)
        if step is not None or not isinstance(value, int | float) or not value:
            continue
        incomplete = key in ("CDELT1", "CD1_1")
        if incomplete and value == 1:
            continue
        for unit in (3600.0, 1.0) if incomplete else (1.0, 3600.0):
            if FINEST <= abs(value) * unit / pixel_scale <= COARSEST:
                step, told = abs(value) * unit / pixel_scale, f"{key} = {value:g}"
                break
    for key in SAMPLES:
        value = header.get(key)
        if isinstance(value, int | float) and value > 0:
            if value > 1 and (step is None or abs(step - 1) < 0.05):
                # The scale of the detector, where the header gives that.
                step, told = (step or 1.0) / value, f"{key} = {value:g}"
            break
    return (1.0, "") if step is None else (step, told)


def _centred(path: str | Path, psf: np.ndarray, step: float) -> np.ndarray:
    """A PSF of odd sides and sum 1; stops at what is none."""
    height, width = psf.shape
    core = psf[height // 4 : height - height // 4, width // 4 : width - width // 4]
    if lost := np.count_nonzero(~np.isfinite(core)):
        raise InputError(
            f"{path}: {lost} of the {core.size} pixels in the middle of the PSF are NaN or "
            "infinite, expected numbers.\nGive another PSF, or leave `psf` out."
        )
    psf = np.nan_to_num(psf, nan=0.0, posinf=0.0, neginf=0.0)
    if psf.sum() <= 0:
        raise InputError(
            f"{path}: the PSF sums to {psf.sum():.3g}, expected a positive sum.\n"
            "Give another PSF, or leave `psf` out."
        )
    stars = label(psf > psf.max() / 2, np.ones((3, 3)))[1]
    if stars > 1:
        raise InputError(
            f"{path}: has {stars} peaks of more than half its maximum, expected the image of one "
            "star.\nIf it is a grid of PSFs, cut one out; else leave `psf` out."
        )
    y, x = np.unravel_index(psf.argmax(), psf.shape)
    middle = [(side - 1) / 2 for side in psf.shape]
    if max(abs(y - middle[0]), abs(x - middle[1])) > OFFSET / min(step, 1.0):
        raise InputError(
            f"{path}: the PSF's brightest pixel is at x = {x}, y = {y}, expected it in the middle, "
            f"at x = {middle[1]:g}, y = {middle[0]:g} (from 0).\n"
            "Cut the PSF out about its peak, or leave `psf` out."
        )
    for axis in (0, 1):
        if psf.shape[axis] % 2 == 0:
            # The peak of an even-sized stamp is half a pixel to one side: drop the other side.
            peak = np.unravel_index(psf.argmax(), psf.shape)[axis]
            middle = (psf.shape[axis] - 1) / 2
            psf = np.delete(psf, 0 if peak > middle else -1, axis=axis)
    return psf / psf.sum()


def _to_pixels(path: str | Path, psf: Psf) -> np.ndarray:
    """Bring a PSF to pixels of the images, centred on the middle one.

    A sample that holds the response of a square of side `step` is short of that of a pixel by a box
    whose variance is the difference of theirs: over that the samples' spline is integrated.
    """
    image, step = psf.image, psf.step
    if abs(step - 1) > SAME or not all(side % 2 for side in image.shape):
        box = 0.0 if psf.holds else float(np.sqrt(max(1 - step**2, 0.0)))
        middle = [(side - 1) / 2 for side in image.shape] if psf.holds else _core(image)
        ways = [_weights(side, at, step, box)
                for side, at in zip(image.shape, middle, strict=True)]  # fmt: skip
        image = ways[0] @ image @ ways[1].T
        image = image / image.sum()
    if min(image.shape) < LEAST or image[tuple(side // 2 for side in image.shape)] <= 0:
        raise InputError(
            f"{path}: the PSF has {image.shape[1]} x {image.shape[0]} pixels of the images and "
            f"{image[tuple(side // 2 for side in image.shape)]:.3g} of its light in the middle one,"
            f" expected at least {LEAST} x {LEAST} and the PSF centred in its image.\n"
            "Give a larger, centred PSF, correct `psf_oversampling`, or leave `psf` out."
        )
    return image


def _core(image: np.ndarray) -> tuple[float, float]:
    """Row and column of the middle of a PSF: the centroid of what is above half of its peak."""
    rows, columns = np.nonzero(image > image.max() / 2)
    light = image[rows, columns]
    return float(rows @ light / light.sum()), float(columns @ light / light.sum())


@lru_cache(maxsize=KEPT)
def _weights(side: int, middle: float, step: float, box: float) -> np.ndarray:
    """Mean of a row's spline over boxes (px of the images) about pixels: (pixels, side)."""
    half = max(int(np.floor(min(middle, side - 1 - middle) * step - box / 2)), 0)
    at = middle + np.arange(-half, half + 1) / step
    spline = make_interp_spline(np.arange(side), np.eye(side), k=5 if side > 5 else 1)
    if box == 0:
        return spline(at)
    reach = box / step / 2
    whole = spline.antiderivative()
    return (whole(at + reach) - whole(at - reach)) / (2 * reach)
