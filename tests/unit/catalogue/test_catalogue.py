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
from morphovote.catalogue import writers
from morphovote.catalogue.bulge_disc_columns import BULGE_DISC_COLUMNS
from morphovote.catalogue.columns import COLUMNS, flag_notes
from morphovote.catalogue.join import (
    append_source_columns,
    build_catalogue,
    read_source_columns,
    read_stages,
)
from morphovote.errors import InputError
from morphovote.fields.catalogues import read_table
from morphovote.fields.plain_columns import plain_columns
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
    writers.write_fits(folder / "c.fits", catalogue)
    writers.write_parquet(folder / "c.parquet", catalogue)
    writers.write_votable(folder / "c.vot", catalogue)
    return folder


def test_columns_are_those_of_the_contract(catalogue):
    assert [column.name for column in COLUMNS] == CONTRACT
    assert catalogue.colnames[: len(CONTRACT)] == CONTRACT
    assert catalogue.colnames[len(CONTRACT) :] == [
        "SOURCE_id", "SOURCE_Ra", "FLUX", "name", "unsigned", "small", "cube", "good", "count",
        "z", "mag", "odd",
    ]  # fmt: skip


def test_every_column_has_a_valid_ucd_and_a_description():
    for column in (*COLUMNS, *BULGE_DISC_COLUMNS):
        assert check_ucd(column.ucd, check_controlled_vocabulary=True)
        assert 5 < len(column.description) < 160
        assert u.Unit(column.unit, format="vounit").to_string("vounit") == column.unit


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


def test_order_and_split_of_shards_change_nothing(tmp_path):
    sources = source_list([True] * 6)
    whole = build_catalogue(sources, None, **stages(range(6)))
    for name, rows in (("a", [5, 1]), ("b", [0, 2, 3, 4])):
        for stage, arrays in stages(rows).items():
            shards.write_shard(tmp_path / f"{stage}_{name}.h5", arrays)
    for stage in ("votes", "classes", "neighbours"):
        shards.write_shard(tmp_path / f"{stage}.h5", stages([3, 2, 1, 0, 5, 4])[stage])
    save_calibration(tmp_path / "measurement.h5", nothing_known(2.0))
    read = read_stages(
        [tmp_path / "cutouts_b.h5", tmp_path / "cutouts_a.h5"],
        tmp_path / "votes.h5",
        tmp_path / "classes.h5",
        [tmp_path / "measurements_a.h5", tmp_path / "measurements_b.h5"],
        tmp_path / "neighbours.h5",
        tmp_path / "measurement.h5",
    )
    split = build_catalogue(sources, None, **read)
    for name in whole.colnames:
        assert np.array_equal(whole[name], split[name])


@pytest.mark.parametrize("rows", [[0, 1], [0, 1, 2, 3], [0, 1, 1], [0, 1, 7]])
def test_stage_that_does_not_fit_the_sources_is_refused(rows):
    with pytest.raises(InputError, match="expected each of the 3 selected sources once"):
        build_catalogue(source_list([True, True, True, False]), None, **stages(rows))


def test_changed_source_catalogue_is_refused():
    with pytest.raises(InputError, match="has 5 rows, the source list 4"):
        build_catalogue(source_list([True] * 4), odd_sources(), **stages(range(4)))


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
    for note in flag_notes():
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
    writers.write_votable(tmp_path / "odd.vot", odd)
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

    def broken(self, path, **kwargs):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(fits.HDUList, "writeto", broken)
    with pytest.raises(OSError, match="disk full"):
        writers.write_fits(tmp_path / "c.fits", catalogue)
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


def test_votable_reads_back_with_the_columns_own_names(tmp_path):
    names = ["ID", "RA", "a b", "a_b", "creator", "größe"]
    table = Table({name: np.arange(3.0) for name in names})
    writers.write_votable(tmp_path / "catalogue.vot", table)
    back = Table.read(tmp_path / "catalogue.vot")
    assert back.colnames[:2] == ["ID", "RA"]
    assert len(set(back.colnames)) == len(names)
    assert [field.name for field in parse_single_table(tmp_path / "catalogue.vot").fields] == names


