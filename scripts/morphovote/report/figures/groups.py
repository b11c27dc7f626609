"""The figure of votes with different numbers of groups."""

from pathlib import Path

from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.report.figures.style import DATA_COLOUR, MUTED, NULL_COLOUR, WIDTH, styled
from morphovote.storage.files import read_json
from morphovote.vote.group_number import CRITERIA


def draw(scan: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_groups(read_json(scan))


@styled
def plot_groups(scan: dict) -> tuple[Figure, Table]:
    """Every criterion against the number of groups, for the galaxies and for the null.

    Parameters
    ----------
    scan : dict
        As `group_number.scan_groups` returns it.

    Returns
    -------
    Figure
    Table
        Columns groups, criterion, sample (data, null, gain), value, low, high.
    """
    rows = scan["rows"]
    numbers = [row["groups"] for row in rows]
    figure = Figure(figsize=(WIDTH, 4.4))
    found = []
    for axes, (name, (label, end)) in zip(
        figure.subplots(2, 2).flat, CRITERIA.items(), strict=True
    ):
        for kind, text, colour, marker in (
            ("data", "galaxies", DATA_COLOUR, "o"),
            ("null", "structureless null", NULL_COLOUR, "s"),
        ):
            value, low, high = (
                [row[kind][name][key] for row in rows] for key in ("mean", "low", "high")
            )
            axes.fill_between(numbers, low, high, color=colour, alpha=0.2, lw=0)
            axes.plot(numbers, value, f"{marker}-", color=colour, ms=3.5, label=text)
            found += [
                (groups, name, kind, *values)
                for groups, *values in zip(numbers, value, low, high, strict=True)
            ]
        if scan["recommended"] is not None:
            axes.axvline(scan["recommended"], color=MUTED, lw=0.8, ls="--", label="recommended")
        axes.set_xscale("log")
        shown = [number for number in numbers if number in (5, 8, 12, 20, 30, 50, 80, 100)]
        axes.set_xticks(shown, [str(number) for number in shown])
        axes.minorticks_off()
        axes.set(xlabel="number of groups", ylabel=label, title=f"{end} is better")
        if name == "kept":
            axes.set_ylim(bottom=0)
            handles = axes.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=3)
    found += [(row["groups"], "kept", "gain", row["gain"], row["low"], row["high"]) for row in rows]
    names = ("groups", "criterion", "sample", "value", "low", "high")
    return figure, Table(rows=found, names=names)
