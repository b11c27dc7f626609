"""Errors scaled to hold the truth, corrections that help, and neither where nothing tells."""

import numpy as np
import pytest

from morphovote.errors import InputError
from morphovote.flags import BAD
from morphovote.measure.calibration import (
    CORRECTED,
    MEASURED,
    apply_calibration,
    bulge_recoverable,
    fit_calibration,
    nothing_known,
    read_calibration,
    save_calibration,
)
from morphovote.measure.calibration_table import held_out, measurement_table


def anchors(count, seed, wrong=3.0, lost=6.0):
    """Errors too small by `wrong`; values low by `lost` over S/N."""
    rng = np.random.default_rng(seed)
    snr, size = np.exp(rng.uniform(np.log(8), np.log(250), count)), rng.uniform(1.2, 6, count)
    table = {"row": np.arange(count), "snr": snr, "size": size}
    table |= {"measure_flag": np.zeros(count), "true_flag": np.zeros(count)}
    for name in MEASURED:
        table[f"true_{name}"] = rng.normal(3, 0.3, count)
        table[f"{name}_err"] = 2 / snr
        noise = wrong * table[f"{name}_err"] * rng.normal(size=count)
        table[name] = table[f"true_{name}"] + noise - (lost / snr if name in CORRECTED else 0)
    return table


def coverage(table, values, name, error=None):
    return np.mean(np.abs(values - table[f"true_{name}"]) < error)


def test_scaled_errors_hold_68_per_cent_of_other_galaxies():
    known, others = fit_calibration(anchors(400, 0, lost=0.0), 2.0), anchors(2000, 1, lost=0.0)
    found = apply_calibration(known, others)
    for name in ("sersic_n", "smoothness", "r_e"):
        before = coverage(others, others[name], name, others[f"{name}_err"])
        assert before < 0.35
        assert 0.6 < coverage(others, others[name], name, found[f"{name}_err"]) < 0.76


def test_correction_halves_the_bias_of_other_galaxies():
    known = fit_calibration(anchors(400, 2, wrong=1.0, lost=12.0), 2.0)
    others = anchors(2000, 3, wrong=1.0, lost=12.0)
    found = apply_calibration(known, others)
    faint = (others["snr"] > 20) & (others["snr"] < 50)
    for name in CORRECTED:
        before = np.median((others[name] - others[f"true_{name}"])[faint])
        after = np.median((found[f"{name}_corr"] - others[f"true_{name}"])[faint])
        assert abs(after) < abs(before) / 2
        corrected = found[f"{name}_corr"], name, found[f"{name}_corr_err"]
        assert 0.58 < coverage(others, *corrected) < 0.78


def test_few_anchors_change_next_to_nothing():
    table = anchors(4, 4)
    found = apply_calibration(fit_calibration(table, 2.0), table)
    for name in MEASURED:
        assert np.abs(np.log(found[f"{name}_err"] / table[f"{name}_err"])).max() < 0.6
    assert all(np.array_equal(found[f"{name}_corr"], table[name]) for name in CORRECTED)


def test_without_anchors_and_without_a_size_all_stays():
    table, empty = anchors(5, 5), anchors(0, 0)
    same = apply_calibration(fit_calibration(empty, 2.0), table)
    table["size"] = np.full(5, np.nan)
    known = apply_calibration(fit_calibration(anchors(300, 6), 2.0), table)
    for found in (same, known):
        assert all(np.array_equal(found[f"{name}_err"], table[f"{name}_err"]) for name in MEASURED)
        assert all(np.array_equal(found[f"{name}_corr"], table[name]) for name in CORRECTED)
    assert len(measurement_table(empty, held_out(empty))) == 0


def test_table_counts_what_is_measured_well():
    table = anchors(200, 7)
    table["measure_flag"][:50] = BAD
    rows = measurement_table(table, held_out(table))
    gini = rows[(rows["parameter"] == "gini") & (rows["size_low"] == 0)]
    assert gini[np.isinf(gini["size_high"])]["galaxies"].sum() == 150
    assert (gini["coverage"] >= gini["coverage_before"]).mean() > 0.7


def test_a_calibration_is_read_as_it_was_written(tmp_path):
    known = fit_calibration(anchors(100, 8), 2.5)
    save_calibration(tmp_path / "measurement.h5", known)
    again = read_calibration(tmp_path / "measurement.h5")
    assert all(np.array_equal(a, b) for a, b in zip(known, again, strict=True))
    other = nothing_known(1.0)
    save_calibration(tmp_path / "other.h5", other._replace(scale=other.scale[:, :2]))
    with pytest.raises(InputError, match="scale"):
        read_calibration(tmp_path / "other.h5")


def with_bulges(table, scatter):
    """B/T of some anchors, off by `scatter` over S/N, with errors half as large."""
    rng = np.random.default_rng(5)
    count = len(table["snr"])
    table["true_bulge_fraction"] = rng.uniform(0.2, 0.7, count)
    table["true_bulge_fraction"][::7] = np.nan
    table["bulge_fraction_err"] = scatter / table["snr"] / 2
    off = scatter / table["snr"] * rng.normal(size=count)
    table["bulge_fraction"] = table["true_bulge_fraction"] + off
    return table | {"bulge_disc_flag": np.zeros(count)}


def test_anchors_tell_where_b_t_is_recovered_and_what_its_errors_are_worth(tmp_path):
    # Off by 0.1 at S/N 60.
    table = with_bulges(anchors(400, 4), 6.0)
    known = fit_calibration(table, 2.0)
    save_calibration(tmp_path / "c.h5", known)
    known = read_calibration(tmp_path / "c.h5")
    sizes = np.full(4, 3.0)
    told = bulge_recoverable(known, np.array([20.0, 35.0, 100.0, 200.0]), sizes)
    assert list(told) == [False, False, True, True]
    assert not bulge_recoverable(known, np.array([np.nan, 200.0]), np.array([3.0, np.nan])).any()
    error = apply_calibration(known, table)["bulge_fraction_err"]
    use = np.isfinite(table["true_bulge_fraction"])
    apart = np.abs(table["bulge_fraction"] - table["true_bulge_fraction"])
    assert 0.62 < np.mean(apart[use] < error[use]) < 0.75
    table = {name: values[:60] for name, values in table.items()}
    rows = measurement_table(table, held_out(table))
    assert "bulge_fraction" in rows["parameter"]


def test_without_anchors_a_rule_tells_where_b_t_is_recovered(tmp_path):
    known = fit_calibration(anchors(50, 4), 2.0)
    assert known.bulge_share is None
    save_calibration(tmp_path / "c.h5", known)
    known = read_calibration(tmp_path / "c.h5")
    snr, size = np.array([500.0, 500.0, 20.0, np.nan]), np.array([4.0, 1.0, 4.0, 4.0])
    assert list(bulge_recoverable(known, snr, size)) == [True, False, False, False]
