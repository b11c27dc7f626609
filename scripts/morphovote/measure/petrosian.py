"""Petrosian radius and the radii that hold given shares of a galaxy's light."""

import numpy as np
from scipy.optimize import brentq

from morphovote.measure.apertures import light_within
from morphovote.measure.compiled import compiled

# Surface brightness at the Petrosian radius over the mean inside it (Petrosian 1976), width of the
# ring that it is measured in (px), radii tried to bracket it.
ETA, WIDTH, STEPS = 0.2, 1.0, 100
# Of a radius (px).
PRECISION = 1e-6


@compiled
def petrosian_ratio(pixels: tuple, radius: float) -> float:
    """Mean light in a ring over that inside it, less `ETA`; hidden pixels do not count.

    Both means are taken positive, and one without any area is zero, as statmorph does it.
    """
    inner, inner_area = light_within(pixels, radius - WIDTH / 2)
    outer, outer_area = light_within(pixels, radius + WIDTH / 2)
    light, area = light_within(pixels, radius)
    # In the last digits there may be an area of zero that is not zero.
    ring_area = outer_area - inner_area
    ring = abs(outer - inner) / ring_area if ring_area > 1e-9 else 0.0
    mean = abs(light) / area if area > 1e-9 else 0.0
    if mean == 0:
        return (1.0 if ring != 0 else 0.0) - ETA
    return ring / mean - ETA


@compiled
def _bracket(pixels: tuple, farthest: float) -> tuple[float, float]:
    """The last of the radii above the Petrosian ratio and the first below it; NaN for none."""
    above = np.nan
    for step in range(STEPS):
        radius = WIDTH + (farthest - WIDTH) * step / (STEPS - 1)
        if petrosian_ratio(pixels, radius) > 0:
            above = radius
        else:
            return above, radius
    return above, np.nan


def petrosian_radius(pixels: tuple, farthest: float) -> tuple[float, str]:
    """Petrosian radius (Petrosian 1976; Lotz et al. 2004, eq. 4), the innermost one.

    Parameters
    ----------
    pixels : tuple
        From `apertures.rings`; the radius is along the major axis of its ellipses.
    farthest : float
        Largest radius that is looked at (px).

    Returns
    -------
    radius : float
        Px.
    problem : str
        Empty where it was found.
    """
    above, below = _bracket(pixels, farthest)
    if np.isnan(above):
        return WIDTH, "the Petrosian radius is below a pixel"
    if np.isnan(below):
        return farthest, "the Petrosian radius is larger than the image"
    return brentq(lambda r: petrosian_ratio(pixels, r), above, below, xtol=PRECISION), ""


@compiled
def _growth(pixels: tuple, farthest: float) -> np.ndarray:
    """Light (taken positive) inside `STEPS` radii, up to the first with all of it."""
    light, total = np.zeros(STEPS), abs(light_within(pixels, farthest)[0])
    for step in range(1, STEPS):
        light[step] = abs(light_within(pixels, farthest * step / (STEPS - 1))[0])
        if light[step] > total:
            light[step:] = light[step]
            break
    return light


def light_radii(
    pixels: tuple, farthest: float, shares: tuple[float, ...]
) -> tuple[list[float], str]:
    """Radii (px) that hold given shares of the light inside `farthest`, each the innermost.

    Returns
    -------
    radii : list of float
        NaN for one that is not above zero.
    problem : str
        Empty where the light is positive.
    """
    total = light_within(pixels, farthest)[0]
    if total == 0:
        return [farthest] * len(shares), "there is no light inside the aperture"
    light, total_size = _growth(pixels, farthest), abs(total)
    found = []
    for share in shares:
        step = int(np.argmax(light > share * total_size))
        low, high = (farthest * at / (STEPS - 1) for at in (step - 1, step))
        wanted = share * total_size
        radius = brentq(
            lambda r, wanted=wanted: abs(light_within(pixels, r)[0]) - wanted,
            low, high, xtol=PRECISION,
        )  # fmt: skip
        found.append(radius if radius > 0 else np.nan)
    return found, "the light inside the aperture is negative" if total < 0 else ""
