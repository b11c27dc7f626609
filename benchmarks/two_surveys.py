"""The same ten galaxies in KiDS and in SDSS: what their PSF images do to the fits.

python benchmarks/two_surveys.py               # docs/figures/two_surveys.csv, tables on the screen

The workflow measures ready-made cutouts, each with its own PSF and sigma map, in five runs:

kids, sdss         with the PSF images that come with them
kids_2, sdss_2     with PSFs that agree with the images: for KiDS a Moffat profile as that of its
                   stars, for SDSS the same blurred by the Gaussian that makes the KiDS image the
                   SDSS image
blurred            the KiDS images blurred by that Gaussian, on SDSS's pixels and in its noise

The judge is a fit of a galsim Sersic profile by scipy's least squares, on the pixels that the
surveys' own segmentation leaves, with the PSF images that come with them.
"""

import json
from pathlib import Path
from typing import NamedTuple

import galsim
import numpy as np
from common import DATA, FIGURES, WORK, new_parser, run_workflow
from astropy.io import fits
from scipy.ndimage import binary_dilation, map_coordinates
from scipy.optimize import least_squares
from tables import markdown, write_table

from morphovote.fields.psf import psf_pixels
from morphovote.fields.psf_widths import measure_fwhm, most_light
from morphovote.storage import shards

PAIRS = DATA / "gama_pairs"
# Arcsec a pixel.
SCALES = {"KiDS": 0.2, "SDSS": 0.339}
# Stars in the KiDS cutouts: galaxy and number of the segment.
STARS = (("G266662", 9), ("G267199", 9), ("G267489", 7))
# Half a side (px) of what a star is fitted on; side (px) of a PSF that is drawn; and the rim (px)
# of neighbours that the judge leaves out.
HALF, SIDE, RIM = 9, 51, 3
# Radii (arcsec) between which the light of both images is compared.
RING = (2.5, 6.0)
PARAMETERS = {"sersic_n": "n", "r_e": "r_e (arcsec)", "axis_ratio": "axis ratio"}
FINE = galsim.GSParams(maximum_fft_size=20000)


class Cutout(NamedTuple):
    """Pixels of one galaxy in one survey; `use` leaves neighbours out."""

    image: np.ndarray
    sigma: np.ndarray
    segments: np.ndarray
    use: np.ndarray
    psf: np.ndarray
    scale: float


