"""The figure of how common the classes are: overall, by redshift and by stellar mass."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.classify.classes import class_style, order_names
from morphovote.report.figures.style import (
    WIDTH,
    class_legend,
    message_figure,
    sample_title,
    styled,
)
from morphovote.storage.numbers import read_numbers

LABELS = {"all": "class", "redshift": "redshift z", "log_mass": "log stellar mass (solar)"}


def draw(fractions: Path) -> tuple[Figure, None]:
    """The figure, from the table that `correct_fractions` has written."""
    return plot_fractions(read_numbers(fractions)), None


@styled
def plot_fractions(table: Table) -> Figure:
    """Share of each class, as counted and corrected, one panel for all galaxies and each binning.

    Parameters
    ----------
    table : Table
        As `checks.fractions.correct_file` returns it.
    """
    table = table[np.asarray(table["galaxies"], dtype=float) > 0] if len(table) else table
    if not len(table):
        return message_figure("No galaxy has a class.")
    names = order_names(table["class"])
    keys = list(dict.fromkeys(zip(table["panel"], table["sample"], strict=True)))
    figure = Figure(figsize=(WIDTH, 2.9))
    row = figure.subplots(1, max(len(keys), 2), sharey=True)
    for axes, (panel, sample) in zip(row, keys, strict=False):
        part = table[(table["panel"] == panel) & (table["sample"] == sample)]
        galaxies = int(part["galaxies"][part["class"] == part["class"][0]].sum())
        axes.set(xlabel=LABELS[panel], ylim=(0, 1), title=sample_title(sample, galaxies))
        _draw_fractions(axes, part, names, panel == "all")
    row[0].set_ylabel("share of the galaxies")
    for axes in row[len(keys) :]:
        axes.set_axis_off()
    class_legend(figure, names)
    return figure


def _draw_fractions(axes: Axes, table: Table, names: list[str], by_class: bool) -> None:
    width = float(np.ptp(table["middle"])) or 1.0
    for place, key in enumerate(names):
        part = table[table["class"] == key]
        colour, marker = class_style(key, names)
        # Slightly apart, so that the bars do not overlap.
        middle = part["middle"] + (place - (len(names) - 1) / 2) * 0.012 * width
        middle = np.full(len(part), float(place)) if by_class else np.asarray(middle, dtype=float)
        known = np.isfinite(np.asarray(part["corrected"], dtype=float))
        beside = 0.12 if by_class else 0.0
        axes.plot(middle - beside, part["fraction"], color=colour, lw=0.8, ls=":", marker=marker,
                  ms=4.5, mfc="white", mec=colour, mew=0.9)  # fmt: skip
        ends = ("corrected_low", "corrected_high") if known.any() else ("low", "high")
        axes.vlines(middle + beside * known, part[ends[0]], part[ends[1]], color=colour, lw=1.3)
        axes.plot(middle + beside, part["corrected"], color=colour, lw=1.0, marker=marker, ms=4.5,
                  mec="white", mew=0.5)  # fmt: skip
    if by_class:
        axes.set_xticks(range(len(names)), names)
