"""The figure of the bulges' shares of the light (B/T), by class."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_columns
from morphovote.classify.classes import class_style, order_names
from morphovote.compute.statistics import median_interval
from morphovote.flags import bulge_told
from morphovote.report.figures.style import INK, WIDTH, label_text, message_figure, styled

COLUMNS = ("CLASS", "BULGE_FRACTION", "BULGE_DISC_DELTA_BIC", "BULGE_DISC_FLAG")
# With more galaxies in a class, points are lighter.
MANY = 400


def draw(catalogue: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the file of a field."""
    return plot_bulges(read_columns(catalogue, COLUMNS))


@styled
def plot_bulges(catalogue: Table) -> tuple[Figure, Table]:
    """B/T of each class: galaxies, median and its 95 % interval; and how often two fit better.

    Parameters
    ----------
    catalogue : Table
        With `COLUMNS`.

    Returns
    -------
    Figure
    Table
        One row a class: galaxies with B/T, median, its 95 % interval, 16th and 84th percentiles,
        and the share that bulge and disc fit better than one Sersic profile (difference in BIC
        above 0).
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    names = order_names(name)
    fraction = np.asarray(catalogue["BULGE_FRACTION"], float)
    sound = bulge_told(catalogue["BULGE_DISC_FLAG"]) & np.isfinite(fraction)
    better = np.asarray(catalogue["BULGE_DISC_DELTA_BIC"], float) > 0
    figure = Figure(figsize=(WIDTH, 0.9 + 0.46 * max(len(names), 2)))
    axes, rows = figure.subplots(), []
    for place, key in enumerate(names):
        use = sound & (name == key)
        rows.append((key, *_draw_class(axes, place, fraction[use], better[use], key, names)))
    columns = ("class", "galaxies", "median", "low_95", "high_95", "p16", "p84", "two_better")
    kinds = (str, int, *(float,) * 6)
    numbers = Table(rows=rows or None, names=columns, dtype=kinds)
    if not numbers["galaxies"].sum():
        message = "No galaxy has both a class and a bulge's share of the light that can be told."
        return message_figure(message), numbers
    axes.set_yticks(range(len(names)), [label_text(key, 12) for key in names])
    axes.set(xlim=(-0.03, 1.03), xlabel="bulge's share of the light, B/T")
    axes.set(ylim=(len(names) - 0.4, -0.65))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
    return figure, numbers


def _draw_class(
    axes: Axes, place: int, fraction: np.ndarray, better: np.ndarray, key: str, names: list[str]
) -> tuple:
    """Draw one class; returns its row of numbers."""
    if not len(fraction):
        axes.text(1.02, place, "none", transform=axes.get_yaxis_transform(), va="center")
        return 0, *(np.nan,) * 6
    median, low, high = median_interval(fraction)
    p16, p84 = np.percentile(fraction, (16, 84))
    shift = np.random.default_rng(0).uniform(-0.22, 0.22, len(fraction))
    axes.plot(
        fraction, place + shift, ".", color=class_style(key, names)[0], ms=4, mew=0,
        alpha=0.7 if len(fraction) <= MANY else 0.25, rasterized=True,
    )  # fmt: skip
    axes.plot([low, high], [place, place], color=INK, lw=2.2, zorder=4)
    axes.plot(median, place, "o", color="white", mec=INK, mew=1.2, ms=5, zorder=5)
    text = f"{median:.2f}\n({len(fraction):,})"
    axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), ha="left", va="center")
    return len(fraction), median, low, high, p16, p84, float(better.mean())
