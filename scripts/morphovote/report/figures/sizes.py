"""The figure of the distributions of Sersic index and half-light radius, by class."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter1d

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.checks.class_tests import choose_samples
from morphovote.classify.classes import class_style, order_names
from morphovote.compute.statistics import median_interval
from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    INK,
    MUTED,
    WIDTH,
    label_text,
    message_figure,
    plain_log_ticks,
    sample_title,
    spread_limits,
    styled,
)

# With more galaxies in a class, the outline of the distribution replaces the points.
POINTS_IN_CLASS = 400


def draw(catalogue: Path, sources: Path, massive: float) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    samples = choose_samples(read_properties(sources), massive)
    return plot_sizes(read_catalogue(catalogue), samples)


@styled
def plot_sizes(catalogue: Table, samples: Mapping[str, np.ndarray]) -> tuple[Figure, Table]:
    """Distributions of Sersic index and half-light radius by class, with medians.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    samples : mapping of ndarray of bool, shape (N,)
        A row of panels for each, as `class_tests.choose_samples` returns them.

    Returns
    -------
    Figure
    Table
        One row a sample, quantity and class: galaxies measured, median, its 95 % interval, 16th
        and 84th percentiles; and a row 'trend' a quantity: the rank correlation with the class
        order.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    names = order_names(name)
    panels = (
        ("SERSIC_N", "sersic_n", "Sérsic index n", (0.3, 8.0)),
        ("R_E", "r_e_arcsec", "half-light radius (arcsec)", (0.1, 1.0)),
    )
    rows = []
    height = 0.9 + 0.46 * max(len(names), 2)
    figure = Figure(figsize=(WIDTH, height * len(samples)))
    grid = figure.subplots(len(samples), 2, squeeze=False, sharey=True)
    for (sample, inside), line in zip(samples.items(), grid, strict=True):
        for axes, (column, quantity, label, limits) in zip(line, panels, strict=True):
            value = np.asarray(catalogue[column], dtype=float)
            value = np.where(value > 0, value, np.nan)
            low, high = spread_limits(np.log10(value), tuple(np.log10(limits)))
            axes.set(xscale="log", xlim=(10**low, 10**high), xlabel=label)
            plain_log_ticks(axes.xaxis)
            value = np.where(inside, value, np.nan)
            found = _draw_classes(axes, name, names, value)
            trend = diagnostics.rank_trend(name, value)
            rows += [(sample, quantity, *row) for row in found]
            rows.append((sample, quantity, "trend", *trend_row(trend)))
            fitted = sum(row[1] for row in found)
            axes.set_title(f"{sample_title(sample, fitted)}\n{trend_title(trend)}", color=MUTED)
            axes.set_yticks(range(len(names)), [label_text(key, 12) for key in names])
    columns = ("sample", "quantity", "class", "galaxies", "median", "low_95", "high_95", "p16",
               "p84")  # fmt: skip
    numbers = Table(rows=rows, names=columns)
    if not sum(row[3] for row in rows if row[2] != "trend"):
        return message_figure("No galaxy has both a class and a Sérsic fit."), numbers
    return figure, numbers


def _draw_classes(axes: Axes, name: np.ndarray, names: list[str], value: np.ndarray) -> list:
    """Draw distribution, median and number of each class; returns one row of numbers per class."""
    rows = []
    for place, key in enumerate(names):
        members = value[(name == key) & np.isfinite(value)]
        median, lower, upper = median_interval(members)
        spread = np.percentile(members, [16, 84]) if len(members) else (np.nan, np.nan)
        rows.append((key, len(members), median, lower, upper, *spread))
        _distribution(axes, place, members, class_style(key, names)[0])
        if len(members):
            axes.plot([lower, upper], [place, place], color=INK, lw=2.2, zorder=4)
            axes.plot(median, place, "o", color="white", mec=INK, mew=1.2, ms=5, zorder=5)
        text = f"{median:#.2g}\n({len(members):,})" if len(members) else "none"
        axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), ha="left", va="center")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
    axes.set(ylim=(len(names) - 0.4, -0.65))
    return rows


def trend_row(trend: dict) -> tuple:
    """A rank correlation in the columns of a class, with the coefficient as the median."""
    return trend["count"], trend["rho"], trend["low"], trend["high"], np.nan, np.nan


def trend_title(trend: dict) -> str:
    """One line on a rank correlation with the class order."""
    if not np.isfinite(trend["rho"]):
        return "SPH to IRR: too few galaxies for a trend"
    rho, low, high = (
        f"{trend[key]:+.2f}".replace("-", "\N{MINUS SIGN}") for key in ("rho", "low", "high")
    )
    return f"SPH to IRR: rank correlation {rho} ({low} to {high})"


def _distribution(axes: Axes, place: int, values: np.ndarray, colour: str) -> None:
    """Outline of a distribution on a logarithmic axis, or its points if they are few."""
    logs = np.log10(values)
    if len(logs) >= 30 and np.ptp(logs) > 0:
        low, high = np.log10(axes.get_xlim())
        counts, edges = np.histogram(logs, bins=60, range=(low, high))
        width = max(1.0, 60 / (high - low) * 1.06 * np.std(logs) * len(logs) ** -0.2)
        height = gaussian_filter1d(counts.astype(float), width, mode="constant")
        # Cut off at the data: smoothing must not add a tail.
        height[(edges[1:] < logs.min()) | (edges[:-1] > logs.max())] = 0
        if height.max() > 0:
            height *= 0.36 / height.max()
            middle = 10 ** ((edges[1:] + edges[:-1]) / 2)
            axes.fill_between(
                middle, place - height, place + height, height > 0, color=colour, alpha=0.45, lw=0
            )
    if len(logs) <= POINTS_IN_CLASS:
        shift = np.random.default_rng(0).uniform(-0.2, 0.2, len(logs))
        size = 6 if len(logs) < 30 else 3
        axes.plot(
            values, place + shift, ".", color=colour, ms=size, alpha=0.8, mew=0, rasterized=True
        )
