"""The source list of a field: one row a source, which tile or file holds it, and its shard."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
from astropy.io import fits
from astropy.table import Table

from morphovote.config.roles import PROPERTIES, UNITS
from morphovote.errors import InputError
from morphovote.fields.catalogues import column_names
from morphovote.fields.guesses import guess_roles, suggest_columns
from morphovote.fields.images import Image, pixel_to_sky
from morphovote.fields.pairing import find_by_name
from morphovote.fields.role_columns import (
    Given,
    describe_lost,
    read_ids,
    read_numbers,
    read_roles,
    read_sky,
)
from morphovote.fields.tiles import (
    assign_tiles,
    common_pixel_scale,
    compare_zero_points,
    inspect_tiles,
)
from morphovote.logs import log
from morphovote.storage.files import replacing, write_json

# What stays as it is in the header: ASCII's letters and signs, without the sign of the escapes.
PRINTABLE = "".join(map(chr, range(32, 127))).replace("%", "")


def list_sources(
    files: Sequence[str],
    kind: str,
    catalogue: str | Path | None = None,
    *,
    pattern: str = "*.fits",
    rms: Sequence[str] = (),
    weight: Sequence[str] = (),
    columns: dict[str, str] | None = None,
    select: dict[str, Sequence[float | None]] | None = None,
    shard_size: int = 1000,
    pixel_scale: float | None = None,
    zero_point: float | None = None,
    pixel_origin: int = 0,
    missing: Sequence[float] = (),
    notes: Sequence[str] = (),
    planes: dict[str, str] | None = None,
    psfs: Sequence[str] = (),
) -> tuple[Table, Table]:
    """Make the source list of a field.

    Parameters
    ----------
    files : sequence of str
        Images, or ready cutouts.
    kind : {'images', 'cutouts'}
    catalogue : str or Path, optional
        Needed for images. Without one, every cutout is a source.
    pattern : str
        The glob that found the cutouts: what its wildcards matched names the cutout.
    rms, weight, planes, psfs
        Noise maps, the planes to take, and a PSF for each image, see `inspect_tiles`.
    columns : dict of str, optional
        Column of each role of `ROLES`. A role left out takes the column of its own name, in
        small or capital letters, if the catalogue has it.
    select : dict, optional
        Role or column -> (lowest, highest), inclusive, None where open. A source without a value
        is not selected.
    shard_size : int
        Galaxies a shard.
    pixel_scale, zero_point : float, optional
        Arcsec a pixel; AB magnitude of one count.
    pixel_origin : {0, 1}
        Coordinates of the first pixel's centre in the catalogue's x and y: 0 as in Python, 1 as in
        FITS, SExtractor and ds9.
    missing : sequence of float
        Values that mean in the catalogue that there is none.
    notes : sequence of str
        What was noted of the catalogue before, to be logged and kept with what is noted here.

    Returns
    -------
    sources : Table
        One row a source, in catalogue order: ROW, ID, RA, DEC (deg), TILE, X, Y (px, 0-based),
        SELECTED, SHARD, MAG, REDSHIFT, LOG_MASS, U_V, V_J.
    tiles : Table
        From `inspect_tiles`. `meta` has PIXSCALE, ZEROPT (NaN if unknown), KIND, CATALOG
        and NOTES (a JSON list of sentences on the files, for the report).

    Raises
    ------
    InputError
        If the config and the files do not fit together.
    """
    images, tiles = inspect_tiles(files, rms, weight, kind == "cutouts", planes, psfs)
    scale = common_pixel_scale(images, pixel_scale)
    odd = compare_zero_points(images, zero_point)
    for note in odd:
        log.warning("%s", note)
    if catalogue is None:
        if kind != "cutouts":
            raise InputError("Images without a catalogue: run detect_sources on them first.")
        paths = sorted(map(str, files))
        sources, given = _sources_of_files(paths, images, pattern), None
    else:
        given, told = _read_catalogue(catalogue, columns or {}, select or {}, missing)
        notes = list(dict.fromkeys([*told, *notes]))
        for note in notes:
            log.warning("%s", note)
        locate = _locate_cutouts if kind == "cutouts" else _locate_in_images
        sources = locate(given, images, tiles, pattern, pixel_origin, columns)
    sources.add_column(np.arange(len(sources), dtype=np.int64), name="ROW", index=0)
    for role in PROPERTIES:
        none = np.full(len(sources), np.nan)
        values = none if given is None else read_numbers(given, role)[0]
        sources[role.upper()] = values.astype(np.float32)
    chosen = _selected(given, select or {}, len(sources))
    sources["SELECTED"] = chosen
    sources["SHARD"] = np.where(chosen, (np.cumsum(chosen) - 1) // shard_size, -1).astype(np.int64)
    order = ["ROW", "ID", "RA", "DEC", "TILE", "X", "Y", "SELECTED", "SHARD"]
    sources = sources[order + [role.upper() for role in PROPERTIES]]
    lost = np.count_nonzero(chosen & (sources["TILE"] < 0))
    log.info("%d sources, %d selected, in %d shards", len(sources), chosen.sum(),
             sources["SHARD"].max() + 1)  # fmt: skip
    if chosen.any() and lost == chosen.sum():
        raise InputError(
            f"{catalogue}: none of its {lost} selected sources lies in an image of the field"
            f"{_where(sources[chosen], images)}.\nIs it another field's catalogue, or are "
            "`columns` (degrees, pixels) or `pixel_origin` wrong?"
        )
    if lost:
        log.info("%d selected sources are in no image; they keep their rows, without data", lost)
    if not chosen.any():
        raise InputError(f"{catalogue}: `select` leaves no source. Widen it: {select}.")
    tiles.meta = {
        "PIXSCALE": scale,
        "ZEROPT": np.nan if zero_point is None else float(zero_point),
        "KIND": kind,
        "CATALOG": str(catalogue or ""),
        "NOTES": json.dumps([*notes, *odd, *tiles.meta["PLANES"]]),
    }
    return sources, tiles


def _where(sources: Table, images: Sequence[Image]) -> str:
    """Where sources and images are on the sky: tells hours from degrees, and another field."""
    known = [image for image in images if image.wcs is not None]
    if not known or not np.isfinite(sources["RA"]).any():
        return ""
    middles = [pixel_to_sky(image.wcs, *(np.array([s / 2.0]) for s in image.shape[::-1]))
               for image in known]  # fmt: skip
    places = [(sources["RA"], sources["DEC"]), tuple(np.hstack(middles))]
    texts = [
        ", ".join(f"{name} {np.nanmin(values):.5g} to {np.nanmax(values):.5g}"
                  for name, values in zip(("RA", "Dec"), place, strict=True))
        for place in places
    ]  # fmt: skip
    return f": it has {texts[0]}, and the images are about {texts[1]} (degrees)"


def _read_catalogue(
    catalogue: str | Path, columns: dict, select: dict, missing: Sequence[float]
) -> tuple[Given, list[str]]:
    """Read what a field's catalogue says of its sources, and what is to be noted of it."""
    notes: list[str] = []
    given = read_roles(catalogue, columns, list(select), missing, notes)
    if len(given.table) == 0:
        raise InputError(f"{catalogue}: the catalogue has no rows. Give one with sources.")
    return given, notes + describe_lost(given, list(dict.fromkeys([*PROPERTIES, *select])))


