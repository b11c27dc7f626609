"""How wide the PSFs of a field are, and whether they can be those of its images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from astropy.table import Table
from scipy import ndimage

from morphovote.fields.images import open_image
from morphovote.fields.planes import plane_shape
from morphovote.fields.psf import Psf, field_psf, read_psf
from morphovote.fields.psfex import reach
from morphovote.fields.thumbnails import evenly

# Parts of a pixel, and half of the side (px), of the piece in which the width is measured.
FINER, HALF = 8, 32
# Widths (px) that PSFs of survey images have, and the share of a cutout's side that is too wide.
NARROW, WIDE, SHARE = 1.0, 20.0, 0.25
# A PSF with this share of its light in one pixel has no width.
POINT = 0.9
# Most light within any radius, over all: more is a negative ring, which no telescope has.
RINGED = 1.05
# Corners so many times as far from the middle of a PSFEx model as its stars are another image's.
BEYOND = 1.5
# Sources whose PSFs are measured at most.
MOST = 200


def measure_fwhm(psf: np.ndarray) -> float:
    """Full width at half maximum (px): the diameter of a circle with the area above half the peak.

    Parameters
    ----------
    psf : ndarray
        Shape (height, width).
    """
    y, x = np.unravel_index(psf.argmax(), psf.shape)
    core = np.pad(psf, HALF)[y : y + 2 * HALF + 1, x : x + 2 * HALF + 1]
    at = np.arange(0, 2 * HALF + 1e-9, 1 / FINER)
    fine = ndimage.map_coordinates(core, np.meshgrid(at, at, indexing="ij"), order=3)
    area = np.count_nonzero(fine > fine.max() / 2) / FINER**2
    return float(2 * np.sqrt(area / np.pi))


def most_light(psf: np.ndarray) -> float:
    """Most light within a radius about the middle, over all of a PSF's light."""
    y, x = (np.indices(psf.shape).T - (np.array(psf.shape) - 1) / 2).T
    order = np.argsort(np.hypot(y, x), axis=None, kind="stable")
    return float(np.cumsum(psf.ravel()[order]).max() / psf.sum())


def different_psfs(
    psf: Callable[[int, float, float], np.ndarray], sources: Table
) -> list[np.ndarray]:
    """The PSFs of some of a field's sources, each once.

    Parameters
    ----------
    psf : callable
        From `psf.field_psf`.
    sources : Table
        From `sources.read_sources`.
    """
    rows = np.flatnonzero(np.asarray(sources["TILE"]) >= 0)
    places = [[sources[name][rows[n]] for name in ("TILE", "X", "Y")]
              for n in evenly(len(rows), MOST)]  # fmt: skip
    found = [psf(int(tile), float(x), float(y)) for tile, x, y in places]
    return list({id(one): one for one in found if one is not None}.values())


class Described(NamedTuple):
    """What there is to tell of the PSF of one image."""

    image: str
    file: str
    # Of its samples.
    shape: tuple[int, int]
    # FWHM, least and largest in the image (px of the images).
    fwhm: tuple[float, float]
    read: Psf


def describe_psfs(
    tiles: Table,
    given: Sequence[str],
    oversampling: float | None,
    pixel_scale: float,
    kind: str,
    side: int,
    rows: Sequence[int],
) -> tuple[list[Described], list[str]]:
    """Which PSF serves which image, how wide it is, and what speaks against it.

    Parameters
    ----------
    tiles, given, oversampling
        See `psf.field_psf`.
    pixel_scale : float
        Of the images, arcsec.
    kind : {'images', 'cutouts'}
    side : int
        Of a cutout (px).
    rows : sequence of int
        Tiles that are looked at.

    Returns
    -------
    found : list of Described
        One for each of `rows`; one alone, of no image, where all have the same.
    doubts : list of str
        The first of each sort, with the number of files like it.
    """
    files = tiles["PSF"] if "PSF" in tiles.colnames else given
    if not len(files):
        return [], []
    known = Table(tiles, meta={"KIND": kind, "PIXSCALE": pixel_scale})
    at, found, doubts = field_psf(known, given, oversampling), [], {}
    varies = kind == "images" and read_psf(files[0], pixel_scale, oversampling).model is not None
    alone = len(files) == 1 and not varies
    for n in [0] if alone else map(int, rows):
        path = str(files[n] if len(files) > 1 else files[0])
        read = read_psf(path, pixel_scale, oversampling)
        placed = read.model is not None and kind == "images"
        places = _grid(tiles[n]) if placed else [(0.0, 0.0)]
        psfs = list({id(psf): psf for psf in (at(n, *place) for place in places)}.values())
        widths = [0.0 if psf.max() > POINT else measure_fwhm(psf) for psf in psfs]
        shape = read.model.basis.shape[1:] if read.model else read.image.shape
        image = "" if alone else str(tiles["IMAGE"][n])
        found.append(Described(image, path, shape, (min(widths), max(widths)), read))
        odd = _doubts(path, widths, max(map(most_light, psfs)), pixel_scale, side)
        if placed:
            odd += _doubt_range(path, image, max(reach(read.model, *place) for place in places))
        for first, rest in odd:
            doubts.setdefault(rest, {}).setdefault(path, first)
    return found, [
        next(iter(paths.values())) + rest
        + (f" ({len(paths) - 1} more PSFs are like it)" if len(paths) > 1 else "")
        for rest, paths in doubts.items()
    ]  # fmt: skip


def _grid(tile) -> list[tuple[float, float]]:
    """Nine places (x, y) of an image: its middle, corners and edges."""
    with open_image(str(tile["IMAGE"]), int(tile["HDU"])) as hdu:
        height, width = plane_shape(hdu)
    return [(x * (width - 1), y * (height - 1)) for x in (0, 0.5, 1) for y in (0, 0.5, 1)]


def _doubts(
    path: str, widths: list[float], light: float, scale: float, side: int
) -> list[tuple[str, str]]:
    """Sentences on a PSF in two parts: on this one, and what is the same for all of a kind."""
    found, widest = [], min(WIDE, SHARE * side)
    odd = next((width for width in widths if not NARROW <= width <= widest), None)
    if odd is not None:
        found.append((
            f"{path}: the PSF is {odd:.2g} px wide (FWHM; {odd * scale:.2g} arcsec), ",
            f"expected {NARROW:g} to {widest:g} px of the images, for cutouts of {side} px. Is it "
            "in other pixels than the images, or no PSF? Give another one, `psf_oversampling`, or "
            "leave `psf` out",
        ))  # fmt: skip
    if light > RINGED:
        found.append((
            f"{path}: a circle in the PSF holds {light:.2f} times all of its light, ",
            "expected no more than all: around its core is a negative ring, which no telescope "
            "has. Sersic indices come out too low, axis ratios too high. Give the image or model "
            "of a star with its wings",
        ))  # fmt: skip
    return found


def _doubt_range(path: str, image: str, far: float) -> list[tuple[str, str]]:
    """As `_doubts`, on a PSFEx model of an image whose corner lies `far` half ranges away."""
    if far <= BEYOND:
        return []
    return [(
        f"{path}: {image} reaches {far:.1f} times as far as the stars of the PSFEx model, ",
        "expected about as far. Is it another image's model? Give that of this one, or a PSF image",
    )]  # fmt: skip
