"""Wrong or unusual input, case by case, and what morphovote has to say about it.

A case is a function of an empty folder. It does what the workflow would do before its first long
job; what the library raises (InputError) or what the case returns (a flag, or what came out right)
has to hold every part of `says`. `benchmarks/bad_input.py` prints the table.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from paths import PLACES, ROOT

from morphovote.config.resolve import complete_config
from morphovote.errors import InputError
from morphovote.fields.checks import check_psfs
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.sources import list_sources
from morphovote.flags import BLEND, EDGE, LOW_SNR, NO_DATA, OFF_CENTRE

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
SIDE = 120
FLAGS = {"no data": NO_DATA, "edge": EDGE, "blend": BLEND, "low S/N": LOW_SNR,
         "off centre": OFF_CENTRE}  # fmt: skip
# What people are told to do, in the words of the messages.
ADVICE = (
    "add", "adjust", "check", "choose", "convert", "correct", "cut", "delete", "did you mean",
    "fetch", "fit", "free", "give", "is it", "keep", "make", "name", "remove", "rename", "restore",
    "run", "save", "set", "take", "widen", "write", "lower", "use",
)  # fmt: skip


class Case(NamedTuple):
    """A row of the table."""

    group: str
    given: str
    call: Callable[[Path], str]
    says: tuple[str, ...]
    stops: bool


CASES: list[Case] = []


def stops(group: str, given: str, *says: str):
    """The case has to raise InputError with a message that holds all of `says`."""
    return lambda call: CASES.append(Case(group, given, call, says, True)) or call


def goes_on(group: str, given: str, *says: str):
    """The case has to return a text that holds all of `says`: flags, or that all is right."""
    return lambda call: CASES.append(Case(group, given, call, says, False)) or call


def run_case(case: Case, folder: Path) -> tuple[str, bool]:
    """The message, and whether it was an InputError; other exceptions are raised."""
    try:
        return case.call(folder), False
    except InputError as error:
        return str(error), True


# --- pieces ------------------------------------------------------------------------------------


def header(scale=0.1, rotation=0.0, frame="RA", offset=0.0) -> fits.Header:
    """Header of a tangential projection around (150, 2)."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [(SIDE + 1) / 2 - offset, (SIDE + 1) / 2]
    turn = np.radians(rotation)
    wcs.wcs.cd = (
        scale / 3600 * np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    )
    if frame == "GLON":
        wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
        wcs.wcs.crval = [236.27, 41.89]
    return wcs.to_header()


def pixels(seed=0, shape=(SIDE, SIDE)) -> np.ndarray:
    """Noise of 1 and two galaxies, at (60, 60) and (25, 95)."""
    y, x = np.indices(shape)
    image = np.random.default_rng(seed).normal(size=shape)
    for column, row in ((60, 60), (25, 95)):
        image += 30 * np.exp(-np.hypot(x - column, y - row) / 2.5)
    return image.astype(np.float32)


def image(folder: Path, data=None, name="image.fits", head="wcs", **keys) -> Path:
    """Write an image with a WCS, unless `head` is None."""
    data = pixels() if data is None else data
    fits.writeto(folder / name, data, header(**keys) if head == "wcs" else head)
    return folder / name


def catalogue(folder: Path, content=None, name="cat.fits") -> Path:
    """Write a catalogue of the two galaxies."""
    content = sky() if content is None else content
    formats = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".vot": "votable"}
    suffix = Path(name).suffix
    Table(content).write(folder / name, format=formats.get(suffix, suffix[1:]))
    return folder / name


def sky(**changes) -> dict:
    """Columns id, ra, dec, mag of the two galaxies."""
    ra, dec = WCS(header()).all_pix2world([60.0, 25.0], [60.0, 95.0], 0)
    return {"id": [1, 2], "ra": ra, "dec": dec, "mag": [20.0, 22.0]} | changes


