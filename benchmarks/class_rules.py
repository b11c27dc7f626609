"""Compare the suggested names of groups with two rejected rules, for `classes.py`."""

import numpy as np
from class_runs import score
from tables import print_table

from morphovote.classify import classes
from morphovote.measure.quality import MEASURED


def print_suggestions(run: dict, suggestion: dict[int, dict]) -> None:
    """Print the scores of the suggested names and of two rejected rules."""
    kept, rows = run["votes"]["kept"], []
    clear = {n: one["medians"] for n, one in suggestion.items() if is_clear(one)}
    clear = {n: {m: one.get(m, np.nan) for m in MEASURED} for n, one in clear.items()}
    sizes = np.array([suggestion[number]["galaxies"] for number in clear], float)
    ranks = dict(zip(clear, rank_medians(list(clear.values()), sizes), strict=True))
    rules = {
        "as suggested": {},
        "C and Gini-M20 by rank, disturbance by rank": {
            n: by_rank(clear[n], ranks[n]) for n in clear
        },
        "n, C and Gini-M20 by published limits": {n: by_limits(clear[n]) for n in clear},
    }
    for title, changed in rules.items():
        names = {number: entry["class"] for number, entry in suggestion.items()} | changed
        given = np.array([names[int(group)] for group in run["votes"]["group"]])
        row = [title]
        for use in (kept | True, kept):
            row += score(run["true"][use], given[use])[:2]
        right = [float((given[run["true"] == kind] == kind).mean()) for kind in classes.CLASSES]
        rows.append([*row, *right])
    header = ["rule", "accuracy", "balanced", "kept: accuracy", "kept: balanced"]
    print_table([*header, *(f"completeness {kind}" for kind in classes.CLASSES)], rows)


def is_clear(entry: dict) -> bool:
    """Whether a group's class follows from its shape, not from faint or missing measurements."""
    why = entry["reason"]
    faint = why.startswith("median S/N") or "% of members" in why or "members measured" in why
    return "medians" in entry and not faint


def is_merger(medians: dict[str, float]) -> bool:
    """Beyond the published limits of disturbance (Lotz et al. 2008, eq. 4; Conselice 2003)."""
    asymmetry = medians["asymmetry"]
    lopsided = asymmetry > 0.35 and asymmetry > medians["smoothness"]
    return lopsided or medians["gini"] > -0.14 * medians["m20"] + 0.33


def by_limits(medians: dict[str, float]) -> str:
    """Bulge by n, and by published limits on C and Gini-M20, in equal parts."""
    if is_merger(medians):
        return "IRR"
    n, concentration = medians["sersic_n"], medians["concentration"]
    marks = [2 if n >= 2.5 else 1 if n >= 1.5 else 0] if np.isfinite(n) else []
    marks.append(2 if concentration >= 4.15 else 1 if concentration >= 3.5 else 0)
    marks.append(2 if medians["gini"] > 0.14 * medians["m20"] + 0.80 else 0)
    if np.mean(marks) > 1.5:
        return "SPH" if not medians["axis_ratio"] < 0.4 else "ETD"
    return "ETD" if np.mean(marks) >= 0.5 else "IRR" if medians["asymmetry"] > 0.2 else "LTD"


def by_rank(medians: dict[str, float], ranks: dict[str, float]) -> str:
    """C, Gini-M20 and disturbance by thirds of the field's own groups, n by its value."""
    if is_merger(medians):
        return "IRR"
    n, thirds = medians["sersic_n"], {key: int(min(3 * rank, 2)) for key, rank in ranks.items()}
    marks = [thirds["concentration"], thirds["bulge"]]
    marks += [2 if n >= 2.5 else 1 if n >= 1.5 else 0] if np.isfinite(n) else []
    if np.mean(marks) > 1.5:
        return "SPH" if not medians["axis_ratio"] < 0.4 else "ETD"
    return "ETD" if np.mean(marks) >= 0.5 else "IRR" if thirds["disturbance"] == 2 else "LTD"


def rank_medians(medians: list[dict[str, float]], weight: np.ndarray) -> list[dict[str, float]]:
    """Rank of each group in C, and in the bulge and the merger statistic of Snyder et al. 2015."""

    def rank(values: np.ndarray) -> np.ndarray:
        lower = (values[None, :] < values[:, None]) @ weight
        return (lower + (values[None, :] == values[:, None]) @ weight / 2) / weight.sum()

    column = {key: np.array([one[key] for one in medians]) for key in MEASURED}
    gini, m20 = column["gini"], column["m20"]
    merger = rank(0.139 * m20 + 0.990 * gini - 0.327)
    found = {
        "concentration": rank(column["concentration"]),
        "bulge": rank(-0.693 * m20 + 4.95 * gini - 3.96),
        "disturbance": rank((rank(column["asymmetry"]) + merger) / 2),
    }
    return [{key: float(values[i]) for key, values in found.items()} for i in range(len(medians))]
