"""The figure of what labels by eye tell: confusion, and accuracy by the number of labels."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.classify.classes import order_names
from morphovote.compute.statistics import fraction_interval
from morphovote.report.figures.style import DATA_COLOUR, WIDTH, message_figure, styled
from morphovote.storage.files import read_json

HEAD = ("panel", "label", "class", "labels", "galaxies", "right", "low", "high")


def draw(labels: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the file of `check_labels`."""
    return plot_labels(read_json(labels))


@styled
def plot_labels(found: dict) -> tuple[Figure, Table]:
    """Confusion of classes by eye with those of the classifier, and the learning curve.

    Parameters
    ----------
    found : dict
        From `by_eye.check_labels_file`.
    """
    nothing = float("nan")
    rows = [
        ("confusion", row["label"], row["class"], 0, row["galaxies"], nothing, nothing, nothing)
        for row in found["confusion"]
    ]
    if not rows:
        return message_figure("No galaxy classified by eye has a class."), Table(names=HEAD)
    names = order_names(row["label"] for row in found["confusion"])
    matrix = np.zeros((len(names), len(names)), int)
    for row in found["confusion"]:
        matrix[names.index(row["label"]), names.index(row["class"])] = row["galaxies"]
    figure = Figure(figsize=(WIDTH, 3.2))
    left, right = figure.subplots(1, 2)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    left.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (line, column), count in np.ndenumerate(matrix):
        colour = "white" if share[line, column] > 0.6 else "black"
        left.text(column, line, str(count), ha="center", va="center", color=colour)
    left.set_xticks(range(len(names)), names)
    left.set_yticks(range(len(names)), names)
    left.set(xlabel="class given", ylabel="class by eye")
    for row in found["curve"]:
        # Draws share galaxies: the interval is that of one draw.
        once = max(round(row["galaxies"] / 4), 1)
        _, low, high = fraction_interval(round(row["right"] * once), once)
        rows.append(("curve", "", "", row["labels"], row["galaxies"], row["right"], low, high))
        right.vlines(row["labels"], low, high, color=DATA_COLOUR, lw=1.3)
        right.plot(row["labels"], row["right"], "o", color=DATA_COLOUR, ms=5)
    right.set(xlabel="labels that teach", ylabel="share with the class by eye", ylim=(0, 1))
    return figure, Table(rows=rows, names=HEAD)
