"""Figures of structure without a model: Gini-M20, concentration-asymmetry, MID, by class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from morphovote.flags import BAD, FAILED
from morphovote.measure.lotz import structure_region
from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    INK,
    WIDTH,
    class_legend,
    count_classes,
    label_mapped,
    message_figure,
    scatter_classes,
    spread_limits,
    styled,
)
from morphovote.storage import shards

COLUMNS = ("M20", "GINI", "CONCENTRATION", "ASYMMETRY", "SMOOTHNESS")
MID = ("multimode", "intensity", "deviation")
MID_TICKS = (0, 0.02, 0.1, 0.25, 0.5, 1, 2, 4)


@styled
def plot_structure(catalogue: Table, samples: Mapping[str, np.ndarray]) -> tuple[Figure, Table]:
    """Gini-M20 with the lines of Lotz et al. (2008), and concentration-asymmetry, by class.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    samples : mapping of ndarray of bool, shape (N,)
        A row of panels for each, as `separation.choose_samples` returns them.

    Returns
    -------
    Figure
    Table
        One row a sample and measured galaxy: sample, id, class, m20, gini, concentration,
        asymmetry, smoothness, region (`structure_region`).
    """
    values = {name: np.asarray(catalogue[name], dtype=float) for name in COLUMNS}
    name = np.asarray(catalogue["CLASS"], dtype=str)
    region = structure_region(values["GINI"], values["M20"])
    measured = np.isfinite([values[key] for key in COLUMNS[:4]]).any(axis=0)
    measured &= np.isin(name, diagnostics.order_classes(name))
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
    class_legend(figure, diagnostics.order_classes(name[measured]), count_classes(name[measured]))
    return figure, numbers


def sample_title(sample: str, galaxies: int) -> str:
    """Title of a panel: which galaxies it shows, and how many."""
    return f"{sample} galaxies ({galaxies:,})"


_HALO = {"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75}
_NOTE = {"ha": "right", "va": "bottom", "color": INK, "zorder": 6, "bbox": _HALO}


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
    # M20 runs to the left, as in Lotz et al.: early types at the right, mergers at the top.
    axes.set(xlim=x_limits[::-1], ylim=y_limits, xlabel="$M_{20}$", ylabel="Gini coefficient")
    axes.xaxis.label.set_parse_math(True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    line = np.linspace(*x_limits, 200)
    axes.plot(line, -0.14 * line + 0.33, color=INK, lw=0.9, ls="--", zorder=3)
    # Early from late types only below the merger line, which it meets at -1.68.
    line = np.linspace(x_limits[0], (0.33 - 0.80) / 0.28, 100)
    axes.plot(line, 0.14 * line + 0.80, color=INK, lw=0.9, zorder=3)
    right = x_limits[0] + 0.03 * (x_limits[1] - x_limits[0])
    middle = ((-0.14 * right + 0.33) + (0.14 * right + 0.80)) / 2
    axes.text(0.03, 0.97, "merger", transform=axes.transAxes, **_NOTE | {"ha": "left", "va": "top"})
    axes.text(right, min(middle, y_limits[1]), "E/S0/Sa", **_NOTE | {"va": "center"})
    axes.text(0.97, 0.03, "Sb-Irr", transform=axes.transAxes, **_NOTE)


def read_mid(paths: Sequence[str | Path], count: int) -> Table:
    """Multimode, intensity and deviation of every source; NaN where not measured, or badly.

    Parameters
    ----------
    paths : sequence of path
        Shards of measurements.
    count : int
        Sources of the catalogue.
    """
    found = shards.concatenate(paths, ["row", "measure_flag", *MID])
    sound = (found["measure_flag"] & (FAILED | BAD)) == 0
    columns = {name: np.full(count, np.nan) for name in MID}
    for name, column in columns.items():
        column[found["row"]] = np.where(sound, found[name], np.nan)
    return Table(columns)


@styled
def plot_mid(catalogue: Table, mid: Table) -> tuple[Figure, Table]:
    """Multimode, intensity and deviation (Freeman et al. 2013, MNRAS 434, 282), by class.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    mid : Table
        As `read_mid` returns it.

    Returns
    -------
    Figure
    Table
        One row a measured galaxy: id, class, multimode, intensity, deviation.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    values = {key: np.asarray(mid[key], dtype=float) for key in MID}
    rows = np.isfinite(list(values.values())).all(axis=0)
    rows &= np.isin(name, diagnostics.order_classes(name))
    numbers = Table(
        {
            "id": np.asarray(catalogue["ID"])[rows],
            "class": name[rows],
            **{key: value[rows] for key, value in values.items()},
        }
    )
    if not len(numbers):
        message = "No galaxy has both a class and measured multimode, intensity and deviation."
        return message_figure(message), numbers
    figure = Figure(figsize=(WIDTH, 2.9))
    panels = figure.subplots(1, 3)
    pairs = (("multimode", "intensity"), ("multimode", "deviation"), ("intensity", "deviation"))
    for axes, (x, y) in zip(panels, pairs, strict=True):
        for direction, key in (("x", x), ("y", y)):
            # Many are 0, and few large: the square root shows both.
            high = max(np.percentile(values[key][rows], 99.5), 0.1)
            axes.set(**{f"{direction}lim": (-0.03 * np.sqrt(high), 1.03 * np.sqrt(high))})
            axes.set(**{f"{direction}label": f"{key} {key[0].upper()}"})
            label_mapped(getattr(axes, f"{direction}axis"), np.sqrt, MID_TICKS)
        places = (np.sqrt(np.maximum(values[key][rows], 0)) for key in (x, y))
        scatter_classes(axes, *places, name[rows])
    class_legend(figure, diagnostics.order_classes(name[rows]), count_classes(name[rows]))
    return figure, numbers