def write_sources(path: str | Path, sources: Table, tiles: Table) -> None:
    """Write the source list, whole or not at all (extensions SOURCES and TILES)."""
    header = fits.Header()
    for key, value in tiles.meta.items():
        # FITS has no NaN in headers: a missing zero point is a card without a value.
        value = None if isinstance(value, float) and np.isnan(value) else value
        # Headers hold ASCII only: paths in other letters are written as in addresses.
        header[key] = quote(value, safe=PRINTABLE) if isinstance(value, str) else value
    parts = []
    for name, table in (("SOURCES", sources), ("TILES", tiles)):
        plain = table.copy(copy_data=False)
        plain.meta = {}
        for column in plain.colnames:
            if plain[column].dtype.kind == "U":
                texts = np.char.encode(np.asarray(plain[column]), "utf-8", "replace")
                plain.replace_column(column, texts)
        for column, unit in UNITS.items():
            if column in plain.colnames:
                plain[column].unit = unit
        parts.append(fits.table_to_hdu(plain, character_as_bytes=False))
        parts[-1].name = name
    with replacing(path) as partial:
        fits.HDUList([fits.PrimaryHDU(header=header), *parts]).writeto(partial, overwrite=True)


def write_shard_list(path: str | Path, sources: Table) -> None:
    """Write how many shards, selected galaxies and sources there are, as JSON."""
    counts = {
        "shards": int(sources["SHARD"].max()) + 1,
        "galaxies": int(np.count_nonzero(sources["SELECTED"])),
        "sources": len(sources),
    }
    write_json(path, counts, indent=None)


