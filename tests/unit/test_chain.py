"""The chain on arrays gives a galaxy what the rules give it, file by file, to the bit."""

import json

import numpy as np
import pytest
import torch

from morphovote import flags
from morphovote.chain import Chain
from morphovote.classify.assignment import classify_file
from morphovote.classify.fitting import fit_classifier_file
from morphovote.denoise import schemes as denoisers
from morphovote.encode import encoding, weights
from morphovote.groups import regrouping
from morphovote.polar.schemes import unwrap_shard
from morphovote.reduce.pca import fit_pca_shards, project_shards
from morphovote.storage import shards
from morphovote.storage.files import write_yaml
from morphovote.vote import schemes as votings
from morphovote.vote.bagged import cast_votes
from morphovote.vote.confidence import calibrate_votes_file
from morphovote.vote.unanimous import nearest_voters

torch.set_num_threads(1)
COUNT, SIZE, EMPTY = 70, 32, 5
PARTS = (slice(0, 40), slice(40, COUNT))
STEPS = {
    "default": {
        "scaling": "flux", "denoiser": "recorrupted", "polar": "moments", "input": "normalised",
        "vote": "bagged", "precision": "float32", "rotations": 2,
    },
    "published": {
        "scaling": "published", "denoiser": "published", "polar": "published",
        "input": "published", "vote": "published", "precision": "float32", "rotations": 1,
    },
}  # fmt: skip


