"""The figure of how many injected galaxies are recovered."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.checks.completeness import completeness
from morphovote.classify.classes import class_style, order_names
from morphovote.report.figures.style import (
    INK,
    MUTED,
    WIDTH,
    message_figure,
    plain_log_ticks,
    styled,
)
from morphovote.storage import shards


def draw(injections: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    missing = str(shards.read_attributes(injections)["missing"])
    return plot_completeness(shards.read_shard(injections), missing)


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
    # Galaxies without a class are UNC or empty: they count in the last column only.
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
