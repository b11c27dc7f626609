"""The figure of all galaxies on one map, by class and by vote fraction."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue
from morphovote.classify.classes import class_style, order_names
from morphovote.logs import log
from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    PALE,
    WIDTH,
    class_legend,
    message_figure,
    styled,
)
from morphovote.storage import shards


def draw(catalogue: Path, components: Path, seed: int) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    table = shards.read_shard(components, ["row", "component"])
    log.info("laying out at most %d of %d galaxies", diagnostics.MAP, len(table["row"]))
    index, position = diagnostics.embed_tsne(table["component"], seed)
    return plot_tsne(read_catalogue(catalogue), table["row"][index], position)


@styled
def plot_tsne(catalogue: Table, index: np.ndarray, position: np.ndarray) -> tuple[Figure, Table]:
    """A t-SNE map of the components, by class and by vote fraction.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    index : ndarray of int, shape (M,)
        Catalogue rows of the galaxies on the map.
    position : ndarray of float, shape (M, 2)
        Their places, as `diagnostics.embed_tsne` returns them.

    Returns
    -------
    Figure
    Table
        Columns id, x, y, class, vote_fraction.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)[index]
    share = np.asarray(catalogue["VOTE_FRACTION"], dtype=float)[index]
    numbers = Table(
        {
            "id": np.asarray(catalogue["ID"])[index],
            "x": position[:, 0],
            "y": position[:, 1],
            "class": name,
            "vote_fraction": share,
        }
    )
    if not len(index):
        return message_figure("Fewer than 10 galaxies have components: no map."), numbers
    figure = Figure(figsize=(WIDTH, 3.75))
    left, right = figure.subplots(1, 2)
    size = float(np.clip(6000 / len(index), 3, 16))
    order = np.random.default_rng(0).permutation(len(index))
    names = order_names(name)
    for part in np.array_split(order, 8):
        for key in names:
            colour, marker = class_style(key, names)
            rows = part[name[part] == key]
            left.scatter(
                *position[rows].T, s=size, c=colour, marker=marker, lw=0, alpha=0.85,
                rasterized=True,
            )  # fmt: skip
    drawn = right.scatter(
        *position[order].T, s=size, c=share[order], cmap="cividis", vmin=0, vmax=1, lw=0,
        rasterized=True,
    )  # fmt: skip
    for axes in (left, right):
        axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(PALE)
    left.set(xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)", title="class")
    right.set(xlabel="t-SNE 1 (no unit)", title="vote fraction")
    bar = figure.colorbar(drawn, ax=right, shrink=0.9, aspect=25, pad=0.02)
    bar.outline.set_visible(False)
    class_legend(figure, names, loc="outside lower center")
    return figure, numbers
