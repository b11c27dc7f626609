"""FITS images: which extension, where on the sky, and a piece of the pixels at a time.

Pixel coordinates are 0-based with (0, 0) at the centre of the first pixel; x is the column, y the
row, and arrays are indexed [y, x]. No function here reads a whole mosaic.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales, wcs_to_celestial_frame
from scipy import ndimage

from morphovote.errors import InputError

# Extension names by which surveys (HST, JWST, Euclid, Rubin) call each kind of image.
EXTENSIONS = {
    "image": ("SCI", "IMAGE", "DATA", "FLUX"),
    "rms": ("RMS", "ERR", "ERROR", "SIGMA", "NOISE"),
    "weight": ("WHT", "WEIGHT", "IVAR", "INVVAR"),
}

# How far (px) the brightest pixel of a PSF may lie from the middle of its image.
PSF_OFFSET = 2


class Image(NamedTuple):
    """What is known of a FITS image without reading its pixels.

    `wcs` is None where the header has no celestial WCS, and so is `pixel_scale` (arcsec).
    """

    path: str
    hdu: int
    shape: tuple[int, int]
    wcs: WCS | None
    pixel_scale: float | None


def inspect_image(path: str | Path, kind: str = "image") -> Image:
    """Find the 2-D image of a FITS file and read its header.

    Parameters
    ----------
    path : str or Path
        Plain, gzipped or tile-compressed (`.fits`, `.fits.gz`, `.fits.fz`).
    kind : {'image', 'rms', 'weight'}
        Which extension to prefer, by name; otherwise the first 2-D one.

    Returns
    -------
    Image

    Raises
    ------
    InputError
        If the file cannot be read, holds no 2-D image, or its WCS is broken.
    """
    with _open(path) as hdus:
        planes = [
            (number, hdu) for number, hdu in enumerate(hdus) if hdu.is_image and len(hdu.shape) == 2
        ]
        if not planes:
            found = ", ".join(f"{hdu.name or number}: {hdu.shape}" for number, hdu in
                              enumerate(hdus) if hdu.is_image)  # fmt: skip
            raise InputError(
                f"{path}: no extension holds a 2-D image (found {found or 'no image at all'}).\n"
                "Give FITS files with one plane each."
            )
        named = [plane for plane in planes if plane[1].name.upper() in EXTENSIONS[kind]]
        number, hdu = (named or planes)[0]
        _check_length(path, hdu)
        wcs = _celestial_wcs(hdu.header, path)
        return Image(str(path), number, tuple(hdu.shape), wcs, wcs and _pixel_scale(wcs))


@contextmanager
def open_image(path: str | Path, hdu: int) -> Iterator[fits.ImageHDU]:
    """Open one extension for `read_section`, without reading pixels."""
    with _open(path) as hdus:
        header = hdus[hdu].header
        # Scaled integers cannot be memory-mapped; plain ones should be, for speed.
        scaled = any(key in header for key in ("BSCALE", "BZERO", "BLANK"))
        if not scaled:
            yield hdus[hdu]
            return
    with _open(path, memmap=False) as hdus:
        yield hdus[hdu]


def read_section(hdu: fits.ImageHDU, y: int, x: int, height: int, width: int) -> np.ndarray:
    """Read a rectangle of an image; what lies outside the image is NaN.

    Parameters
    ----------
    hdu : ImageHDU or CompImageHDU
        From `open_image`.
    y, x : int
        First row and column; may be negative.
    height, width : int

    Returns
    -------
    ndarray
        Shape (height, width), float32.

    Raises
    ------
    InputError
        If the file is broken.
    """
    section = np.full((height, width), np.nan, dtype=np.float32)
    rows, columns = hdu.shape
    bottom, top = max(y, 0), min(y + height, rows)
    left, right = max(x, 0), min(x + width, columns)
    if bottom >= top or left >= right:
        return section
    try:
        if isinstance(hdu, fits.CompImageHDU):
            data = hdu.section[bottom:top, left:right]
        else:
            # Asked for whole rows, astropy hands over one memory-mapped block and the slice
            # touches only its own pages; asked for part of each row it reads row by row, 100
            # times slower.
            data = hdu.section[bottom:top][:, left:right]
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            f"{hdu.fileinfo()['file'].name}: its pixels cannot be read ({error}).\n"
            "The file is probably cut short: fetch it again."
        ) from error
    section[bottom - y : top - y, left - x : right - x] = data
    return section


def missing_pixels(image: np.ndarray, rms: np.ndarray | None = None) -> np.ndarray:
    """Pixels without data: not finite, blank, or of no known noise.

    Blank pixels are exact zeros in solid patches of at least 3x3, as mosaics have where no
    exposure reached; a single zero is a pixel like any other.

    Parameters
    ----------
    image : ndarray
        Shape (height, width).
    rms : ndarray, optional
        Same shape; missing where not finite or not positive.

    Returns
    -------
    ndarray of bool
        Same shape.
    """
    missing = ~np.isfinite(image)
    zero = image == 0
    if zero.any():
        square = np.ones((3, 3), dtype=bool)
        # Patches go on beyond the border and under the other missing pixels.
        core = ndimage.binary_erosion(zero | missing, square, border_value=1)
        missing |= zero & ndimage.binary_dilation(core, square)
    if rms is not None:
        missing |= ~(np.isfinite(rms) & (rms > 0))
    return missing


def weight_to_rms(weight: np.ndarray) -> np.ndarray:
    """Noise from inverse variance, NaN where the weight is not positive."""
    good = weight > 0
    return np.where(good, 1 / np.sqrt(np.where(good, weight, 1)), np.nan).astype(np.float32)


def sky_to_pixel(wcs: WCS, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel positions of ICRS positions (deg); NaN where the projection does not reach."""
    frame = wcs_to_celestial_frame(wcs)
    sky = SkyCoord(ra, dec, unit="deg", frame="icrs").transform_to(frame).spherical
    with np.errstate(invalid="ignore"):
        x, y = wcs.all_world2pix(sky.lon.deg, sky.lat.deg, 0, quiet=True)
    return np.asarray(x), np.asarray(y)


