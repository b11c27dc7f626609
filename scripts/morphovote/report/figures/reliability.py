"""The reliability figure: how often classes are right against their probability."""

from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.classify.calibration import calibration_error, read_checks, reliability_curve
from morphovote.report.figures.style import (
    DATA_COLOUR,
    MUTED,
    PALE,
    WIDTH,
    message_figure,
    styled,
)

TITLES = {
    "vote": "against the vote: agreement",
    "anchors": "on held-out anchors: accuracy on simulations",
    "eye": "against random labels: accuracy",
    "labels": "against the other labels",
}
RIGHT = {
    "vote": "share with the vote's class",
    "anchors": "share with the true class",
    "eye": "share with the class by eye",
    "labels": "share with the class by eye",
}


def draw(held_out: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_reliability(read_checks(held_out))


@styled
def plot_reliability(checks: dict[str, dict[str, np.ndarray]]) -> tuple[Figure, Table]:
    """Share that is right against the class probability, one panel per kind of check.

    Parameters
    ----------
    checks : dict
        As `calibration.read_checks` returns it.

    Returns
    -------
    Figure
    Table
        Columns check, corrected, and those of `calibration.reliability_curve`.
    """
    empty = Table(names=("check", "corrected", "low", "high", "galaxies", "probability", "right"))
    if not checks:
        text = "No galaxies to check probabilities on: none is kept, or the model came frozen."
        return message_figure(text), empty
    figure = Figure(figsize=(min(3.55 * len(checks), WIDTH), 3.6))
    panels = figure.subplots(
        2, len(checks), squeeze=False, sharex=True, height_ratios=(3.2, 1)
    ).T  # fmt: skip
    tables = []
    for (kind, check), (axes, bars) in zip(checks.items(), panels, strict=True):
        right = check["right"]
        if kind == "eye":
            curve = _curve(axes, check["uncorrected"], right, MUTED, "s", "uncorrected")
            tables.append(_label(curve, kind, False))
        curve = _curve(axes, check["probability"], right, DATA_COLOUR, "o", "corrected")
        tables.append(_label(curve, kind, kind == "eye"))
        axes.plot([0, 1], [0, 1], color=PALE, lw=1, zorder=0)
        error = calibration_error(check["probability"], right)
        text = f"{len(right)} galaxies, {100 * right.mean():.0f} % right, error {error:.3f}"
        axes.set(xlim=(0, 1), ylim=(0, 1.02), ylabel=RIGHT[kind], title=f"{TITLES[kind]}\n{text}")
        if kind == "eye":
            axes.legend(loc="lower right")
        counts, edges = np.histogram(check["probability"], bins=np.linspace(0, 1, 11))
        bars.bar(edges[:-1] + 0.05, counts, 0.09, color=DATA_COLOUR, lw=0)
        bars.set(xlabel="probability of the class", ylabel="galaxies")
    return figure, vstack(tables)


def _curve(
    axes: Axes, probability: np.ndarray, right: np.ndarray, colour: str, marker: str, label: str
) -> Table:
    curve = reliability_curve(probability, right)
    x, y = np.array(curve["probability"]), np.array(curve["right"])
    errors = np.clip([y - curve["right_low"], curve["right_high"] - y], 0, None)
    axes.errorbar(x, y, errors, fmt=f"{marker}-", color=colour, ms=4, lw=1, label=label)
    return curve


def _label(curve: Table, kind: str, corrected: bool) -> Table:
    curve.add_column([kind] * len(curve), 0, "check")
    curve.add_column([corrected] * len(curve), 1, "corrected")
    return curve
