"""Draw anchors on a field's own sky, and encode them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.classify.anchors import CATALOGUED, segment_radius
from morphovote.embedding import BATCH, CUTOUT, Embedder
from morphovote.fields.psf_matching import cutout_psf
from morphovote.fields.psf_widths import different_psfs
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.flags import NO_DATA
from morphovote.logs import log, progress
from morphovote.simulate.anchors import (
    fit_factors,
    make_anchors,
    measure_psf,
    measure_sources,
    pilot_plan,
    plan_anchors,
)
from morphovote.simulate.galaxies import draw_psf
from morphovote.storage import shards

# Fewest galaxies with light from which fluxes and sizes can be drawn.
FEWEST_SOURCES = 5
TOO_FEW = "fewer than {} galaxies of the field are detected, too few to draw fluxes and sizes from"
NO_PLACE = "no free place with data all around was found"


def make_anchors_file(
    sources: str | Path,
    sky: Sequence[str | Path],
    psf: Sequence[str | Path],
    cutouts: Sequence[str | Path],
    embedder: Embedder,
    output: str | Path,
    count: int,
    seed: int,
    cutout: dict,
    oversampling: float | None = None,
) -> None:
    """Draw anchors on a field's own sky, encode them, and write them.

    Parameters
    ----------
    sources : path
    sky : sequence of path
        One, or none.
    psf, oversampling
        See `psf_matching.cutout_psf`.
    cutouts : sequence of path
        All shards.
    embedder : Embedder
    output : path
        HDF5: `classify.anchors.CATALOGUED` and embedding, one row an anchor. The attribute
        `missing` says why there is none.
    count, seed : int
        0 anchors give an empty file.
    cutout : dict
        size (px), neighbours.
    """
    table, tiles = read_sources(sources)
    level = read_sky(sky[0]) if len(sky) else None
    at = cutout_psf(tiles, psf, oversampling)
    if at is None and count:
        log.warning("the field has no psf: anchors are seen through that of HST/ACS, in pixels")
    about = {"asked": count, "seed": seed, "has_psf": at is not None}
    about |= {name: embedder.steps[name] for name in ("rotations", "polar", "input")}
    about |= {"encoder": embedder.encoder[1]["sha256"]}
    found, missing = _draw(table, tiles, cutouts, level, at, count, seed, cutout, embedder.threads)
    if missing:
        log.info("no anchors: %s", missing)
        shards.write_shard(output, empty_anchors(), about | {"missing": missing})
        return
    parts = []
    starts = range(0, len(found["x"]), BATCH)
    for start in progress(starts, len(starts), f"batches of {BATCH} anchors"):
        parts.append(embedder.embed({name: found[name][start : start + BATCH] for name in CUTOUT}))
    table = {name: found[name] for name in CATALOGUED} | {"embedding": np.concatenate(parts)}
    if found["band"].any():
        table["band"] = found["band"].astype(object)
    for name in ("id", "class", "clear", "kind", "renderer"):
        table[name] = table[name].astype(object)
    shards.write_shard(output, table, about | {"missing": ""})


def _draw(
    sources: Table,
    tiles: Table,
    cutouts: Sequence[str | Path],
    sky,
    psf: Callable[[int, float, float], np.ndarray] | None,
    count: int,
    seed: int,
    cutout: dict,
    threads: int,
) -> tuple[dict[str, np.ndarray], str]:
    """Anchors with cutouts and truth; or why there is none."""
    if not count:
        return {}, "none were asked for (classes.anchors: 0)"
    flux, radius, row = measure_sources(cutouts, seed)
    if len(flux) < FEWEST_SOURCES:
        return {}, TOO_FEW.format(FEWEST_SOURCES)
    psf_radius, band = _psf_radius(psf, sources), None
    if "BAND" in sources.colnames:
        band = np.asarray(sources["BAND"])[row]
        radii = {name: _psf_radius(psf, sources[sources["BAND"] == name]) for name in set(band)}
        psf_radius = np.array([radii[name] for name in band])
    how = (cutout["size"], cutout["neighbours"], psf, seed, sky, threads)
    how += (np.asarray(sources["TILE"]),)
    trial = pilot_plan(plan_anchors(count, flux, radius, psf_radius, seed, band=band))
    found = make_anchors(trial, tiles, cutouts, *how)
    factors = fit_factors(trial, found) if found else {}
    plan = plan_anchors(count, flux, radius, psf_radius, seed, factors, band)
    found = make_anchors(plan, tiles, cutouts, *how) if found else {}
    if not found or (found["flags"] & NO_DATA).all():
        return {}, NO_PLACE
    use = (found["flags"] & NO_DATA) == 0
    found = {name: values[use] for name, values in found.items()}
    found["segment"] = segment_radius(found["mask"])
    found["renderer"] = np.array([plan[row]["renderer"] for row in found["row"]])
    return found, ""


def _psf_radius(psf: Callable | None, sources: Table) -> float:
    """Median half-light radius (px) of the PSFs of some sources, or that of HST/ACS."""
    psfs = different_psfs(psf, sources) if psf else []
    return float(np.median([measure_psf(one)[1] for one in psfs or [draw_psf()]]))


def empty_anchors() -> dict[str, np.ndarray]:
    """The arrays of the file without a row."""
    kinds = {name: np.float32 for name in CATALOGUED}
    kinds |= {"row": np.int64, "flags": np.int32}
    kinds |= dict.fromkeys(("id", "class", "clear", "kind", "renderer"), object)
    table = {name: np.zeros(0, kind) for name, kind in kinds.items()}
    return table | {"embedding": np.zeros((0, 0), np.float32)}
