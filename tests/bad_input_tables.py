"""Cases of tables as other programs and services write them; adds to `CASES`.

Each kind has members from several surveys and tools; what has to come out is the same as of a plain
catalogue: ids, positions, values that are missing.
"""

import gzip
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.time import Time
from bad_input import catalogue, goes_on, image, sky, stamps, start, stops
from bad_input_roles import PLACED, listed

from morphovote.catalogue.source_columns import read_source_columns
from morphovote.config.files import check_config_files
from morphovote.fields.catalogues import read_table

# --- columns that are hard to carry --------------------------------------------------------------


def carried(path: Path) -> str:
    """Columns that the catalogue will hold, and what is said of the others."""
    notes: list[str] = []
    table = read_source_columns(path, notes)
    return f"{', '.join(table.colnames)}; {' '.join(notes)}"


@goes_on("columns", "a sky position (photutils)", "id, sky.ra, sky.dec, mag;")
def _(folder):
    where = SkyCoord(sky()["ra"], sky()["dec"], unit="deg")
    table = QTable({"id": [1, 2], "sky": where, "mag": [20.0, 21] * units.mag})
    table.write(folder / "cat.ecsv", format="ascii.ecsv")
    return carried(folder / "cat.ecsv")


@goes_on("columns", "a time", "2023-05-01T12:00:00")
def _(folder):
    QTable({"id": [1, 2], "when": Time(["2023-05-01T12:00:00", "2024-01-01T00:00:00"])}).write(
        folder / "cat.ecsv", format="ascii.ecsv"
    )
    return str(read_source_columns(folder / "cat.ecsv", [])["when"].tolist())


@goes_on("columns", "sky position and time in FITS of astropy", "sky.ra, sky.dec", "when")
def _(folder):
    where = SkyCoord(sky()["ra"], sky()["dec"], unit="deg")
    table = QTable({"id": [1, 2], "sky": where, "when": Time([59000.5, 59001.5], format="mjd")})
    table.write(folder / "cat.fits")
    return carried(folder / "cat.fits")


@goes_on("columns", "sky position in HDF5 of astropy", "id, sky.ra, sky.dec")
def _(folder):
    where = SkyCoord(sky()["ra"], sky()["dec"], unit="deg")
    QTable({"id": [1, 2], "sky": where}).write(
        folder / "cat.h5", path="t", format="hdf5", serialize_meta=True
    )
    return carried(folder / "cat.h5")


@goes_on("columns", "arrays of varying length in FITS", "[0.0, 1.0]")
def _(folder):
    arrays = np.empty(2, object)
    arrays[:] = [np.arange(1, dtype="f4"), np.arange(2, dtype="f4")]
    columns = [*fits.table_to_hdu(Table(sky())).columns, fits.Column("ivar", "PE()", array=arrays)]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "cat.fits")
    return str(read_source_columns(folder / "cat.fits", [])["ivar"].tolist())


@goes_on("columns", "lists of varying length in Parquet", "[1.5, 2.5]", "[]")
def _(folder):
    columns = {"id": [1, 2], "flux": [[1.5, 2.5], []]}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "cat.parquet")
    return str(read_source_columns(folder / "cat.parquet", [])["flux"].tolist())


@goes_on("columns", "spectra of varying length are left out", "id;", "column 'flux' is left out")
def _(folder):
    columns = {"id": [1, 2], "flux": [list(np.arange(3000.0)), [1.0]]}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "cat.parquet")
    return carried(folder / "cat.parquet")


@goes_on("columns", "bytes in Parquet", "['J1', 'J2']")
def _(folder):
    columns = {"id": pyarrow.array([b"J1", b"J2"]), "x": [1, 2]}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "cat.parquet")
    return str(read_source_columns(folder / "cat.parquet", [])["id"].tolist())


# --- ids -----------------------------------------------------------------------------------------


def votable(folder: Path, fields: str, rows: list[str], before="", after="") -> Path:
    """A VOTable of one resource, written by hand."""
    cells = "".join(f"<TR>{row}</TR>\n" for row in rows)
    (folder / "cat.vot").write_text(
        '<?xml version="1.0"?>\n<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results">{before}<TABLE name="main">{fields}<DATA><TABLEDATA>\n{cells}'
        f"</TABLEDATA></DATA></TABLE>{after}</RESOURCE></VOTABLE>\n"
    )
    return folder / "cat.vot"