def read_sources(path: str | Path) -> tuple[Table, Table]:
    """Read what `write_sources` wrote: sources, and tiles with their `meta`."""
    with fits.open(path, memmap=False) as hdus:
        sources, tiles = (Table(hdus[name].data) for name in ("SOURCES", "TILES"))
        header = hdus[0].header
        tiles.meta = {
            key: header[key] for key in ("PIXSCALE", "ZEROPT", "KIND", "CATALOG", "NOTES")
        }
    for key in ("CATALOG", "NOTES"):
        tiles.meta[key] = unquote(tiles.meta[key])
    if not isinstance(tiles.meta["ZEROPT"], int | float):
        tiles.meta["ZEROPT"] = np.nan
    for table in (sources, tiles):
        for name in table.colnames:
            table.replace_column(name, _native(table[name]))
    return sources, tiles


def _native(column: np.ndarray) -> np.ndarray:
    """Text as str, numbers in native byte order, for every library that is handed these."""
    column = np.asarray(column)
    if column.dtype.kind == "S":
        return np.char.decode(column, "utf-8", "replace")
    return column.astype(column.dtype.newbyteorder("="))


def iterate_sources(path: str | Path, names: Sequence[str], size: int) -> Iterator[Table]:
    """Read columns of the source list `size` rows at a time; an empty list is one part."""
    start, rows = 0, 1
    while start < rows:
        # Opened for each part, so that what was read leaves the memory.
        with fits.open(path, memmap=True, character_as_bytes=True) as hdus:
            rows = len(hdus["SOURCES"].data)
            part = hdus["SOURCES"].data[start : start + size]
            # astropy forgets this when it cuts.
            part._character_as_bytes = True
            found = Table({name: _native(part[name]) for name in names})
        yield found
        start += size


def read_notes(path: str | Path) -> list[str]:
    """What was noted of a field's catalogue, in sentences: values missing, rows not read."""
    return json.loads(read_sources(path)[1].meta["NOTES"])


def _selected(given: Given | None, select: dict, length: int) -> np.ndarray:
    chosen = np.ones(length, dtype=bool)
    if select and given is None:
        raise InputError("`select` needs a catalogue, and the field has none.")
    for key, (low, high) in select.items():
        values, _ = read_numbers(given, key)
        with np.errstate(invalid="ignore"):
            chosen &= np.isfinite(values)
            chosen &= (low is None) | (values >= (low if low is not None else 0))
            chosen &= (high is None) | (values <= (high if high is not None else 0))
    return chosen


def _check_duplicates(ids: np.ndarray, places: np.ndarray, catalogue) -> None:
    """Refuse one id at two positions; a source that is listed twice is allowed."""
    _, first, inverse, count = np.unique(
        ids, return_index=True, return_inverse=True, return_counts=True
    )
    repeated = np.flatnonzero(count[inverse] > 1)
    if len(repeated) == 0:
        return
    here, there = places[repeated], places[first[inverse[repeated]]]
    differ = ~np.all((here == there) | (np.isnan(here) & np.isnan(there)), axis=1)
    if differ.any():
        name = ids[repeated[differ][0]]
        raise InputError(
            f"{catalogue}: id {name} stands for sources at different positions "
            f"({np.count_nonzero(count > 1)} ids occur more than once), expected one row an id.\n"
            "Give another id column in `columns`, or correct the catalogue."
        )
    names = ", ".join(map(str, np.unique(ids[repeated])[:5]))
    log.warning(
        "%s: %d ids stand in more than one row, at the same position (%s): each row is kept and "
        "treated as a source of its own", catalogue, np.count_nonzero(count > 1), names,
    )  # fmt: skip


