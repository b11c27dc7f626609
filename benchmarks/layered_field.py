"""A field of the second renderer with other pixels, PSF and depth, run up to the classes.

    python benchmarks/layered_field.py FOLDER [--galaxies 800] [--seed 5]

Its galaxies (`simulate.layered`, with its own shares of kinds) lie in one mosaic of 0.06 arcsec a
pixel with a PSF of 0.2 arcsec (FWHM), a noise map and a catalogue. Their classes follow from the
rule of `simulate.truth`. The run is FOLDER/results/layered: give it to `anchors.py`.
"""

from pathlib import Path

import galsim
import numpy as np
import torch
import yaml
from common import new_parser, run_workflow
from astropy.io import fits
from astropy.table import Table
from scipy.signal import fftconvolve

from morphovote.simulate.anchors import describe_layered, measure_psf
from morphovote.simulate.layered.galaxies import draw_galaxies
from morphovote.simulate.layered.images import draw_galaxy_light
from morphovote.simulate.layered.kinds import Population
from morphovote.simulate.survey import signal_to_noise
from morphovote.simulate.truth import classify_truth

SCALE, FWHM, SPACING = 0.06, 0.2, 4.5
# Half-light radius (px) and S/N, even in their logarithms.
SIZES, SIGNALS = (2.5, 10.0), (8.0, 250.0)
SIDE = 96
NAME = "layered"


def draw_field(folder: Path, count: int, seed: int) -> None:
    """Write image, noise map, PSF, catalogue and truth.

    Parameters
    ----------
    folder : path
    count : int
        Galaxies.
    seed : int
    """
    rng = np.random.default_rng(seed)
    psf = galsim.Moffat(beta=3, fwhm=FWHM).drawImage(nx=41, ny=41, scale=SCALE).array
    psf /= psf.sum()
    fwhm, _ = measure_psf(psf)
    cells = int(np.ceil(np.sqrt(count)))
    step = SPACING / SCALE
    image = np.zeros((int(cells * step) + SIDE,) * 2)
    rows = []
    for number, cell in enumerate(rng.permutation(cells**2)[:count]):
        x, y = (step * (c + rng.uniform(0.25, 0.75)) + SIDE / 2 for c in divmod(int(cell), cells))
        left, low = int(x) - SIDE // 2, int(y) - SIDE // 2
        size, snr = (np.exp(rng.uniform(*np.log(limits))) for limits in (SIZES, SIGNALS))
        light, galaxy = draw_one(seed, number, size, (x - left, y - low), rng)
        light = fftconvolve(light, psf, mode="same")
        light *= snr / signal_to_noise(light, np.ones_like(light))
        image[low : low + SIDE, left : left + SIDE] += light
        truth = describe_layered(galaxy, size)
        kind = classify_truth(truth, snr, fwhm)
        rows.append((number, x, y, kind, truth.kind, snr, size, 0.0, 25 - 2.5 * np.log10(snr)))
    image += rng.normal(size=image.shape)
    names = ("id", "x", "y", "TYPE", "SUBTYPE", "SNR", "R_E", "Z", "MAG")
    truth = Table(rows=rows, names=names)
    header = fits.Header({"BUNIT": "count"})
    fits.writeto(folder / "image.fits", image.astype(np.float32), header, overwrite=True)
    fits.writeto(folder / "rms.fits", np.ones_like(image, np.float32), overwrite=True)
    fits.writeto(folder / "psf.fits", psf.astype(np.float32), overwrite=True)
    truth["id", "x", "y"].write(folder / "catalogue.fits", overwrite=True)
    place = folder / "results" / NAME / "simulated"
    place.mkdir(parents=True, exist_ok=True)
    truth.write(place / "truth.fits", overwrite=True)


def draw_one(seed: int, number: int, size: float, centre: tuple, rng) -> tuple[np.ndarray, dict]:
    """Light (SIDE, SIDE) of one galaxy without PSF, and its parameters."""
    galaxy = draw_galaxies(1_000_003 * seed + number, 1, Population())
    return light_of(galaxy, draw_view(size, centre, rng)), galaxy


def draw_view(size: float, centre: tuple, rng) -> dict[str, torch.Tensor]:
    """How one galaxy is seen: its size (px), position (px), and a random orientation."""
    view = {
        "scale": size,
        "turn": rng.uniform(0, 2 * np.pi),
        "hand": rng.choice([-1, 1]),
        "x": centre[0],
        "y": centre[1],
    }
    return {name: torch.tensor([float(value)]) for name, value in view.items()}


def light_of(galaxy: dict[str, torch.Tensor], view: dict[str, torch.Tensor]) -> np.ndarray:
    """Light (SIDE, SIDE) of one galaxy without PSF; a star between the samples is a pixel."""
    with torch.inference_mode():
        light = draw_galaxy_light(galaxy, view, SIDE)[0].numpy().astype(float)
    if light.sum() <= 0:
        light[int(view["y"]), int(view["x"])] = 1.0
    return light


def run_field(folder: Path, cores: int) -> None:
    """Run the workflow up to the classes."""
    names = {name: str(folder / f"{name}.fits") for name in ("rms", "psf", "catalogue")}
    field = names | {"images": str(folder / "image.fits"), "pixel_scale": SCALE}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"fields": {NAME: field}}))
    run_workflow(folder, config, f"results/{NAME}/classes.h5", cores)


def main() -> None:
    """Draw the field and run it."""
    parser = new_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--galaxies", type=int, default=800)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    draw_field(folder, given.galaxies, given.seed)
    kinds = Table.read(folder / "results" / NAME / "simulated/truth.fits")
    for column in ("TYPE", "SUBTYPE"):
        found, counts = np.unique(kinds[column], return_counts=True)
        print(dict(zip(map(str, found), map(int, counts), strict=True)))
    run_field(folder, given.cores)


if __name__ == "__main__":
    main()
