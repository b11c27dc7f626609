"""Images as surveys and tools write them: planes, blank pixels, pairs, cutouts; adds to `CASES`."""

import bz2
import gzip
import os

import numpy as np
from astropy.io import fits
from astropy.table import Table
from bad_input import (
    SIDE,
    catalogue,
    flags,
    gauss,
    goes_on,
    header,
    image,
    pixels,
    stamps,
    start,
    stops,
)

from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.detection import detect_sources
from morphovote.fields.images import ASINH
from morphovote.fields.psf import psf_pixels
from morphovote.storage import unpacked

SIGMA = np.ones((SIDE, SIDE), np.float32)
# Noise and its map a hundred times those of `pixels`, so that variance and rms are far apart.
LOUD = 100.0


def planes(folder, name="file.fits", first=None, **data):
    """Write a file of named planes behind an empty primary one; cards may go with the pixels."""
    parts = [first or fits.PrimaryHDU()]
    for plane, content in data.items():
        content, cards = content if isinstance(content, tuple) else (content, {})
        hdu = fits.ImageHDU(np.asarray(content), header(), name=plane.replace("__", "."))
        hdu.header.update(cards)
        parts.append(hdu)
    fits.HDUList(parts).writeto(folder / name)
    return folder / name


def cut(**field):
    """Cutouts of the two galaxies."""
    sources, tiles = start(**field)
    return make_cutouts(sources, tiles, 40)


def same(folder, tolerance=0.02, scale=LOUD, **field):
    """Whether a field comes out as the plain one with its rms map."""
    plain = cut(
        images=image(folder, pixels() * np.float32(scale), "plain.fits"),
        rms=image(folder, SIGMA * np.float32(scale), "plain_rms.fits"),
        catalogue=catalogue(folder, name="plain_cat.fits"),
    )
    found = cut(catalogue=catalogue(folder), **field)
    alike = (plain["flags"] == found["flags"]).all()
    ratio = found["snr"] / plain["snr"]
    if alike and (np.abs(ratio - 1) < tolerance).all():
        return "flags and S/N as with the plain image and its rms map"
    return f"flags {found['flags']}, S/N {ratio} times the plain one's"


AS_PLAIN = "as with the plain image"
SCI, RMS = pixels() * np.float32(LOUD), SIGMA * np.float32(LOUD)
MASK = np.zeros((SIDE, SIDE), np.int16)


# --- planes ------------------------------------------------------------------------------------


@goes_on("plane", "HSC's IMAGE, MASK and VARIANCE, as image and rms", AS_PLAIN)
def _(folder):
    path = planes(folder, IMAGE=SCI, MASK=MASK, VARIANCE=RMS**2)
    return same(folder, images=path, rms=path)


@goes_on("plane", "HSC's IMAGE, MASK and VARIANCE, as image and weight", AS_PLAIN)
def _(folder):
    path = planes(folder, IMAGE=SCI, MASK=MASK, VARIANCE=RMS**2)
    return same(folder, images=path, weight=path)


@goes_on("plane", "VARIANCE alone, as rms", AS_PLAIN)
def _(folder):
    noise = planes(folder, "noise.fits", VARIANCE=RMS**2)
    return same(folder, images=image(folder, SCI), rms=noise)


@goes_on("plane", "JWST's SCI, ERR, CON, WHT and VAR_POISSON, as image and rms", AS_PLAIN)
def _(folder):
    path = planes(folder, SCI=SCI, ERR=RMS, CON=MASK, WHT=SIGMA * 7, VAR_POISSON=RMS**2 / 9)
    return same(folder, images=path, rms=path)


@goes_on("plane", "JWST's SCI, ERR, CON, WHT and VAR_POISSON, as image and weight", AS_PLAIN)
def _(folder):
    path = planes(folder, SCI=SCI, ERR=RMS, CON=MASK, WHT=SIGMA * 7, VAR_POISSON=RMS**2 / 9)
    return same(folder, 0.1, images=path, weight=path)


