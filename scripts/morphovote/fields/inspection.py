"""A look into the files of a field before any work: what serves as what, and how much is usable."""

import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.config.roles import PROPERTIES
from morphovote.fields.catalogues import column_names
from morphovote.fields.images import open_image, read_psf, read_section
from morphovote.fields.matching import match_ids, match_positions
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile, probe_sections
from morphovote.fields.role_columns import Given, read_ids, read_roles, read_sky
from morphovote.fields.sources import list_sources, match_files
from morphovote.fields.tiles import inspect_tiles
from morphovote.logs import log

# Most cutouts, and most images, that are opened.
MOST_FILES, MOST_TILES = 200, 12
THUMBNAILS = 3


def inspect_field(field: dict, side: int) -> dict:
    """Look into the files of a field.

    Parameters
    ----------
    field : dict
        Of the completed config.
    side : int
        Side of a thumbnail (px): that of a cutout.

    Returns
    -------
    dict
        `images`: rows of (file, plane, shape, usable share, noise map, its plane, median noise);
        `files`, the number of images; `catalogue`: see `_describe_catalogue`, or None; `physical`:
        the same of the physical catalogue, or None; `psf`: its shape, or None; `counts`: sources,
        selected, placed (selected and in an image), and values of each property; `scale` (arcsec);
        `thumbnails`: (name, pixels) of some sources; `ids` of the sources, None if not known yet;
        `labels`: a sentence on them, empty until somebody has read them; `notes`: sentences.

    Raises
    ------
    InputError
        For whatever would stop the field's first jobs.
    """
    catalogue, columns = _given_catalogue(field)
    sources, tiles, notes = _list(field, catalogue, columns)
    psf = read_psf(field["psf_plane"][0]).shape if field["psf"] else None
    found = {
        "kind": field["kind"],
        "files": len(field["images"]),
        "images": [_look_into(tiles[int(n)]) for n in _some(len(tiles), MOST_TILES)],
        "scale": tiles.meta.get("PIXSCALE"),
        "psf": psf,
        "catalogue": None,
        "physical": None,
        "counts": None if sources is None else _count(sources),
        "thumbnails": _brightest(tiles, side)
        if sources is None
        else _thumbnails(sources, tiles, side),
        "ids": None if sources is None else np.asarray(sources["ID"]),
        "labels": "",
        "notes": notes,
    }
    if catalogue:
        given = read_roles(catalogue, columns, missing=field["missing"], notes=[])
        found["catalogue"] = _describe_catalogue(given)
        if field["physical"]:
            found["physical"] = _match(given, field)
    return found


def _given_catalogue(field: dict) -> tuple[str | None, dict]:
    """The catalogue that the user gave, and its columns: not those that rules will write."""
    key = "unmatched" if field["physical"] else "catalogue"
    paths = [] if field["detect"] else field[key]
    return (paths[0] if paths else None), field[
        f"{key}_columns" if field["physical"] else "columns"
    ]


def _list(field: dict, catalogue: str | None, columns: dict) -> tuple:
    """Source list, tiles and notes; no source list where detection has yet to make it."""
    files = field["images"]
    given = {name: field[name] for name in ("rms", "weight", "planes")}
    if field["kind"] == "images" and catalogue is None:
        return None, inspect_tiles(files, **given)[1], []
    if field["kind"] == "cutouts" and len(files) > MOST_FILES:
        return _list_some(field, catalogue, columns)
    # What only the physical catalogue has cannot be looked at yet.
    select = {} if field["physical"] else field["select"]
    sources, tiles = list_sources(
        files, field["kind"], catalogue, pattern=field["pattern"] or "", **given,
        columns=columns, select=select, pixel_scale=field["pixel_scale"],
        zero_point=field["zero_point"], pixel_origin=field["pixel_origin"],
        missing=field["missing"],
    )  # fmt: skip
    return sources, tiles, json.loads(tiles.meta["NOTES"])


def _list_some(field: dict, catalogue: str | None, columns: dict) -> tuple:
    """As `_list`, of so many cutouts that opening all would take minutes."""
    files = sorted(field["images"])
    some = [files[int(n)] for n in _some(len(files), MOST_FILES)]
    notes = [f"{len(some):,} of {len(files):,} cutouts were opened, evenly chosen"]
    _, tiles = inspect_tiles(some, forgiving=True)
    if catalogue:
        given = read_roles(catalogue, columns, missing=field["missing"], notes=notes)
        tile = match_files(read_ids(given), files, field["pattern"])
        notes.append(f"{np.count_nonzero(tile >= 0):,} of {len(tile):,} ids have a cutout")
    for note in notes:
        log.warning("%s", note)
    return None, tiles, notes


def _some(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _look_into(tile) -> list:
    """A row of `images`: what is in the file, from its header and nine sections."""
    with ExitStack() as stack:
        image, noise, convert, _ = open_tile(stack, tile)
        usable, levels = [], []
        for place in probe_sections(image.shape):
            pixels = read_section(image, *place)
            rms = convert(read_section(noise, *place)) if noise is not None else None
            missing = missing_pixels(pixels, rms)
            usable.append(1 - missing.mean())
            if rms is not None and not missing.all():
                levels.append(float(np.median(rms[~missing])))
        kind = "RMS" if tile["RMS"] else "WEIGHT"
        return [
            str(tile["IMAGE"]), _plane(tile["IMAGE"], tile["HDU"]), tuple(image.shape),
            float(np.mean(usable)), str(tile[kind]) or None,
            _plane(tile[kind], tile[f"{kind}_HDU"]) if tile[kind] else None,
            float(np.median(levels)) if levels else None,
        ]  # fmt: skip


def _plane(path: str, hdu: int) -> str:
    with open_image(str(path), int(hdu)) as plane:
        return f"{hdu} {plane.name}".strip()


def _count(sources: Table) -> dict:
    chosen = np.asarray(sources["SELECTED"], dtype=bool)
    return {
        "sources": len(sources),
        "selected": int(chosen.sum()),
        "placed": int((chosen & (np.asarray(sources["TILE"]) >= 0)).sum()),
        "values": {role: int(np.isfinite(sources[role.upper()]).sum()) for role in PROPERTIES},
    }


def _describe_catalogue(given: Given) -> dict:
    """File, rows, columns, column of each role with its unit and first values, positions known."""
    ra, dec = read_sky(given)
    roles = {}
    for role, name in given.roles.items():
        column = given.table[name]
        first = ", ".join(str(value) for value in column[:3].tolist())
        roles[role] = [name, str(column.unit or ""), first[:60]]
    sky = {"ra", "dec"} <= set(given.roles)
    return {
        "file": str(given.path),
        "rows": len(given.table),
        "columns": len(column_names(given.path)),
        "roles": roles,
        "positions": int((np.isfinite(ra) & np.isfinite(dec)).sum()) if sky else None,
    }


def _match(given: Given, field: dict) -> dict:
    """What the physical catalogue has, and how many of the sources it matches."""
    physical = field["physical"]
    path, by = physical["catalogue"], physical["match_by"]
    own = {role: name for role, name in physical["columns"].items() if role not in by}
    other = read_roles(path, by | own, missing=field["missing"], notes=[])
    if "id" in by:
        row = match_ids(read_ids(given), other.table[by["id"]])
    else:
        row, _ = match_positions(*read_sky(given), *read_sky(other), physical["radius"])
    return _describe_catalogue(other) | {"matched": int((row >= 0).sum())}


def _thumbnails(sources: Table, tiles: Table, side: int) -> list[tuple[str, np.ndarray]]:
    """Names and pixels of some selected sources, from the bright to the faint if that is known."""
    usable = np.flatnonzero(np.asarray(sources["SELECTED"]) & (np.asarray(sources["TILE"]) >= 0))
    magnitude = np.asarray(sources["MAG"], dtype=float)[usable]
    if np.isfinite(magnitude).any():
        usable = usable[np.argsort(np.nan_to_num(magnitude, nan=np.inf), kind="stable")]
    found = []
    for place in _some(len(usable), THUMBNAILS) if len(usable) else ():
        source = sources[int(usable[place])]
        with ExitStack() as stack:
            image = open_tile(stack, tiles[int(source["TILE"])])[0]
            y, x = (round(float(source[axis]) - (side - 1) / 2) for axis in "YX")
            found.append((str(source["ID"]), read_section(image, y, x, side, side)))
    return found


def _brightest(tiles: Table, side: int) -> list[tuple[str, np.ndarray]]:
    """As `_thumbnails`, where sources have yet to be detected: the brightest in some images."""
    found = []
    for number in _some(len(tiles), THUMBNAILS):
        with ExitStack() as stack:
            image = open_tile(stack, tiles[int(number)])[0]
            peaks = []
            for place in probe_sections(image.shape):
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
