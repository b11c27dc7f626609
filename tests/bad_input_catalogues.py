"""Cases of bad input in catalogues and ready-made cutouts; adds to `CASES`."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from bad_input import catalogue, flags, goes_on, image, placed, sky, stamps, start, stops

from morphovote.fields.sources import write_shard_list, write_sources

# --- catalogues --------------------------------------------------------------------------------


@stops("catalogue", "without rows", "cat.fits", "no rows")
def _(folder):
    table = catalogue(folder, Table(sky())[:0])
    return flags(images=image(folder), catalogue=table)


@stops("catalogue", "without rows, of ready-made cutouts", "cat.fits", "no rows")
def _(folder):
    table = catalogue(folder, Table(sky())[:0])
    pattern = stamps(folder, ((60, 60), (60, 60)))
    return flags(cutouts=pattern, catalogue=table, pixel_scale=0.1)


@stops("catalogue", "an empty file", "cat.csv", "an empty file")
def _(folder):
    (folder / "cat.csv").touch()
    return flags(images=image(folder), catalogue=folder / "cat.csv")


@stops("catalogue", "misspelt columns in the file", "cat.fits", "r.a.", "columns")
def _(folder):
    table = Table(sky())
    table.rename_columns(["ra", "dec"], ["r.a.", "decl"])
    return flags(images=image(folder), catalogue=catalogue(folder, table))


@goes_on("catalogue", "of one row", "1: no flag")
def _(folder):
    return flags(images=image(folder), catalogue=catalogue(folder, Table(sky())[:1]))


@stops("catalogue", "one id for two places", "cat.fits", "id 1 ", "different positions")
def _(folder):
    return flags(images=image(folder), catalogue=catalogue(folder, sky(id=[1, 1])))


@goes_on("catalogue", "one source listed twice", "1: no flag; 1: no flag")
def _(folder):
    table = Table(sky())[[0, 0]]
    return flags(images=image(folder), catalogue=catalogue(folder, table))


@goes_on("catalogue", "ids of 64 bits", "9223372036854775807: no flag; 9223372036854775806")
def _(folder):
    ids = np.array([2**63 - 1, 2**63 - 2])
    return flags(images=image(folder), catalogue=catalogue(folder, sky(id=ids)))


@goes_on("catalogue", "ids as text, in other alphabets", "Галактика 1: no flag; 銀河: no flag")
def _(folder):
    table = catalogue(folder, sky(id=["Галактика 1", "銀河"]), "cat.parquet")
    return flags(images=image(folder), catalogue=table)


@stops("catalogue", "rows without an id", "cat.ecsv", "column 'id'", "without an id")
def _(folder):
    table = Table(sky(), masked=True)
    table["id"].mask = [False, True]
    return flags(images=image(folder), catalogue=catalogue(folder, table, "cat.ecsv"))


@stops("catalogue", "a misspelt column in the config", "cat.fits", "'RAA'", "It has: id, ra, dec")
def _(folder):
    return flags(images=image(folder), catalogue=catalogue(folder), columns={"ra": "RAA"})


@stops("catalogue", "no positions", "cat.fits", "no position", "columns")
def _(folder):
    table = catalogue(folder, {"id": [1], "mag": [20.0]})
    return flags(images=image(folder), catalogue=table)


@stops("catalogue", "select on a column that is not there", "cat.fits", "'colour'", "select")
def _(folder):
    return flags(images=image(folder), catalogue=catalogue(folder), select={"colour": [0, 1]})


@stops("catalogue", "RA in hours, not degrees", "cat.fits", "none of its 2", "degrees")
def _(folder):
    table = catalogue(folder, sky(ra=np.asarray(sky()["ra"]) / 15))
    return flags(images=image(folder), catalogue=table)


@goes_on("catalogue", "RA in hours, with the unit in the file", "at (60.0, 60.0) and (25.0, 95.0)")
def _(folder):
    table = Table(sky(ra=np.asarray(sky()["ra"]) / 15))
    table["ra"].unit = "hourangle"
    return placed(images=image(folder), catalogue=catalogue(folder, table, "cat.ecsv"))


@goes_on("catalogue", "RA as 10:00:00", "at (60.0, 60.0) and (25.0, 95.0)")
def _(folder):
    place = SkyCoord(sky()["ra"], sky()["dec"], unit="deg")
    table = sky(ra=place.ra.to_string("h", sep=":", precision=6),
                dec=place.dec.to_string("deg", sep=":", precision=5, alwayssign=True))  # fmt: skip
    return placed(images=image(folder), catalogue=catalogue(folder, table, "cat.csv"))


@goes_on("catalogue", "NaN as a position", "1: no flag; 2: no data")
def _(folder):
    table = catalogue(folder, sky(ra=[sky()["ra"][0], np.nan]))
    return flags(images=image(folder), catalogue=table)


@goes_on("catalogue", "Dec of -99 and RA of inf", "1: no flag; 2: no data; 3: no data")
def _(folder):
    ra, dec = sky()["ra"][0], sky()["dec"][0]
    table = {"id": [1, 2, 3], "ra": [ra, -99.0, np.inf], "dec": [dec, -99.0, dec]}
    return flags(images=image(folder), catalogue=catalogue(folder, table))


@goes_on("catalogue", "a position outside every image", "1: no flag; 2: no data")
def _(folder):
    table = catalogue(folder, sky(dec=[sky()["dec"][0], 3.0]))
    return flags(images=image(folder), catalogue=table)


@stops("catalogue", "of another field", "cat.fits", "none of its 2 selected sources lies in")
def _(folder):
    return flags(images=image(folder), catalogue=catalogue(folder, sky(dec=[3.0, 3.1])))


@goes_on("catalogue", "NaN as a magnitude, beside select", "2: no flag")
def _(folder):
    table = catalogue(folder, sky(mag=[np.nan, 22.0]))
    return flags(images=image(folder), catalogue=table, select={"mag": [None, 25]})


@stops("catalogue", "select that leaves nobody", "cat.fits", "leaves no source", "Widen")
def _(folder):
    return flags(images=image(folder), catalogue=catalogue(folder), select={"mag": [25, 26]})


@goes_on("catalogue", "masked values", "2: no flag")
def _(folder):
    table = Table(sky(), masked=True)
    table["mag"].mask = [True, False]
    return flags(images=image(folder), catalogue=catalogue(folder, table, "cat.ecsv"),
                 select={"mag": [None, 25]})  # fmt: skip


for _name in ("cat.csv", "cat.ecsv", "cat.fits", "cat.vot", "cat.parquet"):

    @goes_on("catalogue", f"as {_name.split('.')[1].upper()}", "1: no flag; 2: no flag")
    def _(folder, name=_name):
        return flags(images=image(folder), catalogue=catalogue(folder, name=name))


for _name in ("cat.csv", "cat.ecsv", "cat.fits", "cat.vot", "cat.parquet", "cat.h5"):

    @stops("catalogue", f"rubbish as {_name.split('.')[1].upper()}", _name, "not a readable")
    def _(folder, name=_name):
        rubbish = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)
        (folder / name).write_bytes(rubbish.tobytes())
        return flags(images=image(folder), catalogue=folder / name)


@stops("catalogue", "CSV with rows of different length", "cat.csv", "not a readable CSV", "line")
def _(folder):
    (folder / "cat.csv").write_text("id,ra,dec\n1,150.0,2.0\n2,150.0,2.0,7,8\n")
    return flags(images=image(folder), catalogue=folder / "cat.csv")


@stops("catalogue", "CSV in Latin-1", "cat.csv", "not a readable CSV", "UTF-8")
def _(folder):
    (folder / "cat.csv").write_bytes("id,ra,dec,größe\n1,150.0,2.0,3\n".encode("latin-1"))
    return flags(images=image(folder), catalogue=folder / "cat.csv")


@stops("catalogue", "a format not known", "cat.xlsx", "not understood", ".parquet")
def _(folder):
    (folder / "cat.xlsx").touch()
    return flags(images=image(folder), catalogue=folder / "cat.xlsx")


@goes_on("catalogue", "column names in UTF-8", "2: no flag")
def _(folder):
    table = sky()
    table["größe"] = table.pop("mag")
    return flags(images=image(folder), catalogue=catalogue(folder, table, "cat.csv"),
                 columns={"mag": "größe"}, select={"mag": [21, None]})  # fmt: skip


@goes_on("catalogue", "a million rows", "1000000 rows, 10000 in the image")
def _(folder):
    rng = np.random.default_rng(0)
    ra, dec = 150 + rng.uniform(-1, 1, 10**6), 2 + rng.uniform(-1, 1, 10**6)
    ra[: 10**4], dec[: 10**4] = sky()["ra"][0], sky()["dec"][0]
    inside = np.hypot(ra[10**4 :] - 150, dec[10**4 :] - 2) < 0.005
    dec[10**4 :][inside] = 2.9
    table = catalogue(folder, {"id": np.arange(10**6), "ra": ra, "dec": dec}, "cat.parquet")
    sources, tiles = start(images=image(folder), catalogue=table)
    (folder / "out").mkdir()
    write_sources(folder / "out/sources.fits", sources, tiles)
    write_shard_list(folder / "out/shards.json", sources)
    return f"{len(sources)} rows, {np.count_nonzero(sources['TILE'] >= 0)} in the image"


# --- cutouts -----------------------------------------------------------------------------------


@goes_on("cutouts", "of unequal size", "1: no flag; 2: edge; 3: no flag")
def _(folder):
    return flags(cutouts=stamps(folder, ((60, 60), (30, 34), (81, 75))), pixel_scale=0.1)


@goes_on("cutouts", "one of them broken", "1: no flag; 2: no data; 3: no flag")
def _(folder):
    pattern = stamps(folder)
    (folder / "g_2.fits").write_text("broken")
    table = catalogue(folder, {"id": [1, 2, 3], "mag": [20.0, 21.0, 22.0]})
    return flags(cutouts=pattern, catalogue=table, pixel_scale=0.1)


@goes_on("cutouts", "one broken, and no catalogue", "1: no flag; 2: no data; 3: no flag")
def _(folder):
    pattern = stamps(folder)
    (folder / "g_2.fits").write_text("broken")
    return flags(cutouts=pattern, pixel_scale=0.1)


@goes_on("cutouts", "all the same (the PCA stops: see vote)", "1: no flag; 2: no flag; 3: no fl")
def _(folder):
    pattern = stamps(folder)
    for number in (2, 3):
        (folder / f"g_{number}.fits").write_bytes((folder / "g_1.fits").read_bytes())
    return flags(cutouts=pattern, pixel_scale=0.1)


@stops("cutouts", "all of them broken", "g_1.fits", "None of the 3 images can be read")
def _(folder):
    pattern = stamps(folder)
    for path in folder.glob("g_*.fits"):
        path.write_text("broken")
    return flags(cutouts=pattern, pixel_scale=0.1)


@stops("cutouts", "with a catalogue of other ids", "cat.fits", "no id (such as 77)", "g_1.fits")
def _(folder):
    pattern, table = stamps(folder), catalogue(folder, {"id": [77], "mag": [20.0]})
    return flags(cutouts=pattern, catalogue=table, pixel_scale=0.1)


@stops("cutouts", "an id in two names", "Id 1 ", "g_1_a.fits", "g_1_b.fits")
def _(folder):
    stamps(folder)
    (folder / "g_1.fits").rename(folder / "g_1_a.fits")
    (folder / "g_2.fits").rename(folder / "g_1_b.fits")
    (folder / "g_3.fits").rename(folder / "g_3_a.fits")
    table = catalogue(folder, {"id": [1, 2, 3], "mag": [20.0, 21.0, 22.0]})
    return flags(cutouts=str(folder / "g_*.fits"), catalogue=table, pixel_scale=0.1)
