"""Compare the denoiser with the best Gaussian filter, using the truth of a simulated field.

    python benchmarks/denoise.py [results/demo] [--output docs/figures]

The first argument is a finished folder of results of a simulated field; the table (denoising.csv)
and the figures (denoising.png, denoising_examples.png) go to `--output`.

The error of an image is the mean squared difference from the noiseless field, in units of the
cutout's noise variance, without missing pixels and those of neighbours: inside a circle of two
radii of the galaxy's own segment, and over the whole cutout. The Gaussian filter is the one of
the lowest mean error among `SIGMAS`, chosen with the truth for each range of S/N, and again in each
bootstrap sample of galaxies: for real data nobody knows this filter.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import DEMO, FIGURES, new_parser
from astropy.io import fits
from scipy.ndimage import gaussian_filter
from tables import print_table, write_table

from morphovote import flags
from morphovote.storage import shards

FINE = [0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75]
SIGMAS = np.array([*FINE, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12])
EDGES = [-np.inf, 5, 10, 20, 50, np.inf]
LABELS = ["below 5", "5-10", "10-20", "20-50", "above 50"]
REGIONS = {"galaxy": "within two segment radii", "cutout": "whole cutout"}
RESAMPLINGS = 1000


def cut_truth(noiseless: np.ndarray, x: float, y: float, size: int) -> np.ndarray:
    """Cut a square with pixel (0, 0) at (x, y) of the mosaic; zero outside the mosaic."""
    left, top = round(x), round(y)
    rows = np.arange(max(top, 0), min(top + size, noiseless.shape[0]))
    columns = np.arange(max(left, 0), min(left + size, noiseless.shape[1]))
    truth = np.zeros((size, size), np.float32)
    truth[np.ix_(rows - top, columns - left)] = noiseless[np.ix_(rows, columns)]
    return truth


def galaxy_region(mask: np.ndarray, x: float, y: float) -> np.ndarray:
    """Circle of two radii of the galaxy's own segment, at least 8 pixels."""
    radius = max(8.0, 2 * np.sqrt(((mask & flags.OWN) != 0).sum() / np.pi))
    rows, columns = np.indices(mask.shape)
    return np.hypot(rows - y, columns - x) <= radius


def mean_error(image: np.ndarray, truth: np.ndarray, region: np.ndarray) -> float:
    """Mean squared difference over a region."""
    return float(((image - truth)[region] ** 2).mean())


def measure(results: Path) -> tuple[dict[str, np.ndarray], list[tuple]]:
    """Errors of every galaxy: `snr` (N,), and by region `net` (N,) and `filters` (N, sigmas)."""
    with fits.open(results / "sources.fits") as hdus:
        source_x, source_y = hdus["SOURCES"].data["X"], hdus["SOURCES"].data["Y"]
    noiseless = fits.getdata(results / "simulated" / "noiseless.fits")
    found = {"snr": []} | {
        f"{kind}_{region}": [] for kind in ("net", "filters") for region in REGIONS
    }
    examples = []
    for path in sorted((results / "cutouts").glob("*.h5")):
        cutouts = shards.read_shard(path)
        clean = shards.read_shard(results / "denoised" / path.name, ["row", "image"])
        assert np.array_equal(clean["row"], cutouts["row"]), f"{path.name}: rows differ"
        for i, row in enumerate(cutouts["row"]):
            if cutouts["flags"][i] & flags.NO_DATA:
                continue
            x, y, image = cutouts["x"][i], cutouts["y"][i], cutouts["image"][i]
            truth = cut_truth(noiseless, source_x[row] - x, source_y[row] - y, len(image))
            good = (cutouts["mask"][i] & (flags.NEIGHBOUR | flags.MISSING)) == 0
            inside = galaxy_region(cutouts["mask"][i], x, y) & good
            if not inside.any():
                continue
            variance = np.median(cutouts["rms"][i]) ** 2
            filtered = [gaussian_filter(image, sigma) if sigma else image for sigma in SIGMAS]
            for region, pixels in (("galaxy", inside), ("cutout", good)):
                found[f"net_{region}"].append(
                    mean_error(clean["image"][i], truth, pixels) / variance
                )
                errors = [mean_error(smooth, truth, pixels) / variance for smooth in filtered]
                found[f"filters_{region}"].append(errors)
            found["snr"].append(cutouts["snr"][i])
            examples.append((cutouts["snr"][i], image, clean["image"][i], truth, variance**0.5))
    return {name: np.array(values) for name, values in found.items()}, examples


