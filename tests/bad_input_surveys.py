"""Files as surveys hand them out, read by the entries of docs/surveys.md; adds to `CASES`.

File names and headers are those of the archives, the pixels are those of `pixels`.
"""

import json
from pathlib import Path

import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Table
from bad_input import SIDE, catalogue, flags, gauss, goes_on, header, image, sky, start, stops
from bad_input_images import AS_PLAIN, MASK, RMS, SCI, same
from bad_input_roles import PLACED, listed
from paths import ROOT


def entry(survey: str) -> dict:
    """The entry of a field that docs/surveys.md gives for a survey."""
    page = (ROOT / "docs/surveys.md").read_text(encoding="utf-8")
    return yaml.safe_load(page.split(f"\n## {survey}\n")[1].split("```yaml\n")[1].split("```")[0])


def notes(**field) -> str:
    """What is noted of the files of a field."""
    _, tiles = start(**field)
    return " ".join(json.loads(tiles.meta["NOTES"]))


# --- Euclid ------------------------------------------------------------------------------------

# Every file of a tile has a hash and a time of its own, in words of varying number.
MADE = ("5ED2D5_20241105T125727.727353Z", "BB87CE_20241104T161703.18Z", "0A7F_20241018T142710.2Z",
        "ACBD03_20250101T000000.1Z", "7333BC_20241031T081510.1Z", "F7D9_20241001T9.9Z")  # fmt: skip
GRID = "data/EUC_MER_GRID-PSF-VIS_TILE102018211-7333BC_20241031T081510.1Z_00.00.fits"


def mer(folder: Path, kind: str, data, number=0, made=0, **cards) -> Path:
    """Write a file of a MER tile; tiles lie side by side."""
    head = header(offset=number * SIDE)
    head.update({"INSTRUME": "VIS", "FILTER": "VIS", "MAGZERO": 24.6, "EXPTIME": 2360.0} | cards)
    (folder / "data").mkdir(exist_ok=True)
    name = f"EUC_MER_{kind}_TILE{102018211 + number}-{MADE[made]}_00.00.fits"
    fits.writeto(folder / "data" / name, np.asarray(data), head)
    return folder / "data" / name


def tile(folder: Path) -> None:
    """Two tiles: image, noise, flags, background, and PSFs on a grid. The second is louder."""
    for number in (0, 1):
        loud = np.float32(1 + 20 * number)
        planes = {"BGSUB-MOSAIC-VIS": SCI * loud, "MOSAIC-VIS-RMS": RMS * loud,
                  "MOSAIC-VIS-FLAG": MASK + 1, "BGMOD-VIS": RMS / 50}  # fmt: skip
        for place, (kind, data) in enumerate(planes.items()):
            mer(folder, kind, data, number, (place + 3 * number) % len(MADE))
    psfs = np.zeros((SIDE, SIDE), np.float32)
    for y, x in np.ndindex(4, 4):
        psfs[30 * y : 30 * y + 25, 30 * x : 30 * x + 25] = gauss(25)
    # One of them lies in the very middle, and is a little brighter.
    psfs[47:72, 47:72] = 1.01 * gauss(25)
    mer(folder, "GRID-PSF-VIS", psfs, 0, 4)


@goes_on("survey", "Euclid's MER mosaics, by the entry of the page", AS_PLAIN)
def _(folder):
    tile(folder)
    return same(folder, **entry("Euclid"))


@goes_on("survey", "Euclid's rms, given as weight", AS_PLAIN)
def _(folder):
    tile(folder)
    given = entry("Euclid")
    return same(folder, images=given["images"], weight=given["rms"])


@goes_on("survey", "Euclid's with another zero point than its header's", "MAGZERO = 24.6", "23.9")
def _(folder):
    tile(folder)
    return notes(**entry("Euclid") | {"zero_point": 23.9}, catalogue=catalogue(folder))


for _files, _says in {
    "EUC_MER_*-VIS*": ("FLAG_TILE102018211", "a mask"),
    "EUC_MER_*MOSAIC-VIS*": ("FLAG_TILE102018211", "a mask"),
    "EUC_MER_BG*-VIS*": ("BGMOD-VIS_TILE102018211", "a model, background"),
    "*RMS*": ("RMS_TILE102018211", "an rms map"),
    "*FLAG*": ("FLAG_TILE102018211", "a mask"),
}.items():

    @stops("survey", f"Euclid's {_files} as images", *_says, "is no image", "narrower")
    def _(folder, files=_files):
        tile(folder)
        return flags(images=f"data/{files}.fits", catalogue=catalogue(folder))