def pixel_to_sky(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ICRS right ascension and declination (deg) of pixel positions."""
    frame = wcs_to_celestial_frame(wcs)
    longitude, latitude = wcs.all_pix2world(x, y, 0)
    sky = SkyCoord(longitude, latitude, unit="deg", frame=frame).icrs
    return np.asarray(sky.ra.deg), np.asarray(sky.dec.deg)


def read_psf(path: str | Path) -> np.ndarray:
    """Read a PSF image and normalise it to a sum of one.

    Returns
    -------
    ndarray
        Shape (height, width), float64, cut to an odd number of rows and columns so that its
        centre is a pixel; at the pixel scale of the images.

    Raises
    ------
    InputError
        If there is no 2-D image, its sum is not positive, or its peak is not in its middle.
    """
    image = inspect_image(path)
    with open_image(path, image.hdu) as hdu:
        psf = read_section(hdu, 0, 0, *image.shape).astype(float)
    psf = np.nan_to_num(psf, nan=0.0, posinf=0.0, neginf=0.0)
    if psf.sum() <= 0:
        raise InputError(
            f"{path}: the PSF sums to {psf.sum():.3g}, expected a positive sum.\n"
            "Give another PSF, or leave `psf` out."
        )
    y, x = np.unravel_index(psf.argmax(), psf.shape)
    middle = [(side - 1) / 2 for side in psf.shape]
    if max(abs(y - middle[0]), abs(x - middle[1])) > PSF_OFFSET:
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


@contextmanager
def _open(path: str | Path, memmap: bool = True) -> Iterator[fits.HDUList]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            hdus = fits.open(path, memmap=memmap)
        except FileNotFoundError as error:
            raise InputError(
                f"{path}: no such file. Check the field's paths in config.yaml."
            ) from (error)
        except OSError as error:
            raise InputError(
                f"{path}: not a readable FITS file ({error}).\nFetch it again, or correct the path."
            ) from error
        with hdus:
            yield hdus


def _check_length(path: str | Path, hdu) -> None:
    """Stop at a file that is shorter than its header says; a compressed one is seen on reading."""
    about = hdu.fileinfo()
    if about["file"].compression is not None or isinstance(hdu, fits.CompImageHDU):
        return
    # The padding after the pixels may be missing: nothing is lost with it.
    size = abs(hdu.header["BITPIX"]) // 8 * hdu.shape[0] * hdu.shape[1]
    expected, found = about["datLoc"] + size, Path(path).stat().st_size
    if found < expected:
        raise InputError(
            f"{path}: is cut short: found {found} bytes, expected {expected} from its header.\n"
            "Fetch it again."
        )


def _celestial_wcs(header: fits.Header, path: str | Path) -> WCS | None:
    try:
        wcs = WCS(header, naxis=2)
        return wcs if wcs.has_celestial else None
    except Exception as error:
        raise InputError(
            f"{path}: its WCS cannot be understood ({str(error).splitlines()[0]}).\n"
            "Correct the header, or remove its CTYPE and give the catalogue in pixels."
        ) from error


def _pixel_scale(wcs: WCS) -> float:
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs.celestial))) * 3600)
