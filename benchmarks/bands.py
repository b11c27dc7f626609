"""Rest-frame bands against a single band, on a simulated field of three bands with known classes.

    python benchmarks/bands.py FOLDER [--galaxies 200] [--seed 1] [--output docs/figures/bands.csv]

Galaxies at z 0.3 to 4 have a bulge that reddens, a disc, and clumps that brighten to the blue, each
a power law of the rest-frame wavelength; their class is that of their parts, whatever the band.
They are drawn as mosaics in three bands with a PSF of each, at one signal-to-noise ratio in all of
them, so that only the morphology differs. FOLDER keeps images, catalogue, truth and a config for
the workflow.

Compared are the embeddings of the bundled encoder (of the cutouts themselves, without a denoiser):
each galaxy in its rest-frame band, all in one band, the mean over the bands, and all bands joined;
with the PSFs as they are and matched. Scored are the agreement of eight K-means groups with the
classes (adjusted mutual information) and the balanced accuracy of a classifier on held-out galaxies
(5-fold), with 95 % bootstrap intervals, also of the difference to the rest-frame choice.
"""

from pathlib import Path

import galsim
import numpy as np
import yaml
from common import FIGURES, ROOT, new_parser
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, recall_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import write_table

from morphovote.config.resolve import complete_config
from morphovote.encode import encoding
from morphovote.encode import weights as encoder_weights
from morphovote.fields.bands import in_band, list_band_sources
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.psf_matching import match_kernels
from morphovote.polar import schemes
from morphovote.reduce import pca

# Band -> wavelength (micrometres) and width of the PSF (FWHM, arcsec).
BANDS = {"F090W": (0.90, 0.06), "F150W": (1.50, 0.07), "F277W": (2.78, 0.11)}
REST_FRAME, WITHIN, SCALE, SIDE, STEP = 0.5, 0.3, 0.03, 100, 130
REDSHIFTS, SIZES, SIGNALS = (0.3, 4.0), (0.18, 0.45), (60.0, 250.0)
# Exponents of the light of the parts with rest-frame wavelength.
REDDENING = {"bulge": 1.5, "disc": 0.3, "clumps": -2.0}
# Share of bulge and of clumps at REST_FRAME, and how far the parts lie off the centre (in r_e).
CLASSES = {
    "SPH": ((0.85, 1.0), (0.0, 0.01), 0.0),
    "ETD": ((0.35, 0.6), (0.0, 0.02), 0.0),
    "LTD": ((0.05, 0.2), (0.08, 0.2), 0.0),
    "IRR": ((0.0, 0.03), (0.3, 0.5), 0.6),
}
GROUPS, RESAMPLINGS = 8, 1000


def draw_parts(kind: str, r_e: float, rng: np.random.Generator) -> dict[str, galsim.GSObject]:
    """Bulge, disc and clumps of one galaxy, with their fluxes at REST_FRAME (1 together)."""
    bulges, clumps, off = CLASSES[kind]
    bulge, clump = rng.uniform(*bulges), rng.uniform(*clumps)
    turn, q = rng.uniform(0, 180) * galsim.degrees, rng.uniform(0.4, 1)
    disc = galsim.Exponential(half_light_radius=r_e).shear(q=q, beta=turn)
    where = off * r_e
    knots = []
    for flux in rng.dirichlet(np.ones(8)):
        radius, angle = r_e * rng.gamma(2, 0.6), rng.uniform(0, 2 * np.pi)
        place = galsim.PositionD(radius * np.cos(angle), q * radius * np.sin(angle))
        turned = galsim.Gaussian(sigma=0.12 * r_e, flux=max(flux, 1e-3)).shift(place)
        knots.append(turned.rotate(turn).shift(rng.normal() * where, rng.normal() * where))
    body = galsim.Sersic(n=4, half_light_radius=(0.8 if kind == "SPH" else 0.35) * r_e)
    round_ = max(q, 0.6)
    return {
        "bulge": body.shear(q=round_, beta=turn).withFlux(max(bulge, 1e-6)),
        "disc": disc.withFlux(max(1 - bulge - clump, 1e-6)),
        "clumps": galsim.Add(knots).withFlux(max(clump, 1e-6)),
    }


