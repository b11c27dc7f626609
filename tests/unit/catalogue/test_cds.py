"""The CDS version of the catalogue: astropy reads back what was written."""

import numpy as np
import pytest
from astropy.table import Table
from catalogue_input import CONTRACT, source_list, stages

from morphovote.catalogue import cds
from morphovote.catalogue.columns import COLUMNS
from morphovote.catalogue.join import build_catalogue


def written(tmp_path, selected, ids=None) -> tuple[Table, Table]:
    rows = np.flatnonzero(selected)
    catalogue = build_catalogue(source_list(selected, ids), None, **stages(rows))
    cds.write_cds(tmp_path / "catalogue.dat", tmp_path / "ReadMe", catalogue)
    back = Table.read(
        tmp_path / "catalogue.dat", readme=str(tmp_path / "ReadMe"), format="ascii.cds"
    )
    return catalogue, back


def test_astropy_reads_back_every_column_with_its_unit(tmp_path):
    catalogue, back = written(tmp_path, [True, True, False, True])
    assert back.colnames == CONTRACT
    for column in COLUMNS:
        given, found = np.ma.getdata(catalogue[column.name]), back[column.name]
        missing = np.ma.getmaskarray(found)
        if given.dtype.kind == "f":
            assert np.array_equal(missing, ~np.isfinite(given)), column.name
            assert np.allclose(np.ma.getdata(found)[~missing], given[~missing], atol=6e-3)
        elif given.dtype.kind == "U":
            assert np.array_equal(np.ma.filled(found.astype(str), ""), given), column.name
        else:
            assert np.array_equal(np.asarray(found).astype(int), given.astype(int)), column.name
        if column.unit:
            assert str(found.unit) == column.unit, column.name
    assert np.allclose(back["RA"], catalogue["RA"], atol=1e-7)


def test_ids_that_are_text_stay_text_and_nothing_breaks_the_columns(tmp_path):
    ids = np.array(["a b", "007", "größe", "x\ty\nz"])
    _, back = written(tmp_path, [True] * 4, ids)
    assert list(back["ID"]) == ["a b", "007", "gr??e", "x?y?z"]


def test_readme_is_plain_and_no_wider_than_the_standard_allows(tmp_path):
    written(tmp_path, [True, False])
    lines = (tmp_path / "ReadMe").read_bytes().decode("ascii").splitlines()
    assert max(map(len, lines)) <= 80
    data = (tmp_path / "catalogue.dat").read_text().splitlines()
    assert len({len(line) for line in data}) == 1
    assert f"catalogue.dat {len(data[0]):>6} {2:>8}" in "\n".join(lines)


@pytest.mark.parametrize("decimals", [2, 3, 5])
def test_decimals_are_written_as_python_writes_them(decimals):
    rng = np.random.default_rng(1)
    odd = [0, -0.0, np.nan, np.inf, 1, -1, 0.5, 0.005, -0.000001, 0.125, 0.375, 9.999999, 1e8, -1e8]
    values = np.concatenate([odd, rng.normal(size=2000) * 10 ** rng.uniform(-7, 8, 2000)])
    values = values.astype(np.float32)
    expected = [f"{v:.{decimals}f}" if np.isfinite(v) else "" for v in values.tolist()]
    width = max(map(len, expected))
    place = np.full((len(values), width), ord(" "), np.uint8)
    cds._write_decimals(place, values, decimals)
    found = [bytes(row).decode() for row in place]
    assert found == [text.rjust(width) for text in expected]