@goes_on("plane", "DES's SCI, MSK and WGT, tile-compressed, as image and rms", AS_PLAIN)
def _(folder):
    data = {"SCI": SCI, "MSK": MASK, "WGT": 1 / RMS**2}
    parts = [fits.CompImageHDU(d, header(), name=name, compression_type="GZIP_1", quantize_level=0)
             for name, d in data.items()]  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(folder / "tile.fits.fz")
    return same(folder, 0.1, images=folder / "tile.fits.fz", rms=folder / "tile.fits.fz")


@goes_on("plane", "an inverse variance called INVERSE VARIANCE, as rms", AS_PLAIN)
def _(folder):
    noise = planes(folder, "noise.fits", **{"INVERSE VARIANCE": 1 / RMS**2})
    return same(folder, 0.1, images=image(folder, SCI), rms=noise)


@goes_on("plane", "ESO's DATA and STAT (HDUCLAS3 = 'MSE'), as image and rms", AS_PLAIN)
def _(folder):
    about = {"HDUCLASS": "ESO", "HDUCLAS2": "ERROR", "HDUCLAS3": "MSE"}
    path = planes(folder, DATA=SCI, STAT=(RMS**2, about))
    return same(folder, images=path, rms=path)


@goes_on("plane", "astropy's CCDData with a variance in UNCERT, as image and rms", AS_PLAIN)
def _(folder):
    first = fits.PrimaryHDU(SCI, header())
    uncertainty = (RMS**2, {"UTYPE": "VarianceUncertainty"})
    path = planes(folder, first=first, MASK=MASK.astype(np.uint8), UNCERT=uncertainty)
    return same(folder, images=path, rms=path)


@goes_on("plane", "Euclid's 3-4.SCI, 3-4.RMS and 3-4.FLG, as image and rms", AS_PLAIN)
def _(folder):
    path = planes(folder, **{"3-4.FLG": MASK, "3-4.RMS": RMS, "3-4.SCI": SCI})
    return same(folder, images=path, rms=path)


@goes_on("plane", "an rms map that carries the name SCI of its image", AS_PLAIN)
def _(folder):
    return same(folder, images=image(folder, SCI), rms=planes(folder, "rms.fits", SCI=RMS))


@goes_on("plane", "DECam's weights, told by PRODTYPE = 'wtmap' in the primary header", AS_PLAIN)
def _(folder):
    first = fits.PrimaryHDU()
    first.header["PRODTYPE"] = "wtmap"
    noise = planes(folder, "oow.fits", first=first, S1=1 / RMS**2)
    return same(folder, 0.1, images=image(folder, SCI), rms=noise)


@goes_on("plane", "HST's SCI, WHT and CTX, as image and weight", AS_PLAIN)
def _(folder):
    path = planes(folder, "drz.fits", SCI=SCI, WHT=SIGMA * 800, CTX=MASK.astype(np.int32))
    return same(folder, 0.1, images=path, weight=path)


@goes_on("plane", "SDSS's frame: image, a row of calibration, a table; bzip2", AS_PLAIN)
def _(folder):
    calibration = fits.ImageHDU(np.ones(SIDE, np.float32))
    table = fits.table_to_hdu(Table({"ALLSKY": np.ones((1, 8, 8))}))
    first = fits.PrimaryHDU(SCI, header())
    fits.HDUList([first, calibration, table]).writeto(folder / "frame.fits")
    packed = folder / "frame.fits.bz2"
    packed.write_bytes(bz2.compress((folder / "frame.fits").read_bytes(), 1))
    return same(folder, 0.1, images=packed)


@stops("plane", "two chips called SCI", "flc.fits", "several", "[1] SCI", "[4] SCI", "both signs")
def _(folder):
    parts = [fits.ImageHDU(data, header(), name=name, ver=chip) for chip in (1, 2)
             for name, data in (("SCI", SCI), ("ERR", RMS), ("DQ", MASK))]  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(folder / "flc.fits")
    return flags(images=folder / "flc.fits", catalogue=catalogue(folder))


