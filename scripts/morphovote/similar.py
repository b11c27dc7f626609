"""Galaxies of a field that are most like given ones: others of it, or images from elsewhere."""

import csv
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning

from morphovote.chain import Chain
from morphovote.embedding import BATCH as EMBEDDED
from morphovote.embedding import CUTOUT
from morphovote.errors import InputError
from morphovote.fields.catalogues import FORMATS, column_names, read_table
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.role_columns import id_texts
from morphovote.fields.sources import read_sources
from morphovote.fields.tiles import inspect_tiles
from morphovote.flags import LOW_SNR, NO_DATA, OFF_CENTRE
from morphovote.logs import log
from morphovote.storage.numbers import save_numbers
from morphovote.storage.rows import align_rows
from morphovote.storage.shards import iterate_batches, read_attributes, read_shard
from morphovote.vote.similarity import LISTED, find_similar
from morphovote.vote.strangeness import BATCH, load_reference, strangeness

# Images of other pixels are resampled to the field's by this factor at most, as for frozen models.
LARGEST_FACTOR = 2.0
# Columns of the catalogue that the table repeats.
KNOWN = ("RA", "DEC", "CLASS", "CLASS_PROB")


class Given(NamedTuple):
    """Galaxies to which similar ones are sought.

    Attributes
    ----------
    name : list of str
        Q names: the ID, or the path of the image.
    row : ndarray of int, shape (Q,)
        Of the catalogue; -1 for images.
    component : ndarray, shape (Q, P)
    strange : ndarray, shape (Q,)
        STRANGENESS.
    """

    name: list[str]
    row: np.ndarray
    component: np.ndarray
    strange: np.ndarray


def is_image(path: str | Path) -> bool:
    """Whether a file is a FITS image, and so no list of IDs."""
    name = str(path).lower().removesuffix(".gz")
    if not name.endswith((".fits", ".fit", ".fts", ".fz")):
        return False
    try:
        with warnings.catch_warnings(), fits.open(path, memmap=False) as hdus:
            warnings.simplefilter("ignore", AstropyWarning)
            return any(hdu.is_image and int(hdu.header.get("NAXIS", 0)) >= 2 for hdu in hdus)
    except (OSError, ValueError, TypeError):
        # Whoever reads it as an image says what is wrong.
        return True


def read_id_list(path: str | Path) -> list[str]:
    """IDs of a list: those of the column ID of a table, else the lines of a text file.

    Raises
    ------
    InputError
        If the file cannot be read, is a table without a column ID, or holds no ID.
    """
    suffix = Path(str(path).lower().removesuffix(".gz")).suffix
    found = _lines(path) if FORMATS.get(suffix, "csv") in ("csv", "text") else None
    if found is None:
        names = column_names(path)
        column = next((name for name in names if name.upper() == "ID"), None)
        if column is None:
            raise InputError(
                f"{path}: found the columns {', '.join(names[:20])}, expected one named ID. Rename "
                "the column of identifiers."
            )
        found = [text for text in id_texts(read_table(path, [column])[column]).tolist() if text]
    if not found:
        raise InputError(f"{path}: found no ID, expected one a line. Give a list with some.")
    return list(dict.fromkeys(found))


