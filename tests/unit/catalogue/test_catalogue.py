"""The catalogue: a row for every source, the contract's columns, three faithful formats."""

import io
import json
import shutil
import subprocess
import warnings
from contextlib import redirect_stdout

import astropy.units as u
import numpy as np
import pyarrow.parquet
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse_single_table, validate
from astropy.io.votable.ucd import check_ucd
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time
from catalogue_input import CONTRACT, source_list, stages
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from morphovote import flags
from morphovote.catalogue import cds, fits_file
from morphovote.catalogue.columns import COLUMNS
from morphovote.catalogue.extra_columns import (
    BAND_COLUMNS,
    BULGE_DISC_COLUMNS,
    extra_columns,
    flag_notes,
)
from morphovote.catalogue.fits_file import write_fits
from morphovote.catalogue.join import append_source_columns, build_catalogue
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.catalogue.source_columns import read_source_columns
from morphovote.catalogue.stages import calibrated, catalogue_parts
from morphovote.catalogue.votable_file import write_votable
from morphovote.errors import InputError
from morphovote.fields.catalogues import read_table
from morphovote.fields.plain_columns import plain_columns
from morphovote.fields.sources import write_sources
from morphovote.measure.calibration import nothing_known, save_calibration
from morphovote.storage import shards


def odd_sources():
    table = Table(
        {
            "id": np.array([2**62 + 1, 2, 3, 4, 5]),
            "Ra": np.arange(5.0),
            "FLUX": np.arange(15, dtype=np.float32).reshape(5, 3),
            "name": ["NGC 1", "", " ß Cen", "ünï", "x" * 30],
            "unsigned": np.array([2**63 + 5, 1, 2, 3, 4], dtype=np.uint64),
            "small": np.array([-5, 1, 2, 3, 4], dtype=np.int8),
            "cube": np.arange(30).reshape(5, 3, 2),
            "good": MaskedColumn([True, False, True, False, True], mask=[0, 0, 1, 0, 0]),
            "count": MaskedColumn([1, 2, 3, 4, 5], mask=[1, 0, 0, 0, 0]),
            "z": MaskedColumn([1.0, 2, 3, 4, 5], mask=[0, 0, 0, 0, 1]),
            "mag": Column([1.0, 2, 3, 4, 5], unit="mag", description="total magnitude"),
            "odd": Column([1.0, 2, 3, 4, 5], unit=u.Unit("mag(AB)", parse_strict="silent")),
        }
    )
    table["mag"].info.meta = {"ucd": "phot.mag;em.opt.I"}
    return Table(plain_columns(table))


@pytest.fixture
def catalogue():
    return build_catalogue(
        source_list([True, False, True, True, True]), odd_sources(), **stages([4, 0, 3, 2])
    )


def write_all(catalogue, folder):
    write_fits(folder / "c.fits", catalogue)
    write_parquet(folder / "c.parquet", catalogue)
    write_votable(folder / "c.vot", catalogue)
    return folder


def test_columns_are_those_of_the_contract(catalogue):
    assert [column.name for column in COLUMNS] == CONTRACT
    assert catalogue.colnames[: len(CONTRACT)] == CONTRACT
    assert catalogue.colnames[len(CONTRACT) :] == [
        "SOURCE_id", "SOURCE_Ra", "FLUX", "name", "unsigned", "small", "cube", "good", "count",
        "z", "mag", "odd",
    ]  # fmt: skip


def test_every_column_has_a_valid_ucd_and_a_description():
    for column in (*COLUMNS, *BULGE_DISC_COLUMNS, *BAND_COLUMNS):
        assert check_ucd(column.ucd, check_controlled_vocabulary=True)
        assert 5 < len(column.description) < 160
        assert u.Unit(column.unit, format="vounit").to_string("vounit") == column.unit


def told(table):
    return {name: table[name].description for name in table.colnames}


