"""Multiplicity: how far a galaxy's light is from the most compact arrangement of its pixels."""

import numpy as np
from scipy import fft


def multiplicity(image: np.ndarray, segment: np.ndarray) -> float:
    """Multiplicity Psi of Law et al. 2007 (ApJ 656, 1), eq. 6 to 8.

    The light is taken for masses that attract each other in the plane of the sky: psi is the sum
    over all pairs of pixels of X_i X_j / r_ij, and psi_compact the same after the pixels were
    rearranged, the brightest in the middle and the others around it by falling brightness.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Background-subtracted.
    segment : ndarray of bool, shape (H, W)
        The galaxy's pixels; those not above zero are left out.

    Returns
    -------
    float
        100 log10(psi_compact / psi): 0 for the most compact galaxy, some 1 to 3 for smooth ones,
        more for several clumps; NaN with fewer than two pixels of light.
    """
    light = np.where(segment, image, 0.0).clip(min=0).astype(float)
    bright = np.sort(light[light > 0])[::-1]
    if len(bright) < 2:
        return np.nan
    # The smallest square that surely holds the disc of as many pixels.
    half = int(np.ceil(np.sqrt(len(bright) / np.pi))) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    compact = np.zeros(x.size)
    nearest = np.argsort((x**2 + y**2).ravel(), kind="stable")[: len(bright)]
    compact[nearest] = bright
    rows, columns = np.nonzero(light)
    cut = light[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return float(100 * np.log10(pair_sum(compact.reshape(x.shape)) / pair_sum(cut)))


def pair_sum(light: np.ndarray) -> float:
    """Sum over all pairs of pixels of the product of their light over their distance (px)."""
    shape = [fft.next_fast_len(2 * size - 1, real=True) for size in light.shape]
    y, x = (np.minimum(np.arange(size), size - np.arange(size)) for size in shape)
    distance = np.hypot(y[:, None], x[None, :])
    # A pixel does not attract itself.
    kernel = np.divide(1.0, distance, out=np.zeros_like(distance), where=distance > 0)
    potential = fft.irfft2(fft.rfft2(light, shape) * fft.rfft2(kernel), shape)
    return float((light * potential[: light.shape[0], : light.shape[1]]).sum() / 2)
