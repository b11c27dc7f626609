"""Bands compared: who counts, and what share keeps group and class."""

import numpy as np
import pytest
from astropy.table import Table

from morphovote.checks.band_changes import CHANGES, count_changes
from morphovote.fields.bands import in_band
from morphovote.report.figures.bands import draw, plot_bands
from morphovote.storage.numbers import save_numbers


def made_up():
    """Ten galaxies taken in b and four in r, at z = 1; three of those in b change in r."""
    own = np.array(["b"] * 10 + ["r"] * 4)
    rest = np.where(own == "b", 0.4, 0.8)
    sources = Table({"BAND": own, "REST_WAVELENGTH": rest, "REDSHIFT": np.ones(14)})
    group = np.arange(14) % 3
    klass = np.array(["SPH", "LTD"] * 7, dtype=object)
    here = {"group": group, "class": klass, "usable": np.ones(14, dtype=bool)}
    other = group.copy()
    other[:3] += 1
    renamed = klass.copy()
    renamed[0], renamed[1] = "IRR", "UNC"
    usable = np.arange(14) != 9
    return sources, [here, {"group": other, "class": renamed, "usable": usable}]


def test_shares_that_keep_group_and_class():
    sources, found = made_up()
    table = count_changes(sources, ["b", "r"], found)
    assert table.colnames == list(CHANGES)
    assert list(zip(table["band"], table["other"], strict=True)) == [("b", "r"), ("r", "b")]
    blue, red = table
    # Of the ten one is not usable in r; one has no class there.
    assert (blue["galaxies"], blue["classified"], red["galaxies"]) == (9, 8, 4)
    assert (blue["same_group"], blue["same_class"]) == (pytest.approx(6 / 9), pytest.approx(7 / 8))
    assert blue["group_low"] < 6 / 9 < blue["group_high"] < 1
    assert (red["same_group"], red["same_class"]) == (1, 1)
    assert red["group_low"] < 0.6
    assert (blue["wavelength_ratio"], blue["rest_wavelength"]) == (2, pytest.approx(0.8))
    assert (red["wavelength_ratio"], red["rest_wavelength"]) == (0.5, pytest.approx(0.4))


def test_without_galaxies_or_redshifts_there_is_still_a_table(tmp_path):
    sources, found = made_up()
    sources["REDSHIFT"] = sources["REST_WAVELENGTH"] = np.nan
    table = count_changes(sources, ["b", "r"], found)
    assert np.isnan(table["rest_wavelength"]).all()
    for one in found:
        one["usable"][:] = False
    empty = count_changes(sources, ["b", "r"], found)
    assert empty.colnames == list(CHANGES)
    assert len(empty) == 0
    assert len(plot_bands(table).axes) == 2
    save_numbers(table, tmp_path / "t.csv")
    assert draw(tmp_path / "t.csv")[0].axes
    save_numbers(empty, tmp_path / "t.csv")
    assert "No galaxy has light enough" in draw(tmp_path / "t.csv")[0].texts[0].get_text()


def test_sources_are_moved_to_one_band():
    places = {"BAND_TILE": [[0, 2], [1, 3]], "BAND_X": [[1.0, 5], [6, 2]]}
    places |= {"BAND_Y": [[1.0, 7], [8, 2]]}
    sources = Table({"TILE": [0, 3], "X": [1.0, 2.0], "Y": [1.0, 2.0]} | places)
    moved = in_band(sources, 1)
    assert moved["TILE"].tolist() == [2, 3]
    assert moved["X"].tolist() == [5, 2]
    assert moved["Y"].tolist() == [7, 2]
    assert sources["TILE"].tolist() == [0, 3]
