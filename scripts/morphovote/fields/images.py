"""FITS images: which extension, where on the sky, and a piece of the pixels at a time.

Pixel coordinates are 0-based with (0, 0) at the centre of the first pixel; x is the column, y the
row, and arrays are indexed [y, x]. No function here reads a whole mosaic.
"""

import re
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

from morphovote.config.files import split_plane
from morphovote.errors import InputError
from morphovote.fields.planes import choose_plane, name_plane, plane_shape
from morphovote.storage.unpacked import unpack_once

# Reference systems that RADESYS may name. For others, such as J2000, the ICRS is taken.
SYSTEMS = ("ICRS", "FK5", "FK4", "FK4-NO-E", "GAPPT")
# Pan-STARRS's scale of its stacks (Waters et al. 2020, ApJS 251, 4): 2.5 log10(e).
ASINH = 2.5 * np.log10(np.e)

# How files of other kinds begin.
OTHERS = {
    b"#ASDF": "an ASDF file", b"\x89HDF": "an HDF5 file", b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)", b"PK\x03\x04": "a zip archive", b"<": "a page or XML",
}  # fmt: skip


class Image(NamedTuple):
    """What is known of a FITS image without reading its pixels.

    `wcs` is None where the header has no celestial WCS, and so is `pixel_scale` (arcsec). `kind` is
    what the plane serves as: the role that was asked for or, for noise maps, 'rms', 'variance' or
    'weight'. `filter` is '' where the header has none. `notes` are for the log: which plane was
    taken, and what had to be put right. `zero_point` is the header's MAGZERO, AB, if it has one.
    """

    path: str
    hdu: int
    shape: tuple[int, int]
    wcs: WCS | None
    pixel_scale: float | None
    kind: str = "image"
    filter: str = ""
    notes: tuple[str, ...] = ()
    zero_point: float | None = None


def inspect_image(path: str | Path, role: str = "image", plane: str = "") -> Image:
    """Find the 2-D image of a FITS file and read its header.

    Parameters
    ----------
    path : str or Path
        Plain, gzipped or tile-compressed (`.fits`, `.fits.gz`, `.fits.fz`).
    role : {'image', 'rms', 'weight', 'psf'}
        What it is to serve as, which decides between several planes: see `planes.choose_plane`.
    plane : str
        The user's choice of a plane, name or number; it may stand in brackets behind the path too.

    Returns
    -------
    Image

    Raises
    ------
    InputError
        If the file cannot be read, holds no 2-D image or several that cannot be told apart, or its
        WCS is broken.
    """
    if not plane:
        path, plane = split_plane(str(path))
    with open_fits(path) as hdus:
        number, kind = choose_plane(hdus, str(path), role, plane)
        hdu = hdus[number]
        _check_length(path, hdu)
        wcs, notes = _celestial_wcs(hdu.header, path)
        read = {"variance": ", its square root", "weight": ", as weights", "rms": ", as rms"}
        read = read if kind != role else {}
        notes = [f"{name_plane(hdu, number)} is the {role}{read.get(kind, '')}", *notes]
        if _asinh_scale(hdu.header):
            notes.append("its pixels are on an asinh scale (BSOFTEN, BOFFSET), which is undone")
        headers = (hdu.header, hdus[0].header)
        zero = next((h["MAGZERO"] for h in headers if isinstance(h.get("MAGZERO"), float)), None)
        return Image(
            str(path), number, plane_shape(hdu), wcs, wcs and _pixel_scale(wcs), kind,
            _filter(headers), tuple(notes), zero,
        )  # fmt: skip


@contextmanager
def open_image(path: str | Path, hdu: int) -> Iterator[fits.ImageHDU]:
    """Open one extension for `read_section`, without reading pixels."""
    with open_fits(path) as hdus:
        header = hdus[hdu].header
        # Scaled integers cannot be memory-mapped; plain ones should be, for speed.
        scaled = any(key in header for key in ("BSCALE", "BZERO", "BLANK"))
        if not scaled:
            yield hdus[hdu]
            return
    with open_fits(path, memmap=False) as hdus:
        yield hdus[hdu]


