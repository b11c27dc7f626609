"""Gini coefficient, M20, and the pixels that both are measured on."""

import numpy as np
from scipy import ndimage

from morphovote.measure.apertures import light_within, rings
from morphovote.measure.centre import centroid, second_moments
from morphovote.measure.petrosian import WIDTH

# Width of the smoothing (sigma), in Petrosian radii along the major axis.
SMOOTHING = 0.2


def petrosian_segment(
    image: np.ndarray, x: float, y: float, radius: float, elongation: float, angle: float
) -> tuple[np.ndarray, int, str]:
    """The pixels brighter than the surface brightness at the Petrosian radius, on a smoothed image.

    Lotz et al. (2004, section 4), with the ellipse as statmorph has it (Rodriguez-Gomez et al.
    2019, section 4.1): about the centroid.

    Parameters
    ----------
    image : ndarray
        Shape (height, width), zero where hidden.
    x, y : float
        Centroid (px).
    radius, elongation, angle : float
        Petrosian radius along the major axis (px), and the ellipse's shape.

    Returns
    -------
    segment : ndarray of bool
    flag : int
        0 sound, 1 one of several pieces (the brightest), 2 nothing or the whole image.
    problem : str
    """
    smooth = ndimage.gaussian_filter(image, SMOOTHING * radius, mode="constant")
    seen = rings(smooth, np.zeros(image.shape, bool), x, y, elongation, angle)
    inner, outer = max(radius - WIDTH / 2, 0), radius + WIDTH / 2
    light = light_within(seen, outer)[0] - light_within(seen, inner)[0]
    segment = smooth >= light / (np.pi * (outer**2 - inner**2) / elongation)
    if not segment.any():
        return segment, 2, "no pixel is brighter than the Petrosian radius"
    if segment.all():
        return segment, 2, "all pixels are brighter than the Petrosian radius"
    pieces, count = ndimage.label(segment, np.ones((3, 3)))
    if count > 1:
        return pieces == pieces.flat[np.argmax(smooth)], 1, ""
    return segment, 0, ""


def gini(values: np.ndarray) -> float:
    """Gini coefficient of pixel values (N,), taken positive: Lotz et al. 2004, eq. 6.

    0 where all are alike, 1 where one has all the light; NaN without light.
    """
    values = np.sort(np.abs(values))
    count, total = len(values), values.sum()
    if count <= 1 or total == 0:
        return np.nan
    return float((2 * np.arange(1, count + 1) - count - 1) @ values / ((count - 1) * total))


def m20(image: np.ndarray) -> float:
    """Second moment of the brightest 20 % of the light over that of all: Lotz et al. 2004, eq. 8.

    About the centre of the light.

    Parameters
    ----------
    image : ndarray of float64
        Shape (height, width), zero outside the galaxy.

    Returns
    -------
    float
        Its logarithm, NaN where light or moments are not positive.
    """
    total, x, y = centroid(image)
    if total <= 0:
        return np.nan
    values = np.sort(image[image != 0])
    share = np.cumsum(values) / np.sum(values)
    bright = values[share >= 0.8]
    if len(bright) == 0:
        return np.nan
    some = np.where(image >= bright[0], image, 0.0)
    part, whole = (xx + yy for xx, _, yy in (second_moments(one, x, y) for one in (some, image)))
    if part <= 0 or whole <= 0:
        return np.nan
    return float(np.log10(part / whole))
