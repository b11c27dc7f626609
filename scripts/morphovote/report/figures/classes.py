"""Figures on how far a class can be trusted: reliability, and what is recovered of injections."""

import numpy as np
from astropy.table import Table, vstack
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.checks.completeness import completeness
from morphovote.classify.calibration import calibration_error, reliability_curve
from morphovote.classify.classes import order_names
from morphovote.report.figures.style import (
    DATA_COLOUR,
    INK,
    MUTED,
    PALE,
    WIDTH,
    class_style,
    message_figure,
    plain_log_ticks,
    styled,
)

TITLES = {"vote": "against the vote: agreement", "eye": "against classes by eye: accuracy"}
RIGHT = {"vote": "share with the vote's class", "eye": "share with the class by eye"}


@styled
def plot_reliability(checks: dict[str, dict[str, np.ndarray]]) -> tuple[Figure, Table]:
    """Share that is right against the claimed probability, one panel a kind of check.

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


@styled
def plot_completeness(found: dict[str, np.ndarray], missing: str) -> tuple[Figure, Table]:
    """Shares of injected galaxies that are detected and recovered, and what classes they get.

    Parameters
    ----------
    found : dict of ndarray
        From `recovery.inject_file`.
    missing : str
        Why nothing was injected; "" where something was.

    Returns
    -------
    Figure
    Table
        As `completeness.completeness` returns it.
    """
    if not len(found["row"]):
        return message_figure(f"Nothing was injected: {missing}."), Table(names=("class", "by"))
    table = completeness(found)
    figure = Figure(figsize=(WIDTH, 2.9))
    panels = figure.subplots(1, 3, width_ratios=(1, 1, 0.95))
    labels = {"mag": "magnitude (AB)", "r_e": "half-light radius (arcsec)"}
    for axes, (by, label) in zip(panels, labels.items(), strict=False):
        for name in ("all", *order_names(found["type"])):
            rows = table[(table["by"] == by) & (table["class"] == name) & (table["galaxies"] > 0)]
            if name == "all":
                _shares(axes, rows, "detected", MUTED, "s", "detected")
                _shares(axes, rows, "recovered", INK, "o", "all, own class")
            else:
                colour, marker = class_style(name)
                axes.plot(
                    rows["median"], rows["recovered"], f"{marker}-", color=colour, ms=3.5, lw=0.9,
                    label=name,
                )  # fmt: skip
        axes.set(ylim=(0, 1.02), xlabel=label, ylabel="share of the injected")
    panels[1].set_xscale("log")
    plain_log_ticks(panels[1].xaxis)
    _confusion(panels[2], found)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=7)
    return figure, table


def _shares(axes: Axes, rows: Table, key: str, colour: str, marker: str, label: str) -> None:
    value = np.array(rows[key])
    errors = np.clip([value - rows[f"{key}_low"], rows[f"{key}_high"] - value], 0, None)
    x = np.array(rows["median"])
    axes.errorbar(x, value, errors, fmt=f"{marker}-", color=colour, ms=4, lw=1.3, label=label)


def _confusion(axes: Axes, found: dict[str, np.ndarray]) -> None:
    true = order_names(found["type"])
    given = [name for name in order_names(found["class"]) if name]
    table = np.zeros((len(true), len(given) + 1))
    # What has no class says UNC or nothing: it counts in the last column alone.
    none = found["class_origin"] == "none"
    for i, name in enumerate(true):
        mine = found["type"] == name
        table[i, :-1] = [np.mean((found["class"] == other)[mine] & ~none[mine]) for other in given]
        table[i, -1] = np.mean(none[mine])
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        colour = "white" if value > 0.6 else INK
        axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(given) + 1), [*given, "none"])
    axes.set_yticks(range(len(true)), true)
    axes.set(xlabel="class given", ylabel="class injected")
    axes.tick_params(length=0)
