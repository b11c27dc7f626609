"""Is B/T recovered, do its errors hold, and how often is a bulge or a disc invented?

    python benchmarks/bulge_disc.py [--galaxies 240] [--white]

Galaxies of the project's two renderers through the demo's PSF, in noise with the pixel correlation
of the COSMOS mosaic (or, with --white, without): early discs (B/T 0.25 to 0.7), late discs, and as
controls spheroids and pure exponential discs. Each is found and fitted as a field's own. Tables by
S/N and half-light radius, printed and written with one row a galaxy.
"""

import time
from itertools import pairwise

import galsim
import numpy as np
import torch
from common import FIGURES, new_parser
from astropy.table import Table
from tables import markdown

from morphovote.flags import bulge_told
from morphovote.measure.morphology import half_light_radius, prepare_psf
from morphovote.measure.sections import first_sides, measure_section, warm_up
from morphovote.simulate.anchors import draw_anchor, measure_psf
from morphovote.simulate.galaxies import PIXEL_SCALE, draw_psf
from morphovote.simulate.injection import draw_profile_light
from morphovote.simulate.survey import signal_to_noise

SIDE, KNOWN_SKY = 200, 0.01
SNRS, RADII = (30.0, 50.0, 100.0, 200.0, 400.0), (2.5, 4.0, 16.0)
# In turn: renderer and type, under the name of the table.
KINDS = (
    ("early disc", "sersic", "ETD"), ("early disc", "layered", "smooth_disc"),
    ("early disc", "sersic", "ETD"), ("late disc", "sersic", "LTD"),
    ("spheroid", "sersic", "SPH"), ("pure disc", "", ""),
)  # fmt: skip
EARLY = 0.25, 0.7
# A smooth disc is drawn again, at most so often, until its B/T is that of an early disc.
TRIES = 20
KNOWN, TWO = 0.1, 0.0
# So many galaxies are measured twice, to see what the two cost.
TIMED = 12


def no_pixels(image, rms, mask, x, y):
    """In place of `measure_galaxy`: only the fits are wanted."""
    return {"measure_flag": 0}, []


def draw_one(number: int, psf: np.ndarray, fwhm: float) -> tuple[np.ndarray, tuple, dict]:
    """Light of a galaxy (SIDE, SIDE) in units of the noise, its place (px), and what is true."""
    rng = np.random.default_rng([91, number])
    name, renderer, kind = KINDS[number % len(KINDS)]
    snr = float(np.exp(rng.uniform(*np.log([SNRS[0], SNRS[-1]]))))
    r_e = float(np.exp(rng.uniform(*np.log([RADII[0], RADII[-1]]))))
    place = tuple(SIDE / 2 + rng.uniform(-0.5, 0.5, 2))
    if renderer:
        for turn in range(TRIES):
            planned = {"renderer": renderer, "type": kind, "flux": 1000.0, "r_e": r_e,
                       "stream": [92, number, turn]}  # fmt: skip
            light, truth = draw_anchor(planned, place, SIDE, psf, fwhm)
            if name != "early disc" or EARLY[0] <= truth.bulge <= EARLY[1]:
                break
        bulge = truth.bulge
    else:
        disc = galsim.Exponential(half_light_radius=r_e * PIXEL_SCALE, flux=1000.0)
        q, turn = rng.uniform(0.3, 1), rng.uniform(0, np.pi)
        disc = disc.transform(1, 0, 0, q).rotate(turn * galsim.radians)
        light, bulge = draw_profile_light(disc, place, SIDE, PIXEL_SCALE, psf), 0.0
    light = light.astype(float)
    for _ in range(40):
        # The isophote of best S/N changes with the brightness, so this takes a few rounds.
        light *= np.clip(snr / signal_to_noise(light, np.ones_like(light)), 0.3, 3)
    about = {"kind": name, "renderer": renderer or "sersic", "snr": snr, "r_e": r_e}
    return light, place, about | {"true": bulge}


def measure_one(number: int, psf: np.ndarray, fwhm: float, white: bool) -> dict:
    """What was drawn, and what was found of it."""
    light, place, about = draw_one(number, psf, fwhm)
    noise = galsim.ImageD(SIDE, SIDE, scale=PIXEL_SCALE)
    rng = galsim.BaseDeviate(1 + number)
    noise.addNoise(
        galsim.GaussianNoise(rng, 1.0) if white else galsim.getCOSMOSNoise(rng=rng, variance=1.0)
    )
    section, ones = (light + noise.array).astype(np.float32), np.ones(light.shape, np.float32)
    first = min(first_sides([np.count_nonzero(light > 1)])[0][0], SIDE)
    known = (section, ones, np.zeros_like(ones), *place, first, False, True, prepare_psf(psf))
    how = {"pixel_scale": PIXEL_SCALE, "sky_noise": KNOWN_SKY, "measure": no_pixels}
    times = []
    for least in (np.inf, 0.0) if number < TIMED else (0.0,):
        begin = time.process_time()
        values, _ = measure_section(*known, bulge_disc=least, **how)
        times.append(1e3 * (time.process_time() - begin))
    names = ("bulge_fraction", "bulge_fraction_err", "r_e_bulge", "r_e_disc",
             "bulge_disc_delta_bic", "sersic_n")  # fmt: skip
    about |= {name: float(values.get(name, np.nan)) for name in names}
    about |= {"bulge_disc_flag": values.get("bulge_disc_flag", -1)}
    single, both = times if len(times) == 2 else (np.nan, np.nan)
    return about | {"single_ms": single, "more_ms": both - single}


