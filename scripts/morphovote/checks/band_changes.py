"""How group and class change from band to band: the same galaxies in each, by the field's model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.chain import Chain
from morphovote.compute.statistics import fraction_interval
from morphovote.fields.bands import in_band
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.psf_matching import match_kernels
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.flags import LOW_SNR, NO_DATA
from morphovote.logs import log

# Most galaxies, drawn at random.
SAMPLE = 2000
CHANGES = (
    "band",
    "other",
    "wavelength_ratio",
    "rest_wavelength",
    "galaxies",
    "same_group",
    "group_low",
    "group_high",
    "classified",
    "same_class",
    "class_low",
    "class_high",
)


def compare_bands(
    sources: str | Path,
    sky: Sequence[str | Path],
    chain: Chain,
    *,
    seed: int,
    cutout: dict,
    target: float | None = None,
) -> Table:
    """Take some galaxies of a field with several bands through the model in each band.

    Parameters
    ----------
    sources : path
    sky : sequence of path
        One, or none.
    chain : Chain
        With classes.
    seed : int
        Of the sample, `SAMPLE` galaxies at most, of those that lie in several bands.
    cutout : dict
        size (px), neighbours.
    target : float, optional
        Pixel scale of the model's cutouts (arcsec) where it is not that of the field.

    Returns
    -------
    Table
        From `count_changes`.
    """
    table, tiles = read_sources(sources)
    names = list(dict.fromkeys(map(str, tiles["BAND"])))
    several = np.asarray(table["SELECTED"], dtype=bool)
    several &= (np.asarray(table["BAND_TILE"]) >= 0).sum(axis=1) > 1
    rows = np.flatnonzero(several)
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    table = table[rows]
    level = read_sky(sky[0]) if len(sky) else None
    kernel = match_kernels(tiles, [], None, target or float(tiles.meta["PIXSCALE"]))
    found = []
    for number, name in enumerate(names):
        log.info("%d galaxies in %s", len(rows), name)
        moved = in_band(table, number)
        cut = make_cutouts(
            moved, tiles, cutout["size"], cutout["neighbours"], chain.threads, target, level, kernel
        )
        usable = (cut["flags"] & (NO_DATA | LOW_SNR)) == 0
        if len(rows):
            found.append(chain.follow(cut) | {"usable": usable})
    return count_changes(table, names, found) if found else Table(names=CHANGES)


def count_changes(
    sources: Table, names: Sequence[str], found: Sequence[dict[str, np.ndarray]]
) -> Table:
    """Shares of galaxies that keep group and class in another band than their own.

    Parameters
    ----------
    sources : Table
        BAND and REST_WAVELENGTH (micrometres, NaN where unknown) of N galaxies, and REDSHIFT.
    names : sequence of str
        Of the bands.
    found : sequence of dict of ndarray, shape (N,)
        In each band: group (-1 where none), class ("" or UNC where none) and usable (with data, and
        a signal-to-noise ratio of 10 or more).

    Returns
    -------
    Table
        `CHANGES`: one row for each two bands. Of the galaxies that were taken in `band` and are
        usable in both: the wavelength of the other band over that of `band`, and its median in the
        galaxies' rest frame (micrometres; NaN where unknown); how many have a group in both and the
        share that has the same, how many a class in both and the share that has the same, with 95 %
        Wilson intervals.
    """
    own, rest = np.asarray(sources["BAND"]), np.asarray(sources["REST_WAVELENGTH"], dtype=float)
    observed = rest * (1 + np.asarray(sources["REDSHIFT"], dtype=float))
    wave = [_median(observed[own == name]) for name in names]
    lines = []
    for first, name in enumerate(names):
        for second, other in enumerate(names):
            here, there = found[first], found[second]
            both = (own == name) & here["usable"] & there["usable"]
            grouped = both & (here["group"] >= 0) & (there["group"] >= 0)
            known = both & ~np.isin(here["class"].astype(str), ("", "UNC"))
            known &= ~np.isin(there["class"].astype(str), ("", "UNC"))
            if first == second or not both.any():
                continue
            same = (grouped & (here["group"] == there["group"])).sum()
            alike = (known & (here["class"] == there["class"])).sum()
            ratio = wave[second] / wave[first]
            lines.append((
                name, other, ratio, _median(rest[both]) * ratio,
                int(grouped.sum()), *fraction_interval(int(same), int(grouped.sum())),
                int(known.sum()), *fraction_interval(int(alike), int(known.sum())),
            ))  # fmt: skip
    kinds = [str, str, float, float, int, float, float, float, int, float, float, float]
    return Table(rows=lines or None, names=CHANGES, dtype=kinds)


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else np.nan
