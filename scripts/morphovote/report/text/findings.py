"""What the tests of the classes and the audit of the groups found: for summary and report."""

import numpy as np
from astropy.table import Table

from morphovote.checks.class_tests import is_massive
from morphovote.checks.confounders import FEWEST_IN_GROUP, FOREIGN, LIMIT, LOWER, QUANTITIES, SAMPLE
from morphovote.classify.classes import EARLY, LATE

# What the source catalogue may lack, and what cannot be drawn without it: column -> its name,
# and figure (None where only a part of others) -> what it shows.
NEEDED = {
    "MAG": ("magnitude", {None: "vote fraction against magnitude"}),
    "REDSHIFT": (
        "redshift",
        {
            "colours": "rest-frame colours",
            None: "half-light radii in kpc; class fractions by redshift",
        },
    ),
    "LOG_MASS": (
        "stellar mass",
        {
            "masses": "size and Sérsic index against mass",
            None: "class fractions by mass; the massive sample by itself",
        },
    ),
    "U_V": ("U\N{MINUS SIGN}V", {"colours": "rest-frame colours"}),
    "V_J": ("V\N{MINUS SIGN}J", {"colours": "rest-frame colours"}),
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
    figures = {name for key in absent for name in NEEDED[key][1] if name}
    if {"REDSHIFT", "LOG_MASS"} <= set(absent):
        figures.add("fractions")
    shows = [text for key in absent for text in NEEDED[key][1].values()]
    return {
        "figures": sorted(figures),
        "shows": list(dict.fromkeys(shows)),
        "lacks": [NEEDED[key][0] for key in absent],
    }


def missing_sentence(missing: dict) -> str:
    """One sentence on what is not drawn; empty where nothing is missing."""
    if not missing["lacks"]:
        return ""
    return (
        f"Not drawn, because the source catalogue has no {_listed(missing['lacks'], 'or')}: "
        f"{'; '.join(missing['shows'])}. Name the columns in the config (columns), where your "
        "catalogue has them."
    )


def summarise_tests(
    catalogue: Table, sources: Table, massive: float, comparisons: list[dict], ordering: list[dict]
) -> dict:
    """The tests of the classes, for summary.json.

    Parameters
    ----------
    catalogue, sources : Table
        As `read_catalogue` and `read_sources` return them.
    massive : float
        Lower limit of the massive sample, log10 of solar masses.
    comparisons, ordering : list of dict
        Rows of separation.csv and ordering.csv.

    Returns
    -------
    dict
        galaxies (with one of the four classes), measured (of these, with a sound measurement of
        the pixels), fitted (with a sound Sersic fit), massive, massive_galaxies, tests,
        comparisons, ordering.
    """
    named = np.isin(np.asarray(catalogue["CLASS"], dtype=str), EARLY + LATE)
    heavy = is_massive(sources["LOG_MASS"], massive)
    return {
        "galaxies": int(named.sum()),
        "measured": int((named & np.isfinite(catalogue["GINI"])).sum()),
        "fitted": int((named & np.isfinite(catalogue["SERSIC_N"])).sum()),
        "massive": massive,
        "massive_galaxies": int((named & heavy).sum()),
        "tests": sum(row["p"] is not None for row in comparisons),
        "comparisons": comparisons,
        "ordering": ordering,
    }


def separation_sentences(tests: dict, suggested: bool) -> list[str]:
    """What the tests of the classes say, for the report.

    Parameters
    ----------
    tests : dict
        As `summarise_tests` returns it.
    suggested : bool
        Whether the classes are suggested from the very measurements that are tested.
    """
    if not tests["tests"]:
        return [
            "No two neighbouring classes have enough galaxies that are measured well, so nothing "
            "could be tested."
        ]
    verdicts = [row["verdict"] for row in tests["ordering"] if row["sample"] == "all"]
    count = {word: verdicts.count(word) for word in ("pass", "fail", "not decided")}
    text = (
        f"Of {tests['galaxies']:,} galaxies in the four classes, {tests['measured']:,} have a "
        f"sound measurement of their pixels and {tests['fitted']:,} a sound Sérsic fit; the "
        f"others are left out. {tests['tests']} Mann-Whitney U tests were made, and their "
        "p-values corrected for that number after Holm. Of the published order, "
        f"{count['pass']} of {len(verdicts)} statements pass, {count['fail']} fail and "
        f"{count['not decided']} are not decided."
    )
    if tests["massive_galaxies"]:
        text += (
            f" The same was tested for {tests['massive_galaxies']:,} massive galaxies, with a "
            f"stellar mass of log M above {tests['massive']:g}."
        )
    if suggested:
        return [
            text,
            "The classes are suggested from medians of these very measurements, so a pass here "
            "says that the suggestion is consistent, not that it is right.",
        ]
    return [text]


def summarise_audit(groups: list[dict], overall: list[dict]) -> dict:
    """The audit of the groups, for summary.json.

    Parameters
    ----------
    groups, overall : list of dict
        Rows of confounders.csv and confounders_overall.csv.

    Returns
    -------
    dict
        limit, lower, overall; groups and judged, the numbers of groups with members and of those
        with enough of them; and marked: the rows of the groups that are marked, with `text`.
    """
    marked = [
        {
            **row,
            "text": f"mostly a matter of {QUANTITIES[row['quantity']][0]} (AUC {row['auc']:.2f}, "
            f"{row['low']:.2f} to {row['high']:.2f})",
        }
        for row in groups
        if row["marked"]
    ]
    return {
        "limit": LIMIT,
        "lower": LOWER,
        "overall": overall,
        "groups": len({row["group"] for row in groups}),
        "judged": len({row["group"] for row in groups if row["auc"] is not None}),
        "marked": marked,
    }


def audit_sentences(audit: dict) -> list[str]:
    """What the audit of the groups says, for the report."""
    if not audit["overall"]:
        return ["There are too few galaxies for an audit, or nothing known of them that varies."]
    telling = [row for row in audit["overall"] if row["verdict"] == "more than chance"]
    silent = [row for row in audit["overall"] if row["verdict"] != "more than chance"]
    text = f"Alone, of at most {SAMPLE:,} galaxies, "
    if telling:
        told = [
            f"{_name(row)} ({100 * row['balanced_accuracy']:.0f} % against "
            f"{100 * row['null']:.0f} %)"
            for row in sorted(telling, key=lambda row: -row["balanced_accuracy"])
        ]
        text += f"these tell the group better than shuffled group numbers: {_listed(told, 'and')}"
    if silent:
        text += "; and no better: " if telling else "none tells it better than shuffled ones: "
        text += _listed([_name(row) for row in silent], "and")
    found = [text + "."]
    foreign = [_name(row) for row in telling if row["quantity"] in FOREIGN]
    if foreign:
        found.append(
            f"{_listed(foreign, 'and').capitalize()} should say nothing about a galaxy's shape: "
            "groups that follow it are artefacts of the data or of the method."
        )
    if audit["judged"] < audit["groups"]:
        found.append(
            f"One by one, {audit['judged']} of {audit['groups']} groups are judged: the others "
            f"have fewer than {FEWEST_IN_GROUP} members."
        )
    if audit["marked"]:
        marks = [f"group {row['group']} ({_name(row)})" for row in audit["marked"]]
        found.append(
            f"One quantity alone tells these from all others: {_listed(marks, 'and')}. Look at "
            "them with care before you give them a class."
        )
    elif audit["judged"]:
        found.append("No group judged is told from all others by one quantity alone.")
    return found


def _name(row: dict) -> str:
    return QUANTITIES[row["quantity"]][0].split(",")[0]


def _listed(words: list[str], last: str) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
