"""The figure of the stability check: shares against S/N."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.checks.stability_scores import select, share_by_snr, summarise_stability
from morphovote.report.figures.style import (
    DATA_COLOUR,
    MUTED,
    NULL_COLOUR,
    WIDTH,
    message_figure,
    plain_log_ticks,
    styled,
)
from morphovote.storage import shards

# Goals: turned galaxies whose nearest neighbour is themselves; kept ones that keep their group.
RETRIEVED_GOAL, UNCHANGED_GOAL = 0.98, 0.95
BINS = 4
# Colours of Okabe & Ito (2008), from least to most noise; another one for the wider PSF.
NOISE_STYLES = (("#E69F00", "^"), ("#D55E00", "s"), ("#882200", "D"))
PSF_COLOUR = "#009E73"


def draw(stability: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    table = shards.read_shard(stability)
    return plot_stability(table, summarise_stability(table, shards.read_attributes(stability)))


@styled
def plot_stability(table: dict[str, np.ndarray], found: dict) -> tuple[Figure, Table]:
    """Shares of galaxies that keep their neighbour and their group, against S/N.

    Parameters
    ----------
    table : dict of ndarray
        As `stability.check_stability_file` writes it.
    found : dict
        As `stability_scores.summarise_stability` returns it.

    Returns
    -------
    Figure
    Table
        Columns panel, line, galaxies (all or kept), snr (NaN: all of them), value, low, high,
        count (galaxies).
    """
    if not len(table["row"]):
        return message_figure("Too few galaxies with a group to check stability."), _numbers([])
    figure = Figure(figsize=(WIDTH, 3.1))
    panels = figure.subplots(1, 3, sharey=True)
    amounts = sorted({check["amount"] for check in found["checks"] if check["kind"] == "noise"})
    of_noise = [
        (f"{amount:g} times the noise", *style, "noise", amount)
        for amount, style in zip(amounts, NOISE_STYLES, strict=False)
    ]
    seen, unseen = "unchanged", "unchanged_unseen"
    plans = (
        ("turned: nearest is itself", RETRIEVED_GOAL, (
            ("any other angle", DATA_COLOUR, "o", "turned", 0.0, "all", "retrieved"),
            ("quarter turns", MUTED, "s", "exact", 0.0, "all", "retrieved"),
        )),
        ("turned and kept: same group", UNCHANGED_GOAL, (
            ("as in the catalogue", DATA_COLOUR, "o", "turned", 0.0, "kept", seen),
            ("new to the model", NULL_COLOUR, "D", "turned", 0.0, "kept", unseen),
        )),
        ("noisier or blurred: same group", None, (
            *((*line, "all", unseen) for line in of_noise),
            (f"PSF + {found['psf_fwhm']:g} px", PSF_COLOUR, "o", "psf", 0.0, "all", unseen),
        )),
    )  # fmt: skip
    rows = []
    for axes, (title, goal, lines) in zip(panels, plans, strict=True):
        axes.set(title=title, xlabel="signal-to-noise ratio")
        if goal:
            axes.axhline(goal, color=MUTED, lw=0.8, ls=":")
        for place, (label, colour, marker, kind, amount, which, score) in enumerate(lines):
            part = select(table, kind, amount, kept=which == "kept")
            bins = share_by_snr(part, score, BINS)
            # Side by side, so that the intervals do not overlap.
            shift = 1.07 ** (place - (len(lines) - 1) / 2)
            draw_shares(axes, bins, shift, label, colour, marker)
            whole = [one | {"snr": np.nan} for one in share_by_snr(part, score, 1)]
            rows += [(title, label, which, *one.values()) for one in bins + whole]
        axes.set_xscale("log")
        plain_log_ticks(axes.xaxis)
        columns = {"ncols": 1 + (len(lines) > 2), "handlelength": 1.2, "columnspacing": 0.8}
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), **columns)
    panels[0].set(ylim=(0, 1.03), ylabel="share of views")
    return figure, _numbers(rows)


def draw_shares(
    axes: Axes, bins: list[dict], shift: float, label: str, colour: str, marker: str
) -> None:
    """Draw shares with their intervals, at S/N times `shift`, so that lines stay apart."""
    if not bins:
        return
    snr, value, low, high = (
        np.array([one[name] for one in bins]) for name in ("snr", "value", "low", "high")
    )
    axes.vlines(snr * shift, low, high, color=colour, lw=0.9, alpha=0.6)
    axes.plot(snr * shift, value, marker=marker, color=colour, ms=4.5, mec="white", label=label)


def _numbers(rows: list[tuple]) -> Table:
    names = ("panel", "line", "galaxies", "snr", "value", "low", "high", "count")
    return Table(rows=rows, names=names) if rows else Table(names=names)
