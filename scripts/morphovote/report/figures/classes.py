"""The figure of members of every class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote.catalogue.reading import read_catalogue
from morphovote.classify.classes import class_style, order_names
from morphovote.report.figures.style import (
    INK,
    WIDTH,
    label_text,
    message_figure,
    styled,
)
from morphovote.report.stamps import read_stamps, stretch

CLASS_STAMPS, CLASS_COLUMNS = 24, 12


def choose_class_members(catalogue: Table, seed: int, count: int = CLASS_STAMPS) -> dict:
    """Draw members of every class at random: kept ones first, then others.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    seed : int
    count : int
        Of each class, at most.

    Returns
    -------
    dict of ndarray of int
        By class: rows of the catalogue, by falling S/N.
    """
    rng = np.random.default_rng(seed)
    name = np.asarray(catalogue["CLASS"], dtype=str)
    kept = np.asarray(catalogue["KEPT"], dtype=bool)
    snr = np.nan_to_num(np.asarray(catalogue["SNR"], dtype=float), nan=-np.inf)
    chosen = {}
    for key in order_names(name):
        members = rng.permutation(np.flatnonzero(name == key))
        rows = np.concatenate([members[kept[members]], members[~kept[members]]])[:count]
        chosen[key] = rows[np.argsort(-snr[rows], kind="stable")]
    return chosen


def draw(catalogue: Path, cutouts: Sequence[Path], seed: int) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    table = read_catalogue(catalogue)
    members = choose_class_members(table, seed)
    rows = np.concatenate([np.empty(0, dtype=int), *members.values()])
    images = (read_stamps(cutouts, array, rows) for array in ("image", "rms"))
    return plot_classes(table, members, *images)


@styled
def plot_classes(
    catalogue: Table,
    members: dict[str, np.ndarray],
    cutouts: dict[int, np.ndarray],
    rms: dict[int, np.ndarray],
) -> tuple[Figure, Table]:
    """Draw members of every class, as measured, by falling S/N.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    members : dict of ndarray of int
        As `choose_class_members` returns them.
    cutouts, rms : dict of ndarray, shape (S, S)
        By row of the catalogue.

    Returns
    -------
    Figure
    Table
        One row a picture: class, place, id, snr, kept.
    """
    columns = ("class", "place", "id", "snr", "kept")
    rows = [
        (key, place, str(catalogue["ID"][row]), float(catalogue["SNR"][row]),
         bool(catalogue["KEPT"][row]))
        for key, part in members.items()
        for place, row in enumerate(part, start=1)
    ]  # fmt: skip
    if not rows:
        return message_figure("No galaxy has a class."), Table(names=columns)
    name = np.asarray(catalogue["CLASS"], dtype=str)
    names = list(members)
    stamp, title, gap = (WIDTH - 0.1) / CLASS_COLUMNS, 0.24, 0.02
    lines = {key: -(-len(part) // CLASS_COLUMNS) for key, part in members.items()}
    height = sum(title + stamp * count for count in lines.values()) + 0.05
    figure = Figure(figsize=(WIDTH, height), layout="none")
    top = height
    for key, part in members.items():
        top -= title
        y = top / height
        colour, marker = class_style(key, names)
        axes = figure.add_axes((0.05 / WIDTH, y, 1, title / height))
        axes.set(xlim=(0, WIDTH), ylim=(0, title))
        axes.set_axis_off()
        axes.plot(0.07, 0.09, marker, color=colour, ms=6, clip_on=False)
        axes.text(
            0.17, 0.04, f"{label_text(key, 12)}   {(name == key).sum():,} galaxies", color=INK
        )
        for place, row in enumerate(part):
            if row not in cutouts:
                continue
            step, column = divmod(place, CLASS_COLUMNS)
            x, y = 0.05 + column * stamp, top - (step + 1) * stamp
            size = stamp - gap
            axes = figure.add_axes((x / WIDTH, y / height, size / WIDTH, size / height))
            sky, bright = float(np.median(rms[row])), float(np.percentile(cutouts[row], 99.9))
            picture = stretch(cutouts[row].astype(float), sky, bright)
            axes.imshow(picture, origin="lower", cmap="gray_r", vmin=0, vmax=1)
            axes.set_axis_off()
        top -= stamp * lines[key]
    return figure, Table(rows=rows, names=columns)
