"""Check the measured parameters against published values and on simulated galaxies.

    python benchmarks/validate_measurement.py [--data ../shared/data] [--out docs/figures]

Prints the tables of docs/validation.md and writes its figures.
"""

import argparse
import glob
import tempfile
import warnings
from functools import partial
from pathlib import Path

import galsim
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import sersic_fields
import statmorph
from common import DATA, FIGURES
from astropy.io import fits
from astropy.table import Table, vstack
from matplotlib.ticker import LogLocator
from measured import measure_cutouts
from photutils.morphology import gini
from scipy import ndimage
from scipy.stats import spearmanr

from morphovote.fields import (
    cutouts,
    sources,
)
from morphovote.fields.psf import psf_pixels
from morphovote.flags import BAD, BEYOND_CUTOUT, FAILED, MISSING, NEIGHBOUR, OWN
from morphovote.measure.morphology import measure_galaxy, regularise_segment
from morphovote.measure.sections import measure_on_images, measure_section
from morphovote.simulate.galaxies import draw_profile, make_galaxy
from morphovote.simulate.population import draw_properties
from morphovote.simulate.survey import signal_to_noise
from morphovote.storage import shards

matplotlib.use("Agg")
SCALE = 0.03
# Wavelengths (nm) of the NIRCam bands with images.
BANDS = {"f150w": 1501, "f277w": 2776}
# Parameter -> (column of Ferreira et al. 2023, label, lowest acceptable rank correlation).
PUBLISHED = {
    "sersic_n": ("nFit2D", "Sersic n", 0.85),
    "r_e": ("RnFit2D", "Sersic r_e [px]", 0.85),
    "axis_ratio": ("qFit2D", "axis ratio", None),
    "r50": ("R50", "r50 [px]", 0.85),
    "r_petrosian": ("Rp", "Petrosian radius [px]", 0.85),
    "m20": ("M20", "M20", 0.85),
    "asymmetry": ("A0", "asymmetry", 0.75),
    "concentration": ("C1", "concentration", 0.6),
    "gini": ("G", "Gini", 0.6),
}


