"""Find sources: the sky level, segments and their deblending, and whole mosaics in blocks."""

import numpy as np
import sep
from scipy import ndimage

# The image is smoothed with a Gaussian of this sigma (px) before detection: about a sharp PSF's.
SMOOTHING = 1.0
# A source has at least MIN_AREA connected pixels above THRESHOLD times the scatter of the
# smoothed sky. That scatter is measured, so the isophote means the same in images whose noise is
# correlated between pixels (drizzled ones) and in those where it is not.
THRESHOLD, MIN_AREA = 3.0, 7
# A branch is a source of its own if it holds this share of the light (Bertin & Arnouts 1996).
# Clumps and arms of one galaxy should stay together: more than SExtractor's 0.005.
CONTRAST = 0.02


def sky_level(image: np.ndarray, noise: np.ndarray, excluded: np.ndarray) -> tuple[float, float]:
    """Level and scatter of the sky, by clipping at three sigma until nothing changes.

    Parameters
    ----------
    image : ndarray
        Shape (height, width).
    noise : ndarray
        Noise of each pixel up to a factor, same shape.
    excluded : ndarray of bool
        Pixels that are missing or belong to objects.

    Returns
    -------
    level : float
        In units of the image.
    scatter : float
        Standard deviation of image / noise.
    """
    values = np.sort((image / noise)[~excluded])
    if len(values) == 0:
        return 0.0, 1.0
    start, end = 0, len(values)
    for _ in range(20):
        n = end - start
        level = values[start + n // 2]
        # From the lower half, which objects do not reach: median minus lower quartile.
        scatter = 1.4826 * (level - values[start + n // 4])
        clipped = np.searchsorted(values, (level - 3 * scatter, level + 3 * scatter))
        clipped[1] = max(clipped[1], clipped[0] + 1)
        if (start, end) == tuple(clipped):
            break
        start, end = clipped
    return float(level * np.median(noise[~excluded])), float(max(scatter, 1e-30))


def find_sources(
    image: np.ndarray, noise: np.ndarray, missing: np.ndarray, objects: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Detect and deblend the sources of a sky-subtracted image.

    Parameters
    ----------
    image : ndarray
        Shape (height, width), float32; zero where missing.
    noise : ndarray
        Noise of each pixel up to a factor, same shape.
    missing : ndarray of bool
    objects : ndarray of bool, optional
        Pixels already known to belong to objects: left out of the sky's scatter.

    Returns
    -------
    found : structured ndarray
        sep's measurements on the smoothed image in units of `noise`, one row a source.
    labels : ndarray of int32
        Shape (height, width); 0 is sky, n the n-th row of `found`.
    """
    smooth = ndimage.gaussian_filter(image / noise, SMOOTHING, mode="nearest", truncate=3)
    smooth = np.ascontiguousarray(smooth, dtype=np.float32)
    excluded = missing if objects is None else missing | objects
    level, scatter = sky_level(smooth, np.ones_like(smooth), excluded)
    smooth -= np.float32(level)
    options = {
        "mask": missing,
        "minarea": MIN_AREA,
        "filter_kernel": None,
        "segmentation_map": True,
    }
    # sep allocates this many pixels on each call, and never needs more than there are.
    sep.set_extract_pixstack(max(smooth.size, 1000))
    try:
        return sep.extract(smooth, THRESHOLD * scatter, deblend_cont=CONTRAST, **options)
    except Exception as error:
        if "deblending" not in str(error):
            raise
        # A place too crowded for sep's deblending buffers is better blended than lost.
        return sep.extract(smooth, THRESHOLD * scatter, deblend_cont=1.0, **options)
