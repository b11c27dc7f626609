"""Pictures of many galaxies in few images: data and denoised, in 8 bits, for a page."""

import base64
import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
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
# Up to so many galaxies, a page holds its pictures itself; those of more lie in a folder beside it.
LARGEST_FILE = 20_000
# Bytes for all pictures of a page, as they stand in it; for each galaxy's of a folder.
ROOM, ROOM_EACH = 17_000_000, 3_000
# Bytes of tiles beyond which they are kept on disk until they are joined.
IN_MEMORY = 300_000_000
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
        Data URIs of WebP images with `SHEET` galaxies each, `LINE` in a row; none if they are in a
        folder.
    folder, key : str
        Name of the folder, and what tells its pieces from those of another page; '' without one.
    """

    side: int
    width: float | None
    peak: np.ndarray
    sheets: list[str]
    folder: str = ""
    key: str = ""


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
        Data (with the arcs that are hidden, see `fields.arcs`) and denoised, row 0 on top, bright
        is high. 0 where no shard holds the galaxy.
    peak : ndarray of float32, shape (N,)
    """
    order = np.argsort(rows)
    tiles = _empty_tiles((len(rows), 2, side, side))
    sky, bright = np.ones(len(rows)), np.full(len(rows), 10.0)
    stages = ((cutouts, ("image", "rms", "arcs")), (denoised, ("image",)))
    for half, (paths, arrays) in enumerate(stages):
        for path in paths:
            for here, batch in _read_rows(path, arrays, rows[order]):
                for n, image, *more in zip(order[here], *batch, strict=True):
                    if half == 0:
                        rms, arcs = more
                        sky[n] = sky_of(image, rms)
                        bright[n] = np.nan_to_num(np.nanpercentile(image, 99.9))
                        # Seen as STRANGENESS sees it.
                        image = image + arcs
                    small = shrink(np.nan_to_num(image.astype(np.float32)), side)
                    shown = stretch(small, sky[n], bright[n], FLOOR)
                    tiles[n, half] = np.rint(255 * shown[::-1])
    return tiles, np.maximum(bright / sky, 10).astype(np.float32)


def _empty_tiles(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros of one byte, in memory or, if they are many, in a file that goes with them."""
    if np.prod(shape) <= IN_MEMORY:
        return np.zeros(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


def _read_rows(
    path: str | Path, names: Sequence[str], wanted: np.ndarray
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Batches of those galaxies of a shard that are wanted (sorted rows): their places there."""
    with shards.open_shard(path) as file:
        row = file["row"][:]
        held = np.flatnonzero(np.isin(row, wanted))
        for start in range(0, len(held), BATCH):
            some = held[start : start + BATCH]
            yield np.searchsorted(wanted, row[some]), [file[name][some] for name in names]


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
    folder: str | Path,
) -> Atlas:
    """Draw the pictures of galaxies into few images.

    Parameters
    ----------
    cutouts, denoised : sequence of path
        Shards.
    rows : ndarray of int, shape (N,)
        Rows of the catalogue; neighbours in this order lie in one image.
    folder : path
        Where the images lie as pieces if there are more galaxies than `LARGEST_FILE`. If not, a
        folder of an earlier page is removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if not len(rows):
        return Atlas(SIZES[0][0], None, np.zeros(0, np.float32), [])
    apart = len(rows) > LARGEST_FILE
    room = ROOM_EACH * len(rows) if apart else ROOM
    side, quality = choose_size(cutouts, denoised, rows, room)
    log.info("pictures of %d px at WebP quality %d", side, quality)
    tiles, peak = draw_tiles(cutouts, denoised, rows, side)
    sheets = (
        "data:image/webp;base64,"
        + base64.b64encode(join_tiles(tiles[i : i + SHEET], quality)).decode("ascii")
        for i in range(0, len(rows), SHEET)
    )
    width = _width(cutouts, side)
    if not apart:
        return Atlas(side, width, peak, list(sheets))
    key = hashlib.sha256(rows.tobytes() + peak.tobytes()).hexdigest()[:16]
    write_pieces(folder, sheets, key)
    return Atlas(side, width, peak, [], Path(folder).name, key)


def write_pieces(folder: str | Path, sheets: Iterator[str], key: str) -> None:
    """Write images as scripts, which are all that a page from disk may load: a folder, whole."""
    folder = Path(folder)
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for number, sheet in enumerate(sheets):
        (partial / f"{number:05d}.js").write_text(f'takeSheet("{key}",{number},"{sheet}");')
    partial.rename(folder)


def _width(cutouts: Sequence[str | Path], side: int) -> float | None:
    """Width (arcsec) of a picture; None where the pixel scale is unknown."""
    found = shards.read_attributes(cutouts[0])
    scale, size = float(found.get("pixel_scale", np.nan)), int(found.get("size", 0))
    # An edge of less than a block is cut off.
    shown = side if side <= size < side + BLOCK else size
    return round(scale * shown, 6) if scale * shown > 0 else None
