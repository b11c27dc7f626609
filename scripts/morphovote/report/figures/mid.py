"""The figure of multimode, intensity and deviation, by class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue
from morphovote.classify.classes import order_names
from morphovote.flags import BAD, FAILED
from morphovote.report.figures.style import (
    WIDTH,
    class_legend,
    count_classes,
    label_mapped,
    message_figure,
    scatter_classes,
    styled,
)
from morphovote.storage import shards

MID = ("multimode", "intensity", "deviation")
MID_TICKS = (0, 0.02, 0.1, 0.25, 0.5, 1, 2, 4)


def read_mid(paths: Sequence[str | Path], count: int) -> Table:
    """Multimode, intensity and deviation of every source; NaN where missing or bad.

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


def draw(catalogue: Path, measurements: Sequence[Path]) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    table = read_catalogue(catalogue)
    return plot_mid(table, read_mid(measurements, len(table)))


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
    rows &= np.isin(name, order_names(name))
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
            # Many are 0 and few are large: the square root shows both.
            high = max(np.percentile(values[key][rows], 99.5), 0.1)
            axes.set(**{f"{direction}lim": (-0.03 * np.sqrt(high), 1.03 * np.sqrt(high))})
            axes.set(**{f"{direction}label": f"{key} {key[0].upper()}"})
            label_mapped(getattr(axes, f"{direction}axis"), np.sqrt, MID_TICKS)
        places = (np.sqrt(np.maximum(values[key][rows], 0)) for key in (x, y))
        scatter_classes(axes, *places, name[rows])
    class_legend(figure, order_names(name[rows]), count_classes(name[rows]))
    return figure, numbers
