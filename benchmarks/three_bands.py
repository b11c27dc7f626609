"""A simulated field in three bands, classified in the rest-frame band of each galaxy and in one.

    python benchmarks/three_bands.py FOLDER [--galaxies 600] [--seed 7]

Galaxies of the second renderer (`simulate.layered`) at redshifts of 0.3 to 4 are drawn in three
NIRCam bands, each with its own PSF, at equal S/N. Their colours change their shape: bulges are
redder than discs, clumps, tails and arms bluer (`colour`). The true class follows from the rule of
`simulate.truth` as the galaxy is at 0.5 micrometres. The field is run with `rest_frame: 0.5`
and in each band alone, up to the classes; the table says how many are right, how well the groups
agree with the true classes (AMI), and by how much the rest-frame choice is better, with 90 %
intervals of a bootstrap over the galaxies.
"""

from pathlib import Path

import galsim
import numpy as np
import torch
import yaml
from common import new_parser, run_workflow
from astropy.io import fits
from astropy.table import Table
from layered_field import SIDE, draw_view, light_of
from scipy.signal import fftconvolve
from sklearn.metrics import adjusted_mutual_info_score
from tables import print_table

from morphovote.simulate.anchors import describe_layered, measure_psf
from morphovote.simulate.layered.galaxies import draw_galaxies
from morphovote.simulate.layered.kinds import Population
from morphovote.simulate.survey import signal_to_noise
from morphovote.simulate.truth import classify_truth
from morphovote.storage import shards

# Pivot wavelength (micrometres) and FWHM of the PSF (arcsec) of each band.
BANDS = {"F115W": (1.154, 0.040), "F150W": (1.501, 0.050), "F277W": (2.776, 0.092)}
SCALE, SPACING = 0.03, 3.0
REST = 0.5
REDSHIFTS = (0.3, 4.0)
SIZES, SIGNALS = (4.0, 14.0), (15.0, 250.0)
# Powers of the wavelength with which the light of a bulge and of clumps and tails, against that of
# the disc, and the logarithm of a disc's arms grow.
BULGE, CLUMPS, ARMS = 1.5, -1.5, -0.7
DRAWS = 1000


def colour(galaxy: dict[str, torch.Tensor], wavelength: float) -> dict[str, torch.Tensor]:
    """A galaxy as it is at another wavelength.

    Parameters
    ----------
    galaxy : dict of Tensor
        From `layered.galaxies.draw_galaxies`, as it is at `REST`.
    wavelength : float
        In its rest frame (micrometres).
    """
    ratio = wavelength / REST
    bulge = galaxy["bulge"]
    redder = bulge * ratio**BULGE
    return galaxy | {
        "bulge": torch.where(bulge < 1, redder / (redder + 1 - bulge), bulge),
        "map": galaxy["map"] ** ratio**ARMS,
        "blob_flux": galaxy["blob_flux"] * ratio**CLUMPS,
    }


def draw_field(folder: Path, count: int, seed: int) -> None:
    """Write an image, a noise map and a PSF for each band, the catalogue, and the truth."""
    rng = np.random.default_rng(seed)
    psfs = {name: draw_psf(fwhm) for name, (_, fwhm) in BANDS.items()}
    blur = {name: measure_psf(psf)[0] for name, psf in psfs.items()}
    cells, step = int(np.ceil(np.sqrt(count))), SPACING / SCALE
    images = {name: np.zeros((int(cells * step) + SIDE,) * 2) for name in BANDS}
    rows = []
    for number, cell in enumerate(rng.permutation(cells**2)[:count]):
        x, y = (step * (c + rng.uniform(0.3, 0.7)) + SIDE / 2 for c in divmod(int(cell), cells))
        left, low = int(x) - SIDE // 2, int(y) - SIDE // 2
        size, snr = (np.exp(rng.uniform(*np.log(limits))) for limits in (SIZES, SIGNALS))
        redshift = np.exp(rng.uniform(*np.log1p(REDSHIFTS))) - 1
        galaxy = draw_galaxies(1_000_003 * seed + number, 1, Population())
        view = draw_view(size, (x - left, y - low), rng)
        for name, (wavelength, _) in BANDS.items():
            light = light_of(colour(galaxy, wavelength / (1 + redshift)), view)
            light = fftconvolve(light, psfs[name], mode="same")
            light *= snr / signal_to_noise(light, np.ones_like(light))
            images[name][low : low + SIDE, left : left + SIDE] += light
        truth = describe_layered(galaxy, size)
        kind = classify_truth(truth, snr, blur[best_band(redshift)])
        rows.append((number, x, y, redshift, kind, truth.kind, snr, size, best_band(redshift)))
    for name, image in images.items():
        image += rng.normal(size=image.shape)
        save = {"image": image, "rms": np.ones_like(image), "psf": psfs[name]}
        for what, pixels in save.items():
            path = folder / f"{what}_{name}.fits"
            fits.writeto(path, pixels.astype(np.float32), overwrite=True)
    names = ("id", "x", "y", "z", "TYPE", "SUBTYPE", "SNR", "R_E", "BAND")
    truth = Table(rows=rows, names=names)
    truth["id", "x", "y", "z"].write(folder / "catalogue.fits", overwrite=True)
    truth.write(folder / "truth.fits", overwrite=True)


