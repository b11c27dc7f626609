"""Results of a stability check: shares of views, with intervals, overall and by S/N."""

import numpy as np

from morphovote.compute.statistics import fraction_interval

KINDS = ("exact", "turned", "noise", "psf")
SCORES = ("retrieved", "unchanged", "unchanged_unseen")


def summarise_stability(table: dict[str, np.ndarray], attributes: dict) -> dict:
    """Shares of the views that keep their galaxy's place and group, by kind of change.

    Parameters
    ----------
    table, attributes : dict
        As `stability.check_stability_file` writes them.

    Returns
    -------
    dict
        galaxies, kept, rivals, psf_fwhm, and checks: a list of dict with kind, amount (None for
        turns), galaxies ('all' or 'kept'), count (galaxies), views, the shares retrieved,
        unchanged and unchanged_unseen with 95 % intervals, and the median of moved.
    """
    checks = []
    done = sorted({(KINDS.index(kind), amount) for kind, amount in _done(table)})
    for kind, amount in ((KINDS[place], amount) for place, amount in done):
        for name in ("all", "kept"):
            part = select(table, kind, amount, kept=name == "kept")
            count = len(np.unique(part["row"]))
            check = {
                "kind": kind,
                "amount": amount or None,
                "galaxies": name,
                "count": count,
                "views": len(part["row"]),
                "moved": float(np.median(part["moved"])) if count else None,
            }
            checks.append(check | {score: share_of(part, score) for score in SCORES})
    return {
        "galaxies": int(attributes["galaxies"]),
        "kept": len(np.unique(table["row"][table["was_kept"]])),
        "rivals": int(attributes["rivals"]),
        "psf_fwhm": float(attributes["psf_fwhm"]),
        "checks": checks,
    }


def _done(table: dict[str, np.ndarray]) -> list[tuple[str, float]]:
    """Kind and amount of each view; 0 for rotations, whose angles are counted together."""
    turned = np.isin(table["kind"], ("exact", "turned"))
    amounts = np.where(turned, 0.0, table["amount"])
    return list(zip(table["kind"].tolist(), amounts.tolist(), strict=True))


def select(
    table: dict[str, np.ndarray], kind: str, amount: float = 0.0, kept: bool = False
) -> dict[str, np.ndarray]:
    """Rows of one kind and amount (0: any), of all galaxies or of those kept when unchanged."""
    chosen = table["kind"] == kind
    if amount:
        chosen &= table["amount"] == amount
    if kept:
        chosen &= table["was_kept"]
    return {name: array[chosen] for name, array in table.items()}


def share_of(part: dict[str, np.ndarray], score: str) -> list[float]:
    """Share of views with a score, and its Wilson interval.

    The interval counts all views of a galaxy as one: they are not independent, so counting each
    would make it too narrow.
    """
    if not len(part["row"]):
        return [np.nan] * 3
    count = len(np.unique(part["row"]))
    return list(fraction_interval(float(part[score].mean()) * count, count))


def share_by_snr(part: dict[str, np.ndarray], score: str, bins: int) -> list[dict]:
    """Shares in bins of equal numbers of galaxies by S/N.

    Parameters
    ----------
    part : dict of ndarray
        As `select` returns it.
    score : str
    bins : int
        Most bins; fewer if a bin would have fewer than eight galaxies.

    Returns
    -------
    list of dict
        snr (median), value, low, high, galaxies.
    """
    rows, first = np.unique(part["row"], return_index=True)
    bins = max(min(bins, len(rows) // 8), 1)
    if not len(rows):
        return []
    order = first[np.argsort(part["snr"][first], kind="stable")]
    result = []
    for some in np.array_split(order, bins):
        here = np.isin(part["row"], part["row"][some])
        value, low, high = share_of({name: array[here] for name, array in part.items()}, score)
        result.append(
            {
                "snr": float(np.median(part["snr"][some])),
                "value": value,
                "low": low,
                "high": high,
                "galaxies": len(some),
            }
        )
    return result
