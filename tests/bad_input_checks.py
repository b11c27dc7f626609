"""What `check_fields` says of what can be read, but is hardly meant; adds to `CASES`."""

import numpy as np
from astropy.io import fits
from astropy.table import Table
from bad_input import (
    PLACES,
    SCHEMA,
    SIDE,
    catalogue,
    flags,
    gauss,
    goes_on,
    header,
    image,
    pixels,
    sky,
    stamps,
    stops,
)
from bad_input_roles import PLACED, listed

from morphovote.config.resolve import complete_config
from morphovote.fields.inspection import inspect_field
from morphovote.report.check_page import describe_check

# Noise that grows threefold across an image, and an image of it.
GROWS = np.geomspace(30, 90, SIDE)[None, :] * np.ones((SIDE, SIDE))
LOUD = (pixels() * GROWS).astype(np.float32)


def check(options=None, size=40, **field) -> str:
    """The warnings of `check_fields`, or else the essentials."""
    config = complete_config({"fields": {"f": field}} | (options or {}), SCHEMA, PLACES)
    found = inspect_field(config["fields"]["f"], size)
    return "warns: " + "; ".join(found["warnings"]) if found["warnings"] else "finds " + "; ".join(
        describe_check(found)
    )  # fmt: skip


def map_of(folder, data, **field) -> str:
    """Check an image of `GROWS` with a noise map."""
    (key,) = field
    noise = image(folder, np.asarray(data, np.float32), field[key])
    return check(images=str(image(folder, LOUD)), **{key: str(noise)})


# --- images ------------------------------------------------------------------------------------


@stops("check", "no WCS, no pixel scale and no catalogue", "image.fits", "`pixel_scale`")
def _(folder):
    return check(images=str(image(folder, head=None)))


@stops("check", "cutouts without WCS and pixel scale", "g_1.fits", "`pixel_scale`")
def _(folder):
    return check(cutouts=stamps(folder))


for _what, _value in {"NaN": np.nan, "zero": 0, "one value": 7}.items():

    @stops("check", f"an image that is all {_what}", "image.fits", "no pixel has data", "Fetch")
    def _(folder, value=_value):
        return check(images=str(image(folder, np.full((SIDE, SIDE), value, np.float32))))


@goes_on("check", "one of two tiles without data", "warns", "b_image.fits: no pixel with data")
def _(folder):
    image(folder, name="a_image.fits")
    image(folder, np.full((SIDE, SIDE), np.nan, np.float32), "b_image.fits", offset=SIDE)
    return check(images=str(folder / "*_image.fits"))


for _scale, _says in {60.0: "found 60", 1.7e-5: "write pixel_scale: 0.0612"}.items():

    @stops("check", f"a pixel scale of {_scale}", "pixel_scale", _says, "arcsec a pixel")
    def _(folder, scale=_scale):
        return check(images=str(image(folder, head=None)), pixel_scale=scale)


@stops("check", "a WCS of 1 degree a pixel", "its WCS has 3600 arcsec", "give the field")
def _(folder):
    return check(images=str(image(folder, scale=3600)))


@goes_on("check", "a WCS of 14 arcsec a pixel (SPIRE)", "warns", "14 arcsec", "is it right?")
def _(folder):
    return check(images=str(image(folder, scale=14)))


# --- noise maps --------------------------------------------------------------------------------


@stops("check", "a variance as weight", "map.fits", "square root fits", "'VARIANCE', ext=0")
def _(folder):
    return map_of(folder, GROWS**2, weight="map.fits")


@stops("check", "a variance as rms", "noise.fits", "square root fits", "'VARIANCE', ext=0")
def _(folder):
    return map_of(folder, GROWS**2, rms="noise.fits")


@stops("check", "an rms map without a name as weight", "map.fits", "an rms map", "`rms:`")
def _(folder):
    return map_of(folder, GROWS, weight="map.fits")


@stops("check", "1 / variance as rms", "noise.fits", "a weight map", "`weight:`")
def _(folder):
    return map_of(folder, GROWS**-2.0, rms="noise.fits")


@goes_on("check", "a flat variance as weight", "warns", "square root fits", "unless you know")
def _(folder):
    noise = image(folder, np.full((SIDE, SIDE), 1e4, np.float32), "map.fits")
    return check(images=str(image(folder, pixels() * 100)), weight=str(noise))


@goes_on("check", "a variance called so by its file, as rms", "finds", "median rms of 5")
def _(folder):
    return map_of(folder, GROWS**2, rms="field_var.fits")


for _what, _most in {
    "weights up to 1": 1.0,
    "numbers of exposures": 9,
    "exposure times": 4e3,
}.items():

    @goes_on("check", f"{_what} as weight", "finds", "as weights, scaled to the image")
    def _(folder, most=_most):
        return map_of(folder, most * (GROWS.min() / GROWS) ** 2, weight="map.fits")


# --- entries -----------------------------------------------------------------------------------