def _locate_in_images(
    given: Given,
    images: list[Image],
    tiles: Table,
    pattern: str,
    origin: int,
    columns: dict | None,
) -> Table:
    catalogue, roles, n = given.path, given.roles, len(given.table)
    ids = read_ids(given)
    ra, dec = read_sky(given)
    x, y = (read_numbers(given, role)[0] for role in ("x", "y"))
    has_sky, has_pixels = {"ra", "dec"} <= set(roles), {"x", "y"} <= set(roles)
    has_wcs = all(image.wcs for image in images)
    asked = {role for role in ("ra", "dec", "x", "y") if (columns or {}).get(role)}
    by_pixels = has_pixels and (asked == {"x", "y"} or not (has_sky and has_wcs))
    if by_pixels:
        x, y = x - origin, y - origin
        tile = _tile_by_file(given, images)
        inside = np.zeros(n, dtype=bool)
        for number, image in enumerate(images):
            here = tile == number
            with np.errstate(invalid="ignore"):
                inside |= here & (x >= -0.5) & (y >= -0.5)
                inside &= ~here | ((x < image.shape[1] - 0.5) & (y < image.shape[0] - 0.5))
            if image.wcs and not has_sky:
                known = here & np.isfinite(x) & np.isfinite(y)
                ra[known], dec[known] = pixel_to_sky(image.wcs, x[known], y[known])
        places = np.stack([tile, x, y], axis=1)
        tile = np.where(inside, tile, -1)
        x, y = np.where(inside, x, np.nan), np.where(inside, y, np.nan)
    elif has_sky and has_wcs:
        places = np.stack([ra, dec], axis=1)
        tile, x, y = assign_tiles(images, tiles, ra, dec)
    elif has_sky:
        without = next(image.path for image in images if not image.wcs)
        raise InputError(
            f"{without}: no WCS in the header, but {catalogue} gives only RA and Dec.\n"
            "Give pixel columns, `columns: {x: ..., y: ...}`, or images with a WCS."
        )
    else:
        raise InputError(
            f"{catalogue}: no position; expected columns 'ra' and 'dec' (deg), or 'x' and 'y' (px)."
            f" {suggest_columns(column_names(catalogue))}"
        )
    _check_duplicates(ids, places, catalogue)
    return Table({"ID": ids, "RA": ra, "DEC": dec, "TILE": tile.astype(np.int64), "X": x, "Y": y})


def _tile_by_file(given: Given, images: list[Image]) -> np.ndarray:
    catalogue, table, roles = given.path, given.table, given.roles
    if len(images) == 1:
        return np.zeros(len(table), dtype=np.int64)
    if "file" not in roles:
        raise InputError(
            f"{catalogue}: pixel positions with {len(images)} images, so it is not known which "
            "image each is in.\nAdd a column with the image's file name (`columns: {file: ...}`)."
        )
    paths: dict[str, list[int]] = defaultdict(list)
    for number, image in enumerate(images):
        paths[Path(image.path).name].append(number)
    names = np.ma.asarray(table[roles["file"]]).astype(str).filled("")
    known: dict[str, int] = {}
    for name in np.unique(names):
        same = paths.get(Path(str(name).strip()).name, [])
        hits = find_by_name(str(name), [images[number].path for number in same])
        if len(hits) > 1:
            raise InputError(
                f"{catalogue}: column '{roles['file']}' says {str(name)!r}, which stands for "
                f"{len(hits)} images, such as {images[same[hits[0]]].path}, expected one.\n"
                "Write their folders into the column, too."
            )
        known[str(name)] = same[hits[0]] if hits else -1
    return np.array([known[str(name)] for name in names], dtype=np.int64)


def _locate_cutouts(
    given: Given,
    images: list[Image],
    tiles: Table,
    pattern: str,
    origin: int,
    columns: dict | None,
) -> Table:
    catalogue = given.path
    available, by_file = column_names(catalogue), bool((columns or {}).get("file"))
    if "id" not in given.roles and not by_file and guess_roles(available, ["id"]):
        raise InputError(
            f"{catalogue}: no id column, by which its rows would find their cutouts. "
            f"{suggest_columns(available, ['id', 'mag', 'redshift'])}"
        )
    ids = read_ids(given)
    ra, dec = read_sky(given)
    if by_file:
        tile = _tile_by_file(given, images)
    else:
        tile = match_files(ids, [image.path for image in images], pattern)
    matched = tile >= 0
    if not matched.any():
        raise InputError(
            f"{catalogue}: no id (such as {ids[0]}) is in the name of a cutout (such as "
            f"{images[0].path}). Give the id column in `columns`, or the file's with `file`. "
            f"{suggest_columns(available, ['id', 'mag', 'redshift'])}"
        )
    _check_duplicates(ids, np.stack([ra, dec, tile], axis=1), catalogue)
    unused = sorted(set(range(len(images))) - set(tile.tolist()))
    if unused:
        names = ", ".join(Path(images[number].path).name for number in unused[:5])
        log.warning("%d cutouts are not in %s and are left out (%s)", len(unused), catalogue, names)
    if not matched.all():
        names = ", ".join(map(str, ids[~matched][:5]))
        log.warning("%d sources of %s have no cutout (%s)", (~matched).sum(), catalogue, names)
    centres = _centres(images)
    x, y = (np.where(matched, centres[tile, axis], np.nan) for axis in (0, 1))
    return Table({"ID": ids, "RA": ra, "DEC": dec, "TILE": tile, "X": x, "Y": y})


