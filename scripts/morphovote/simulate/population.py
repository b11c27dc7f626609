"""Population of a simulated field: magnitudes, redshifts, masses, sizes and colours by type.

Rough scaling relations from the literature, enough for a field that looks and plots like COSMOS.
They are not meant to describe the real galaxy population.
"""

from functools import cache

import numpy as np
from astropy.cosmology import FlatLambdaCDM

KINDS = ("SPH", "ETD", "LTD", "IRR", "UNC")

# Fractions close to those of Song et al. 2024 (arXiv:2404.15701) for I < 25 in COSMOS.
SHARES = {"SPH": 0.16, "ETD": 0.18, "LTD": 0.24, "IRR": 0.26, "UNC": 0.16}

# Number counts N(m) ~ 10^(COUNT_SLOPE m), as in the I band at 20 < m < 25 (Leauthaud et al. 2007).
COUNT_SLOPE = 0.35
BRIGHT, FAINT = 20.0, 25.0
REDSHIFTS = (0.1, 1.6)

# Fraction of each type on the quiescent sequence.
QUIESCENT = {"SPH": 0.85, "ETD": 0.75, "LTD": 0.06, "IRR": 0.02, "UNC": 0.2}
# Size relative to the mass-size relation of late types (LTD, IRR) or early types (the others).
SIZE_FACTOR = {"SPH": 0.9, "ETD": 1.5, "LTD": 1.0, "IRR": 1.2, "UNC": 1.0}


def draw_magnitudes(
    count: int, rng: np.random.Generator, bright: float = BRIGHT, faint: float = FAINT
) -> np.ndarray:
    """Draw AB magnitudes that follow N(m) ~ 10^(0.35 m) between two limits.

    Returns
    -------
    ndarray
        Shape (count,).
    """
    low, high = 10 ** (COUNT_SLOPE * bright), 10 ** (COUNT_SLOPE * faint)
    return np.log10(rng.uniform(low, high, count)) / COUNT_SLOPE


def assign_kinds(magnitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw types in fixed fractions, at random except that UNC are mostly faint galaxies.

    Parameters
    ----------
    magnitudes : ndarray
        Shape (N,), AB.

    Returns
    -------
    ndarray of str
        Shape (N,), each one of `KINDS`.
    """
    total = len(magnitudes)
    # Largest remainders, so that the counts add up and even small fields have every type.
    wanted = np.array([SHARES[kind] for kind in KINDS]) * total
    counts = np.floor(wanted).astype(int)
    counts[np.argsort(counts - wanted, kind="stable")[: total - counts.sum()]] += 1
    kinds = np.empty(total, dtype="<U3")
    weight = 10 ** (1.2 * (magnitudes - FAINT))
    unclear = rng.choice(total, counts[-1], replace=False, p=weight / weight.sum())
    kinds[unclear] = "UNC"
    kinds[kinds == ""] = rng.permutation(np.repeat(KINDS[:-1], counts[:-1]))
    return kinds


@cache
def _distance_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    redshifts = np.linspace(0.05, 2.0, 400)
    return (
        redshifts,
        cosmology.distmod(redshifts).value,
        cosmology.kpc_proper_per_arcmin(redshifts).value / 60,
    )


def draw_properties(kind: str, magnitude: float, rng: np.random.Generator) -> dict[str, float]:
    """Draw redshift, stellar mass, colours and size of one galaxy.

    The redshift depends on magnitude. The mass follows from luminosity and a mass-to-light ratio,
    the size from the mass-size relations of van der Wel et al. 2014 (ApJ 788, 28) with their
    scatter. The colours lie in the quiescent region of Williams et al. 2009 (ApJ 691, 1879) or on
    the star-forming sequence below it.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    magnitude : float
        AB, F814W.

    Returns
    -------
    dict
        `Z`; `LOG_MASS` (log10 of solar masses); `U_V`, `V_J` (rest-frame AB magnitudes);
        `R_E` (arcsec, semi-major axis).
    """
    quiescent = rng.random() < QUIESCENT[kind]
    median = 0.45 + 0.1 * (magnitude - 20)
    redshift = float(np.clip(median * np.exp(rng.normal(0, 0.3)), *REDSHIFTS))
    grid, modulus, scale = _distance_table()
    absolute = magnitude - np.interp(redshift, grid, modulus)
    # 4.5 is the Sun's absolute I magnitude (AB). Redder galaxies give less light per mass, and the
    # observed band shifts towards the rest-frame blue with redshift.
    log_ratio = (0.35 if quiescent else -0.25) + 0.15 * redshift + rng.normal(0, 0.15)
    log_mass = -0.4 * (absolute - 4.5) + log_ratio
    if quiescent:
        v_j = float(np.clip(rng.normal(1.15, 0.15), 0.75, 1.5))
        floor = max(1.3, 0.88 * v_j + (0.69 if redshift < 0.5 else 0.59))
        u_v = floor + 0.05 + abs(rng.normal(0, 0.12))
    else:
        # Dust reddens massive galaxies, along a line below the quiescent region.
        v_j = float(np.clip(0.75 + 0.35 * (log_mass - 9.7) + rng.normal(0, 0.25), 0.0, 2.1))
        ceiling = 0.88 * v_j + 0.52
        u_v = ceiling - 0.08 - abs(rng.normal(0, 0.22))
    return {
        "Z": redshift,
        "LOG_MASS": float(log_mass),
        "U_V": float(u_v),
        "V_J": v_j,
        "R_E": _draw_size(kind, log_mass, redshift, np.interp(redshift, grid, scale), rng),
    }


def _draw_size(
    kind: str, log_mass: float, redshift: float, scale: float, rng: np.random.Generator
) -> float:
    mass = 10**log_mass / 5e10
    if kind in ("SPH", "ETD"):
        # The early types' relation flattens below 2e10 solar masses.
        kpc = 5.6 * max(mass, 0.4) ** 0.75 * min(mass / 0.4, 1) ** 0.1 * (1 + redshift) ** -1.48
        scatter = 0.10
    else:
        kpc = 8.9 * mass**0.22 * (1 + redshift) ** -0.75
        scatter = 0.16
    radius = kpc / scale * SIZE_FACTOR[kind] * 10 ** rng.normal(0, scatter)
    return float(np.clip(radius, 0.06, 1.1))
