"""Pictures of a few sources of a field, as its files have them."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.fields.images import read_section
from morphovote.fields.noise import open_tile, probe_sections
from morphovote.fields.planes import plane_shape

# How many pictures.
COUNT = 3


def evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers from 0 to `count` - 1, evenly chosen."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def usable_rows(sources: Table) -> np.ndarray:
    """Rows of the sources that are selected and lie in an image, the brightest first if known."""
    usable = np.flatnonzero(np.asarray(sources["SELECTED"]) & (np.asarray(sources["TILE"]) >= 0))
    magnitude = np.asarray(sources["MAG"], dtype=float)[usable]
    if np.isfinite(magnitude).any():
        usable = usable[np.argsort(np.nan_to_num(magnitude, nan=np.inf), kind="stable")]
    return usable


def read_around(sources: Table, rows: np.ndarray, tiles: Table, side: int) -> Iterator[np.ndarray]:
    """Squares of `side` px with the source in the middle, NaN outside the image; one a row."""
    opened, number = ExitStack(), None
    with opened:
        for row in rows:
            source = sources[int(row)]
            if number != int(source["TILE"]):
                opened.close()
                number = int(source["TILE"])
                image = open_tile(opened, tiles[number])[0]
            y, x = (round(float(source[axis]) - (side - 1) / 2) for axis in "YX")
            yield read_section(image, y, x, side, side)


def of_sources(sources: Table, tiles: Table, side: int) -> list[tuple[str, np.ndarray]]:
    """Names and pixels of some selected sources, from the bright to the faint if that is known."""
    usable = usable_rows(sources)
    rows = usable[evenly(len(usable), COUNT)] if len(usable) else usable
    pieces = read_around(sources, rows, tiles, side)
    return [(str(sources["ID"][row]), pixels) for row, pixels in zip(rows, pieces, strict=True)]


def of_brightest(tiles: Table, side: int) -> list[tuple[str, np.ndarray]]:
    """As `of_sources`, where sources have yet to be detected: the brightest in some images."""
    found = []
    for number in evenly(len(tiles), COUNT):
        with ExitStack() as stack:
            image = open_tile(stack, tiles[int(number)])[0]
            peaks = []
            for place in probe_sections(plane_shape(image)):
                pixels = read_section(image, *place)
                # Of three pixels beside each other, since a cosmic ray is one.
                light = np.median([pixels[:, :-2], pixels[:, 1:-1], pixels[:, 2:]], axis=0)
                if np.isfinite(light).any():
                    y, x = np.unravel_index(np.nanargmax(light), light.shape)
                    peaks.append((light[y, x], place[0] + y, place[1] + x + 1))
            if peaks:
                _, y, x = max(peaks)
                corner = round(y - (side - 1) / 2), round(x - (side - 1) / 2)
                name = f"{Path(tiles['IMAGE'][int(number)]).name}, x {x}, y {y}"
                found.append((name, read_section(image, *corner, side, side)))
    return found
