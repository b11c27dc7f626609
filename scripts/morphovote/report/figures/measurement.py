"""The figure of how well the parameters are measured: coverage of errors, bias of the pixels."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.measure.calibration import CORRECTED, PIXELS, SERSIC, WITHIN
from morphovote.report.figures.style import (
    DATA_COLOUR,
    INK,
    MUTED,
    WIDTH,
    message_figure,
    plain_log_ticks,
    styled,
)
from morphovote.storage.numbers import read_numbers

# Bins with fewer galaxies than this are not drawn.
LEAST = 10
WORDS = {
    "gini": "Gini", "m20": "M20", "concentration": "C", "asymmetry": "A", "smoothness": "S",
    "sersic_n": "n", "r_e": "r_e", "axis_ratio": "axis ratio", "position_angle": "position angle",
    "mag_sersic": "magnitude",
}  # fmt: skip


def draw(measurement: Path) -> tuple[Figure, None]:
    """The figure, from the table that `calibrate_measurements` has written."""
    return plot_measurement(read_numbers(measurement)), None


@styled
def plot_measurement(table: Table) -> Figure:
    """Coverage before and after the calibration, and bias before and after the correction.

    Parameters
    ----------
    table : Table
        From `calibration_table.measurement_table`.
    """
    if len(table):
        everything = (np.asarray(table["size_low"], float) == 0) & np.isnan(
            np.asarray(np.ma.filled(table["size_high"], np.nan), float)
        )
        table = table[everything & (np.asarray(table["galaxies"], int) >= LEAST)]
    if not len(table):
        return message_figure("No anchors were measured: errors are those of the noise alone.")
    figure = Figure(figsize=(WIDTH, 4.6))
    upper, lower = figure.subfigures(2, 1)
    panels = upper.subplots(1, 2, sharey=True)
    for axes, names, title in zip(
        panels, (PIXELS, SERSIC), ("parameters of the pixels", "Sersic fit"), strict=True
    ):
        _coverage(axes, table, names)
        axes.set_title(title)
    panels[0].set_ylabel("truths within one error")
    for axes, name in zip(lower.subplots(1, len(CORRECTED)), CORRECTED, strict=True):
        _bias(axes, table[table["parameter"] == name])
        axes.set_title(WORDS[name])
    return figure


def _middle(table: Table) -> np.ndarray:
    low = np.asarray(table["snr_low"], float)
    high = np.asarray(np.ma.filled(table["snr_high"], np.nan), float)
    return np.sqrt(low * np.where(np.isfinite(high), high, 2 * low))


def _coverage(axes: Axes, table: Table, names: tuple[str, ...]) -> None:
    axes.axhspan(0.63, 0.73, color=MUTED, alpha=0.2, lw=0)
    axes.axhline(WITHIN, color=MUTED, lw=0.8)
    for number, name in enumerate(names):
        rows = table[table["parameter"] == name]
        colour = f"C{number}"
        axes.plot(_middle(rows), rows["coverage_before"], ":", color=colour, lw=0.9)
        axes.plot(_middle(rows), rows["coverage"], "o-", color=colour, ms=3, label=WORDS[name])
    # Below zero there is room for the legend.
    axes.set(xscale="log", ylim=(-0.35, 1), yticks=np.linspace(0, 1, 6), xlabel="S/N")
    plain_log_ticks(axes.xaxis)
    axes.legend(fontsize="x-small", loc="lower center", ncols=3)


def _bias(axes: Axes, rows: Table) -> None:
    snr = _middle(rows)
    # The first is broader, so that it shows where nothing was corrected.
    lines = (("", MUTED, "as seen", 2.2), ("_corrected", DATA_COLOUR, "corrected", 1))
    for kind, colour, label, width in lines:
        bias, scatter = (np.asarray(rows[f"{name}{kind}"], float) for name in ("bias", "scatter"))
        axes.errorbar(
            snr,
            bias,
            scatter,
            fmt="o-",
            color=colour,
            ms=3,
            lw=width,
            elinewidth=width,
            label=label,
        )
    axes.axhline(0, color=INK, lw=0.6)
    axes.set(xscale="log", xlabel="S/N")
    plain_log_ticks(axes.xaxis)
    axes.legend(fontsize="x-small")
