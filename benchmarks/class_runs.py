"""Runs of simulated fields for `classes.py`: their truth, and classes from given names."""

from pathlib import Path

import numpy as np
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    balanced_accuracy_score,
)

from morphovote.classify import assignment, classifier, fitting
from morphovote.classify.classes import order_names
from morphovote.classify.labels import Labels
from morphovote.fields.catalogues import read_table
from morphovote.groups.suggestion import FEWEST_MEMBERS
from morphovote.measure.quality import MEASURED
from morphovote.storage import shards
from morphovote.storage.rows import align_rows


def read_run(folder: Path) -> dict:
    """Truth, votes, components and measurements of a run, one row per galaxy."""
    votes = shards.read_shard(folder / "votes.h5")
    truth = read_table(folder / "simulated/truth.fits")[votes["row"]]
    places = [sorted((folder / stage).glob("*.h5")) for stage in ("measurements", "cutouts")]
    shape = None
    if places[0]:
        shape = shards.concatenate(places[0], ["row", "measure_flag", "flags", *MEASURED])
        shape = align_rows(votes["row"], shape)
    light = shards.concatenate(places[1], ["row", "snr", "flags"])
    return {
        "votes": votes,
        "groups": int(shards.read_attributes(folder / "votes.h5")["groups"]),
        "voters": str(shards.read_attributes(folder / "votes.h5")["voters"]),
        "component": shards.read_shard(folder / "components.h5", ["component"])["component"],
        "true": np.asarray(truth["TYPE"]).astype(str),
        "mag": np.asarray(truth["MAG"], float),
        "shape": shape,
        "light": align_rows(votes["row"], light),
    }


def oracle_names(run: dict) -> dict[int, str]:
    """Commonest true type of each group's kept members."""
    names = {}
    for number in range(run["groups"]):
        member = run["votes"]["group"] == number
        core = member & run["votes"]["kept"]
        use = core if core.sum() >= FEWEST_MEMBERS else member
        kinds, counts = np.unique(run["true"][use], return_counts=True)
        names[number] = str(kinds[counts.argmax()]) if use.any() else "UNC"
    return names


def classify_run(run: dict, names: dict[int, str], checked=None) -> tuple[dict, dict]:
    """Classes of all galaxies, and the classifier's result on held-out kept galaxies."""
    votes, rows = run["votes"], np.flatnonzero(run["votes"]["kept"] & ~run["votes"]["outlier"])
    labels = np.array([names[int(group)] for group in votes["group"][rows]])
    model, held = classifier.fit_classifier(run["component"][rows], labels)
    model = fitting.complete_model(votes, names, model)
    if checked:
        model = correct_model(run, names, model, *checked)
    found = assignment.classify(votes, names, run["component"], model)
    right = model["names"][held.argmax(axis=1)] == labels
    return found, {"probability": held.max(axis=1), "right": right}


def correct_model(
    run: dict, names: dict[int, str], model: dict, rows: np.ndarray, kinds: np.ndarray
) -> dict:
    """The model corrected by galaxies drawn at random, whose classes by eye did not teach it."""
    order = order_names(run["true"])
    given = (np.asarray(kinds)[:, None] == order).astype(int)
    labels = Labels(rows, order, given, np.ones(len(rows), bool), True, [])
    some = {key: values[rows] for key, values in run["votes"].items()}
    eye = fitting.check_by_eye(some, names, run["component"][rows], model, labels)
    return fitting.correct_by_eye(model, eye, 0)[0]


def score(true: np.ndarray, given: np.ndarray) -> list[float]:
    """Accuracy, balanced accuracy, ARI and AMI."""
    return [
        float(np.mean(true == given)),
        float(balanced_accuracy_score(true, given)),
        float(adjusted_rand_score(true, given)),
        float(adjusted_mutual_info_score(true, given)),
    ]