def make_cutouts():
    """Galaxies of two widths in noise, one of them without data, some too faint to be seen."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((SIZE, SIZE))
    x, y = 15.5 + rng.uniform(-2, 2, (2, COUNT))
    dx, dy = columns - x[:, None, None], (rows - y[:, None, None]) / 0.6
    width = np.where(np.arange(COUNT) % 2, 2.0, 4.0) + rng.uniform(0, 0.5, COUNT)
    light = np.exp(-0.5 * (dx**2 + dy**2) / width[:, None, None] ** 2)
    arrays = {
        "row": np.arange(COUNT),
        "id": np.arange(COUNT).astype(str),
        "image": light + 0.05 * rng.standard_normal(light.shape),
        "rms": np.full(light.shape, 0.05),
        "mask": np.where(light > 0.1, flags.OWN, 0).astype(np.uint8),
        "flags": np.where(np.arange(COUNT) == EMPTY, flags.NO_DATA, 0),
        "x": x,
        "y": y,
        "snr": np.linspace(1, 50, COUNT),
    }
    arrays["image"][EMPTY] = 0
    single = ("image", "rms", "x", "y", "snr")
    return arrays | {name: arrays[name].astype(np.float32) for name in single}


def run_rules(folder, arrays, steps):
    """Fit all models, and take the galaxies from cutouts to classes as the rules do."""
    files = {name: folder / f"{name}.h5" for name in ("pca", "voters", "confidence", "classifier")}
    files |= {"denoiser": folder / "denoiser.safetensors", "names": folder / "names.yaml"}
    files |= {"weights": folder / "encoder.safetensors", "card": folder / "encoder.json"}
    files["components"] = folder / "components.h5"
    weights.fetch_encoder("test_convnext", "random", 4, files["weights"], files["card"])
    paths = [{n: folder / f"{n}{i}.h5" for n in ("cut", "clean", "polar", "code")} for i in (0, 1)]
    cut = [names["cut"] for names in paths]
    for part, path in zip(PARTS, cut, strict=True):
        some = {name: values[part] for name, values in arrays.items()}
        some["arcs"] = np.zeros_like(some["image"])
        shards.write_shard(path, some, {"pixel_scale": 0.03})
    kind = denoisers.SCHEMES[steps["denoiser"]]
    kind.train(cut, files["denoiser"], folder / "curve.csv", 4, 1, 0, steps["scaling"])
    for names in paths:
        model = kind.load(files["denoiser"])
        denoisers.denoise_shard(
            steps["denoiser"], model, names["cut"], names["clean"], steps["scaling"]
        )
        unwrap_shard(names["clean"], names["cut"], names["polar"], steps["polar"])
        encoder = weights.load_encoder(files["weights"], files["card"])
        settings = (steps["precision"], steps["rotations"], 2, steps["input"])
        embedding = encoding.encode_shard(names["polar"], *encoder, *settings)
        rows = shards.read_shard(names["polar"], ["row", "id"])
        shards.write_shard(names["code"], rows | {"embedding": embedding}, {"encoder": "one"})
    code = [names["code"] for names in paths]
    fit_pca_shards(code, files["pca"], 6, 0)
    project_shards(code, files["pca"], files["components"])
    settings = {"groups": 3, "agreement": 0.667, "seed": 0, "voters": 3, "threads": 1}
    voting = votings.SCHEMES[steps["vote"]]
    voting.fit_file(files["components"], folder / "fitted.h5", **settings)
    groups = folder / "groups.yaml"
    regroup = regrouping.SCHEMES[steps["vote"]]
    regroup(folder / "fitted.h5", files["voters"], groups, None, seed=0, threads=1)
    counts = {"data": [[0, 5, 20, 44]] * 3, "null": [[0, 20, 30, 19]] * 3}
    (folder / "controls.json").write_text(json.dumps({"vote_counts": counts}))
    calibrate_votes_file(folder / "controls.json", files["confidence"])
    votes = folder / "votes.h5"
    voting.cast_file(files["components"], files["voters"], files["confidence"], votes)
    named = {0: {"class": "SPH"}, 1: {"class": "LTD"}, 2: {"class": "IRR"}}
    about = shards.read_attributes(votes)["voters"]
    write_yaml(files["names"], {"version": 1, "voters": about, "groups": named})
    model = (files["names"], files["components"], files["classifier"])
    fit_classifier_file(votes, *model, folder / "held_out.h5")
    classify_file(votes, *model, cut, folder / "classes.h5")
    return files


@pytest.fixture(scope="module", params=list(STEPS))
def done(request, tmp_path_factory):
    """Cutouts, the chain, and the folder with what the rules made of the same cutouts."""
    folder, steps = tmp_path_factory.mktemp(request.param), STEPS[request.param]
    arrays = make_cutouts()
    files = run_rules(folder, arrays, steps)
    return arrays, Chain.load(files, steps, threads=1), folder


def test_places_are_those_of_the_rules(done):
    arrays, chain, folder = done
    found = chain.locate(arrays)
    wanted = shards.read_shard(folder / "components.h5", ["component"])["component"]
    assert np.array_equal(found, wanted, equal_nan=True)
    assert np.isnan(found).any(axis=1).nonzero()[0].tolist() == [EMPTY]
    assert np.nanstd(found, axis=0).min() > 0
    # In any company.
    some = {name: values[3:9] for name, values in arrays.items()}
    assert np.array_equal(chain.locate(some), wanted[3:9], equal_nan=True)


def test_votes_and_classes_are_those_of_the_rules(done):
    arrays, chain, folder = done
    found = chain.follow(arrays)
    wanted, names = {}, ("group", "vote_fraction", "kept", "outlier")
    if chain.steps["vote"] == "published":
        # That vote is only for the galaxies it was fitted to; others go where their nearest went.
        components = shards.read_shard(folder / "components.h5", ["component"])["component"]
        wanted = cast_votes(
            components, nearest_voters(folder / "components.h5", folder / "voters.h5")
        )
        assert len(set(wanted["group"])) > 2
    else:
        names = list(found)
        for name in ("votes", "classes"):
            wanted |= shards.read_shard(folder / f"{name}.h5")
        assert set(wanted["class_origin"]) == {"vote", "classifier", "none"}
    for name in names:
        equal_nan = found[name].dtype.kind == "f"
        assert np.array_equal(found[name], wanted[name], equal_nan=equal_nan), name
    assert found["class_reason"][EMPTY] == "no data"
    assert found["class_reason"][0] == "no light"


def test_without_classes_a_chain_ends_at_the_vote(done):
    arrays, chain, folder = done
    files = {name: folder / f"{name}.h5" for name in ("pca", "voters", "components")}
    files["denoiser"] = folder / "denoiser.safetensors"
    files |= {"weights": folder / "encoder.safetensors", "card": folder / "encoder.json"}
    short = Chain.load(files, chain.steps)
    votes = short.vote(short.locate({name: values[:4] for name, values in arrays.items()}))
    assert "vote_confidence" not in votes
    assert votes["group"].tolist() == chain.follow(arrays)["group"][:4].tolist()