FIELDS = (
    '<FIELD name="id" datatype="char" arraysize="*"/>'
    '<FIELD name="ra" datatype="double" unit="deg"/>'
    '<FIELD name="dec" datatype="double" unit="deg"/>'
)


def cells(*names: str) -> list[str]:
    """Rows of a VOTable for the two galaxies."""
    places = zip(sky()["ra"].tolist(), sky()["dec"].tolist(), strict=True)
    return [
        f"<TD>{name}</TD><TD>{ra!r}</TD><TD>{dec!r}</TD>"
        for name, (ra, dec) in zip(names, places, strict=True)
    ]


@goes_on("ids", "VOTable text of any length (TAP)", f"SURV J0000712, SURV J1 {PLACED}")
def _(folder):
    votable(folder, FIELDS, cells("SURV J0000712", "SURV J1"))
    return listed(folder, "cat.vot")


def text(folder: Path, rows: str, name="cat.csv", encoding="utf-8") -> str:
    """The source list of a text file in which {0} and {1} stand for the two places."""
    ra, dec = sky()["ra"].tolist(), sky()["dec"].tolist()
    content = rows.replace("RA0", repr(ra[0])).replace("RA1", repr(ra[1]))
    content = content.replace("DEC0", repr(dec[0])).replace("DEC1", repr(dec[1]))
    data = content.encode(encoding)
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return listed(folder, name)


for _given, _rows, _ids, _encoding in (
    ("000712 in a CSV", "id,ra,dec\n000712,RA0,DEC0\n12345,RA1,DEC1\n", "000712, 12345", "utf-8"),
    ("CSV with a byte order mark", "id,ra,dec\n5,RA0,DEC0\n6,RA1,DEC1\n", "5, 6", "utf-8-sig"),
    ("CSV in UTF-16 (spreadsheet)", "id\tra\tdec\n5\tRA0\tDEC0\n6\tRA1\tDEC1\n", "5, 6", "utf-16"),
    ("CSV with # before the first name", "# id,ra,dec\n5,RA0,DEC0\n6,RA1,DEC1\n", "5, 6", "utf-8"),
    ("CSV with #id", "#id,ra,dec\n5,RA0,DEC0\n6,RA1,DEC1\n", "5, 6", "utf-8"),
    ("CSV with comments before the names", "# made by hand\n# 2023\nid,ra,dec\n5,RA0,DEC0\n"
     "6,RA1,DEC1\n", "5, 6", "utf-8"),
    ("CSV with comments and # before the names", "# made, by, hand\n# id,ra,dec\n5,RA0,DEC0\n"
     "6,RA1,DEC1\n", "5, 6", "utf-8"),
    ("CSV with a comment of as many parts as there are columns", "# made, by, hand\nid,ra,dec\n"
     "5,RA0,DEC0\n6,RA1,DEC1\n", "5, 6", "utf-8"),
    ("CSV with semicolons", "id;ra;dec\n5;RA0;DEC0\n6;RA1;DEC1\n", "5, 6", "utf-8"),
    ("CSV with tabs", "id\tra\tdec\n5\tRA0\tDEC0\n6\tRA1\tDEC1\n", "5, 6", "utf-8"),
    ("CSV with |", "id|ra|dec\n5|RA0|DEC0\n6|RA1|DEC1\n", "5, 6", "utf-8"),
    ("CSV with semicolons, zeros and a note with a comma",
     'id;ra;dec;note\n0005;RA0;DEC0;"a, b"\n0006;RA1;DEC1;c\n', "0005, 0006", "utf-8"),
    ("CSV with ids above 2^63", "id,ra,dec\n9223372036854775819,RA0,DEC0\n"
     "9223372036854775820,RA1,DEC1\n", "9223372036854775819, 9223372036854775820", "utf-8"),
    ("CSV with the line ends of Windows", "id,ra,dec\r\n007,RA0,DEC0\r\n008,RA1,DEC1\r\n",
     "007, 008", "utf-8"),
):  # fmt: skip

    @goes_on("ids", _given, f"{_ids} {PLACED}")
    def _(folder, rows=_rows, encoding=_encoding):
        return text(folder, rows, encoding=encoding)


@goes_on("ids", "CSV with semicolons and decimal commas", f"5, 6 {PLACED}")
def _(folder):
    ra, dec = (
        [f"{value:.9f}".replace(".", ",") for value in sky()[name]] for name in ("ra", "dec")
    )
    rows = f"id;ra;dec\n5;{ra[0]};{dec[0]}\n6;{ra[1]};{dec[1]}\n"
    return text(folder, rows)


