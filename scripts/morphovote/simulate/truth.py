"""The class of a simulated galaxy: one rule on its true parameters and on how it is seen.

The rule, in this order:

1. A star or an artefact is UNC.
2. Seen with a signal-to-noise ratio below `LEAST_SNR`, or with a half-light radius below
   `LEAST_SIZE` times the FWHM of the PSF, no shape can be told: UNC.
3. Where a share of at least `DISTURBED` of the light is out of place, and that light alone has a
   signal-to-noise ratio of at least `LEAST_DISTURBED`, the galaxy is IRR.
4. A body without a bulge and without a disc has nothing that tells a class: UNC.
5. With a bulge of at least `SPHEROID` of the light it is SPH, or ETD if flatter than `FLATTEST`
   (no elliptical is flatter than E7, and seen edge-on, a lens is a disc).
6. With a bulge of at least `BULGE` of the light it is ETD, otherwise LTD.

A single Sersic body is a bulge if its index is at least 2 (and then all of its light is), a disc
between 0.8 and 2, and neither below. Out of place is the light of tidal tails, of a companion
within `NEAR` half-light radii, and of clumps; clumps of a disc that is otherwise regular (lopsided
by less than `REGULAR`) count half, because they follow its pattern. A disc one side of which is
brighter by the relative amplitude a has a / pi of its light out of place: so much would have to
move to make it symmetric.

What a galaxy is without noise and blur is the class by the same rule at infinite signal and size.
"""

import math
from typing import NamedTuple

LEAST_SNR = 5.0
LEAST_SIZE = 0.4
DISTURBED, LEAST_DISTURBED = 0.25, 3.0
SPHEROID, BULGE = 0.7, 0.25
FLATTEST = 0.4
NEAR, REGULAR = 2.0, 0.3


class Truth(NamedTuple):
    """True parameters of a simulated galaxy.

    Attributes
    ----------
    kind : str
        Its kind in the words of its renderer.
    galaxy : bool
        False for stars and artefacts.
    bulge, disc : float
        Shares of the light.
    disturbed : float
        Share of the light that is out of place.
    axis_ratio : float
        Apparent, of the body or of the disc.
    r_e : float
        Half-light radius (px).
    """

    kind: str
    galaxy: bool
    bulge: float
    disc: float
    disturbed: float
    axis_ratio: float
    r_e: float


def classify_truth(truth: Truth, snr: float = math.inf, fwhm: float = 0.0) -> str:
    """Class by the rule of this module.

    Parameters
    ----------
    truth : Truth
    snr : float
        Signal-to-noise ratio of all its light inside the best isophote.
    fwhm : float
        Of the PSF (px).
    """
    if not truth.galaxy or snr < LEAST_SNR or truth.r_e < LEAST_SIZE * fwhm:
        return "UNC"
    if truth.disturbed >= DISTURBED and truth.disturbed * snr >= LEAST_DISTURBED:
        return "IRR"
    if truth.bulge + truth.disc == 0:
        return "UNC"
    if truth.bulge >= SPHEROID:
        return "ETD" if truth.axis_ratio < FLATTEST else "SPH"
    return "ETD" if truth.bulge >= BULGE else "LTD"


def split_sersic(n: float) -> tuple[float, float]:
    """Shares of bulge and disc of a single Sersic body of index n."""
    return float(n >= 2), float(0.8 <= n < 2)


def disturbed_share(
    clumps: float, lopsided: float, tails: float = 0.0, companion: float = 0.0
) -> float:
    """Share of the light that is out of place, from that of each cause.

    Parameters
    ----------
    clumps, tails, companion : float
        Shares of the light.
    lopsided : float
        Relative amplitude of the brightness from one side to the other.
    """
    clumps *= 0.5 if lopsided < REGULAR else 1.0
    return min(clumps + tails + companion + lopsided / math.pi, 1.0)
