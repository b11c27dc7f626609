"""One PSF for the cutouts of all bands: the widest of theirs.

A band's PSF is resampled to the pixels of the cutouts as the cutouts are. There the kernel is the
quotient of the two transforms, held in check where the band has no signal (Wiener; as pypher does
it, Boucaud et al. 2016, A&A 596, A63).
"""

from collections.abc import Callable, Sequence
from functools import partial
from logging import INFO, WARNING

import numpy as np
from astropy.table import Table
from scipy.signal import fftconvolve

from morphovote.fields.images import open_image
from morphovote.fields.planes import plane_shape
from morphovote.fields.psf import KEPT, field_psf
from morphovote.fields.psf_widths import measure_fwhm
from morphovote.fields.resampling import resample_matrix, same_scale
from morphovote.fields.tiles import of_tile
from morphovote.logs import log

# Share of a PSF's power at which its transform counts as noise.
NOISE = 1e-4
# A kernel that leaves more than this share of the light elsewhere is told of.
GOOD = 0.01

Place = Callable[[int, float, float], np.ndarray | None]


def resample_psf(psf: np.ndarray, factor: float) -> np.ndarray:
    """A PSF in other pixels, as `resampling.resample_cutout` brings galaxies there.

    Parameters
    ----------
    psf : ndarray
        Of odd sides and a sum of 1.
    factor : float
        Old pixel scale over new one.

    Returns
    -------
    ndarray
        Of odd sides and a sum of 1.
    """
    sides = [max(int(side * factor + 1e-6), 1) for side in psf.shape]
    sides = [side - (side % 2 == 0) for side in sides]
    rows, columns = (
        resample_matrix(old, new, factor) for old, new in zip(psf.shape, sides, strict=True)
    )
    found = rows @ psf @ columns.T
    return found / found.sum()


