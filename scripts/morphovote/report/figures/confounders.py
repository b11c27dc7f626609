"""The figure of what besides shape separates the groups."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

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
from morphovote.storage.model_folder import read_names
from morphovote.storage.numbers import read_numbers


def draw(overall: Path, groups: Path, names: Path) -> tuple[Figure, None]:
    """The figure, from the files of a field; the audit has written its numbers."""
    classes = {number: entry["class"] for number, entry in read_names(names)["groups"].items()}
    return plot_confounders(read_numbers(overall), read_numbers(groups), classes), None


@styled
def plot_confounders(overall: Table, groups: Table, names: Mapping[int, str]) -> Figure:
    """How well single quantities predict the group: of all groups, and of each against the rest.

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
