"""The figure of how measured quantities differ between the classes."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from morphovote.checks.class_tests import NEGLIGIBLE, PAIRS, PARAMETERS
from morphovote.report.figures.style import (
    DATA_COLOUR,
    INK,
    MUTED,
    NULL_COLOUR,
    WIDTH,
    message_figure,
    styled,
)
from morphovote.storage.numbers import read_numbers

SAMPLE_STYLES = {"all": (DATA_COLOUR, "o"), "massive": (NULL_COLOUR, "s")}


def draw(tests: Path) -> tuple[Figure, None]:
    """The figure, from the files of a field; the tests have written its numbers."""
    return plot_separation(read_numbers(tests)), None


@styled
def plot_separation(table: Table) -> Figure:
    """Cliff's delta of every quantity between neighbouring classes, with bootstrap intervals.

    Parameters
    ----------
    table : Table
        As `class_tests.compare_classes` returns it.
    """
    tested = table[np.isfinite(np.asarray(table["delta"], dtype=float))]
    if not len(tested):
        return message_figure("No two neighbouring classes have galaxies that are measured well.")
    quantities = [key for key in PARAMETERS if (table["parameter"] == key).any()]
    samples = [key for key in SAMPLE_STYLES if (table["sample"] == key).any()]
    pairs = [("+".join(first), "+".join(second)) for first, second in PAIRS]
    shown = [p for p in pairs if ((tested["first"] == p[0]) & (tested["second"] == p[1])).any()]
    figure = Figure(figsize=(WIDTH, 1.0 + 0.27 * len(quantities)))
    # Room for at least two panels, so that a single one is not stretched.
    row = figure.subplots(1, max(len(shown), 2), sharey=True)
    for axes, (first, second) in zip(row, shown, strict=False):
        axes.axvspan(-NEGLIGIBLE, NEGLIGIBLE, color="#eeeeee", lw=0)
        axes.axvline(0, color=MUTED, lw=0.8)
        for sample_place, sample in enumerate(samples):
            colour, marker = SAMPLE_STYLES[sample]
            shift = (sample_place - (len(samples) - 1) / 2) * 0.28
            for place, quantity in enumerate(quantities):
                part = tested[
                    (tested["sample"] == sample)
                    & (tested["parameter"] == quantity)
                    & (tested["first"] == first)
                    & (tested["second"] == second)
                ]
                for line in part:
                    y = place + shift
                    axes.plot([line["delta_low"], line["delta_high"]], [y, y], color=colour, lw=1.3)
                    decided = line["decision"] != "not decided"
                    axes.plot(line["delta"], y, marker, ms=4.5, color=colour,
                              mfc=colour if decided else "white")  # fmt: skip
        axes.set(xlim=(-1.05, 1.05), xlabel="Cliff's delta")
        axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["\N{MINUS SIGN}1", "", "0", "", "1"])
        # On one line, titles with two classes a side would run into the next panel.
        apart = "\n" if "+" in first else " "
        axes.set_title(f"{first}{apart}against {second}", loc="center")
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(quantities) - 0.5, -0.5)
    labels = [
        f"{name} ({unit})" if unit else name for name, unit in map(PARAMETERS.get, quantities)
    ]
    row[0].set_yticks(range(len(quantities)), labels)
    for axes in row[len(shown) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], color=SAMPLE_STYLES[key][0], marker=SAMPLE_STYLES[key][1], ms=4.5,
               label=f"{key} galaxies")
        for key in samples
    ]  # fmt: skip
    handles.append(Line2D([], [], color=INK, marker="o", mfc="white", ms=4.5, ls="none",
                          label="open: not decided"))  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure
