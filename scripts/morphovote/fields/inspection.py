"""A look into the files of a field before any work: what serves as what, and how much is usable."""

import json
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
from astropy.table import Table

from morphovote.config.bands import CHOICE
from morphovote.config.roles import PROPERTIES
from morphovote.errors import InputError
from morphovote.fields.bands import list_band_sources
from morphovote.fields.catalogues import column_names
from morphovote.fields.doubts import (
    doubt_magnitudes,
    doubt_match,
    doubt_positions,
    doubt_zero_point,
)
from morphovote.fields.images import Image, open_image, read_section
from morphovote.fields.matching import match_ids, match_positions
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile, pixel_scatter, probe_sections
from morphovote.fields.pairing import pair_files
from morphovote.fields.planes import plane_shape
from morphovote.fields.psf_widths import describe_psfs
from morphovote.fields.role_columns import Given, describe_lost, read_ids, read_roles, read_sky
from morphovote.fields.sources import list_sources, match_files
from morphovote.fields.thumbnails import evenly, of_brightest, of_sources
from morphovote.fields.tiles import (
    check_detectable,
    common_pixel_scale,
    compare_zero_points,
    count_inside,
    inspect_tiles,
)
from morphovote.logs import collect_warnings, log

# Most cutouts, and most images, that are opened.
MOST_FILES, MOST_TILES = 200, 12
# Rows of an image that are read at once where it seems to be empty.
ROWS = 512
# What is told of the entry itself.
ENTRY = ("zero_point", "pixel_scale", "pixel_origin", "select")


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
        `kind`; `files`, the number of images; `images`: rows of (file, plane, shape, usable share,
        noise map, its plane, median noise, scatter of the pixels), the noise None where weights
        tell it up to a factor only; `catalogue`: see `_describe_catalogue`, or None; `physical`:
        the same of the physical catalogue, or None; `psfs`: see `describe_psfs`; `counts`:
        sources, selected, placed (selected and in an image), and values of each property;
        `galaxies`: how many there can be at most, None if not known; `scale`
        (arcsec); `entry`: zero point and the like as given; `thumbnails`: (name, pixels) of some
        sources; `ids` of the sources, None if not known yet; `labels`: a sentence on them, empty
        until somebody has read them; `bands`: name and what was found of each band, empty where the
        field has one; `notes`, and `warnings`: sentences, no warning among the
        notes.

    Raises
    ------
    InputError
        For whatever would stop the field's first jobs.
    """
    with collect_warnings() as warnings:
        found = _inspect_bands(field, side) if field["bands"] else _inspect(field, side)
    told = list(dict.fromkeys(warnings))
    notes = [note for note in dict.fromkeys(found["notes"]) if note not in told]
    return found | {"warnings": told, "notes": notes}


def _inspect(field: dict, side: int) -> dict:
    catalogue, columns = _given_catalogue(field)
    listed = _list(field, catalogue, columns)
    sources, tiles, notes = listed.sources, listed.tiles, listed.notes
    images = [_look_into(tiles[int(n)]) for n in evenly(len(tiles), MOST_TILES)]
    _check_empty(images, tiles, field["kind"])
    given = physical = None
    doubts = doubt_zero_point(field["zero_point"])
    psfs, odd = describe_psfs(
        tiles, field["psf_plane"], field["psf_oversampling"], listed.scale, field["kind"], side,
        np.union1d(evenly(len(tiles), MOST_TILES), evenly(len(tiles), MOST_FILES)),
    )  # fmt: skip
    doubts += odd
    if catalogue:
        given = read_roles(catalogue, columns, missing=field["missing"], notes=[])
        doubts += doubt_magnitudes(given, sources, tiles)
    if field["physical"]:
        physical, odd = _match(given, listed.images, field, notes)
        doubts += odd
    for doubt in doubts:
        log.warning("%s", doubt)
    return {
        "kind": field["kind"],
        "files": len(field["images"]),
        "images": images,
        "scale": listed.scale,
        "psfs": psfs,
        "catalogue": given and _describe_catalogue(given),
        "physical": physical,
        "counts": None if sources is None else _count(sources),
        "galaxies": _galaxies(listed, field),
        "entry": {key: field[key] for key in ENTRY},
        "thumbnails": of_brightest(tiles, side)
        if sources is None
        else of_sources(sources, tiles, side),
        "ids": None if sources is None else np.asarray(sources["ID"]),
        "labels": "",
        "bands": [],
        "notes": notes,
    }


def _inspect_bands(field: dict, side: int) -> dict:
    """As `_inspect`, of a field with several bands: images, PSFs and notes are those of all."""
    found = {}
    for band in field["bands"]:
        try:
            found[band["name"]] = _inspect(field | band | {"bands": None}, side)
        except InputError as error:
            raise InputError(f"Band {band['name']}: {error}") from error
    every = list(found.values())
    joined = {
        key: [row for one in every for row in one[key]] for key in ("images", "psfs", "notes")
    }
    whole = not field["physical"] and len(field["images"]) <= MOST_FILES
    if whole and not field["detect"]:
        catalogue, columns = _given_catalogue(field)
        given = {key: field[key] for key in ("select", "pixel_origin", "missing")}
        choice = {key: field[key] for key in CHOICE}
        _, tiles = list_band_sources(
            field["bands"], choice, field["kind"], catalogue, columns=columns, **given
        )
        joined["notes"] += json.loads(tiles.meta["NOTES"])
    about = {"files": sum(one["files"] for one in every), "bands": list(found.items())}
    return found[field["band"]] | joined | about


def _given_catalogue(field: dict) -> tuple[str | None, dict]:
    """The catalogue that the user gave, and its columns: not those that rules will write."""
    key = "unmatched" if field["physical"] else "catalogue"
    paths = [] if field["detect"] else field[key]
    return (paths[0] if paths else None), field[
        f"{key}_columns" if field["physical"] else "columns"
    ]


class _Listed(NamedTuple):
    """Source list (None where detection has yet to make it), images, scale (arcsec) and notes."""

    sources: Table | None
    tiles: Table
    images: list[Image]
    scale: float
    notes: list[str]
    rows: int | None = None


def _list(field: dict, catalogue: str | None, columns: dict) -> _Listed:
    files = field["images"]
    given = {name: field[name] for name in ("rms", "weight", "planes", "psfs")}
    if field["kind"] == "images" and catalogue is None:
        images, tiles = inspect_tiles(files, **given)
        scale = check_detectable(images, field["pixel_scale"])
        notes = compare_zero_points(images, field["zero_point"])
        for note in notes:
            log.warning("%s", note)
        return _Listed(None, tiles, images, scale, notes + tiles.meta["PLANES"])
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
    return _Listed(sources, tiles, [], tiles.meta["PIXSCALE"], json.loads(tiles.meta["NOTES"]))


def _list_some(field: dict, catalogue: str | None, columns: dict) -> _Listed:
    """As `_list`, of so many cutouts that opening all would take minutes."""
    files = sorted(field["images"])
    chosen = [int(n) for n in evenly(len(files), MOST_FILES)]
    maps = {key: sorted(field[key]) for key in ("rms", "weight", "psfs")}
    maps = {key: pair_files(files, paths, key) if paths else [] for key, paths in maps.items()}
    images, tiles = inspect_tiles(
        [files[n] for n in chosen], planes=field["planes"], forgiving=True,
        **{key: [paths[n] for n in chosen] if paths else [] for key, paths in maps.items()},
    )  # fmt: skip
    scale = common_pixel_scale(images, field["pixel_scale"])
    notes = [f"{len(chosen):,} of {len(files):,} cutouts were opened, evenly chosen"]
    if catalogue:
        given = read_roles(catalogue, columns, missing=field["missing"], notes=notes)
        tile = match_files(read_ids(given), files, field["pattern"])
        notes.append(f"{np.count_nonzero(tile >= 0):,} of {len(tile):,} ids have a cutout")
    for note in notes:
        log.info("%s", note)
    return _Listed(None, tiles, images, scale, notes, len(tile) if catalogue else len(files))


def _look_into(tile) -> list:
    """A row of `images`: what is in the file, from its header and nine sections."""
    with ExitStack() as stack:
        image, noise, convert, relative = open_tile(stack, tile)
        usable, levels, scatters = [], [], []
        for place in probe_sections(plane_shape(image)):
            pixels = read_section(image, *place)
            rms = convert(read_section(noise, *place)) if noise is not None else None
            missing = _without_data(pixels, rms)
            usable.append(1 - missing.mean())
            if missing.all():
                continue
            scatters.append(pixel_scatter(np.where(missing, np.nan, pixels)))
            if rms is not None and not relative:
                levels.append(float(np.median(rms[~missing])))
        kind = "RMS" if tile["RMS"] else "WEIGHT"
        return [
            str(tile["IMAGE"]), _plane(tile["IMAGE"], tile["HDU"]), plane_shape(image),
            float(np.mean(usable)), str(tile[kind]) or None,
            _plane(tile[kind], tile[f"{kind}_HDU"]) if tile[kind] else None,
            float(np.median(levels)) if levels else None,
            float(np.median(scatters)) if scatters else None,
        ]  # fmt: skip


def _check_empty(images: list[list], tiles: Table, kind: str) -> None:
    """Stop where no image has a pixel with data; say which ones seem to have none."""
    empty = [row[0] for row in images if row[3] == 0]
    if not empty:
        return
    more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
    if len(empty) == len(images) and not any(map(_has_data, tiles)):
        raise InputError(
            f"{empty[0]}{more}: no pixel has data: all are NaN, zero or of one value, expected "
            f"{kind}.\nIs it the right file and plane (file.fits[NAME] chooses one)? Fetch it "
            "again, or give another one."
        )
    log.warning("%s%s: no pixel with data where it was looked at", empty[0], more)


def _without_data(pixels: np.ndarray, rms: np.ndarray | None = None) -> np.ndarray:
    """Missing pixels, and all of a section that has a single value."""
    missing = missing_pixels(pixels, rms)
    there = pixels[~missing]
    return missing | (not len(there) or np.ptp(there) == 0)


def _has_data(tile) -> bool:
    """Whether any pixel of a whole image has data."""
    with open_image(str(tile["IMAGE"]), int(tile["HDU"])) as image:
        height, width = plane_shape(image)
        for y in range(0, height, ROWS):
            pixels = read_section(image, y, 0, min(ROWS, height - y), width)
            if np.isfinite(pixels).any() and not _without_data(pixels).all():
                return True
    return False


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


def _galaxies(listed: _Listed, field: dict) -> int | None:
    """Number of galaxies, None if not known."""
    if listed.sources is not None:
        return int(np.count_nonzero(listed.sources["SELECTED"]))
    return None if field["kind"] == "images" else listed.rows


def _describe_catalogue(given: Given) -> dict:
    """File, rows, columns, column of each role with its unit and first values, positions known."""
    ra, dec = read_sky(given)
    roles = {}
    for role, name in given.roles.items():
        column = given.table[name]
        first = ", ".join(str(value).strip() for value in column[:3])
        roles[role] = [name, str(column.unit or ""), first[:60]]
    sky = {"ra", "dec"} <= set(given.roles)
    return {
        "file": str(given.path),
        "rows": len(given.table),
        "columns": len(column_names(given.path)),
        "roles": roles,
        "positions": int((np.isfinite(ra) & np.isfinite(dec)).sum()) if sky else None,
    }


def _match(
    given: Given | None, images: list[Image], field: dict, notes: list[str]
) -> tuple[dict, list[str]]:
    """What the physical catalogue has, how much of the field it can match, and doubts of that.

    Where the sources are known (`given`) `matched` of them are; else `inside` of its positions lie
    in the images.
    """
    physical = field["physical"]
    path, by = physical["catalogue"], physical["match_by"]
    own = {role: name for role, name in physical["columns"].items() if role not in by}
    other = read_roles(path, by | own, missing=field["missing"], notes=notes)
    notes += describe_lost(other, list(own))
    about = _describe_catalogue(other)
    sky = any(image.wcs for image in images)
    doubts = doubt_magnitudes(other, None, Table()) if "mag" in own else []
    if given is None and "id" in by:
        return about, [*doubts, (
            f"{path}: is to be matched by id, but the sources have yet to be detected, and are "
            "numbered from 1. Match by position (`physical.columns: {ra: ..., dec: ...}`), unless "
            "these are the numbers of an earlier detection"
        )]  # fmt: skip
    if given is None:
        ra, dec = read_sky(other)
        inside, known = count_inside(images, ra, dec), int(np.isfinite(ra).sum())
        return about | {"inside": inside}, doubts + doubt_positions(path, inside, known, sky)
    if "id" in by:
        row, how = match_ids(read_ids(given), other.table[by["id"]]), "by id"
    else:
        row, _ = match_positions(*read_sky(given), *read_sky(other), physical["radius"])
        how = f"within {physical['radius']:g} arcsec"
    matched = int((row >= 0).sum())
    return about | {"matched": matched}, doubts + doubt_match(path, matched, len(row), how)