def recovery(table: Table) -> str:
    """Early and late discs by S/N and half-light radius."""
    rows = []
    for kind in ("early disc", "late disc"):
        for (low, high), (small, large) in [
            (s, r) for s in pairwise(SNRS) for r in pairwise(RADII)
        ]:
            use = (table["kind"] == kind) & (table["snr"] >= low) & (table["snr"] < high)
            use &= (table["r_e"] >= small) & (table["r_e"] < large)
            rows += _row([kind, f"{low:g} to {high:g}", f"{small:g} to {large:g}"], table[use])
    for least in (50, 100):
        use = (table["kind"] == "early disc") & (table["snr"] >= least) & (table["r_e"] >= 4)
        rows += _row(["early disc", f"above {least}", "above 4"], table[use])
        for renderer in ("sersic", "layered"):
            part = table[use & (table["renderer"] == renderer)]
            rows += _row([f"of these, {renderer}", f"above {least}", "above 4"], part)
    head = ["galaxies", "S/N", "r_e (px)", "number", "median difference", "68 % within",
            "share within 0.1", "coverage", "two better"]  # fmt: skip
    return markdown(head, rows)


def _row(names: list[str], table: Table) -> list[list]:
    if not len(table):
        return []
    apart = table["bulge_fraction"] - table["true"]
    inside = np.mean(np.abs(apart) < table["bulge_fraction_err"])
    better = np.mean(table["bulge_disc_delta_bic"] > TWO)
    apart = np.asarray(apart)
    return [[*names, len(table), f"{np.median(apart):+.2f}",
             float(np.percentile(np.abs(apart), 68)), float(np.mean(np.abs(apart) < KNOWN)),
             float(inside), float(better)]]  # fmt: skip


def controls(table: Table) -> str:
    """Spheroids and pure discs: what is found that is not there."""
    rows = []
    for kind, wrong in (("pure disc", 0.0), ("spheroid", 1.0)):
        for low, high in pairwise(SNRS):
            use = (table["kind"] == kind) & (table["snr"] >= low) & (table["snr"] < high)
            part = table[use]
            if not len(part):
                continue
            other = np.abs(np.asarray(part["bulge_fraction"]) - wrong)
            two = np.asarray(part["bulge_disc_delta_bic"]) > TWO
            rows.append([kind, f"{low:g} to {high:g}", len(part), float(np.median(other)),
                         float(np.mean(other > KNOWN)), float(np.mean(two)),
                         float(np.mean(two & (other > KNOWN)))])  # fmt: skip
    head = ["galaxies", "S/N", "number", "median of what is invented", "share above 0.1",
            "two better", "both"]  # fmt: skip
    return markdown(head, rows)


def report(table: Table) -> None:
    """Print the tables."""
    bad = ~bulge_told(table["bulge_disc_flag"])
    print(f"\n{np.mean(bad):.3f} of the fits are missing or unsure and left out", flush=True)
    table = table[~bad]
    print(f"\n{recovery(table)}\n\n{controls(table)}\n")
    single, more = (np.nanmedian(np.asarray(table[f"{name}_ms"])) for name in ("single", "more"))
    print(
        f"CPU of a galaxy: {single:.0f} ms for the single profile, {more:.0f} ms more for the two"
    )


def main() -> None:
    """Measure, write and print."""
    parser = new_parser(__doc__, FIGURES / "bulge_disc.csv")
    parser.add_argument("--galaxies", type=int, default=240)
    parser.add_argument("--white", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    psf = draw_psf()
    fwhm = measure_psf(psf)[0]
    print(f"half-light radius of the PSF: {half_light_radius(prepare_psf(psf)):.2f} px")
    warm_up(True)
    found = []
    for number in range(given.galaxies):
        found.append(measure_one(number, psf, fwhm, given.white))
        if number % 20 == 19 or number + 1 == given.galaxies:
            Table(found).write(given.output, format="csv", overwrite=True)
    report(Table(found))


if __name__ == "__main__":
    main()