@goes_on("plane", "two chips called SCI, one chosen as file.fits[SCI,2]", AS_PLAIN)
def _(folder):
    parts = [fits.ImageHDU(data * chip, header(), name=name, ver=2 - chip) for chip in (0, 1)
             for name, data in (("SCI", SCI), ("ERR", RMS))]  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(folder / "flc.fits")
    return same(folder, images=f"{folder}/flc.fits[SCI,1]", rms=f"{folder}/flc.fits[err,1]")


@stops("plane", "three without names", "file.fits", "[1] 120 x 120 px", "[3]", "none negative")
def _(folder):
    parts = [fits.ImageHDU(data, header()) for data in (SCI, RMS, MASK)]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(folder / "file.fits")
    return flags(images=folder / "file.fits", catalogue=catalogue(folder))


@goes_on("plane", "three without names, chosen by number, of a pattern", AS_PLAIN)
def _(folder):
    parts = [fits.ImageHDU(data, header()) for data in (SCI, RMS, MASK)]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(folder / "file.fits")
    return same(folder, images=f"{folder}/fi*.fits[1]", rms=f"{folder}/fi*.fits[2]")


@stops("plane", "a chosen one that is not there", "file.fits", "no plane [ERR]", "[2] RMS")
def _(folder):
    path = planes(folder, SCI=SCI, RMS=RMS)
    return flags(images=path, rms=f"{path}[ERR]", catalogue=catalogue(folder))


@stops("plane", "an error plane alone, as image", "file.fits", "an rms map by its header", "ERR")
def _(folder):
    return flags(images=planes(folder, ERR=RMS), catalogue=catalogue(folder))


@stops("plane", "a residual and a model, as image", "file.fits", "[1] MODEL", "[2] RESIDUAL")
def _(folder):
    return flags(images=planes(folder, MODEL=SCI, RESIDUAL=SCI), catalogue=catalogue(folder))


@stops("noise", "the image itself as rms", "image.fits", "the image", "itself", "rms")
def _(folder):
    path = image(folder)
    return flags(images=path, rms=path, catalogue=catalogue(folder))


@stops("noise", "a copy of the image as weight", "copy.fits", "itself", "weight")
def _(folder):
    path = image(folder, pixels() + 30, name="copy.fits")
    return flags(images=image(folder, pixels() + 30), weight=path, catalogue=catalogue(folder))


@stops("noise", "another image as rms", "other.fits", "negative", "is this one an image?")
def _(folder):
    path = image(folder, pixels(seed=3), name="other.fits")
    return flags(images=image(folder), rms=path, catalogue=catalogue(folder))


@stops("noise", "a variance without a name as rms", "noise.fits", "square root", "VARIANCE")
def _(folder):
    path = image(folder, RMS**2, "noise.fits")
    return flags(images=image(folder, SCI), rms=path, catalogue=catalogue(folder))


@goes_on("psf", "WebbPSF's four planes, the oversampled one first", "sum 1.00, (25, 25), sigma 2.0")
def _(folder):
    fine = np.kron(gauss(25), np.ones((4, 4)))
    first = fits.PrimaryHDU(fine)
    first.header.update({"EXTNAME": "OVERSAMP", "OVERSAMP": 4})
    coarse, finer = (gauss(25), {"OVERSAMP": 1}), (fine, {"OVERSAMP": 4})
    path = planes(folder, first=first, DET_SAMP=coarse, OVERDIST=finer, DET_DIST=coarse)
    return width(folder, path)


def width(folder, path):
    """Start with a PSF, and its width."""
    start(images=image(folder), catalogue=catalogue(folder), psf=path)
    found = psf_pixels(path, 0.1)
    y, x = np.indices(found.shape) - (len(found) - 1) / 2
    sigma = np.sqrt((found * (x**2 + y**2)).sum() / 2)
    return f"sum {found.sum():.2f}, {found.shape}, sigma {sigma:.1f}"


@goes_on("psf", "beside the image it was made from (planes SCI and PSF)", "(25, 25), sigma 2.0")
def _(folder):
    return width(folder, planes(folder, SCI=SCI, PSF=gauss(25)))


@goes_on("psf", "one of several, chosen as psf.fits[DET_SAMP]", "(25, 25), sigma 2.0")
def _(folder):
    path = planes(folder, DET_DIST=gauss(31), DET_SAMP=gauss(25))
    return width(folder, f"{path}[DET_SAMP]")