def test_bands_are_columns_of_fields_that_have_them(catalogue, tmp_path):
    assert not extra_columns(told(catalogue))
    listed = source_list([True, False, True, True, True])
    listed["BAND"] = ["F115W", "F277W", "r", "r", "r"]
    listed["REST_WAVELENGTH"] = np.array([0.5, np.nan, 0.4, 0.6, 0.5], dtype=np.float32)
    listed["BAND_FLAG"] = [0, 1, 4, 0, 2]
    own = odd_sources()
    own["BAND"] = np.arange(5)
    found = build_catalogue(listed, own, **stages([4, 0, 3, 2]))
    names = [column.name for column in extra_columns(told(found))]
    assert found.colnames[len(CONTRACT) : len(CONTRACT) + 3] == names
    assert "SOURCE_BAND" in found.colnames
    folder = write_all(found, tmp_path)
    with fits.open(folder / "c.fits") as file:
        header, data = file[1].header, file[1].data
        assert "BAND_FLAG 1 = no_redshift" in " ".join(map(str, header["COMMENT"]))
        number = list(data.columns.names).index("REST_WAVELENGTH") + 1
        assert header[f"TUNIT{number}"] == "um"
        assert [str(name) for name in data["BAND"]] == list(listed["BAND"])
    cds.write_cds(folder / "c.dat", folder / "ReadMe", found)
    assert "REST_WAVELENGTH" in (folder / "ReadMe").read_text()


def test_every_source_keeps_its_row(catalogue):
    assert len(catalogue) == 5
    assert list(catalogue["ID"]) == [0, 7, 14, 21, 28]
    assert list(catalogue["GROUP"]) == [0, -1, 2, 0, 1]
    assert list(catalogue["CLASS"]) == ["IRR", "", "IRR", "SPH", "IRR"]
    assert list(catalogue["CLASS_ORIGIN"]) == ["vote", "none", "vote", "vote", "vote"]
    np.testing.assert_allclose(catalogue["SNR"], [0, np.nan, 2, 3, 4])
    np.testing.assert_allclose(catalogue["GINI"], [0, np.nan, 0.2, 0.3, 0.4])
    assert list(catalogue["MEASURE_FLAG"]) == [0, -1, 0, 0, 0]
    assert list(catalogue["KEPT"]) == [True, False, True, False, True]


def test_flags_of_all_stages_are_joined(catalogue):
    assert list(catalogue["FLAGS"]) == [
        flags.BLEND,
        flags.NOT_SELECTED,
        flags.BLEND | flags.PSF_LIMITED,
        flags.BLEND | flags.FAR_FROM_ANCHORS,
        flags.BLEND | flags.OUTLIER,
    ]


def write_stages(folder, order, split=2):
    """Source list and results of all stages for the sources in this order; two files where many."""
    sources = source_list([row in order for row in range(max(order) + 1)])
    tiles = Table({"IMAGE": ["a.fits"]})
    tiles.meta = {"PIXSCALE": 0.1, "ZEROPT": 25.0, "KIND": "images", "CATALOG": "", "NOTES": "[]"}
    write_sources(folder / "sources.fits", sources, tiles)
    found = {}
    for stage, arrays in stages(order).items():
        one = stage in ("votes", "classes", "neighbours")
        found[stage] = []
        for number, part in enumerate([slice(None)] if one else [slice(split), slice(split, None)]):
            path = folder / stage / f"{number}.h5"
            shards.write_shard(path, {name: array[part] for name, array in arrays.items()})
            found[stage].append(path)
    del found["corrections"]
    save_calibration(folder / "measurement.h5", nothing_known(2.0))
    return sources, found


def joined(folder, found, catalogue=None, size=100):
    made = catalogue_parts(
        folder / "sources.fits", catalogue, found, folder / "measurement.h5", size
    )
    return list(made)


