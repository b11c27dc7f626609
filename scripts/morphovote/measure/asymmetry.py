"""Rotational asymmetry of a galaxy, with the noise measured as the galaxy is."""

import numpy as np
from photutils.aperture import CircularAperture
from scipy import ndimage

# Pixels this near the galaxy's segment do not count as sky: its wings lie below the threshold.
WINGS = 6
# With fewer pixels of sky than this the noise is not known.
LEAST_SKY = 100


def asymmetry(
    image: np.ndarray,
    own: np.ndarray,
    hidden: np.ndarray,
    centre: tuple[float, float],
    radius: float,
) -> float:
    r"""Asymmetry under a turn by 180 degrees (Conselice 2003, eq. 1; Lotz et al. 2004, eq. 10).

    .. math:: A = \frac{\sum |I - I_{180}| - \sum |B - B_{180}|}{\sum |I|}

    within a circle. The turned image is interpolated between pixels wherever the centre is not on
    a pixel or between two, which averages its noise. So the sky B is turned with the same
    interpolation: the mean of :math:`|B - B_{180}|` is over all pairs of a pixel of sky and an
    interpolated one. Turning a box of sky about its own middle (which needs no interpolation)
    takes away up to a quarter more than the noise adds.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Background-subtracted.
    own, hidden : ndarray of bool, shape (H, W)
        The galaxy's segment, and pixels that are not measured: neighbours, missing ones. A pixel
        whose partner is hidden or beyond the image is left out.
    centre : (float, float)
        x, y (px), where the asymmetry is least.
    radius : float
        Of the circle (px), 1.5 Petrosian radii.

    Returns
    -------
    float
        Negative where the noise of the sky is larger than all differences; NaN where the cutout
        shows too little sky, or no light.
    """
    offset = (2 * centre[1], 2 * centre[0])
    turn = {"matrix": [-1, -1], "offset": offset, "order": 1, "output": float}
    turned = ndimage.affine_transform(image, **turn)
    blocked = ndimage.affine_transform(hidden.astype(float), **turn, cval=1.0) > 1e-6
    weight = CircularAperture(centre, radius).to_mask(method="exact").to_image(image.shape)
    if weight is None:
        return np.nan
    weight = np.where(hidden | blocked, 0.0, weight)
    light = np.sum(weight * np.abs(image))
    y, x = np.indices(image.shape)
    sky = ~hidden & ~ndimage.binary_dilation(own, np.ones((3, 3)), WINGS)
    beyond = sky & (np.hypot(x - centre[0], y - centre[1]) > radius)
    noise = sky_difference(image, beyond if beyond.sum() >= LEAST_SKY else sky, offset)
    if light <= 0 or not np.isfinite(noise):
        return np.nan
    return float((np.sum(weight * np.abs(image - turned)) - weight.sum() * noise) / light)


def sky_difference(image: np.ndarray, sky: np.ndarray, offset: tuple[float, float]) -> float:
    """Mean absolute difference of a pixel of sky and one interpolated at a shift of `offset`.

    Over all pairs, so that no box has to be found and the value does not depend on where it lies.

    Parameters
    ----------
    image : ndarray, shape (H, W)
    sky : ndarray of bool, shape (H, W)
    offset : (float, float)
        y, x (px); only what is left of whole pixels matters.

    Returns
    -------
    float
        NaN with fewer than `LEAST_SKY` pixels or interpolated pixels.
    """
    down, right = np.mod(offset, 1)
    weights = np.outer((1 - down, down), (1 - right, right))
    # Every interpolated pixel comes from four neighbours, which all have to be sky.
    corners = [(slice(i, i - 1 or None), slice(j, j - 1 or None)) for i in (0, 1) for j in (0, 1)]
    between = sum(w * image[at] for w, at in zip(weights.ravel(), corners, strict=True))
    whole = np.logical_and.reduce([sky[at] for at in corners])
    one, other = np.sort(image[sky]), np.sort(between[whole])
    if min(len(one), len(other)) < LEAST_SKY:
        return np.nan
    below = np.searchsorted(other, one)
    sums = np.concatenate([[0.0], np.cumsum(other)])
    total = one * (2 * below - len(other)) + sums[-1] - 2 * sums[below]
    return float(total.mean() / len(other))
