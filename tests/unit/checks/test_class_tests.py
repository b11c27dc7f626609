"""Tests between classes: effect sizes, intervals, corrected p-values, the published order."""

import numpy as np
import pytest
import synthetic_field
from hypothesis import given
from hypothesis import strategies as st

from morphovote.checks import class_tests
from morphovote.storage.numbers import read_rows, save_numbers

numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=20).map(np.array)


@given(numbers, numbers)
def test_delta_counts_pairs(first, second):
    difference = first[:, None] - second
    expected = (np.sign(difference)).mean()
    assert class_tests.cliffs_delta(first, second) == pytest.approx(expected)
    assert class_tests.cliffs_delta(second, first) == pytest.approx(-expected)


def test_interval_of_delta_covers_the_truth():
    # Shifted by 0.5 standard deviations: P(first > second) = Phi(0.5 / sqrt(2)).
    truth = 2 * 0.6381631950841185 - 1
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(100):
        first, second = rng.normal(0.5, 1, 60), rng.normal(0, 1, 45)
        low, high = class_tests.delta_interval(first, second, seed, resamples=200)
        assert low < class_tests.cliffs_delta(first, second) < high
        hits += low <= truth <= high
    assert 88 < hits < 100


def test_interval_is_reproducible_and_bounded_in_work():
    rng = np.random.default_rng(0)
    many = rng.normal(size=class_tests.MOST + 500)
    interval = class_tests.delta_interval(many, many + 1, resamples=20)
    assert interval == class_tests.delta_interval(many, many + 1, resamples=20)
    assert interval[1] < -0.4


def test_holm_is_the_published_procedure():
    corrected = class_tests.holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    np.testing.assert_allclose(corrected, [0.03, 0.06, np.nan, 0.06, 0.02])
    assert class_tests.holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def compare(count=800, seed=0, **changes):
    catalogue = synthetic_field.make_catalogue(count, seed)
    for column, values in changes.items():
        catalogue[column] = values(catalogue)
    sources = synthetic_field.make_sources(catalogue)
    return class_tests.compare_classes(
        catalogue["CLASS"],
        class_tests.measured_values(catalogue, sources),
        class_tests.choose_samples(sources, 10.0),
        resamples=20,
    )


def verdicts(table, sample="all"):
    return {
        row["claim"]: row["verdict"]
        for row in class_tests.check_ordering(table)
        if row["sample"] == sample
    }


def test_published_order_passes_where_it_holds():
    # n: 3.6, 2.0, 1.0, 0.8; r_e: 0.25, 0.35, 0.55, 0.60 arcsec; scatter 0.3 and 0.4.
    found = verdicts(compare(8000))
    assert set(found.values()) == {"pass"}
    assert len(found) == 5


def test_published_order_fails_where_it_is_turned_round():
    found = verdicts(compare(1500, SERSIC_N=lambda c: 1 / c["SERSIC_N"], GINI=lambda c: -c["GINI"]))
    assert found["n falls from SPH to IRR"] == "fail"
    assert found["Gini is higher for SPH and ETD than for LTD and IRR"] == "fail"
    assert found["C is higher for SPH and ETD than for LTD and IRR"] == "pass"


def test_nothing_is_decided_without_a_difference_or_a_class():
    def noise(catalogue):
        return np.random.default_rng(1).normal(size=len(catalogue))

    assert verdicts(compare(400, SERSIC_N=noise))["n falls from SPH to IRR"] == "not decided"
    table = compare(1000, CLASS=lambda c: np.where(c["CLASS"] == "IRR", "UNC", c["CLASS"]))
    assert set(verdicts(table).values()) == {"not decided"}
    reasons = [row["reason"] for row in class_tests.check_ordering(table)]
    assert all("too few measured of IRR (0)" in reason for reason in reasons)


@pytest.mark.slow
def test_false_alarms_are_rare_over_all_tests_together():
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(40):
        name = rng.choice(["SPH", "ETD", "LTD", "IRR"], 120)
        values = {key: rng.normal(size=120) for key in class_tests.PARAMETERS}
        table = class_tests.compare_classes(name, values, {"all": np.ones(120, dtype=bool)}, 2)
        alarms += np.isin(table["decision"], ["first higher", "second higher"]).any()
    # 5 % expected of 40 whole tables.
    assert alarms <= 6


def test_badly_measured_galaxies_are_not_counted():
    table = compare(300)
    row = table[(table["sample"] == "all") & (table["parameter"] == "GINI")][0]
    catalogue = synthetic_field.make_catalogue(300)
    assert row["galaxies_first"] == (catalogue["CLASS"] == "SPH").sum()
    bad = compare(300, GINI=lambda c: np.where(c["CLASS"] == "SPH", np.nan, c["GINI"]))
    row = bad[(bad["sample"] == "all") & (bad["parameter"] == "GINI")][0]
    assert (row["galaxies_first"], row["decision"]) == (0, "too few")


def test_no_galaxy_gives_an_empty_table_and_a_sentence(tmp_path):
    nothing = class_tests.compare_classes(np.array([], dtype=str), {}, {"all": np.array([], bool)})
    assert len(nothing) == 0
    assert class_tests.check_ordering(nothing) == []
    save_numbers(nothing, tmp_path / "separation.csv")
    assert read_rows(tmp_path / "separation.csv") == []


def test_tables_are_read_back_as_they_were_written(tmp_path):
    table = compare(300)
    save_numbers(table, tmp_path / "separation.csv")
    rows = read_rows(tmp_path / "separation.csv")
    assert len(rows) == len(table)
    for row, line in zip(rows, table, strict=True):
        assert row["galaxies_first"] == line["galaxies_first"]
        assert row["delta"] == pytest.approx(line["delta"], rel=1e-5)
        assert row["decision"] == line["decision"]
