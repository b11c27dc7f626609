"""Figures of what was measured, by class: structure, sizes, colours."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import gaussian_filter1d

from morphovote import diagnostics
from morphovote.flags import FAILED, NO_SERSIC, OUT_OF_TIME, SERSIC_SUSPECT
from morphovote.plotting import (
    INK,
    MUTED,
    WIDTH,
    class_legend,
    class_style,
    label_text,
    message_figure,
    plain_log_ticks,
    scatter_classes,
    spread_limits,
    styled,
)

# Beyond as many galaxies in a class its outline stands for the points.
POINTS_IN_CLASS = 400

U_V, V_J = "U\N{MINUS SIGN}V", "V\N{MINUS SIGN}J"


@styled
def plot_structure(catalogue: Table) -> tuple[Figure, Table]:
    """Gini-M20 with the lines of Lotz et al. (2008), and concentration-asymmetry, by class.

    Parameters
    ----------
    catalogue : Table
        As `diagnostics.read_catalogue` returns it.

    Returns
    -------
    Figure
    Table
        One row a measured galaxy: id, class, m20, gini, concentration, asymmetry, smoothness,
        region (`diagnostics.structure_region`).
    """
    columns = ("M20", "GINI", "CONCENTRATION", "ASYMMETRY", "SMOOTHNESS")
    values = [np.asarray(catalogue[name], dtype=float) for name in columns]
    name = np.asarray(catalogue["CLASS"], dtype=str)
    m20, gini, concentration, asymmetry, _ = values
    measured = np.isfinite(values[:4]).any(axis=0) & np.isin(name, diagnostics.order_classes(name))
    numbers = Table(
        {
            "id": np.asarray(catalogue["ID"])[measured],
            "class": name[measured],
            **{key.lower(): value[measured] for key, value in zip(columns, values, strict=True)},
            "region": diagnostics.structure_region(gini, m20)[measured],
        }
    )
    if not len(numbers):
        return message_figure("No galaxy has both a class and measured structure."), numbers
    figure = Figure(figsize=(WIDTH, 3.5))
    left, right = figure.subplots(1, 2)
    _gini_m20_plane(left, gini, m20)
    scatter_classes(left, m20[measured], gini[measured], name[measured])
    right.set(
        xlim=spread_limits(concentration, (2, 4.5)),
        ylim=spread_limits(asymmetry, (-0.05, 0.5)),
        xlabel="concentration C",
        ylabel="asymmetry A",
    )
    right.axhline(0.35, color=INK, lw=0.9, ls="--", zorder=3)
    beside = {"xycoords": right.get_yaxis_transform(), "textcoords": "offset points"}
    right.annotate("merger if also A > S", (0.98, 0.35), (0, 3), **beside, **_NOTE)
    scatter_classes(right, concentration[measured], asymmetry[measured], name[measured])
    names = diagnostics.order_classes(name[measured])
    class_legend(figure, names, _counts(name[measured]))
    return figure, numbers


_HALO = {"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75}
_NOTE = {"ha": "right", "va": "bottom", "color": INK, "zorder": 6, "bbox": _HALO}


def _gini_m20_plane(axes: Axes, gini: np.ndarray, m20: np.ndarray) -> None:
    x_limits = spread_limits(m20, (-2.4, -0.7))
    y_limits = spread_limits(gini, (0.38, 0.66))
    # M20 runs to the left, as in Lotz et al.: early types at the right, mergers at the top.
    axes.set(xlim=x_limits[::-1], ylim=y_limits, xlabel="$M_{20}$", ylabel="Gini coefficient")
    axes.xaxis.label.set_parse_math(True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    line = np.linspace(*x_limits, 200)
    axes.plot(line, -0.14 * line + 0.33, color=INK, lw=0.9, ls="--", zorder=3)
    # Early from late types only below the merger line, which it meets at -1.68.
    line = np.linspace(x_limits[0], (0.33 - 0.80) / 0.28, 100)
    axes.plot(line, 0.14 * line + 0.80, color=INK, lw=0.9, zorder=3)
    right = x_limits[0] + 0.03 * (x_limits[1] - x_limits[0])
    middle = ((-0.14 * right + 0.33) + (0.14 * right + 0.80)) / 2
    axes.text(0.03, 0.97, "merger", transform=axes.transAxes, **_NOTE | {"ha": "left", "va": "top"})
    axes.text(right, min(middle, y_limits[1]), "E/S0/Sa", **_NOTE | {"va": "center"})
    axes.text(0.97, 0.03, "Sb-Irr", transform=axes.transAxes, **_NOTE)


def _counts(classes: np.ndarray) -> dict[str, int]:
    names, counts = np.unique(classes, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


@styled
def plot_sizes(catalogue: Table) -> tuple[Figure, Table]:
    """Distributions of Sersic index and half-light radius by class, with medians.

    Parameters
    ----------
    catalogue : Table
        As `diagnostics.read_catalogue` returns it.

    Returns
    -------
    Figure
    Table
        One row a quantity and class: galaxies measured, median, its 95 % interval, 16th and 84th
        percentiles; and a row 'trend' a quantity: the rank correlation with the class order.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    names = diagnostics.order_classes(name)
    panels = (
        ("SERSIC_N", "sersic_n", "Sérsic index n", (0.3, 8.0)),
        ("R_E", "r_e_arcsec", "half-light radius (arcsec)", (0.1, 1.0)),
    )
    flag = np.asarray(catalogue["MEASURE_FLAG"])
    fitted = (flag >= 0) & (flag & (FAILED | OUT_OF_TIME | SERSIC_SUSPECT | NO_SERSIC) == 0)
    rows = []
    figure = Figure(figsize=(WIDTH, 0.9 + 0.46 * max(len(names), 2)))
    for axes, (column, quantity, label, limits) in zip(
        figure.subplots(1, 2, sharey=True), panels, strict=True
    ):
        value = np.asarray(catalogue[column], dtype=float)
        value = np.where((value > 0) & fitted, value, np.nan)
        low, high = spread_limits(np.log10(value), tuple(np.log10(limits)))
        axes.set(xscale="log", xlim=(10**low, 10**high), xlabel=label)
        plain_log_ticks(axes.xaxis)
        for place, key in enumerate(names):
            members = value[(name == key) & np.isfinite(value)]
            median, lower, upper = diagnostics.median_interval(members)
            spread = np.percentile(members, [16, 84]) if len(members) else (np.nan, np.nan)
            rows.append((quantity, key, len(members), median, lower, upper, *spread))
            _distribution(axes, place, members, class_style(key, names)[0])
            if len(members):
                axes.plot([lower, upper], [place, place], color=INK, lw=2.2, zorder=4)
                axes.plot(median, place, "o", color="white", mec=INK, mew=1.2, ms=5, zorder=5)
            text = f"{median:#.2g}\n({len(members):,})" if len(members) else "none"
            beside = axes.get_yaxis_transform()
            axes.text(1.02, place, text, transform=beside, ha="left", va="center")
        trend = diagnostics.rank_trend(name, value)
        rows.append((quantity, "trend", *trend_row(trend)))
        axes.set_title(trend_title(trend), color=MUTED)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#e6e6e6", lw=0.6)
        axes.set_axisbelow(True)
        axes.set(ylim=(len(names) - 0.4, -0.65))
        axes.set_yticks(range(len(names)), [label_text(key, 12) for key in names])
    columns = ("quantity", "class", "galaxies", "median", "low_95", "high_95", "p16", "p84")
    numbers = Table(rows=rows, names=columns)
    if not sum(row[2] for row in rows if row[1] != "trend"):
        return message_figure("No galaxy has both a class and a Sérsic fit."), numbers
    return figure, numbers