@goes_on("ids", "a gzipped CSV with tabs", f"5, 6 {PLACED}")
def _(folder):
    return text(folder, "id\tra\tdec\n5\tRA0\tDEC0\n6\tRA1\tDEC1\n", "cat.csv.gz")


@goes_on("ids", "a .tsv file", f"05, 06 {PLACED}")
def _(folder):
    return text(folder, "id\tra\tdec\n05\tRA0\tDEC0\n06\tRA1\tDEC1\n", "cat.tsv")


@goes_on("ids", "uint64 above 2^63", f"9223372036854775819, 9223372036854775820 {PLACED}")
def _(folder):
    catalogue(folder, sky(id=np.arange(2).astype("u8") + np.uint64(2**63 + 11)))
    return listed(folder, "cat.fits")


@goes_on("ids", "text with the shape '(1)' (CasJobs)", f"SDSS J1, SDSS J22 {PLACED}")
def _(folder):
    hdu = fits.table_to_hdu(Table(sky(id=["SDSS J1", "SDSS J22"])))
    hdu.header["TDIM1"] = "(1)"
    hdu.writeto(folder / "cat.fits")
    return listed(folder, "cat.fits")


@goes_on("ids", "numbers with the shape '(1)' (CasJobs)", f"1, 2 {PLACED}")
def _(folder):
    hdu = fits.table_to_hdu(Table(sky()))
    for number in (1, 2, 3):
        hdu.header[f"TDIM{number}"] = "(1)"
    hdu.writeto(folder / "cat.fits")
    return listed(folder, "cat.fits")


@goes_on("ids", "text padded with blanks", f"a1, b22 {PLACED}")
def _(folder):
    catalogue(folder, sky(id=["  a1  ", "b22   "]), "cat.parquet")
    return listed(folder, "cat.parquet")


# --- files read in part --------------------------------------------------------------------------


def hdus(folder: Path, *parts: tuple[str, dict]) -> Path:
    """A FITS file of named tables."""
    tables = [fits.table_to_hdu(Table(content)) for _, content in parts]
    for hdu, (name, _) in zip(tables, parts, strict=True):
        hdu.name = name
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(folder / "cat.fits")
    return folder / "cat.fits"


def rows_of(table: dict, rows: slice) -> Table:
    return Table(table)[rows]


@goes_on("read in part", "LDAC of two chips", f"1, 2 {PLACED}")
def _(folder):
    head = {"Field Header Card": ["SIMPLE  =  T"]}
    hdus(folder, ("LDAC_IMHEAD", head), ("LDAC_OBJECTS", rows_of(sky(), slice(0, 1))),
         ("LDAC_IMHEAD", head), ("LDAC_OBJECTS", rows_of(sky(), slice(1, 2))))  # fmt: skip
    return listed(folder, "cat.fits")


@goes_on("read in part", "a table a CCD, with its number in the name", f"1, 2 {PLACED}")
def _(folder):
    hdus(folder, ("CCD_01", rows_of(sky(), slice(0, 1))), ("CCD_02", rows_of(sky(), slice(1, 2))))
    return listed(folder, "cat.fits")


@goes_on("read in part", "another table beside the catalogue", f"1, 2 {PLACED}", "'STARS'")
def _(folder):
    catalogue_, stars = sky(), {"id": [7, 8], "mag": [1.0, 2]}
    hdus(folder, ("STARS", stars), ("GALAXIES", Table(catalogue_)), ("LOG", {"a": [1]}))
    said = listed(folder, "cat.fits")
    notes: list[str] = []
    read_table(folder / "cat.fits", notes=notes)
    return said + str(notes).replace("STARS (2 rows)", "'STARS'")


@goes_on("read in part", "a TAP result that was cut off", "OVERFLOW", "2 rows")
def _(folder):
    after = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
    return carried(votable(folder, FIELDS, cells("a", "b"), after=after))


@stops("read in part", "a TAP result that is an error", "cat.vot", "timed out", "Run the query")
def _(folder):
    before = '<INFO name="QUERY_STATUS" value="ERROR">the query timed out</INFO>'
    return carried(votable(folder, FIELDS, cells("a", "b"), before=before))


