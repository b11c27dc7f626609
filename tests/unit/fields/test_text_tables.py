"""Catalogues in text, as programs write them."""

import gzip

import pytest
from astropy.table import Table

from morphovote.errors import InputError
from morphovote.fields.catalogues import read_table

SEXTRACTOR = """\
#   1 NUMBER                 Running object number
#   2 ALPHA_J2000            Right ascension of barycenter (J2000)    [deg]
#   3 DELTA_J2000            Declination of barycenter (J2000)        [deg]
#   4 FLUX_APER              Flux within fixed circular apertures     [count]
#   6 MAG_AUTO               Kron-like magnitude                      [mag]
         1 150.0000000  +2.0000000  1.0 2.0  20.1
         2 150.0010000  +2.0010000  1.0 2.0  21.1
"""
IPAC = """\
\\fixlen = T
|  id|        ra|       dec|
| int|    double|    double|
|    |       deg|       deg|
    1 150.000000   2.000000
    2 150.001000   2.001000
"""
MACHINE_READABLE = """\
Title: A catalogue
================================================================================
Byte-by-byte Description of file: table1.txt
--------------------------------------------------------------------------------
   Bytes Format Units   Label  Explanations
--------------------------------------------------------------------------------
   1-  2 I2     ---     id     Identifier
   4- 10 F7.3   deg     ra     Right ascension
  12- 16 F5.3   deg     dec    Declination
--------------------------------------------------------------------------------
 1 150.000 2.000
 2 150.001 2.001
"""
ROWS = "1 150.0 2.0\n2 150.001 2.001\n"
TEXTS = {
    "ipac.tbl": IPAC,
    "bare.tbl": IPAC.split("\n", 1)[1],
    "journal.mrt": MACHINE_READABLE,
    "hash.txt": f"# id ra dec\n{ROWS}",
    "bare.dat": f"id  ra   dec\n{ROWS}",
    "tabs.txt": f"id ra dec\n{ROWS}".replace(" ", "\t"),
    "comma.txt": f"id ra dec\n{ROWS}".replace(" ", ","),
    "comments.cat": f"# a field\n# made in 2020 by us\n#id ra dec\n{ROWS}",
    "units.cat": f"# id ra dec\n# - deg deg\n{ROWS}",
    "types.cat": f"#id ra dec\n#F1 F2\n{ROWS}",
    "words.txt": f"# all about it\nid ra dec\n{ROWS}",
    "numbered.txt": f"# 1 id\n# 2 ra\n# 3 dec\n{ROWS}",
    "columns.asc": f"# made\n# Column 1: id\n# Column 2: ra (deg)\n# Column 3: dec\n{ROWS}",
    "between.txt": "# id ra dec\n1 150.0 2.0\n# the next tile\n2 150.001 2.001\n",
    "ecsv.txt": "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: id, datatype: int64}\n"
    "# - {name: ra, datatype: float64}\n# - {name: dec, datatype: float64}\nid ra dec\n" + ROWS,
}  # fmt: skip


@pytest.mark.parametrize("name", list(TEXTS))
def test_id_and_position_are_read(tmp_path, name):
    (tmp_path / name).write_text(TEXTS[name])
    found = read_table(tmp_path / name)
    assert found.colnames == ["id", "ra", "dec"]
    assert found["id"].tolist() == [1, 2]
    assert found["ra"].tolist() == [150.0, 150.001]
    assert found["dec"].tolist() == [2.0, 2.001]


@pytest.mark.parametrize("name", ["se.cat", "se.cat.gz", "se.txt"])
def test_sextractor_with_units_and_arrays(tmp_path, name):
    content = SEXTRACTOR.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = read_table(tmp_path / name)
    assert found["MAG_AUTO"].tolist() == [20.1, 21.1]
    assert found["FLUX_APER_1"].tolist() == [2.0, 2.0]
    assert str(found["ALPHA_J2000"].unit) == "deg"
    assert read_table(tmp_path / name, ["DELTA_J2000"]).colnames == ["DELTA_J2000"]


@pytest.mark.parametrize("packed", [False, True])
def test_fits_called_cat(tmp_path, packed):
    Table({"id": [1, 2]}).write(tmp_path / "plain", format="fits")
    content = (tmp_path / "plain").read_bytes()
    path = tmp_path / ("a.cat.gz" if packed else "a.cat")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert read_table(path)["id"].tolist() == [1, 2]


def test_a_table_of_the_cds_with_its_readme(tmp_path):
    about, rows = MACHINE_READABLE.rsplit("-" * 80 + "\n", 1)
    (tmp_path / "ReadMe").write_text(about.replace("table1.txt", "table1.dat") + "-" * 80 + "\n")
    (tmp_path / "table1.dat").write_text(rows)
    assert read_table(tmp_path / "table1.dat")["dec"].tolist() == [2.0, 2.001]


def test_zeros_and_texts_with_blanks(tmp_path):
    (tmp_path / "a.txt").write_text('# id   name   ra\n 007  "M 31"  10.0\n 8    M33     20.5\n')
    found = read_table(tmp_path / "a.txt")
    assert found["id"].tolist() == ["007", "8"]
    assert found["name"].tolist() == ["M 31", "M33"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ROWS, "its first line has numbers (1, 150.0, 2.0)"),
        ("# id ra dec\n1 150.0 2.0\n2 150.001\n", "line 3: found 2 values, expected 3"),
        ("# id name ra\n1 M 31 10.0\n2 M33 20.0\n", "line 2: found 4 values, expected 3"),
    ],
)
def test_what_is_no_table_says_where(tmp_path, text, says):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(InputError) as error:
        read_table(tmp_path / "a.txt")
    assert says in str(error.value)