def start(options=None, **field):
    """Do what the workflow does before its first long job: check config, make source list."""
    field = {key: str(value) if isinstance(value, Path) else value for key, value in field.items()}
    config = complete_config({"fields": {"f": field}} | (options or {}), SCHEMA, PLACES)
    check_psfs(config["fields"])
    resolved = config["fields"]["f"]
    return list_sources(
        resolved["images"],
        resolved["kind"],
        resolved["catalogue"][0] if resolved["catalogue"] else None,
        pattern=resolved["pattern"] or "",
        rms=resolved["rms"],
        weight=resolved["weight"],
        psfs=resolved["psfs"],
        columns=resolved["columns"],
        select=resolved["select"],
        shard_size=config["shard_size"],
        pixel_scale=resolved["pixel_scale"],
        zero_point=resolved["zero_point"],
        pixel_origin=resolved["pixel_origin"],
        missing=resolved["missing"],
        planes=resolved["planes"],
    )


def flags(options=None, size=40, **field) -> str:
    """Flags of every source's cutout, in words."""
    sources, tiles = start(options, **field)
    arrays = make_cutouts(sources[sources["SELECTED"]], tiles, size)
    assert np.isfinite(arrays["image"]).all()
    assert np.isfinite(arrays["rms"]).all()
    return "; ".join(
        f"{name}: {', '.join(word for word, bit in FLAGS.items() if flag & bit) or 'no flag'}"
        for name, flag in zip(arrays["id"], arrays["flags"], strict=True)
    )


def placed(**field) -> str:
    """Where the two galaxies are found, px."""
    sources, _ = start(**field)
    pairs = zip(sources["X"], sources["Y"], strict=True)
    return "at " + " and ".join(f"({x:.1f}, {y:.1f})" for x, y in pairs)


def stamps(folder: Path, shapes=((60, 60), (60, 60), (60, 60))) -> str:
    """Cutouts g_1.fits, ... of given shapes; their pattern."""
    for number, shape in enumerate(shapes, start=1):
        y, x = np.indices(shape)
        at = np.hypot(x - (shape[1] - 1) / 2, y - (shape[0] - 1) / 2)
        noise = np.random.default_rng(number).normal(size=shape)
        fits.writeto(folder / f"g_{number}.fits", (30 * np.exp(-at / 4) + noise).astype("f4"))
    return str(folder / "g_*.fits")


# --- images ------------------------------------------------------------------------------------


@stops("image", "cut short in its pixels", "image.fits", "cut short", "bytes")
def _(folder):
    path = image(folder)
    path.write_bytes(path.read_bytes()[:20000])
    return flags(images=path, catalogue=catalogue(folder))


@stops("image", "cut short in its header", "image.fits", "not a readable FITS file")
def _(folder):
    path = image(folder)
    path.write_bytes(path.read_bytes()[:700])
    return flags(images=path, catalogue=catalogue(folder))


@stops("image", "an empty file", "image.fits", "not a readable FITS file", "Empty")
def _(folder):
    (folder / "image.fits").touch()
    return flags(images=folder / "image.fits", catalogue=catalogue(folder))


@stops("image", "a text called .fits", "image.fits", "not a readable FITS file")
def _(folder):
    (folder / "image.fits").write_text("a page that says: not found\n" * 200)
    return flags(images=folder / "image.fits", catalogue=catalogue(folder))


@stops("image", "a folder called .fits", "image.fits", "folder")
def _(folder):
    (folder / "image.fits").mkdir()
    return flags(images=folder / "image.fits", catalogue=catalogue(folder))


@stops("image", "a FITS table", "cat.fits", "no extension holds a 2-D image")
def _(folder):
    return flags(images=catalogue(folder), catalogue=catalogue(folder, name="c.csv"))


