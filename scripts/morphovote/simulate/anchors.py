"""Anchors: simulated galaxies of known class, as the field's own telescope would have seen them.

Each takes the flux and the size of a galaxy of the field, drawn at random, and is put on a piece of
the field's own sky. Half of them are drawn by `galaxies`, half by the independent renderer in
`layered`, so that no renderer's habits are taken for a class. Lengths are in pixels: what counts is
how the galaxy falls on the pixels and the PSF.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context

import galsim
import numpy as np
import torch
from astropy.table import Table
from scipy.signal import fftconvolve

from morphovote.fields.cutouts import BORDER
from morphovote.fields.sky import Sky
from morphovote.flags import NO_DATA, OWN
from morphovote.logs import log, progress
from morphovote.simulate.galaxies import PIXEL_SCALE, ZERO_POINT, draw_psf, make_galaxy
from morphovote.simulate.injection import cut_light, draw_profile_light
from morphovote.simulate.layered.galaxies import draw_galaxies
from morphovote.simulate.layered.images import draw_galaxy_light
from morphovote.simulate.layered.kinds import ARTEFACT, IRREGULAR, KINDS, SPHEROID, STAR, Population
from morphovote.simulate.places import anchor_places
from morphovote.simulate.survey import signal_to_noise
from morphovote.simulate.truth import (
    NEAR,
    Truth,
    classify_truth,
    disturbed_share,
    split_sersic,
)
from morphovote.storage.shards import count_rows, iterate_batches

# Types of galaxies of each renderer, with their shares: so that by the rule of `truth` all classes
# are about equally common.
TYPES = {
    "sersic": {"SPH": 0.19, "ETD": 0.17, "LTD": 0.18, "IRR": 0.26, "UNC": 0.2},
    "layered": dict(
        zip(KINDS, (0.18, 0.12, 0.15, 0.07, 0.03, 0.18, 0.17, 0.05, 0.05), strict=True)
    ),
}
# Of the second renderer also discs clumpier and more lopsided, as those at high redshift are.
WIDE = Population(clumpy=0.5, clumps=(0.03, 0.4), lopsided=1.5)
# Smallest Sersic index of a spheroid: below it, a single body is a disc by the rule of `truth`.
LEAST_INDEX = 2.0
# Apparent size of each type over that of the galaxies of the same field and flux: at one stellar
# mass early types have about half the radius of late ones (van der Wel et al. 2014, fig. 5).
COMPACT = {
    "SPH": 0.7, "ETD": 0.9, "LTD": 1.3, "IRR": 1.3, "UNC": 1.0,
    "spheroid": 0.7, "smooth_disc": 0.9, "spiral": 1.3, "edge_on": 1.2, "ring": 1.3,
    "irregular": 1.3, "merger": 1.2, "star": 1.0, "artefact": 1.0,
}  # fmt: skip
# Scatter of the sizes (dex) and fluxes (mag).
SIZE_SCATTER, FLUX_SCATTER = 0.1, 0.1
# True half-light radius and flux over those inside the segment, until anchors of the type have been
# seen; how many are drawn to see it; and the largest factor by which that can change them.
TRUNCATED, INSIDE, PILOTS, MOST = 1.7, 1.2, 8, 2.0
# Galaxies of the field that fluxes and sizes are drawn from, at most; and their least S/N.
SAMPLE, SEEN = 5_000, 3.0
# Anchors drawn by one job.
BATCH = 20
# FWHM (px) of the PSF for which the sizes of stars and ghosts were set.
HST_FWHM = 3.67


def measure_sources(cutouts: Sequence, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fluxes and half-light radii of a field's galaxies inside their segments.

    Parameters
    ----------
    cutouts : sequence of path
        All shards.
    seed : int
        Of the sample, `SAMPLE` galaxies at most.

    Returns
    -------
    flux, radius : ndarray, shape (N,)
        In the unit of the images; px, not deconvolved.
    row : ndarray of int, shape (N,)
        Which source each is.
    """
    total = sum(count_rows(path) for path in cutouts)
    share = min(1.0, SAMPLE / max(total, 1))
    rng = np.random.default_rng([seed, 0])
    flux, radius, row = [], [], []
    for path in cutouts:
        for batch in iterate_batches(path, ["row", "image", "mask", "flags", "snr"], 256):
            use = ((batch["flags"] & NO_DATA) == 0) & (batch["snr"] >= SEEN)
            for i in np.flatnonzero(use & (rng.random(len(use)) < share)):
                image, mask = batch["image"][i], batch["mask"][i]
                found = segment_half_light(image, mask)
                light = float(image[(mask & OWN) > 0].sum())
                if found is not None and light > 0:
                    flux.append(light)
                    radius.append(found)
                    row.append(batch["row"][i])
    return np.array(flux), np.array(radius), np.array(row, dtype=np.int64)


