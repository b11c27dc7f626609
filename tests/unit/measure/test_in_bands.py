"""Parameters in every band: the slope of the size, and the columns of the catalogue."""

import json

import numpy as np
import pytest
from astropy.io.votable.ucd import check_ucd

from morphovote.catalogue.of_bands import arrays_by_band, columns_by_band, read_band_names
from morphovote.measure.in_bands import BY_BAND, size_gradient
from morphovote.storage import shards

WAVES = np.array([1.0, 2.0, 4.0])


def test_the_slope_of_the_size_is_found_whatever_the_redshift():
    size = 0.3 * WAVES**-0.25 * np.ones((4, 1))
    size[1, 2] = np.nan
    size[2, 1:] = np.nan
    error = 0.1 * size
    for stretch in (1.0, 3.0):
        slope, _ = size_gradient(size, error, WAVES / stretch)
        np.testing.assert_allclose(slope, [-0.25, -0.25, np.nan, -0.25], rtol=1e-9)
    slope, given = size_gradient(size, error, WAVES)
    assert given[1] > given[0] > 0
    assert np.isnan(given[2])
    assert np.isnan(size_gradient(size, error, np.full(3, np.nan))[0]).all()


def test_the_error_of_the_slope_is_its_scatter():
    rng = np.random.default_rng(1)
    true = 0.3 * WAVES**0.2
    error = np.array([0.02, 0.05, 0.03]) * true
    seen = true * 10 ** (rng.normal(size=(4000, 3)) * error / true / np.log(10))
    slope, given = size_gradient(seen, np.broadcast_to(error, seen.shape), WAVES)
    assert slope.mean() == pytest.approx(0.2, abs=0.005)
    assert slope.std() == pytest.approx(np.median(given), rel=0.06)


def test_every_band_has_its_columns(tmp_path):
    arrays = {"row": np.array([3, 1]), "size_gradient": np.array([0.1, 0.2], np.float32),
              "size_gradient_err": np.array([0.01, 0.02], np.float32)}  # fmt: skip
    for number in range(2):
        for place, name in enumerate(BY_BAND):
            kind = np.int32 if name == "measure_flag" else np.float32
            arrays[f"{name}_{number}"] = np.array([place, 10 * number], kind)
    shards.write_shard(tmp_path / "0.h5", arrays, {"bands": json.dumps(["F115W", "r"])}, {})
    names = read_band_names(tmp_path / "0.h5")
    arrays = shards.read_shard(tmp_path / "0.h5", arrays_by_band(names))
    columns = {column.name: column for column in columns_by_band(names, arrays, 5)}
    assert len(columns) == 2 * len(BY_BAND) + 2
    gini = columns["GINI_F115W"]
    assert np.isnan(gini[[0, 2, 4]]).all()
    assert gini[3] == BY_BAND.index("gini")
    assert columns["GINI_r"][1] == 10
    assert columns["R_E_r"].unit == "arcsec"
    assert columns["MEASURE_FLAG_r"].tolist() == [-1, 10, -1, BY_BAND.index("measure_flag"), -1]
    np.testing.assert_allclose(columns["SIZE_GRADIENT"], [np.nan, 0.2, np.nan, 0.1, np.nan])
    for column in columns.values():
        assert check_ucd(column.meta["ucd"], check_controlled_vocabulary=True), column.name
        assert len(column.description) > 5