@goes_on("psf", "oversampled alone, four samples a pixel", "sum 1.00", "sigma 2.0")
def _(folder):
    y, x = np.indices((81, 81)) - 40
    fine = np.exp(-(x**2 + y**2) / (2 * 8.0**2))
    return width(folder, bare(folder, OVERDIST=(fine, {"OVERSAMP": 4})))


def bare(folder, **data):
    """A file of planes without a WCS."""
    parts = [fits.ImageHDU(content, name=plane) for plane, (content, _) in data.items()]
    for part, (_, cards) in zip(parts, data.values(), strict=True):
        part.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(folder / "bare.fits")
    return folder / "bare.fits"


@stops("psf", "NaN in its middle", "psf.fits", "fields.f.psf", "in the middle of the PSF are NaN")
def _(folder):
    star = gauss(25)
    star[12, 12] = np.nan
    fits.writeto(folder / "psf.fits", star)
    return width(folder, folder / "psf.fits")


@stops("psf", "three PSFs for two cutouts", "fields.f.psf", "found 3 files for 2 images",
       "one for each, or one for all")  # fmt: skip
def _(folder):
    for number in (1, 2):
        image(folder, name=f"cut_{number}.fits")
    for number in (1, 2, 3):
        fits.writeto(folder / f"psf_{number}.fits", gauss(25))
    return start(cutouts=f"{folder}/cut_*.fits", psf=f"{folder}/psf_*.fits")


@stops("psf", "a PSFEx model without its polynomial", "star.psf", "fields.f.psf",
       "lacks POLZERO1, POLSCAL1", "PSFVAR_KEYS")  # fmt: skip
def _(folder):
    star = np.array([(gauss(25)[None],)], dtype=[("PSF_MASK", "f4", (1, 25, 25))])
    table = fits.BinTableHDU(star, name="PSF_DATA")
    table.header.update({"POLNAXIS": 1, "POLNAME1": "X_IMAGE", "POLDEG1": 0, "PSF_SAMP": 1.0})
    table.writeto(folder / "star.psf")
    return start(images=image(folder), catalogue=catalogue(folder), psf=folder / "star.psf")


# --- one pattern, several kinds ----------------------------------------------------------------


def pattern(folder, **files):
    """Start with all `field_*.fits`, with a catalogue and without."""
    for name, (data, cards) in files.items():
        head = header()
        head.update(cards)
        image(folder, data, f"field_{name}.fits", head)
    images = sorted(str(path) for path in folder.glob("field_*.fits"))
    try:
        detect_sources(images)
    except Exception as error:
        said = str(error)
        assert "field_" in said
    return flags(images=f"{folder}/field_*.fits", catalogue=catalogue(folder))


@stops("image", "its pattern finds the rms map, too", "field_rms.fits: is no image", "narrower")
def _(folder):
    return pattern(folder, sci=(SCI, {}), rms=(RMS, {}))


@stops("image", "its pattern finds the weights, too", "field_drz_wht.fits: is no image")
def _(folder):
    return pattern(folder, drz_sci=(SCI, {}), drz_wht=(1 / RMS, {}))


@stops("image", "its pattern finds the mask, too", "field_flag.fits: is no image")
def _(folder):
    return pattern(folder, mosaic=(SCI, {}), flag=(MASK, {}))


@stops("image", "its pattern finds a noise map without a name", "field_b.fits: is no image")
def _(folder):
    return pattern(folder, a=(SCI, {}), b=(RMS + np.abs(SCI) / 50, {}))


@stops("image", "three filters under one pattern", "same sky", "F814W", "F606W", "field of its own")
def _(folder):
    bands = ("F606W", "F814W", "F850LP")
    return pattern(folder, **{f"{n}": (SCI, {"FILTER": band}) for n, band in enumerate(bands)})


@stops("image", "three bands under one pattern, told by their names", "same sky", "(G, I)")
def _(folder):
    return pattern(folder, g=(SCI, {}), r=(SCI, {}), i=(SCI, {}))


