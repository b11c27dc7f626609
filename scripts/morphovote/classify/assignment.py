"""A class, a probability and a reason for every galaxy.

Kept galaxies take the class of their group; the others get theirs from the classifier and the
voters together. The probability combines three numbers known for every galaxy, kept or not: the
share of the voters whose group has the class, the classifier's probability, and how likely so many
votes are without any groups in the data (`confidence`). Groups also hold some galaxies that are not
of their class; that share is taken from simulated fields. If somebody has classified a random
sample of galaxies by eye, the probability is corrected to how often the class is right; the class
that people gave a galaxy wins.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from morphovote.classify.anchored import chance_to_recover, weigh_anchored
from morphovote.classify.anchors import segment_radius
from morphovote.classify.calibration import correct_chosen
from morphovote.classify.classes import CLASSES, DETECTED, REASONS, order_names
from morphovote.classify.classifier import apply_classifier, load_classifier
from morphovote.classify.labels import put_labels, read_labels
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.storage.model_folder import read_names
from morphovote.storage.rows import align_rows
from morphovote.storage.shards import (
    count_rows,
    iterate_batches,
    open_shard,
    read_attributes,
    read_shard,
    write_shard,
)

BATCH = 4096
# Purity of groups: the share of a group's galaxies that are of its class. Nothing in the vote shows
# it. This is the likeliest value on three simulated fields (seeds 2 to 4, 600 galaxies each) whose
# groups were named from the true classes; `benchmarks/classes.py` prints it, and how well it does
# on other fields.
PURITY = 0.79
# CLASS_ORIGIN of a class from the classifier, by what taught it.
ORIGINS = {"anchors": "anchors", "anchors and labels": "anchors", "labels": "labels"}
VOTES = ["row", "id", "group", "kept", "outlier", "counts", "vote_confidence"]


def share_votes(counts: np.ndarray, names: dict[int, str], order: list[str]) -> np.ndarray:
    """Share of the voters whose group has each class.

    Parameters
    ----------
    counts : ndarray of int, shape (N, K)
        Votes for each group.
    names : dict of str
        Class of each group.
    order : list of str
        All classes.

    Returns
    -------
    ndarray, shape (N, C)
        Zeros where no voter voted.
    """
    table = np.zeros((len(names), len(order)))
    for number, name in names.items():
        table[number, order.index(name)] = 1
    return counts @ table / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def weigh_classes(
    votes: dict[str, np.ndarray],
    names: dict[int, str],
    components: np.ndarray,
    model: dict[str, np.ndarray],
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Probability of every class, before any correction by eye.

    With anchors it is that of `anchored`. Without them

    .. math:: P = k c \\, (s + p) / 2 + (1 - k c) \\, q

    with s the share of the voters whose group has the class, p the classifier's probability, c the
    confidence of the vote, k = `PURITY`, and q how common the class is in the field that the model
    was fitted to. With probability 1 - c the votes are those of noise, and with 1 - k the galaxy is
    not of its group's class; the votes then do not help. The mean of s and p is better calibrated
    than either, because they err in different ways: p is too sure of galaxies between the groups,
    on which it was not trained (Clemen & Winkler 1999, Risk Anal. 19, 187, on linear pools).

    Parameters
    ----------
    votes, names, components, model
        See `classify`.

    Returns
    -------
    order : list of str
        Classes.
    probability : ndarray, shape (N, C)
        NaN where there was no vote.
    near : ndarray, shape (N,)
        See `anchored.weigh_anchored`; 1 without anchors.
    """
    order = order_names([*CLASSES, *names.values(), *model["names"], *model["classes"]])
    if len(model["anchor"]):
        found, near = weigh_anchored(components, votes["counts"], model)
        probability = np.zeros((len(found), len(order)))
        probability[:, [order.index(str(name)) for name in model["classes"]]] = found
        probability[votes["group"] < 0] = np.nan
        return order, probability, near
    share = share_votes(votes["counts"], names, order)
    pooled = share
    if len(model["names"]):
        by_classifier = np.zeros_like(share)
        known = [order.index(str(name)) for name in model["names"]]
        by_classifier[:, known] = apply_classifier(components, model)
        pooled = (share + by_classifier) / 2
    prior = np.zeros(len(order))
    prior[[order.index(str(name)) for name in model["classes"]]] = model["prior"]
    sure = PURITY * np.nan_to_num(votes["vote_confidence"].astype(float))[:, None]
    probability = sure * pooled + (1 - sure) * (prior if prior.sum() else pooled)
    probability[votes["group"] < 0] = np.nan
    return order, probability, np.ones(len(probability))


