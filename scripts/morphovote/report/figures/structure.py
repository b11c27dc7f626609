"""The figure of Gini against M20 and of concentration against asymmetry, by class."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.checks.class_tests import choose_samples
from morphovote.classify.classes import order_names
from morphovote.measure import lotz
from morphovote.report.figures.style import (
    INK,
    WIDTH,
    class_legend,
    count_classes,
    message_figure,
    sample_title,
    scatter_classes,
    spread_limits,
    styled,
)

COLUMNS = ("M20", "GINI", "CONCENTRATION", "ASYMMETRY", "SMOOTHNESS")
_HALO = {"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75}
_NOTE = {"ha": "right", "va": "bottom", "color": INK, "zorder": 6, "bbox": _HALO}


def draw(catalogue: Path, sources: Path, massive: float) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    samples = choose_samples(read_properties(sources), massive)
    return plot_structure(read_catalogue(catalogue), samples)


@styled
def plot_structure(catalogue: Table, samples: Mapping[str, np.ndarray]) -> tuple[Figure, Table]:
    """Gini-M20 with the lines of Lotz et al. (2008), and concentration-asymmetry, by class.

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
        One row a sample and measured galaxy: sample, id, class, m20, gini, concentration,
        asymmetry, smoothness, region (`structure_region`).
    """
    values = {name: np.asarray(catalogue[name], dtype=float) for name in COLUMNS}
    name = np.asarray(catalogue["CLASS"], dtype=str)
    region = lotz.structure_region(values["GINI"], values["M20"])
    measured = np.isfinite([values[key] for key in COLUMNS[:4]]).any(axis=0)
    measured &= np.isin(name, order_names(name))
    chosen = {sample: np.flatnonzero(measured & inside) for sample, inside in samples.items()}
    chosen = {sample: rows for sample, rows in chosen.items() if len(rows)}
    rows = np.concatenate(list(chosen.values())) if chosen else np.empty(0, dtype=int)
    numbers = Table(
        {
            "sample": np.repeat(list(chosen), [len(part) for part in chosen.values()])
            if chosen
            else np.empty(0, dtype=str),
            "id": np.asarray(catalogue["ID"])[rows],
            "class": name[rows],
            **{key.lower(): value[rows] for key, value in values.items()},
            "region": region[rows],
        }
    )
    if not chosen:
        return message_figure("No galaxy has both a class and measured structure."), numbers
    figure = Figure(figsize=(WIDTH, 0.35 + 3.15 * len(chosen)))
    panels = figure.subplots(len(chosen), 2, squeeze=False)
    for (sample, rows), (left, right) in zip(chosen.items(), panels, strict=True):
        _gini_m20_plane(left, values["GINI"], values["M20"])
        left.set_title(sample_title(sample, len(rows)))
        scatter_classes(left, values["M20"][rows], values["GINI"][rows], name[rows])
        _asymmetry_plane(right, values["CONCENTRATION"], values["ASYMMETRY"])
        scatter_classes(right, values["CONCENTRATION"][rows], values["ASYMMETRY"][rows], name[rows])
    class_legend(figure, order_names(name[measured]), count_classes(name[measured]))
    return figure, numbers


def _asymmetry_plane(axes: Axes, concentration: np.ndarray, asymmetry: np.ndarray) -> None:
    axes.set(
        xlim=spread_limits(concentration, (2, 4.5)),
        ylim=spread_limits(asymmetry, (-0.05, 0.5)),
        xlabel="concentration C",
        ylabel="asymmetry A",
    )
    axes.axhline(0.35, color=INK, lw=0.9, ls="--", zorder=3)
    beside = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
    axes.annotate("merger if also A > S", (0.98, 0.35), (0, 3), **beside, **_NOTE)


def _gini_m20_plane(axes: Axes, gini: np.ndarray, m20: np.ndarray) -> None:
    x_limits = spread_limits(m20, (-2.4, -0.7))
    y_limits = spread_limits(gini, (0.38, 0.66))
    # M20 increases to the left, as in Lotz et al.: early types on the right, mergers at the top.
    axes.set(xlim=x_limits[::-1], ylim=y_limits, xlabel="$M_{20}$", ylabel="Gini coefficient")
    axes.xaxis.label.set_parse_math(True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    line = np.linspace(*x_limits, 200)
    axes.plot(line, lotz.merger_line(line), color=INK, lw=0.9, ls="--", zorder=3)
    # The line between early and late types ends at that of the mergers.
    line = np.linspace(x_limits[0], lotz.MEETING, 100)
    axes.plot(line, lotz.early_line(line), color=INK, lw=0.9, zorder=3)
    right = x_limits[0] + 0.03 * (x_limits[1] - x_limits[0])
    middle = (lotz.merger_line(right) + lotz.early_line(right)) / 2
    axes.text(0.03, 0.97, "merger", transform=axes.transAxes, **_NOTE | {"ha": "left", "va": "top"})
    axes.text(right, min(middle, y_limits[1]), "E/S0/Sa", **_NOTE | {"va": "center"})
    axes.text(0.97, 0.03, "Sb-Irr", transform=axes.transAxes, **_NOTE)