@stops("image", "two filter wheels, one open", "same sky", "F475W", "F775W")
def _(folder):
    wheels = (
        {"FILTER1": "F475W", "FILTER2": "CLEAR2L"},
        {"FILTER1": "CLEAR1L", "FILTER2": "F775W"},
    )
    return pattern(folder, **{f"{n}": (SCI, cards) for n, cards in enumerate(wheels)})


@goes_on("image", "tiles side by side, of two names for one filter", "1: no flag; 2: no flag")
def _(folder):
    image(folder, name="a_image.fits")
    image(folder, name="b_image.fits", offset=SIDE)
    return flags(images=f"{folder}/*_image.fits", catalogue=catalogue(folder))


# --- pairs of image and map --------------------------------------------------------------------


def tiles_of(folder, names, maps):
    """Images without WCS, each ten times as noisy as the last, with maps; their catalogue."""
    rows = {"id": [], "x": [], "y": [], "file": []}
    for number, (name, noise) in enumerate(zip(names, maps, strict=True)):
        for path, data in ((name, pixels(number)), (noise, SIGMA)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            fits.writeto(folder / path, data * np.float32(10.0**number))
        for key, value in zip(rows, (number, 60.0, 60.0, str(folder / name)), strict=True):
            rows[key].append(value)
    return catalogue(folder, rows)


def levels(**field):
    """Median rms of each cutout."""
    sources, tiles = start(pixel_scale=0.1, columns={"file": "file"}, **field)
    arrays = make_cutouts(sources, tiles, 40)
    return "rms " + ", ".join(f"{np.median(rms):.0f}" for rms in arrays["rms"])


@goes_on("pairs", "p0/sci.fits and p1/sci.fits with their rms.fits", "rms 1, 10")
def _(folder):
    table = tiles_of(folder, ("p0/sci.fits", "p1/sci.fits"), ("p0/rms.fits", "p1/rms.fits"))
    return levels(images=f"{folder}/*/sci.fits", rms=f"{folder}/*/rms.fits", catalogue=table)


@goes_on("pairs", "sci_1, sci_2, sci_10 with rms_01, rms_02, rms_10", "rms 1, 10, 100")
def _(folder):
    names = [f"sci_{n}.fits" for n in (1, 2, 10)]
    table = tiles_of(folder, names, [f"rms_{n:02d}.fits" for n in (1, 2, 10)])
    return levels(images=f"{folder}/sci_*.fits", rms=f"{folder}/rms_*.fits", catalogue=table)


@goes_on("pairs", "by folders of other names in another order", "rms 1, 10, 100")
def _(folder):
    fields = ("north", "east", "west")
    table = tiles_of(
        folder, [f"sci/{f}_v2.fits" for f in fields], [f"maps/rms_{f}.fits" for f in fields]
    )
    return levels(images=f"{folder}/sci/*.fits", rms=f"{folder}/maps/*.fits", catalogue=table)


@goes_on("pairs", "images 1 to 12 with maps 0 to 11, in natural order", "rms 1, 10, 100")
def _(folder):
    table = tiles_of(
        folder, [f"s{n}.fits" for n in (9, 10, 11)], [f"r{n}.fits" for n in (8, 9, 10)]
    )
    return levels(images=f"{folder}/s*.fits", rms=f"{folder}/r*.fits", catalogue=table)


@stops("pairs", "the map of another image", "rms.fits", "says a noise", "sci.fits")
def _(folder):
    table = tiles_of(folder, ("a_sci.fits", "b_sci.fits"), ("q_rms.fits", "b_rms.fits"))
    (folder / "q_rms.fits").rename(folder / "z_rms.fits")
    return levels(images=f"{folder}/*_sci.fits", rms=f"{folder}/*_rms.fits", catalogue=table)


@stops("pairs", "a file column that fits two images", "cat.fits", "'sci.fits'", "2 images")
def _(folder):
    table = tiles_of(folder, ("p0/sci.fits", "p1/sci.fits"), ("p0/rms.fits", "p1/rms.fits"))
    rows = Table.read(table)
    rows["file"] = ["sci.fits", "sci.fits"]
    rows.write(table, overwrite=True)
    return levels(images=f"{folder}/*/sci.fits", catalogue=table)


@goes_on("pairs", "p0/sci.fits and p1/sci.fits without a catalogue", "2 files, 2 sources in each")
def _(folder):
    tiles_of(folder, ("p0/sci.fits", "p1/sci.fits"), ("p0/rms.fits", "p1/rms.fits"))
    found = detect_sources([f"{folder}/p{n}/sci.fits" for n in (0, 1)], pixel_scale=0.1)
    names, counts = np.unique(found["FILE"], return_counts=True)
    return f"{len(names)} files, {counts[0]} sources in each" if len(set(counts)) == 1 else "no"


# --- pixels without data -----------------------------------------------------------------------


def spoilt(folder, value, place, data=None, noise=None):
    """Flags with some pixels of one value."""
    data = pixels() if data is None else data
    data[place] = value
    rms = {} if noise is None else {"rms": image(folder, noise, "rms.fits")}
    return flags(images=image(folder, data), catalogue=catalogue(folder), **rms)


BESIDE = (slice(40, 80), slice(68, 80))
EDGE_1 = "1: edge; 2: no flag"

for blank in (-32768, -99, 65535, 9999, -1e4, 1e30, -np.inf):
    goes_on("blank", f"a patch of {blank:g} beside a galaxy", EDGE_1)(
        lambda folder, blank=blank: spoilt(folder, blank, BESIDE)
    )

for what, where in {
    "a dead column of 1 px": (slice(None), 70),
    "a dead column of 2 px": (slice(None), slice(70, 72)),
    "a dead row of 1 px": (50, slice(40, None)),
    "half of a dead column": (slice(0, 61), 66),
    "a saturated core, zeroed": (slice(59, 62), slice(59, 62)),
}.items():
    goes_on("blank", what, EDGE_1)(lambda folder, where=where: spoilt(folder, 0, where))


@goes_on("blank", "a saturated core of one value", EDGE_1)
def _(folder):
    data = pixels()
    return spoilt(folder, 20, (data > 20) & (np.arange(SIDE) > 50), data)


@goes_on("blank", "unsigned 16-bit integers, 65535 beside a galaxy", EDGE_1)
def _(folder):
    return spoilt(folder, 65535, BESIDE, np.round(pixels() * 10 + 1000).astype(np.uint16))


@goes_on("blank", "16-bit integers, a dead column in a sky of 1000", EDGE_1)
def _(folder):
    return spoilt(folder, 0, (slice(None), 70), np.round(pixels() * 10 + 1000).astype(np.int16))


@goes_on("blank", "none in a picture of 8 bits whose sky is a single level", "no flag; 2: no flag")
def _(folder):
    data = np.clip(np.round(pixels() * 2 + 10), 10, 255).astype(np.uint8)
    return flags(images=image(folder, data), catalogue=catalogue(folder))


@goes_on("blank", "none in integers about zero", "1: no flag; 2: no flag")
def _(folder):
    data = np.round(pixels() * 2).astype(np.int16)
    return flags(images=image(folder, data), catalogue=catalogue(folder))


@goes_on("blank", "none in a tile-compressed image, rounded to steps", "1: no flag; 2: no flag")
def _(folder):
    hdu = fits.CompImageHDU(pixels(), header(), compression_type="RICE_1", quantize_level=4)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(folder / "image.fits.fz")
    return flags(images=folder / "image.fits.fz", catalogue=catalogue(folder))


for loud in (1e30, 1e10, 9999, 1e-30):
    noise = SIGMA.copy()
    noise[BESIDE] = loud
    goes_on("blank", f"an rms of {loud:g} beside a galaxy", EDGE_1)(
        lambda folder, noise=noise: spoilt(folder, 0, (0, 0), noise=noise)
    )


@goes_on("blank", "a weight of 1e-30 beside a galaxy", EDGE_1)
def _(folder):
    weight = SIGMA.copy()
    weight[BESIDE] = 1e-30
    return flags(images=image(folder), weight=image(folder, weight, "weight.fits"),
                 catalogue=catalogue(folder))  # fmt: skip


# --- what is in the header ---------------------------------------------------------------------


@goes_on("image", "RADESYS = 'J2000'", AS_PLAIN)
def _(folder):
    head = header()
    head["RADESYS"] = "J2000"
    return same(folder, 0.1, scale=1, images=image(folder, head=head))


@goes_on("image", "RADESYS = 'GAIA-CRF3' in galactic coordinates or not", AS_PLAIN)
def _(folder):
    head = header()
    head["RADESYS"] = "GAIA-CRF3"
    return same(folder, 0.1, scale=1, images=image(folder, head=head))


@goes_on("image", "on Pan-STARRS's asinh scale, in scaled integers", AS_PLAIN)
def _(folder):
    head = header() + fits.Header({"BSOFTEN": 0.7, "BOFFSET": 0.3})
    hdu = fits.PrimaryHDU((ASINH * np.arcsinh((pixels() - 0.3) / 1.4)).astype(np.float32), head)
    hdu.scale("int16", bzero=3.0, bscale=3e-4)
    hdu.writeto(folder / "stack.fits")
    return same(folder, 0.1, scale=1, images=folder / "stack.fits")


@goes_on("image", "gzipped, and unpacked once", AS_PLAIN)
def _(folder):
    data = np.random.default_rng(1).normal(size=(600, 600)).astype(np.float32)
    data[:SIDE, :SIDE] = pixels()
    path = image(folder, data)
    packed = folder / "image.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    before = os.environ.get(unpacked.FOLDER)
    os.environ[unpacked.FOLDER] = str(folder / "unpacked")
    try:
        said = same(folder, 0.1, scale=1, images=packed)
    finally:
        os.environ.pop(unpacked.FOLDER)
        if before:
            os.environ[unpacked.FOLDER] = before
    assert len(list((folder / "unpacked").iterdir())) == 1
    return said


# --- trails ------------------------------------------------------------------------------------


def trailed(folder, slope, height=8.0, wide=1.5, offset=0.0):
    """Flags with a straight trail by the first galaxy."""
    y, x = np.indices((SIDE, SIDE))
    off = ((y - 60) - slope * (x - 60)) / np.hypot(1, slope) - offset
    data = pixels() + height * np.exp(-(off**2) / (2 * wide**2))
    sources, tiles = start(images=image(folder, data.astype("f4")), catalogue=catalogue(folder))
    arrays = make_cutouts(sources, tiles, 40)
    plain = cut(images=image(folder, name="plain.fits"), catalogue=catalogue(folder, name="c.fits"))
    bits = " and ".join("trail" if flag & 512 else "none" for flag in arrays["flags"])
    ratio = arrays["snr"][0] / plain["snr"][0]
    return f"{bits}, S/N {'as' if abs(ratio - 1) < 0.15 else ratio} the plain one's"


for name, options in {
    "of a satellite": {"slope": 0.3},
    "of a satellite, steep and faint": {"slope": -3.0, "height": 4.0},
    "wide, out of focus": {"slope": 0.8, "height": 20.0, "wide": 2.5},
    "along a row, as of a hot one": {"slope": 0.0, "height": 50.0, "wide": 0.4},
}.items():
    goes_on("trail", name, "trail and", "S/N as the plain")(
        lambda folder, options=options: trailed(folder, **options)
    )


# --- ready-made cutouts ------------------------------------------------------------------------


def foldered(folder, inner="sci.fits"):
    """One folder a galaxy; ids and where the galaxy's light is."""
    stamps(folder)
    for number in (1, 2, 3):
        (folder / f"g{number}" / inner).parent.mkdir(parents=True)
        (folder / f"g_{number}.fits").rename(folder / f"g{number}" / inner)


def ids(**field):
    """Ids of the sources, with their files' folders."""
    sources, _ = start(pixel_scale=0.1, **field)
    return "ids " + ", ".join(map(str, sources["ID"]))


@goes_on("cutouts", "in folders, */sci.fits", "ids g1, g2, g3")
def _(folder):
    foldered(folder)
    return ids(cutouts=f"{folder}/*/sci.fits")


@goes_on("cutouts", "in folders of folders, */f814w/sci.fits", "ids g1, g2, g3")
def _(folder):
    foldered(folder, "f814w/sci.fits")
    return ids(cutouts=f"{folder}/*/f814w/sci.fits")


@goes_on("cutouts", "in folders, **/sci.fits", "ids g1, g2, g3")
def _(folder):
    foldered(folder)
    return ids(cutouts=f"{folder}/**/sci.fits")


@goes_on("cutouts", "in folders, with a catalogue", "ids g3, g1")
def _(folder):
    foldered(folder)
    table = catalogue(folder, {"id": ["g3", "g1"], "mag": [20.0, 21.0]})
    return ids(cutouts=f"{folder}/*/sci.fits", catalogue=table)


@goes_on("cutouts", "of one name in two folders, */g_*.fits", "ids p1_1, p1_2, p2_1, p2_2")
def _(folder):
    for part in ("p1", "p2"):
        (folder / part).mkdir()
        stamps(folder / part, ((60, 60), (60, 60)))
    return ids(cutouts=f"{folder}/*/g_*.fits")


@goes_on("cutouts", "whole, of 48 px at a size of 100", "1: edge; 2: edge; 3: edge")
def _(folder):
    return flags(size=100, cutouts=stamps(folder, ((48, 48),) * 3), pixel_scale=0.1)


@goes_on("cutouts", "whole, of 31 x 40 px at a size of 120", "1: edge; 2: edge")
def _(folder):
    return flags(size=120, cutouts=stamps(folder, ((31, 40), (40, 31))), pixel_scale=0.1)


def one_bad(folder, change):
    """Flags of three cutouts, the second of them changed."""
    found = stamps(folder)
    data = fits.getdata(folder / "g_2.fits").astype(np.float32)
    fits.writeto(folder / "g_2.fits", change(data), overwrite=True)
    return flags(cutouts=found, pixel_scale=0.1)


def ten_pixels(data):
    """NaN but for ten pixels."""
    kept = np.full_like(data, np.nan)
    kept[::6, 30] = data[::6, 30]
    return kept


def hot(data, value):
    """One hot pixel."""
    data[12, 40] = value
    return data


for name, (change, said) in {
    "constant": (lambda data: np.full_like(data, 0.37), "no data"),
    "zero": (np.zeros_like, "no data"),
    "of an exactly constant sky": (lambda d: np.where(d > 6, d, np.float32(0.01)), "no data"),
    "with one hot pixel of 1e30": (lambda data: hot(data, 1e30), "edge"),
    "with one hot pixel of -1e12": (lambda data: hot(data, -1e12), "edge"),
    "all negative": (lambda data: -np.abs(data) - 1, "low S/N"),
    "all NaN but ten pixels": (ten_pixels, "no data"),
}.items():
    goes_on("cutouts", f"one of three {name}", f"1: no flag; 2: {said}; 3: no flag")(
        lambda folder, change=change: one_bad(folder, change)
    )


@goes_on("cutouts", "with rms maps, one of them 1e-30: measured instead", "rms 1, 1, 1")
def _(folder):
    found = stamps(folder)
    for number, level in enumerate((1, 1e-30, 1), start=1):
        fits.writeto(folder / f"rms_{number}.fits", np.full((60, 60), level, np.float32))
    sources, tiles = start(cutouts=found, rms=f"{folder}/rms_*.fits", pixel_scale=0.1)
    arrays = make_cutouts(sources, tiles, 40)
    return "rms " + ", ".join(f"{np.median(rms):.0f}" for rms in arrays["rms"])


@stops("cutouts", "their pattern finds the rms maps, too", "g_1_rms.fits: is no image")
def _(folder):
    stamps(folder)
    for number in (1, 2, 3):
        (folder / f"g_{number}.fits").rename(folder / f"g_{number}_sci.fits")
        fits.writeto(folder / f"g_{number}_rms.fits", np.ones((60, 60), np.float32))
    return flags(cutouts=f"{folder}/g_*.fits", pixel_scale=0.1)
