"""Sky box and smoothness, as statmorph measures them."""

import numpy as np
from scipy import ndimage

from morphovote.measure.apertures import light_within, rings
from morphovote.measure.compiled import compiled

# First side of the box of sky; half of it is tried as long as none is free.
BOX, LEAST_BOX = 32, 2
# Width of the smoothing and inner edge of the ring that counts, in Petrosian radii (Conselice 2003;
# Lotz et al. 2004, section 3.2).
FRACTION = 0.25


@compiled
def sky_box(taken: np.ndarray) -> tuple[int, int, int]:
    """Row, column and side of the first square (px) without taken pixels (H, W); side 0: none."""
    height, width = taken.shape
    side = BOX
    while side >= LEAST_BOX:
        # Rows in a column, down to each pixel, that are free.
        free = np.zeros(width, np.int64)
        for row in range(height):
            run = 0
            for column in range(width):
                free[column] = 0 if taken[row, column] else free[column] + 1
                run = run + 1 if free[column] >= side else 0
                top, left = row - side + 1, column - side + 1
                # The last row and column are never tried, as in statmorph.
                if run >= side and top < height - side and left < width - side:
                    return top, left, side
        side //= 2
    return 0, 0, 0


def excess(image: np.ndarray, width: int) -> np.ndarray:
    """What an image (H, W) has above the same smoothed by a box of `width` px."""
    return np.maximum(image - ndimage.uniform_filter(image, width), 0.0)


def smoothness(
    image: np.ndarray,
    hidden: np.ndarray,
    centre: tuple[float, float],
    edges: tuple[float, float],
    width: int,
    sky: np.ndarray,
) -> float:
    """Smoothness (Lotz et al. 2004, eq. 11; Conselice 2003, without the factor of 10).

    Light above the smoothed image in a ring, less what a box of sky has, over all light there.

    Parameters
    ----------
    image, hidden : ndarray
        Shape (height, width); the image is zero where hidden.
    centre : (float, float)
        x, y (px).
    edges : (float, float)
        Inner and outer radius (px).
    width : int
        Of the box that smooths (px).
    sky : ndarray
        The box of sky; empty if there is none.

    Returns
    -------
    float
        NaN without light.
    """
    sums = []
    for one in (image, excess(image, width)):
        seen = rings(one, hidden, *centre, 1.0, 0.0)
        sums.append(light_within(seen, edges[1])[0] - light_within(seen, edges[0])[0])
    if sums[0] <= 0:
        return np.nan
    noise = excess(sky, width).mean() if sky.size else 0.0
    return float((sums[1] - np.pi * (edges[1] ** 2 - edges[0] ** 2) * noise) / sums[0])
