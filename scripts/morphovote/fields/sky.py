"""The sky of a field's images, on a mesh much coarser than galaxies.

The sky under a galaxy cannot be told from its halo within a cutout. Here it is that of the image:
in each cell of a mesh the level of the pixels that lie far from every source, smoothed over
neighbouring cells. A cell depends on the image and on its place alone.
"""

from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sep
from astropy.table import Row, Table
from scipy import ndimage

from morphovote.fields.detection import find_sources, sky_level
from morphovote.fields.images import read_section
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile
from morphovote.fields.planes import plane_shape
from morphovote.logs import log, progress
from morphovote.storage import shards

# Side of a cell (px) where the config leaves it to us.
MESH = 256
# Cells are worked out in blocks of about CORE px, with OVERLAP px around them so that sources at
# the rim are seen whole.
CORE, OVERLAP = 1024, 96
# Sources are left out as far as so many of their second-moment radii: the farthest that leaves
# LEAST of a cell. A galaxy's isophote ends at two or three.
REACHES = (10.0, 7.0, 5.0, 3.5)
LEAST = 0.15
# Pixels around a segment that are left out always.
WINGS = 4
# With fewer sky pixels than this share of a cell, its level is taken from the cells around it.
FEWEST = 0.03
# An image counts as subtracted already where its sky lies within this many times the noise of a
# pixel from zero everywhere. Undetected light in a blank mosaic raises it by 0.02 to 0.05.
SUBTRACTED = 0.1
# The sky under a galaxy is never taken to be known better than this, in units of a pixel's noise:
# light too faint to be detected lifts that of a simulated field by as much.
LEAST_NOISE = 0.01
# Share of the scatter of the cells that is the sky's: in a crowded field the halos of galaxies make
# up the rest. With all of it, the halos of large galaxies went into the level under them, and they
# came out 7 % too small (simulated fields, docs/validation.md).
OWN_SHARE = 0.5


class Sky(NamedTuple):
    """The sky of a field's tiles.

    `mesh` is the side of a cell (px), `level` one array of shape (rows, columns) a tile, in units
    of the image (zeros where nothing is to be taken off), `noise` how far the sky of a place may
    lie from it, in units of the noise of a pixel.
    """

    mesh: int
    level: list[np.ndarray]
    noise: float


def model_sky(tiles: Table, choice: str | dict, threads: int = 1) -> tuple[Sky, bool]:
    """Work out the sky of a field's images.

    Parameters
    ----------
    tiles : Table
        From `tiles.inspect_tiles`.
    choice : {'auto', 'none'} or dict
        `{"mesh": px}` takes the sky off, 'none' leaves the images as they are, 'auto' looks
        whether they have a sky.
    threads : int
        Processes to use; the result does not depend on it.

    Returns
    -------
    sky : Sky
    subtracted : bool
        Whether a sky is taken off.
    """
    mesh = choice["mesh"] if isinstance(choice, dict) else MESH
    level, scatter = [], []
    for number in range(len(tiles)):
        cells, offset, noise = measure_cells(tiles[number], mesh, threads)
        cells = centre_cells(cells, offset)
        level.append(smooth_cells(cells))
        scatter.append((cells, noise))
    relative = [smooth / noise for smooth, (_, noise) in zip(level, scatter, strict=True)]
    values = np.concatenate([part[np.isfinite(part)] for part in relative] or [np.zeros(0)])
    low, middle, high = np.percentile(values, [2, 50, 98]) if len(values) else (0.0, 0.0, 0.0)
    found = f"median {middle:+.3f}, 2 to 98 % of it {low:+.3f} to {high:+.3f} times a pixel's noise"
    subtracted = isinstance(choice, dict)
    if choice == "auto":
        subtracted = bool(max(abs(low), abs(high)) > SUBTRACTED)
        why = "the images have a sky" if subtracted else "the images' sky was subtracted already"
        log.info("sky: auto: %s (%s)", why, found)
    log.info("sky: %s (%s)", f"taken off, mesh of {mesh} px" if subtracted else "none taken off",
             found)  # fmt: skip
    if not subtracted:
        level = [np.zeros_like(part) for part in level]
    # How far single cells lie from what is taken off: the sky's own noise at their scale.
    apart = [((cells - smooth) / noise)[np.isfinite(cells)]
             for smooth, (cells, noise) in zip(level, scatter, strict=True)]  # fmt: skip
    noise = _own_noise(np.clip(np.concatenate(apart), -1, 1))
    level = [np.nan_to_num(part).astype(np.float32) for part in level]
    return Sky(mesh, level, max(noise, LEAST_NOISE)), subtracted


def model_band_skies(tiles: Table, choice: str | dict, threads: int = 1) -> tuple[Sky, bool]:
    """Work out the sky of a field with several bands: of each by itself, see `model_sky`.

    The noise is that of the band whose sky is known worst; a sky is taken off where one band needs
    it, and the others' is zero.
    """
    parts = []
    bands = np.asarray(tiles["BAND"])
    for name in dict.fromkeys(bands.tolist()):
        log.info("sky of band %s:", name)
        parts.append(model_sky(tiles[bands == name], choice, threads))
    skies = [sky for sky, _ in parts]
    level = [one for sky in skies for one in sky.level]
    noise = max(sky.noise for sky in skies)
    return Sky(skies[0].mesh, level, noise), any(subtracted for _, subtracted in parts)