def _half_light_radius(rows: np.ndarray, columns: np.ndarray, light: np.ndarray) -> float:
    """Radius (px) about the centroid that holds half of some pixels' light."""
    centre = rows @ light / light.sum(), columns @ light / light.sum()
    distance = np.hypot(rows - centre[0], columns - centre[1])
    order = np.argsort(distance, kind="stable")
    inside = np.cumsum(light[order])
    return float(np.interp(0.5 * inside[-1], inside, distance[order]))


def measure_psf(psf: np.ndarray) -> tuple[float, float]:
    """FWHM and half-light radius (px) of a PSF."""
    fine = galsim.InterpolatedImage(galsim.Image(psf.astype(float), scale=1.0), flux=1.0)
    shown = fine.drawImage(nx=200, ny=200, scale=0.1, method="no_pixel").array
    fwhm = 0.1 * 2 * np.sqrt((shown > shown.max() / 2).sum() / np.pi)
    rows, columns = np.indices(psf.shape)
    light = np.maximum(psf, 0).ravel().astype(float)
    return float(fwhm), _half_light_radius(rows.ravel(), columns.ravel(), light)


def plan_anchors(
    count: int,
    flux: np.ndarray,
    radius: np.ndarray,
    psf_radius: float | np.ndarray,
    seed: int,
    factors: dict[tuple[str, str], tuple[float, float]] | None = None,
    band: np.ndarray | None = None,
) -> list[dict]:
    """Renderer, flux and size of each anchor.

    Parameters
    ----------
    count : int
    flux, radius : ndarray, shape (N,)
        From `measure_sources`.
    psf_radius : float or ndarray, shape (N,)
        Half-light radius of the PSF (px), or of that of each of the sources.
    seed : int
        Anchor i has its own random stream, whatever the number of anchors.
    factors : dict of (float, float), optional
        From `fit_factors`: true half-light radius and flux over those inside the segment, by
        renderer and type.
    band : ndarray of str, shape (N,), optional
        Of the sources, in a field with several: an anchor is put into the band of the source whose
        flux and size it takes.

    Returns
    -------
    list of dict
        renderer, type, flux (unit of the images), r_e (px), stream; wanted, the half-light radius
        (px, PSF taken off) and flux inside the segment; psf_radius (px); band, None without bands.
    """
    factors, plan = factors or {}, []
    psf_radius = np.broadcast_to(psf_radius, len(flux))
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        pick = int(rng.integers(len(flux)))
        renderer = ("sersic", "layered")[i % 2]
        kinds = TYPES[renderer]
        kind = str(rng.choice(list(kinds), p=list(kinds.values())))
        size = float(deconvolve(radius[pick], psf_radius[pick])) * COMPACT[kind]
        size *= 10 ** rng.normal(0, SIZE_SCATTER)
        light = flux[pick] * 10 ** (0.4 * rng.normal(0, FLUX_SCATTER))
        larger, brighter = factors.get((renderer, kind), (TRUNCATED, INSIDE))
        plan.append(
            {
                "renderer": renderer,
                "type": kind,
                "wanted": (size, light),
                "r_e": larger * size,
                "flux": brighter * light,
                "stream": [seed, i, 1],
                "psf_radius": float(psf_radius[pick]),
                "band": None if band is None else str(band[pick]),
            }
        )
    return plan


