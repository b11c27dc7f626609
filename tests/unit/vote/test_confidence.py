"""Confidence of a vote: one minus a false-discovery rate, from the votes on the null."""

import json

import numpy as np
import pytest

from morphovote.errors import InputError
from morphovote.vote import bagged, confidence
from morphovote.vote import controls as vote_controls

VOTERS = 30


def counts(votes):
    return np.bincount(votes, minlength=VOTERS + 1)


def draw_votes(number, share, seed):
    """Votes of galaxies of which a share has structure, and which ones have."""
    rng = np.random.default_rng(seed)
    structured = rng.random(number) < share
    votes = np.where(
        structured, rng.binomial(VOTERS, 0.8, number), rng.binomial(VOTERS, 0.5, number)
    )
    return votes, structured


class TestTable:
    @pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
    def test_cut_has_the_false_keep_rate_it_says(self, share):
        votes, structured = draw_votes(20_000, share, seed=1)
        null = [counts(draw_votes(20_000, 0, seed)[0]) for seed in range(5, 10)]
        table = confidence.calibrate_votes([counts(votes)], null)
        assert table["null_share"] == pytest.approx(1 - share, abs=0.03)
        found = table["confidence"]
        for cut in (0.6, 0.8, 0.9):
            lowest = np.flatnonzero(found >= cut)[0]
            false = (~structured[votes >= lowest]).mean()
            assert false == pytest.approx(1 - found[lowest], abs=0.02)
            assert false < 1 - cut + 0.02

    def test_rises_with_the_votes_and_lies_in_its_interval(self):
        votes, _ = draw_votes(500, 0.4, seed=2)
        null = [counts(draw_votes(500, 0, seed)[0]) for seed in range(5)]
        table = confidence.calibrate_votes([counts(votes)], null)
        for name in ("confidence", "low", "high"):
            assert (np.diff(table[name]) >= 0).all()
            assert table[name].min() >= 0
            assert table[name].max() <= 1
        assert (table["low"] <= table["confidence"]).all()
        assert (table["high"] >= table["confidence"]).all()
        assert table["confidence"][0] == pytest.approx(1 - table["null_share"], abs=1e-9)

    def test_data_like_the_null_is_worth_nothing(self):
        for seed in range(10):
            votes, _ = draw_votes(300, 0, seed)
            null = [counts(draw_votes(300, 0, 100 * seed + draw)[0]) for draw in range(1, 6)]
            table = confidence.calibrate_votes([counts(votes)], null)
            assert table["null_share"] > 0.8
            # As many galaxies as have a confidence are there by chance.
            assert (table["confidence"][votes] > 0.8).mean() < 0.02

    def test_few_draws_are_never_certain(self):
        data, null = np.zeros(4), np.zeros(4)
        data[3], null[1] = 40, 40
        found = confidence.calibrate_votes([data], [null])
        assert 0.9 < found["confidence"][3] < 1
        more = confidence.calibrate_votes([data], [null] * 10)
        assert found["confidence"][3] < more["confidence"][3] < 1

    def test_votes_that_no_galaxy_got_are_worth_what_the_best_are(self):
        data, null = np.array([0, 10, 10, 0]), np.array([0, 19, 1, 0])
        found = confidence.calibrate_votes([data], [null, null])["confidence"]
        assert found[3] == found[2] > 0.5

    def test_null_that_always_agrees_leaves_no_confidence(self):
        found = confidence.calibrate_votes([[0, 0, 0, 50]], [[0, 0, 0, 50]] * 5)
        assert (found["confidence"] == 0).all()


@pytest.mark.slow
def test_cut_on_a_vote_with_structure_and_noise():
    """Half of the points are in groups, half are noise with the same spread: the vote itself."""
    rng = np.random.default_rng(1)
    axes = np.arange(1, 13) ** -0.4
    structured = rng.random(600) < 0.5
    centres = 2 * rng.normal(size=(10, 12)) * axes
    grouped = centres[rng.integers(0, 10, 600)] + 0.5 * rng.normal(size=(600, 12)) * axes
    spread = rng.normal(size=(600, 12)) * axes * np.sqrt(4.25)
    points = np.where(structured[:, None], grouped, spread).astype(np.float32)
    votes = {"data": [], "null": []}
    for seed in range(5):
        sample = points if seed < 2 else vote_controls.null_sample(points, seed)
        fitted = bagged.fit_voters(sample, 20, 0.667, seed, voters=15, quiet=True)
        votes["data" if seed < 2 else "null"].append(bagged.cast_votes(sample, fitted))
    table = confidence.calibrate_votes(
        *([vote_controls.count_galaxies(run, 15) for run in votes[kind]] for kind in votes)
    )
    assert table["null_share"] == pytest.approx(0.5, abs=0.12)
    highest = votes["data"][0]["counts"].max(axis=1)
    for cut in (0.8, 0.9):
        chosen = table["confidence"][highest] >= cut
        assert chosen.mean() > 0.35
        assert (~structured[chosen]).mean() < 1 - cut + 0.04


def test_look_up_gives_nothing_where_nobody_voted():
    found = confidence.look_up(np.array([0, 2, 1]), np.array([0.0, 0.25, 0.5]))
    np.testing.assert_array_equal(found, np.array([np.nan, 0.5, 0.25], np.float32))


def test_cuts_are_named_by_their_vote_fraction():
    table = {"confidence": np.array([0, 0.2, 0.85, 0.92]), "null_share": 0.5}
    table |= {"low": table["confidence"], "high": table["confidence"]}
    found = confidence.describe_cuts(table, kept_from=2)
    assert found["cuts"] == {"0.5": 2 / 3, "0.8": 2 / 3, "0.9": 1.0, "0.95": None}
    assert found["at_agreement"] == 0.85
    json.dumps(found)


def test_table_travels_in_a_file(tmp_path):
    controls = {"vote_counts": {"data": [[0, 5, 15]], "null": [[0, 18, 2]] * 5}, "pca": "p1"}
    (tmp_path / "controls.json").write_text(json.dumps(controls))
    confidence.calibrate_votes_file(tmp_path / "controls.json", tmp_path / "confidence.h5")
    found, attributes = confidence.load_confidence(tmp_path / "confidence.h5", 2)
    expected = confidence.calibrate_votes([[0, 5, 15]], [[0, 18, 2]] * 5)
    np.testing.assert_array_equal(found, expected["confidence"])
    assert attributes["pca"] == "p1"
    assert attributes["draws"] == 5


def test_controls_of_an_older_version_are_named(tmp_path):
    (tmp_path / "controls.json").write_text("{}")
    with pytest.raises(InputError, match="vote_counts"):
        confidence.calibrate_votes_file(tmp_path / "controls.json", tmp_path / "confidence.h5")