def draw_psf(fwhm: float) -> np.ndarray:
    """A Moffat PSF (61, 61) of sum 1."""
    psf = galsim.Moffat(beta=3, fwhm=fwhm).drawImage(nx=61, ny=61, scale=SCALE).array
    return psf / psf.sum()


def best_band(redshift: float) -> str:
    """The band nearest to `REST` in the galaxy's rest frame."""
    distance = {n: abs(np.log(w / (1 + redshift) / REST)) for n, (w, _) in BANDS.items()}
    return min(distance, key=distance.get)


def run_field(folder: Path, cores: int) -> None:
    """Run the field in its rest-frame bands, and in each band alone, up to the classes."""
    bands = {
        name: {
            "images": str(folder / f"image_{name}.fits"),
            "rms": str(folder / f"rms_{name}.fits"),
            "psf": str(folder / f"psf_{name}.fits"),
        }
        for name in BANDS
    }
    common = {"catalogue": str(folder / "catalogue.fits"), "pixel_scale": SCALE}
    waves = {name: bands[name] | {"wavelength": wave} for name, (wave, _) in BANDS.items()}
    fields = {"rest": common | {"bands": waves, "rest_frame": REST, "band": "F150W"}}
    fields |= {name.lower(): common | files for name, files in bands.items()}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"fields": fields}))
    run_workflow(folder, config, [f"results/{name}/classes.h5" for name in fields], cores)


def score_field(folder: Path, seed: int) -> list[list]:
    """A row for each way: accuracy, AMI of the groups, and what the rest-frame choice gains."""
    truth = Table.read(folder / "truth.fits")
    true = np.asarray(truth["TYPE"]).astype(str)
    found = {}
    for name in ("rest", *(band.lower() for band in BANDS)):
        place = folder / "results" / name
        classes = shards.read_shard(place / "classes.h5", ["row", "class"])
        votes = shards.read_shard(place / "votes.h5", ["row", "group"])
        found[name] = (classes["class"].astype(str)[np.argsort(classes["row"])],
                       votes["group"][np.argsort(votes["row"])])  # fmt: skip
    picks = np.random.default_rng(seed).integers(len(true), size=(DRAWS, len(true)))
    picks = np.concatenate([np.arange(len(true))[None], picks])

    best = bootstrap_scores(true, *found["rest"], picks)
    rows = []
    for name in found:
        own = bootstrap_scores(true, *found[name], picks)
        values = np.concatenate([own, best - own], axis=1)
        low, high = np.percentile(values[1:], [5, 95], axis=0)
        cells = zip(values[0], low, high, strict=True)
        rows.append([name, *(f"{v:.2f} ({a:.2f} to {b:.2f})" for v, a, b in cells)])
    return rows


def bootstrap_scores(true, given, group, picks: np.ndarray) -> np.ndarray:
    """Accuracy and AMI of the groups with the true classes, (DRAWS, 2), on each pick."""
    pairs = ((true[p], given[p], group[p]) for p in picks)
    return np.array([[np.mean(g == t), adjusted_mutual_info_score(t, n)] for t, g, n in pairs])


def main() -> None:
    """Draw the field, run it four times, print the table."""
    parser = new_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--galaxies", type=int, default=600)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    draw_field(folder, given.galaxies, given.seed)
    run_field(folder, given.cores)
    head = ["band", "right", "AMI of groups", "right, gain of rest frame", "AMI, gain"]
    print_table(head, score_field(folder, given.seed))


if __name__ == "__main__":
    main()