def compare(found: dict[str, np.ndarray]) -> list[dict]:
    """One row per region and range of S/N: both errors and their ratio, with 95 % intervals."""
    rng, rows = np.random.default_rng(0), []
    for region in REGIONS:
        for label, low, high in zip(LABELS, EDGES[:-1], EDGES[1:], strict=True):
            chosen = np.flatnonzero((found["snr"] >= low) & (found["snr"] < high))
            if not len(chosen):
                continue
            net, filters = found[f"net_{region}"][chosen], found[f"filters_{region}"][chosen]
            again = rng.integers(0, len(chosen), (RESAMPLINGS, len(chosen)))
            ratios = net[again].mean(1) / filters[again].mean(1).min(1)
            best = filters.mean(0).argmin()
            rows.append(
                {
                    "region": region,
                    "snr": label,
                    "galaxies": len(chosen),
                    "unfiltered": filters[:, 0].mean(),
                    "best_sigma": SIGMAS[best],
                    "gaussian": filters[:, best].mean(),
                    "denoiser": net.mean(),
                    "ratio": net.mean() / filters[:, best].mean(),
                    "ratio_low": np.quantile(ratios, 0.025),
                    "ratio_high": np.quantile(ratios, 0.975),
                    "share_better": (net < filters[:, best]).mean(),
                }
            )
    return rows


# Columns of the table in docs/denoising.md, and how each is written.
PAGE = {
    "region": "{region}",
    "S/N": "{snr}",
    "galaxies": "{galaxies}",
    "unfiltered": "{unfiltered:.3f}",
    "best Gaussian (sigma, px)": "{gaussian:.4f} ({best_sigma:g})",
    "denoiser": "{denoiser:.4f}",
    "ratio": "{ratio:.2f} ({ratio_low:.2f}-{ratio_high:.2f})",
}


def plot_errors(rows: list[dict], path: Path) -> None:
    """Mean errors by S/N, one panel a region."""
    figure, axes = plt.subplots(1, 2, figsize=(7.1, 3.1), sharey=True, layout="constrained")
    for axis, (region, title) in zip(axes, REGIONS.items(), strict=True):
        some = [row for row in rows if row["region"] == region]
        place = np.arange(len(some))
        for name, label, colour, marker in (
            ("unfiltered", "no filter", "#888888", "s"),
            ("gaussian", "best Gaussian, chosen with the truth", "#D55E00", "^"),
            ("denoiser", "denoiser, never shown the truth", "#0072B2", "o"),
        ):
            values = [row[name] for row in some]
            axis.plot(place, values, marker=marker, color=colour, label=label, markersize=5)
        for spot, row in zip(place, some, strict=True):
            axis.annotate(
                f"{row['ratio']:.2f}",
                (spot, row["denoiser"]),
                (0, -13),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color="#0072B2",
            )
        axis.set_xticks(place, [f"{row['snr']}\nn={row['galaxies']}" for row in some], fontsize=8)
        axis.set_yscale("log")
        axis.margins(x=0.1, y=0.15)
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_xlabel("S/N inside the segment", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("mean squared error / noise variance", fontsize=9)
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    figure.savefig(path, dpi=200)


def plot_examples(examples: list[tuple], rows: list[dict], path: Path) -> None:
    """Noisy, best Gaussian, denoised and true, two galaxies per range of S/N."""
    columns = []
    snr = np.array([example[0] for example in examples])
    for label, low, high in zip(LABELS, EDGES[:-1], EDGES[1:], strict=True):
        chosen = np.flatnonzero((snr >= low) & (snr < high))
        sigma = [r["best_sigma"] for r in rows if (r["region"], r["snr"]) == ("galaxy", label)]
        for i in chosen[[len(chosen) // 3, 2 * len(chosen) // 3]] if len(chosen) > 1 else chosen:
            columns.append((label, sigma[0], examples[i]))
    figure, axes = plt.subplots(4, len(columns), figsize=(10, 4.2), layout="constrained")
    for axis, (label, sigma, example) in zip(axes.T, columns, strict=True):
        _, image, clean, truth, noise = example
        top = np.arcsinh(max(np.quantile(truth, 0.999) / noise, 3))
        filtered = gaussian_filter(image, sigma) if sigma else image
        for panel, picture in zip(axis, (image, filtered, clean, truth), strict=True):
            panel.imshow(
                np.arcsinh(picture / noise), vmin=-0.5, vmax=top, cmap="gray_r", origin="lower"
            )
            panel.set(xticks=[], yticks=[])
        axis[0].set_title(f"S/N {label}", fontsize=7)
    for axis, name in zip(axes[:, 0], ("noisy", "Gaussian", "denoised", "truth"), strict=True):
        axis.set_ylabel(name, fontsize=8)
    figure.savefig(path, dpi=200)


def main() -> None:
    """Measure, print, write."""
    parser = new_parser(__doc__, FIGURES)
    parser.add_argument("field", type=Path, nargs="?", default=DEMO)
    options = parser.parse_args()
    found, examples = measure(options.field)
    rows = compare(found)
    print_table(list(PAGE), [[cell.format(**row) for cell in PAGE.values()] for row in rows])
    folder = options.output
    write_table(folder / "denoising.csv", rows, digits=None)
    plot_errors(rows, folder / "denoising.png")
    plot_examples(examples, rows, folder / "denoising_examples.png")
    lost = [r for r in rows if r["snr"] != LABELS[-1] and r["ratio"] >= 1]
    sys.exit(f"the Gaussian filter wins in {len(lost)} of {len(rows)} rows" if lost else 0)


if __name__ == "__main__":
    main()
