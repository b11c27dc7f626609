"""The figure of rest-frame colours, by class and redshift."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.classify.classes import order_names
from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    INK,
    WIDTH,
    class_legend,
    count_classes,
    message_figure,
    scatter_classes,
    spread_limits,
    styled,
)

U_V, V_J = "U\N{MINUS SIGN}V", "V\N{MINUS SIGN}J"


def draw(catalogue: Path, sources: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_colours(read_catalogue(catalogue), read_properties(sources))


@styled
def plot_colours(catalogue: Table, sources: Table) -> tuple[Figure, Table]:
    """Rest-frame U-V against V-J by redshift, with the quiescent box of Williams et al. (2009).

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        The same rows: U_V, V_J (mag) and REDSHIFT, NaN where not given.

    Returns
    -------
    Figure
        With a panel for each redshift bin that holds galaxies, or with the reason why there is
        none.
    Table
        One row a galaxy drawn: id, class, redshift, u_v, v_j, quiescent.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    u_v, v_j, redshift = (
        np.asarray(sources[key], dtype=float) for key in ("U_V", "V_J", "REDSHIFT")
    )
    use = np.isfinite(u_v) & np.isfinite(v_j) & (redshift >= 0) & (redshift < 2)
    use &= np.isin(name, order_names(name))
    numbers = Table(
        {
            "id": np.asarray(catalogue["ID"])[use],
            "class": name[use],
            "redshift": redshift[use],
            "u_v": u_v[use],
            "v_j": v_j[use],
            "quiescent": diagnostics.is_quiescent(u_v, v_j, redshift)[use],
        }
    )
    if not len(numbers):
        missing = [
            text
            for text, value in ((U_V, u_v), (V_J, v_j), ("redshift", redshift))
            if not np.isfinite(value).any()
        ]
        reason = (
            f"The source catalogue gives no {' or '.join(missing)}"
            if missing
            else f"No galaxy with a class has {U_V}, {V_J} and a redshift below 2"
        )
        return message_figure(f"{reason}, so there is no UVJ diagram."), numbers
    bins = [bin_ for bin_ in diagnostics.UVJ_BINS if _in_bin(redshift, bin_)[use].any()]
    figure = Figure(figsize=(WIDTH, 3.0 if len(bins) == 3 else 3.5))
    x_limits, y_limits = spread_limits(v_j[use], (-0.2, 2.0)), spread_limits(u_v[use], (0.2, 2.4))
    row = figure.subplots(1, max(len(bins), 2), sharex=True, sharey=True)
    for axes, bin_ in zip(row, bins, strict=False):
        here = use & _in_bin(redshift, bin_)
        axes.set(xlim=x_limits, ylim=y_limits, xlabel=f"rest-frame {V_J} (mag)")
        _quiescent_box(axes, bin_[2])
        scatter_classes(axes, v_j[here], u_v[here], name[here], total=int(use.sum()))
        axes.set_title(f"{bin_[0]:g} ≤ z < {bin_[1]:g}   ({here.sum():,} galaxies)")
    row[0].set_ylabel(f"rest-frame {U_V} (mag)")
    for axes in row[len(bins) :]:
        axes.set_axis_off()
    class_legend(figure, order_names(name[use]), count_classes(name[use]))
    return figure, numbers


def _in_bin(redshift: np.ndarray, bin_: tuple[float, float, float]) -> np.ndarray:
    return (redshift >= bin_[0]) & (redshift < bin_[1])


def _quiescent_box(axes: Axes, intercept: float) -> None:
    corner = (1.3 - intercept) / 0.88
    top = axes.get_ylim()[1]
    x = [axes.get_xlim()[0], corner, 1.6, 1.6]
    y = [1.3, 1.3, 0.88 * 1.6 + intercept, max(top, 0.88 * 1.6 + intercept)]
    axes.plot(x, y, color=INK, lw=0.9, ls="--", zorder=3)
    axes.text(0.03, 0.97, "quiescent", transform=axes.transAxes, va="top", color=INK, zorder=6)