def classify(
    votes: dict[str, np.ndarray],
    names: dict[int, str],
    components: np.ndarray,
    model: dict[str, np.ndarray],
    snr: np.ndarray | None = None,
    segment: np.ndarray | None = None,
    given: Collection[int] = (),
) -> dict[str, np.ndarray]:
    """Give each galaxy a class.

    Parameters
    ----------
    votes : dict of ndarray, shape (N, ...)
        group, kept, outlier, counts, vote_confidence, from `cast_votes`.
    names : dict of str
        Class of each group.
    components : ndarray, shape (N, P)
    model : dict of ndarray
        From `fitting.complete_model`.
    snr : ndarray, shape (N,), optional
        Signal-to-noise ratio inside the segment. A galaxy below `DETECTED` is not detected.
    segment : ndarray, shape (N,), optional
        Radius (px) of a circle of the segment's area.
    given : collection of int
        Groups whose names people gave.

    Returns
    -------
    dict of ndarray, shape (N,)
        class : str. With anchors the most probable class, but for kept galaxies the name that
            people gave their group. Without anchors the group's class if the vote is kept,
            otherwise the most probable one; "UNC" for outliers, and if the classifier knows no
            class. "UNC" for galaxies that are not detected; "" without data.
        p_<class> : float32, probability of each class, see `weigh_classes`; corrected if classes by
            eye were given. NaN if there is no class.
        class_prob : float32, that of the class, the largest.
        class_second : str, the most probable of the other classes, "" if none.
        class_origin : str, "vote" (the class is that of the group of a kept galaxy), "anchors" (the
            classifier taught by anchors, and labels), "labels" (taught by labels alone),
            "classifier" (taught by kept galaxies) or "none".
        class_reason : str, of `REASONS`: why there is no class.
        far : bool, whether the galaxy lies outside the cloud of the anchors.
        recoverable : float32, chance that a galaxy of this S/N and size keeps its class.
    """
    weighed = weigh_classes(votes, names, components, model)
    return decide(votes, names, *weighed, model, snr, segment, given)


def decide(
    votes: dict[str, np.ndarray],
    names: dict[int, str],
    order: list[str],
    probability: np.ndarray,
    near: np.ndarray,
    model: dict[str, np.ndarray],
    snr: np.ndarray | None = None,
    segment: np.ndarray | None = None,
    given: Collection[int] = (),
) -> dict[str, np.ndarray]:
    """Classes as `classify` gives them, from the probabilities that `weigh_classes` returns."""
    anchored = len(model["anchor"]) > 0
    has_data = votes["group"] >= 0
    seen = has_data if snr is None else has_data & (snr >= DETECTED)
    usual = seen & (anchored | ~votes["outlier"])
    named = np.isin(votes["group"], list(given)) if anchored else np.ones(len(seen), bool)
    by_name = votes["kept"] & usual & named & ~votes["outlier"]
    own = np.array([order.index(names[number]) for number in range(len(names))])
    own = own[np.maximum(votes["group"], 0)]
    chosen = np.where(by_name, own, np.nan_to_num(probability).argmax(axis=1))
    from_vote = votes["kept"] & usual & (by_name | (anchored & (chosen == own)))
    others = usual & ~from_vote & (anchored or len(model["names"]) > 0)
    decided = from_vote | others
    probability = correct_chosen(probability, chosen, float(model["offset"]), float(model["slope"]))
    rows = np.arange(len(chosen))
    rest = np.nan_to_num(probability)
    rest[rows, chosen] = -1
    second = np.where(rest.max(axis=1) > 0, rest.argmax(axis=1), -1)
    probability[~decided] = np.nan
    text = np.array([*order, ""], dtype=object)
    name = text[np.where(decided, chosen, -1)]
    name[has_data & ~decided] = "UNC"
    origin = np.full(len(chosen), "none", dtype=object)
    origin[from_vote], origin[others] = (
        "vote",
        ORIGINS.get(str(model["taught_by"][0]), "classifier"),
    )
    reason = np.full(len(chosen), "", dtype=object)
    reason[decided & (name == "UNC")] = "unclassifiable"
    reason[has_data & ~decided] = "no classifier"
    reason[has_data & ~decided & votes["outlier"]] = "outlier"
    reason[~seen] = "no light"
    reason[~has_data] = "no data"
    chance = np.full(len(chosen), np.nan)
    if len(model["recover"]) and snr is not None and segment is not None:
        chance = np.where(seen, chance_to_recover(snr, segment, model), 0)
    return {
        "class": name,
        **{f"p_{n}": probability[:, i].astype(np.float32) for i, n in enumerate(order)},
        "class_prob": probability[rows, chosen].astype(np.float32),
        "class_second": text[np.where(decided, second, -1)],
        "class_origin": origin,
        "class_reason": reason,
        "far": has_data & (near < 1),
        "recoverable": np.where(has_data, chance, np.nan).astype(np.float32),
    }


