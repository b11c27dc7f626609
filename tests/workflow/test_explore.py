"""The explore page of a finished run, in a browser."""

import csv

import pytest
from astropy.io import fits
from astropy.table import Table
from browser import CHROMIUM, WITHOUT, Browser

from morphovote.storage.shards import read_shard


@pytest.mark.skipif(not CHROMIUM, reason=WITHOUT)
def test_a_run_can_be_looked_at_and_labelled(finished, tmp_path):
    path = finished.folder / "results/small/explore.html"
    with Browser(tmp_path, (1280, 720)) as browser:
        browser.open(path)
        browser.run("localStorage.clear()")
        browser.run("go(0)")
        browser.until(lambda: browser.run("Boolean(pixelsOf(0))"))
        panel = browser.run("document.querySelector('aside').textContent")
        assert "Probability of each class" in panel
        assert "Votes of 7" in panel
        assert browser.run("document.querySelectorAll('aside .near button').length") == 24
        # The similar ones as a file, nearest first.
        browser.run("saveSimilar(0)")
        with open(browser.downloaded(".csv"), newline="") as file:
            near = list(csv.DictReader(file))
        assert [row["RANK"] for row in near] == [str(rank) for rank in range(25)]
        far = [float(row["DISTANCE"]) for row in near]
        assert far[0] == 0
        assert far == sorted(far)
        browser.save_to(tmp_path / "labels")
        browser.press("g", "z")
        assert browser.run("gallery.list.length") > 0
        # The header has room for all, and the panel's zoom is not that of the labels.
        count = "document.querySelector('#count')"
        assert browser.run(f"{count}.scrollWidth - {count}.clientWidth") <= 0
        assert browser.run(f"{count}.scrollHeight - {count}.clientHeight") <= 1
        browser.press("l")
        assert browser.run("document.querySelector('#label .trio canvas').style.width") == "100%"
        browser.press(*"1234512345")
        browser.run("document.activeElement.blur(); saveLabels(); saveLabels()")
        with open(browser.downloaded(".csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 10
        assert {row["CLASS"] for row in rows} == {"SPH", "ETD", "LTD", "IRR", "UNC"}
        assert browser.requests() == [path.as_uri()]


def test_similar_galaxies_of_an_id_and_of_an_image(finished, tmp_path):
    folder = finished.folder / "results/small"
    cutouts = read_shard(folder / "cutouts/00000.h5", ["id", "image"])
    fits.writeto(tmp_path / "own.fits", cutouts["image"][3])
    name = cutouts["id"][3]
    given = f"similar_to=[{name}, {tmp_path / 'own.fits'}]"
    finished.snakemake("similar", "--config", given)
    with open(folder / "similar.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48
    # A galaxy's own picture is most like the galaxy.
    assert rows[24]["ID"] == name
    table = Table.read(folder / "catalogue.parquet")
    strange = dict(zip(map(str, table["ID"]), table["STRANGENESS"], strict=True))
    assert float(rows[0]["GIVEN_STRANGENESS"]) == pytest.approx(strange[name], abs=1e-5)
    process = finished.snakemake("similar", check=False)
    assert process.returncode == 1
    assert "ERROR: similar: found no similar_to" in process.stdout
