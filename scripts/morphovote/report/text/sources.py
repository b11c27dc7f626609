"""Sentences on the source catalogue: what it lacks, and doubtful sources in it."""

import numpy as np
from astropy.table import Table

from morphovote.report.figures.table import FIGURES
from morphovote.report.text.words import listed, percent

# Column of the source catalogue -> what it holds, and what cannot be drawn without it.
NEEDED = {
    "MAG": ("magnitude", ("vote fraction against magnitude",)),
    "REDSHIFT": (
        "redshift",
        ("rest-frame colours", "half-light radii in kpc; class fractions by redshift"),
    ),
    "LOG_MASS": (
        "stellar mass",
        (
            "size and Sérsic index against mass",
            "class fractions by mass; the massive sample by itself",
        ),
    ),
    "U_V": ("U\N{MINUS SIGN}V", ("rest-frame colours",)),
    "V_J": ("V\N{MINUS SIGN}J", ("rest-frame colours",)),
}


def find_missing(sources: Table) -> dict:
    """Figures that the report leaves out, and why.

    Parameters
    ----------
    sources : Table
        As `read_sources` returns it.

    Returns
    -------
    dict
        figures: names of the figures; shows: what is not drawn; lacks: what the catalogue lacks.
    """
    absent = [key for key in NEEDED if not np.isfinite(np.asarray(sources[key])).any()]
    left_out = [
        figure.name
        for figure in FIGURES
        if any(set(need.split(" or ")) <= set(absent) for need in figure.needs)
    ]
    shows = [text for key in absent for text in NEEDED[key][1]]
    return {
        "figures": sorted(left_out),
        "shows": list(dict.fromkeys(shows)),
        "lacks": [NEEDED[key][0] for key in absent],
    }


def describe_missing(missing: dict) -> list[str]:
    """One sentence on what is not drawn; empty if nothing is missing."""
    if not missing["lacks"]:
        return []
    return [
        f"Not drawn, because the source catalogue has no {listed(missing['lacks'], 'or')}: "
        f"{'; '.join(missing['shows'])}. If your catalogue has them, name the columns in the "
        "config (columns)."
    ]


def describe_sources(summary: dict) -> list[str]:
    """Doubtful sources in the vote, what was noted of the catalogue, and the cross-match.

    Parameters
    ----------
    summary : dict
        As `summary.summarise` returns it.
    """
    found = []
    if summary["repeated"]:
        found.append(
            f"{summary['repeated']:,} of the sources in the vote are repeated rows of the "
            "catalogue (same id and position) and count as separate galaxies."
        )
    if summary["off_centre"]:
        found.append(
            f"{summary['off_centre']:,} sources in the vote are not at their catalogue position "
            "(flag off_centre). Most are pieces or neighbours of a brighter galaxy: leave them "
            "out of your sample."
        )
    found += [f"{note}." for note in summary.get("notes") or ()]
    if summary.get("match"):
        found.append(_describe_match(summary["match"]))
    return found


def _describe_match(match: dict) -> str:
    text = f"{match['matched']:,} sources ({percent(match['rate'])}) have a match in the physical "
    if "median" not in match:
        return f"{text}catalogue, by id."
    return (
        f"{text}catalogue within {match['radius']:g} arcsec (median separation "
        f"{match['median']:.2f} arcsec, offset {match['offset_ra']:+.2f} arcsec east and "
        f"{match['offset_dec']:+.2f} north); of positions shifted by ten "
        f"radii {percent(match['chance_rate'])} match by chance."
    )