def draw_field(folder: Path, count: int, seed: int) -> dict:
    """Write mosaics, PSFs, catalogue and truth; return the field's entry in the config."""
    rng = np.random.default_rng(seed)
    cells = int(np.ceil(np.sqrt(count)))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 2.0]
    wcs.wcs.crpix, wcs.wcs.cdelt = [cells * STEP / 2] * 2, [-SCALE / 3600, SCALE / 3600]
    mosaics = {name: rng.normal(size=(cells * STEP,) * 2) for name in BANDS}
    psfs = {name: galsim.Moffat(beta=3, fwhm=width) for name, (_, width) in BANDS.items()}
    rows = []
    for number in range(count):
        kind, z = str(rng.choice(list(CLASSES))), rng.uniform(*REDSHIFTS)
        r_e, snr = (np.exp(rng.uniform(*np.log(limits))) for limits in (SIZES, SIGNALS))
        parts = draw_parts(kind, r_e, rng)
        low, left = (STEP * n for n in divmod(number, cells))
        offset = rng.uniform(-0.5, 0.5, 2)
        for name, (wave, _) in BANDS.items():
            stretch = wave / (1 + z) / REST_FRAME
            light = galsim.Add([part * stretch ** REDDENING[what] for what, part in parts.items()])
            seen = galsim.Convolve(light, psfs[name])
            stamp = seen.drawImage(nx=STEP, ny=STEP, scale=SCALE, offset=offset).array
            stamp = stamp * snr / np.sqrt((stamp**2).sum())
            mosaics[name][low : low + STEP, left : left + STEP] += stamp
        x, y = (
            corner + (STEP - 1) / 2 + at for corner, at in zip((left, low), offset, strict=True)
        )
        ra, dec = wcs.all_pix2world(x, y, 0)
        rows.append((number, float(ra), float(dec), z, kind, snr, r_e))
    bands = {}
    for name, (wave, _) in BANDS.items():
        image, star = folder / f"{name}.fits", folder / f"{name}_psf.fits"
        fits.writeto(image, mosaics[name].astype(np.float32), wcs.to_header(), overwrite=True)
        psf = psfs[name].drawImage(nx=61, ny=61, scale=SCALE).array
        fits.writeto(star, psf / psf.sum(), overwrite=True)
        bands[name] = {"images": str(image), "psf": str(star), "wavelength": wave}
    truth = Table(rows=rows, names=("ID", "ra", "dec", "redshift", "CLASS", "SNR", "R_E"))
    truth.write(folder / "truth.csv", overwrite=True)
    truth["ID", "ra", "dec", "redshift"].write(folder / "catalogue.csv", overwrite=True)
    entry = {"bands": bands, "rest_frame": REST_FRAME, "rest_frame_within": WITHIN}
    entry |= {"band": "F150W", "catalogue": str(folder / "catalogue.csv"), "sky": "none"}
    (folder / "config.yaml").write_text(yaml.safe_dump({"fields": {"three": entry}}))
    return entry


def embed(entry: dict, match: bool) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (B, N, D) in every band, and the number of each galaxy's rest-frame band (N,)."""
    places = yaml.safe_load((ROOT / "workflow/places.yaml").read_text(encoding="utf-8"))
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    field = complete_config({"fields": {"three": entry | {"match_bands": match}}}, schema, places)
    field = field["fields"]["three"]
    sources, tiles = list_band_sources(field["bands"], field, "images", field["catalogue"][0])
    kernel = match_kernels(tiles, [], None, SCALE)
    bundled = str(ROOT / "resources/encoder/encoder.safetensors")
    names = [
        Path(entry["catalogue"]).parent / f"encoder.{kind}" for kind in ("safetensors", "json")
    ]
    encoder_weights.fetch_encoder("convnext_atto", bundled, 0, *names)
    found = []
    for number in range(len(BANDS)):
        cut = make_cutouts(in_band(sources, number), tiles, SIDE, kernel=kernel)
        polar = schemes.unwrap("moments", {"image": cut["image"]}, cut)
        found.append(encoding.encode(polar, *encoder_weights.load_encoder(*names), "auto", 2))
    order = list(BANDS)
    return np.stack(found), np.array([order.index(name) for name in sources["BAND"]])


def choices(embeddings: np.ndarray, own: np.ndarray) -> dict[str, np.ndarray]:
    """Features (N, D) of each way to use the bands."""
    every = np.arange(len(own))
    single = {name: embeddings[number] for number, name in enumerate(BANDS)}
    joined = np.concatenate(list(embeddings), axis=1)
    rest = {"rest frame": embeddings[own, every]}
    return rest | single | {"mean": embeddings.mean(axis=0), "joined": joined}


def predict(features: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group of each galaxy, and its class by a classifier that did not see it."""
    points = pca.project(features, pca.fit_pca(features, 0.95))
    groups = KMeans(GROUPS, n_init=20, random_state=0).fit_predict(points)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return groups, cross_val_predict(model, points, truth, cv=folds)


def scores(
    found: dict[str, tuple[np.ndarray, np.ndarray]], truth: np.ndarray, seed: int = 0
) -> list[dict]:
    """AMI and balanced accuracy of each choice, and its difference to the rest-frame choice."""
    rng = np.random.default_rng(seed)
    samples = [np.arange(len(truth))]
    samples += [rng.integers(len(truth), size=len(truth)) for _ in range(RESAMPLINGS)]
    table = {
        name: np.array([
            (adjusted_mutual_info_score(truth[rows], groups[rows]),
             recall_score(truth[rows], classes[rows], average="macro"))
            for rows in samples
        ])
        for name, (groups, classes) in found.items()
    }  # fmt: skip
    lines = []
    for name, values in table.items():
        line: dict = {"choice": name, "galaxies": len(truth)}
        gained = table["rest frame"] - values
        for place, what in enumerate(("ami", "accuracy")):
            for key, part in (("", values), ("_lost", gained)):
                low, high = np.percentile(part[1:, place], (2.5, 97.5))
                line |= {f"{what}{key}": float(part[0, place]), f"{what}{key}_low": float(low),
                         f"{what}{key}_high": float(high)}  # fmt: skip
        lines.append(line)
    return lines


def main() -> None:
    """Draw the field, score every choice, and write the table."""
    parser = new_parser(__doc__, FIGURES / "bands.csv")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--galaxies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    entry = draw_field(options.folder.resolve(), options.galaxies, options.seed)
    truth = np.asarray(Table.read(options.folder / "truth.csv")["CLASS"]).astype(str)
    lines = []
    for match in (False, True):
        ways = choices(*embed(entry, match))
        found = {name: predict(features, truth) for name, features in ways.items()}
        lines += [{"matched": match} | line for line in scores(found, truth)]
    for line in lines:
        print(line)
    write_table(options.output, lines)


if __name__ == "__main__":
    main()
