"""A small field from the config to the catalogue and the report."""

import html
import json

import numpy as np
import pytest
import yaml
from astropy.io.votable import validate
from astropy.table import Table
from paths import PLACES

from morphovote.config.resolve import complete_config
from morphovote.storage import shards

CONTRACT = [
    "ID",
    "RA",
    "DEC",
    "GROUP",
    "VOTE_FRACTION",
    "VOTE_CONFIDENCE",
    "GROUP_SECOND",
    "KEPT",
    "CLASS",
    "CLASS_PROB",
    "CLASS_SECOND",
    "CLASS_ORIGIN",
    "STRANGENESS",
    "FLAGS",
    "SNR",
    "GINI",
    "M20",
    "CONCENTRATION",
    "ASYMMETRY",
    "SMOOTHNESS",
    "SERSIC_N",
    "SERSIC_N_ERR",
    "R_E",
    "R_E_ERR",
    "AXIS_RATIO",
    "AXIS_RATIO_ERR",
    "POSITION_ANGLE",
    "POSITION_ANGLE_ERR",
    "MAG_SERSIC",
    "MAG_SERSIC_ERR",
    "SERSIC_CHI2",
    "MEASURE_FLAG",
]


@pytest.fixture(scope="module")
def results(finished):
    return finished.folder / "results/small"


def test_catalogue_has_every_source_and_the_contract_columns(results):
    catalogue = Table.read(results / "catalogue.fits")
    source = Table.read(results / "simulated/catalogue.fits")
    # The contract's columns, in its order; others may stand between them.
    assert [name for name in catalogue.colnames if name in CONTRACT] == CONTRACT
    np.testing.assert_array_equal(catalogue["ID"], source["ID"])
    np.testing.assert_array_equal(catalogue["MAG_AUTO"], source["MAG_AUTO"])
    for other in ("parquet", "vot"):
        table = Table.read(results / f"catalogue.{other}")
        assert table.colnames == catalogue.colnames
        np.testing.assert_array_equal(np.asarray(table["GROUP"]), catalogue["GROUP"])


def test_votable_validates(results, tmp_path):
    report = tmp_path / "validation.txt"
    with report.open("w") as stream:
        valid = validate(str(results / "catalogue.vot"), output=stream)
    assert valid, report.read_text()


def test_shards_agree_with_the_catalogue(results):
    catalogue = Table.read(results / "catalogue.fits")
    stages = {"cutouts", "denoised", "embeddings", "measurements"}
    for stage in stages:
        paths = sorted((results / stage).glob("*.h5"))
        assert len(paths) == 2
        rows = shards.concatenate(paths, ["row"])["row"]
        np.testing.assert_array_equal(rows, np.arange(len(catalogue)))


def test_votes_and_classes_are_consistent(results):
    catalogue = Table.read(results / "catalogue.fits")
    kept = np.asarray(catalogue["KEPT"], dtype=bool)
    assert kept.any()
    np.testing.assert_array_equal(kept, catalogue["VOTE_FRACTION"] >= 0.667)
    assert set(catalogue["CLASS_ORIGIN"][kept]) <= {"vote", "anchors", "none"}
    names = [f"P_{name}" for name in ("SPH", "ETD", "LTD", "IRR", "UNC")]
    chances = np.array([catalogue[name].filled(np.nan) for name in names])
    best = np.asarray(catalogue["CLASS_PROB"].filled(np.nan))
    known = np.isfinite(best)
    assert known.sum() > 40
    np.testing.assert_allclose(chances.sum(axis=0)[known], 1, rtol=1e-5)
    np.testing.assert_allclose(chances.max(axis=0)[known], best[known])
    assert catalogue["GROUP"].max() < 4


def test_truth_is_not_in_the_catalogue(results):
    truth = Table.read(results / "simulated/truth.fits")
    catalogue = Table.read(results / "catalogue.fits")
    assert "TYPE" in truth.colnames
    assert "TYPE" not in catalogue.colnames


def test_summary_has_controls_and_timings(results):
    summary = json.loads((results / "summary.json").read_text())
    text = json.dumps(summary)
    for name in ("measure_morphology", "train_denoiser", "encode_polar"):
        assert name in text
    assert 0 <= summary["null_kept_fraction"] <= 1
    exact = summary["stability"]["checks"][0]
    assert (exact["kind"], exact["galaxies"], exact["count"]) == ("exact", "all", 8)
    # Quarter turns only move pixels, and every stage moves with them.
    assert exact["retrieved"][0] > 0.8


def test_report_says_how_to_repeat_the_run(results, finished, monkeypatch):
    page = (results / "report.html").read_text()
    written = html.unescape(page.split("<pre>")[1].split("</pre>")[0])
    monkeypatch.chdir(finished.folder)
    complete_config(
        yaml.safe_load(written), finished.folder / "workflow/schemas/config.schema.yaml", PLACES
    )


def test_report_is_one_file_with_every_figure(results):
    html = (results / "report.html").read_text(encoding="utf-8")
    figures = list((results / "figures").glob("*.png"))
    assert figures
    assert html.count("data:image/webp;base64,") >= len(figures)
    assert 'src="http' not in html
    assert "suggest" in html.lower()
    assert "simulated galaxies" in html  # what the bundled encoder learnt from


def test_explore_page_has_every_galaxy_and_its_pictures(results):
    page = (results / "explore.html").read_text(encoding="utf-8")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    catalogue = Table.read(results / "catalogue.fits")
    used = np.isfinite(np.ma.filled(catalogue["STRANGENESS"], np.nan))
    assert set(data["ids"]) == set(catalogue["ID"][used].astype(str))
    assert page.count("data:image/webp;base64,") == 1
    assert len(page) < 2_000_000
    near = shards.read_shard(results / "neighbours.h5")
    assert near["neighbour"].shape == (len(catalogue), 24)


def test_every_figure_has_its_numbers(results):
    for figure in (results / "figures").glob("*.png"):
        table = figure.with_suffix(".csv").read_text()
        assert table.count("\n") >= 1


def test_model_folder_has_no_pickles(results):
    names = sorted(path.name for path in (results / "model").iterdir())
    arrays = ["anchors.h5", "classifier.h5", "confidence.h5", "denoiser.safetensors"]
    arrays.append("measurement.h5")
    assert names == [*arrays, "model.json", "names.yaml", "pca.h5", "strangeness.h5", "voters.h5"]
    for path in (results / "model").iterdir():
        assert b"\x80\x04" not in path.read_bytes()[:2]
