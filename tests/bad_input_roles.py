"""Cases of values, positions and ids as catalogues write them; adds to `CASES`.

Each kind has members from several surveys and tools; what has to come out is the same as of a plain
catalogue.
"""

import json
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from bad_input import catalogue, goes_on, image, sky, start, stops

from morphovote.catalogue.source_columns import read_source_columns
from morphovote.fields.catalogues import read_table
from morphovote.fields.matching import match_catalogues
from morphovote.fields.role_columns import read_positions

PLACED = "at (60.0, 60.0) and (25.0, 95.0)"


def listed(folder: Path, name: str, **field) -> str:
    """Ids and places that the source list gives the two galaxies of a catalogue."""
    sources, _ = start(images=image(folder), catalogue=folder / name, **field)
    places = " and ".join(f"({row['X']:.1f}, {row['Y']:.1f})" for row in sources)
    return f"{', '.join(map(str, sources['ID']))} at {places}"


def values(folder: Path, content, name="cat.fits", **field) -> str:
    """What the source list gives of magnitudes and so on, and which rows are selected."""
    sources, tiles = start(
        images=image(folder), catalogue=catalogue(folder, content, name), **field
    )
    parts = []
    for role in ("MAG", "REDSHIFT", "LOG_MASS", "U_V", "V_J"):
        found = np.asarray(sources[role], dtype=float)
        if np.isfinite(found).any():
            parts.append(f"{role} {', '.join(f'{value:g}' for value in found)}")
    chosen = np.flatnonzero(sources["SELECTED"])
    # Beside the sentences on the planes of the images.
    notes = [note for note in json.loads(tiles.meta["NOTES"]) if " is the " not in note]
    return f"{'; '.join(parts)}; rows {chosen.tolist()}; {notes}"


def four(**columns) -> dict:
    """A catalogue of four rows at the place of the first galaxy."""
    ra, dec = sky()["ra"][0], sky()["dec"][0]
    return {"id": np.arange(1, 5), "ra": [ra] * 4, "dec": [dec] * 4} | columns


# --- values that mean that there is none ---------------------------------------------------------

for _given, _columns, _select, _says in (
    ("-99 (CANDELS) as a magnitude, beside select", {"mag": [20.0, -99, 22, 26]},
     {"mag": [None, 25]}, ("MAG 20, nan, 22, 26", "rows [0, 2]", "1 of 4 values of column 'mag'")),
    ("99 (SExtractor) as a magnitude", {"mag": [20.0, 99, 22, 99]}, {"mag": [21, None]},
     ("MAG 20, nan, 22, nan", "rows [2]", "2 of 4", "(99)")),
    ("-999 (Pan-STARRS) as a magnitude, in float32", {"mag": np.array([20, -999, 22, 23], "f4")},
     {"mag": [None, 25]}, ("rows [0, 2, 3]", "(-999)")),
    ("-9999 (SDSS) and 99.99 together", {"mag": [20.0, -9999, 99.99, 23]}, {"mag": [None, 200]},
     ("MAG 20, nan, nan, 23", "rows [0, 3]", "(-9999, 99.99)")),
    ("zero as a magnitude of others around 20", {"mag": [20.0, 0, 22, -1]}, {"mag": [None, 25]},
     ("MAG 20, nan, 22, nan", "rows [0, 2]")),
    ("1e20 and infinity as a magnitude", {"mag": [20.0, 1e20, np.inf, 23]}, {"mag": [21, None]},
     ("MAG 20, nan, nan, 23", "rows [3]")),
    ("instrumental magnitudes below zero are kept", {"mag": [-9.0, -9.5, -10.1, -8.2]},
     {"mag": [None, -9]}, ("MAG -9, -9.5, -10.1, -8.2", "rows [0, 1, 2]", "[]")),
    ("-1 and 99 as redshifts (photometric codes)", {"redshift": [0.5, -1, 99, 1.5]},
     {"redshift": [None, 2]}, ("REDSHIFT 0.5, nan, nan, 1.5", "rows [0, 3]")),
    ("a redshift of -0.001 is a galaxy near by", {"redshift": [0.5, -0.001, 0.0, 1.5]},
     {"redshift": [None, 1]}, ("REDSHIFT 0.5, -0.001, 0, 1.5", "rows [0, 1, 2]", "[]")),
    ("0, -1 and -99 as log10 of a mass", {"log_mass": [10.5, 0, -1, -99]}, {"log_mass": [None, 11]},
     ("LOG_MASS 10.5, nan, nan, nan", "rows [0]")),
    ("-9.99 and 99 as colours", {"u_v": [1.5, -9.99, 0.5, 99], "v_j": [1.0, 0.2, -99, 99]}, {},
     ("U_V 1.5, nan, 0.5, nan; V_J 1, 0.2, nan, nan", "rows [0, 1, 2, 3]")),
):  # fmt: skip

    @goes_on("missing", _given, *_says)
    def _(folder, columns=_columns, select=_select):
        return values(folder, four(**columns), select=select)


