"""The figure of what the embedding is made of."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue
from morphovote.checks.embedding import ALL, SHUFFLED, directions, explain_embedding
from morphovote.classify.classes import order_names
from morphovote.report.figures.style import (
    DATA_COLOUR,
    INK,
    MUTED,
    NULL_COLOUR,
    WIDTH,
    label_text,
    message_figure,
    styled,
)
from morphovote.storage import shards

# Column of the catalogue -> its name in the figure.
QUANTITIES = {
    "SNR": "signal-to-noise",
    "R_E": "half-light radius",
    "AXIS_RATIO": "axis ratio",
    "SERSIC_N": "Sersic index",
    "CONCENTRATION": "concentration",
    "GINI": "Gini",
    "M20": "M20",
    "ASYMMETRY": "asymmetry",
    "SMOOTHNESS": "smoothness",
}


def draw(catalogue: Path, components: Path, seed: int) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    table = shards.read_shard(components, ["row", "component"])
    return plot_embedding(read_catalogue(catalogue)[table["row"]], table["component"], seed)


@styled
def plot_embedding(catalogue: Table, components: np.ndarray, seed: int) -> tuple[Figure, Table]:
    """Shares of the embedding's variance that quantities explain, and directions of classes.

    Parameters
    ----------
    catalogue : Table
        Rows of the galaxies that have components, as `read_catalogue` returns them.
    components : ndarray, shape (N, P)

    Returns
    -------
    Figure
    Table
        As `checks.embedding.explain_embedding` returns it.
    """
    quantities = {word: np.asarray(catalogue[column], float) for column, word in QUANTITIES.items()}
    numbers = explain_embedding(quantities, components, np.asarray(catalogue["GROUP"]), seed)
    if not len(numbers):
        return message_figure("Too few galaxies, or nothing known of them that varies."), numbers
    classes = np.asarray(catalogue["CLASS"], str)
    rank, place = directions(quantities, components, classes)
    names = order_names(classes)
    figure = Figure(figsize=(WIDTH, 1.5 + 0.24 * (len(rank) + len(names) + 1)))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    _draw_shares(left, numbers)
    _draw_directions(figure, right, rank, {name: place[name] for name in names})
    return figure, numbers


def _draw_shares(axes, numbers: Table) -> None:
    words = [str(word) for word in numbers["quantity"]]
    for y, row in enumerate(numbers):
        colour = MUTED if row["quantity"] == SHUFFLED else DATA_COLOUR
        axes.barh(y - 0.18, max(row["embedding"], 0), 0.34, color=colour)
        axes.barh(y + 0.18, max(row["groups"], 0), 0.34, color=colour, alpha=0.45)
    last = numbers[[word == ALL for word in words]][0]
    unknown = 1 - max(last["embedding"], 0), 1 - max(last["groups"], 0)
    y = len(numbers)
    axes.barh(y - 0.18, unknown[0], 0.34, color=NULL_COLOUR)
    axes.barh(y + 0.18, unknown[1], 0.34, color=NULL_COLOUR, alpha=0.45)
    axes.set_yticks(range(y + 1), [*words, "nothing known"])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), ylim=(y + 0.5, -0.5), title="what it is made of")
    axes.set_xlabel("share of variance explained\n(dark: embedding, pale: groups)")


def _draw_directions(figure, axes, rank: dict, place: dict) -> None:
    grid = np.stack([*rank.values(), *place.values()])
    drawn = axes.imshow(grid, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="none")
    for (y, x), value in np.ndenumerate(grid):
        if abs(value) >= 0.3:
            ink = "white" if abs(value) > 0.65 else INK
            axes.text(x, y, f"{value:.1f}", ha="center", va="center", color=ink, fontsize=6)
    axes.axhline(len(rank) - 0.5, color=INK, lw=1)
    axes.set_yticks(range(len(grid)), [*rank, *(label_text(name, 12) for name in place)])
    axes.set_xticks(range(grid.shape[1]), range(1, grid.shape[1] + 1))
    axes.tick_params(length=0)
    axes.set(xlabel="principal component", title="which way quantities rise, classes lie")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.9, aspect=25, pad=0.02, extend="both")
    bar.set_label("rank correlation, or mean (sigma)")
    bar.outline.set_visible(False)
