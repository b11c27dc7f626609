"""The figure of how far a field lies from its frozen model's reference."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.report.figures.style import (
    DATA_COLOUR,
    MUTED,
    NULL_COLOUR,
    WIDTH,
    plain_log_ticks,
    styled,
)
from morphovote.storage.files import read_json


def draw(shift: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_shift(read_json(shift))


@styled
def plot_shift(shift: dict) -> tuple[Figure, Table]:
    """Distances to the reference, and quantiles of magnitude and S/N of field and reference.

    Parameters
    ----------
    shift : dict
        As `domain_shift.check_shift_files` returns it.

    Returns
    -------
    Figure
    Table
        Columns quantity, share (of the sample that lies below), reference, field.
    """
    figure = Figure(figsize=(WIDTH, 2.6))
    first, second, third = figure.subplots(1, 3)
    rows = []
    quantiles = shift["envelope"]["quantiles"]
    for side, colour in (("reference", NULL_COLOUR), ("field", DATA_COLOUR)):
        values = quantiles[side]
        if values:
            first.plot(values, quantiles["share"], color=colour, label=side)
    first.axvline(shift["envelope"]["limit"], color=MUTED, lw=0.8, ls="--")
    first.set(
        xlabel="distance to the reference",
        ylabel="share of the galaxies below",
        title=f"{100 * (shift['envelope']['fraction'] or 0):.1f} % outside",
        ylim=(0, 1),
    )
    first.set_xlim(left=0)
    first.legend(loc="upper left")
    rows += [
        ("distance", *row)
        for row in zip(
            quantiles["share"],
            quantiles["reference"],
            quantiles["field"] or [np.nan] * len(quantiles["share"]),
            strict=True,
        )
    ]
    for axes, name, text in ((second, "magnitude", "magnitude"), (third, "snr", "S/N")):
        pair = [shift["images"][name][side] for side in ("reference", "field")]
        if None in pair:
            axes.text(0.5, 0.5, f"no {text}", ha="center", va="center", color=MUTED)
            axes.set(xticks=[], yticks=[])
            continue
        rows += [(name, float(share), pair[0][share], pair[1][share]) for share in pair[0]]
        _quantile_plot(axes, *(list(part.values()) for part in pair), text, name == "snr")
    return figure, Table(rows=rows, names=("quantity", "share", "reference", "field"))


def _quantile_plot(axes: Axes, x: list, y: list, text: str, logarithmic: bool) -> None:
    if logarithmic:
        axes.set(xscale="log", yscale="log")
        plain_log_ticks(axes.xaxis)
        plain_log_ticks(axes.yaxis)
        x, y = (np.maximum(values, 0.1) for values in (x, y))
    low, high = min(*x, *y), max(*x, *y)
    axes.plot([low, high], [low, high], color=MUTED, lw=0.8, ls="--")
    axes.plot(x, y, "o-", color=DATA_COLOUR, ms=3.5)
    axes.set(xlabel=f"{text}, reference", ylabel=f"{text}, field")
    axes.set_title("quantiles, 1 to 99 %")
