"""Numbers from tables: fractions, medians, regions of diagrams, galaxies shown, the summary."""

import json

import numpy as np
import pytest
import synthetic_field
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from morphovote import flags
from morphovote.catalogue.reading import leave_out_bad, read_catalogue
from morphovote.checks.class_tests import is_massive
from morphovote.classify.classes import CLASSES, order_names
from morphovote.compute.statistics import fraction_interval, median_interval
from morphovote.cosmology import kpc_per_arcsec
from morphovote.errors import InputError
from morphovote.groups.suggestion import suggest_names
from morphovote.measure.lotz import structure_region
from morphovote.measure.quality import MEASURED, trusted
from morphovote.report import diagnostics, summary
from morphovote.storage.model_folder import read_names

CARD = {"name": "convnext_atto", "weights": "random", "source": "random"}
NAMES = {
    "origin": "suggestion",
    "groups": {
        i: {"class": name, "reason": "because"}
        for i, name in enumerate(synthetic_field.CLASS_OF_GROUP)
    },
}


def summarise(catalogue, controls=None):
    controls = controls or synthetic_field.make_controls()
    config = {"voting": {"groups": 7}}
    sources = synthetic_field.make_sources(catalogue)
    tests, audit = synthetic_field.make_tests(catalogue, sources)
    found = dict.fromkeys(summary.FOUND) | {
        "stability": {"checks": []},
        "separation": tests,
        "confounders": audit,
        "encoder": CARD,
        "timings": [],
    }
    return summary.summarise("made_up", config, catalogue, sources, controls, NAMES, found)


