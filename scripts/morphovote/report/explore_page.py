"""The page on which people look at the galaxies: what it shows of each, and where on the map.

One HTML file that needs no server. Only where the galaxies are very many it loads other files:
their pictures, from a folder beside it. Its data are numbers in base64 and text that is only ever
set as text.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from astropy.table import Table

from morphovote import __version__
from morphovote.catalogue.columns import COLUMNS
from morphovote.catalogue.extra_columns import BULGE_DISC_COLUMNS
from morphovote.catalogue.reading import read_properties
from morphovote.classify.classes import CLASSES, class_style, order_names
from morphovote.compute.neighbours import nearest
from morphovote.config.roles import ROLES
from morphovote.errors import InputError
from morphovote.flags import FLAGS, MEASURE_FLAGS
from morphovote.report import diagnostics
from morphovote.report.atlas import LINE, SHEET, Atlas
from morphovote.report.pages import fill_page
from morphovote.storage import shards
from morphovote.storage.numbers import read_numbers, read_rows

# Galaxies beside the map's own are placed between so many of them that are nearest.
PLACED_BY = 5
# At most so many galaxies are on the page; of larger fields those of the map and a random sample.
MOST = 100_000
# Bytes of the source catalogue's columns on the page, and for each of very many galaxies; those
# that do not fit are left out.
COLUMN_ROOM, COLUMN_ROOM_EACH = 5_000_000, 250
# What the catalogue says of columns that only some fields have.
MORE = {column.description for column in BULGE_DISC_COLUMNS}
# Whole numbers beyond this lose digits in JavaScript.
EXACT = 2**53


def read_map(
    numbers: str | Path, components: str | Path, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places on the map that `figures.tsne` has written: rows of the components, and places (M, 2).

    Raises
    ------
    InputError
        If the table is of other galaxies.
    """
    index = diagnostics.choose_mapped(
        shards.read_shard(components, ["component"])["component"], seed
    )
    table = read_numbers(numbers)
    if len(table) != len(index):
        raise InputError(
            f"{numbers}: has {len(table)} galaxies, expected the {len(index)} of {components}. "
            "Delete it and run the workflow again."
        )
    if not len(index):
        return index, np.empty((0, 2))
    places = [np.asarray(table[name], dtype=float) for name in ("x", "y")]
    return index, np.column_stack(places)


def place_galaxies(
    component: np.ndarray, index: np.ndarray, position: np.ndarray
) -> tuple[str, np.ndarray]:
    """Places of all galaxies on the map.

    Parameters
    ----------
    component : ndarray, shape (N, P)
        All finite.
    index : ndarray of int, shape (M,)
        Those that the map was made of.
    position : ndarray, shape (M, 2)

    Returns
    -------
    name : str
        What the map is: t-SNE, or the first two components if there is none.
    places : ndarray, shape (N, 2)
        A galaxy that the map was not made of lies between its nearest ones that it was made of,
        nearer ones counting more.
    """
    if not len(index):
        both = np.zeros((len(component), 2))
        width = min(2, component.shape[1])
        both[:, :width] = component[:, :width]
        return "components", both
    places = np.empty((len(component), 2))
    places[index] = position
    others = np.setdiff1d(np.arange(len(component)), index)
    if len(others):
        near, away = nearest(component[others], component[index], PLACED_BY)
        weight = 1 / np.maximum(away, 1e-9)
        weight /= weight.sum(axis=1, keepdims=True)
        places[others] = np.einsum("nk,nkd->nd", weight, position[near])
    return "t-SNE", places


def order_along_curve(places: np.ndarray) -> np.ndarray:
    """Order of places (N, 2) along a Z-shaped curve: galaxies that look alike follow each other."""
    if not len(places):
        return np.zeros(0, int)
    low, span = places.min(axis=0), np.maximum(np.ptp(places, axis=0), 1e-30)
    cell = ((places - low) / span * 1023).astype(np.int64)
    key = np.zeros(len(places), np.int64)
    for bit in range(10):
        for axis in range(2):
            key |= ((cell[:, axis] >> bit) & 1) << (2 * bit + axis)
    return np.argsort(key, kind="stable")