@goes_on("missing", "missing: [-5, 42] in every role and column", "MAG 20, nan, 22, nan",
         "REDSHIFT 0.5, 1, nan, 2", "rows [0, 2]")  # fmt: skip
def _(folder):
    table = four(mag=[20.0, 42, 22, -5], redshift=[0.5, 1, -5, 2], flux=[3.0, 4, 5, 42])
    return values(folder, table, missing=[-5, 42], select={"mag": [None, 50], "flux": [0, 50]})


@goes_on("missing", "masses that are no logarithms", "LOG_MASS", "another quantity", "log10")
def _(folder):
    rows = 40
    table = {"id": np.arange(rows), "ra": [sky()["ra"][0]] * rows, "dec": [sky()["dec"][0]] * rows}
    table["log_mass"] = np.append(10.0, np.geomspace(1e9, 1e11, rows - 1))
    return values(folder, table)


@goes_on("missing", "the catalogue's own columns stay as they are", "20.0, -99.0, 22.0, 99.0")
def _(folder):
    path = catalogue(folder, four(mag=[20.0, -99, 22, 99]))
    return ", ".join(map(str, read_source_columns(path, [])["mag"].tolist()))


@stops("config", "a word among the missing values", "fields.f.missing", "'none'", "number")
def _(folder):
    return listed(folder, catalogue(folder).name, missing=["none"])


# --- positions -----------------------------------------------------------------------------------


def moved(folder: Path, factor: float, unit: str) -> Path:
    """A FITS catalogue with its positions in a unit, spelt in a way."""
    table = Table(sky())
    for name in ("ra", "dec"):
        table[name] = table[name] * factor
    hdu = fits.table_to_hdu(table)
    hdu.header["TUNIT2"] = hdu.header["TUNIT3"] = unit
    hdu.writeto(folder / "cat.fits")
    return folder / "cat.fits"


for _unit, _factor in (
    ("[deg]", 1), ("DEGREES", 1), ("Degree", 1), ("degs", 1), ("RADIANS", np.pi / 180),
    ("rad", np.pi / 180), ("arcsec", 3600),
):  # fmt: skip

    @goes_on("positions", f"in the unit {_unit}", PLACED)
    def _(folder, factor=_factor, unit=_unit):
        return listed(folder, moved(folder, factor, unit).name)

    @goes_on("physical", f"positions in the unit {_unit}", "2 of 2", "offset 0.000")
    def _(folder, factor=_factor, unit=_unit):
        return matched(folder, {"ra": "ra", "dec": "dec"}, moved(folder, factor, unit))


for _unit in ("h", "hours", "hourangle", "HR"):

    @goes_on("positions", f"RA in the unit {_unit}", PLACED)
    def _(folder, unit=_unit):
        table = Table(sky(ra=np.asarray(sky()["ra"]) / 15))
        hdu = fits.table_to_hdu(table)
        hdu.header["TUNIT2"], hdu.header["TUNIT3"] = unit, "deg"
        hdu.writeto(folder / "cat.fits")
        return listed(folder, "cat.fits")


for _given, _sep in (("colons", ":"), ("blanks", " "), ("letters", "fromunit")):

    @goes_on("positions", f"sexagesimal text with {_given}", PLACED)
    def _(folder, sep=_sep):
        place = SkyCoord(sky()["ra"], sky()["dec"], unit="deg")
        ra = place.ra.to_string("h", sep=sep, precision=6)
        dec = place.dec.to_string("deg", sep=sep, precision=5, alwayssign=True)
        catalogue(folder, sky(ra=ra, dec=dec), "cat.ecsv")
        return listed(folder, "cat.ecsv")


@goes_on("positions", "numbers as text", PLACED)
def _(folder):
    catalogue(folder, sky(ra=[repr(float(v)) for v in sky()["ra"]]), "cat.parquet")
    return listed(folder, "cat.parquet")


