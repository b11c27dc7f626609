"""The figure of the denoiser's training."""

import csv
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from morphovote.errors import InputError
from morphovote.report.figures.style import (
    DATA_COLOUR,
    INK,
    NULL_COLOUR,
    WIDTH,
    message_figure,
    plain_log_ticks,
    styled,
)


def read_history(path: str | Path) -> Table:
    """Read a loss curve: epoch, train_loss, validation_loss, seconds.

    Raises
    ------
    InputError
        If the file is not of that form.
    """
    names = ("epoch", "train_loss", "validation_loss", "seconds")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [[float(row[name]) for name in names] for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a loss curve with columns {', '.join(names)} ({error!r}). "
            "Delete it and run the workflow again."
        ) from error
    values = np.array(rows).reshape(-1, len(names))
    history = Table(values, names=names)
    history["epoch"] = history["epoch"].astype(int)
    return history


def draw(history: Path) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    return plot_training(read_history(history))


@styled
def plot_training(history: Table) -> tuple[Figure, Table]:
    """The denoiser's loss by epoch, on the training cutouts and on the held-out ones.

    Parameters
    ----------
    history : Table
        Columns epoch, train_loss, validation_loss, seconds.

    Returns
    -------
    Figure
    Table
        The same numbers.
    """
    if not len(history):
        return message_figure("The denoiser was not trained here."), history
    epoch = np.asarray(history["epoch"])
    losses = [np.asarray(history[key], dtype=float) for key in ("train_loss", "validation_loss")]
    figure = Figure(figsize=(WIDTH * 0.62, 2.7))
    axes = figure.subplots()
    axes.plot(epoch, losses[0], "s--", color=NULL_COLOUR, ms=3.5, label="training cutouts")
    axes.plot(epoch, losses[1], "o-", color=DATA_COLOUR, ms=3.5, label="held-back cutouts")
    axes.set(xlabel="epoch (pass through the training sample)", ylabel="loss")
    if np.isfinite(losses[1]).any():
        best = int(np.nanargmin(losses[1]))
        axes.plot(epoch[best], losses[1][best], "o", mfc="none", mec=INK, ms=10, label="lowest")
    finite = np.concatenate(losses)[np.isfinite(np.concatenate(losses))]
    if len(finite) and finite.min() > 0 and finite.max() > 5 * finite.min():
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure, history