@stops("survey", "Euclid's VIS and NISP under one pattern", "same sky", "(Y, VIS)")
def _(folder):
    tile(folder)
    mer(folder, "BGSUB-MOSAIC-NIR-Y", SCI, INSTRUME="NISP", FILTER="Y")
    return flags(images="data/EUC_MER_BGSUB*.fits", catalogue=catalogue(folder))


@stops("survey", "Euclid's flags as rms", "FLAG_TILE102018211", "says a noise of 1")
def _(folder):
    tile(folder)
    return flags(**entry("Euclid") | {"rms": "data/*FLAG*.fits"}, catalogue=catalogue(folder))


@stops("survey", "Euclid's grid of PSFs as psf", "GRID-PSF", "17 peaks", "one star", "cut one out")
def _(folder):
    tile(folder)
    return flags(**entry("Euclid"), psf=GRID, catalogue=catalogue(folder))


@stops("survey", "a pattern as psf that finds the grid", "fields.f.psf", "GRID", "17 peaks")
def _(folder):
    tile(folder)
    return flags(**entry("Euclid"), psf="data/*GRID*.fits", catalogue=catalogue(folder))


@stops("survey", "Euclid's PSFs of a catalogue, a cube, as psf", "CATALOG-PSF", "(9, 25, 25)")
def _(folder):
    tile(folder)
    path = folder / "data/EUC_MER_CATALOG-PSF-VIS_TILE102018211.fits"
    parts = [fits.ImageHDU(np.stack([gauss(25)] * 9), name="PSF"), fits.table_to_hdu(Table([[1]]))]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path)
    return flags(**entry("Euclid"), psf=path, catalogue=catalogue(folder))


# --- Legacy Surveys ----------------------------------------------------------------------------

# What lies beside each other for one brick and one filter, as IMTYPE and PRODTYPE say.
BRICK = {
    "image": (SCI, "image"), "invvar": (1 / RMS**2, "wtmap"), "nexp": (MASK + 3, "expmap"),
    "depth": (9 / RMS**2, "psfdepth"), "galdepth": (5 / RMS**2, "galdepth"),
    "model": (SCI, "model"), "chi2": (SCI**2 / RMS**2, "chi2"), "blobmodel": (SCI, "blobmodel"),
    "resid": (SCI, "resid"), "psfsize": (RMS / 77, "psfsize"), "maskbits": (MASK, "maskbits"),
}  # fmt: skip


def bricks(folder: Path, named: bool, *kinds: str) -> None:
    """Two bricks side by side, tile-compressed, their planes called IMAGE_R and so on or not."""
    (folder / "data").mkdir()
    for number, brick in enumerate(("0001p000", "0003p000")):
        for kind in kinds:
            data, product = BRICK[kind]
            head = header(offset=number * SIDE)
            head.update({"FILTER": "r DECam SDSS c0002", "FILTERX": "r", "BRICK": brick,
                         "IMTYPE": kind, "PRODTYPE": product})  # fmt: skip
            # As fpack does: floats are rounded to steps, with dither.
            rounded = {"quantize_method": 2, "dither_seed": 1} if data.dtype.kind == "f" else {}
            hdu = fits.CompImageHDU(data, head, compression_type="RICE_1", **rounded)
            hdu.name = f"{kind}_R" if named else "COMPRESSED_IMAGE"
            of = "" if kind == "maskbits" else "-r"
            path = folder / f"data/legacysurvey-{brick}-{kind}{of}.fits.fz"
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


WANTED = ("image", "invvar", "depth", "maskbits")


@goes_on("survey", "bricks of the Legacy Surveys, by the entry of the page", AS_PLAIN)
def _(folder):
    bricks(folder, True, *WANTED)
    return same(folder, 0.1, **entry("Legacy Surveys"))