def trend_row(trend: dict) -> tuple:
    """A rank correlation in the columns of a class's row: the coefficient for the median."""
    return trend["count"], trend["rho"], trend["low"], trend["high"], np.nan, np.nan


def trend_title(trend: dict) -> str:
    """One line on a rank correlation with the class order."""
    if not np.isfinite(trend["rho"]):
        return "SPH to IRR: too few galaxies for a trend"
    rho, low, high = (
        f"{trend[key]:+.2f}".replace("-", "\N{MINUS SIGN}") for key in ("rho", "low", "high")
    )
    return f"SPH to IRR: rank correlation {rho} ({low} to {high})"


def _distribution(axes: Axes, place: int, values: np.ndarray, colour: str) -> None:
    """Outline of a distribution on a logarithmic axis, or its points while they are few."""
    logs = np.log10(values)
    if len(logs) >= 30 and np.ptp(logs) > 0:
        low, high = np.log10(axes.get_xlim())
        counts, edges = np.histogram(logs, bins=60, range=(low, high))
        width = max(1.0, 60 / (high - low) * 1.06 * np.std(logs) * len(logs) ** -0.2)
        height = gaussian_filter1d(counts.astype(float), width, mode="constant")
        # Not beyond the data: smoothing must not invent a tail.
        height[(edges[1:] < logs.min()) | (edges[:-1] > logs.max())] = 0
        if height.max() > 0:
            height *= 0.36 / height.max()
            middle = 10 ** ((edges[1:] + edges[:-1]) / 2)
            axes.fill_between(
                middle, place - height, place + height, height > 0, color=colour, alpha=0.45, lw=0
            )
    if len(logs) <= POINTS_IN_CLASS:
        shift = np.random.default_rng(0).uniform(-0.2, 0.2, len(logs))
        size = 6 if len(logs) < 30 else 3
        axes.plot(
            values, place + shift, ".", color=colour, ms=size, alpha=0.8, mew=0, rasterized=True
        )


@styled
def plot_colours(catalogue: Table, sources: Table) -> tuple[Figure, Table]:
    """Rest-frame U-V against V-J by redshift, with the quiescent box of Williams et al. (2009).

    Parameters
    ----------
    catalogue : Table
        As `diagnostics.read_catalogue` returns it.
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
    class_legend(figure, diagnostics.order_classes(name[use]), _counts(name[use]))
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