def deconvolve(radius: np.ndarray | float, psf_radius: float) -> np.ndarray | float:
    """Radius (px) without the PSF's, which is taken off in squares; at least 0.3 of that."""
    return np.sqrt(np.maximum(radius**2 - psf_radius**2, (0.3 * psf_radius) ** 2))


def pilot_plan(plan: list[dict]) -> list[dict]:
    """The first `PILOTS` anchors of each type of each renderer."""
    counts, chosen = Counter(), []
    for planned in plan:
        key = planned["renderer"], planned["type"]
        counts[key] += 1
        if counts[key] <= PILOTS:
            chosen.append(planned)
    return chosen


def fit_factors(
    plan: list[dict], pilots: dict[str, np.ndarray]
) -> dict[tuple[str, str], tuple[float, float]]:
    """True half-light radius and flux over those inside the segment, by renderer and type.

    How much of a galaxy lies above the noise depends on its profile and on the depth of the field,
    so anchors drawn with `TRUNCATED` and `INSIDE` are measured as the field's galaxies are.

    Parameters
    ----------
    plan : list of dict
        Of the pilots.
    pilots : dict of ndarray
        From `make_anchors`.
    """
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for number, image, mask in zip(pilots["row"], pilots["image"], pilots["mask"], strict=True):
        radius, light = segment_half_light(image, mask), float(image[(mask & OWN) > 0].sum())
        planned = plan[number]
        if radius is not None and light > 0:
            size, flux = planned["wanted"]
            ratios = size / float(deconvolve(radius, planned["psf_radius"])), flux / light
            found.setdefault((planned["renderer"], planned["type"]), []).append(ratios)
    change = {
        key: np.clip(np.median(ratios, axis=0), 1 / MOST, MOST) for key, ratios in found.items()
    }
    return {key: (TRUNCATED * float(r), INSIDE * float(f)) for key, (r, f) in change.items()}


def segment_half_light(image: np.ndarray, mask: np.ndarray) -> float | None:
    """Half-light radius (px) inside the segment of one cutout; None without light."""
    rows, columns = np.nonzero(mask & OWN)
    light = np.maximum(image[rows, columns].astype(float), 0)
    return _half_light_radius(rows, columns, light) if light.sum() > 0 else None


def draw_anchor(
    planned: dict, centre: tuple[float, float], side: int, psf: np.ndarray, fwhm: float
) -> tuple[np.ndarray, Truth]:
    """Light of one anchor on a section of sky, seen through the PSF, and its true parameters.

    Parameters
    ----------
    planned : dict
        From `plan_anchors`.
    centre : (float, float)
        x and y in the section (px).
    side : int
        Side of the section (px).
    psf : ndarray
        At the image's pixel scale, with the pixel response, of sum 1.
    fwhm : float
        Of the PSF (px).

    Returns
    -------
    light : ndarray, shape (side, side), float32
        In the unit of the image, without noise.
    truth : Truth
    """
    rng = np.random.default_rng(planned["stream"])
    draw = _draw_sersic if planned["renderer"] == "sersic" else _draw_layered
    return draw(planned, rng, centre, side, psf, fwhm)


