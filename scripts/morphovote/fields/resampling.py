"""Cutouts on other pixels: light is kept, noise and masks are carried along.

A model knows galaxies at one pixel scale. A field with another one is cut with its own pixels,
and each cutout is then resampled to the model's. What a PSF has blurred away does not come back.
"""

from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import fftconvolve

from morphovote.flags import MISSING, NEIGHBOUR, NO_DATA, OWN

# Pixel scales within this of each other are taken as the same: over 100 px it is half a pixel.
SAME_SCALE = 0.01
# Sky pixels from which the scatter of the resampled noise is measured.
FEWEST_SKY = 200


def same_scale(first: float, second: float) -> bool:
    """Whether two pixel scales count as one."""
    return abs(first / second - 1) <= SAME_SCALE


def native_side(size: int, scale: float, target: float) -> int:
    """Side (px of `scale`) of a cutout that covers `size` px of `target` (both arcsec a pixel)."""
    return int(np.ceil(size * target / scale - 1e-6))


@cache
def resample_matrix(native: int, size: int, factor: float) -> np.ndarray:
    """Matrix that resamples one axis and keeps the light.

    The running sum of the light is interpolated by a cubic spline and read off at the edges of
    the new pixels, so that whatever falls into a range of whole new pixels is kept.

    Parameters
    ----------
    native, size : int
        Pixels before and after; both ranges share their centre.
    factor : float
        Old pixel scale over new one.

    Returns
    -------
    ndarray, shape (size, native)
    """
    total = np.vstack([np.zeros(native), np.tri(native)])
    spline = CubicSpline(np.arange(native + 1.0), total, axis=0, bc_type="natural")
    return np.diff(spline(_edges(native, size, factor)), axis=0)


@cache
def overlap_matrix(native: int, size: int, factor: float) -> np.ndarray:
    """Share of each new pixel (rows) that each old pixel (columns) covers, along one axis."""
    edges = _edges(native, size, factor)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(native)
    covered = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    return np.clip(covered, 0, None) * factor


def _edges(native: int, size: int, factor: float) -> np.ndarray:
    """Edges of the new pixels in old ones, counted from the edge of the first."""
    edges = native / 2 + (np.arange(size + 1) - size / 2) / factor
    return np.clip(edges, 0, native)


def resample_cutout(cutout: dict, size: int, factor: float) -> dict:
    """Bring a cutout to other pixels.

    Parameters
    ----------
    cutout : dict
        As `cutouts.cut_source` returns it, with image, rms, mask and arcs of shape (native,
        native).
    size : int
        Side afterwards, which the old pixels cover.
    factor : float
        Old pixel scale over new one.

    Returns
    -------
    dict
        The same keys. Flux per pixel: its sum over the galaxy stays. `rms` is propagated as if
        pixels were independent, then scaled so that the scatter of the sky keeps its ratio to it:
        interpolation correlates the noise of neighbours. A new pixel is missing where any
        of it is, and belongs to what covers most of it. Flags, S/N and neighbours stay.
    """
    native = len(cutout["image"])
    place = {
        axis: (cutout[axis] - (native - 1) / 2) * factor + (size - 1) / 2 for axis in ("x", "y")
    }
    if int(cutout["flags"]) & NO_DATA:
        empty = np.zeros((size, size), np.float32)
        mask = np.full((size, size), MISSING, np.uint8)
        empty = {"image": empty, "rms": empty + 1, "mask": mask, "arcs": empty}
        return cutout | place | empty
    weights = resample_matrix(native, size, factor)
    image = weights @ cutout["image"].astype(float) @ weights.T
    arcs = cutout["arcs"]
    arcs = weights @ arcs.astype(float) @ weights.T if arcs.any() else np.zeros_like(image)
    rms = np.sqrt(weights**2 @ cutout["rms"].astype(float) ** 2 @ (weights**2).T)
    cover = overlap_matrix(native, size, factor)

    def covered(bit: int) -> np.ndarray:
        return cover @ ((cutout["mask"] & bit) > 0).astype(float) @ cover.T

    missing = (covered(MISSING) > 1e-6) | (cover.sum(axis=1)[:, None] * cover.sum(axis=1) < 0.999)
    own = (covered(OWN) >= 0.5) & ~missing
    others = (covered(NEIGHBOUR) >= 0.5) & ~own & ~missing
    before = _sky_scatter(cutout["image"], cutout["rms"], cutout["mask"] == 0)
    mask = (own * OWN | others * NEIGHBOUR | missing * MISSING).astype(np.uint8)
    after = _sky_scatter(image, rms, mask == 0)
    if before > 0 and after > 0:
        rms *= after / before
    pixels = {name: one.astype(np.float32) for name, one in
              (("image", image), ("rms", rms), ("arcs", arcs))}  # fmt: skip
    return cutout | place | pixels | {"mask": mask}


def blur_cutout(cutout: dict, kernel: np.ndarray) -> dict:
    """Convolve a cutout, so that it looks as if seen with a wider PSF.

    Parameters
    ----------
    cutout : dict
        As `cutouts.cut_source` returns it.
    kernel : ndarray
        Of odd sides and a sum of 1.

    Returns
    -------
    dict
        The same keys. `rms` is propagated as if pixels were independent, then scaled so that the
        scatter of the sky keeps its ratio to it, as in `resample_cutout`; mask, flags, S/N and
        neighbours stay. Beyond the border the cutout is mirrored.
    """
    if int(cutout["flags"]) & NO_DATA:
        return cutout
    image = _convolve(cutout["image"], kernel)
    arcs = _convolve(cutout["arcs"], kernel) if cutout["arcs"].any() else cutout["arcs"]
    rms = np.sqrt(np.maximum(_convolve(cutout["rms"].astype(float) ** 2, kernel**2), 1e-60))
    sky = cutout["mask"] == 0
    before = _sky_scatter(cutout["image"], cutout["rms"], sky)
    after = _sky_scatter(image, rms, sky)
    if before > 0 and after > 0:
        rms *= after / before
    pixels = {"image": image, "rms": rms, "arcs": arcs}
    return cutout | {name: one.astype(np.float32) for name, one in pixels.items()}


def _convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    reach = [side // 2 for side in kernel.shape]
    padded = np.pad(image.astype(float), [(side, side) for side in reach], mode="symmetric")
    return fftconvolve(padded, kernel, mode="valid")


def _sky_scatter(image: np.ndarray, rms: np.ndarray, sky: np.ndarray) -> float:
    """Scatter of image / rms over the sky, from absolute deviations; 0 where there is little."""
    if np.count_nonzero(sky) < FEWEST_SKY:
        return 0.0
    values = np.asarray(image[sky], dtype=float) / rms[sky]
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