@goes_on("positions", "RA from -180 to 180", PLACED)
def _(folder):
    catalogue(folder, sky(ra=np.asarray(sky()["ra"]) - 360))
    return listed(folder, "cat.fits")


for _ra, _dec in ((-99, -99), (-1, -1), (999, 999), (-999, 2), (150, 99.9)):

    @goes_on(
        "positions", f"RA {_ra} and Dec {_dec} for none", "1, 2 at (60.0, 60.0) and (nan, nan)"
    )
    def _(folder, ra=_ra, dec=_dec):
        both = sky()
        table = sky(ra=[both["ra"][0], ra], dec=[both["dec"][0], dec])
        catalogue(folder, table)
        return listed(folder, "cat.fits")


@goes_on("positions", "as arrays of one number (IDL)", f"1, 2 {PLACED}")
def _(folder):
    catalogue(folder, {name: np.reshape(column, (2, 1)) for name, column in sky().items()})
    return listed(folder, "cat.fits")


@goes_on("positions", "a sky position of astropy, named in columns", PLACED)
def _(folder):
    where = SkyCoord(sky()["ra"], sky()["dec"], unit="deg")
    QTable({"id": [1, 2], "sky_centroid": where}).write(folder / "cat.ecsv", format="ascii.ecsv")
    return listed(folder, "cat.ecsv", columns={"ra": "sky_centroid", "dec": "sky_centroid.dec"})


# --- physical catalogue --------------------------------------------------------------------------


def matched(folder: Path, by: dict, physical: Path, own=None) -> str:
    """How many of the two galaxies a physical catalogue matches, and how far off."""
    path = folder / "own.fits"
    Table(own or sky()).write(path)
    found = match_catalogues(
        Table.read(path), read_positions(path, {}), read_table(physical), by, 1.0, physical
    )[1]
    off = np.hypot(found.get("offset_ra", 0), found.get("offset_dec", 0))
    return f"{found['matched']} of {found['sources']}, offset {off:.3f}"


@goes_on("physical", "RA from -180 to 180", "2 of 2", "offset 0.000")
def _(folder):
    path = catalogue(folder, sky(ra=np.asarray(sky()["ra"]) - 360))
    return matched(folder, {"ra": "ra", "dec": "dec"}, path)


@goes_on("physical", "sexagesimal text", "2 of 2", "offset 0.000")
def _(folder):
    place = SkyCoord(sky()["ra"], sky()["dec"], unit="deg")
    table = sky(ra=place.ra.to_string("h", sep=":", precision=6),
                dec=place.dec.to_string("deg", sep=":", precision=5))  # fmt: skip
    return matched(folder, {"ra": "ra", "dec": "dec"}, catalogue(folder, table, "cat.csv"))


@goes_on("physical", "-99 for the position of a source and of a row", "2 of 3", "offset 0.000")
def _(folder):
    table = Table(sky())
    table.add_row([3, -99.0, -99.0, 20.0])
    path = catalogue(folder, table)
    return matched(folder, {"ra": "ra", "dec": "dec"}, path, table)


for _given, _ids in (
    ("floats", [1.0, 2.0, 7.0]),
    ("text", ["1", " 2 ", "7"]),
    ("text with a point", ["1.0", "2.0", "7.0"]),
    ("uint64", np.array([1, 2, 7], "u8")),
    ("text with zeros before", ["0001", "0002", "0007"]),
    ("-99 twice for none", [1, 2, -99, -99]),
    ("-1 for none", [1, 2, -1]),
    ("0 twice for none", [1, 2, 0, 0]),
    ("NaN for none", [1.0, 2.0, np.nan, np.nan]),
    ("empty text for none", ["1", "2", "", "", "null", "null"]),
    ("null for none", MaskedColumn([1, 2, 0, 0], mask=[False, False, True, True])),
):

    @goes_on("physical", f"ids as {_given}", "2 of 2")
    def _(folder, ids=_ids):
        table = Table({"id": ids, "z": np.arange(len(ids)) / 10})
        return matched(folder, {"id": "id"}, catalogue(folder, table, "cat.parquet"
                       if table["id"].dtype.kind == "U" else "cat.fits"))  # fmt: skip


@stops("physical", "one id in two rows", "id 2 ", "2 rows", "Match by position")
def _(folder):
    return matched(folder, {"id": "id"}, catalogue(folder, {"id": [1, 2, 2], "z": [1.0, 2, 3]}))
