"""Pictures of every group's most typical and most doubtful members."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from morphovote.report import diagnostics
from morphovote.report.figures.style import (
    INK,
    WIDTH,
    class_style,
    label_text,
    message_figure,
    styled,
)
from morphovote.storage import shards

TYPICAL, DOUBTFUL = 5, 3
CLASS_STAMPS, CLASS_COLUMNS = 24, 12
HEADLINE = "Upper rows: the data. Lower rows: denoised, in the same stretch."
# A gap between stamps and between the two kinds, as shares of a stamp.
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
        Of each galaxy from the reference galaxies nearest to it, as `votes.h5` has it.
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
    order = diagnostics.order_classes(np.array(list(names.values())))
    place = {name: i for i, name in enumerate(order)}
    return sorted(galleries, key=lambda g: (place.get(g.name, len(order)), -g.count, g.group))


def read_distances(path: str | Path, count: int) -> np.ndarray:
    """Distance of every source from its nearest reference galaxies, NaN where it had no vote.

    Parameters
    ----------
    path : str or Path
        votes.h5.
    count : int
        Sources of the catalogue.
    """
    votes = shards.read_shard(path, ["row", "distance"])
    distance = np.full(count, np.nan)
    distance[votes["row"]] = votes["distance"]
    return distance


def shown_rows(galleries: Sequence[Gallery], members: dict[str, np.ndarray]) -> np.ndarray:
    """Rows of the catalogue of which a picture is shown, of a group or of a class."""
    parts = [rows for gallery in galleries for rows in (gallery.typical, gallery.doubtful)]
    parts += members.values()
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=int)


def read_stamps(paths: Sequence[str | Path], name: str, rows: np.ndarray) -> dict[int, np.ndarray]:
    """Read single galaxies' arrays out of shards.

    Parameters
    ----------
    paths : sequence of path
        Shards; only the rows asked for are read.
    name : str
        The array.
    rows : ndarray of int
        Rows of the source list.

    Returns
    -------
    dict of ndarray
        By row; rows that no shard holds are left out.
    """
    found = {}
    for path in paths:
        with shards.open_shard(path) as file:
            here = file["row"][:]
            for place in np.flatnonzero(np.isin(here, rows)):
                found[int(here[place])] = file[name][place]
    return found


def stretch(image: np.ndarray, sky: float, bright: float) -> np.ndarray:
    """Asinh stretch to [0, 1] (Lupton et al. 2004, PASP 116, 133).

    Parameters
    ----------
    image : ndarray of float
    sky : float
        Standard deviation of the sky: the stretch turns from linear to logarithmic at 3 of it.
    bright : float
        The value shown as 1; at least 10 `sky`, so that noise alone stays faint.
    """
    soft = 3 * max(sky, 1e-30)
    low, high = np.arcsinh(-1 / 3), np.arcsinh(max(bright, 10 * sky) / soft)
    return np.clip((np.arcsinh(image / soft) - low) / (high - low), 0, 1)


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
    names = diagnostics.order_classes(np.array([g.name for g in galleries]))
    pictures = {
        row: _pair(cutouts[row], denoised[row], rms[row]) for row in cutouts if row in denoised
    }
    # Absolute inches: a block's stamps keep their size whatever the number of groups.
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
    """A cutout above its denoised picture, both stretched alike."""
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


def choose_class_members(catalogue: Table, seed: int, count: int = CLASS_STAMPS) -> dict:
    """Draw members of every class at random: kept ones first, others where those are too few.

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
    for key in diagnostics.order_classes(name):
        members = rng.permutation(np.flatnonzero(name == key))
        rows = np.concatenate([members[kept[members]], members[~kept[members]]])[:count]
        chosen[key] = rows[np.argsort(-snr[rows], kind="stable")]
    return chosen


@styled
def plot_class_galleries(
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