@goes_on("survey", "their planes without names, invvar given as rms", AS_PLAIN)
def _(folder):
    bricks(folder, False, *WANTED)
    given = entry("Legacy Surveys")
    return same(folder, 0.1, images=given["images"], rms=given["weight"])


for _number, _kind in enumerate(list(BRICK)[1:]):

    @stops("survey", f"{_kind} of a brick beside its image", f"1p000-{_kind}",
           "its only plane is", "by its header", "`images: file.fits[1]`")  # fmt: skip
    def _(folder, kind=_kind, named=_number % 2 > 0):
        bricks(folder, named, "image", kind)
        return flags(images="data/*.fits.fz", catalogue=catalogue(folder))


for _kind in ("depth", "model", "psfsize", "maskbits"):

    @stops("survey", f"{_kind} of a brick as weight", f"1p000-{_kind}", "by its header", "`weight`")
    def _(folder, kind=_kind):
        bricks(folder, True, "image", kind)
        given = entry("Legacy Surveys") | {"weight": f"data/*-{kind}*.fits.fz"}
        return flags(**given, catalogue=catalogue(folder))


@goes_on("survey", "the model of a brick, named as the image", "1: no flag; 2: no flag")
def _(folder):
    bricks(folder, True, "model")
    return flags(images="data/*-model-r.fits.fz[MODEL_R]", catalogue=catalogue(folder))


# --- other surveys and tools ---------------------------------------------------------------------


@stops("survey", "an ASDF file (Roman)", "r0001.asdf", "not a readable FITS", "ASDF", "Convert")
def _(folder):
    (folder / "r0001.asdf").write_bytes(b"#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n" + bytes(3000))
    return flags(images=folder / "r0001.asdf", catalogue=catalogue(folder))


@stops("no columns", "RA and Dec in three columns each (CDS)", "ra: ..., dec: ...", "joined first")
def _(folder):
    parts = {"id": [1], "RAh": [10], "RAm": [0], "RAs": [0.1], "DEd": [2], "DEm": [0], "DEs": [0.0]}
    return listed(catalogue(folder, parts).parent, "cat.fits")


@goes_on("ids", "a CSV with blanks between its columns, # before the names", f"007, 8 {PLACED}")
def _(folder):
    ra, dec = sky()["ra"].tolist(), sky()["dec"].tolist()
    rows = f"# id  ra dec\n 007   {ra[0]!r}  {dec[0]!r}\n 8   {ra[1]!r} {dec[1]!r}\n"
    (folder / "cat.csv").write_text(rows)
    return listed(folder, "cat.csv")


# --- radio and others: axes of length 1 ----------------------------------------------------------


def deep(folder, name, data, axes):
    """Write an image with axes of length 1 before its two, as radio images have."""
    head = header()
    for number, kind in zip(range(3, 3 + axes), ("FREQ", "STOKES"), strict=False):
        head[f"CTYPE{number}"], head[f"CRVAL{number}"], head[f"CDELT{number}"] = kind, 1.4e9, 1e6
        head[f"CRPIX{number}"] = 1.0
    return image(folder, data.reshape((1,) * axes + data.shape), name, head)


@goes_on("survey", "a radio image with axes of frequency and Stokes, and its noise", AS_PLAIN)
def _(folder):
    noise = deep(folder, "noise.fits", RMS, 2)
    return same(folder, images=deep(folder, "i.fits", SCI, 2), rms=noise)


@goes_on("survey", "an image of (1, height, width), tile-compressed", AS_PLAIN)
def _(folder):
    hdu = fits.CompImageHDU(SCI[None], header(), compression_type="GZIP_1", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(folder / "i.fits.fz")
    return same(folder, 0.1, images=folder / "i.fits.fz")


@goes_on("survey", "a PSF of (1, height, width)", "1: no flag; 2: no flag")
def _(folder):
    fits.writeto(folder / "psf.fits", gauss(25)[None])
    return flags(images=deep(folder, "i.fits", SCI, 1), psf=folder / "psf.fits",
                 catalogue=catalogue(folder))  # fmt: skip


@stops("survey", "a cube of two channels and one Stokes parameter", "i.fits", "(1, 2, 120, 120)")
def _(folder):
    path = image(folder, np.stack([SCI, SCI])[None], "i.fits", None)
    return flags(images=path, catalogue=catalogue(folder), pixel_scale=0.1)