@goes_on("image", "the pixels in a second extension, after a mask", "1: no flag; 2: no flag")
def _(folder):
    mask = fits.ImageHDU(np.zeros((SIDE, SIDE), np.int16), name="DQ")
    science = fits.ImageHDU(pixels(), header(), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), mask, science]).writeto(folder / "image.fits")
    return flags(images=folder / "image.fits", catalogue=catalogue(folder))


@stops("image", "a picture (PNG) as .fits", "image.fits", "not a readable FITS file")
def _(folder):
    (folder / "image.fits").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    return flags(images=folder / "image.fits", catalogue=catalogue(folder))


@stops("image", "a cube", "image.fits", "(3, 120, 120)")
def _(folder):
    path = image(folder, np.stack([pixels()] * 3), head=None)
    return flags(images=path, catalogue=catalogue(folder))


@goes_on("image", ".fits.gz", "1: no flag; 2: no flag")
def _(folder):
    path = image(folder, name="image.fits.gz")
    return flags(images=path, catalogue=catalogue(folder))


@stops("image", ".fits.gz cut short", "image.fits.gz")
def _(folder):
    path = image(folder, name="image.fits.gz")
    path.write_bytes(path.read_bytes()[:9000])
    return flags(images=path, catalogue=catalogue(folder))


