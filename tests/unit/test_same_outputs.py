"""The benchmark that compares two results folders finds what differs."""

import json

import h5py
import numpy as np
import pyarrow
import pytest
from astropy.io import fits
from astropy.table import Table
from paths import ROOT
from pyarrow import parquet

PAGE = '<p>{words}</p><img src="data:image/png;base64,{picture}">\
<script type="application/json" id="data">{{"fitted": {number}, "text": "{words}"}}</script>'


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from same_outputs import compare_folders

    return compare_folders


def write_results(folder, value=1, seconds=1.0, words="kept", picture="AAAA", date="2024-01-01"):
    """One file of each kind that holds `value`, and what may differ between runs."""
    (folder / "figures").mkdir(parents=True)
    (folder / "logs").mkdir()
    (folder / "logs/fit_pca.log").write_text(f"{seconds} s")
    with h5py.File(folder / "votes.h5", "w") as file:
        file.attrs["groups"] = 4
        file["group"] = np.array([0, value], np.int16)
        file["share"] = np.array([np.nan, 0.5])
    table = Table({"GROUP": np.array([0, value]), "R50": [np.nan, 1.0], "ID": ["a", "b"]})
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table)])
    hdus[1].header["DATE"] = date
    hdus.writeto(folder / "catalogue.fits")
    table.write(folder / "catalogue.vot", format="votable")
    columns = {name: np.asarray(table[name]) for name in table.colnames}
    parquet.write_table(pyarrow.table(columns), folder / "catalogue.parquet")
    summary = {"kept": value, "ratio": float("nan"), "timings": [{"seconds": seconds}]}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "training.csv").write_text(f"epoch,loss,seconds\n1,{value},{seconds}\n")
    (folder / "figures/votes.png").write_bytes(b"\x89PNG" + picture.encode())
    (folder / "groups.yaml").write_text(f"groups: {value}\n")
    page = PAGE.format(words=words, picture=picture, number=value)
    (folder / "report.html").write_text(page)
    return folder


def names(lines):
    return {line.split(":")[0] for line in lines}


def test_equal_but_for_times_dates_and_words(compare, tmp_path):
    one = write_results(tmp_path / "one")
    two = write_results(tmp_path / "two", seconds=2.0, words="agreed", date="2025-01-01")
    found = compare(one, two)
    assert found["words"] == ["report.html"]
    assert names(found["content"]) == {"catalogue.fits", "summary.json", "training.csv"}
    assert len(found["equal"]) == 5
    assert not found["differs"]
    assert not found["alone"]


def test_one_other_value_is_found_in_every_kind_of_file(compare, tmp_path):
    one, two = write_results(tmp_path / "one"), write_results(tmp_path / "two", 2, picture="AAAB")
    found = compare(one, two)
    assert set(found["differs"]) == {
        "catalogue.fits: GROUP", "catalogue.parquet: GROUP", "catalogue.vot: 1 lines",
        "figures/votes.png: bytes", "groups.yaml: bytes",
        "report.html: pictures, numbers of the data", "summary.json: kept", "training.csv: loss",
        "votes.h5: group",
    }  # fmt: skip
    assert not found["equal"]


def test_types_attributes_and_missing_files_are_found(compare, tmp_path):
    one, two = write_results(tmp_path / "one"), write_results(tmp_path / "two")
    with h5py.File(two / "votes.h5", "r+") as file:
        file.attrs["groups"] = 5
        values = file["group"][()]
        del file["group"]
        file["group"] = values.astype(np.int32)
    (two / "groups.yaml").unlink()
    (two / "report.html").unlink()
    found = compare(one, two, pages=False)
    assert found["differs"] == ["votes.h5: attribute groups, group"]
    assert found["alone"] == [f"groups.yaml: only in {one}"]
