"""The figure of the share of each class by redshift and stellar mass."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.checks.class_tests import choose_samples
from morphovote.classify.classes import class_style, order_names
from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    WIDTH,
    class_legend,
    message_figure,
    sample_title,
    styled,
)


def draw(catalogue: Path, sources: Path, massive: float) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    table = read_properties(sources)
    return plot_fractions(read_catalogue(catalogue), table, choose_samples(table, massive))


@styled
def plot_fractions(
    catalogue: Table, sources: Table, samples: Mapping[str, np.ndarray]
) -> tuple[Figure, Table]:
    """Share of each class by redshift, of every sample, and by stellar mass.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        As `read_properties` returns it.
    samples : mapping of ndarray of bool, shape (N,)
        As `class_tests.choose_samples` returns them.

    Returns
    -------
    Figure
        Panels without a redshift or mass are left out.
    Table
        `diagnostics.class_fractions`, with columns panel ('redshift' or 'log_mass') and sample.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    redshift, log_mass = (np.asarray(sources[key], dtype=float) for key in ("REDSHIFT", "LOG_MASS"))
    panels = [("redshift", sample, np.where(inside, redshift, np.nan), "redshift z")
              for sample, inside in samples.items()]  # fmt: skip
    panels.append(("log_mass", "all", log_mass, "stellar mass log (M / solar mass)"))
    found = [
        (panel, sample, label, diagnostics.class_fractions(name, value))
        for panel, sample, value, label in panels
    ]
    found = [entry for entry in found if len(entry[3])]
    if not found:
        return (
            message_figure("No galaxy with a class has a redshift or a stellar mass."),
            Table(names=("panel", "sample", "class", "galaxies", "fraction")),
        )
    names = order_names(name)
    figure = Figure(figsize=(WIDTH, 2.9))
    row = figure.subplots(1, max(len(found), 2), sharey=True)
    for axes, (_, sample, label, shares) in zip(row, found, strict=False):
        galaxies = int(shares["galaxies"][shares["class"] == shares["class"][0]].sum())
        axes.set(xlabel=label, ylim=(0, 1), title=sample_title(sample, galaxies))
        _draw_fractions(axes, shares, names)
    row[0].set_ylabel("share of the galaxies")
    for axes in row[len(found) :]:
        axes.set_axis_off()
    class_legend(figure, names)
    for panel, sample, _, shares in found:
        shares.add_columns([[panel] * len(shares), [sample] * len(shares)], indexes=[0, 0],
                           names=["panel", "sample"])  # fmt: skip
    return figure, vstack([shares for *_, shares in found])


def _draw_fractions(axes: Axes, shares: Table, names: list[str]) -> None:
    width = float(np.ptp(shares["middle"])) or 1.0
    for place, key in enumerate(names):
        part = shares[shares["class"] == key]
        if not len(part):
            continue
        colour, marker = class_style(key, names)
        # Slightly apart, so that the bars do not overlap.
        middle = part["middle"] + (place - (len(names) - 1) / 2) * 0.012 * width
        axes.vlines(middle, part["low"], part["high"], color=colour, lw=1.3)
        axes.plot(middle, part["fraction"], color=colour, lw=1.0, marker=marker, ms=4.5,
                  mec="white", mew=0.5)  # fmt: skip