@goes_on("read in part", "a VOTable of two tables alike", f"a, b {PLACED}")
def _(folder):
    first, second = cells("a", "b")
    after = (f'<TABLE name="main">{FIELDS}<DATA><TABLEDATA><TR>{second}</TR></TABLEDATA></DATA>'
             "</TABLE>")  # fmt: skip
    votable(folder, FIELDS, [first], after=after)
    return listed(folder, "cat.vot")


@goes_on("read in part", "a VOTable with a second table", "id, ra, dec;", "left out", "3 rows")
def _(folder):
    rows = "<TR><TD>1</TD></TR>" * 3
    after = ('<TABLE name="bands"><FIELD name="band" datatype="int"/><DATA><TABLEDATA>'
             f"{rows}</TABLEDATA></DATA></TABLE>")  # fmt: skip
    return carried(votable(folder, FIELDS, cells("a", "b") * 2, after=after))


@goes_on("read in part", "HDF5 of astropy with its units", f"1, 2 {PLACED}")
def _(folder):
    table = Table(sky())
    table["ra"].unit = table["dec"].unit = "deg"
    table.write(folder / "cat.h5", path="data", format="hdf5", serialize_meta=True)
    return listed(folder, "cat.h5")


@goes_on("read in part", "HDF5 of astropy in a group, RA in hours", f"1, 2 {PLACED}")
def _(folder):
    table = Table(sky(ra=np.asarray(sky()["ra"]) / 15))
    table["ra"].unit, table["dec"].unit = "hourangle", "deg"
    table.write(folder / "cat.h5", path="survey/v1", format="hdf5", serialize_meta=True)
    return listed(folder, "cat.h5")


@goes_on("read in part", "HDF5 with the wavelengths of its bands", "id, mag", "bands")
def _(folder):
    with h5py.File(folder / "cat.h5", "w") as file:
        file["id"], file["mag"], file["bands"] = [1, 2], [20.0, 21.0], [0.8, 1.2, 1.6]
    return carried(folder / "cat.h5")


@goes_on("read in part", "HDF5 with RA in radians, said in an attribute", f"1, 2 {PLACED}")
def _(folder):
    with h5py.File(folder / "cat.h5", "w") as file:
        file["id"] = [1, 2]
        for name in ("ra", "dec"):
            file[name] = np.radians(sky()[name])
            file[name].attrs["unit"] = "rad"
    return listed(folder, "cat.h5")


# --- no column found -----------------------------------------------------------------------------

for _given, _names, _line in (
    ("SExtractor", ("NUMBER", "ALPHA_J2000", "DELTA_J2000", "MAG_AUTO"),
     "columns: {id: NUMBER, ra: ALPHA_J2000, dec: DELTA_J2000, mag: MAG_AUTO}"),
    ("Vizier", ("Name", "RAJ2000", "DEJ2000", "Imag"), "id: Name, ra: RAJ2000, dec: DEJ2000"),
    ("DES", ("COADD_OBJECT_ID", "ALPHAWIN_J2000", "DELTAWIN_J2000", "MAG_AUTO_I"),
     "id: COADD_OBJECT_ID, ra: ALPHAWIN_J2000, dec: DELTAWIN_J2000, mag: MAG_AUTO_I"),
    ("Pan-STARRS", ("objID", "raMean", "decMean", "iKronMag"),
     "id: objID, ra: raMean, dec: decMean"),
    ("a table whose id YAML would read as false", ("NO", "RA_J2000", "DEC_J2000", "Imag"),
     "columns: {id: 'NO', ra: RA_J2000, dec: DEC_J2000"),
):  # fmt: skip

    @stops("no columns", f"the names of {_given}", "cat.fits", *_names[:3], _line)
    def _(folder, names=_names):
        catalogue(folder, dict(zip(names, sky().values(), strict=True)))
        return listed(folder, "cat.fits")


@stops("no columns", "pixels of photutils", "columns: {id: label, x: xcentroid, y: ycentroid}")
def _(folder):
    catalogue(folder, {"label": [1, 2], "xcentroid": [60.0, 25], "ycentroid": [60.0, 95]})
    return listed(folder, "cat.fits")


@stops("no columns", "an id, but no position named", "no position", "ra: ALPHA_J2000")
def _(folder):
    table = dict(zip(("id", "ALPHA_J2000", "DELTA_J2000", "mag"), sky().values(), strict=True))
    catalogue(folder, table)
    return listed(folder, "cat.fits")


