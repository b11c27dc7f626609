"""The list of galaxies to classify by eye: random ones stay, doubtful ones differ."""

import csv

import numpy as np
import pytest
from astropy.table import Table

from morphovote.classify import choosing
from morphovote.classify.classes import CLASSES
from morphovote.storage import shards
from morphovote.storage.files import write_yaml


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """400 galaxies along a line, doubtful in its middle; the first 20 are not detected."""
    folder = tmp_path_factory.mktemp("field")
    rng = np.random.default_rng(0)
    place = rng.uniform(-3, 3, 400)
    first = 1 / (1 + np.exp(-3 * place))
    base = {"row": np.arange(400), "id": np.array([f"g{i:03d}" for i in range(400)], dtype=object)}
    chance = {f"p_{name}": np.zeros(400, np.float32) for name in CLASSES}
    chance |= {"p_SPH": first.astype(np.float32), "p_LTD": (1 - first).astype(np.float32)}
    reason = np.where(np.arange(400) < 20, "no light", "").astype(object)
    shards.write_shard(folder / "classes.h5", base | chance | {"class_reason": reason})
    component = np.stack([place, rng.normal(size=400)], axis=1).astype(np.float32)
    shards.write_shard(folder / "components.h5", base | {"component": component})
    write_yaml(folder / "names.yaml", {"version": 1, "groups": {0: {"class": "SPH"}}})
    return folder, component


def choose(field, labels=(), count=12):
    folder, _ = field
    paths = [folder / name for name in ("classes.h5", "components.h5", "names.yaml")]
    choosing.choose_labels_file(*paths, labels, folder / "to_label.csv", count)
    with open(folder / "to_label.csv", newline="") as file:
        return list(csv.DictReader(file))


def halves(rows):
    drawn = [row["ID"] for row in rows if row["RANDOM"] == "true"]
    return drawn, [row["ID"] for row in rows if row["RANDOM"] == "false"]


def test_half_is_random_and_half_doubtful(field):
    rows = choose(field)
    drawn, chosen = halves(rows)
    assert (len(drawn), len(chosen)) == (12, 12)
    assert not set(drawn) & set(chosen)
    assert {row["CLASS"] for row in rows} == {""}
    assert min(int(row["ROW"]) for row in rows) >= 20
    component = field[1]
    doubtful = component[[int(one[1:]) for one in chosen]]
    assert np.abs(doubtful[:, 0]).max() < 1.2
    away = np.sqrt(((doubtful[:, None] - doubtful) ** 2).sum(axis=2)) + 9 * np.eye(12)
    assert away.min() > 0.1


def test_random_ones_stay_when_labels_are_added(field, tmp_path):
    rows = choose(field)
    drawn, _ = halves(rows)
    # Half of both halves are classified, and the doubtful ones are not told to be random.
    done = [row for i, row in enumerate(rows) if i % 2]
    labels = {name: [row[name] for row in done] for name in ("ID", "RANDOM")}
    Table(labels | {"CLASS": ["SPH"] * len(done)}).write(tmp_path / "eye.csv")
    after, later = halves(choose(field, [tmp_path / "eye.csv"]))
    left = [one for one in drawn if one not in labels["ID"]]
    assert after[: len(left)] == left
    assert len(after) == 12
    assert not set(later) & set(labels["ID"])
    assert halves(choose(field))[0] == drawn


def test_a_doubtful_galaxy_stays_in_the_random_sample(field, tmp_path):
    drawn, _ = halves(choose(field))
    Table({"ID": drawn[:1], "CLASS": ["IRR"]}).write(tmp_path / "eye.csv")
    rows = choose(field, [tmp_path / "eye.csv"])
    assert (rows[0]["ID"], rows[0]["CLASS"], rows[0]["RANDOM"]) == (drawn[0], "IRR", "true")


def test_copies_of_a_labelled_galaxy_are_not_chosen():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(200, 3))
    labelled = points[:5] + 1e-6
    found = choosing.choose_doubtful(points, np.full(200, 1.0), labelled, 40)
    assert not set(found.tolist()) & set(range(5))
    assert len(found) == 40
    assert not len(choosing.choose_doubtful(points, np.zeros(200), labelled, 40))