for _zero, _says in {0: "expected 5 to 40", -48.6: "erg/s/cm2/Hz"}.items():

    @goes_on("check", f"a zero point of {_zero}", "warns", f"found {_zero}", _says)
    def _(folder, zero=_zero):
        return check(images=str(image(folder)), zero_point=zero)


@goes_on("check", "a flux as mag", "warns", "seems to hold no magnitudes", "Is it a flux?")
def _(folder):
    rows = Table({"id": np.arange(40), "x": np.full(40, 60.0), "y": np.full(40, 60.0)})
    rows["mag"] = np.geomspace(0.1, 900, 40)
    return check(images=str(image(folder)), catalogue=str(catalogue(folder, rows)))


def physical(folder, **field) -> str:
    """Check an image and a physical catalogue, hours in place of degrees."""
    path = catalogue(folder, {"RA": sky()["ra"] / 15, "DEC": sky()["dec"]}, "phys.fits")
    about = {"catalogue": str(path), "columns": {"ra": "RA", "dec": "DEC"}}
    return check(images=str(image(folder)), physical=about, **field)


@goes_on("check", "a physical catalogue elsewhere, no source known", "none of its 2 positions")
def _(folder):
    return physical(folder)


@goes_on("check", "a physical catalogue elsewhere, sources known", "none of the 2 sources has")
def _(folder):
    return physical(folder, catalogue=str(catalogue(folder)))


@goes_on("check", "a PSF that is one pixel", "warns", "the PSF is 0 px wide", "expected 1 to")
def _(folder):
    psf = np.zeros((25, 25), np.float32)
    psf[12, 12] = 1
    fits.writeto(folder / "psf.fits", psf)
    return check(images=str(image(folder)), psf=str(folder / "psf.fits"))


@goes_on("check", "a PSF four times finer than the images", "warns", "19 px wide", "other pixels")
def _(folder):
    y, x = np.indices((101, 101)) - 50
    fits.writeto(folder / "psf.fits", np.exp(-(x**2 + y**2) / 128))
    return check(images=str(image(folder)), psf=str(folder / "psf.fits"))


# --- catalogues in text ------------------------------------------------------------------------


def rows_of_text() -> str:
    """Id, RA and Dec of the two galaxies, a line each."""
    at = zip((7, 8), sky()["ra"].tolist(), sky()["dec"].tolist(), strict=True)
    return "".join(f"{name} {ra!r} {dec!r}\n" for name, ra, dec in at)


for _name, _head in {
    "cat.txt": "# id ra dec\n",
    "cat.cat": "#   1 id   Running object number\n#   2 ra   Right ascension [deg]\n"
    "#   3 dec  Declination [deg]\n",
    "cat.dat": "# made by a program\n# id ra dec\n# - deg deg\n",
    "cat.asc": "# Column 1: id\n# Column 2: ra\n# Column 3: dec\n",
    "cat.tbl": "|id|ra|dec|\n",
}.items():

    @goes_on("text", f"a {_name[3:]} that begins '{_head.splitlines()[0]}'", f"7, 8 {PLACED}")
    def _(folder, name=_name, head=_head):
        rows = rows_of_text()
        if name.endswith("tbl"):
            cells = [line.split() for line in rows.splitlines()]
            sizes = [max(map(len, column)) + 1 for column in zip(*cells, strict=True)]
            head = "|" + "|".join(
                n.ljust(s) for n, s in zip(("id", "ra", "dec"), sizes, strict=True)
            )
            rows = "".join(" " + " ".join(map(str.ljust, line, sizes)) + "\n" for line in cells)
            head += "|\n"
        (folder / name).write_text(head + rows)
        return listed(folder, name)


@stops("text", "a .txt without names", "cat.txt: its first line has numbers", "# id ra dec")
def _(folder):
    (folder / "cat.txt").write_text(rows_of_text())
    return listed(folder, "cat.txt")


@stops("text", "a line with a value less than there are names", "cat.txt, line 3: found 2 values")
def _(folder):
    (folder / "cat.txt").write_text(f"# id ra dec\n{rows_of_text().rsplit(' ', 1)[0]}\n")
    return listed(folder, "cat.txt")


# --- config ------------------------------------------------------------------------------------


@stops("config", "three mistakes", "pixle_scale", "write 0.03", "cutout.size", "Did you mean")
def _(folder):
    field = {"images": str(image(folder)), "pixle_scale": 1, "zero_point": "3e-2"}
    return check({"cutout": {"size": 2}}, **field)


@stops("config", "two fields whose files are not there", "fields.f.images", "fields.g.images")
def _(folder):
    other = {"g": {"images": str(folder / "h.fits")}}
    fields = {"f": {"images": str(folder / "i.fits")}} | other
    return check({"fields": fields}, images="")


@goes_on("image", "at the border of a galaxy that is half outside", "edge")
def _(folder):
    data = np.roll(pixels(), -58, axis=1)
    fits.writeto(folder / "psf.fits", gauss(25))
    table = catalogue(folder, {"id": [1], "x": [2.0], "y": [60.0]})
    path = image(folder, data, head=header())
    return flags(images=path, catalogue=table, psf=folder / "psf.fits")