def own_classes(path: str | Path) -> set[str]:
    """Classes that people made up, in names.yaml."""
    content = read_names(path)
    used = {str(entry["class"]) for entry in content["groups"].values()}
    return {*map(str, content.get("classes") or {}), *used}


def read_group_classes(path: str | Path, attributes: dict) -> tuple[dict[int, str], set[int]]:
    """Class of each group, from names.yaml, and which groups were named by people.

    Parameters
    ----------
    path : path
    attributes : dict
        Of the votes: `groups` and `voters`.

    Returns
    -------
    classes : dict of str
    given : set of int
        Groups whose name is one that people gave, and not only suggested.

    Raises
    ------
    InputError
        If the file is unreadable or belongs to another vote.
    """
    content = read_names(path)
    classes = {number: str(entry["class"]) for number, entry in content["groups"].items()}
    groups, voters = int(attributes["groups"]), attributes["voters"]
    named = content.get("regrouped", content.get("voters"))
    if named != voters or sorted(classes) != list(range(groups)):
        raise InputError(
            f"{path}: names {len(classes)} groups of vote {named}, but the votes "
            f"are of {groups} groups of vote {voters}.\nTake names and voters from one model "
            "folder, or delete the file and run the workflow again."
        )
    unknown = sorted(set(classes.values()) - {*CLASSES, *(content.get("classes") or {})})
    if unknown:
        raise InputError(f"{path}: unknown class {unknown[0]}, expected {', '.join(CLASSES)}.")
    given = {
        number
        for number, entry in content["groups"].items()
        if content.get("origin") == "file" or entry["class"] != entry.get("suggested", "")
    }
    return classes, given


def check_length(votes: str | Path, components: str | Path) -> None:
    """Raise an error if two files have different numbers of galaxies."""
    if count_rows(votes) != count_rows(components):
        raise InputError(
            f"{votes}: {count_rows(votes)} rows, but {components} has {count_rows(components)}. "
            "Delete the older of the two and run the workflow again."
        )


def classify_file(
    votes: str | Path,
    names: str | Path,
    components: str | Path,
    classifier: str | Path,
    cutouts: Sequence[str | Path],
    output: str | Path,
    labels: Sequence[str | Path] = (),
) -> None:
    """Classify all galaxies of a field, one batch in memory at a time.

    Parameters
    ----------
    votes, names, components, classifier : path
    cutouts : sequence of path
        All shards, for the signal-to-noise ratios.
    output : path
    labels : sequence of path
        Tables of galaxies classified by eye, whose classes win.

    Raises
    ------
    InputError
        If names, classifier and votes do not belong to one model.
    """
    classes, given = read_group_classes(names, read_attributes(votes))
    model, attributes = load_classifier(classifier)
    found = read_attributes(components)
    with open_shard(components) as file:
        width = file["component"].shape[1]
    if width != len(model["mean"]) or found.get("pca") != attributes.get("pca"):
        raise InputError(
            f"{components}: {width} components of PCA {found.get('pca')}, but {classifier} was "
            f"trained on {len(model['mean'])} of PCA {attributes.get('pca')}.\nTake both from one "
            "model folder."
        )
    check_length(votes, components)
    rows = read_shard(votes, ["row"])["row"]
    light = align_rows(rows, read_light(cutouts))
    parts, start = [], 0
    batches = iterate_batches(votes, VOTES, BATCH)
    for vote, batch in zip(batches, iterate_batches(components, ["component"], BATCH), strict=True):
        stop = start + len(vote["row"])
        seen = {name: values[start:stop] for name, values in light.items()}
        found_classes = classify(vote, classes, batch["component"], model, **seen, given=given)
        start = stop
        parts.append({"row": vote["row"], "id": vote["id"], **found_classes})
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if labels:
        by_eye = read_labels(labels, arrays["id"], own_classes(names))
        order = [name[2:] for name in arrays if name.startswith("p_")]
        arrays = put_labels(arrays, by_eye, order)
    for origin in ("vote", "anchors", "labels", "classifier", "none"):
        log.info("%d galaxies classified by: %s", (arrays["class_origin"] == origin).sum(), origin)
    for reason in sorted(set(arrays["class_reason"]) - {""}):
        log.info("%d galaxies: %s", (arrays["class_reason"] == reason).sum(), REASONS[reason])
    if "anchors" in str(model["taught_by"][0]):
        log.info("%d galaxies lie outside the cloud of the anchors", arrays["far"].sum())
    write_shard(output, arrays)


def read_light(cutouts: Sequence[str | Path]) -> dict[str, np.ndarray]:
    """Row, signal-to-noise ratio and radius of the segment (px) of all galaxies, by batches."""
    parts = [
        {
            "row": batch["row"],
            "snr": batch["snr"],
            "segment": segment_radius(batch["mask"]),
        }
        for path in cutouts
        for batch in iterate_batches(path, ["row", "snr", "mask"], 256)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
