"""The figure of how group and class change from band to band."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.report.figures.style import (
    DATA_COLOUR,
    WIDTH,
    label_text,
    message_figure,
    styled,
)
from morphovote.storage.numbers import read_numbers

MARKERS = "osD^vP*X"


def draw(changes: Path) -> tuple[Figure, None]:
    """The figure, from the files of a field; the check has written its numbers."""
    return plot_bands(read_numbers(changes)), None


@styled
def plot_bands(changes: Table) -> Figure:
    """Shares of galaxies that keep group and class, against the other band's wavelength.

    Parameters
    ----------
    changes : Table
        As `band_changes.count_changes` returns it.
    """
    if not len(changes):
        return message_figure("No galaxy has light enough in several bands.")
    figure = Figure(figsize=(WIDTH, 2.9))
    panels = figure.subplots(1, 2, sharey=True)
    rest = np.asarray(changes["rest_wavelength"], dtype=float)
    known = bool(np.isfinite(rest).all())
    place = rest if known else np.arange(len(changes), dtype=float)
    bands = list(dict.fromkeys(map(str, changes["band"])))
    for axes, what in zip(panels, ("group", "class"), strict=True):
        for number, name in enumerate(bands):
            rows = np.asarray(changes["band"]) == name
            keys = (f"same_{what}", f"{what}_low", f"{what}_high")
            share, low, high = (np.asarray(changes[key], dtype=float)[rows] for key in keys)
            axes.errorbar(
                place[rows], share, (share - low, high - share), fmt=MARKERS[number % 8], ms=5,
                color=DATA_COLOUR, mfc="white" if number % 2 else DATA_COLOUR, lw=1.2,
                label=f"classified in {label_text(name, 12)}",
            )  # fmt: skip
            for x, y, other in zip(place[rows], share, changes["other"][rows], strict=True):
                if np.isfinite(y):
                    axes.annotate(f" {label_text(str(other), 12)}", (x, y), fontsize=6)
        label = "rest-frame wavelength of the other band (\N{MICRO SIGN}m)"
        axes.set(ylim=(0, 1.02), xlabel=label if known else "pairs of bands")
        axes.set(ylabel=f"share with the same {what}")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=4)
    return figure