def read(survey: str, name: str) -> Cutout:
    """One galaxy with its PSF image."""
    image, sigma, mask, segments = (
        fits.getdata(PAIRS / survey / f"{name}{plane}.fits").astype(float)
        for plane in ("fitim", "sigma", "mskim", "segim")
    )
    own = segments == segments[tuple(side // 2 for side in image.shape)]
    others = binary_dilation((segments > 0) & ~own, iterations=RIM) & ~own
    scale = SCALES[survey]
    psf = psf_pixels(PAIRS / survey / f"{name}psfim.fits", scale)
    return Cutout(image, sigma, segments, ~others & (mask == 0), psf, scale)


def seen(pixels: np.ndarray, scale: float) -> galsim.InterpolatedImage:
    """Pixels as a surface brightness profile."""
    image = galsim.Image(np.ascontiguousarray(pixels), scale=scale)
    return galsim.InterpolatedImage(image, x_interpolant="lanczos5", gsparams=FINE)


def solve(planes: list[np.ndarray], cut: Cutout, use: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best factors of planes, and the residuals in units of the noise."""
    weighted = np.stack([(plane / cut.sigma)[use] for plane in planes], axis=1)
    data = (cut.image / cut.sigma)[use]
    factors = np.linalg.lstsq(weighted, data, rcond=None)[0]
    return factors, weighted @ factors - data


def judge(cut: Cutout) -> dict[str, float]:
    """The independent fit, with the level of the sky."""
    height, width = cut.image.shape
    psf = seen(cut.psf, cut.scale)

    def residuals(p: np.ndarray) -> np.ndarray:
        profile = galsim.Sersic(np.exp(p[1]), np.exp(p[0]), gsparams=FINE)
        size = np.hypot(p[4], p[5])
        shear = galsim.Shear(g1=p[4], g2=p[5]) if size < 0.95 else galsim.Shear(g=0.95)
        image = galsim.Convolve(profile.shear(shear), psf, gsparams=FINE).drawImage(
            nx=width, ny=height, scale=cut.scale, offset=(p[2], p[3]), method="no_pixel"
        )
        return solve([image.array, np.ones(image.array.shape)], cut, cut.use)[1]

    edges = [(-2.5, -1.1, -9, -9, -0.9, -0.9), (3.5, 1.8, 9, 9, 0.9, 0.9)]
    start = [np.log(1.8), 0.5, 0.0, 0.0, 0.05, 0.05]
    found = least_squares(residuals, start, bounds=edges, diff_step=1e-4, x_scale=0.1).x
    size = np.hypot(found[4], found[5])
    q = (1 - size) / (1 + size)
    # galsim's radius is that of the circle with the ellipse's area.
    return {"sersic_n": np.exp(found[1]), "r_e": np.exp(found[0]) / np.sqrt(q), "axis_ratio": q}


def fit_star(name: str, number: int) -> dict[str, float]:
    """A Moffat profile fitted to a star, and how well the PSF image fits it (chi2 a pixel)."""
    cut = read("KiDS", name)
    rows, columns = np.nonzero(cut.segments == number)
    light = cut.image[rows, columns]
    y, x = (int(np.rint(place @ light / light.sum())) for place in (rows, columns))
    box = (slice(y - HALF, y + HALF + 1), slice(x - HALF, x + HALF + 1))
    part = cut._replace(image=cut.image[box], sigma=cut.sigma[box])
    use = np.isin(cut.segments[box], (0, number))
    dy, dx = np.indices(part.image.shape) - HALF

    def moffat(p: np.ndarray) -> np.ndarray:
        square = (dx - p[0]) ** 2 + (dy - p[1]) ** 2
        return (1 + square * (2 ** (1 / p[3]) - 1) / (p[2] / 2) ** 2) ** -p[3]

    def image(p: np.ndarray) -> np.ndarray:
        at = [dy - p[1] + cut.psf.shape[0] // 2, dx - p[0] + cut.psf.shape[1] // 2]
        return map_coordinates(cut.psf, at, order=3)

    flat, found = np.ones(part.image.shape), {"star": f"{name} {number}"}
    for told, plane, start in (("moffat", moffat, [0, 0, 3.0, 3.0]), ("psf", image, [0, 0])):
        fit = least_squares(lambda p, plane=plane: solve([plane(p), flat], part, use)[1], start)
        found[f"{told}_chi2"] = 2 * fit.cost / use.sum()
        if told == "moffat":
            found |= {"fwhm": fit.x[2] * cut.scale, "beta": fit.x[3]}
    return found | {"psf_fwhm": measure_fwhm(cut.psf) * cut.scale}


def match(kids: Cutout, sdss: Cutout) -> dict:
    """The Gaussian that makes the KiDS image the SDSS image, what it leaves, and what it makes."""
    sky, (height, width) = seen(kids.image, kids.scale), sdss.image.shape
    reach = [side * kids.scale / sdss.scale / 2 - 6 for side in kids.image.shape]
    y, x = np.indices(sdss.image.shape)
    use = sdss.use & (np.abs(y - height // 2) < reach[0]) & (np.abs(x - width // 2) < reach[1])

    def blurred(p: np.ndarray) -> np.ndarray:
        whole = galsim.Convolve(sky, galsim.Gaussian(fwhm=p[0]), gsparams=FINE)
        return whole.drawImage(
            nx=width, ny=height, scale=sdss.scale, offset=(p[1], p[2]), method="no_pixel"
        ).array

    def residuals(p: np.ndarray) -> np.ndarray:
        return solve([blurred(p), np.ones(sdss.image.shape)], sdss, use)[1]

    edges = [(0.05, -4, -4), (2, 4, 4)]
    fit = least_squares(residuals, [0.7, 0, 0], bounds=edges, diff_step=1e-2, x_scale=[0.1, 1, 1])
    image = blurred(fit.x)
    factors, _ = solve([image, np.ones(image.shape)], sdss, use)
    # Where the KiDS image ends, there is nothing to compare.
    inside = (np.abs(y - height // 2) < reach[0]) & (np.abs(x - width // 2) < reach[1])
    return {
        "fwhm": fit.x[0],
        "chi2": 2 * fit.cost / use.sum(),
        "image": np.where(inside, image * factors[0] + factors[1], np.nan),
    }


def outer_light(image: np.ndarray, sdss: Cutout) -> float:
    """Light of the SDSS image in `RING`, over that of the blurred KiDS image, less one."""
    y, x = (np.indices(image.shape).T - (np.array(image.shape) - 1) / 2).T
    radius = np.hypot(x, y) * sdss.scale
    ring = (radius > RING[0]) & (radius < RING[1]) & sdss.use & np.isfinite(image)
    return float(sdss.image[ring].sum() / image[ring].sum() - 1)


def needed_fwhm(kids: Cutout, sdss: Cutout) -> float:
    """FWHM (arcsec) of the Gaussian that brings the KiDS PSF image nearest to the SDSS one."""
    psf, side = seen(kids.psf, kids.scale), len(sdss.psf)

    def residuals(p: np.ndarray) -> np.ndarray:
        both = galsim.Convolve(psf, galsim.Gaussian(fwhm=p[0]), gsparams=FINE)
        drawn = both.drawImage(nx=side, ny=side, scale=sdss.scale, method="no_pixel").array
        return (drawn / drawn.sum() - sdss.psf).ravel()

    return float(least_squares(residuals, [0.9], bounds=(0.05, 3), diff_step=1e-2).x[0])


def write_inputs(folder: Path, names: list[str], stars: list[dict]) -> list[dict]:
    """Write PSFs that agree with the images, and the blurred images; what was found on the way."""
    ratio = float(np.median([star["fwhm"] / star["psf_fwhm"] for star in stars]))
    beta = float(np.median([star["beta"] for star in stars]))
    for part in ("kids", "sdss", "blurred", "sigma"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    told = []
    for number, name in enumerate(names):
        kids, sdss = read("KiDS", name), read("SDSS", name)
        found = match(kids, sdss)
        star = galsim.Moffat(beta=beta, fwhm=ratio * measure_fwhm(kids.psf) * kids.scale)
        both = galsim.Convolve(star, galsim.Gaussian(fwhm=found["fwhm"]))
        for part, psf, cut in (("kids", star, kids), ("sdss", both, sdss)):
            drawn = psf.drawImage(nx=SIDE, ny=SIDE, scale=cut.scale, method="no_pixel").array
            fits.writeto(folder / part / f"{name}psfim.fits", drawn, overwrite=True)
        outer = outer_light(found["image"], sdss)
        noise = sdss.sigma * np.random.default_rng(number).normal(size=sdss.image.shape)
        image = (found.pop("image") + noise).astype(np.float32)
        fits.writeto(folder / "blurred" / f"{name}fitim.fits", image, overwrite=True)
        sigma = sdss.sigma.astype(np.float32)
        fits.writeto(folder / "sigma" / f"{name}sigma.fits", sigma, overwrite=True)
        told.append({
            "galaxy": name, "kernel_fwhm": found["fwhm"], "kernel_chi2": found["chi2"],
            "kernel_of_psfs": needed_fwhm(kids, sdss), "outer_light": outer,
            "kids_psf_most_light": most_light(kids.psf),
            "sdss_psf_most_light": most_light(sdss.psf),
            "kids_psf_fwhm": measure_fwhm(kids.psf) * kids.scale,
            "sdss_psf_fwhm": measure_fwhm(sdss.psf) * sdss.scale,
            "sdss_2_psf_fwhm": measure_fwhm(psf_pixels(
                folder / "sdss" / f"{name}psfim.fits", sdss.scale)) * sdss.scale,
        })  # fmt: skip
    return told


def measure(folder: Path, cores: int) -> dict[str, dict[str, np.ndarray]]:
    """Measurements of the five runs, by run: arrays as in the shard."""
    fields = {}
    for name, survey, psf in (
        ("kids", "KiDS", PAIRS / "KiDS"), ("sdss", "SDSS", PAIRS / "SDSS"),
        ("kids_2", "KiDS", folder / "kids"), ("sdss_2", "SDSS", folder / "sdss"),
        ("blurred", "SDSS", folder / "sdss"),
    ):  # fmt: skip
        made = name == "blurred"
        fields[name] = {
            "cutouts": str((folder / "blurred" if made else PAIRS / survey) / "*fitim.fits"),
            "rms": str((folder / "sigma" if made else PAIRS / survey) / "*sigma.fits"),
            "psf": str(psf / "*psfim.fits"),
            "pixel_scale": SCALES[survey],
            "zero_point": 0.0,
        }
    config = folder / "config.yaml"
    config.write_text(json.dumps({"fields": fields}))
    targets = {name: f"results/{name}/measurements/00000.h5" for name in fields}
    run_workflow(folder, config, list(targets.values()), cores)
    return {name: shards.read_shard(folder / target) for name, target in targets.items()}


def compare(first: dict, second: dict) -> list[dict]:
    """How far two measurements of the same galaxies differ, a row a parameter."""
    rows = []
    for name, told in PARAMETERS.items():
        off = second[name] - first[name]
        error = np.hypot(*(one.get(f"{name}_err", 0.0) for one in (first, second)))
        relative = off / first[name] if name == "r_e" else off
        rows.append({
            "parameter": told.replace("(arcsec)", "(relative)"),
            "median difference": f"{np.median(relative):+.3f}",
            "median size of it": f"{np.median(np.abs(relative)):.3f}",
            "largest": f"{relative[np.argmax(np.abs(relative))]:+.3f}",
            "within the errors": f"{np.sum(np.abs(off) < error)} of {len(off)}" if np.any(error)
            else "",
        })  # fmt: skip
    return rows


def main() -> None:
    """Write the numbers of each galaxy, and print the tables of the page."""
    parser = new_parser(__doc__, FIGURES / "two_surveys.csv")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    folder = WORK / "two_surveys"
    names = sorted(path.name[:7] for path in (PAIRS / "KiDS").glob("*fitim.fits"))
    stars = [fit_star(*star) for star in STARS]
    told = write_inputs(folder, names, stars)
    found = measure(folder, options.cores)
    for survey in ("KiDS", "SDSS"):
        fits_ = [judge(read(survey, name)) for name in names]
        found[f"judge of {survey.lower()}"] = {
            key: np.array([one[key] for one in fits_]) for key in PARAMETERS
        }
    rows = []
    for number, row in enumerate(told):
        for run, values in found.items():
            shown = [key + end for key in PARAMETERS for end in ("", "_err") if key + end in values]
            shown += ["sersic_chi2"] if "sersic_chi2" in values else []
            row = row | {f"{run} {key}": float(values[key][number]) for key in shown}
        rows.append({key: f"{v:.4g}" if isinstance(v, float) else v for key, v in row.items()})
    write_table(options.output, rows)
    print(markdown(list(stars[0]), [[f"{v:.3g}" if isinstance(v, float) else v
                                     for v in star.values()] for star in stars]))  # fmt: skip
    print(markdown(list(told[0]), [list(row.values())[: len(told[0])] for row in rows]))
    pairs = [("kids", "sdss"), ("judge of kids", "judge of sdss"), ("kids_2", "sdss_2")]
    pairs += [("blurred", "sdss_2"), ("judge of kids", "kids"), ("judge of sdss", "sdss")]
    for first, second in pairs:
        table = compare(found[first], found[second])
        print(f"\n{second} - {first}")
        print(markdown(list(table[0]), [list(row.values()) for row in table]))


if __name__ == "__main__":
    main()
