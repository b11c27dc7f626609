"""The figure of the vote: kept fraction of galaxies and null, and vote fractions."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from morphovote.catalogue.reading import read_catalogue
from morphovote.compute.statistics import fraction_interval
from morphovote.flags import in_vote
from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    DATA_COLOUR,
    MUTED,
    NULL_COLOUR,
    PALE,
    WIDTH,
    message_figure,
    plain_log_ticks,
    styled,
)
from morphovote.storage.files import read_json


def draw(catalogue: Path, controls: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_votes(read_catalogue(catalogue), read_json(controls))


@styled
def plot_votes(catalogue: Table, controls: dict) -> tuple[Figure, Table]:
    """Kept fraction of galaxies and null, vote fractions, and kept fraction against S/N.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    controls : dict
        As `controls.check_vote` returns it: data and null (values, mean, low, high),
        vote_histogram (null), agreement.

    Returns
    -------
    Figure
    Table
        Columns panel, quantity, x, value, low, high, galaxies.
    """
    voted = in_vote(catalogue["FLAGS"])
    kept = np.asarray(catalogue["KEPT"], dtype=bool)[voted]
    share = np.asarray(catalogue["VOTE_FRACTION"], dtype=float)[voted]
    snr = np.asarray(catalogue["SNR"], dtype=float)[voted]
    if not len(kept):
        return message_figure("No galaxy took part in the vote."), _numbers([])
    figure = Figure(figsize=(WIDTH, 2.9))
    panels = figure.subplots(1, 3, width_ratios=(0.95, 1, 1))
    rows = _kept_panel(panels[0], kept, controls)
    rows += _share_panel(panels[1], share, kept, controls)
    rows += _snr_panel(panels[2], snr, kept)
    return figure, _numbers(rows)


def _numbers(rows: list[tuple]) -> Table:
    names = ("panel", "quantity", "x", "value", "low", "high", "galaxies")
    return Table(rows=rows, names=names) if rows else Table(names=names)


def _kept_panel(axes: Axes, kept: np.ndarray, controls: dict) -> list[tuple]:
    field = fraction_interval(int(kept.sum()), len(kept))
    shown = [("catalogue", "this\ncatalogue", DATA_COLOUR, "o", field, [], len(kept))]
    for kind, label, colour, marker in (
        ("data", "other\nseeds", DATA_COLOUR, "o"),
        ("null", "structure-\nless null", NULL_COLOUR, "s"),
    ):
        found = controls[kind]
        numbers = (found["mean"], found["low"], found["high"])
        sample = controls.get("galaxies", len(kept))
        shown.append((kind, label, colour, marker, numbers, found["values"], sample))
    for place, (_, _, colour, marker, (value, low, high), single, _) in enumerate(shown):
        shift = np.linspace(-0.12, 0.12, len(single)) if len(single) > 1 else np.zeros(len(single))
        axes.plot(place + shift, single, ".", color=colour, ms=4, alpha=0.5, mew=0)
        axes.plot([place, place], [low, high], color=colour, lw=1.6, solid_capstyle="butt")
        axes.plot(place, value, marker, color=colour, ms=5, clip_on=False)
        axes.text(place + 0.22, value, f"{100 * value:.0f} %", va="center", color=colour)
    axes.set_xticks(range(len(shown)), [label for _, label, *_ in shown])
    axes.set(xlim=(-0.5, len(shown) - 0.2), ylim=(0, 1), ylabel="kept fraction")
    return [
        ("kept fraction", kind, np.nan, *map(float, numbers), galaxies)
        for kind, _, _, _, numbers, _, galaxies in shown
    ]


def _share_panel(axes: Axes, share: np.ndarray, kept: np.ndarray, controls: dict) -> list[tuple]:
    finite = np.isfinite(share)
    steps = vote_steps(share[finite])
    places = np.arange(steps + 1) / steps
    edges = (np.arange(steps + 2) - 0.5) / steps
    counts = [np.histogram(share[rows], bins=edges)[0] for rows in (finite & kept, finite & ~kept)]
    bar = {"width": 0.9 / steps, "lw": 0}
    axes.bar(places, counts[0], color=DATA_COLOUR, label="kept", **bar)
    axes.bar(places, counts[1], bottom=counts[0], color=PALE, label="not kept", **bar)
    null = np.asarray(controls["vote_histogram"]["null"], dtype=float)
    votes = np.arange(len(null)) / max(len(null) - 1, 1)
    expected = np.histogram(votes, bins=edges, weights=null)[0] * finite.sum()
    axes.stairs(expected, edges, color=NULL_COLOUR, lw=1.2, label="null")
    axes.set(
        xlim=(-0.02, 1.03),
        ylim=(0, 1.25 * max(float(sum(counts).max()), float(expected.max()), 1.0)),
        xlabel="vote fraction",
        ylabel=f"galaxies per step of 1/{steps}",
    )
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.legend(loc="upper left", ncols=3, handlelength=1.0, columnspacing=0.8, borderaxespad=0)
    return [
        ("vote fraction", quantity, float(place), float(value), np.nan, np.nan, total)
        for quantity, values in zip(("kept", "not kept", "null"), (*counts, expected), strict=True)
        for place, value in zip(places, values, strict=True)
        for total in [int(finite.sum())]
    ]


def vote_steps(share: np.ndarray) -> int:
    """Number of steps of the vote fractions; a histogram with other bins would look like a comb.

    Parameters
    ----------
    share : ndarray of float
        Finite.

    Returns
    -------
    int
        Between 1 and 40; 20 where no such number fits.
    """
    values = np.unique(np.round(share, 6))
    for steps in range(5, 41):
        if np.abs(values * steps - np.round(values * steps)).max(initial=0) < 1e-3:
            return steps
    return 20


def _snr_panel(axes: Axes, snr: np.ndarray, kept: np.ndarray) -> list[tuple]:
    bins = diagnostics.kept_by_snr(snr, kept)
    axes.set(xlabel="signal-to-noise ratio", ylabel="kept fraction", ylim=(0, 1))
    if not len(bins):
        axes.text(0.5, 0.5, "no S/N measured", ha="center", transform=axes.transAxes)
        return []
    axes.axhline(kept.mean(), color=MUTED, lw=0.8, ls=":")
    axes.fill_between(bins["snr"], bins["low"], bins["high"], color=DATA_COLOUR, alpha=0.2, lw=0)
    axes.plot(
        bins["snr"], bins["fraction"], "o-", color=DATA_COLOUR, ms=4.5, mec="white", clip_on=False
    )
    axes.set_xscale("log")
    plain_log_ticks(axes.xaxis)
    return [
        ("kept by S/N", "kept", row["snr"], row["fraction"], row["low"], row["high"],
         row["galaxies"])
        for row in bins
    ]  # fmt: skip