@pytest.mark.parametrize("size", [1, 4, 6])
def test_parts_are_the_whole(tmp_path, size):
    rows = [0, 1, 3, 4, 5]
    sources, found = write_stages(tmp_path, rows)
    write_fits(tmp_path / "own.fits", odd_sources()[[0, 1, 2, 3, 4, 0]])
    own = read_table(tmp_path / "own.fits")
    whole = build_catalogue(sources, own, **stages(rows))
    made = joined(tmp_path, found, tmp_path / "own.fits", size)
    assert [len(part) for part in made] == [size] * (6 // size) + [6 % size] * (6 % size > 0)
    for name in whole.colnames:
        parts = [part[name] for part in made]
        assert_same(np.ma.concatenate([np.ma.asarray(part) for part in parts]), whole[name])
        assert {(str(part.unit), part.description) for part in parts} == {
            (str(whole[name].unit), whole[name].description)
        }


def assert_as_astropy_writes(path):
    """The rows and both checksums are those that astropy would write."""
    with warnings.catch_warnings(), fits.open(path, checksum=True) as file:
        warnings.simplefilter("error")
        again = fits.BinTableHDU(file[1].data, header=file[1].header)
        assert file[1].verify_checksum() == file[0].verify_checksum() == 1
        assert file[1].verify_datasum() == 1
        stream = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), again]).writeto(stream)
    rows = again.header["NAXIS1"] * again.header["NAXIS2"]
    end = -(-rows // 2880) * 2880
    assert path.read_bytes()[-end:] == stream.getvalue()[-end:]


@pytest.mark.parametrize("size", [2, 3])
def test_files_written_in_parts_are_those_written_at_once(tmp_path, catalogue, size):
    """Also widths of texts, masks, and numbers that mark missing values, in later parts alone."""
    catalogue["late"] = MaskedColumn([-32768, 1, 2, 3, 4], mask=[0, 0, 0, 0, 1], dtype="i2")
    catalogue["short"] = ["", "", "", "", "größer"]
    catalogue["truth"] = MaskedColumn([True] * 5, mask=[0, 0, 0, 1, 0])
    catalogue["long"] = MaskedColumn(
        np.array([1, 2, 3, 4, 2**63 + 9], np.uint64), mask=[1, 0, 0, 0, 0]
    )
    parts = [catalogue[start : start + size] for start in range(0, 5, size)]
    for folder, tables in ((tmp_path / "once", catalogue), (tmp_path / "parts", parts)):
        folder.mkdir()
        written = write_parquet(folder / "c.parquet", tables)
        write_fits(folder / "c.fits", written)
        cds.write_cds(folder / "c.dat", folder / "ReadMe", written)
    write_fits(tmp_path / "memory.fits", catalogue)
    for name in ("c.fits", "c.dat"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert (tmp_path / "memory.fits").read_bytes() == (tmp_path / "parts/c.fits").read_bytes()
    assert_as_astropy_writes(tmp_path / "parts/c.fits")
    once, split = (
        pyarrow.parquet.ParquetFile(tmp_path / n / "c.parquet") for n in ("once", "parts")
    )
    assert once.schema_arrow.equals(split.schema_arrow, check_metadata=True)
    assert str(once.read().to_pydict()) == str(split.read().to_pydict())
    assert once.metadata.metadata == split.metadata.metadata
    assert (once.num_row_groups, split.num_row_groups) == (1, len(parts))


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [2, 3, 0, 1]])
def test_stage_out_of_order_is_refused(tmp_path, order):
    _, found = write_stages(tmp_path, order)
    with pytest.raises(InputError, match="found 4 of them in 4 rows, not in order"):
        joined(tmp_path, found)


@pytest.mark.parametrize("rows", [[0, 1], [0, 1, 2, 3], [0, 1, 1], [0, 1, 7], []])
def test_stage_that_does_not_fit_the_sources_is_refused(tmp_path, rows):
    _, found = write_stages(tmp_path, [0, 1, 2])
    shards.write_shard(found["votes"][0], stages(rows)["votes"])
    with pytest.raises(InputError, match="votes: expected each of the 3 selected sources once"):
        joined(tmp_path, found)


@pytest.mark.parametrize(
    ("size", "suffix"), [(2, "fits"), (4, "parquet"), (5, "csv"), (100, "fits")]
)
def test_changed_source_catalogue_is_refused(tmp_path, size, suffix):
    _, found = write_stages(tmp_path, range(4))
    for rows in (3, 5):
        path = tmp_path / f"own{rows}.{suffix}"
        Table({"id": np.arange(rows)}).write(path)
        with pytest.raises(InputError, match=f"has {rows} rows, the source list 4"):
            joined(tmp_path, found, path, size)


def test_nothing_selected_and_no_catalogue(tmp_path):
    catalogue = build_catalogue(source_list([False, False], ["a", "b"]), None, **stages([]))
    write_all(catalogue, tmp_path)
    back = read_table(tmp_path / "c.fits")
    assert back.colnames == CONTRACT
    assert list(back["FLAGS"]) == [flags.NOT_SELECTED] * 2


def assert_same(found, expected):
    """Equal values, shapes and masks; a masked float may have become NaN, a masked text empty."""
    assert found.shape == expected.shape
    data, mask = np.ma.getdata(expected), np.ma.getmaskarray(expected)
    got, gone = np.ma.getdata(found), np.ma.getmaskarray(found)
    if data.dtype.kind in "fc":
        mask = mask | np.isnan(data)
        gone = gone | np.isnan(got)
    elif data.dtype.kind == "U":
        mask, gone = mask | (data == ""), gone | (got == "")
    elif got.dtype.kind == "U":
        # Whole numbers that a format is too narrow for.
        gone, got = gone | (got == ""), np.where(got == "", "0", got).astype(data.dtype)
    np.testing.assert_array_equal(gone, mask)
    np.testing.assert_array_equal(got[~mask], data[~mask])