def _lines(path: str | Path) -> list[str] | None:
    """IDs of a text file, one a line; None if it is a table with a header."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: not a readable text file ({error}), expected one ID a line, or a FITS image. "
            "Give one of these."
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = next(csv.reader(lines[:1]), [])
    words = lines[0].lstrip("# ").upper().split() if lines else []
    if (len(first) > 1 and "," in lines[0]) or (len(words) > 1 and "ID" in words):
        return None
    if first and first[0].strip().upper() in ("ID", "#ID", "# ID"):
        lines = lines[1:]
    return [line.strip('"') for line in lines if not line.startswith("#")]


def take_from_field(
    wanted: Sequence[str], sources: Table, components: str | Path, neighbours: str | Path
) -> Given:
    """Galaxies of the field by their IDs; an ID in several rows stands for all of these.

    Raises
    ------
    InputError
        If none of them is in the field.
    """
    rows = {}
    for row, one in enumerate(id_texts(np.asarray(sources["ID"])).tolist()):
        rows.setdefault(one, []).append(row)
    unknown = [one for one in wanted if one not in rows]
    if len(unknown) == len(wanted):
        known = ", ".join(list(rows)[:3])
        raise InputError(
            f"similar_to: found {', '.join(map(repr, unknown[:3]))}, which is neither a file nor "
            f"an ID of the field, whose IDs are like {known}. Correct it."
        )
    if unknown:
        log.warning("%d of %d IDs, such as %s, are not in the field: left out",
                    len(unknown), len(wanted), unknown[0])  # fmt: skip
    found = [(one, row) for one in wanted if one in rows for row in rows[one]]
    table = read_shard(components, ["row", "component"])
    width = table["component"].shape[1]
    place = {row: i for i, row in enumerate(table["row"].tolist())}
    component = np.full((len(found), width), np.nan, np.float32)
    rows = np.array([row for _, row in found], int)
    strange = align_rows(rows, read_shard(neighbours, ["row", "strangeness"]))["strangeness"]
    for i, (one, row) in enumerate(found):
        if row in place:
            component[i] = table["component"][place[row]]
        if not np.isfinite(component[i]).all():
            log.warning("%s: has no usable pixels in the field, or was not selected", one)
    return Given([one for one, _ in found], rows, component, strange)


def cut_image(
    path: str, plane: str, size: int, neighbours: str, scale: float
) -> dict[str, np.ndarray]:
    """The cutout of the galaxy in the middle of an image that is not of the field.

    Parameters
    ----------
    path, plane : str
        FITS; `plane` is '' unless the user chose one.
    size : int
        Side of the field's cutouts (px).
    neighbours : {'mask', 'keep'}
    scale : float
        Pixel scale of the field's cutouts (arcsec). An image without WCS is taken to have it; one
        with another is resampled.

    Returns
    -------
    dict of ndarray, shape (1, ...)
        See `cutouts.make_cutouts`.

    Raises
    ------
    InputError
        If the image cannot be read, is too small, has too different pixels, or no usable ones.
    """
    (image,), tiles = inspect_tiles([path], planes={"images": plane})
    own = image.pixel_scale
    if own is None:
        log.warning("%s: no WCS, so a pixel is taken for %.4g arcsec, the field's", path, scale)
        own = scale
    if not 1 / LARGEST_FACTOR <= own / scale <= LARGEST_FACTOR:
        raise InputError(
            f"{path}: found {own:.4g} arcsec a pixel, expected at most a factor of "
            f"{LARGEST_FACTOR:g} from the field's {scale:.4g}. Resample it, or take a field at its "
            "scale."
        )
    needed, (high, wide) = size * scale / own, image.shape
    if min(high, wide) < needed / 2:
        raise InputError(
            f"{path}: found {wide} x {high} pixels, expected {needed:.0f} x {needed:.0f} with the "
            "galaxy in the middle, as the field's cutouts. Give a larger piece of the sky."
        )
    tiles.meta |= {"PIXSCALE": own, "KIND": "cutouts"}
    middle = {"X": [(wide - 1) / 2], "Y": [(high - 1) / 2]}
    source = Table({"ROW": [0], "ID": [Path(path).name], "TILE": [0]} | middle)
    cutout = make_cutouts(source, tiles, size, neighbours, target=scale)
    if cutout["flags"][0] & NO_DATA:
        raise InputError(
            f"{path}: found no usable pixels in the middle (missing, or all alike), expected a "
            "galaxy and some sky around it. Give another image."
        )
    if cutout["flags"][0] & (LOW_SNR | OFF_CENTRE):
        log.warning("%s: no galaxy that stands out of the noise lies in the very middle", path)
    return cutout


def take_from_images(
    images: dict[str, str],
    chain: Callable[[], Chain],
    size: int,
    neighbours: str,
    scale: float,
    reference: str | Path,
) -> Given:
    """Galaxies in the middle of images that are not of the field, through all steps.

    Parameters
    ----------
    images : dict of str
        Path -> plane.
    chain : callable
        Loads the chain.
    size, neighbours, scale
        See `cut_image`.
    reference : path
        Of the model, see `strangeness.load_reference`.

    Raises
    ------
    InputError
        If none of the images can be used; of several, those are left out with a warning.
    """
    cut: dict[str, dict[str, np.ndarray]] = {}
    for path, plane in images.items():
        try:
            cut[path] = cut_image(path, plane, size, neighbours, scale)
        except InputError as error:
            if len(images) == 1:
                raise
            log.warning("%s is left out: %s", path, error)
    if not cut:
        raise InputError(
            f"similar_to: none of {len(images)} images can be used, such as {next(iter(images))}. "
            "The log says why."
        )
    loaded, known, names = chain(), load_reference(reference), list(cut)
    components, strange = [], []
    for start in range(0, len(names), EMBEDDED):
        some = [cut[name] for name in names[start : start + EMBEDDED]]
        joined = {key: np.concatenate([one[key] for one in some]) for key in (*CUTOUT, "arcs")}
        polar = loaded.unwrap(loaded.denoise(joined), joined)
        components.append(loaded.project(loaded.encode(polar)))
        strange.append(strangeness(polar["picture"], known))
    both = (np.concatenate(components), np.concatenate(strange))
    return Given(names, np.full(len(names), -1), *both)


def nearest_of_field(given: Given, components: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The most similar of all galaxies of the field, in batches: see `similarity.find_similar`."""
    found = np.full((len(given.row), LISTED), -1, np.int64)
    distance = np.full(found.shape, np.nan)
    for batch in iterate_batches(components, ["row", "component"], BATCH):
        good = np.isfinite(batch["component"]).all(axis=1)
        here = find_similar(
            given.component, given.row, batch["component"][good], batch["row"][good]
        )
        both = [np.hstack(pair) for pair in zip((found, distance), here, strict=True)]
        order = np.argsort(both[1], axis=1, kind="stable")[:, :LISTED]
        found, distance = (np.take_along_axis(one, order, axis=1) for one in both)
    return found, distance


