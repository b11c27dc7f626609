"""Test whether the classes differ in measured quantities, and in the published order."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from astropy.table import Table
from scipy.stats import mannwhitneyu

from morphovote.classify.classes import EARLY, LATE
from morphovote.cosmology import kpc_per_arcsec

# Quantity -> its name in sentences, and its unit.
PARAMETERS = {
    "SERSIC_N": ("Sérsic index n", ""),
    "R_E": ("half-light radius", "arcsec"),
    "R_E_KPC": ("half-light radius", "kpc"),
    "GINI": ("Gini coefficient", ""),
    "M20": ("M20", ""),
    "CONCENTRATION": ("concentration C", ""),
    "ASYMMETRY": ("asymmetry A", ""),
    "SMOOTHNESS": ("clumpiness S", ""),
    "AXIS_RATIO": ("axis ratio", ""),
}
# Neighbours in the order of the classes, and early types with late types.
NEIGHBOURS = tuple(((first,), (second,)) for first, second in pairwise(EARLY + LATE))
PAIRS = (*NEIGHBOURS, (EARLY, LATE))
# Published ordering (Fang et al. 2025): sentence, quantity, pairs, sign of the difference.
ORDERING = (
    ("n falls from SPH to IRR", "SERSIC_N", NEIGHBOURS, 1),
    ("r_e (arcsec) rises from SPH to IRR", "R_E", NEIGHBOURS, -1),
    ("r_e (kpc) rises from SPH to IRR", "R_E_KPC", NEIGHBOURS, -1),
    ("Gini is higher for SPH and ETD than for LTD and IRR", "GINI", PAIRS[3:], 1),
    ("C is higher for SPH and ETD than for LTD and IRR", "CONCENTRATION", PAIRS[3:], 1),
)
# Fewest galaxies in either class for a test.
FEWEST_IN_CLASS = 8
# Most galaxies of either class in a bootstrap: with more, the interval is narrow anyway.
MOST = 4000
RESAMPLES = 1000
LEVEL = 0.05
# An effect with a smaller Cliff's delta is negligible (Romano et al. 2006).
NEGLIGIBLE = 0.147

COLUMNS = (
    "sample", "parameter", "unit", "first", "second", "galaxies_first", "galaxies_second",
    "median_first", "median_second", "u", "delta", "delta_low", "delta_high", "p", "p_holm",
    "decision",
)  # fmt: skip


def cliffs_delta(first: np.ndarray, second: np.ndarray) -> float:
    """Cliff's delta (Cliff 1993, Psychological Bulletin 114, 494).

    Parameters
    ----------
    first, second : ndarray of float
        All finite, none empty.

    Returns
    -------
    float
        Share of all pairs in which the first is larger, minus the share in which it is smaller.
    """
    second = np.sort(second)
    below = np.searchsorted(second, first, side="left")
    above = len(second) - np.searchsorted(second, first, side="right")
    return float((below - above).mean() / len(second))


def delta_interval(
    first: np.ndarray, second: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % percentile interval of Cliff's delta from a bootstrap of both classes.

    Parameters
    ----------
    first, second : ndarray of float
        All finite, none empty. If there are more than `MOST` galaxies, as many are drawn at random.
    seed, resamples : int
    """
    rng = np.random.default_rng(seed)
    first, second = (
        values if len(values) <= MOST else rng.choice(values, MOST, replace=False)
        for values in (first, second)
    )
    # Rank once; a resample is then a count of how often each galaxy was drawn.
    place, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    found = np.empty(resamples)
    for i in range(resamples):
        draw_first = index[rng.integers(0, len(first), len(first))]
        draw_second = index[len(first) + rng.integers(0, len(second), len(second))]
        counts = np.bincount(draw_second, minlength=len(place))
        up_to = np.cumsum(counts)
        below, above = (up_to - counts)[draw_first], len(second) - up_to[draw_first]
        found[i] = (below - above).mean() / len(second)
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p-values for their number (Holm 1979, Scand. J. Statist. 6, 65); NaNs stay."""
    p = np.asarray(p, dtype=float)
    corrected = np.full(p.shape, np.nan)
    rows = np.flatnonzero(np.isfinite(p))
    order = rows[np.argsort(p[rows], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def compare_classes(
    name: np.ndarray,
    values: Mapping[str, np.ndarray],
    samples: Mapping[str, np.ndarray],
    resamples: int = RESAMPLES,
) -> Table:
    """Compare every quantity between the classes of `PAIRS`.

    Parameters
    ----------
    name : ndarray of str, shape (N,)
        Classes.
    values : mapping of ndarray of float, shape (N,)
        By the names of `PARAMETERS`; NaN where not measured, or badly. A quantity that is left out,
        or unknown for all galaxies, is not compared.
    samples : mapping of ndarray of bool, shape (N,)
        By the sample's name: its members.
    resamples : int
        In each bootstrap.

    Returns
    -------
    Table
        `COLUMNS`, one row per sample, quantity and pair: numbers and medians of both classes, the
        Mann-Whitney U of the first (two-sided), Cliff's delta with its 95 % bootstrap interval, the
        p-value, and the p-value after Holm's correction for all tests of the table. `decision` is
        'first higher', 'second higher', 'not decided' or 'too few' (fewer than `FEWEST_IN_CLASS` in
        a class).
    """
    name = np.asarray(name, dtype=str)
    rows = []
    for sample, inside in samples.items():
        for parameter, (_, unit) in PARAMETERS.items():
            value = np.asarray(values.get(parameter, np.full(len(name), np.nan)), dtype=float)
            if not np.isfinite(value).any():
                continue
            for pair in PAIRS:
                sides = [value[inside & np.isin(name, side) & np.isfinite(value)] for side in pair]
                labels = ["+".join(side) for side in pair]
                rows.append(
                    (sample, parameter, unit, *labels, *_compare(*sides, resamples), np.nan, "")
                )
    if not rows:
        return Table(names=COLUMNS, dtype=["U1"] * 5 + [int] * 2 + [float] * 8 + ["U1"])
    table = Table(rows=rows, names=COLUMNS)
    table["p_holm"] = holm(table["p"])
    table["decision"] = [_decide(row) for row in table]
    return table


def _compare(first: np.ndarray, second: np.ndarray, resamples: int) -> tuple:
    numbers = len(first), len(second)
    medians = tuple(float(np.median(v)) if len(v) else np.nan for v in (first, second))
    if min(numbers) < FEWEST_IN_CLASS:
        return *numbers, *medians, *[np.nan] * 5
    test = mannwhitneyu(first, second, alternative="two-sided", method="asymptotic")
    delta = cliffs_delta(first, second)
    interval = delta_interval(first, second, resamples=resamples)
    return *numbers, *medians, float(test.statistic), delta, *interval, float(test.pvalue)


def _decide(row) -> str:
    if not np.isfinite(row["p_holm"]):
        return "too few"
    if row["p_holm"] >= LEVEL:
        return "not decided"
    return "first higher" if row["delta"] > 0 else "second higher"


def check_ordering(table: Table) -> list[dict]:
    """Test the published ordering of the classes.

    Parameters
    ----------
    table : Table
        As `compare_classes` returns it.

    Returns
    -------
    list of dict
        One per sample and line of `ORDERING`: sample, claim, verdict and reason. The verdict is
        'fail' if a comparison of the claim is significant (`LEVEL`, after Holm) in the opposite
        direction, 'pass' if all of them are significant in the published direction, and 'not
        decided' otherwise, also if one of the four classes has fewer than `FEWEST_IN_CLASS`
        galaxies.
    """
    found = []
    for sample in dict.fromkeys(str(sample) for sample in table["sample"]):
        for claim, parameter, pairs, sign in ORDERING:
            rows = {
                (str(row["first"]), str(row["second"])): row
                for row in table[(table["sample"] == sample) & (table["parameter"] == parameter)]
            }
            if not rows:
                continue
            numbers = {}
            for (first, second), row in rows.items():
                numbers |= {first: row["galaxies_first"], second: row["galaxies_second"]}
            few = {key: numbers[key] for key in EARLY + LATE if numbers[key] < FEWEST_IN_CLASS}
            wanted = [rows["+".join(first), "+".join(second)] for first, second in pairs]
            verdict, reason = _judge(wanted, few, "first higher" if sign > 0 else "second higher")
            found.append({"sample": sample, "claim": claim, "verdict": verdict, "reason": reason})
    return found


def _judge(rows: list, few: dict[str, int], wanted: str) -> tuple[str, str]:
    tested = [row for row in rows if row["decision"] != "too few"]
    reason = [_describe(row) for row in tested]
    if few:
        reason.append(
            "too few measured of " + ", ".join(f"{key} ({count})" for key, count in few.items())
        )
    if any(row["decision"] not in (wanted, "not decided") for row in tested):
        verdict = "fail"
    elif few or any(row["decision"] != wanted for row in tested):
        verdict = "not decided"
    else:
        verdict = "pass"
    return verdict, "; ".join(reason)


def _describe(row) -> str:
    words = {"not decided": "not told from", "first higher": "above", "second higher": "below"}
    delta = f"{row['delta']:+.2f}".replace("-", "\N{MINUS SIGN}")
    text = f"{row['first']} {words[row['decision']]} {row['second']} (Cliff's delta {delta})"
    small = row["decision"] != "not decided" and abs(row["delta"]) < NEGLIGIBLE
    return text + (", a negligible effect" if small else "")


def measured_values(catalogue: Table, sources: Table) -> dict[str, np.ndarray]:
    """`PARAMETERS` of every galaxy; half-light radii in kpc are NaN without a redshift.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        As `reading.read_properties` returns it.
    """
    values = {
        name: np.asarray(catalogue[name], dtype=float)
        for name in PARAMETERS
        if name in catalogue.colnames
    }
    return values | {"R_E_KPC": values["R_E"] * kpc_per_arcsec(sources["REDSHIFT"])}


def choose_samples(sources: Table, massive: float) -> dict[str, np.ndarray]:
    """Choose the samples: all galaxies, and massive ones if there are any of known mass.

    Parameters
    ----------
    sources : Table
        LOG_MASS.
    massive : float
        Lower limit, log10 of solar masses.

    Returns
    -------
    dict of ndarray of bool, shape (N,)
        'all', and 'massive' if it has members.
    """
    heavy = is_massive(sources["LOG_MASS"], massive)
    samples = {"all": np.ones(len(sources), dtype=bool)}
    return samples | ({"massive": heavy} if heavy.any() else {})


def is_massive(log_mass: np.ndarray, cut: float) -> np.ndarray:
    """Whether galaxies are above a stellar mass (log10 of solar masses); False if it is unknown."""
    return np.nan_to_num(np.asarray(log_mass, dtype=float), nan=-np.inf) > cut


def summarise_tests(
    catalogue: Table, sources: Table, massive: float, comparisons: list[dict], ordering: list[dict]
) -> dict:
    """Numbers of the class tests for summary.json.

    Parameters
    ----------
    catalogue, sources : Table
        As `read_catalogue` and `read_properties` return them.
    massive : float
        Lower limit of the massive sample, log10 of solar masses.
    comparisons, ordering : list of dict
        Rows of separation.csv and ordering.csv.

    Returns
    -------
    dict
        galaxies (with one of the four classes), measured (those with a good measurement of the
        pixels), fitted (those with a good Sersic fit), massive, massive_galaxies, tests,
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