def _sources_of_files(paths: Sequence[str], images: list[Image], pattern: str) -> Table:
    """Every file is a source; one that cannot be read has a row, and no tile."""
    names = [_matched_part(path, pattern) for path in paths]
    if len(set(names)) < len(names):
        names = [_matched_part(path, pattern, folders=True) for path in paths]
    if len(set(names)) < len(names):
        names = [Path(path).stem for path in paths]
    plain = all(re.fullmatch(r"0|[1-9]\d{0,17}", name) for name in names)
    tile = {image.path: number for number, image in enumerate(images)}
    tile = np.array([tile.get(path, -1) for path in paths], dtype=np.int64)
    centres = np.where(tile[:, None] >= 0, _centres(images)[tile], np.nan)
    sky = np.full((len(paths), 2), np.nan)
    for row in np.flatnonzero(tile >= 0):
        if images[tile[row]].wcs:
            sky[row] = pixel_to_sky(images[tile[row]].wcs, *centres[row])
    return Table({
        "ID": np.array(names, dtype=np.int64 if plain else str),
        "RA": sky[:, 0],
        "DEC": sky[:, 1],
        "TILE": tile,
        "X": centres[:, 0],
        "Y": centres[:, 1],
    })  # fmt: skip


def _centres(images: list[Image]) -> np.ndarray:
    return np.array([[(image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2] for image in images])


def match_files(ids: np.ndarray, paths: Sequence[str], pattern: str) -> np.ndarray:
    """Find the file of each id by its name.

    An id is what the wildcards of the pattern matched, or else the end of it, or else a part of
    it, as whole tokens: id 10983 is in `ceers_f277w_10983`, and id 983 is not.

    Parameters
    ----------
    ids : ndarray
        Shape (N,), numbers or text.
    paths : sequence of str
    pattern : str
        The glob that found them.

    Returns
    -------
    ndarray of int64
        Shape (N,): index into `paths`, -1 without a file.

    Raises
    ------
    InputError
        If an id fits several files.
    """
    levels: list[dict[str, set[int]]] = [defaultdict(set) for _ in range(3)]
    for number, path in enumerate(paths):
        name = _matched_part(path, pattern)
        tokens = [token for token in re.split(r"[^0-9A-Za-z.+-]+", name) if token]
        levels[0][_key(name)].add(number)
        for start in range(len(tokens)):
            levels[1][_key("_".join(tokens[start:]))].add(number)
        for token in tokens:
            levels[2][_key(token)].add(number)
    keys = [_key(str(value)) for value in ids.tolist()]
    normal = [_key("_".join(t for t in re.split(r"[^0-9A-Za-z.+-]+", k) if t)) for k in keys]
    found = np.full(len(ids), -1, dtype=np.int64)
    for level, names in ((0, keys), (1, normal), (2, keys)):
        hits = [levels[level].get(name, ()) for name in names]
        if not any(hits):
            continue
        for row, files in enumerate(hits):
            if len(files) > 1:
                shown = ", ".join(Path(paths[f]).name for f in sorted(files)[:3])
                raise InputError(
                    f"Id {ids[row]} is in the names of {len(files)} cutouts ({shown}), expected "
                    "one.\nMake the glob narrower, or give a column with the file (`file`)."
                )
            if files:
                found[row] = next(iter(files))
        # One convention a field: mixing them would let a chance token stand in for an id.
        break
    return found


def _key(name: str) -> str:
    """Spelling that is compared: '00123', '123' and ' 123 ' are one id."""
    name = name.strip()
    return str(int(name)) if re.fullmatch(r"\d+", name) else name


def _matched_part(path: str, pattern: str, folders: bool = False) -> str:
    """What the wildcards of a glob matched in a path; the file's stem if they do not fit.

    Those of the file's name count, and where it has none, those of the last folder that has some;
    with `folders` all of them.
    """
    found: list[str] = []
    parts = zip(reversed(Path(path).parts), reversed(Path(pattern).parts), strict=False)
    for part, wild in parts:
        expression = "".join(
            {"*": "([^/]*)", "?": "([^/])"}.get(piece, re.escape(piece))
            for piece in re.split(r"([*?])", wild.replace("**", "*"))
        )
        match = re.fullmatch(expression, part)
        if not match or (found and not folders):
            break
        found = [*match.groups(), *found]
    return "_".join(found) if found else Path(path).name.split(".fit")[0]
