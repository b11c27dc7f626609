"""The audit: finds quantities that predict groups and no others; its measures are right."""

import numpy as np
import pytest
from astropy.table import Table

from morphovote.checks import confounders
from morphovote.errors import InputError
from morphovote.report.figures.confounders import plot_confounders
from morphovote.report.text.groups import describe_audit
from morphovote.storage.numbers import read_rows, save_numbers

RNG = np.random.default_rng(0)
GROUP = np.repeat(np.arange(6), 60)
NOISE = RNG.normal(size=360)


def audit(group=GROUP, **values):
    return confounders.audit_groups(values, group)


def verdict(overall, quantity):
    return overall["verdict"][overall["quantity"] == quantity][0]


def test_a_quantity_that_makes_a_group_is_found_and_its_group_marked():
    snr = np.where(GROUP == 2, 100.0, 10.0) + NOISE
    overall, groups = audit(snr=snr, magnitude=NOISE)
    assert verdict(overall, "snr") == "more than chance"
    assert verdict(overall, "magnitude") == "no more than chance"
    marked = groups[groups["marked"]]
    assert [(int(row["group"]), str(row["quantity"])) for row in marked] == [(2, "snr")]
    assert marked["auc"][0] > 0.98
    assert (
        "group 2 (signal-to-noise ratio)"
        in describe_audit(
            confounders.summarise_audit(*(rows_of(table) for table in (groups, overall)))
        )[-1]
    )


def rows_of(table):
    return [dict(zip(table.colnames, row, strict=True)) for row in table]


def test_a_group_in_the_middle_of_a_range_is_found_too():
    size = NOISE + np.where(GROUP == 0, 0, np.where(GROUP % 2, 8, -8))
    _, groups = audit(size=size)
    row = groups[groups["group"] == 0][0]
    assert row["marked"]
    assert row["auc"] > 0.95


def test_an_angle_is_periodic():
    angle = RNG.uniform(20, 160, 360)
    angle[GROUP == 1] = (RNG.normal(0, 5, 60)) % 180
    overall, groups = audit(position_angle=angle)
    assert verdict(overall, "position_angle") == "more than chance"
    assert groups["marked"][groups["group"] == 1][0]
    assert not groups["marked"][groups["group"] != 1].any()
    assert (
        "artefacts"
        in describe_audit(
            confounders.summarise_audit(*(rows_of(table) for table in (groups, overall)))
        )[1]
    )


def test_what_does_not_vary_is_left_out_and_missing_values_are_not_counted():
    value = NOISE.copy()
    value[:100] = np.nan
    overall, groups = audit(snr=np.ones(360), size=value)
    assert list(overall["quantity"]) == ["size"]
    assert overall["galaxies"][0] == 260
    assert set(groups["group"]) == {1, 2, 3, 4, 5}
    nothing, groups = audit()
    assert len(nothing) == len(groups) == 0
    figure = plot_confounders(nothing, groups, {})
    assert "Too few" in figure.texts[0].get_text()


def test_chance_alone_is_seldom_more_than_chance():
    alarms = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = {key: rng.normal(size=200) for key in ("magnitude", "size", "snr")}
        overall, groups = confounders.audit_groups(values, rng.integers(0, 5, 200), seed, 60)
        alarms += (overall["verdict"] == "more than chance").any()
        assert not groups["marked"].any()
        # The estimate is not biased: by chance, one group in five.
        assert overall["null"] == pytest.approx([0.2] * 3, abs=0.03)
    assert alarms <= 3


def test_scores_leave_the_galaxy_itself_out():
    # Groups of one: nobody else can speak for the group.
    scores = confounders.neighbour_scores(np.arange(40.0), np.arange(40), 40)
    np.testing.assert_array_equal(np.diag(scores), 0)
    assert confounders.balanced_accuracy(scores, np.arange(40))[0] == 0
    assert scores[0, 1] > 0


def test_ties_do_not_depend_on_the_order_of_the_galaxies():
    value, label = RNG.integers(0, 4, 200).astype(float), RNG.integers(0, 3, 200)
    order = RNG.permutation(200)
    scores = confounders.neighbour_scores(value, label, 3)
    np.testing.assert_allclose(
        confounders.neighbour_scores(value[order], label[order], 3), scores[order]
    )


def test_area_and_its_interval():
    score, member = np.array([1.0, 2, 2, 3, 0, 1]), np.array([0, 1, 0, 1, 0, 0], bool)
    assert confounders.auc_interval(score, member)[0] == pytest.approx((3.5 + 4) / 8)
    perfect, low, high = confounders.auc_interval(np.arange(40.0), np.arange(40) >= 30)
    assert (perfect, high) == (1, 1)
    assert 0.6 < low < 0.95
    rng = np.random.default_rng(2)
    truth, hits = 0.7602499389065233, 0  # of two unit normals one apart: Phi(1 / sqrt(2))
    for _ in range(200):
        score = np.concatenate([rng.normal(1, 1, 25), rng.normal(0, 1, 150)])
        _, low, high = confounders.auc_interval(score, np.arange(175) < 25)
        hits += low <= truth <= high
    assert 0.91 * 200 <= hits < 200


@pytest.mark.parametrize("degrees", [0, 30, 90, 150])
def test_position_angle_follows_the_galaxy(degrees):
    y, x = np.mgrid[:61, :61] - 30.0
    angle = np.deg2rad(degrees)
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    image = np.exp(-((along / 8) ** 2 + (across / 3) ** 2))
    found = confounders.position_angle(image, image > 0.01)
    assert (found - degrees + 90) % 180 - 90 == pytest.approx(0, abs=0.5)
    assert np.isnan(confounders.position_angle(-image, image > 0.01))


def test_rows_of_a_broken_table_are_refused(tmp_path):
    (tmp_path / "rows.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"rows\.csv: not a readable CSV table"):
        read_rows(tmp_path / "rows.csv")


def test_edges_are_those_of_the_image(tmp_path):
    from astropy.io import fits

    fits.PrimaryHDU(np.zeros((50, 80), dtype=np.float32)).writeto(tmp_path / "image.fits")
    sources = Table({"TILE": np.zeros(20, int), "X": np.full(20, 70.0), "Y": np.full(20, 24.0)})
    sources["Y"][3] = 2.0
    tiles = Table({"IMAGE": [str(tmp_path / "image.fits")], "HDU": [0]})
    distance = confounders.edge_distances(sources, tiles)
    assert distance[0] == 9
    assert distance[3] == 2
    # Ready-made cutouts: each source in an image of its own.
    assert np.isnan(confounders.edge_distances(sources[:2], tiles)).all()


def test_groups_too_small_to_be_judged_are_said(tmp_path):
    few = np.where(np.arange(360) < 5, 6, GROUP)
    overall, groups = audit(few, snr=NOISE, size=NOISE[::-1])
    for name, table in (("overall", overall), ("groups", groups)):
        save_numbers(table, tmp_path / f"{name}.csv")
    rows = [read_rows(tmp_path / f"{name}.csv") for name in ("groups", "overall")]
    audit_found = confounders.summarise_audit(*rows)
    assert (audit_found["judged"], audit_found["groups"]) == (6, 7)
    text = " ".join(describe_audit(audit_found))
    assert "6 of 7 groups were tested one by one; the others have fewer than 10 members" in text
