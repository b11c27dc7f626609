"""How much of an embedding known quantities explain."""

import numpy as np
import pytest

from morphovote.checks import embedding


@pytest.fixture(scope="module")
def galaxies():
    """Three components: one follows the size, one the flattening a little, one nothing known."""
    rng = np.random.default_rng(0)
    size, flat = rng.lognormal(size=240), rng.uniform(0.2, 1, 240)
    points = np.stack([3 * np.log(size), 2 * flat + rng.standard_normal(240)], 1)
    points = np.concatenate([points, rng.standard_normal((240, 1))], 1)
    return {"size": size, "flat": flat, "one value": np.ones(240)}, points


def test_shares_are_those_that_were_put_in(galaxies):
    quantities, points = galaxies
    group = (points[:, 0] > 0).astype(int)
    table = embedding.explain_embedding(quantities, points, group)
    assert list(table["quantity"]) == ["size", "flat", embedding.ALL, embedding.SHUFFLED]
    share = dict(zip(table["quantity"], table["embedding"], strict=True))
    of_groups = dict(zip(table["quantity"], table["groups"], strict=True))
    variance = points.var(0) / points.var(0).sum()
    assert share["size"] == pytest.approx(variance[0], abs=0.08)
    assert share["flat"] < 0.1
    assert share[embedding.ALL] > share["size"] - 0.02
    assert abs(share[embedding.SHUFFLED]) < 0.1
    assert of_groups["size"] > 0.9
    assert of_groups["flat"] < 0.1


def test_unknown_values_and_few_galaxies(galaxies):
    quantities, points = galaxies
    size = np.where(np.arange(240) < 210, np.nan, quantities["size"])
    table = embedding.explain_embedding({"size": size} | {"flat": quantities["flat"]}, points,
                                        np.arange(240) % 4)  # fmt: skip
    assert "size" not in table["quantity"], "known for 30 galaxies only"
    assert len(embedding.explain_embedding(quantities, points[:20], np.zeros(20, int) - 1)) == 0


def test_directions_of_quantities_and_classes(galaxies):
    quantities, points = galaxies
    classes = np.where(points[:, 0] > 0, "LTD", "SPH")
    rank, place = embedding.directions(quantities, points, classes)
    assert set(rank) == {"size", "flat"}
    assert rank["size"][0] > 0.99
    assert place["LTD"][0] > 0.5 > -0.5 > place["SPH"][0]
