"""Inject galaxies and check whether they are detected, classified, and given the right class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morphovote.chain import Chain
from morphovote.fields.psf import field_psf
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.flags import EDGE, NO_DATA
from morphovote.logs import log
from morphovote.simulate.injection import inject, plan_injections
from morphovote.storage import shards

# Columns of the table, in order.
KEPT = ("row", "id", "type", "mag", "r_e", "axis_ratio", "tile", "tile_x", "tile_y", "snr", "flags")
KEPT += ("detected",)
NEEDS_IMAGES = "the field is made of cutouts, and galaxies can be injected into images only"
NEEDS_ONE_BAND = "the field has several bands, and galaxies can be injected into images of one only"


def inject_file(
    sources: str | Path,
    sky: Sequence[str | Path],
    psf: Sequence[str | Path],
    chain: Chain,
    output: str | Path,
    count: int,
    seed: int,
    cutout: dict,
    detects: bool,
    oversampling: float | None = None,
) -> None:
    """Inject galaxies into a field's images, take them through all stages, and write a table.

    Parameters
    ----------
    sources : path
        Of the field.
    sky : sequence of path
        One, or none.
    psf, oversampling
        See `psf.field_psf`.
    chain : Chain
        With classes.
    output : path
        An HDF5 table, one row per galaxy: see `injection.inject` and `Chain.follow`; and recovered.
    count, seed : int
        Galaxies to inject; seed of their types, light and positions.
    cutout : dict
        size (px), neighbours.
    detects : bool
        Whether the field detects its own sources: then a galaxy that is not detected is lost. A
        field with a catalogue takes its galaxies from there, so a usable cutout is enough.
    """
    table, tiles = read_sources(sources)
    attributes = {"seed": seed, "asked": count, "detects": detects, "missing": ""}
    needs = NEEDS_IMAGES if tiles.meta["KIND"] != "images" else ""
    needs = NEEDS_ONE_BAND if "BAND" in tiles.colnames else needs
    if needs:
        log.warning("nothing is injected: %s", needs)
        shards.write_shard(output, empty_table(), attributes | {"missing": needs})
        return
    selected = np.asarray(table["SELECTED"], dtype=bool)
    plan = plan_injections(count, np.asarray(table["MAG"], float)[selected], seed)
    at = field_psf(tiles, psf, oversampling)
    if at is None:
        log.warning("the field has no psf: injected galaxies are seen through that of HST/ACS")
    level = read_sky(sky[0]) if len(sky) else None
    cutouts = inject(plan, tiles, cutout["size"], cutout["neighbours"], at, seed, level)
    if not cutouts:
        text = "no free place with data all around was found in the images"
        shards.write_shard(output, empty_table(), attributes | {"missing": text})
        return
    result = {name: cutouts[name] for name in KEPT} | chain.follow(cutouts)
    result["recovered"] = is_recovered(result, detects)
    for name in ("id", "type"):
        result[name] = result[name].astype(object)
    shards.write_shard(output, result, attributes)
    log.info(
        "%d galaxies injected, %d detected, %d with their true class",
        len(result["row"]),
        result["detected"].sum(),
        result["recovered"].sum(),
    )


def is_recovered(found: dict[str, np.ndarray], detects: bool) -> np.ndarray:
    """Whether injected galaxies are in the catalogue with their true class."""
    seen = (found["flags"] & (NO_DATA | EDGE)) == 0
    if detects:
        seen &= found["detected"]
    return seen & (found["class_origin"] != "none") & (found["class"] == found["type"])


def empty_table() -> dict[str, np.ndarray]:
    """The columns of the table, without rows."""
    text = ("id", "type", "class", "class_second", "class_origin", "class_reason")
    whole = ("row", "tile", "flags", "group")
    truth = ("detected", "kept", "outlier", "recovered")
    number = ("mag", "r_e", "axis_ratio", "tile_x", "tile_y", "snr", "vote_fraction", "class_prob")
    kinds = {object: text, np.int64: whole, bool: truth, np.float32: number}
    return {name: np.zeros(0, kind) for kind, names in kinds.items() for name in names}
