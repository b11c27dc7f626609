"""Shares of injected galaxies that are detected, kept and recovered, with intervals."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.classify.classes import CLASSES
from morphovote.compute.statistics import equal_bins, fraction_interval
from morphovote.storage.shards import read_attributes, read_shard

# Fewest galaxies in a bin of magnitude or size.
FEWEST_INJECTED = 25
SHOWN = ("detected", "kept", "recovered")


def completeness(found: dict[str, np.ndarray], bins: int = 5) -> Table:
    """Shares of injected galaxies that are detected and recovered, by magnitude and by size.

    Parameters
    ----------
    found : dict of ndarray, shape (N,)
        type, mag, r_e, detected, kept, recovered.
    bins : int
        Most bins in magnitude and in size, of equal numbers over all classes.

    Returns
    -------
    Table
        class ("all", then each), by ("all", "mag", "r_e"), low, high, median (of the magnitude or
        the radius in arcsec), galaxies, and for detected, kept and recovered the share with its
        95 % Wilson interval (_low, _high).
    """
    rows = []
    for by in ("all", "mag", "r_e"):
        values = found["mag"] if by == "all" else found[by]
        edges = bin_edges(values, 1 if by == "all" else bins)
        for name in ("all", *[name for name in CLASSES if (found["type"] == name).any()]):
            mine = np.ones(len(values), bool) if name == "all" else found["type"] == name
            for i, (low, high) in enumerate(pairwise(edges)):
                last = i == len(edges) - 2
                here = mine & (values >= low) & ((values <= high) if last else (values < high))
                row = {"class": name, "by": by, "low": low, "high": high}
                row["median"] = float(np.median(values[here])) if here.any() else np.nan
                row["galaxies"] = int(here.sum())
                for key in SHOWN:
                    share = fraction_interval(int(found[key][here].sum()), int(here.sum()))
                    row |= dict(zip((key, f"{key}_low", f"{key}_high"), share, strict=True))
                rows.append(row)
    return Table(rows=rows)


def bin_edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Edges between bins of about equal numbers, from the least to the greatest value."""
    parts = equal_bins(values, bins, FEWEST_INJECTED) if bins > 1 else []
    inner = [(values[left].max() + values[right].min()) / 2 for left, right in pairwise(parts)]
    return np.array([values.min(), *inner, values.max()], dtype=float)


def summarise_recovery(found: dict[str, np.ndarray], attributes: dict) -> dict:
    """Numbers for summary.json: galaxies, missing, detects, and shares with their intervals.

    Parameters
    ----------
    found : dict of ndarray
        From the table of `recovery.inject_file`.
    attributes : dict
        Of that table.
    """
    numbers = {
        "galaxies": len(found["row"]),
        "missing": str(attributes["missing"]),
        "detects": bool(attributes["detects"]),
    }
    if not numbers["galaxies"]:
        return numbers
    table = completeness(found)
    for row in table[table["by"] == "all"]:
        part = {key: [row[key], row[f"{key}_low"], row[f"{key}_high"]] for key in SHOWN}
        numbers[str(row["class"])] = {"galaxies": int(row["galaxies"])} | part
    return numbers


def read_recovery(path: str | Path) -> dict:
    """`summarise_recovery` of a table of injections."""
    return summarise_recovery(read_shard(path), read_attributes(path))