def read_shown(
    neighbours: str | Path, components: str | Path, index: np.ndarray, position: np.ndarray
) -> dict:
    """Which galaxies the page shows, in its order, their places and their similar galaxies.

    Parameters
    ----------
    neighbours, components : path
        neighbours.h5 and components.h5 of a field, which have the same rows.
    index, position : ndarray
        Which rows of `components` the map was made of, and their places.

    Returns
    -------
    dict
        row (catalogue), candidate (1 drawn at random, 2 drawn because strange, 0 not drawn on a map
        of more galaxies than fit: see `similarity.choose_candidates`), isolation, map, places,
        component (the first two), neighbour (as places in this order, -1 none), distance.

    Raises
    ------
    InputError
        If the two files have other rows.
    """
    found = shards.read_shard(neighbours)
    table = shards.read_shard(components, ["row", "component"])
    if not np.array_equal(found["row"], table["row"]):
        raise InputError(
            f"{neighbours}: its rows are not those of {components}, expected the same galaxies. "
            f"{shards.remedy(neighbours)}"
        )
    chosen = _choose_shown(found)
    rank = np.cumsum(chosen) - 1
    on_map = chosen[index]
    component = table["component"][chosen]
    name, places = place_galaxies(component, rank[index[on_map]], position[on_map])
    order = order_along_curve(places)
    arrays = {
        key: found[key][chosen][order]
        for key in ("row", "isolation", "neighbour", "distance", "candidate")
    }
    back = np.full(int(found["row"].max(initial=-1)) + 2, -1, np.int32)
    back[arrays["row"]] = np.arange(len(order))
    neighbour = np.where(arrays["neighbour"] >= 0, back[arrays["neighbour"]], -1)
    first = np.zeros((len(order), 2))
    width = min(2, component.shape[1]) if component.ndim == 2 else 0
    first[:, :width] = component[order, :width]
    return arrays | {
        "neighbour": neighbour.astype(np.int32),
        "map": name,
        "places": places[order],
        "component": first,
    }


def _choose_shown(found: dict[str, np.ndarray]) -> np.ndarray:
    """Which galaxies (N,) the page has: candidates for similar ones, and all others that fit."""
    chosen = found["candidate"] > 0
    others = np.flatnonzero(np.isfinite(found["isolation"]) & ~chosen)
    free = max(MOST - np.count_nonzero(chosen), 0)
    if len(others) > free:
        others = np.random.default_rng(0).choice(others, free, replace=False)
    chosen[others] = True
    return chosen