def tabulate(given: Given, found: np.ndarray, distance: np.ndarray, catalogue: str | Path) -> Table:
    """One row a given galaxy and similar one, nearest first; one empty row where there is none.

    Returns
    -------
    Table
        GIVEN, GIVEN_STRANGENESS, RANK (from 1), ROW (of the catalogue), DISTANCE (in components),
        ID and `KNOWN`.
    """
    frame = pyarrow.parquet.read_table(catalogue, columns=["ID", *KNOWN]).to_pydict()
    lines = []
    for name, score, rows, away in zip(given.name, given.strange, found, distance, strict=True):
        for rank in range(max(1, np.count_nonzero(rows >= 0))):
            row = int(rows[rank])
            known = [frame[key][row] if row >= 0 else None for key in ("ID", *KNOWN)]
            place = ("", "") if row < 0 else (rank + 1, row)
            lines.append((name, float(score), *place, float(away[rank]), *map(_text, known)))
    names = ["GIVEN", "GIVEN_STRANGENESS", "RANK", "ROW", "DISTANCE", "ID", *KNOWN]
    columns = [np.array(values, dtype=object) for values in zip(*lines, strict=True)]
    return Table(columns, names=names)


def _text(value: object) -> str:
    """A cell with as many digits as positions on the sky need."""
    if value is None or value != value:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def find_similar_file(
    wanted: dict,
    field: dict[str, str | Path],
    output: str | Path,
    chain: Callable[[], Chain],
    cutout: dict,
) -> None:
    """Find the galaxies of a field that are most like given ones, and write a table.

    Parameters
    ----------
    wanted : dict
        ids (list of str), and files: path -> plane, each a list of IDs or an image.
    field : dict of path
        sources, cutouts (a shard), components, neighbours and catalogue (Parquet) of the field;
        strangeness, the reference of its model.
    output : path
        CSV, see `tabulate`.
    chain : callable
        Loads the chain, if there are images.
    cutout : dict
        size (px) and neighbours.

    Raises
    ------
    InputError
        If what is given cannot be read, or nothing of it can be placed among the galaxies.
    """
    images = {path: plane for path, plane in wanted["files"].items() if is_image(path)}
    lists = [path for path in wanted["files"] if path not in images]
    ids = list(
        dict.fromkeys([*wanted["ids"], *(one for path in lists for one in read_id_list(path))])
    )
    parts = []
    if ids:
        files = (field["components"], field["neighbours"])
        parts.append(take_from_field(ids, read_sources(field["sources"])[0], *files))
    if images:
        scale = float(read_attributes(field["cutouts"])["pixel_scale"])
        more = cutout | {"scale": scale, "reference": field["strangeness"]}
        parts.append(take_from_images(images, chain, **more))
    given = Given(
        [name for part in parts for name in part.name],
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.component for part in parts]),
        np.concatenate([part.strange for part in parts]),
    )
    usable = np.isfinite(given.component).all(axis=1)
    if not usable.any():
        raise InputError(
            f"similar_to: none of the {len(usable)} galaxies given, such as {given.name[0]}, has "
            "usable pixels, so none is like it. Give others."
        )
    found, distance = nearest_of_field(given, field["components"])
    table = tabulate(given, found, distance, field["catalogue"])
    for name, score in zip(given.name, given.strange, strict=True):
        log.info("%s: STRANGENESS %.3f", name, score)
    save_numbers(table, output)
