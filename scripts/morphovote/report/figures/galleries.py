"""The figure of every group's most typical and most doubtful members."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from morphovote.catalogue.reading import read_catalogue
from morphovote.classify.classes import class_style, order_names
from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    INK,
    WIDTH,
    label_text,
    message_figure,
    styled,
)
from morphovote.report.stamps import read_distances, read_stamps, stretch
from morphovote.storage.model_folder import read_names

TYPICAL, DOUBTFUL = 5, 3
HEADLINE = "Upper rows: the data. Lower rows: denoised, in the same stretch."
# Gaps between stamps and between the two kinds, as fractions of a stamp.
GAP, KIND_GAP = 0.05, 0.25


@dataclass(frozen=True)
class Gallery:
    """One group: its number, class, size, median vote fraction, and the rows of its pictures."""

    group: int
    name: str
    count: int
    vote_fraction: float
    typical: np.ndarray
    doubtful: np.ndarray


def choose_galleries(
    catalogue: Table, distance: np.ndarray, names: dict[int, str]
) -> list[Gallery]:
    """Pick every group's members to show; groups by class, the largest first.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    distance : ndarray of float, shape (N,)
        Of each galaxy from its nearest reference galaxies, from `votes.h5`.
    names : dict of str
        Class of each group.
    """
    group = np.asarray(catalogue["GROUP"])
    share = np.asarray(catalogue["VOTE_FRACTION"], dtype=float)
    galleries = []
    for number, name in names.items():
        members = np.flatnonzero(group == number)
        if len(members) == 0:
            continue
        typical, doubtful = diagnostics.select_members(
            share[members], distance[members], TYPICAL, DOUBTFUL
        )
        galleries.append(
            Gallery(
                number,
                name,
                len(members),
                float(np.nanmedian(share[members])) if np.isfinite(share[members]).any() else 0.0,
                members[typical],
                members[doubtful],
            )
        )
    order = order_names(names.values())
    place = {name: i for i, name in enumerate(order)}
    return sorted(galleries, key=lambda g: (place.get(g.name, len(order)), -g.count, g.group))


def shown_rows(galleries: Sequence[Gallery]) -> np.ndarray:
    """Catalogue rows of the galaxies that are shown."""
    parts = [rows for gallery in galleries for rows in (gallery.typical, gallery.doubtful)]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=int)


def draw(
    catalogue: Path, cutouts: Sequence[Path], denoised: Sequence[Path], votes: Path, names: Path
) -> tuple[Figure, Table]:
    """The figure and its numbers, from the files of a field."""
    table = read_catalogue(catalogue)
    classes = {number: entry["class"] for number, entry in read_names(names)["groups"].items()}
    galleries = choose_galleries(table, read_distances(votes, len(table)), classes)
    rows = shown_rows(galleries)
    images = [read_stamps(paths, "image", rows) for paths in (cutouts, denoised)]
    return plot_galleries(table, galleries, *images, read_stamps(cutouts, "rms", rows))


@styled
def plot_galleries(
    catalogue: Table,
    galleries: Sequence[Gallery],
    cutouts: dict[int, np.ndarray],
    denoised: dict[int, np.ndarray],
    rms: dict[int, np.ndarray],
) -> tuple[Figure, Table]:
    """Draw the groups' members, each cutout above its denoised picture in the same stretch.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    galleries : sequence of Gallery
    cutouts, denoised, rms : dict of ndarray, shape (S, S)
        By row of the catalogue.

    Returns
    -------
    Figure
    Table
        One row a picture: group, class, members, kind ('typical' or 'doubtful'), place, id,
        vote_fraction.
    """
    columns = ("group", "class", "members", "kind", "place", "id", "vote_fraction")
    rows = [
        (g.group, g.name, g.count, kind, place, str(catalogue["ID"][row]),
         float(catalogue["VOTE_FRACTION"][row]))
        for g in galleries
        for kind, members in (("typical", g.typical), ("doubtful", g.doubtful))
        for place, row in enumerate(members, start=1)
    ]  # fmt: skip
    numbers = Table(rows=rows, names=columns) if rows else Table(names=columns)
    if not rows:
        return message_figure("There are no groups to show."), numbers
    names = order_names(g.name for g in galleries)
    pictures = {
        row: _pair(cutouts[row], denoised[row], rms[row]) for row in cutouts if row in denoised
    }
    # Absolute inches: stamps have the same size for any number of groups.
    lines = -(-len(galleries) // 2)
    left, middle, top, title = 0.05, 0.25, 0.42, 0.19
    block = (WIDTH - left - middle - 0.05) / 2
    units = TYPICAL + DOUBTFUL + GAP * (TYPICAL + DOUBTFUL - 2) + KIND_GAP
    stamp = block / units
    line = title + stamp * (2 + GAP)
    height = top + lines * (line + 0.08)
    figure = Figure(figsize=(WIDTH, height), layout="none")
    for number, gallery in enumerate(galleries):
        # Down the first column, then down the second.
        column, step = divmod(number, lines)
        x = left + column * (block + middle)
        y = height - top - step * (line + 0.08) - line
        place = (x / WIDTH, y / height, block / WIDTH, (line - title) / height)
        axes = figure.add_axes(place)
        _draw_block(axes, gallery, pictures)
        _label_block(axes, gallery, class_style(gallery.name, names))
        if step == 0:
            _head_block(axes, units, title / (line - title))
    figure.text(left / WIDTH, 1 - 0.03 / height, HEADLINE, va="top", color=INK)
    return figure, numbers


def _pair(cutout: np.ndarray, denoised: np.ndarray, rms: np.ndarray) -> np.ndarray:
    """A cutout and its denoised picture in the same stretch, shape (2, S, S)."""
    sky = float(np.median(rms))
    bright = float(np.percentile(cutout, 99.9))
    both = [stretch(image.astype(float), sky, bright) for image in (cutout, denoised)]
    return np.stack(both)


def _draw_block(axes: Axes, gallery: Gallery, pictures: dict[int, np.ndarray]) -> None:
    places = [i * (1 + GAP) for i in range(TYPICAL)]
    start = places[-1] + 1 + KIND_GAP
    places += [start + i * (1 + GAP) for i in range(DOUBTFUL)]
    members = [*gallery.typical, *[None] * (TYPICAL - len(gallery.typical)), *gallery.doubtful]
    for x, row in zip(places, members, strict=False):
        if row is None or row not in pictures:
            continue
        for y, picture in zip((1 + GAP, 0), pictures[row], strict=True):
            axes.imshow(
                picture,
                extent=(x, x + 1, y, y + 1),
                origin="lower",
                cmap="gray_r",
                vmin=0,
                vmax=1,
                interpolation="antialiased",
            )
    axes.set(xlim=(0, places[-1] + 1), ylim=(0, 2 + GAP), aspect="auto")
    axes.set_axis_off()


def _label_block(axes: Axes, gallery: Gallery, style: tuple[str, str]) -> None:
    text = (
        f"{label_text(gallery.name, 12)}   group {gallery.group}   {gallery.count:,} galaxies   "
        f"median vote {gallery.vote_fraction:.2f}"
    )
    place = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate(text, xytext=(11, 3), va="bottom", color=INK, **place)
    axes.plot(
        [4 / 72],
        [7 / 72],
        style[1],
        color=style[0],
        ms=6,
        clip_on=False,
        transform=axes.figure.dpi_scale_trans + ScaledTranslation(0, 1, axes.transAxes),
    )


def _head_block(axes: Axes, units: float, title: float) -> None:
    for x, text in ((0, "most typical"), (TYPICAL * (1 + GAP) - GAP + KIND_GAP, "most doubtful")):
        axes.text(x / units, 1 + title + 0.1, text, transform=axes.transAxes, weight="bold",
                  va="bottom")  # fmt: skip
