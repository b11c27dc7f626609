"""Figures of who is where, by class: rest-frame colours, redshift, mass, and depth of the vote."""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table, vstack
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from morphovote.compute.statistics import equal_bins, fraction_interval
from morphovote.flags import in_vote
from morphovote.report import diagnostics
from morphovote.report.figures.structure import sample_title
from morphovote.report.figures.style import (
    DATA_COLOUR,
    INK,
    NULL_COLOUR,
    WIDTH,
    class_legend,
    class_style,
    count_classes,
    message_figure,
    plain_log_ticks,
    scatter_classes,
    spread_limits,
    styled,
)

U_V, V_J = "U\N{MINUS SIGN}V", "V\N{MINUS SIGN}J"


@styled
def plot_colours(catalogue: Table, sources: Table) -> tuple[Figure, Table]:
    """Rest-frame U-V against V-J by redshift, with the quiescent box of Williams et al. (2009).

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        The same rows: U_V, V_J (mag) and REDSHIFT, NaN where not given.

    Returns
    -------
    Figure
        With a panel for each redshift bin that holds galaxies, or with the reason why there is
        none.
    Table
        One row a galaxy drawn: id, class, redshift, u_v, v_j, quiescent.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    u_v, v_j, redshift = (
        np.asarray(sources[key], dtype=float) for key in ("U_V", "V_J", "REDSHIFT")
    )
    use = np.isfinite(u_v) & np.isfinite(v_j) & (redshift >= 0) & (redshift < 2)
    use &= np.isin(name, diagnostics.order_classes(name))
    numbers = Table(
        {
            "id": np.asarray(catalogue["ID"])[use],
            "class": name[use],
            "redshift": redshift[use],
            "u_v": u_v[use],
            "v_j": v_j[use],
            "quiescent": diagnostics.is_quiescent(u_v, v_j, redshift)[use],
        }
    )
    if not len(numbers):
        missing = [
            text
            for text, value in ((U_V, u_v), (V_J, v_j), ("redshift", redshift))
            if not np.isfinite(value).any()
        ]
        reason = (
            f"The source catalogue gives no {' or '.join(missing)}"
            if missing
            else f"No galaxy with a class has {U_V}, {V_J} and a redshift below 2"
        )
        return message_figure(f"{reason}, so there is no UVJ diagram."), numbers
    bins = [bin_ for bin_ in diagnostics.UVJ_BINS if _in_bin(redshift, bin_)[use].any()]
    figure = Figure(figsize=(WIDTH, 3.0 if len(bins) == 3 else 3.5))
    x_limits, y_limits = spread_limits(v_j[use], (-0.2, 2.0)), spread_limits(u_v[use], (0.2, 2.4))
    row = figure.subplots(1, max(len(bins), 2), sharex=True, sharey=True)
    for axes, bin_ in zip(row, bins, strict=False):
        here = use & _in_bin(redshift, bin_)
        axes.set(xlim=x_limits, ylim=y_limits, xlabel=f"rest-frame {V_J} (mag)")
        _quiescent_box(axes, bin_[2])
        scatter_classes(axes, v_j[here], u_v[here], name[here], total=int(use.sum()))
        axes.set_title(f"{bin_[0]:g} ≤ z < {bin_[1]:g}   ({here.sum():,} galaxies)")
    row[0].set_ylabel(f"rest-frame {U_V} (mag)")
    for axes in row[len(bins) :]:
        axes.set_axis_off()
    class_legend(figure, diagnostics.order_classes(name[use]), count_classes(name[use]))
    return figure, numbers


def _in_bin(redshift: np.ndarray, bin_: tuple[float, float, float]) -> np.ndarray:
    return (redshift >= bin_[0]) & (redshift < bin_[1])


def _quiescent_box(axes: Axes, intercept: float) -> None:
    corner = (1.3 - intercept) / 0.88
    top = axes.get_ylim()[1]
    x = [axes.get_xlim()[0], corner, 1.6, 1.6]
    y = [1.3, 1.3, 0.88 * 1.6 + intercept, max(top, 0.88 * 1.6 + intercept)]
    axes.plot(x, y, color=INK, lw=0.9, ls="--", zorder=3)
    axes.text(0.03, 0.97, "quiescent", transform=axes.transAxes, va="top", color=INK, zorder=6)


@styled
def plot_fractions(
    catalogue: Table, sources: Table, samples: Mapping[str, np.ndarray]
) -> tuple[Figure, Table]:
    """Share of each class by redshift, of every sample, and by stellar mass.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        As `read_sources` returns it.
    samples : mapping of ndarray of bool, shape (N,)
        As `separation.choose_samples` returns them.

    Returns
    -------
    Figure
        Panels without a redshift or mass are left out.
    Table
        `diagnostics.class_fractions`, with columns panel ('redshift' or 'log_mass') and sample.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    redshift, log_mass = (np.asarray(sources[key], dtype=float) for key in ("REDSHIFT", "LOG_MASS"))
    panels = [("redshift", sample, np.where(inside, redshift, np.nan), "redshift z")
              for sample, inside in samples.items()]  # fmt: skip
    panels.append(("log_mass", "all", log_mass, "stellar mass log (M / solar mass)"))
    found = [
        (panel, sample, label, diagnostics.class_fractions(name, value))
        for panel, sample, value, label in panels
    ]
    found = [entry for entry in found if len(entry[3])]
    if not found:
        return (
            message_figure("No galaxy with a class has a redshift or a stellar mass."),
            Table(names=("panel", "sample", "class", "galaxies", "fraction")),
        )
    names = diagnostics.order_classes(name)
    figure = Figure(figsize=(WIDTH, 2.9))
    row = figure.subplots(1, max(len(found), 2), sharey=True)
    for axes, (_, sample, label, shares) in zip(row, found, strict=False):
        galaxies = int(shares["galaxies"][shares["class"] == shares["class"][0]].sum())
        axes.set(xlabel=label, ylim=(0, 1), title=sample_title(sample, galaxies))
        _draw_fractions(axes, shares, names)
    row[0].set_ylabel("share of the galaxies")
    for axes in row[len(found) :]:
        axes.set_axis_off()
    class_legend(figure, names)
    for panel, sample, _, shares in found:
        shares.add_columns([[panel] * len(shares), [sample] * len(shares)], indexes=[0, 0],
                           names=["panel", "sample"])  # fmt: skip
    return figure, vstack([shares for *_, shares in found])


def _draw_fractions(axes: Axes, shares: Table, names: list[str]) -> None:
    width = float(np.ptp(shares["middle"])) or 1.0
    for place, key in enumerate(names):
        part = shares[shares["class"] == key]
        if not len(part):
            continue
        colour, marker = class_style(key, names)
        # A little apart, so that no class's bar hides another's.
        middle = part["middle"] + (place - (len(names) - 1) / 2) * 0.012 * width
        axes.vlines(middle, part["low"], part["high"], color=colour, lw=1.3)
        axes.plot(middle, part["fraction"], color=colour, lw=1.0, marker=marker, ms=4.5,
                  mec="white", mew=0.5)  # fmt: skip


@styled
def plot_depth(catalogue: Table, sources: Table) -> tuple[Figure, Table]:
    """Vote fraction and kept fraction against magnitude and signal-to-noise ratio.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        As `read_sources` returns it.

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
