"""Measure anchors as the field's galaxies are, and once more without noise: what errors are worth.

An anchor is put where it was put for the classes, on a section of the image as large as its
measurement needs. Its truth is the same light with next to no noise, through the same PSF on the
same pixels, measured in the same way.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.compute.processes import map_with_limit
from morphovote.fields.cutouts import BORDER
from morphovote.fields.images import read_section
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile, pixel_scatter
from morphovote.fields.psf_matching import cutout_psf
from morphovote.fields.psf_widths import different_psfs
from morphovote.fields.sky import Sky, read_sky, sky_section
from morphovote.fields.sources import read_sources
from morphovote.flags import BAD
from morphovote.logs import log, progress
from morphovote.measure.calibration import MEASURED, SIZED
from morphovote.measure.engines import ENGINES, LEVEL_LEFT
from morphovote.measure.morphology import (
    TIME_LIMIT,
    half_light_radius,
    measure_galaxy,
    prepare_psf,
)
from morphovote.measure.sections import first_sides, measure_section, warm_up
from morphovote.simulate.anchors import draw_anchor, measure_psf
from morphovote.simulate.galaxies import draw_psf
from morphovote.simulate.injection import Place, add_light
from morphovote.simulate.layered.kinds import KINDS, SPHEROID
from morphovote.simulate.places import anchor_places, lent_by_cutouts
from morphovote.simulate.truth import DISTURBED
from morphovote.storage import shards

# Anchors measured at most: enough for the bins, at a tenth of a second or two each.
MOST = 300
# Those below this S/N are not asked for, and bins of S/N and size from which as many are taken.
LEAST_SNR, BINS = 5.0, (6, 3)
# S/N of the truth.
CLEAN = 2000.0
# Scatter of the sky's level under the truth, in units of its noise; as `measure_section` has it.
KNOWN_SKY = 0.01
# What is told of bulge and disc, and where they were not fitted.
BULGES = {"bulge_fraction": np.nan, "bulge_fraction_err": np.nan, "bulge_disc_flag": -1}
NO_GALAXIES = ("UNC", "star", "artefact")


def measure_anchors_file(
    anchors: str | Path,
    sources: str | Path,
    sky: Sequence[str | Path],
    psf: Sequence[str | Path],
    cutouts: Sequence[str | Path],
    output: str | Path,
    *,
    size: int,
    engine: str,
    processes: int,
    oversampling: float | None = None,
    bulge_disc: bool = False,
) -> None:
    """Measure some anchors of a field, and write what was seen and what is true.

    Parameters
    ----------
    anchors : path
        From `making.make_anchors_file`.
    sources : path
    sky : sequence of path
        One, or none.
    psf, oversampling
        See `psf_matching.cutout_psf`.
    cutouts : sequence of path
        All shards; they lend the sky where the field has no images.
    output : path
        HDF5, one row an anchor: row, snr, size (half-light radius over the PSF's), measure_flag
        and true_flag; for each of `calibration.MEASURED` the value, true_<name> and <name>_err,
        lengths in px, angles in deg. The attribute psf_radius is the median of the PSFs' (px).
    size : int
        Side of a cutout (px), with which the places were found.
    engine : str
        Of `engines.ENGINES`.
    processes : int
    bulge_disc : bool
        Fit bulge and disc too: bulge_fraction, its error, bulge_disc_flag, and true_bulge_fraction,
        as drawn and NaN where a galaxy is not made of the two (`drawn_fraction`).
    """
    listed, tiles = read_sources(sources)
    made, seed = shards.read_shard(anchors), int(shards.read_attributes(anchors)["seed"])
    at = cutout_psf(tiles, psf, oversampling)
    psfs = (different_psfs(at, listed) if at else []) or [draw_psf()]
    radius = float(np.median([half_light_radius(one) for one in psfs]))
    chosen = choose_anchors(made)
    sides, areas = first_sides(np.pi * made["segment"][chosen].astype(float) ** 2)
    call = partial(
        _measure_one, tiles=tiles, cutouts=cutouts, size=size, seed=seed,
        sky=read_sky(sky[0]) if len(sky) else None, psf=at, tile=np.asarray(listed["TILE"]),
        measure=partial(measure_galaxy, engine=ENGINES[engine]), bulge_disc=bulge_disc,
    )  # fmt: skip
    if len(chosen):
        warm_up(bulge_disc)
    jobs = [
        (_planned(made, row, seed), int(made["row"][row]), int(first), int(side),
         float(made["true_snr"][row]))
        for row, first, side in zip(chosen, sides, areas, strict=True)
    ]  # fmt: skip
    found = {}
    results = map_with_limit(call, jobs, processes, 2 * TIME_LIMIT)
    for number, values, problem in progress(results, len(jobs), "anchors measured"):
        if values is None:
            log.debug("anchor %d: %s", jobs[number][1], problem or "no place")
            continue
        row = chosen[number]
        found[row] = values | {"row": made["row"][row], "snr": made["snr"][row]}
        found[row]["true_bulge_fraction"] = drawn_fraction(made, row)
    names = ["row", "snr", "size", "measure_flag", "true_flag"]
    names += [kind.format(name) for name in MEASURED for kind in ("{}", "true_{}", "{}_err")]
    names += (*BULGES, "true_bulge_fraction") if bulge_disc else ()
    table = {name: np.array([found[row][name] for row in sorted(found)], float) for name in names}
    log.info("%d of %d anchors measured", len(found), len(made["row"]))
    shards.write_shard(output, table, {"psf_radius": radius, "pixel_scale": tiles.meta["PIXSCALE"]})


def choose_anchors(made: dict[str, np.ndarray]) -> np.ndarray:
    """Rows of anchors to measure: galaxies, in turn from each bin of S/N and size.

    Parameters
    ----------
    made : dict of ndarray
        kind, snr, segment.

    Returns
    -------
    ndarray of int
        At most `MOST`, rising.
    """
    kinds = [str(kind).split()[0] if str(kind) else "" for kind in made["kind"]]
    use = np.flatnonzero((made["snr"] >= LEAST_SNR) & ~np.isin(kinds, NO_GALAXIES))
    if len(use) <= MOST:
        return use
    bins = []
    for name, count in zip(("snr", "segment"), BINS, strict=True):
        logs = np.log(np.maximum(made[name][use].astype(float), 1e-3))
        low, high = np.percentile(logs, (1, 99))
        share = (logs - low) / max(high - low, 1e-9)
        bins.append(np.clip((share * count).astype(int), 0, count - 1))
    number = bins[0] * BINS[1] + bins[1]
    turn = np.zeros(len(use), int)
    for one in np.unique(number):
        turn[number == one] = np.arange(np.count_nonzero(number == one))
    return np.sort(use[np.argsort(turn, kind="stable")[:MOST]])


def drawn_fraction(made: dict[str, np.ndarray], row: int) -> float:
    """True share of the bulge's light of an anchor.

    NaN where much of its light is in neither (`truth.disturbed_share`), and where its renderer drew
    one body of any Sersic index.
    """
    body = made["kind"][row] == KINDS[SPHEROID]
    return np.nan if body or made["disturbed"][row] >= DISTURBED else float(made["bulge"][row])


def _planned(made: dict[str, np.ndarray], row: int, seed: int) -> dict:
    """What `draw_anchor` needs to draw an anchor once more."""
    return {
        "renderer": str(made["renderer"][row]), "type": str(made["kind"][row]).split()[0],
        "flux": float(made["flux"][row]), "r_e": float(made["r_e"][row]),
        "stream": [seed, int(made["row"][row]), 1],
        "band": str(made["band"][row]) if "band" in made else None,
    }  # fmt: skip


def _measure_one(
    planned: dict,
    number: int,
    first: int,
    side: int,
    snr: float,
    *,
    tiles: Table,
    cutouts: Sequence,
    size: int,
    seed: int,
    sky: Sky | None,
    psf: Callable[[int, float, float], np.ndarray] | None,
    tile: np.ndarray,
    measure,
    bulge_disc: bool,
) -> dict[str, float] | None:
    """Seen and true values of one anchor; None without a place."""
    rng = np.random.default_rng([seed, number, 2])
    scale = float(tiles.meta["PIXSCALE"])
    with ExitStack() as stack:
        place = anchor_places(stack, tiles, cutouts, size, tile, sky)(rng, planned["band"])
        if place and not lent_by_cutouts(tiles):
            place = _widen(stack, tiles, place, size, side, sky)
    if place is None:
        return None
    x, y = (corner + at for corner, at in zip(place.corner, place.centre, strict=True))
    known = psf and psf(place.tile, x, y)
    blur = draw_psf() if known is None else known
    known = None if known is None else prepare_psf(blur)
    fwhm = measure_psf(blur)[0]
    light, _ = draw_anchor(planned, place.centre, len(place.section), blur, fwhm)
    section, rms = add_light(place.section, place.rms, light, place.variance, place.relative, rng)
    how = {"pixel_scale": scale, "psf": known, "measure": measure}
    level = sky.noise if sky and place.sky is not None else np.inf
    seen, _ = measure_section(
        section, rms, place.sky, *place.centre, first, place.relative, True, sky_noise=level,
        bulge_disc=0.0 if bulge_disc else np.inf, **how,
    )  # fmt: skip
    missing = missing_pixels(place.section, place.rms)
    noise = pixel_scatter(np.where(missing, 0, place.section)) * max(snr, 1.0) / CLEAN
    # The truth knows no edge: a ready-made cutout is short for the faint light that it shows.
    add = max(side - len(light), 0) // 2
    centre = tuple(at + add for at in place.centre)
    if add:
        light, _ = draw_anchor(planned, centre, len(light) + 2 * add, blur, fwhm)
        missing = np.zeros(light.shape, bool)
    clean = np.where(missing, np.nan, light + rng.normal(0, noise, light.shape)).astype(np.float32)
    same, zero = np.full(light.shape, noise, np.float32), np.zeros(light.shape, np.float32)
    true, messages = measure_section(
        clean, same, zero, *centre, first, False, True, sky_noise=KNOWN_SKY, **how
    )
    flag = true_flag(true["measure_flag"], messages)
    values = {"measure_flag": seen["measure_flag"], "true_flag": flag}
    if bulge_disc:
        values |= {name: seen.get(name, missed) for name, missed in BULGES.items()}
    for name in MEASURED:
        values |= {name: seen[name], f"true_{name}": true[name], f"{name}_err": seen[f"{name}_err"]}
    for kind in ("", "true_"):
        values[f"{kind}position_angle"] = float(np.degrees(values[f"{kind}position_angle"]))
        brightness = values[f"{kind}mag_sersic"]
        values[f"{kind}mag_sersic"] = -2.5 * np.log10(brightness) if brightness > 0 else np.nan
    return values | {"size": seen[SIZED] / half_light_radius(blur if known is None else known)}


def true_flag(flag: int, messages: Sequence[str]) -> int:
    """Flag of a truth, which next to no noise lets be called bad for the galaxy's own halo."""
    return flag & ~BAD if set(messages) == {LEVEL_LEFT} else flag


def _widen(
    stack: ExitStack, tiles: Table, place: Place, size: int, side: int, sky: Sky | None
) -> Place:
    """A larger section about the same place."""
    add = max((side - size - 2 * BORDER) // 2, 0)
    left, bottom = (corner - add for corner in place.corner)
    image, noise, convert, _ = open_tile(stack, tiles[place.tile])
    whole = size + 2 * BORDER + 2 * add
    section = read_section(image, bottom, left, whole, whole)
    rms = noise and convert(read_section(noise, bottom, left, whole, whole))
    level = sky and sky_section(sky, place.tile, bottom, left, whole, whole)
    centre = tuple(at + add for at in place.centre)
    return place._replace(section=section, rms=rms, sky=level, centre=centre, corner=(left, bottom))