def _pack(values: np.ndarray) -> dict:
    """An array as base64 of its bytes, with its type."""
    values = np.ascontiguousarray(values)
    little = values.astype(values.dtype.newbyteorder("<"))
    return {
        "type": f"{values.dtype.kind}{values.dtype.itemsize}",
        "data": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def _unpack(packed: dict) -> np.ndarray | None:
    """Numbers of a packed column in single precision; None for text."""
    if "texts" in packed:
        return None
    kind = np.dtype(f"<{packed['type']}")
    return np.frombuffer(base64.b64decode(packed["data"]), kind).astype(np.float32)


def pack_column(values: pyarrow.ChunkedArray) -> dict | None:
    """A column of the catalogue for the page.

    Returns
    -------
    dict or None
        `type` and `data`; text has `texts` and each galaxy's place among them. None for columns
        that are neither numbers, truth values nor text.
    """
    kind = values.type
    if pyarrow.types.is_boolean(kind):
        if values.null_count:
            return _pack(values.cast("int8").to_numpy(zero_copy_only=False).astype("f4"))
        return _pack(values.to_numpy().astype("u1")) | {"truth": True}
    if pyarrow.types.is_integer(kind):
        known = values.drop_null().to_numpy()
        largest = (
            max((abs(int(known.min())), abs(int(known.max()))), default=0) if len(known) else 0
        )
        if largest >= EXACT:
            values = values.cast("string")
        elif values.null_count:
            return _pack(values.to_numpy().astype("f8")) | {"whole": True}
        else:
            form = "i4" if largest < 2**31 else "f8"
            return _pack(values.to_numpy().astype(form)) | {"whole": True}
    elif pyarrow.types.is_floating(kind):
        data = values.to_numpy()
        return _pack(data if data.dtype.itemsize in (4, 8) else data.astype("f4"))
    if not pyarrow.types.is_string(values.type):
        return None
    texts, place = np.unique(
        np.array(["" if text is None else text for text in values.to_pylist()], dtype=object),
        return_inverse=True,
    )
    return _pack(place.astype("i4")) | {"texts": texts.tolist()}


def read_table(path: str | Path, rows: np.ndarray) -> tuple[list[dict], list[str], int]:
    """Columns of the catalogue for the page, its own before those of the source catalogue.

    Parameters
    ----------
    path : path
        catalogue.parquet, whose names and missing values are those of the source catalogue.
    rows : ndarray of int

    Returns
    -------
    columns : list of dict
        name, unit, about, ucd, own, and what `pack_column` returns.
    left_out : list of str
        Names of columns for which there is no room, or which hold lists.
    sources : int
        Rows of the catalogue.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        file = pyarrow.parquet.ParquetFile(path)
        schema, sources = file.schema_arrow, file.metadata.num_rows
        columns, left_out, room = [], [], max(COLUMN_ROOM, COLUMN_ROOM_EACH * len(rows))
        own = {column.name for column in COLUMNS} - {"ID"}
        last = max((i for i, field in enumerate(schema) if field.name in own), default=0)
        for i, field in enumerate(schema):
            if field.name == "ID" and i == 0:
                continue
            notes = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
            about = notes.get("description", "")
            is_own = i <= last or about in MORE or about.startswith("Probability that the")
            if not is_own and room <= 0:
                left_out.append(field.name)
                continue
            packed = pack_column(file.read([field.name]).column(0).take(rows))
            if packed is None:
                left_out.append(field.name)
                continue
            if not is_own:
                room -= len(packed["data"])
            columns.append(
                {"name": field.name, "unit": notes.get("unit", ""), "ucd": notes.get("ucd", ""),
                 "about": notes.get("description", ""), "own": is_own} | packed
            )  # fmt: skip
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({error}). Delete it and run the workflow again."
        ) from error
    return columns, left_out, sources


def read_ids(path: str | Path, rows: np.ndarray) -> list[str]:
    """Identifiers of the galaxies, as text."""
    column = pyarrow.parquet.read_table(path, columns=["ID"]).column(0).take(rows)
    return ["" if value is None else str(value) for value in column.to_pylist()]


def role_columns(properties: Table, rows: np.ndarray, columns: Sequence[dict]) -> list[dict]:
    """Magnitude, redshift and the like as the workflow used them, where they are given.

    A column of the catalogue with the same name and values has the role itself: it gets `role`.
    """
    known, found = {column["name"]: column for column in columns}, []
    for name in properties.colnames:
        values = np.asarray(properties[name], dtype=np.float32)[rows]
        if not np.isfinite(values).any():
            continue
        role = ROLES[name.lower()]
        same = known.get(name)
        theirs = None if same is None else _unpack(same)
        if theirs is not None and np.array_equal(theirs, values, equal_nan=True):
            same["role"] = name.lower()
            continue
        found.append(
            {"name": name if same is None else f"{name} (used)", "unit": role.unit, "ucd": "",
             "about": f"{role.meaning} As used by the workflow.", "own": True,
             "role": name.lower(), "extra": True} | _pack(values)
        )  # fmt: skip
    return found


def read_order(path: str | Path, ids: Sequence[str], rows: np.ndarray) -> list[list]:
    """Galaxies to be labelled next, in order: [place on the page, whether drawn at random].

    The table has ID and RANDOM, and may have ROW (of the catalogue), which then counts.
    """
    by_id, by_row = ({key: i for i, key in enumerate(keys)} for keys in (ids, rows.tolist()))
    order = []
    for row in read_rows(path):
        entry = {key.upper(): value for key, value in row.items()}
        here = by_row.get(entry["ROW"]) if "ROW" in entry else by_id.get(str(entry.get("ID")))
        if here is not None:
            order.append([here, entry.get("RANDOM") in (True, 1, "true")])
    return order


def page_data(
    field: str,
    shown: dict,
    catalogue: str | Path,
    sources: str | Path,
    votes: str | Path,
    names: dict,
    atlas: Atlas,
    to_label: str | Path,
) -> dict:
    """All that the page contains, except the pictures.

    Parameters
    ----------
    field : str
    shown : dict
        From `read_shown`.
    catalogue, sources, votes : path
        catalogue.parquet, sources.fits and votes.h5 of the field.
    names : dict
        The groups' names: names.yaml.
    atlas : Atlas
    to_label : path
        The table of galaxies to be labelled next.

    Returns
    -------
    dict
        For JSON: no NaN.
    """
    rows = shown["row"]
    columns, left_out, count = read_table(catalogue, rows)
    ids = read_ids(catalogue, rows)
    extra = role_columns(read_properties(sources), rows, columns)
    extra += [
        {"name": name, "unit": "", "ucd": "", "about": about, "own": True, "extra": True}
        | _pack(values.astype(np.float32))
        for name, about, values in (
            ("ISOLATION", "Mean distance of small polar pictures to those of the nearest reference "
             "galaxies; STRANGENESS is its rank", shown["isolation"]),
            ("component 1", "First principal component", shown["component"][:, 0]),
            ("component 2", "Second principal component", shown["component"][:, 1]),
        )
    ]  # fmt: skip
    cast = shards.read_shard(votes, ["row", "counts"])
    counts = _counts(rows, cast)
    own = names.get("classes") or {}
    present = [c["texts"] for c in columns if c["name"] == "CLASS" and "texts" in c]
    order = order_names([*CLASSES, *own, *(present[0] if present else [])])
    identity = hashlib.sha256("\n".join(sorted(ids)).encode("utf-8", "replace")).hexdigest()
    return {
        "field": field,
        "version": __version__,
        "identity": identity[:16],
        "sources": count,
        "ids": ids,
        "row": _pack(rows.astype("i4")),
        "candidate": _pack(shown["candidate"].astype("u1")),
        "map": shown["map"],
        "places": _pack(shown["places"].astype("f4")),
        "neighbour": _pack(shown["neighbour"]),
        "near": int(shown["neighbour"].shape[1]),
        "distance": _pack(shown["distance"].astype("f4")),
        "columns": [*extra, *columns],
        "leftOut": left_out,
        "counts": _pack(counts.astype("u2")),
        "groups": int(counts.shape[1]),
        "groupClass": {str(n): str(e.get("class", "")) for n, e in names["groups"].items()},
        "named": names.get("origin") == "file",
        "classes": [
            {"name": name, "colour": class_style(name, order)[0],
             "marker": class_style(name, order)[1], "standard": name in CLASSES,
             "meaning": CLASSES[name].meaning if name in CLASSES else str(own.get(name, ""))}
            for name in order
        ],
        "flags": [[name, bit, meaning] for name, (bit, meaning) in FLAGS.items()],
        "measureFlags": [[name, bit, meaning] for name, (bit, meaning) in MEASURE_FLAGS.items()],
        "pictures": {"side": atlas.side, "sheet": SHEET, "line": LINE, "peak": _pack(atlas.peak),
                     "width": atlas.width, "folder": atlas.folder, "key": atlas.key},
        "toLabel": read_order(to_label, ids, rows),
    }  # fmt: skip


def _counts(rows: np.ndarray, cast: dict[str, np.ndarray]) -> np.ndarray:
    """Votes (N, K) for each group of the galaxies in `rows`, 0 where a galaxy has none."""
    counts = np.zeros((len(rows), cast["counts"].shape[1]), np.int64)
    place = np.searchsorted(cast["row"], rows)
    place = np.minimum(place, len(cast["row"]) - 1)
    if len(cast["row"]):
        here = cast["row"][place] == rows
        counts[here] = cast["counts"][place[here]]
    return counts


def render_explore_page(
    template: str | Path,
    styles: Sequence[str | Path],
    scripts: Sequence[str | Path],
    data: dict,
    atlas: Atlas,
) -> str:
    """Fill the page's template; see `pages.fill_page`."""
    pieces = bool(atlas.folder)
    return fill_page(template, styles, scripts, data, sheets=atlas.sheets, pieces=pieces)