def match_kernel(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The kernel that brings one PSF to another, wider one.

    Parameters
    ----------
    own, target : ndarray
        Of odd sides and a sum of 1, in the same pixels, centred on their middle one.

    Returns
    -------
    ndarray
        Square, of an odd side, with a sum of 1.
    """
    side = max(*own.shape, *target.shape)
    # Room around them, or the ends of the kernel meet.
    whole = 2 * side + 1
    transforms = [np.fft.rfft2(np.fft.ifftshift(_padded(psf, whole))) for psf in (own, target)]
    own, target = transforms
    kernel = np.fft.irfft2(target * own.conj() / (np.abs(own) ** 2 + NOISE**2), s=(whole, whole))
    kernel = np.fft.fftshift(kernel)
    cut = (whole - side) // 2
    kernel = kernel[cut : whole - cut, cut : whole - cut]
    return kernel / kernel.sum()


def _padded(psf: np.ndarray, side: int) -> np.ndarray:
    edges = [(side - old) // 2 for old in psf.shape]
    return np.pad(psf, [(edge, edge) for edge in edges])


def mismatch(own: np.ndarray, target: np.ndarray, kernel: np.ndarray) -> float:
    """Share of the light that a matched PSF has elsewhere than the target: half of what differs."""
    side = max(*own.shape, *target.shape, *kernel.shape)
    seen = fftconvolve(_padded(own, side), kernel, mode="same")
    return float(np.abs(seen - _padded(target, side)).sum() / 2)


def cutout_psf(
    tiles: Table,
    given: Sequence[str],
    oversampling: float | None = None,
    scale: float | None = None,
) -> Place | None:
    """The PSF that cutouts are seen through, in their pixels.

    Parameters
    ----------
    tiles, given, oversampling
        See `psf.field_psf`.
    scale : float, optional
        Pixel scale of the cutouts (arcsec); that of the field if left out.

    Returns
    -------
    callable or None
        As from `psf.field_psf`, which it is for a field of one band. Of matched bands the same PSF
        everywhere.
    """
    at = field_psf(tiles, given, oversampling)
    if at is None or "BAND" not in tiles.colnames:
        return at
    scale = scale or float(tiles.meta["PIXSCALE"])
    if "MATCHED" in tiles.colnames:
        return partial(_everywhere, widest_psf(tiles, at, scale)[1])
    return partial(_in_pixels, tiles, at, scale, {})


def _everywhere(psf: np.ndarray, tile: int, x: float, y: float) -> np.ndarray:
    return psf


def _in_pixels(
    tiles: Table, at: Place, scale: float, known: dict, tile: int, x: float, y: float
) -> np.ndarray | None:
    """A PSF in the pixels of the cutouts; `known` keeps those that were asked for."""
    psf, own = at(tile, x, y), of_tile(tiles, "PIXSCALE", tile)
    if psf is None or same_scale(own, scale):
        return psf
    key = (id(psf), own)
    if key not in known:
        _make_room(known)
        # With the PSF itself, lest another one gets its address.
        known[key] = psf, resample_psf(psf, own / scale)
    return known[key][1]


def _make_room(known: dict) -> None:
    """Forget the PSFs kept so far where there are many: a model gives each galaxy its own."""
    if len(known) >= KEPT:
        known.clear()


def widest_psf(tiles: Table, at: Place, scale: float) -> tuple[str, np.ndarray]:
    """The band with the widest PSF (FWHM on the sky, in the middle of its first image), and that.

    Parameters
    ----------
    tiles : Table
        With BAND; every band has a PSF.
    at : callable
        From `psf.field_psf`.
    scale : float
        Pixel scale of the cutouts, in whose pixels it is returned.
    """
    bands = np.asarray(tiles["BAND"])
    widths, found = {}, {}
    for name in dict.fromkeys(bands.tolist()):
        tile = int(np.flatnonzero(bands == name)[0])
        with open_image(str(tiles["IMAGE"][tile]), int(tiles["HDU"][tile])) as hdu:
            y, x = ((side - 1) / 2 for side in plane_shape(hdu))
        found[name] = _in_pixels(tiles, at, scale, {}, tile, x, y)
        widths[name] = measure_fwhm(found[name]) * scale
    widest = max(widths, key=widths.get)
    told = ", ".join(f"{name} {width:.3f}" for name, width in widths.items())
    log.info("PSFs (FWHM, arcsec, in pixels of the cutouts): %s; widest in %s", told, widest)
    return widest, found[widest]


def match_kernels(
    tiles: Table, given: Sequence[str], oversampling: float | None, scale: float
) -> Place | None:
    """The kernels that bring cutouts of all bands to the widest PSF.

    Parameters
    ----------
    tiles, given, oversampling
        See `psf.field_psf`.
    scale : float
        Pixel scale of the cutouts (arcsec).

    Returns
    -------
    callable or None
        (tile, x, y) -> kernel in pixels of the cutouts, None in the band with the widest PSF; None
        where bands are not to be matched.
    """
    if "MATCHED" not in tiles.colnames:
        return None
    at = field_psf(tiles, given, oversampling)
    widest, target = widest_psf(tiles, at, scale)
    own = partial(_in_pixels, tiles, at, scale, {})
    return partial(_kernel_at, np.asarray(tiles["BAND"]) == widest, own, target, {})


def _kernel_at(
    done: np.ndarray, own: Place, target: np.ndarray, known: dict, tile: int, x: float, y: float
) -> np.ndarray | None:
    if done[tile]:
        return None
    psf = own(tile, x, y)
    if id(psf) not in known:
        _make_room(known)
        kernel = match_kernel(psf, target)
        left = mismatch(psf, target, kernel)
        text = "PSF of image %d matched: %.2f %% of its light is elsewhere than in the widest one's"
        log.log(WARNING if left > GOOD else INFO, text, tile, 100 * left)
        known[id(psf)] = psf, kernel
    return known[id(psf)][1]