def _draw_sersic(planned, rng, centre, side, psf, fwhm) -> tuple[np.ndarray, Truth]:
    # This renderer's arcsec are a telescope's: 0.03 of them are a pixel, whatever the survey's.
    magnitude = ZERO_POINT - 2.5 * np.log10(planned["flux"])
    profile, found = make_galaxy(planned["type"], rng, magnitude, planned["r_e"] * PIXEL_SCALE)
    r_e = found["R_E"] / PIXEL_SCALE
    if planned["type"] == "UNC":
        profile, r_e = profile.dilate(fwhm / HST_FWHM), r_e * fwhm / HST_FWHM
    light = draw_profile_light(profile, centre, side, PIXEL_SCALE, psf)
    bulge, disc = (found["BT"], 1 - found["BT"]) if np.isfinite(found["BT"]) else (0.0, 1.0)
    if planned["type"] == "UNC":
        bulge, disc = split_sersic(found["SERSIC_N"])
    kind = " ".join(text for text in (planned["type"], found["SUBTYPE"]) if text)
    known = found["SUBTYPE"] not in ("unresolved", "ghost")
    q = float(found["AXIS_RATIO"])
    return light, Truth(kind, known, bulge, disc, float(found["DISTURBED"]), q, r_e)


def _draw_layered(planned, rng, centre, side, psf, fwhm) -> tuple[np.ndarray, Truth]:
    seed = int(rng.integers(2**31))
    with torch.inference_mode():
        shares = tuple(float(kind == planned["type"]) for kind in KINDS)
        galaxy = draw_galaxies(seed, 1, WIDE._replace(shares=shares))
        body = galaxy["kind"] == SPHEROID
        galaxy["n"] = torch.where(body[:, None], galaxy["n"].clamp(min=LEAST_INDEX), galaxy["n"])
        view = {
            "scale": torch.tensor([max(planned["r_e"], 0.5)]),
            "turn": torch.tensor([rng.uniform(0, 2 * np.pi)]),
            "hand": torch.tensor([float(rng.choice([-1, 1]))]),
            "x": torch.tensor([centre[0]]),
            "y": torch.tensor([centre[1]]),
        }
        view = {name: value.float() for name, value in view.items()}
        light = draw_galaxy_light(galaxy, view, side)[0].numpy()
    # Samples of a pixel miss a star, and add up to more than all of a cusp.
    whole = float(light.sum()) if planned["type"] == KINDS[STAR] else max(float(light.sum()), 1.0)
    light = fftconvolve(light, psf, mode="same") * (planned["flux"] / max(whole, 1e-6))
    return light.astype(np.float32), describe_layered(galaxy, planned["r_e"])


def describe_layered(galaxy: dict[str, torch.Tensor], r_e: float) -> Truth:
    """True parameters of one galaxy of the second renderer, in the terms of the rule.

    Parameters
    ----------
    galaxy : dict of Tensor
        From `layered.galaxies.draw_galaxies`, of one galaxy.
    r_e : float
        Its unit of length (px).
    """
    one = {name: value[0] for name, value in galaxy.items() if name not in ("map",)}
    kind, bulge = int(one["kind"]), float(one["bulge"][0])
    single = bulge >= 1
    bulge, disc = split_sersic(float(one["n"][0])) if single else (bulge, 1 - bulge)
    together = float(torch.hypot(one["x"][1], one["y"][1])) < NEAR
    companion = float(one["flux"][1]) if bool(one["present"][1]) and together else 0.0
    clumps, lopsided = float(one["clumpiness"]), float(one["lopsided"])
    if kind == IRREGULAR:
        # Patches of light that follow no pattern: half of the mean deviation of a lognormal field.
        clumps = clumps + (1 - clumps) * disc * float(
            torch.erf(one["flocculence"] / (2 * np.sqrt(2)))
        )
        lopsided = max(lopsided, 0.3) if clumps > 0.5 else lopsided
    disturbed = disturbed_share(clumps, lopsided * disc, float(one["tails"]), companion)
    q = float(one["q"][0]) if single else float(one["cos_i"][0])
    known = kind not in (STAR, ARTEFACT)
    return Truth(KINDS[kind], known, bulge, disc, disturbed, q, r_e)


