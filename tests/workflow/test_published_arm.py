"""The published arm plans from the same field and reaches the votes."""

import copy
import json
import shutil

import h5py
import numpy as np
import pytest
import yaml
from paths import ROOT
from project import Project

from morphovote.storage import shards

TARGETS = (
    "results/small/votes.h5",
    "results/small/vote_controls.json",
    "results/small/stability.h5",
)


@pytest.fixture(scope="module")
def config(small_config):
    """Every published step on the small field, with a tiny code and the bundled network."""
    steps = yaml.safe_load((ROOT / "config/published.yaml").read_text())
    del steps["fields"]
    steps["denoiser"] |= {"latent": 4, "epochs": 1}
    steps["encoder"] |= {"name": "convnext_atto", "weights": "bundled"}
    steps["voting"]["groups"] = 4
    return copy.deepcopy(small_config) | steps


@pytest.fixture(scope="module")
def arm(finished, config, tmp_path_factory):
    """A copy of the finished checkout, in which the published arm has reached the votes."""
    folder = tmp_path_factory.mktemp("published") / "checkout"
    shutil.copytree(finished.folder, folder)
    project = Project(folder)
    project.output = project.snakemake(*TARGETS, config=config).stdout
    return project


def test_published_arm_runs_everything_after_the_source_list_again(finished, config):
    plan = finished.plan(config)
    assert {"make_cutouts", "train_denoiser", "unwrap_polar", "fit_pca", "check_vote"} <= plan
    assert not plan & {"simulate_field", "list_sources"}


def test_votes_are_those_of_three_voters_and_their_control(arm):
    folder = arm.folder / "results/small"
    votes = shards.read_shard(folder / "votes.h5")
    assert shards.read_attributes(folder / "votes.h5")["scheme"] == "published"
    assert len(votes["row"]) == 60
    known = votes["group"] >= 0
    assert set(np.rint(3 * votes["vote_fraction"][known])) <= {1, 2, 3}
    np.testing.assert_array_equal(votes["kept"][known], votes["vote_fraction"][known] > 0.99)
    controls = json.loads((folder / "vote_controls.json").read_text())
    assert controls["voters"] == 3
    assert len(controls["null"]["values"]) >= 5


def test_pictures_on_the_way_are_the_published_ones(arm):
    folder = arm.folder / "results/small"
    with h5py.File(folder / "denoised/00000.h5") as file:
        assert {"low", "high"} <= set(file)
    attributes = shards.read_attributes(folder / "embeddings/00000.h5")
    assert (attributes["polar"], attributes["input"]) == ("published", "published")


def test_frozen_model_is_refused_in_one_sentence(finished, config):
    config = copy.deepcopy(config)
    config["fields"]["second"] = {"simulate": {"galaxies": 30}, "model": "results/small/model"}
    process = finished.snakemake("--dry-run", config=config, check=False)
    assert process.returncode != 0
    assert "can only label the galaxies it was fitted to" in process.stdout
    assert "Traceback" not in process.stdout
