"""The figure of the vote against magnitude and signal-to-noise ratio."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.compute.statistics import equal_bins, fraction_interval
from morphovote.flags import in_vote
from morphovote.report.figures.style import (
    DATA_COLOUR,
    NULL_COLOUR,
    WIDTH,
    message_figure,
    plain_log_ticks,
    styled,
)


def draw(catalogue: Path, sources: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_depth(read_catalogue(catalogue), read_properties(sources))


@styled
def plot_depth(catalogue: Table, sources: Table) -> tuple[Figure, Table]:
    """Vote fraction and kept fraction against magnitude and signal-to-noise ratio.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        As `read_properties` returns it.

    Returns
    -------
    Figure
        The panel of the magnitude is left out where there is none.
    Table
        One row a quantity and bin: quantity ('magnitude' or 'snr'), middle (median), bin_low,
        bin_high, galaxies, vote_fraction (median), vote_p16, vote_p84, kept_fraction, kept_low,
        kept_high (95 % Wilson interval).
    """
    voted = in_vote(catalogue["FLAGS"])
    share = np.asarray(catalogue["VOTE_FRACTION"], dtype=float)
    kept = np.asarray(catalogue["KEPT"], dtype=bool)
    snr = np.asarray(catalogue["SNR"], dtype=float)
    quantities = {
        "magnitude": (np.asarray(sources["MAG"], dtype=float), "magnitude (AB)"),
        "snr": (np.where(snr > 0, snr, np.nan), "signal-to-noise ratio"),
    }
    rows = []
    for quantity, (value, _) in quantities.items():
        for part in equal_bins(np.where(voted, value, np.nan), 10, 15):
            fractions = np.percentile(np.nan_to_num(share[part]), [50, 16, 84]).tolist()
            interval = fraction_interval(int(kept[part].sum()), len(part))
            ends = (float(f(value[part])) for f in (np.median, np.min, np.max))
            rows.append((quantity, *ends, len(part), *fractions, *interval))
    names = ("quantity", "middle", "bin_low", "bin_high", "galaxies", "vote_fraction", "vote_p16",
             "vote_p84", "kept_fraction", "kept_low", "kept_high")  # fmt: skip
    if not rows:
        return message_figure("No galaxy of the vote has a magnitude or S/N."), Table(names=names)
    numbers = Table(rows=rows, names=names)
    figure = Figure(figsize=(WIDTH, 2.9))
    panels = [key for key in quantities if (numbers["quantity"] == key).any()]
    row = figure.subplots(1, 2, sharey=True)
    for axes, key in zip(row, panels, strict=False):
        value, label = quantities[key]
        part = numbers[numbers["quantity"] == key]
        many = voted & np.isfinite(value)
        axes.plot(value[many], share[many], ".", color="#999999", ms=2.5, mew=0, alpha=0.6,
                  rasterized=True)  # fmt: skip
        axes.fill_between(part["middle"], part["vote_p16"], part["vote_p84"], color=DATA_COLOUR,
                          alpha=0.2, lw=0)  # fmt: skip
        axes.plot(part["middle"], part["vote_fraction"], "o-", color=DATA_COLOUR, ms=4.5,
                  mec="white", label="vote fraction, median")  # fmt: skip
        axes.vlines(part["middle"], part["kept_low"], part["kept_high"], color=NULL_COLOUR, lw=1.3)
        axes.plot(part["middle"], part["kept_fraction"], "s--", color=NULL_COLOUR, ms=4.5,
                  mec="white", label="kept fraction")  # fmt: skip
        axes.set(xlabel=label, ylim=(0, 1.02))
        if key == "snr":
            axes.set_xscale("log")
            plain_log_ticks(axes.xaxis)
    row[0].set_ylabel("fraction")
    for axes in row[len(panels) :]:
        axes.set_axis_off()
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure, numbers