@goes_on("image", ".fits.fz, tile-compressed", "1: no flag; 2: no flag")
def _(folder):
    hdu = fits.CompImageHDU(pixels(), header(), compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(folder / "image.fits.fz")
    return flags(images=folder / "image.fits.fz", catalogue=catalogue(folder))


@stops("image", ".fits.fz cut short", "image.fits.fz", "cut short")
def _(folder):
    hdu = fits.CompImageHDU(pixels(), header(), compression_type="RICE_1")
    path = folder / "image.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    path.write_bytes(path.read_bytes()[:-9000])
    return flags(images=path, catalogue=catalogue(folder))


@goes_on("image", "16-bit integers with BLANK on one galaxy", "1: no data; 2: no flag")
def _(folder):
    data = np.round(pixels() * 100).astype(np.int16)
    data[45:75, 45:75] = -32768
    head = header()
    head["BLANK"] = -32768
    head["BSCALE"] = 0.01
    with open(folder / "image.fits", "wb") as file:
        hdu = fits.PrimaryHDU(np.zeros((SIDE, SIDE), np.int16), head)
        head = hdu.header
        head["BLANK"], head["BSCALE"], head["BZERO"] = -32768, 0.01, 0.0
        file.write(head.tostring().encode())
        content = data.astype(">i2").tobytes()
        file.write(content + bytes(-len(content) % 2880))
    return flags(images=folder / "image.fits", catalogue=catalogue(folder))


@goes_on("image", "16-bit integers with BSCALE and BZERO", "1: no flag; 2: no flag")
def _(folder):
    hdu = fits.PrimaryHDU(pixels(), header())
    hdu.scale("int16", bzero=5, bscale=0.01)
    hdu.writeto(folder / "image.fits")
    return flags(images=folder / "image.fits", catalogue=catalogue(folder))


@goes_on("image", "big-endian doubles", "1: no flag; 2: no flag")
def _(folder):
    return flags(images=image(folder, pixels().astype(">f8")), catalogue=catalogue(folder))


@goes_on("image", "NaN on one galaxy, inf beside the other", "1: no data; 2: edge")
def _(folder):
    data = pixels()
    data[45:75, 45:75] = np.nan
    data[107:, 20:30] = np.inf
    return flags(images=image(folder, data), catalogue=catalogue(folder))


@goes_on("image", "all one value", "1: no data; 2: no data")
def _(folder):
    data = np.full((SIDE, SIDE), 7, np.float32)
    return flags(images=image(folder, data), catalogue=catalogue(folder))


@goes_on("image", "all zero", "1: no data; 2: no data")
def _(folder):
    data = np.zeros((SIDE, SIDE), np.float32)
    return flags(images=image(folder, data), catalogue=catalogue(folder))


@goes_on("image", "all negative", "1: low S/N")
def _(folder):
    data = -np.abs(np.random.default_rng(0).normal(size=(SIDE, SIDE))).astype(np.float32) - 50
    return flags(images=image(folder, data), catalogue=catalogue(folder))


@goes_on("image", "values of 1e30", "1: no flag; 2: no flag")
def _(folder):
    return flags(images=image(folder, pixels() * np.float32(1e30)), catalogue=catalogue(folder))


@stops("image", "no WCS, with a catalogue in RA and Dec", "image.fits", "no WCS", "columns")
def _(folder):
    return flags(images=image(folder, head=None), catalogue=catalogue(folder), pixel_scale=0.1)


@stops("image", "a WCS that cannot be inverted", "image.fits", "WCS")
def _(folder):
    head = header()
    for key in ("PC1_1", "PC1_2", "PC2_1", "PC2_2"):
        head[key] = 0.0
    return flags(images=image(folder, head=head), catalogue=catalogue(folder))


@stops("image", "an unknown projection", "image.fits", "WCS cannot be understood")
def _(folder):
    head = header()
    head["CTYPE1"], head["CTYPE2"] = "RA---XXX", "DEC--XXX"
    return flags(images=image(folder, head=head), catalogue=catalogue(folder))


@goes_on("image", "WCS turned by 33 degrees", "at (60.0, 60.0) and (25.0, 95.0)")
def _(folder):
    ra, dec = WCS(header(rotation=33)).all_pix2world([60.0, 25.0], [60.0, 95.0], 0)
    table = catalogue(folder, sky(ra=ra, dec=dec))
    return placed(images=image(folder, rotation=33), catalogue=table)


@goes_on("image", "WCS with SIP distortion", "at (60.0, 60.0) and (25.0, 95.0)")
def _(folder):
    head = header()
    head["CTYPE1"], head["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    head["A_ORDER"] = head["B_ORDER"] = 2
    head["A_2_0"], head["B_0_2"] = 3e-4, -2e-4
    ra, dec = WCS(head).all_pix2world([60.0, 25.0], [60.0, 95.0], 0)
    table = catalogue(folder, sky(ra=ra, dec=dec))
    return placed(images=image(folder, head=head), catalogue=table)


@goes_on("image", "two, one of them in galactic coordinates", "at (60.0, 60.0) and")
def _(folder):
    image(folder, name="a_image.fits")
    image(folder, name="b_image.fits", frame="GLON", offset=1e5)
    return placed(images=str(folder / "*_image.fits"), catalogue=catalogue(folder))


@stops("image", "two of different pixel scale", "a_image.fits", "b_image.fits", "pixel scale")
def _(folder):
    image(folder, name="a_image.fits")
    image(folder, name="b_image.fits", scale=0.2)
    return placed(images=str(folder / "*_image.fits"), catalogue=catalogue(folder))


@stops("image", "none with a pixel scale", "image.fits", "pixel_scale")
def _(folder):
    table = catalogue(folder, {"id": [1], "x": [60.0], "y": [60.0]})
    return placed(images=image(folder, head=None), catalogue=table)


# --- noise maps and PSF ------------------------------------------------------------------------


@goes_on("noise", "rms zero in places", "1: no data; 2: no flag")
def _(folder):
    rms = np.ones((SIDE, SIDE), np.float32)
    rms[50:70, 50:70] = 0
    path = image(folder, rms, "rms.fits")
    return flags(images=image(folder), rms=path, catalogue=catalogue(folder))


@goes_on("noise", "rms negative in places", "1: no data; 2: no flag")
def _(folder):
    rms = np.ones((SIDE, SIDE), np.float32)
    rms[50:70, 50:70] = -1
    path = image(folder, rms, "rms.fits")
    return flags(images=image(folder), rms=path, catalogue=catalogue(folder))


@stops("noise", "rms zero everywhere", "rms.fits", "no positive", "rms")
def _(folder):
    path = image(folder, np.zeros((SIDE, SIDE), np.float32), "rms.fits")
    return flags(images=image(folder), rms=path, catalogue=catalogue(folder))


@stops("noise", "rms of another shape", "rms.fits", "(120, 119)", "image.fits", "(120, 120)")
def _(folder):
    path = image(folder, np.ones((SIDE, SIDE - 1), np.float32), "rms.fits")
    return flags(images=image(folder), rms=path, catalogue=catalogue(folder))


@stops("noise", "rms of another place", "rms.fits", "50 pixels", "image.fits")
def _(folder):
    path = image(folder, np.ones((SIDE, SIDE), np.float32), "rms.fits", offset=50)
    return flags(images=image(folder), rms=path, catalogue=catalogue(folder))


@stops("noise", "a weight map (1 / variance) given as rms", "weight.fits", "weight:")
def _(folder):
    path = image(folder, np.full((SIDE, SIDE), 1e4, np.float32), "weight.fits")
    return flags(images=image(folder, pixels() / 100), rms=path, catalogue=catalogue(folder))


@goes_on("noise", "a flat rms map given as weight (scaled to the pixels)", "1: no flag; 2: no flag")
def _(folder):
    path = image(folder, np.full((SIDE, SIDE), 0.01, np.float32), "rms.fits")
    return flags(images=image(folder, pixels() / 100), weight=path, catalogue=catalogue(folder))


@stops("noise", "fewer rms maps than images", "fields.f.rms", "1 files for 2 images")
def _(folder):
    for name in ("a_image.fits", "b_image.fits", "rms.fits"):
        image(folder, name=name)
    return flags(images=str(folder / "*_image.fits"), rms=folder / "rms.fits",
                 catalogue=catalogue(folder))  # fmt: skip


def psf(folder: Path, data, name="psf.fits") -> str:
    """Start with a PSF."""
    fits.writeto(folder / name, np.asarray(data, np.float32))
    start(images=image(folder), catalogue=catalogue(folder), psf=folder / name)
    return "accepted"


def gauss(size=25, x=None, y=None) -> np.ndarray:
    """A Gaussian of 2 px."""
    x, y = ((size - 1) / 2 if v is None else v for v in (x, y))
    rows, columns = np.indices((size, size))
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)


@stops("psf", "no FITS file", "psf.fits", "fields.f.psf", "not a readable FITS file")
def _(folder):
    (folder / "psf.fits").write_text("x")
    return start(images=image(folder), catalogue=catalogue(folder), psf=folder / "psf.fits")


@stops("psf", "a table", "cat.fits", "fields.f.psf", "no extension holds a 2-D image")
def _(folder):
    table = catalogue(folder)
    return start(images=image(folder), catalogue=table, psf=table)


@stops("psf", "all zero", "psf.fits", "sums to 0")
def _(folder):
    return psf(folder, np.zeros((25, 25)))


@stops("psf", "all NaN", "psf.fits", "are NaN")
def _(folder):
    return psf(folder, np.full((25, 25), np.nan))


@stops("psf", "not centred", "psf.fits", "brightest pixel", "x = 6", "middle")
def _(folder):
    return psf(folder, gauss(x=6))


@stops("psf", "cut short", "psf.fits", "cut short")
def _(folder):
    fits.writeto(folder / "psf.fits", gauss(101).astype("f4"))
    path = folder / "psf.fits"
    path.write_bytes(path.read_bytes()[:9000])
    return start(images=image(folder), catalogue=catalogue(folder), psf=path)


@goes_on("psf", "of even size and not normalised", "sum 1.0000", "(25, 25)")
def _(folder):
    from morphovote.fields.psf import psf_pixels

    psf(folder, 300 * gauss(26, 12, 12))
    found = psf_pixels(folder / "psf.fits", 0.1)
    return f"sum {found.sum():.4f}, cut to {found.shape}"
