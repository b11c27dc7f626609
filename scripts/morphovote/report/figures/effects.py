"""Figures of the tests: how the classes differ, and what else tells the groups."""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from morphovote.checks.class_tests import NEGLIGIBLE, PAIRS, PARAMETERS
from morphovote.checks.confounders import LIMIT, LOWER, QUANTITIES
from morphovote.report.figures.style import (
    DATA_COLOUR,
    INK,
    MUTED,
    NULL_COLOUR,
    PALE,
    WIDTH,
    label_text,
    message_figure,
    styled,
)

SAMPLE_STYLES = {"all": (DATA_COLOUR, "o"), "massive": (NULL_COLOUR, "s")}


@styled
def plot_separation(table: Table) -> Figure:
    """Cliff's delta of every quantity between neighbouring classes, with bootstrap intervals.

    Parameters
    ----------
    table : Table
        As `separation.compare_classes` returns it.
    """
    tested = table[np.isfinite(np.asarray(table["delta"], dtype=float))]
    if not len(tested):
        return message_figure("No two neighbouring classes have galaxies that are measured well.")
    quantities = [key for key in PARAMETERS if (table["parameter"] == key).any()]
    samples = [key for key in SAMPLE_STYLES if (table["sample"] == key).any()]
    pairs = [("+".join(first), "+".join(second)) for first, second in PAIRS]
    shown = [p for p in pairs if ((tested["first"] == p[0]) & (tested["second"] == p[1])).any()]
    figure = Figure(figsize=(WIDTH, 1.0 + 0.27 * len(quantities)))
    # As wide as four panels, so that few panels are not drawn out.
    row = figure.subplots(1, max(len(shown), 2), sharey=True)
    for axes, (first, second) in zip(row, shown, strict=False):
        axes.axvspan(-NEGLIGIBLE, NEGLIGIBLE, color="#eeeeee", lw=0)
        axes.axvline(0, color=MUTED, lw=0.8)
        for sample_place, sample in enumerate(samples):
            colour, marker = SAMPLE_STYLES[sample]
            shift = (sample_place - (len(samples) - 1) / 2) * 0.28
            for place, quantity in enumerate(quantities):
                part = tested[
                    (tested["sample"] == sample)
                    & (tested["parameter"] == quantity)
                    & (tested["first"] == first)
                    & (tested["second"] == second)
                ]
                for line in part:
                    y = place + shift
                    axes.plot([line["delta_low"], line["delta_high"]], [y, y], color=colour, lw=1.3)
                    decided = line["decision"] != "not decided"
                    axes.plot(line["delta"], y, marker, ms=4.5, color=colour,
                              mfc=colour if decided else "white")  # fmt: skip
        axes.set(xlim=(-1.05, 1.05), xlabel="Cliff's delta")
        axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["\N{MINUS SIGN}1", "", "0", "", "1"])
        # Names of two classes each would run into the next panel on one line.
        apart = "\n" if "+" in first else " "
        axes.set_title(f"{first}{apart}against {second}", loc="center")
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(quantities) - 0.5, -0.5)
    labels = [
        f"{name} ({unit})" if unit else name for name, unit in map(PARAMETERS.get, quantities)
    ]
    row[0].set_yticks(range(len(quantities)), labels)
    for axes in row[len(shown) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], color=SAMPLE_STYLES[key][0], marker=SAMPLE_STYLES[key][1], ms=4.5,
               label=f"{key} galaxies")
        for key in samples
    ]  # fmt: skip
    handles.append(Line2D([], [], color=INK, marker="o", mfc="white", ms=4.5, ls="none",
                          label="open: not decided"))  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


@styled
def plot_confounders(overall: Table, groups: Table, names: Mapping[int, str]) -> Figure:
    """How well single quantities tell the groups: of all together, and of each from the rest.

    Parameters
    ----------
    overall, groups : Table
        As `confounders.audit_groups` returns them.
    names : mapping of str
        Class of each group.
    """
    if not len(overall):
        return message_figure("Too few galaxies, or nothing known of them that varies.")
    quantities = [str(key) for key in overall["quantity"]]
    numbers = sorted({int(number) for number in groups["group"]})
    height = 1.3 + max(0.3 * len(quantities), 0.165 * len(numbers), 1.9)
    figure = Figure(figsize=(WIDTH, height))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    for place, row in enumerate(overall):
        left.add_patch(Rectangle((0, place - 0.35), row["null_high"], 0.7, color=PALE, lw=0))
        colour = DATA_COLOUR if row["verdict"] == "more than chance" else MUTED
        left.plot([row["low"], row["high"]], [place, place], color=colour, lw=1.6)
        left.plot(row["balanced_accuracy"], place, "o", color=colour, ms=5)
    words = [QUANTITIES[key][0].split(",")[0] for key in quantities]
    left.set_yticks(range(len(quantities)), [_wrap(text) for text in words])
    left.tick_params(axis="y", length=0)
    highest = max(float(overall["high"].max()), float(overall["null_high"].max()))
    left.set(ylim=(len(quantities) - 0.5, -0.5), xlim=(0, 1.08 * highest))
    left.set(xlabel="balanced accuracy (grey: shuffled)", title="all groups")
    grid = np.full((len(numbers), len(quantities)), np.nan)
    for row in groups:
        place = numbers.index(int(row["group"])), quantities.index(str(row["quantity"]))
        grid[place] = row["auc"]
        if row["marked"]:
            corner = place[1] - 0.5, place[0] - 0.5
            right.add_patch(Rectangle(corner, 1, 1, fill=False, ec=NULL_COLOUR, lw=2, zorder=4))
    drawn = right.imshow(grid, cmap="Blues", vmin=0.5, vmax=1, aspect="auto", interpolation="none")
    for (y, x), value in np.ndenumerate(grid):
        if np.isnan(value):
            right.text(x, y, "\N{EN DASH}", ha="center", va="center", color=MUTED)
        elif value >= 0.7:
            ink = "white" if value > 0.82 else INK
            right.text(x, y, f"{value:.2f}", ha="center", va="center", color=ink)
    right.set_xticks(range(len(quantities)), [_wrap(text) for text in words], rotation=90)
    labels = [f"{number} {label_text(names.get(number, ''), 8)}" for number in numbers]
    right.set_yticks(range(len(numbers)), labels)
    right.tick_params(length=0)
    right.set(title=f"each group (framed: from {LIMIT:g}, surely above {LOWER:g})", ylabel="group")
    bar = figure.colorbar(drawn, ax=right, shrink=0.9, aspect=25, pad=0.02)
    bar.set_label("AUC, group against rest")
    bar.outline.set_visible(False)
    return figure


def _wrap(text: str) -> str:
    words = text.split()
    half = -(-len(words) // 2)
    return text if len(text) < 14 else " ".join(words[:half]) + "\n" + " ".join(words[half:])
