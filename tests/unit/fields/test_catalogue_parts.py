"""A source catalogue read part by part is the one that is read at once."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time

from morphovote.errors import InputError
from morphovote.fields.catalogue_parts import iterate_table
from morphovote.fields.catalogues import read_table

ROWS = 7


def columns(kind):
    rows = np.arange(ROWS)
    found = {
        "id": np.array([2**63 + 5, *range(ROWS - 1)], np.uint64),
        "small": (rows - 3).astype("i2"),
        "good": rows % 2 == 0,
        "name": ["a", "bb", "", "ccccc", "d", "e", "größe"],
        "flux": np.where(rows == 2, np.nan, rows / 3),
    }
    if kind == "fits":
        found["cube"] = np.arange(6 * ROWS).reshape(ROWS, 3, 2)
        found["count"] = MaskedColumn(rows, mask=rows == 3)
        found["when"] = Time(59000 + rows / 7, format="mjd")
        found["name"] = np.char.encode(found["name"], "utf-8")
    return QTable(found)


def assert_parts(path, size):
    told, whole_told = [], []
    parts = list(iterate_table(path, size, told))
    whole = read_table(path, notes=whole_told)
    assert told == whole_told
    assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
    for name in whole.colnames:
        joined = np.ma.concatenate([np.ma.asarray(part[name]) for part in parts])
        expected = np.ma.asarray(whole[name])
        lost = np.ma.getmaskarray(expected)
        np.testing.assert_array_equal(np.ma.getmaskarray(joined), lost)
        np.testing.assert_array_equal(np.ma.getdata(joined)[~lost], np.ma.getdata(expected)[~lost])
        for part in parts:
            assert part[name].dtype.kind == whole[name].dtype.kind
            about = [(c.unit, c.description, c.meta) for c in (part[name], whole[name])]
            assert about[0] == about[1]
    return whole


@pytest.mark.parametrize("size", [1, 3, 7, 8])
@pytest.mark.parametrize("kind", ["fits", "parquet"])
def test_parts_are_the_whole(tmp_path, kind, size):
    path = tmp_path / f"cat.{kind}"
    columns(kind).write(path)
    assert len(assert_parts(path, size)) == ROWS


@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("dtype", ["i4", "f8"])
def test_tables_of_one_file_are_read_as_one(tmp_path, size, dtype):
    """Also where a column is of another type in the second table."""
    tables = [Table({"id": np.arange(3, dtype="i4")}), Table({"id": np.arange(4).astype(dtype)})]
    hdus = [fits.table_to_hdu(table) for table in tables]
    for number, hdu in enumerate(hdus):
        hdu.name = f"CHIP{number}"
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "cat.fits")
    assert assert_parts(tmp_path / "cat.fits", size)["id"].tolist() == [0, 1, 2, 0, 1, 2, 3]


@pytest.mark.parametrize("name", ["cat.fits", "cat.parquet", "cat.csv"])
def test_an_empty_table_is_one_part(tmp_path, name):
    Table({"id": np.zeros(0, int)}).write(tmp_path / name)
    if name == "cat.csv":
        (tmp_path / name).write_text("id,mag\n")
    parts = list(iterate_table(tmp_path / name, 3, []))
    assert [len(part) for part in parts] == [0]


@pytest.mark.parametrize("name", ["cat.fits", "cat.parquet"])
def test_a_broken_file_is_named(tmp_path, name):
    columns(name.rpartition(".")[2]).write(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: -2880 if name == "cat.fits" else -9])
    with pytest.raises(InputError, match=f"{name}: not a readable"):
        list(iterate_table(tmp_path / name, 3, []))