def read_parquet(path, like):
    table = pyarrow.parquet.read_table(path)
    back = Table()
    for name in table.column_names:
        values = table[name].to_pylist()
        dtype, shape = like[name].dtype, like[name].shape
        zero = "" if dtype.kind == "U" else 0

        def fill(value, zero=zero):
            if isinstance(value, list):
                return [fill(v) for v in value]
            return zero if value is None else value

        def none(value):
            return [none(v) for v in value] if isinstance(value, list) else value is None

        if dtype.kind == "c":
            # A complex number is a list of two.
            values = np.array(values, dtype=object).reshape(*shape, 2)
            numbers = np.where(values == None, np.nan, values).astype(float)  # noqa: E711
            back[name] = numbers[..., 0] + 1j * numbers[..., 1]
            continue
        kept = np.array([fill(v) for v in values], dtype=None if dtype.kind == "U" else dtype)
        mask = np.array([none(v) for v in values], dtype=bool)
        back[name] = MaskedColumn(kept.reshape(shape), mask=mask.reshape(shape))
    return back


def test_formats_hold_the_same_values(catalogue, tmp_path):
    write_all(catalogue, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_fits = Table.read(tmp_path / "c.fits", character_as_bytes=False)
        from_fits.convert_bytestring_to_unicode()
        from_votable = parse_single_table(tmp_path / "c.vot").to_table(use_names_over_ids=True)
    from_parquet = read_parquet(tmp_path / "c.parquet", catalogue)
    for table in (from_fits, from_votable, from_parquet):
        assert table.colnames == catalogue.colnames
        for name in catalogue.colnames:
            assert_same(table[name], catalogue[name])
    assert from_fits["SOURCE_id"].dtype.itemsize == 8
    assert from_fits["unsigned"][0] == 2**63 + 5
    assert from_fits["mag"].unit == u.mag
    assert from_votable["mag"].meta["ucd"] == "phot.mag;em.opt.I"
    assert from_votable["mag"].description == "total magnitude"


def test_headers_tell_units_ucds_and_flags(catalogue, tmp_path):
    write_all(catalogue, tmp_path)
    header = fits.getheader(tmp_path / "c.fits", "CATALOGUE")
    number = 1 + catalogue.colnames.index("R_E")
    assert header[f"TUNIT{number}"] == "arcsec"
    assert header[f"TUCD{number}"] == "phys.angSize.smajAxis"
    assert "major axis" in header[f"TCOMM{number}"]
    comments = " ".join(map(str, header["COMMENT"]))
    for note in flag_notes({}):
        assert note in comments
    for name, (bit, _) in flags.FLAGS.items():
        assert f"FLAGS {bit} = {name}" in comments
    schema = pyarrow.parquet.read_schema(tmp_path / "c.parquet")
    notes = schema.field("R_E").metadata
    assert notes[b"unit"] == b"arcsec"
    assert notes[b"ucd"] == b"phys.angSize.smajAxis"
    assert b"FLAGS 1 = no_data" in schema.metadata[b"flags"]
    text = (tmp_path / "c.vot").read_text(encoding="utf-8")
    assert "FLAGS 256 = not_selected" in text


def assert_valid(path):
    with redirect_stdout(io.StringIO()) as output:
        valid = validate(str(path))
    report = output.getvalue()
    assert valid, report
    assert "0 violations" in report or "warning" not in report.lower(), report


def test_votable_is_valid(catalogue, tmp_path):
    write_all(catalogue, tmp_path)
    assert_valid(tmp_path / "c.vot")


@pytest.mark.skipif(not shutil.which("stilts"), reason="STIL's stilts is not installed")
def test_votlint_has_nothing_to_say(catalogue, tmp_path):
    names = ["ID", "ra", "a b", "a_b", "creator", "größe", "1st"]
    write_all(catalogue, tmp_path)
    odd = Table({name: np.arange(3.0) for name in names})
    write_votable(tmp_path / "odd.vot", odd)
    for path in (tmp_path / "c.vot", tmp_path / "odd.vot"):
        told = subprocess.run(
            ["stilts", "votlint", f"votable={path}"], capture_output=True, text=True, check=False
        )
        assert (told.stdout + told.stderr).strip() == ""
        assert told.returncode == 0
    # The same tool does complain of what is wrong.
    broken = (tmp_path / "c.vot").read_text(encoding="utf-8").replace('ID="DEC"', 'ID="RA"')
    (tmp_path / "c.vot").write_text(broken, encoding="utf-8")
    told = subprocess.run(
        ["stilts", "votlint", f"votable={tmp_path / 'c.vot'}"], capture_output=True, check=False
    )
    assert b"ERROR" in told.stdout + told.stderr


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify is not installed")
def test_fitsverify_has_nothing_to_say(catalogue, tmp_path):
    # FITS has no letters beyond ASCII; names and texts keep theirs, as UTF-8.
    catalogue.remove_column("name")
    write_fits(tmp_path / "c.fits", catalogue)
    told = subprocess.run(
        ["fitsverify", tmp_path / "c.fits"], capture_output=True, text=True, check=False
    )
    assert "Verification found 0 warning(s) and 0 error(s)" in told.stdout, told.stdout


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("stilts"), reason="STIL's stilts is not installed")
def test_stilts_follows_a_votable_that_points(catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr("morphovote.catalogue.votable_file.MOST_ROWS", 4)
    written = write_parquet(tmp_path / "c.parquet", catalogue)
    write_fits(tmp_path / "c.fits", written)
    write_votable(tmp_path / "c.vot", written)
    about = pyarrow.parquet.ParquetFile(tmp_path / "c.parquet").metadata.metadata
    (tmp_path / "head.vot").write_bytes(about[b"IVOA.VOTable-Parquet.content"])
    for name in ("c.vot", "head.vot"):
        command = ["stilts", "votlint", f"votable={tmp_path / name}"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (told.stdout + told.stderr).strip() == ""
    command = ["stilts", "tpipe", f"in={tmp_path / 'c.vot'}", "cmd=keepcols 'ID KEPT'", "ofmt=csv"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    kept = [line.rsplit(",", 1)[1] for line in told.stdout.split()[1:]]
    assert kept == [str(bool(value)).lower() for value in catalogue["KEPT"]]


@pytest.mark.skipif(not shutil.which("stilts"), reason="STIL's stilts is not installed")
def test_stilts_reads_the_values(catalogue, tmp_path):
    write_all(catalogue, tmp_path)
    for path in (tmp_path / "c.vot", tmp_path / "c.fits"):
        command = ["stilts", "tpipe", f"in={path}", "cmd=keepcols 'ID KEPT'", "ofmt=csv"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        kept = [line.rsplit(",", 1)[1] for line in told.stdout.split()[1:]]
        assert kept == [str(bool(value)).lower() for value in catalogue["KEPT"]]


def test_what_has_no_data_has_no_signal(catalogue, tmp_path):
    found = stages(np.array([0, 2, 3, 4]))
    found["cutouts"]["flags"] = np.array([flags.NO_DATA, 0, 0, 0])
    made = build_catalogue(source_list([True, False, True, True, True]), None, **found)
    np.testing.assert_array_equal(np.isnan(made["SNR"]), [True, True, False, False, False])


def test_failed_write_leaves_the_old_file(catalogue, tmp_path, monkeypatch):
    write_all(catalogue, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken(columns):
        raise OSError("disk full")

    monkeypatch.setattr(fits_file, "_body", broken)
    with pytest.raises(OSError, match="disk full"):
        write_fits(tmp_path / "c.fits", catalogue)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_clashing_names_get_a_prefix_each():
    catalogue = Table({"ID": [1], "RA": [2.0]})
    append_source_columns(
        catalogue, Table({"id": [3], "Source_ID": [4], "ra": [5], "Mag": [6], "MAG": [7], " ": [8]})
    )
    assert catalogue.colnames == [
        "ID", "RA", "SOURCE_id", "SOURCE_Source_ID", "SOURCE_ra", "Mag", "SOURCE_MAG", "SOURCE_6",
    ]  # fmt: skip
    assert list(catalogue[0]) == [1, 2.0, 3, 4, 5, 6, 7, 8]
    assert "'id'" in catalogue["SOURCE_id"].description


def test_times_coordinates_and_objects_become_plain(tmp_path):
    source = Table(
        {
            "when": Time(["2020-01-01", "2021-01-01"]),
            "where": SkyCoord([1, 2], [3, 4], unit="deg"),
            "note": np.array(["a", None], dtype=object),
            "day": np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
        }
    )
    catalogue = Table({"ID": Column([1, 2], meta={"ucd": "meta.id"})})
    append_source_columns(catalogue, Table(plain_columns(source)))
    write_all(catalogue, tmp_path)
    back = Table.read(tmp_path / "c.fits")
    assert list(back["where_ra"]) == [1, 2]
    assert back["day"][0] == "2020-01-01"
    assert_valid(tmp_path / "c.vot")


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)
NAME = st.one_of(st.sampled_from(["ID", "group", "Snr"]), st.text(min_size=1, max_size=8))
DTYPES = st.sampled_from(["?", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c16"])
FINITE_COMPLEX = st.complex_numbers(allow_nan=False, allow_infinity=False)


@st.composite
def source_tables(draw):
    rows = draw(st.integers(1, 4))
    table = Table()
    for name in draw(st.lists(NAME, min_size=1, max_size=5, unique=True)):
        shape = (rows, *draw(st.sampled_from([(), (), (2,), (2, 3), (1,)])))
        if draw(st.integers(0, 3)) == 0:
            size = int(np.prod(shape))
            texts = draw(st.lists(TEXT, min_size=size, max_size=size))
            data = np.array(texts, dtype=str).reshape(shape)
        else:
            dtype = draw(DTYPES)
            # astropy reads a complex number with an infinite or undefined part as missing.
            elements = FINITE_COMPLEX if dtype == "c16" else None
            data = draw(stn.arrays(dtype, shape, elements=elements))
        if draw(st.booleans()):
            table[name] = MaskedColumn(data, mask=draw(stn.arrays(bool, shape)))
        else:
            table[name] = Column(data)
    return Table(plain_columns(table))


def stripped(column):
    return np.char.rstrip(np.ma.filled(column, ""))


@pytest.mark.slow
@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(source=source_tables())
def test_any_source_table_survives(source, tmp_path):
    rows = range(len(source))
    catalogue = build_catalogue(source_list([True] * len(source)), source, **stages(rows))
    assert len(catalogue.colnames) == len(CONTRACT) + len(source.colnames)
    write_all(catalogue, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_fits = Table.read(tmp_path / "c.fits")
        from_fits.convert_bytestring_to_unicode()
        from_votable = parse_single_table(tmp_path / "c.vot").to_table()
    from_parquet = read_parquet(tmp_path / "c.parquet", catalogue)
    for number, name in enumerate(catalogue.colnames):
        expected = catalogue[name]
        assert_same(from_parquet[name], expected)
        in_fits, in_votable = from_fits.columns[number], from_votable.columns[number]
        if expected.dtype.kind == "U":
            # FITS knows no spaces at the end of a text, VOTable no texts in several dimensions.
            assert_same(stripped(in_fits), stripped(expected))
            if expected.ndim == 1:
                assert_same(in_votable, expected)
            continue
        assert_same(in_fits, expected)
        if expected.ndim > 1 and in_votable.dtype.kind == "U":
            # Whole numbers that VOTable is too narrow for, as JSON lists of texts.
            lists = [json.loads(text) for text in in_votable]
            in_votable = np.array(lists, dtype=str).reshape(expected.shape)
        assert_same(in_votable, expected)


def test_a_large_votable_points_to_the_files(tmp_path, catalogue, monkeypatch):
    monkeypatch.setattr("morphovote.catalogue.votable_file.MOST_ROWS", 4)
    written = write_parquet(tmp_path / "c.parquet", catalogue)
    write_fits(tmp_path / "c.fits", written)
    write_votable(tmp_path / "c.vot", written)
    text = (tmp_path / "c.vot").read_text(encoding="utf-8")
    assert text.count("<FIELD") == len(catalogue.colnames)
    assert '<FITS extnum="1"><STREAM href="c.fits"/></FITS>' in text
    assert 'href="c.parquet"' in text
    assert '<TABLE nrows="5">' in text
    # Astropy follows only absolute addresses.
    absolute = text.replace('href="c.fits"', f'href="{(tmp_path / "c.fits").as_uri()}"')
    assert len(parse_single_table(io.BytesIO(absolute.encode())).array) == 5


def test_parquet_holds_the_votable_of_its_columns(tmp_path, catalogue):
    write_parquet(tmp_path / "c.parquet", catalogue)
    about = pyarrow.parquet.ParquetFile(tmp_path / "c.parquet").metadata.metadata
    assert about[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    table = parse_single_table(io.BytesIO(about[b"IVOA.VOTable-Parquet.content"]))
    assert [field.name for field in table.fields] == catalogue.colnames
    by_name = {field.name: field for field in table.fields}
    assert (by_name["R_E"].unit, by_name["R_E"].ucd) == ("arcsec", "phys.angSize.smajAxis")
    assert by_name["RA"].ref == "coosys_icrs"
    assert by_name["name"].arraysize == "*"


def test_votable_reads_back_with_the_columns_own_names(tmp_path):
    names = ["ID", "RA", "a b", "a_b", "creator", "größe"]
    table = Table({name: np.arange(3.0) for name in names})
    write_votable(tmp_path / "catalogue.vot", table)
    back = Table.read(tmp_path / "catalogue.vot")
    assert back.colnames[:2] == ["ID", "RA"]
    assert len(set(back.colnames)) == len(names)
    assert [field.name for field in parse_single_table(tmp_path / "catalogue.vot").fields] == names


def test_a_column_that_cannot_be_written_is_named_and_left_out(tmp_path, monkeypatch):
    Table({"id": [1, 2], "good": [1.0, 2.0], "bad": [3.0, 4.0]}).write(tmp_path / "c.fits")

    def refuse(column):
        if column[0] == 3.0:
            raise ValueError("no format has this")

    monkeypatch.setattr("morphovote.catalogue.source_columns.try_column", refuse)
    notes = []
    assert read_source_columns(tmp_path / "c.fits", notes).colnames == ["id", "good"]
    assert "column 'bad' is left out, it cannot be written (no format has this)" in notes[0]


def test_columns_beyond_those_of_fits_are_left_out_there_and_only_there(tmp_path, caplog):
    wide = Table({f"c{number}": [number, 0] for number in range(1001)})
    with caplog.at_level("WARNING", "morphovote"):
        write_fits(tmp_path / "c.fits", wide)
    assert "2 of 1001 columns are left out" in caplog.text
    assert Table.read(tmp_path / "c.fits").colnames == wide.colnames[:999]
    write_parquet(tmp_path / "c.parquet", wide)
    assert len(pyarrow.parquet.read_schema(tmp_path / "c.parquet")) == 1001


@pytest.mark.parametrize(("mode", "told"), [("all", [1, 1, 1, 1]), ("auto", [0, 0, 1, 1])])
def test_bulge_and_disc_are_told_where_they_were_asked_for(tmp_path, mode, told):
    given = stages([0, 1, 2, 3])
    given["cutouts"]["snr"] = np.array([0, 1, 300, 400], np.float32)
    measured = given["measurements"]
    measured["r50"] = np.full(4, 0.3, np.float32)
    for column in BULGE_DISC_COLUMNS[:-1]:
        measured[column.name.lower()] = np.full(4, 0.25, np.float32)
    measured["bulge_disc_flag"] = np.array([0, -1, 0, 2], np.int32)
    measured["psf_radius"] = np.full(4, np.nan, np.float32)
    found = calibrated(nothing_known(2.0), given, 0.06, mode)
    catalogue = build_catalogue(source_list([True] * 4), None, **found)
    names = [column.name for column in BULGE_DISC_COLUMNS]
    assert catalogue.colnames[len(CONTRACT) :] == names
    assert list(np.isfinite(catalogue["BULGE_FRACTION"])) == [bool(one) for one in told]
    flag = [0, -1, 0, 2] if mode == "all" else [flags.NOT_RECOVERABLE, -1, 0, 2]
    assert list(catalogue["BULGE_DISC_FLAG"]) == flag
    assert catalogue["R_E_DISC"].unit == "arcsec"
    write_fits(tmp_path / "c.fits", catalogue)
    header = fits.getheader(tmp_path / "c.fits", 1)
    assert "BULGE_DISC_FLAG 2 = no_bulge" in " ".join(map(str, header["COMMENT"]))


def test_without_bulge_and_disc_nothing_tells_of_them(catalogue):
    assert not {column.name for column in BULGE_DISC_COLUMNS} & set(catalogue.colnames)
    assert not [note for note in flag_notes(told(catalogue)) if "BULGE" in note]