def test_a_column_that_cannot_be_written_is_named_and_left_out(tmp_path, monkeypatch):
    Table({"id": [1, 2], "good": [1.0, 2.0], "bad": [3.0, 4.0]}).write(tmp_path / "c.fits")

    def refuse(column):
        if column[0] == 3.0:
            raise ValueError("no format has this")

    monkeypatch.setattr("morphovote.catalogue.join.try_column", refuse)
    notes = []
    assert read_source_columns(tmp_path / "c.fits", notes).colnames == ["id", "good"]
    assert "column 'bad' is left out, it cannot be written (no format has this)" in notes[0]


def test_columns_beyond_those_of_fits_are_left_out_there_and_only_there(tmp_path, caplog):
    wide = Table({f"c{number}": [number, 0] for number in range(1010)})
    with caplog.at_level("WARNING", "morphovote"):
        writers.write_fits(tmp_path / "c.fits", wide)
    assert "11 of 1010 columns are left out" in caplog.text
    assert Table.read(tmp_path / "c.fits").colnames == wide.colnames[:999]
    writers.write_parquet(tmp_path / "c.parquet", wide)
    assert len(pyarrow.parquet.read_schema(tmp_path / "c.parquet")) == 1010


def write_stages(folder, mode):
    """Files of all stages of four galaxies of S/N 0, 1, 300 and 400, with bulge and disc."""
    given = stages([0, 1, 2, 3])
    given["cutouts"]["snr"] = np.array([0, 1, 300, 400], np.float32)
    given["measurements"]["r50"] = np.full(4, 0.3, np.float32)
    for column in BULGE_DISC_COLUMNS[:-1]:
        given["measurements"][column.name.lower()] = np.full(4, 0.25, np.float32)
    given["measurements"]["bulge_disc_flag"] = np.array([0, -1, 0, 2], np.int32)
    about = {"measurements": {"bulge_disc": mode, "pixel_scale": 0.03}}
    for stage, arrays in given.items():
        shards.write_shard(folder / f"{stage}.h5", arrays, about.get(stage, {}))
    save_calibration(folder / "c.h5", nothing_known(2.0))
    path = {stage: folder / f"{stage}.h5" for stage in given}
    return read_stages(
        [path["cutouts"]], path["votes"], path["classes"], [path["measurements"]],
        path["neighbours"], folder / "c.h5",
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "told"), [("all", [1, 1, 1, 1]), ("auto", [0, 0, 1, 1])])
def test_bulge_and_disc_are_told_where_they_were_asked_for(tmp_path, mode, told):
    catalogue = build_catalogue(source_list([True] * 4), None, **write_stages(tmp_path, mode))
    names = [column.name for column in BULGE_DISC_COLUMNS]
    assert catalogue.colnames[len(CONTRACT) :] == names
    assert list(np.isfinite(catalogue["BULGE_FRACTION"])) == [bool(one) for one in told]
    flag = [0, -1, 0, 2] if mode == "all" else [flags.NOT_RECOVERABLE, -1, 0, 2]
    assert list(catalogue["BULGE_DISC_FLAG"]) == flag
    assert catalogue["R_E_DISC"].unit == "arcsec"
    writers.write_fits(tmp_path / "c.fits", catalogue)
    header = fits.getheader(tmp_path / "c.fits", 1)
    assert "BULGE_DISC_FLAG 2 = no_bulge" in " ".join(map(str, header["COMMENT"]))


def test_without_bulge_and_disc_nothing_tells_of_them(catalogue):
    assert not {column.name for column in BULGE_DISC_COLUMNS} & set(catalogue.colnames)
    assert not [note for note in flag_notes(catalogue.colnames) if "BULGE" in note]