@stops("no columns", "ready-made cutouts, and an id of another name", "cat.fits", "id: ID_GAL")
def _(folder):
    pattern, table = stamps(folder), catalogue(folder, {"ID_GAL": [1, 2, 3], "mag": [20.0, 21, 22]})
    return str(start(cutouts=pattern, catalogue=table, pixel_scale=0.1)[0])


# --- YAML ----------------------------------------------------------------------------------------

for _given, _text, _says in (
    ("a section twice", "fields:\n  f: {}\nvoting: {seed: 1}\nvoting: {seed: 2}\n",
     ("'voting'", "line 3", "line 4")),
    ("a field twice", "fields:\n  f: {a: 1}\n  g: {}\n  f: {b: 2}\n", ("'f'", "line 2", "line 4")),
    ("a key of a field twice", "fields:\n  f: {images: a, images: b}\n", ("'images'", "line 2")),
    ("a key twice in JSON", '{"fields": {}, "voting": {}, "voting": {"seed": 1}}', ("'voting'",)),
    ("a tab", "fields:\n\tf: 1\n", ("line 2", "tabs")),
):  # fmt: skip

    @stops("config", f"{_given}, in a file that Snakemake reads", "my.yaml", *_says)
    def _(folder, content=_text):
        (folder / "my.yaml").write_text(content)
        return str(check_config_files([folder / "my.yaml"]))


@stops("config", "a file in UTF-16", "my.yaml", "UTF-16", "UTF-8")
def _(folder):
    (folder / "my.yaml").write_text("fields: {}\n", encoding="utf-16")
    return str(check_config_files([folder / "my.yaml"]))


@stops("config", "a file in Latin-1", "my.yaml, line 2", "UTF-8", "Latin-1")
def _(folder):
    (folder / "my.yaml").write_text("fields:\n  größe: {}\n", encoding="latin-1")
    return str(check_config_files([folder / "my.yaml"]))


@goes_on("config", "a file with a byte order mark", "accepted")
def _(folder):
    (folder / "my.yaml").write_text("fields: {}\n", encoding="utf-8-sig")
    return check_config_files([folder / "my.yaml"]) or "accepted"


@goes_on("config", "JSON with tabs", "accepted")
def _(folder):
    (folder / "my.yaml").write_text('{\n\t"fields": {}\n}\n')
    return check_config_files([folder / "my.yaml"]) or "accepted"


for _given, _options, _field, _says in (
    ("3e-2, which YAML takes for text", {}, {"pixel_scale": "3e-2"}, ("pixel_scale", "write 0.03")),
    ("1e-1 as a threshold", {"voting": {"agreement": "1e-1"}}, {}, ("agreement", "write 0.1")),
    ("1e3 as a whole number", {"shard_size": "1e3"}, {}, ("shard_size", "write 1000")),
    ("a column NO, which YAML reads as false", {}, {"columns": {"id": False}}, ("columns.id",
     "'NO'", "quotes")),
    ("a column called 1", {}, {"columns": {"id": 1}}, ("columns.id", "quotes")),
):  # fmt: skip

    @stops("config", _given, *_says)
    def _(folder, options=_options, field=_field):
        given = {"images": image(folder), "catalogue": catalogue(folder)} | field
        return str(start(options, **given))


@stops("names", "a group named twice", "names.yaml", "'3'", "line 2", "line 3")
def _(folder):
    from morphovote.groups.names import marks_of

    (folder / "names.yaml").write_text("groups:\n  3: SPH\n  3: LTD\n")
    return marks_of(folder / "names.yaml", 20)


for _given, _name, _says in (
    ("of another architecture than the bundled one", "convnext_femto", ("encoder.name", "atto")),
):

    @stops("weights", _given, *_says, "Set encoder.name: convnext_atto")
    def _(folder, name=_name):
        return str(start({"encoder": {"name": name}}, images=image(folder)))


@stops("weights", "a pickled checkpoint", "encoder.weights", "model.pth", "Pickled")
def _(folder):
    (folder / "model.pth").write_bytes(b"PK\x03\x04 and so on, a zip file of pickles")
    options = {"encoder": {"weights": str(folder / "model.pth")}}
    return str(start(options, images=image(folder)))


@stops("config", "--until a rule whose jobs are not known", "--until encode_polar", "shards.json")
def _(folder):
    from morphovote.config.check import check_until

    words = ["snakemake", "-n", "--until", "encode_polar", "--cores", "4"]
    return str(check_until(words, ["make_cutouts", "encode_polar"], ["f"]))
