"""Fields of real galaxies with classes by eye, as ready-made cutouts that the workflow can take."""

import io
import tarfile
from pathlib import Path

import galsim
import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Table
from PIL import Image

# Class of each set -> the project's: a smooth galaxy may be a spheroid only, a disc either disc.
CLASSES = {
    "ceers": {"disk": ("ETD", "LTD"), "spheroid": ("SPH",), "peculiar": ("IRR",)},
    "hst_zoo": {"smooth": ("SPH",), "disc": ("ETD", "LTD"), "spiral": ("ETD", "LTD"),
                "edge-on": ("ETD", "LTD"), "clumpy": ("IRR",), "odd": ("IRR",)},
    "sdss": {"round": ("SPH",), "inbetween": ("SPH",), "cigar": ("SPH", "ETD", "LTD"),
             "edgeon": ("ETD", "LTD"), "spiral": ("ETD", "LTD")},
}  # fmt: skip
# Galaxy Zoo's answers for pictures of HST -> class.
ZOO = {
    "smooth": "smooth", "smooth_round": "smooth", "smooth_inbetween": "smooth",
    "smooth_cigar": "smooth", "disc": "disc", "disc_barred": "disc", "spiral": "spiral",
    "edge_on": "edge-on", "clumpy": "clumpy", "odd": "odd", "merger_tidal": "odd",
}  # fmt: skip
ACS, SDSS = galsim.Moffat(beta=3, fwhm=0.1), galsim.Moffat(beta=3, fwhm=1.3)
NIRCAM = galsim.OpticalPSF(lam=1501, diam=6.5, obscuration=0.17)
# Pixel scale (arcsec) and PSF; the pictures of the SDSS are halved.
OPTICS = {"ceers": (0.03, NIRCAM), "hst_zoo": (0.03, ACS), "sdss": (0.792, SDSS)}


def read_ceers(data: Path) -> list[tuple]:
    """Name, pixels and class ("" where none was given) of JWST/NIRCam F150W galaxies."""
    table = Table.read(data / "ceers_nircam/ferreira2023.csv")
    classes = {str(row["id"]): str(row["class"]) for row in table}
    paths = sorted((data / "ceers_nircam/f150w").glob("*.fits"))
    names = [path.stem.split("_")[-1] for path in paths]
    pixels = [np.asarray(fits.getdata(path), np.float32) for path in paths]
    return [(n, p, classes.get(n, "")) for n, p in zip(names, pixels, strict=True)]


def read_zoo(data: Path) -> list[tuple]:
    """The same of the HST pictures that Galaxy Zoo shows as examples, grey, at 100 px."""
    folder, rng, found = data / "hst_zoo_examples", np.random.default_rng(0), []
    for row in Table.read(folder / "labels.csv"):
        grey = Image.open(folder / row["file"]).convert("L").resize((100, 100), Image.BOX)
        # Some have a perfectly uniform sky, unlike any camera.
        pixels = np.asarray(grey, np.float32) + rng.standard_normal((100, 100))
        name = str(row["file"]).removesuffix(".jpg")
        found.append((name, pixels.astype(np.float32), ZOO.get(str(row["class"]), "")))
    return found


def read_sdss(data: Path) -> list[tuple]:
    """The same of SDSS pictures with classes by volunteers, grey, with a display stretch."""
    rng, found = np.random.default_rng(0), []
    with tarfile.open(data / "real_sky/sdss.tar") as archive:
        for row in Table.read(data / "real_sky/sdss_classes.csv"):
            picture = archive.extractfile(f"{row['id']}.jpg").read()
            grey = np.asarray(Image.open(io.BytesIO(picture)).convert("L"), np.float32)
            pixels = grey + rng.standard_normal(grey.shape).astype(np.float32)
            found.append((str(row["id"]), pixels, str(row["class"])))
    return found


READERS = {"ceers": read_ceers, "hst_zoo": read_zoo, "sdss": read_sdss}


def make_real_field(name: str, data: Path, folder: Path) -> Path:
    """Write cutouts, PSF, classes by eye (`classes.csv`) and config of a set; path of the config.

    Parameters
    ----------
    name : str
        A key of `READERS`.
    data : path
        The folder of real data.
    folder : path
        To write into; results come there as well.
    """
    galaxies = READERS[name](data)
    scale, psf = OPTICS[name]
    (folder / "cutouts").mkdir(parents=True, exist_ok=True)
    for galaxy, pixels, _ in galaxies:
        fits.writeto(folder / "cutouts" / f"{galaxy}.fits", pixels, overwrite=True)
    kernel = psf.drawImage(nx=31, ny=31, scale=scale).array
    fits.writeto(folder / "psf.fits", kernel / kernel.sum(), overwrite=True)
    given = [(galaxy, label) for galaxy, _, label in galaxies if label in CLASSES[name]]
    Table(rows=given, names=("ID", "CLASS")).write(folder / "classes.csv", overwrite=True)
    field = {"cutouts": str(folder / "cutouts/*.fits"), "psf": str(folder / "psf.fits")}
    config = folder / "config.yaml"
    text = yaml.safe_dump({"fields": {name: field | {"pixel_scale": scale}}})
    config.write_text(text)
    return config
