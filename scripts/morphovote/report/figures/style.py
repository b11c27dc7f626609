"""Style of all figures, shared drawing functions, and writing."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from scipy.ndimage import gaussian_filter

from morphovote.classify.classes import class_style, order_names
from morphovote.storage.files import replacing

# Inches: both columns of an A4 page, so that text of 8 points is printed at that size.
WIDTH = 7.1

STYLE = {
    "figure.figsize": (WIDTH, 3.2),
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 1.2,
    "savefig.dpi": 250,
    "savefig.facecolor": "white",
    "text.parse_math": False,
}
styled = matplotlib.rc_context(STYLE)

INK, MUTED, PALE = "#222222", "#777777", "#d5d5d5"
DATA_COLOUR, NULL_COLOUR = "#0072B2", "#D55E00"

# With more galaxies points would hide each other: densities are drawn instead.
MANY = 3000


def label_text(text: object, length: int = 24) -> str:
    """Text from a catalogue, safe and short enough for a label.

    Control characters become spaces, and a leading underscore, with which matplotlib hides a
    legend's entry, gets a space before it.
    """
    clean = "".join(char if char.isprintable() else " " for char in str(text))
    clean = clean if len(clean) <= length else clean[: length - 1] + "…"
    return f" {clean}" if clean.startswith("_") else clean


def class_legend(
    figure: Figure, names: Sequence[str], counts: dict[str, int] | None = None, **place
) -> None:
    """One legend of the classes above a figure's panels."""
    handles = []
    for name in names:
        colour, marker = class_style(name, names)
        number = f" ({counts[name]:,})" if counts else ""
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                marker=marker,
                ls="none",
                ms=5,
                label=label_text(name) + number,
            )
        )
    if handles:
        place = {"loc": "outside upper center", "ncols": min(len(handles), 6)} | place
        figure.legend(handles=handles, **place)


def scatter_classes(
    axes: Axes, x: np.ndarray, y: np.ndarray, classes: np.ndarray, total: int | None = None
) -> None:
    """Draw galaxies by class: points if they are few, densities if they are many.

    Many galaxies become grey hexagons for all of them together, the contour that holds the
    densest 68 % of each class, and each class's marker at its medians. Values outside the axes'
    limits, which must be set, are left out.

    Parameters
    ----------
    axes : Axes
    x, y : ndarray of float, shape (N,)
    classes : ndarray of str, shape (N,)
    total : int, optional
        Galaxies in all panels of the figure, which decides how they are drawn; N if left out.
    """
    total = len(x) if total is None else total
    names = order_names(classes)
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    inside = (x >= min(x0, x1)) & (x <= max(x0, x1)) & (y >= min(y0, y1)) & (y <= max(y0, y1))
    if total <= MANY:
        size = 14 if total < 300 else 8
        # Interleaved, so that no class lies on top of the others.
        order = np.random.default_rng(0).permutation(np.flatnonzero(inside))
        for part in np.array_split(order, 8):
            for name in names:
                colour, marker = class_style(name, names)
                rows = part[classes[part] == name]
                axes.scatter(
                    x[rows],
                    y[rows],
                    s=size,
                    c=colour,
                    marker=marker,
                    lw=0.25,
                    ec="white",
                    alpha=0.8,
                    rasterized=True,
                )
        return
    axes.hexbin(
        x[inside],
        y[inside],
        gridsize=60,
        extent=(min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)),
        bins="log",
        cmap="Greys",
        mincnt=1,
        lw=0.1,
        alpha=0.55,
        rasterized=True,
    )
    for name in names:
        colour, marker = class_style(name, names)
        rows = inside & (classes == name)
        if rows.sum() >= 50:
            _contour(axes, x[rows], y[rows], colour)
        if rows.any():
            axes.plot(
                np.median(x[rows]),
                np.median(y[rows]),
                marker,
                color=colour,
                ms=7,
                mec="white",
                mew=0.9,
                zorder=5,
            )


def _contour(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, share: float = 0.68) -> None:
    """Contour around the densest `share` of the points."""
    limits = [sorted(axes.get_xlim()), sorted(axes.get_ylim())]
    density, x_edges, y_edges = np.histogram2d(x, y, bins=80, range=limits)
    density = gaussian_filter(density, 2.5)
    falling = np.sort(density.ravel())[::-1]
    place = np.searchsorted(np.cumsum(falling), share * falling.sum())
    level = falling[min(place, len(falling) - 1)]
    if level <= 0 or level >= falling[0]:
        return
    middle = [(edges[1:] + edges[:-1]) / 2 for edges in (x_edges, y_edges)]
    axes.contour(*middle, density.T, levels=[level], colors=[colour], linewidths=1.6, zorder=4)


def plain_log_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers, more densely where it is short."""
    low, high = axis.get_view_interval()
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ends = np.log10(high / low) if low > 0 else 9
    if ends < 0.3:
        # The axis is too short for round numbers on a logarithmic scale.
        axis.set_major_locator(MaxNLocator(3))
    elif ends < 2:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if ends > 0.7 else (1, 1.5, 2, 3, 5, 7)))
    axis.set_minor_formatter(NullFormatter())


def label_mapped(axis: Axis, forward: Callable[[float], float], values: Sequence[float]) -> None:
    """Label an axis that shows `forward(quantity)` with values of the quantity itself.

    Parameters
    ----------
    axis : Axis
        With its limits set.
    forward : callable
        From a value of the quantity to its place.
    values : sequence of float
        Those to label, where they lie within the limits.
    """
    low, high = sorted(axis.get_view_interval())
    shown = [value for value in values if low <= forward(value) <= high]
    axis.set_ticks([forward(value) for value in shown], [f"{value:g}" for value in shown])


def count_classes(name: np.ndarray) -> dict[str, int]:
    """How many galaxies each class has."""
    found, counts = np.unique(name, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


@styled
def message_figure(message: str, height: float = 1.2) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = Figure(figsize=(WIDTH, height))
    figure.text(0.5, 0.5, message, ha="center", va="center", fontsize=10, color=INK, wrap=True)
    return figure


def spread_limits(values: np.ndarray, fallback: tuple[float, float]) -> tuple[float, float]:
    """Axis limits around the central 99 % of the values, with a margin.

    Parameters
    ----------
    values : ndarray of float
        NaNs are left out.
    fallback : tuple of float
        Limits in any case: the result is never narrower.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return fallback
    low, high = np.percentile(values, [0.5, 99.5])
    margin = 0.05 * (high - low)
    return min(fallback[0], low - margin), max(fallback[1], high + margin)


@styled
def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    with replacing(path) as partial:
        # A fixed Software entry, so that the same numbers give the same file.
        figure.savefig(partial, format="png", metadata={"Software": "morphovote"})


def sample_title(sample: str, galaxies: int) -> str:
    """Title of a panel: which galaxies it shows, and how many."""
    return f"{sample} galaxies ({galaxies:,})"
