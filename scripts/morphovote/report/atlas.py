"""Pictures of many galaxies in few images: data and denoised, in 8 bits, for a page."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from morphovote.logs import log
from morphovote.report.stamps import BLOCK, fit_side, read_stamps, shrink, sky_of, stretch
from morphovote.storage import shards

# Galaxies in one image, and in one of its rows: each has its data and its denoised picture.
SHEET, LINE = 100, 10
# Side (pixels) and WebP quality, from the best to the smallest: the first that fits is taken.
SIZES = ((96, 82), (80, 78), (64, 75), (64, 60), (48, 60), (48, 45), (32, 45))
# Bytes for all pictures of a page, as they stand in it.
ROOM = 17_000_000
# Sky noise below zero that is still shown apart: the residual needs it.
FLOOR = 5.0
BATCH = 128


class Atlas(NamedTuple):
    """Pictures of N galaxies.

    Attributes
    ----------
    side : int
        Of each picture, pixels.
    width : float or None
        Of each picture, arcsec, if known.
    peak : ndarray of float32, shape (N,)
        Brightest level shown, in units of the sky's noise; see `stamps.stretch`.
    sheets : list of str
        Data URIs of WebP images with `SHEET` galaxies each, `LINE` in a row.
    """

    side: int
    width: float | None
    peak: np.ndarray
    sheets: list[str]


def draw_tiles(
    cutouts: Sequence[str | Path], denoised: Sequence[str | Path], rows: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of galaxies, both of each in one asinh stretch.

    Parameters
    ----------
    cutouts, denoised : sequence of path
        Shards.
    rows : ndarray of int, shape (N,)
        Rows of the catalogue, in the order wanted.
    side : int
        Pixels.

    Returns
    -------
    tiles : ndarray of uint8, shape (N, 2, side, side)
        Data and denoised, row 0 on top, bright is high. 0 where no shard holds the galaxy.
    peak : ndarray of float32, shape (N,)
    """
    order = np.argsort(rows)
    tiles = np.zeros((len(rows), 2, side, side), np.uint8)
    sky, bright = np.ones(len(rows)), np.full(len(rows), 10.0)
    for half, (paths, arrays) in enumerate(((cutouts, ("image", "rms")), (denoised, ("image",)))):
        for path in paths:
            for batch in shards.iterate_batches(path, ["row", *arrays], BATCH):
                place = np.searchsorted(rows[order], batch["row"])
                place = order[np.minimum(place, len(rows) - 1)] if len(rows) else place
                for i in np.flatnonzero(rows[place] == batch["row"]) if len(rows) else ():
                    n, image = place[i], batch["image"][i]
                    if half == 0:
                        sky[n] = sky_of(image, batch["rms"][i])
                        bright[n] = np.nan_to_num(np.nanpercentile(image, 99.9))
                    small = shrink(np.nan_to_num(image.astype(np.float32)), side)
                    shown = stretch(small, sky[n], bright[n], FLOOR)
                    tiles[n, half] = np.rint(255 * shown[::-1])
    return tiles, np.maximum(bright / sky, 10).astype(np.float32)


def join_tiles(tiles: np.ndarray, quality: int) -> bytes:
    """One WebP image of the tiles (N, 2, side, side) of at most `SHEET` galaxies."""
    count, _, side, _ = tiles.shape
    lines = -(-count // LINE)
    sheet = np.zeros((lines * LINE, 2, side, side), np.uint8)
    sheet[:count] = tiles
    grey = sheet.reshape(lines, 2 * LINE, side, side).swapaxes(1, 2)
    stream = io.BytesIO()
    image = Image.fromarray(grey.reshape(lines * side, 2 * LINE * side))
    image.convert("RGB").save(stream, "WEBP", quality=quality, method=4)
    return stream.getvalue()


def choose_size(
    cutouts: Sequence[str | Path], denoised: Sequence[str | Path], rows: np.ndarray, room: int
) -> tuple[int, int]:
    """The best of `SIZES` with which the pictures of all galaxies fit, by those of a few."""
    some = rows[:: max(1, len(rows) // SHEET)][:SHEET]
    found = read_stamps(cutouts, "image", some[:1])
    wide = max((len(image) for image in found.values()), default=SIZES[0][0])
    tried = None
    for side, quality in SIZES:
        side = fit_side(wide, side)
        if tried is None or tried.shape[-1] != side:
            tried, _ = draw_tiles(cutouts, denoised, some, side)
        size = 4 / 3 * len(join_tiles(tried, quality)) * len(rows) / max(len(some), 1)
        if size <= room:
            break
    return side, quality


def build_atlas(
    cutouts: Sequence[str | Path],
    denoised: Sequence[str | Path],
    rows: np.ndarray,
    room: int = ROOM,
) -> Atlas:
    """Draw the pictures of galaxies into few images.

    Parameters
    ----------
    cutouts, denoised : sequence of path
        Shards.
    rows : ndarray of int, shape (N,)
        Rows of the catalogue; neighbours in this order lie in one image.
    room : int
        Bytes that they may take as data URIs, about.
    """
    if not len(rows):
        return Atlas(SIZES[0][0], None, np.zeros(0, np.float32), [])
    side, quality = choose_size(cutouts, denoised, rows, room)
    log.info("pictures of %d px at WebP quality %d", side, quality)
    tiles, peak = draw_tiles(cutouts, denoised, rows, side)
    sheets = [
        "data:image/webp;base64,"
        + base64.b64encode(join_tiles(tiles[i : i + SHEET], quality)).decode("ascii")
        for i in range(0, len(rows), SHEET)
    ]
    return Atlas(side, _width(cutouts, side), peak, sheets)


def _width(cutouts: Sequence[str | Path], side: int) -> float | None:
    """Width (arcsec) of a picture; None where the pixel scale is unknown."""
    found = shards.read_attributes(cutouts[0])
    scale, size = float(found.get("pixel_scale", np.nan)), int(found.get("size", 0))
    # An edge of less than a block is cut off.
    shown = side if side <= size < side + BLOCK else size
    return round(scale * shown, 6) if scale * shown > 0 else None