def make_anchors(
    plan: list[dict],
    tiles: Table,
    cutouts: Sequence,
    size: int,
    neighbours: str,
    psf: Callable[[int, float, float], np.ndarray] | None,
    seed: int,
    sky: Sky | None = None,
    threads: int = 1,
    tile: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Draw every planned anchor on sky of the field, and cut it out like the field's own galaxies.

    Parameters
    ----------
    plan : list of dict
        From `plan_anchors`.
    tiles : Table
        From `sources.read_sources`.
    cutouts : sequence of path
        All shards; they lend the sky where the field has no images.
    size : int
        Side of a cutout (px).
    neighbours : {'mask', 'keep'}
    psf : callable or None
        Tile, x, y -> the PSF there (`draw_anchor`), from `psf.field_psf`; None is that of HST/ACS.
    seed : int
    sky : Sky, optional
        Of the images.
    threads : int
        Processes; the result does not depend on it.
    tile : ndarray of int, optional
        See `places.cutout_places`.

    Returns
    -------
    dict of ndarray, shape (N, ...)
        row, id, image, rms, mask, flags, snr, x, y as from `cutouts.make_cutouts`; class, by the
        rule of `truth`; clear, the class without noise and blur; band ('' without bands); kind,
        bulge, disc, disturbed, axis_ratio, r_e (px), from `Truth`; flux; true_snr. Anchors without
        a place are left out.
    """
    if psf is None or "BAND" in tiles.colnames:
        psf = partial(_any_psf, draw_psf(), psf)
    batches = [range(start, min(start + BATCH, len(plan))) for start in range(0, len(plan), BATCH)]
    call = partial(_draw_batch, plan, tiles, cutouts, size, neighbours, psf, seed, sky, tile)
    with ExitStack() as stack:
        run = map
        if threads > 1:
            run = stack.enter_context(get_context("fork").Pool(threads)).imap
        parts = progress(run(call, batches), len(batches), f"batches of {BATCH} anchors")
        found = [one for part in parts for one in part]
    log.info("%d of %d anchors drawn", len(found), len(plan))
    return {name: np.array([one[name] for one in found]) for name in found[0]} if found else {}


def _any_psf(stand_in: np.ndarray, psf: Callable | None, *place) -> np.ndarray:
    """The PSF at a place (tile, x, y), or that of HST/ACS where the field or its band has none."""
    found = psf and psf(*place)
    return stand_in if found is None else found


def _draw_batch(
    plan: list[dict],
    tiles: Table,
    cutouts: Sequence,
    size: int,
    neighbours: str,
    psf: Callable[[int, float, float], np.ndarray],
    seed: int,
    sky: Sky | None,
    tile: np.ndarray | None,
    numbers: range,
) -> list[dict]:
    """Some anchors, in one process."""
    torch.set_num_threads(1)
    side, scale = size + 2 * BORDER, float(tiles.meta["PIXSCALE"])
    widths: dict[int, tuple[np.ndarray, float]] = {}
    middle = (slice(BORDER, BORDER + size),) * 2
    found = []
    with ExitStack() as stack:
        find = anchor_places(stack, tiles, cutouts, size, tile, sky)
        for i in numbers:
            rng = np.random.default_rng([seed, i, 2])
            place = find(rng, plan[i]["band"])
            if place is None:
                continue
            here = psf(place.tile, place.corner[0] + place.centre[0],
                       place.corner[1] + place.centre[1])  # fmt: skip
            # Most fields have one PSF, or few, and to measure it takes as long as to draw.
            if id(here) not in widths:
                widths[id(here)] = here, measure_psf(here)[0]
            fwhm = widths[id(here)][1]
            light, truth = draw_anchor(plan[i], place.centre, side, here, fwhm)
            _, _, cutout = cut_light(place, light, rng, size, neighbours, f"anchor {i}", scale)
            snr = signal_to_noise(light[middle], cutout["rms"])
            found.append(
                cutout
                | {"row": i, "id": f"anchor {i}", **truth._asdict(), "flux": plan[i]["flux"]}
                | {"true_snr": snr, "class": classify_truth(truth, snr, fwhm)}
                | {"clear": classify_truth(truth), "band": plan[i]["band"] or ""}
            )
    return found
