"""The figure of half-light radius and Sersic index against stellar mass, by class."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.classify.classes import order_names
from morphovote.cosmology import kpc_per_arcsec
from morphovote.report.figures.style import (
    INK,
    WIDTH,
    class_legend,
    count_classes,
    label_mapped,
    message_figure,
    scatter_classes,
    spread_limits,
    styled,
)


def draw(catalogue: Path, sources: Path, massive: float) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_masses(read_catalogue(catalogue), read_properties(sources), massive)


@styled
def plot_masses(catalogue: Table, sources: Table, massive: float) -> tuple[Figure, Table]:
    """Half-light radius (kpc) and Sersic index against stellar mass, by class.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        As `read_properties` returns it.
    massive : float
        Mass of the line drawn, log10 of solar masses.

    Returns
    -------
    Figure
        Both panels, or the second alone where there is no redshift.
    Table
        One row a galaxy drawn: id, class, log_mass, redshift, r_e_arcsec, r_e_kpc, sersic_n.
    """
    name = np.asarray(catalogue["CLASS"], dtype=str)
    log_mass = np.asarray(sources["LOG_MASS"], dtype=float)
    radius = np.asarray(catalogue["R_E"], dtype=float)
    values = {
        "r_e_kpc": radius * kpc_per_arcsec(sources["REDSHIFT"]),
        "sersic_n": np.asarray(catalogue["SERSIC_N"], dtype=float),
    }
    use = np.isfinite(log_mass) & np.isin(name, order_names(name))
    use &= np.isfinite(list(values.values())).any(axis=0)
    numbers = Table(
        {
            "id": np.asarray(catalogue["ID"])[use],
            "class": name[use],
            "log_mass": log_mass[use],
            "redshift": np.asarray(sources["REDSHIFT"], dtype=float)[use],
            "r_e_arcsec": radius[use],
            **{key: value[use] for key, value in values.items()},
        }
    )
    if not len(numbers):
        return message_figure("No galaxy has a class, a stellar mass and a Sérsic fit."), numbers
    figure = Figure(figsize=(WIDTH, 3.4))
    panels = (
        ("r_e_kpc", "half-light radius (kpc)", (0.5, 10.0)),
        ("sersic_n", "Sérsic index n", (0.5, 6.0)),
    )
    drawn = [panel for panel in panels if np.isfinite(values[panel[0]][use]).any()]
    for axes, (key, label, limits) in zip(figure.subplots(1, 2), drawn, strict=False):
        value = np.log10(np.where(values[key] > 0, values[key], np.nan))
        limits = spread_limits(value[use], tuple(np.log10(limits)))
        axes.set(xlim=spread_limits(log_mass[use], (9, 11)), ylim=limits)
        axes.set(xlabel="stellar mass log (M / solar mass)", ylabel=label)
        label_mapped(axes.yaxis, np.log10, (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50))
        axes.axvline(massive, color=INK, lw=0.9, ls="--", zorder=3)
        scatter_classes(axes, log_mass[use], value[use], name[use])
    for axes in figure.axes[len(drawn) :]:
        axes.set_axis_off()
    class_legend(figure, order_names(name[use]), count_classes(name[use]))
    return figure, numbers