def image_wcs(path: str | Path, hdu: int) -> WCS | None:
    """WCS of one extension, None without one on the sky."""
    with open_fits(path) as hdus:
        return _celestial_wcs(hdus[hdu].header, path)[0]


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
    rows, columns = plane_shape(hdu)
    first = (0,) * (len(hdu.shape) - 2)
    bottom, top = max(y, 0), min(y + height, rows)
    left, right = max(x, 0), min(x + width, columns)
    if bottom >= top or left >= right:
        return section
    try:
        if isinstance(hdu, fits.CompImageHDU):
            data = hdu.section[(*first, slice(bottom, top), slice(left, right))]
        else:
            # Asked for whole rows, astropy hands over one memory-mapped block and the slice
            # touches only its own pages; asked for part of each row it reads row by row, 100
            # times slower.
            data = hdu.section[(*first, slice(bottom, top))][:, left:right]
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            f"{hdu.fileinfo()['file'].name}: its pixels cannot be read ({error}).\n"
            "The file is probably cut short: fetch it again."
        ) from error
    scale = _asinh_scale(hdu.header)
    if scale:
        with np.errstate(over="ignore"):
            data = scale[1] + 2 * scale[0] * np.sinh(np.asarray(data, dtype=float) / ASINH)
    section[bottom - y : top - y, left - x : right - x] = data
    return section


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


def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Positions (deg) as vectors of shape (N, 3), so that distances need no care at the poles."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


@contextmanager
def open_fits(path: str | Path, memmap: bool = True) -> Iterator[fits.HDUList]:
    """Open a FITS file, gzipped or not; `InputError` if it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            hdus = fits.open(unpack_once(path), memmap=memmap)
        except FileNotFoundError as error:
            raise InputError(
                f"{path}: no such file. Check the field's paths in config.yaml."
            ) from (error)
        except (OSError, EOFError) as error:
            start = Path(path).read_bytes()[:8] if Path(path).is_file() else b""
            for sign, kind in OTHERS.items():
                if start.startswith(sign):
                    raise InputError(
                        f"{path}: not a readable FITS file but {kind}.\nConvert it to FITS, or "
                        "give another file."
                    ) from error
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
    size = abs(hdu.header["BITPIX"]) // 8 * int(np.prod(hdu.shape))
    expected, found = about["datLoc"] + size, Path(about["file"].name).stat().st_size
    if found < expected:
        raise InputError(
            f"{path}: is cut short: found {found} bytes, expected {expected} from its header.\n"
            "Fetch it again."
        )


def _asinh_scale(header: fits.Header) -> tuple[float, float] | None:
    """BSOFTEN and BOFFSET of an image on Pan-STARRS's asinh scale."""
    soft, offset = header.get("BSOFTEN"), header.get("BOFFSET")
    if isinstance(soft, int | float) and isinstance(offset, int | float) and soft > 0:
        return float(soft), float(offset)
    return None


def _filter(headers: tuple[fits.Header, ...]) -> str:
    """The filter of an image, in capitals; '' where no header has it."""
    keys = ("FILTER", "FILTER1", "FILTER2", "BAND", "FPA.FILTERID", "ESO INS FILT1 NAME")
    for header in headers:
        values = [str(header.get(key, "")).strip().upper() for key in keys]
        # Open positions of filter wheels.
        values = [v for v in values if v and not v.startswith(("CLEAR", "N/A", "NONE", "OPEN"))]
        if values:
            pupil = str(header.get("PUPIL", "")).strip().upper()
            return values[0] + (f"+{pupil}" if re.fullmatch(r"F\d{3}\w+", pupil) else "")
    return ""


def _celestial_wcs(header: fits.Header, path: str | Path) -> tuple[WCS | None, list[str]]:
    """WCS of an image, None without one on the sky, and what had to be put right in it."""
    try:
        wcs = WCS(header, naxis=2)
        if not wcs.has_celestial:
            return None, []
        system = wcs.wcs.radesys.strip().upper()
        equatorial = wcs.wcs.lngtyp.strip() in ("RA", "")
        if not system or system in SYSTEMS or not equatorial:
            return wcs, []
        wcs.wcs.radesys = "ICRS"
        return wcs, [f"RADESYS = {system!r} is no reference system, ICRS is taken for it"]
    except Exception as error:
        raise InputError(
            f"{path}: its WCS cannot be understood ({str(error).splitlines()[0]}).\n"
            "Correct the header, or remove its CTYPE and give the catalogue in pixels."
        ) from error


def _pixel_scale(wcs: WCS) -> float:
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs.celestial))) * 3600)
