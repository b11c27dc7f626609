"""Mosaics of Sersic galaxies of known size and index, run through the workflow as a field is."""

import itertools

import galsim
import numpy as np
import yaml
from common import run_workflow
from astropy.io import fits
from astropy.table import Table

from morphovote.flags import SERSIC_SUSPECT
from morphovote.simulate.survey import signal_to_noise
from morphovote.storage import shards

# A galaxy every so many arcsec, and the sky in units of a pixel's noise: level, and its rise across
# the mosaic in x and y.
KINDS = {
    "flat": (7.0, (0.0, 0.0, 0.0)),
    "tilted": (7.0, (3.0, 2.0, 1.0)),
    "crowded": (3.3, (0.0, 0.0, 0.0)),
}
# S/N of the galaxies at three depths.
DEPTHS = {"shallow": (30, 60), "middle": (60, 150), "deep": (150, 400)}
# FWHM of the PSF (arcsec) for each pixel scale (arcsec).
SCALES = {0.03: 0.1, 0.06: 0.2}
SIZES, INDICES = (0.12, 0.22, 0.4, 0.8), (0.8, 1.7, 3.0, 4.5)
# No two galaxies lie closer (arcsec).
CLOSEST = 0.8
# Light is drawn out to so many half-light radii, and at most so many px.
EXTENT, FARTHEST = 30, 500
FINE = galsim.GSParams(folding_threshold=2e-3, maxk_threshold=5e-4, maximum_fft_size=16384)


def draw_truth(count, snr, scale, side, rng):
    """Galaxies even in the logarithms of size, index and S/N, and their places (px)."""
    places = np.empty((count, 2))
    for i in range(count):
        near = True
        while near:
            places[i] = rng.uniform(0, side - 1, 2)
            near = (np.hypot(*(places[:i] - places[i]).T) < CLOSEST / scale).any()
    even = {"r_e": SIZES, "sersic_n": INDICES, "snr": snr}
    truth = Table({"id": np.arange(count), "x": places[:, 0], "y": places[:, 1]})
    for name, limits in even.items():
        truth[name] = np.exp(rng.uniform(np.log(limits[0]), np.log(limits[-1]), count))
    truth["axis_ratio"], truth["angle"] = rng.uniform(0.3, 1, count), rng.uniform(0, 180, count)
    return truth


def make_field(folder, kind, depth, scale, count, seed):
    """Write image, rms map, PSF and catalogue of one field, and return the truth."""
    rng = np.random.default_rng(seed)
    spacing, (level, along, up) = KINDS[kind]
    side = int(np.sqrt(count) * spacing / scale)
    truth = draw_truth(count, DEPTHS[depth], scale, side, rng)
    psf = galsim.Moffat(beta=3, fwhm=SCALES[scale], gsparams=FINE)
    image = np.zeros((side, side))
    whole = galsim.Image(image, xmin=0, ymin=0)
    for row in truth:
        q, place = row["axis_ratio"], galsim.PositionD(row["x"], row["y"])
        profile = galsim.Sersic(
            row["sersic_n"], half_light_radius=row["r_e"] * np.sqrt(q), gsparams=FINE
        ).shear(q=q, beta=row["angle"] * galsim.degrees)
        half = int(min(max(EXTENT * row["r_e"] / scale, 80), FARTHEST))
        x, y = round(row["x"]), round(row["y"])
        stamp = galsim.ImageD(galsim.BoundsI(x - half, x + half, y - half, y + half))
        galsim.Convolve(profile, psf).drawImage(stamp, scale=scale, center=place)
        stamp *= row["snr"] / signal_to_noise(stamp.array, np.ones_like(stamp.array))
        shared = whole.bounds & stamp.bounds
        whole[shared] += stamp[shared]
    y, x = np.indices(image.shape) / side
    image += level + along * x + up * y + rng.normal(size=image.shape)
    kernel = psf.drawImage(nx=41, ny=41, scale=scale).array
    fits.writeto(folder / "image.fits", image.astype(np.float32))
    fits.writeto(folder / "rms.fits", np.ones_like(image, dtype=np.float32))
    fits.writeto(folder / "psf.fits", kernel / kernel.sum())
    truth["id", "x", "y"].write(folder / "catalogue.fits")
    return truth


def run_field(folder, scale, processes):
    """Run the workflow up to the measurements of a field, and read them."""
    names = {name: str(folder / f"{name}.fits") for name in ("rms", "psf", "catalogue")}
    field = names | {"images": str(folder / "image.fits"), "pixel_scale": scale}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"fields": {"field": field}}))
    target = "results/field/measurements/00000.h5"
    run_workflow(folder, config, target, processes)
    return shards.read_shard(folder / target)


def print_bins(title, truth, measured):
    """Median of measured over true r_e and n in bins of size and index; the worst of them."""
    sound = (measured["measure_flag"] & SERSIC_SUSPECT) == 0
    ratios = [measured[name] / np.asarray(truth[name]) for name in ("r_e", "sersic_n")]
    print(f"\n{title}: median r_e / n over the truth (galaxies)")
    header = [f"n {low:g} to {high:g}" for low, high in itertools.pairwise(INDICES)]
    print("| half-light radius (arcsec) | " + " | ".join(header) + " |")
    worst = 0.0
    for small, large in itertools.pairwise(SIZES):
        cells = []
        for low, high in itertools.pairwise(INDICES):
            rows = sound & (truth["r_e"] >= small) & (truth["r_e"] < large)
            rows &= (truth["sersic_n"] >= low) & (truth["sersic_n"] < high)
            medians = [float(np.nanmedian(ratio[rows])) for ratio in ratios]
            worst = max(worst, *(abs(median - 1) for median in medians))
            cells.append(f"{medians[0]:.3f} / {medians[1]:.3f} ({np.count_nonzero(rows)})")
        print(f"| {small:g} to {large:g} | " + " | ".join(cells) + " |")
    print(f"largest deviation {100 * worst:.1f} %; {np.count_nonzero(~sound)} fits are flagged")
    return worst


def print_coverage(title, truth, measured):
    """Share of the galaxies whose truth lies within one stated error; 0.68 where they are right."""
    sound = (measured["measure_flag"] & SERSIC_SUSPECT) == 0
    cells = []
    for name in ("sersic_n", "r_e", "axis_ratio"):
        apart = np.abs(measured[name] - np.asarray(truth[name])) / measured[f"{name}_err"]
        cells.append(f"{name} {np.mean(apart[sound] < 1):.2f}")
    print(f"{title}: truth within one error: " + ", ".join(cells))


def check_fields(folder, kinds, depths, scales, count, processes):
    """Every kind of sky and crowding, depth and pixel scale; also all depths of a kind together."""
    for scale in scales:
        for kind in kinds:
            found = []
            for number, depth in enumerate(depths):
                place = folder / f"{kind}_{depth}_{scale}"
                place.mkdir(parents=True)
                truth = make_field(place, kind, depth, scale, count, seed=number + 1)
                found.append((truth, run_field(place, scale, processes)))
                title = f"{kind}, {depth}, {scale} arcsec a pixel"
                print_bins(title, *found[-1])
                print_coverage(title, *found[-1])
            truth, measured = (
                {name: np.concatenate([np.asarray(one[part][name]) for one in found])
                 for name in names}
                for part, names in enumerate(
                    (("r_e", "sersic_n"), ("r_e", "sersic_n", "measure_flag"))
                )
            )  # fmt: skip
            print_bins(f"{kind}, all depths, {scale} arcsec a pixel", truth, measured)