def rank_correlation(x, y, draws=2000):
    """Spearman's coefficient and its 95 % bootstrap interval."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(x), (draws, len(x)))
    drawn = [spearmanr(x[pick], y[pick])[0] for pick in picks]
    return spearmanr(x, y)[0], *np.nanpercentile(drawn, [2.5, 97.5]), len(x)


def plain_ticks(axis):
    """Label a logarithmic axis at 1, 2 and 5 in plain numbers."""
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(LogLocator(subs=(1, 2, 5)))
        one.set_major_formatter("{x:g}")
        one.set_minor_formatter("")


def same_psf(psf, tile, x, y):
    """One PSF for a whole field."""
    return psf


def measure_ceers(data, folder, processes):
    """Measure every galaxy with a published fit in a band for which there is an image."""
    published = Table.read(data / "ceers_nircam" / "ferreira2023.csv")
    published = published[~np.ma.getmaskarray(published["nFit2D"])]
    kept, found = [], []
    for band, wavelength in BANDS.items():
        # An ID may occur in two samples; the values are the same.
        rows = published[published["restframefilter"] == band]
        rows = rows[np.unique(rows["id"], return_index=True)[1]]
        path = folder / f"{band}.csv"
        rows["id",].write(path, overwrite=True)
        pattern = str(data / "ceers_nircam" / band / f"ceers_{band}_*.fits")
        table, tiles = sources.list_sources(
            sorted(glob.glob(pattern)), "cutouts", path, pattern=pattern
        )
        arrays = cutouts.make_cutouts(table, tiles, 100)
        shard = folder / f"{band}.h5"
        shards.write_shard(shard, arrays, {"pixel_scale": SCALE})
        # The images have no PSF: use that of a 6.5 m telescope with JWST's central obstruction.
        psf = galsim.OpticalPSF(lam=wavelength, diam=6.5, obscuration=0.17)
        psf = psf.drawImage(nx=31, ny=31, scale=SCALE).array.astype(float)
        psf = partial(same_psf, psf / psf.sum())
        measured = measure_on_images(shard, table, tiles, None, processes, psf)[0]
        found.append(measured)
        kept.append(rows)
    measured = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    return vstack(kept), measured


def compare_ceers(data, folder, out, processes):
    published, measured = measure_ceers(data, folder, processes)
    good = (measured["measure_flag"] & (BAD | FAILED)) == 0
    print(f"\nCEERS: {len(published)} galaxies, {good.sum()} well measured")
    # An axis ratio of exactly 1 means that the published fit ended at its limit.
    sound = good & (np.asarray(published["qFit2D"], dtype=float) < 0.98)
    # The published values come from images larger than the cutouts. Galaxies whose 1.5 Petrosian
    # radii, published or ours, do not fit into the cutout were measured on less light here.
    whole = good & ((measured["measure_flag"] & BEYOND_CUTOUT) == 0)
    whole &= 1.5 * np.asarray(published["Rp"], dtype=float) < 50
    print(
        "| parameter | wanted | rank correlation | 95 % interval | n | sound in both | n "
        "| whole in the cutout | 95 % interval | n |"
    )
    figure, axes = plt.subplots(3, 3, figsize=(9.5, 9), layout="constrained")
    band = np.asarray(published["restframefilter"])
    for axis, (name, (column, label, wanted)) in zip(axes.flat, PUBLISHED.items(), strict=True):
        factor = SCALE if name in ("r_e", "r50", "r_petrosian") else 1
        x, y = np.asarray(published[column], dtype=float), measured[name] / factor
        rho, low, high, count = rank_correlation(x, y)
        among = rank_correlation(x[sound], y[sound])
        inside = rank_correlation(x[whole], y[whole])
        print(
            f"| {label} | {wanted or '-'} | {rho:.2f} | {low:.2f} to {high:.2f} | "
            f"{count} | {among[0]:.2f} | {among[3]} | {inside[0]:.2f} | "
            f"{inside[1]:.2f} to {inside[2]:.2f} | {inside[3]} |"
        )
        for one, colour, marker in (("f150w", "#0072B2", "o"), ("f277w", "#D55E00", "^")):
            at = band == one
            axis.scatter(
                x[at & whole], y[at & whole], s=16, c=colour, marker=marker, label=one.upper()
            )
            # Open symbols: galaxies that extend beyond the cutout.
            axis.scatter(x[at & ~whole], y[at & ~whole], s=16, ec=colour, fc="none", marker=marker)
        if name in ("sersic_n", "r_e", "r50", "r_petrosian"):
            axis.set(xscale="log", yscale="log")
            plain_ticks(axis)
        if name != "concentration":
            axis.axline((1, 1), (2, 2), color="0.6", lw=0.8, zorder=0)
        limits = [np.nanpercentile(v[np.isfinite(x) & np.isfinite(y)], [0, 100]) for v in (x, y)]
        for values, put in zip(limits, (axis.set_xlim, axis.set_ylim), strict=True):
            if axis.get_xscale() == "log":
                put(values[0] / 1.3, values[1] * 1.3)
            else:
                span = values[1] - values[0]
                put(values[0] - 0.1 * span, values[1] + 0.1 * span)
        axis.set(title=f"{label}: rank correlation {rho:.2f}", xlabel="published", ylabel="here")
        axis.title.set_size(9)
    axes.flat[0].legend(frameon=False, fontsize=8)
    figure.savefig(out / "validation_ceers.png", dpi=110)
    compare_segments(published, folder)


def second_moments(image, segment):
    """M20 from its definition (Lotz et al. 2004, eq. 7 and 8), for the pixels of a segment."""
    light = np.where(segment, image, 0).astype(float)
    y, x = np.indices(image.shape)
    centre = [(light * at).sum() / light.sum() for at in (y, x)]
    moment = light * ((y - centre[0]) ** 2 + (x - centre[1]) ** 2)
    order = np.argsort(light, axis=None)[::-1]
    brightest = order[np.cumsum(light.flat[order]) < 0.2 * light.sum()]
    # With few pixels, the first alone may exceed 20 % of the light.
    brightest = order[: max(len(brightest), 1)]
    return np.log10(moment.flat[brightest].sum() / moment.sum())


def find_segments(image, mask, rms, x, y, published_radius):
    """Possible segments for Gini and M20, by name; none if statmorph fails."""
    hidden, own = (mask & (NEIGHBOUR | MISSING)) > 0, regularise_segment((mask & OWN) > 0, x, y)
    if not own.any():
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = statmorph.SourceMorphology(
            image, own.astype(np.int32), 1, mask=hidden, weightmap=rms,
            sersic_fitting_args={"maxiter": 1},
        )  # fmt: skip
    if found.flag >= 4:
        return {}
    dy, dx = np.indices(image.shape)
    dx, dy = dx - found.xc_asymmetry, dy - found.yc_asymmetry
    angle = found.orientation_asymmetry
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    ellipse, circle = np.hypot(along, across * found.elongation_asymmetry), np.hypot(dx, dy)
    theirs = np.zeros(image.shape, bool)
    theirs[found._slice_stamp] = found._segmap_gini
    segments = {"statmorph's": theirs, "statmorph's, nothing hidden": theirs & ~hidden}
    segments["detection"] = own & ~hidden
    for factor in (0.75, 1, 1.5, 2):
        segments[f"ellipse, {factor} r_p"] = (ellipse < factor * found.rpetro_ellip) & ~hidden
        segments[f"circle, {factor} r_p"] = (circle < factor * found.rpetro_circ) & ~hidden
        within = (circle < factor * published_radius) & ~hidden
        segments[f"circle, {factor} published r_p"] = within
    for sigma in (0, 1, 2):
        smooth = ndimage.gaussian_filter(image, sigma) if sigma else image
        level = smooth[(np.abs(ellipse - found.rpetro_ellip) < 1) & ~hidden].mean()
        pieces, _ = ndimage.label((smooth >= level) & ~hidden, np.ones((3, 3)))
        middle = pieces[round(found.yc_asymmetry), round(found.xc_asymmetry)]
        segments[f"isophote at r_p, smoothed by {sigma} px"] = (pieces > 0) & (pieces == middle)
    return segments


def compare_segments(published, folder):
    """Gini (photutils) and M20 over other segments, against the published values."""
    rows, start = [], 0
    for band in BANDS:
        arrays = shards.read_shard(folder / f"{band}.h5")
        for i in range(len(arrays["row"])):
            image, rms = (arrays[name][i].astype(float) for name in ("image", "rms"))
            about = published[start + i]
            segments = find_segments(
                image, arrays["mask"][i], rms, arrays["x"][i], arrays["y"][i], about["Rp"]
            )
            rows += [
                (name, about["G"], about["M20"], gini(image[one]), second_moments(image, one))
                for name, one in segments.items()
                if one.any()
            ]
        start += len(arrays["row"])
    table = Table(rows=rows, names=("segment", "G", "M20", "gini", "m20"))
    print("\n| segment | Gini: rank correlation | M20: rank correlation | n |")
    for name in dict.fromkeys(table["segment"]):
        one = table[table["segment"] == name]
        pairs = spearmanr(one["G"], one["gini"])[0], spearmanr(one["M20"], one["m20"])[0]
        print(f"| {name} | {pairs[0]:.2f} | {pairs[1]:.2f} | {len(one)} |")


def compare_cosmos(data, folder, out):
    """Compare Sersic n and r_e of ten bright COSMOS galaxies, and r50 of a hundred fainter ones."""
    stamps = data / "cosmos_acs_stamps"
    psf = partial(same_psf, psf_pixels(data / "cosmos_acs_field" / "PSF_HST.fits", SCALE))
    results = {}
    for sample in ("23.5", "26_extension_example"):
        catalogue = Table.read(stamps / f"real_galaxy_catalog_{sample}.fits")
        fitted = Table.read(stamps / f"real_galaxy_catalog_{sample}_fits.fits")
        parts = []
        for row in catalogue:
            image = fits.getdata(stamps / row["GAL_FILENAME"].strip(), int(row["GAL_HDU"]))
            path = folder / f"cosmos_{row['IDENT']}.fits"
            fits.writeto(path, image, overwrite=True)
            table, tiles = sources.list_sources(
                [str(path)], "cutouts", pattern=str(path), pixel_scale=SCALE, zero_point=25.94
            )
            # The stamps differ in size.
            arrays = cutouts.make_cutouts(table, tiles, min(image.shape))
            shard = folder / "cosmos.h5"
            shards.write_shard(shard, arrays, {"pixel_scale": SCALE})
            parts.append(measure_on_images(shard, table, tiles, None, 1, psf)[0])
        results[sample] = (
            fitted,
            {name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        )
    fitted, measured = results["23.5"]
    # GalSim's COSMOS catalogue: I, half-light radius (px, major axis), n, q, boxiness, x, y, angle.
    sersic = np.asarray(fitted["sersicfit"])
    faint_fit, faint = results["26_extension_example"]
    pairs = (
        ("Sersic n", sersic[:, 2], measured["sersic_n"]),
        ("Sersic r_e [arcsec]", sersic[:, 1] * SCALE, measured["r_e"]),
        ("axis ratio", sersic[:, 3], measured["axis_ratio"]),
        ("r50 [arcsec], faint", faint_fit["flux_radius"] * SCALE, faint["r50"]),
    )
    print("\nCOSMOS: | parameter | rank correlation | 95 % | median ratio | scatter of ln | n |")
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
    for axis, (label, x, y) in zip(axes, pairs, strict=True):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        rho, low, high, count = rank_correlation(x, y)
        ratio = np.log(y / x)
        ratio = ratio[np.isfinite(ratio)]
        spread = 1.4826 * np.median(np.abs(ratio - np.median(ratio)))
        print(f"| {label} | {rho:.2f} | {low:.2f} to {high:.2f} | {np.exp(np.median(ratio)):.2f} "
              f"| {spread:.2f} | {count} |")  # fmt: skip
        axis.loglog(x, y, "o", ms=4, color="#0072B2")
        plain_ticks(axis)
        axis.axline((1, 1), (2, 2), color="0.6", lw=0.8, zorder=0)
        axis.set(title=f"{label}: rank correlation {rho:.2f}", xlabel="catalogue", ylabel="here")
        axis.title.set_size(9)
    figure.savefig(out / "validation_cosmos.png", dpi=110)


def simulate(galaxies):
    """Sersic galaxies of known parameters in noise, at four levels of S/N per galaxy."""
    rng = np.random.default_rng(1)
    fine = galsim.GSParams(folding_threshold=2e-3, maxk_threshold=5e-4)
    psf = galsim.Moffat(beta=3, fwhm=0.1, gsparams=fine)
    stamp = psf.drawImage(nx=41, ny=41, scale=SCALE).array.astype(float)
    truth = {
        "sersic_n": np.exp(rng.uniform(np.log(0.6), np.log(4.5), galaxies)),
        "r_e": np.exp(rng.uniform(np.log(0.12), np.log(0.7), galaxies)),
        "axis_ratio": rng.uniform(0.3, 1, galaxies),
        "snr": rng.choice([20, 50, 100, 300], galaxies),
    }
    ones, known = np.ones((100, 100), np.float32), np.zeros((100, 100), np.float32)
    found = []
    for i in range(galaxies):
        n, r_e, q, snr = (truth[name][i] for name in truth)
        angle = rng.uniform(0, np.pi)
        disc = galsim.Sersic(n, half_light_radius=r_e * np.sqrt(q), gsparams=fine)
        disc = galsim.Convolve(disc.shear(q=q, beta=angle * galsim.radians), psf)
        clean = disc.drawImage(nx=100, ny=100, scale=SCALE, offset=rng.uniform(-0.5, 0.5, 2)).array
        # S/N in the pixels above the noise, as `snr` of a cutout: scale the light until it matches.
        flux = 1.0
        for _ in range(60):
            inside = clean * flux > 1.0
            now = clean[inside].sum() * flux / np.sqrt(max(inside.sum(), 1))
            flux *= min(max(snr / max(now, 1e-6), 0.5), 2.0)
        image = (clean * flux + rng.normal(size=clean.shape)).astype(np.float32)
        # The sky is zero, and known to be.
        section = (image, ones, known, 49.5, 49.5, 100, False, True)
        about = {"pixel_scale": SCALE, "sky_noise": 1e-3, "psf": stamp / stamp.sum()}
        found.append(measure_section(*section, **about, measure=no_pixels)[0])
    measured = {name: np.array([one[name] for one in found]) for name in found[0]}
    return truth, measured | {"r_e": SCALE * measured["r_e"]}


def no_pixels(image, rms, mask, x, y):
    """In place of `measure_galaxy`, where only the fit is wanted."""
    return {"measure_flag": 0}, []


def check_simulated(out, galaxies):
    truth, measured = simulate(galaxies)
    print("\nSimulated: bias (median) and scatter (1.48 MAD) of ln(measured / true)")
    print("| S/N | n: bias | scatter | r_e: bias | scatter | axis ratio: bias | scatter | n |")
    levels = np.unique(truth["snr"])
    names = ("sersic_n", "r_e", "axis_ratio")
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    summary = {name: [] for name in names}
    for level in levels:
        cells = []
        for name in names:
            at = truth["snr"] == level
            ratio = np.log(measured[name][at] / truth[name][at])
            ratio = ratio[np.isfinite(ratio)]
            bias = np.median(ratio)
            spread = 1.4826 * np.median(np.abs(ratio - bias))
            summary[name].append((bias, spread))
            cells.append(f"{bias:+.3f} | {spread:.3f}")
        print(f"| {level} | {' | '.join(cells)} | {at.sum()} |")
    for axis, name, label in zip(axes, names, ("n", "r_e", "axis ratio"), strict=True):
        jitter = truth["snr"] * np.exp(np.random.default_rng(0).normal(0, 0.08, galaxies))
        ratio = np.log(measured[name] / truth[name])
        axis.plot(jitter, ratio, ".", ms=3, color="0.6")
        bias, spread = np.array(summary[name]).T
        axis.errorbar(levels, bias, spread, fmt="o", color="#D55E00", capsize=3)
        axis.axhline(0, color="k", lw=0.8)
        axis.set_xscale("log")
        axis.set_xticks(levels, levels)
        axis.minorticks_off()
        axis.set(ylim=(-1, 1), xlabel="S/N", ylabel=f"ln(measured / true) of {label}")
    figure.savefig(out / "validation_simulated.png", dpi=110)


# Parameters of the pixels, and levels of S/N that are compared with S/N `CLEAR`.
STRUCTURE = ("concentration", "asymmetry", "gini", "m20", "smoothness")
LEVELS, CLEAR = (20, 50, 100, 300), 2000


def cut_structured(number, snr):
    """Cutout of a simulated galaxy (SPH, ETD, LTD, IRR in turn) with noise as in COSMOS."""
    rng = np.random.default_rng([77, number])
    kind = ("SPH", "ETD", "LTD", "IRR")[number % 4]
    radius = draw_properties(kind, rng.uniform(21, 24.5), rng)["R_E"]
    profile, _ = make_galaxy(kind, rng, 22.5, radius)
    offset = rng.uniform(-0.5, 0.5, 2)
    clean = draw_profile(profile, 150, tuple(offset)).astype(float)
    for _ in range(40):
        # The isophote of best S/N changes with the brightness, so this takes a few rounds.
        clean *= np.clip(snr / signal_to_noise(clean, np.ones_like(clean)), 0.3, 3)
    noise = galsim.ImageD(150, 150, scale=SCALE)
    noise.addNoise(galsim.getCOSMOSNoise(rng=galsim.BaseDeviate(number + 1), variance=1.0))
    section = (clean + noise.array).astype(np.float32)
    ones = np.ones_like(section)
    place = tuple(74.5 + offset)
    return cutouts.cut_source(section, ones, place, 100, name=str(number), pixel_scale=SCALE)


def boxed_asymmetry(image, rms, mask, x, y):
    """As `measure_galaxy`, but with statmorph's own asymmetry, whose sky term is from one box."""
    values, messages = measure_galaxy(image, rms, mask, x, y)
    segment = regularise_segment((mask & OWN) > 0, x, y)
    if not values["measure_flag"] & FAILED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = statmorph.SourceMorphology(
                image.astype(float),
                segment.astype(np.int32),
                1,
                mask=(mask & (NEIGHBOUR | MISSING)) > 0,
                weightmap=rms.astype(float),
                sersic_fitting_args={"maxiter": 1},
            )
        # Stored in place of a parameter that is not used here.
        values["multimode"] = float(found.asymmetry)
    return values, messages


