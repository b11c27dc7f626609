"""Entries of a field that can be read, but can hardly be meant: what was found, what is expected.

Each function returns sentences for the log and the page of `check_fields`; nothing stops.
"""

import numpy as np
from astropy.table import Table
from scipy import stats

from morphovote.config.roles import CALIBRATED, ROLES
from morphovote.fields.role_columns import Given, as_numbers, read_numbers
from morphovote.fields.thumbnails import evenly, read_around, usable_rows

# AB magnitude of one unit of flux, from janskys (8.9) to fractions of a nanojansky (31.4).
ZERO_POINTS = (5.0, 40.0)
# That of an erg/s/cm2/Hz.
CGS = -48.6
# Share of the values outside what a magnitude can be, and how many different ones: no codes.
ODD, DIFFERENT = 0.05, 10
# Sources whose light is compared with their magnitudes: at most, at least, and the rank correlation
# beyond which the column is a flux, if chance brings it more seldom than that. Sides (px) of the
# square of light and of that of the sky.
MOST, FEWEST, RISING, CHANCE = 150, 20, 0.3, 1e-3
LIGHT, SKY = 5, 41
# A catalogue that matches a smaller share of the sources, or has fewer positions in the images.
FEW, FEW_POSITIONS = 0.2, 10


def doubt_zero_point(zero_point: float | None) -> list[str]:
    """Whether a zero point can be one of a survey's images."""
    low, high = ZERO_POINTS
    if zero_point is None or low <= zero_point <= high:
        return []
    why = (
        "that is the constant of AB magnitudes for erg/s/cm2/Hz, and right only for pixels in that "
        "unit" if abs(zero_point - CGS) < 0.1 else "is it the one of the images?"
    )  # fmt: skip
    return [
        f"config, zero_point: found {zero_point:g}, expected {low:g} to {high:g}, the AB magnitude "
        f"of one unit of flux (22.5 for nanomaggies, 23.9 for microjanskys): {why}. Correct it, or "
        "leave it out"
    ]


def doubt_magnitudes(given: Given, sources: Table | None, tiles: Table) -> list[str]:
    """Whether the column that serves as `mag` holds magnitudes.

    Parameters
    ----------
    given : Given
        The catalogue.
    sources : Table or None
        The source list, if it is known; its sources' light is compared.
    tiles : Table
    """
    if "mag" not in given.roles:
        return []
    name = given.roles["mag"]
    raw = as_numbers(given, name)
    raw = raw[np.isfinite(raw)]
    values, lost = read_numbers(given, "mag")
    values = values[np.isfinite(values)]
    role, why = ROLES["mag"], ""
    odd = lost[~np.isin(lost, given.missing)]
    if len(odd) > ODD * len(raw) and len(np.unique(odd)) > DIFFERENT:
        why = f"{len(odd):,} of its {len(raw):,} values are outside {role.low:g} to {role.high:g}"
    elif len(values) and 0 < np.median(values) <= CALIBRATED:
        why = f"its median is {np.median(values):.3g}, brighter than the galaxies of any survey"
    elif sources is not None and (rise := _rise_with_light(sources, tiles)) > RISING:
        why = f"sources are brighter in the images where it is larger (rank correlation {rise:.2f})"
    if not why:
        return []
    return [
        f"{given.path}: column '{name}' (mag) seems to hold no magnitudes: {why}. Is it a flux? "
        "Give a column of AB magnitudes in `columns`, or leave `mag` out"
    ]


def _rise_with_light(sources: Table, tiles: Table) -> float:
    """Rank correlation of magnitude and light in the images: near -1 if all is well.

    It is 0 where it is not known, or may be chance. The light is that of a small square about the
    source, above the median of a larger one.
    """
    rows = usable_rows(sources)
    rows = rows[np.isfinite(np.asarray(sources["MAG"], dtype=float)[rows])]
    if len(rows) < FEWEST:
        return 0.0
    rows = rows[evenly(len(rows), MOST)]
    # In the order of the images, each of which is opened once.
    rows = rows[np.argsort(np.asarray(sources["TILE"])[rows], kind="stable")]
    light, edge = [], (SKY - LIGHT) // 2
    for pixels in read_around(sources, rows, tiles, SKY):
        core = pixels[edge : edge + LIGHT, edge : edge + LIGHT]
        known = np.isfinite(core).all()
        light.append(np.mean(core) - np.nanmedian(pixels) if known else np.nan)
    light, magnitude = np.array(light), np.asarray(sources["MAG"], dtype=float)[rows]
    known = np.isfinite(light)
    if np.count_nonzero(known) < FEWEST or np.ptp(magnitude[known]) == 0:
        return 0.0
    rise = stats.spearmanr(magnitude[known], light[known])
    return float(rise.statistic) if rise.pvalue < CHANCE else 0.0


def doubt_match(path: str, matched: int, sources: int, how: str) -> list[str]:
    """Whether a physical catalogue matches enough of the sources."""
    if matched >= FEW * sources:
        return []
    none = "none" if not matched else f"only {matched:,}"
    return [
        f"{path}: {none} of the {sources:,} sources has a match {how}. Is it another field's "
        "catalogue, or are `physical.columns` (degrees?) or `radius` wrong? Correct them, or go on "
        "if few are expected"
    ]


def doubt_positions(path: str, inside: int, known: int, sky: bool) -> list[str]:
    """Whether enough of a catalogue's positions lie in the images, whose sources are not known.

    `sky` says whether the images have a WCS at all.
    """
    if not sky:
        return [
            f"{path}: is to be matched by position, but the images have no WCS, so that the "
            "sources to be detected have none. Give images with a WCS, or leave `physical` out"
        ]
    if inside >= FEW_POSITIONS:
        return []
    none = "none" if not inside else f"only {inside:,}"
    return [
        f"{path}: {none} of its {known:,} positions lie in an image of the field. Is it another "
        "field's catalogue, or are `physical.columns` (degrees?) wrong? Correct them"
    ]