def _own_noise(apart: np.ndarray) -> float:
    """How far cells (N,) would lie from their sky without galaxies (root mean square).

    The halos of galaxies lift cells and never lower them, so the cells below the median tell.
    """
    if not len(apart):
        return 0.0
    middle = float(np.median(apart))
    spread = np.mean((apart[apart <= middle] - middle) ** 2)
    return OWN_SHARE * float(np.sqrt(middle**2 + spread))


def measure_cells(tile: Row, mesh: int, threads: int = 1) -> tuple[np.ndarray, np.ndarray, float]:
    """Sky level in each cell of one tile, by section.

    Parameters
    ----------
    tile : Row
        Of the table of tiles.
    mesh : int
        Side of a cell (px).
    threads : int

    Returns
    -------
    level : ndarray, shape (rows, columns)
        In units of the image; NaN where there is too little sky.
    offset : ndarray, shape (2, rows, columns)
        How far (cells; y, x) the middle of the sky's pixels lies from that of the cell.
    noise : float
        Median scatter of a pixel of the sky, in units of the image.
    """
    with ExitStack() as stack:
        height, width = plane_shape(open_tile(stack, tile)[0])
    rows, columns = -(-height // mesh), -(-width // mesh)
    step = max(CORE // mesh, 1)
    blocks = [(row, column, min(step, rows - row), min(step, columns - column))
              for row in range(0, rows, step) for column in range(0, columns, step)]  # fmt: skip
    cells = np.full((4, rows, columns), np.nan)
    call = partial(_measure_block, tile, mesh)
    name = f"blocks of {Path(str(tile['IMAGE'])).name}"
    with ExitStack() as stack:
        run = map
        if threads > 1 and len(blocks) > 1:
            run = stack.enter_context(get_context("fork").Pool(threads)).imap
        results = zip(blocks, run(call, blocks), strict=True)
        for (row, column, high, wide), found in progress(results, len(blocks), name):
            cells[:, row : row + high, column : column + wide] = found
    level, scatter, offset = cells[0], cells[1], cells[2:]
    noise = float(np.nanmedian(scatter)) if np.isfinite(scatter).any() else 1.0
    return level, offset, noise


def _measure_block(tile: Row, mesh: int, block: tuple[int, int, int, int]) -> np.ndarray:
    """Level, scatter and offset (y, x) of the cells of one block: shape (4, rows, columns)."""
    row, column, high, wide = block
    bottom, left = row * mesh - OVERLAP, column * mesh - OVERLAP
    shape = (high * mesh + 2 * OVERLAP, wide * mesh + 2 * OVERLAP)
    with ExitStack() as stack:
        image, noise_map, convert, _ = open_tile(stack, tile)
        section = read_section(image, bottom, left, *shape)
        rms = convert(read_section(noise_map, bottom, left, *shape)) if noise_map else None
    cells = np.full((4, high, wide), np.nan)
    missing = missing_pixels(section, rms)
    if missing.mean() > 0.99:
        return cells
    noise = np.ones_like(section) if rms is None else np.where(missing, 1, rms)
    masks = source_masks(section, noise.astype(np.float32), missing)
    for i in range(high):
        for j in range(wide):
            place = (slice(OVERLAP + i * mesh, OVERLAP + (i + 1) * mesh),
                     slice(OVERLAP + j * mesh, OVERLAP + (j + 1) * mesh))  # fmt: skip
            sky = next((free[place] for free in masks if free[place].mean() >= LEAST),
                       masks[-1][place])  # fmt: skip
            if sky.mean() >= FEWEST:
                level, scatter = sky_level(section[place], noise[place], ~sky)
                middle = np.mean(np.nonzero(sky), axis=1) / mesh - (0.5 - 0.5 / mesh)
                cells[:, i, j] = level, scatter * np.median(noise[place][sky]), *middle
    return cells


def source_masks(section: np.ndarray, noise: np.ndarray, missing: np.ndarray) -> list[np.ndarray]:
    """Pixels of sky, free of sources as far as each of `REACHES`.

    Two passes: the second finds sources with the scatter of what the first left.

    Parameters
    ----------
    section, noise : ndarray, shape (height, width)
    missing : ndarray of bool, same shape

    Returns
    -------
    list of ndarray of bool, same shape
    """
    data = np.where(missing, 0, section).astype(np.float32)
    # A finer background than the one wanted: it only has to take slopes away.
    background = sep.Background(data, mask=missing, bw=MESH // 2, bh=MESH // 2)
    image = np.where(missing, 0, data - background.back())
    objects = find_sources(image, noise, missing)[1] > 0
    objects = ndimage.maximum_filter(objects.view(np.uint8), 2 * WINGS + 1).view(bool)
    if (objects | missing).mean() < 0.95:
        background = sep.Background(data, mask=missing | objects, bw=MESH // 2, bh=MESH // 2)
        image = np.where(missing, 0, data - background.back())
    found, labels = find_sources(image, noise, missing, objects)
    near = ndimage.maximum_filter((labels > 0).view(np.uint8), 2 * WINGS + 1).view(bool)
    masks = []
    for reach in REACHES:
        covered = (near | missing).copy()
        for one in found:
            _cover(covered, one, reach)
        masks.append(~covered)
    return masks


def _cover(covered: np.ndarray, source: np.void, reach: float) -> None:
    """Mark the ellipse of `reach` second-moment radii about a source."""
    a, b = max(float(source["a"]), 1.0) * reach, max(float(source["b"]), 1.0) * reach
    x, y = float(source["x"]), float(source["y"])
    top, left = max(int(y - a), 0), max(int(x - a), 0)
    part = covered[top : int(y + a) + 2, left : int(x + a) + 2]
    if not part.size:
        return
    rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
    dx, dy = columns + left - x, rows + top - y
    cos, sin = np.cos(source["theta"]), np.sin(source["theta"])
    part |= ((dx * cos + dy * sin) / a) ** 2 + ((dy * cos - dx * sin) / b) ** 2 <= 1


def centre_cells(level: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Level in the middle of each cell, where the sky's own pixels lie to one side of it.

    Parameters
    ----------
    level, offset : ndarray, shape (rows, columns) and (2, rows, columns)
        From `measure_cells`.
    """
    smooth = smooth_cells(level)
    centred = level.copy()
    for axis in (0, 1):
        if level.shape[axis] > 1:
            centred -= np.gradient(smooth, axis=axis) * offset[axis]
    return centred


def smooth_cells(level: np.ndarray) -> np.ndarray:
    """Fill cells without sky from those around them, and take the median of 3 x 3 cells.

    A plane through all cells is taken off before and put back after it.

    Parameters
    ----------
    level : ndarray, shape (rows, columns)
        NaN where unknown.

    Returns
    -------
    ndarray, same shape
        NaN only if all of `level` is.
    """
    known = np.isfinite(level)
    if not known.any():
        return np.full_like(level, np.nan)
    rows, columns = np.indices(level.shape)
    terms = [np.ones(level.shape), rows - rows.mean(), columns - columns.mean()]
    slopes = min(level.shape) > 2 and known.mean() > 0.5
    terms = np.stack(terms if slopes else terms[:1])
    plane = np.tensordot(np.linalg.lstsq(terms[:, known].T, level[known])[0], terms, 1)
    level = level - plane
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return plane + ndimage.median_filter(level[tuple(nearest)], 3, mode="nearest")


def sky_section(sky: Sky, tile: int, y: int, x: int, height: int, width: int) -> np.ndarray:
    """Sky of a rectangle of a tile, linear between the centres of the cells.

    Parameters
    ----------
    sky : Sky
    tile : int
    y, x : int
        First row and column; may lie outside the tile.
    height, width : int

    Returns
    -------
    ndarray, shape (height, width), float32
        In units of the image. A pixel's value does not depend on the rectangle.
    """
    level = sky.level[tile].astype(float)
    across = [
        _weights(start, count, cells, sky.mesh)
        for start, count, cells in zip((y, x), (height, width), level.shape, strict=True)
    ]
    (low_y, high_y, part_y), (low_x, high_x, part_x) = across
    # Cell by cell and not as a product of matrices, whose sums depend on their size.
    rows = level[low_y] * (1 - part_y[:, None]) + level[high_y] * part_y[:, None]
    values = rows[:, low_x] * (1 - part_x) + rows[:, high_x] * part_x
    return values.astype(np.float32)


def _weights(start: int, count: int, cells: int, mesh: int) -> tuple[np.ndarray, ...]:
    """Cells below and above each pixel of an axis, and the share of the one above."""
    place = (np.arange(start, start + count) + 0.5) / mesh - 0.5
    low = np.clip(np.floor(place).astype(int), 0, max(cells - 2, 0))
    # Half a cell at the border is continued linearly; farther out there are no pixels.
    part = np.clip(place - low, -0.5, 1.5) if cells > 1 else np.zeros(count)
    return low, np.minimum(low + 1, cells - 1), part


def write_sky(path: str | Path, sky: Sky, subtracted: bool) -> None:
    """Write a field's sky, whole or not at all: one array a tile."""
    about = {"mesh": sky.mesh, "noise": sky.noise, "tiles": len(sky.level)}
    with shards.create_hdf5(path, about | {"subtracted": subtracted}) as file:
        for number, level in enumerate(sky.level):
            dataset = shards.write_array(file, f"level_{number:06d}", level)
            dataset.attrs["unit"] = "unit of the image"


def read_sky(path: str | Path) -> Sky:
    """Read what `write_sky` wrote."""
    with shards.open_shard(path) as file:
        count = int(file.attrs["tiles"])
        level = [np.asarray(file[f"level_{number:06d}"]) for number in range(count)]
        return Sky(int(file.attrs["mesh"]), level, float(file.attrs["noise"]))