def check_structure(galaxies, processes):
    """Bias of the pixel parameters by S/N, relative to the same galaxies at S/N `CLEAR`."""
    found = {}
    for snr in (*LEVELS, CLEAR):
        parts = [cut_structured(number, snr) for number in range(galaxies)]
        names = ("image", "rms", "mask", "flags", "x", "y")
        arrays = {name: np.array([part[name] for part in parts]) for name in names}
        arrays["row"] = np.arange(galaxies)
        arrays["id"] = np.arange(galaxies).astype(str).astype(object)
        found[snr], _ = measure_cutouts(arrays, SCALE, processes, boxed_asymmetry)
    smooth = np.arange(galaxies) % 4 < 2
    everything = np.ones(galaxies, bool)
    columns = [(name, name, everything) for name in STRUCTURE if name != "asymmetry"]
    for label, rows in (("SPH, ETD", smooth), ("LTD, IRR", ~smooth)):
        columns += [(f"asymmetry, {label}", "asymmetry", rows)]
        columns += [(f"with a box of sky, {label}", "multimode", rows)]
    print("\nStructure: median difference (1.48 MAD) from the same galaxies at S/N", CLEAR)
    print("| S/N | " + " | ".join(label for label, *_ in columns) + " | galaxies |")
    good = {snr: (one["measure_flag"] & (BAD | FAILED)) == 0 for snr, one in found.items()}
    for snr in LEVELS:
        cells = []
        for _, name, rows in columns:
            use = rows & good[snr] & good[CLEAR]
            # Both asymmetries are compared with ours without noise.
            true = found[CLEAR]["asymmetry" if name == "multimode" else name][use]
            difference = found[snr][name][use] - true
            difference = difference[np.isfinite(difference)]
            bias = np.median(difference)
            spread = 1.4826 * np.median(np.abs(difference - bias))
            cells.append(f"{bias:+.3f} ({spread:.3f})")
        print(f"| {snr} | {' | '.join(cells)} | {(good[snr] & good[CLEAR]).sum()} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=FIGURES)
    parser.add_argument("--galaxies", type=int, default=300)
    parser.add_argument("--processes", type=int, default=2)
    every = ["ceers", "cosmos", "simulated", "structure", "fields"]
    parser.add_argument("--parts", nargs="+", choices=every, default=every)
    for name in ("kinds", "depths", "scales"):
        known = list(getattr(sersic_fields, name.upper()))
        parser.add_argument(
            f"--{name}", nargs="+", choices=known, default=known, type=type(known[0]),
            help="of the part fields",
        )  # fmt: skip
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if "ceers" in options.parts:
            compare_ceers(options.data, folder, options.out, options.processes)
        if "cosmos" in options.parts:
            compare_cosmos(options.data, folder, options.out)
        if "simulated" in options.parts:
            check_simulated(options.out, options.galaxies)
        if "structure" in options.parts:
            check_structure(48, options.processes)
        if "fields" in options.parts:
            sersic_fields.check_fields(
                folder, options.kinds, options.depths, options.scales, options.galaxies,
                options.processes,
            )  # fmt: skip


if __name__ == "__main__":
    main()
