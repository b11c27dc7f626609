"""Write docs/catalogue.md from the dictionary of columns.

python benchmarks/catalogue_page.py
"""

from collections.abc import Sequence

from common import ROOT, new_parser
from tables import markdown

from morphovote.catalogue.columns import COLUMNS, CatalogueColumn
from morphovote.catalogue.extra_columns import BAND_COLUMNS, BULGE_DISC_COLUMNS
from morphovote.flags import BAND_FLAGS, BULGE_DISC_FLAGS, FLAGS, MEASURE_FLAGS

INTRODUCTION = """\
# The catalogue

`results/<field>/catalogue.fits`, `.parquet` and `.vot` hold the same table: one row a source, in
the order of the source catalogue, whatever happened to the source. First come the columns below,
then every column of the source catalogue, with its values unchanged. A source column whose name is
taken (case does not count) gets the prefix `SOURCE_`, twice where that is taken too; in FITS and as
the ID in VOTable, characters other than letters, digits and underscores become underscores. This
page is made from the dictionary that writes the units and UCDs:
`python benchmarks/catalogue_page.py`.

## Formats

Rows are read and written 100,000 at a time, so that the size of a survey does not matter
([scale.md](scale.md)).

- Parquet: a row group for each 100,000 rows. What reads Parquet can take single columns of it, as
  does astropy by `Table.read("catalogue.parquet", include_names=["ID", "CLASS"])`. Each field has
  its unit, UCD and description; the file has the header of a VOTable too (the IVOA's VOParquet
  1.0), which astropy understands by `format="parquet.votable"`, unless the source catalogue has
  columns of several dimensions.
- FITS: missing whole numbers have `TNULL`, the lowest number of the type that does not occur;
  missing decimals are NaN, missing texts empty. `DATASUM` and `CHECKSUM` tell a damaged copy
  (`fits.open(path, checksum=True)`). Letters beyond ASCII are kept as UTF-8, of which
  `fitsverify` complains.
- VOTable: up to 100,000 rows are in the file (BINARY2). That of a larger table has its columns
  alone, and names `catalogue.fits` beside it as its data, which TOPCAT and STILTS follow, and
  `catalogue.parquet` as a link. Astropy does not follow relative addresses: read the FITS or
  Parquet file there. `COOSYS` says that RA and Dec are ICRS.
- `catalogue.dat` and `ReadMe`: the columns below as a fixed-width table in the format of the CDS.
"""
BULGE_DISC = """\
With `measure.bulge_disc: auto` or `all`, after the columns above (see
[validation](validation_bulges.md)):
"""


def flag_table(flags: dict[str, tuple[int, str]]) -> str:
    """Markdown table of a column's bits."""
    rows = [[bit, f"`{name}`", meaning] for name, (bit, meaning) in flags.items()]
    return markdown(["bit", "name", "meaning"], rows)


def column_table(columns: Sequence[CatalogueColumn]) -> str:
    """Markdown table of columns."""
    rows = [
        [f"`{column.name}`", column.unit, column.description, f"`{column.ucd}`"]
        for column in columns
    ]
    return markdown(["column", "unit", "meaning", "UCD"], rows)


def catalogue_page() -> str:
    """The page, in Markdown."""
    return (
        f"{INTRODUCTION}\n## Columns\n\n{column_table(COLUMNS)}\n"
        "\nA field with several [bands](bands.md) has these after them:\n\n"
        f"{column_table(BAND_COLUMNS)}\n"
        f"\n## Bulge and disc\n\n{BULGE_DISC}\n{column_table(BULGE_DISC_COLUMNS)}\n"
        f"\n## Bits of `FLAGS`\n\n{flag_table(FLAGS)}\n"
        f"\n## Bits of `MEASURE_FLAG`\n\n{flag_table(MEASURE_FLAGS)}\n"
        f"\n## Bits of `BAND_FLAG`\n\n{flag_table(BAND_FLAGS)}\n"
        f"\n## Bits of `BULGE_DISC_FLAG`\n\n{flag_table(BULGE_DISC_FLAGS)}\n"
    )


def main() -> None:
    """Write the page."""
    options = new_parser(__doc__, ROOT / "docs/catalogue.md").parse_args()
    options.output.write_text(catalogue_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