def test_wilson_interval_is_the_published_one():
    # Newcombe 1998, Statistics in Medicine 17, 857, table I, method 3: 81 of 263.
    assert fraction_interval(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_fraction_lies_in_its_interval(counts):
    fraction, low, high = fraction_interval(*counts)
    assert 0 <= low <= fraction + 1e-12
    assert fraction - 1e-12 <= high <= 1


def test_median_interval_covers_the_true_median():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        _, low, high = median_interval(rng.exponential(size=41))
        hits += low <= np.log(2) <= high
    # At least 95 %, within the scatter of 400 trials, and not so wide as to say nothing.
    assert 0.93 * 400 < hits < 400


def test_median_interval_leaves_out_what_is_missing():
    assert median_interval(np.array([np.nan, 2.0])) == (2.0, 2.0, 2.0)
    assert np.isnan(median_interval(np.array([np.nan]))).all()


def test_rank_trend_has_the_sign_of_the_order_and_ignores_unclassifiable():
    name = np.repeat(["SPH", "ETD", "LTD", "IRR", "UNC"], 20)
    falling = np.repeat([5.0, 3.0, 2.0, 1.0, 99.0], 20)
    trend = diagnostics.rank_trend(name, falling)
    assert trend["rho"] == pytest.approx(-1)
    assert trend["count"] == 80
    noise = diagnostics.rank_trend(name, np.random.default_rng(1).normal(size=100))
    assert noise["low"] < 0 < noise["high"]
    assert np.isnan(diagnostics.rank_trend(name, np.ones(100))["rho"])


def test_structure_regions_meet_where_lotz_lines_do():
    gini = np.array([0.60, 0.60, 0.45, np.nan])
    m20 = np.array([-1.0, -2.2, -1.7, -1.0])
    assert structure_region(gini, m20).tolist() == ["merger", "E/S0/Sa", "Sb-Irr", ""]


def test_quiescent_box_moves_with_redshift():
    colours = np.full(4, 1.60), np.full(4, 1.10)
    redshift = np.array([0.3, 0.7, 1.5, 2.5])
    # 0.88 * 1.1 = 0.968; with 0.69, 0.59 and 0.49 the line stands at 1.658, 1.558 and 1.458.
    assert diagnostics.is_quiescent(*colours, redshift).tolist() == [False, True, True, False]
    assert not diagnostics.is_quiescent(np.array([np.nan]), np.array([1.0]), np.array([0.7]))[0]


def test_kept_by_snr_counts_everybody_once():
    catalogue = synthetic_field.make_catalogue(500)
    bins = diagnostics.kept_by_snr(np.asarray(catalogue["SNR"]), np.asarray(catalogue["KEPT"]))
    assert bins["galaxies"].sum() == 500
    assert (bins["fraction"] * bins["galaxies"]).sum() == pytest.approx(catalogue["KEPT"].sum())
    assert bins["fraction"][-1] > bins["fraction"][0]
    assert len(diagnostics.kept_by_snr(np.full(3, np.nan), np.zeros(3, dtype=bool))) == 0


def test_members_are_typical_or_doubtful_never_both():
    share = np.array([0.5, 1.0, 1.0, 0.9, 0.3, np.nan])
    distance = np.array([1.0, 3.0, 2.0, 1.0, 1.0, 1.0])
    typical, doubtful = diagnostics.select_members(share, distance, 3, 2)
    assert typical.tolist() == [2, 1, 3]
    assert doubtful.tolist() == [5, 4]
    typical, doubtful = diagnostics.select_members(share[:2], distance[:2], 3, 2)
    assert typical.tolist() == [1]
    assert doubtful.tolist() == [0]


@given(st.permutations(list("ABCDEFGH")))
def test_members_do_not_depend_on_their_order(names):
    share = {name: place / 8 for place, name in enumerate("ABCDEFGH")}
    values = np.array([share[name] for name in names])
    typical, doubtful = diagnostics.select_members(values, np.zeros(8), 2, 2)
    assert [names[i] for i in typical] == ["H", "G"]
    assert [names[i] for i in doubtful] == ["A", "B"]


def test_few_members_are_shared_out_between_typical_and_doubtful():
    for count in range(2, 9):
        typical, doubtful = diagnostics.select_members(np.ones(count), np.zeros(count), 5, 3)
        assert len(typical) + len(doubtful) == count
        assert len(typical) >= len(doubtful) >= 1
    typical, doubtful = diagnostics.select_members(np.ones(1), np.zeros(1), 5, 3)
    assert (len(typical), len(doubtful)) == (1, 0)


def test_bad_measurements_are_left_out_of_the_catalogue_that_is_drawn():
    catalogue = synthetic_field.make_catalogue(10)
    catalogue["MEASURE_FLAG"][:4] = (flags.SERSIC_SUSPECT, flags.BAD, flags.SUSPECT, -1)
    sound = leave_out_bad(catalogue)
    assert np.isfinite(sound["SERSIC_N"][:4]).tolist() == [False, True, True, False]
    assert np.isfinite(sound["GINI"][:4]).tolist() == [True, False, True, False]
    np.testing.assert_array_equal(sound["R_E"][4:-3], catalogue["R_E"][4:-3])
    assert np.isfinite(catalogue["SERSIC_N"][0])


def test_medians_of_a_group_are_those_that_its_class_was_suggested_from():
    catalogue = synthetic_field.make_catalogue(400)
    catalogue["MEASURE_FLAG"][::4] = flags.BAD | flags.SERSIC_SUSPECT
    catalogue["GINI"][::4] = 9.0
    groups = {row["group"]: row for row in summarise(leave_out_bad(catalogue))["groups"]}
    shape = {name: np.asarray(catalogue[name.upper()]) for name in MEASURED}
    shape["measure_flag"] = np.asarray(catalogue["MEASURE_FLAG"])
    suggested = suggest_names(
        np.asarray(catalogue["GROUP"]),
        np.asarray(catalogue["KEPT"]),
        7,
        trusted(shape),
        np.asarray(catalogue["SNR"]),
        np.asarray(catalogue["FLAGS"]),
    )
    for number, entry in suggested.items():
        assert groups[number]["measured"] == entry["measured"]
        for name in ("gini", "sersic_n", "snr"):
            assert groups[number][name] == pytest.approx(entry["medians"][name], abs=6e-4)


def test_an_arcsecond_has_its_length_and_the_massive_are_above_the_cut():
    # Wright 2006, PASP 118, 1711, for H0 = 70 and a flat universe with 0.3: 8.008 kpc at z = 1.
    scale = kpc_per_arcsec(np.array([1.0, 0.0, np.nan, -1.0]))
    np.testing.assert_allclose(scale, [8.008, np.nan, np.nan, np.nan], rtol=1e-3)
    masses = np.array([10.0, 10.1, np.nan])
    assert is_massive(masses, 10.0).tolist() == [False, True, False]


def test_map_is_bounded_reproducible_and_keeps_neighbours():
    rng = np.random.default_rng(0)
    component = np.concatenate([rng.normal(-20, 1, (60, 8)), rng.normal(20, 1, (60, 8))])
    component[[3, 70]] = np.nan
    index, position = diagnostics.embed_tsne(component, seed=1, size=80)
    again, same = diagnostics.embed_tsne(component, seed=1, size=80)
    assert len(index) == 80
    assert not {3, 70} & set(index.tolist())
    assert (np.diff(index) > 0).all()
    np.testing.assert_array_equal(index, again)
    np.testing.assert_array_equal(position, same)
    second = index >= 60
    distance = np.linalg.norm(position[:, None] - position, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (second[distance.argmin(axis=1)] == second).all()


def test_map_of_too_few_galaxies_is_empty():
    index, position = diagnostics.embed_tsne(np.zeros((5, 3)), seed=0)
    assert len(index) == 0
    assert position.shape == (0, 2)


def test_class_order_is_fixed_and_takes_others_last():
    assert order_names(np.array(["ring", "IRR", "", "none", "SPH", "bar"])) == [
        "SPH",
        "IRR",
        "bar",
        "ring",
    ]


def test_catalogue_is_read_back_with_missing_values(tmp_path):
    catalogue = synthetic_field.make_catalogue(30)
    catalogue["gini"] = 7.0  # a source catalogue's own column, after ours
    catalogue.write(tmp_path / "catalogue.fits")
    read = read_catalogue(tmp_path / "catalogue.fits")
    assert read["CLASS"].dtype.kind == "U"
    assert read["CLASS"][-1] == ""
    assert np.isnan(read["GINI"][-1])
    np.testing.assert_allclose(read["GINI"][:-3], catalogue["GINI"][:-3])
    assert read["KEPT"].dtype == bool
    assert order_names(read["CLASS"]) == list(CLASSES)


def test_catalogue_without_a_column_says_which(tmp_path):
    catalogue = synthetic_field.make_catalogue(10)
    catalogue.remove_column("M20")
    catalogue.write(tmp_path / "catalogue.fits")
    with pytest.raises(InputError, match=r"catalogue\.fits.*no column M20"):
        read_catalogue(tmp_path / "catalogue.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(InputError, match="no table"):
        read_catalogue(tmp_path / "empty.fits")
    (tmp_path / "text.fits").write_text("no FITS file")
    with pytest.raises(InputError, match="not a readable FITS file"):
        read_catalogue(tmp_path / "text.fits")


def test_summary_adds_up():
    catalogue = synthetic_field.make_catalogue(200)
    numbers = summarise(catalogue)
    rejections = numbers["rejections"]
    assert numbers["sources"] == 200
    assert numbers["selected"] == 199
    assert numbers["voted"] == 197
    assert (
        numbers["kept"]
        + rejections["not_selected"]
        + rejections["no_data"]
        + rejections["voters_disagree"]
        == 200
    )
    assert sum(numbers["classes"].values()) == 200
    assert sum(numbers["origins"].values()) == 200
    assert sum(group["galaxies"] for group in numbers["groups"]) == 197
    assert sum(group["kept"] for group in numbers["groups"]) == numbers["kept"]
    assert numbers["flags"]["no_data"] == 2
    low_snr = ((catalogue["FLAGS"] & flags.LOW_SNR) != 0) & ~catalogue["KEPT"]
    assert rejections["disagree_flags"]["low_snr"] == low_snr[:-3].sum()


def test_summary_takes_the_ratio_from_the_controls():
    controls = synthetic_field.make_controls(null=0.5, data=0.6)
    numbers = summarise(synthetic_field.make_catalogue(200), controls=controls)
    assert numbers["null_kept_fraction"] == pytest.approx(0.5)
    assert numbers["null_interval"] == pytest.approx([0.48, 0.52])
    # Not that of the whole catalogue: samples of other sizes cannot be compared.
    assert numbers["ratio_to_null"] == pytest.approx(1.2)
    assert numbers["kept_fraction"] / 0.5 != pytest.approx(1.2, abs=0.1)
    assert numbers["voter_ari"] == 0.55
    assert numbers["seed_ari"] == 0.71


def test_summary_is_strict_json_even_with_nothing_measured(tmp_path):
    catalogue = synthetic_field.make_catalogue(20)
    catalogue["GROUP"], catalogue["KEPT"], catalogue["CLASS"] = -1, False, ""
    catalogue["CLASS_ORIGIN"], catalogue["FLAGS"] = "none", flags.NO_DATA
    for column in (*diagnostics.MEASURED, "VOTE_FRACTION"):
        catalogue[column] = np.nan
    summary.write_summary(summarise(catalogue), tmp_path / "summary.json")
    read = json.loads((tmp_path / "summary.json").read_text())
    assert read["kept_fraction"] is None
    assert read["classes"] == {"none": 20}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_groups_without_members_keep_their_row():
    catalogue = synthetic_field.make_catalogue(60)
    catalogue["GROUP"][catalogue["GROUP"] == 6] = 5
    groups = {group["group"]: group for group in summarise(catalogue)["groups"]}
    assert groups[6]["galaxies"] == 0
    assert groups[6]["sersic_n"] is None


def test_benchmarks_are_added_up_by_rule(tmp_path):
    header = "s\th:m:s\tmax_rss\n"
    (tmp_path / "fit_pca.tsv").write_text(header + "2.5\t0:00:02\t100\n")
    (tmp_path / "encode_polar").mkdir()
    (tmp_path / "encode_polar/00000.tsv").write_text(header + "10\t0:00:10\t900\n")
    (tmp_path / "encode_polar/00001.tsv").write_text(header + "4\t0:00:04\tNA\n")
    rows = summary.read_benchmarks(tmp_path)
    assert [row["rule"] for row in rows] == ["encode_polar", "fit_pca"]
    assert rows[0] == {
        "rule": "encode_polar",
        "jobs": 2,
        "seconds": 14.0,
        "longest": 10.0,
        "memory": 900.0,
    }
    assert summary.read_benchmarks(tmp_path / "nowhere") == []


def test_names_of_another_form_are_refused(tmp_path):
    path = tmp_path / "names.yaml"
    for text in ("[1, 2]", "groups: {one: {class: SPH}}", "groups: {1: {name: SPH}}", "a: ["):
        path.write_text(text)
        with pytest.raises(InputError, match=r"names\.yaml"):
            read_names(path)
