"""Identifiers are the same text in every file that comes from a source catalogue."""

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest
from astropy.io import fits
from astropy.table import Table
from bad_input import catalogue, image, sky, start
from catalogue_input import stages

from morphovote.catalogue.fits_file import write_fits
from morphovote.catalogue.join import build_catalogue
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.catalogue.reading import read_columns
from morphovote.catalogue.source_columns import read_source_columns
from morphovote.catalogue.votable_file import write_votable
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.role_columns import id_texts
from morphovote.fields.sources import read_sources, write_sources
from morphovote.report.naming_page import page_data
from morphovote.storage.numbers import read_rows, save_numbers

KINDS = {
    "small": (np.array([712, 713]), ["712", "713"]),
    "above 2^63": (np.arange(2).astype("u8") + np.uint64(2**63 + 11),
                   ["9223372036854775819", "9223372036854775820"]),
    "zeros before": (["000712", "001401"], ["000712", "001401"]),
    "floats": (np.array([712.0, 713.0]), ["712", "713"]),
    "one with an exponent": (["12e4", "1e400"], ["12e4", "1e400"]),
    "words": (["SURV J0000712", "NGC 1 a"], ["SURV J0000712", "NGC 1 a"]),
}  # fmt: skip
SUFFIXES = ("fits", "parquet", "vot", "csv", "ecsv")


def field(folder, kind, suffix):
    """Source list, through its file, and source catalogue of two galaxies."""
    ids, texts = KINDS[kind]
    if suffix in ("vot", "ecsv") and kind == "above 2^63":
        ids = texts  # VOTable has no such number.
    given = catalogue(folder, sky(id=ids), f"cat.{suffix}")
    sources, tiles = start(images=image(folder), catalogue=given)
    write_sources(folder / "sources.fits", sources, tiles)
    return *read_sources(folder / "sources.fits"), read_source_columns(given, [])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_one_text_in_every_file(tmp_path, monkeypatch, kind, suffix):
    if suffix == "csv" and kind == "one with an exponent":
        pytest.skip("a CSV does not say that 12e4 is no number")
    monkeypatch.chdir(tmp_path)
    expected = KINDS[kind][1]
    sources, tiles, own = field(tmp_path, kind, suffix)
    assert id_texts(sources["ID"]).tolist() == expected
    assert make_cutouts(sources, tiles, 40)["id"].tolist() == expected
    made = build_catalogue(sources, own, **stages([0, 1]))
    write_fits("c.fits", made)
    write_parquet("c.parquet", made)
    write_votable("c.vot", made)
    with fits.open("c.fits") as file:
        assert id_texts(file[1].data["ID"]).tolist() == expected
    assert list(map(str, pyarrow.parquet.read_table("c.parquet")["ID"].to_pylist())) == expected
    assert [str(value) for value in Table.read("c.vot", format="votable")["ID"]] == expected
    # What figures, the summary and the naming page read.
    read = read_columns("c.fits", ["ID", "GROUP"])
    save_numbers(Table({"id": read["ID"], "group": read["GROUP"]}), "table.csv")
    with open("table.csv", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == expected
    assert [row["id"] for row in read_rows("table.csv")] == expected
    assert [one["id"] for one in members_on_the_page(read["ID"])] == expected


def members_on_the_page(ids):
    """The members that the naming page holds as JSON."""
    count = len(ids)
    members = Table({"ID": ids, "GROUP": np.zeros(count, int), "GROUP_SECOND": [-1] * count})
    for name in ("VOTE_FRACTION", "MAG", "SNR", "SERSIC_N", "R_E", "CONCENTRATION", "ASYMMETRY",
                 "GINI", "M20", "AXIS_RATIO"):  # fmt: skip
        members[name] = np.ones(count)
    members["KEPT"], members["MEASURE_FLAG"] = True, 0
    names = {"groups": {0: {"class": "SPH"}}, "origin": "suggestion", "voters": "v", "fitted": 1}
    data = page_data("f", members, {0: np.arange(count)[None]}, names)
    return json.loads(json.dumps(data))["groups"][0]["members"][0]


def test_long_ids_that_are_no_whole_numbers_keep_their_digits(tmp_path):
    save_numbers(Table({"id": [12345678.25], "x": [0.123456789]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "id,x\n12345678.25,0.123457\n"
