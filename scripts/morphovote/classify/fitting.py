"""Fit the classifier: from anchors, labels by eye, or the galaxies on which the voters agree."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from morphovote.classify.anchored import fit_anchored, untaught
from morphovote.classify.anchors import enough, read_anchors
from morphovote.classify.assignment import (
    BATCH,
    VOTES,
    check_length,
    decide,
    own_classes,
    read_group_classes,
    share_votes,
    weigh_classes,
)
from morphovote.classify.calibration import cross_correct, fit_correction
from morphovote.classify.classes import CLASSES, order_names
from morphovote.classify.classifier import fit_classifier
from morphovote.classify.labels import Labels, read_labels
from morphovote.classify.taught import enough_labels, fit_taught
from morphovote.logs import log
from morphovote.storage.model_files import write_model
from morphovote.storage.shards import (
    count_rows,
    iterate_batches,
    read_attributes,
    read_shard,
    write_shard,
)

# Most galaxies in training.
TRAINING_LIMIT = 10_000


def complete_model(
    votes: dict[str, np.ndarray], names: dict[int, str], model: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Add to a classifier how common each class is, and no correction by eye.

    Parameters
    ----------
    votes, names
        Of the field that the classifier was fitted to, see `assignment.classify`.
    model : dict of ndarray
        From `fit_classifier`, `anchored.fit_anchored` or `taught.fit_taught`.

    Returns
    -------
    dict of ndarray
        With offset 0 and slope 1 of `calibration.correct`, taught_by and, where neither anchors nor
        labels teach, classes (C,) and prior (C,), the mean share of the votes over the field's
        galaxies.
    """
    model = {"offset": np.float64(0), "slope": np.float64(1)} | model
    if "anchor" in model:
        return {"taught_by": np.array(["anchors"])} | model
    order = order_names([*CLASSES, *names.values()])
    share = share_votes(votes["counts"], names, order)[votes["group"] >= 0]
    prior = share.mean(axis=0) if len(share) else np.zeros(len(order))
    empty = untaught(np.zeros((0, len(model["mean"]))))
    found = {"classes": np.array(order, dtype=str), "prior": prior, "taught_by": np.array(["vote"])}
    return model | found | empty


def check_by_eye(
    votes: dict[str, np.ndarray],
    names: dict[int, str],
    components: np.ndarray,
    model: dict[str, np.ndarray],
    labels: Labels,
    left_out: np.ndarray | None = None,
    given: Collection[int] = (),
) -> dict[str, np.ndarray]:
    """Classes that labelled galaxies would get without their labels, beside the labels.

    Parameters
    ----------
    votes : dict of ndarray, shape (L, ...)
        Of the labelled galaxies.
    names, model, given
        See `assignment.classify`; the model is not yet corrected by eye.
    components : ndarray, shape (L, P)
    labels : Labels
    left_out : ndarray, shape (L, C), optional
        Probabilities for which a galaxy's own label was unseen, by the model's classes; NaN where
        the galaxy has not taught.

    Returns
    -------
    dict of ndarray
        row, class, label (what most people say; of equals the one that is the class), uncorrected
        (the probability of class), label_probability, random. Galaxies without a class are left
        out.
    """
    order, probability, near = weigh_classes(votes, names, components, model)
    if left_out is not None:
        seen = np.isfinite(left_out).all(axis=1)
        places = [order.index(str(name)) for name in model["classes"]]
        probability[seen] = 0
        probability[np.ix_(seen, places)] = left_out[seen]
    found = decide(votes, names, order, probability, near, model, given=given)
    said = np.zeros(probability.shape)
    known = [i for i, name in enumerate(labels.names) if name in order]
    said[:, [order.index(labels.names[i]) for i in known]] = labels.votes[:, known]
    own = np.array(
        [order.index(name) if name in order else 0 for name in found["class"]], dtype=int
    )
    rows = np.arange(len(own))
    most = labels.votes.argmax(axis=1)
    tied = (said[rows, own] == labels.votes.max(axis=1)) & (found["class"] != "")
    label = np.where(tied, found["class"], np.array(labels.names, dtype=object)[most])
    place = np.array([order.index(name) if name in order else -1 for name in label], dtype=int)
    chance = np.where(place >= 0, probability[rows, place], 0)
    use = found["class_origin"] != "none"
    return {
        "row": labels.row[use],
        "class": found["class"][use],
        "label": label[use],
        "uncorrected": found["class_prob"][use].astype(float),
        "label_probability": chance[use],
        "random": labels.random[use],
    }


def correct_by_eye(
    model: dict[str, np.ndarray], eye: dict[str, np.ndarray], seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Correct a model by the randomly drawn labels, and add each galaxy's corrected probability."""
    drawn = eye["random"]
    claimed, right = eye["uncorrected"], eye["class"] == eye["label"]
    offset, slope = fit_correction(claimed[drawn], right[drawn])
    probability = claimed.copy()
    probability[drawn] = cross_correct(claimed[drawn], right[drawn], seed)
    log.info(
        "%d galaxies with a class by eye, %d of them drawn at random; of these the class is right "
        "for %.1f %%, and log-odds of a probability become %.2f + %.2f times what they are",
        len(drawn),
        drawn.sum(),
        100 * np.mean(right[drawn]) if drawn.any() else np.nan,
        offset,
        slope,
    )
    found = {"offset": np.float64(offset), "slope": np.float64(slope)}
    return model | found, eye | {"probability": probability}


def fit_classifier_file(
    votes: str | Path,
    names: str | Path,
    components: str | Path,
    output: str | Path,
    held_out: str | Path,
    labels: Sequence[str | Path] = (),
    seed: int = 0,
    anchors: str | Path | None = None,
) -> None:
    """Train the classifier: with anchors and labels, or on the kept galaxies of a field without.

    Without anchors, too few of them, or with classes that people made up for groups, and without
    enough labels, it is trained on a random sample (10,000 at most) of the kept galaxies.

    Parameters
    ----------
    votes, names, components : path
    output : path
        A model file.
    held_out : path
        An HDF5 table of galaxies on which probabilities can be checked: row, id, check ("vote",
        "anchors", "eye" for labels drawn at random, or "labels" for the others), class (given),
        label (class by the vote, in truth, or by eye), probability and, of labels, uncorrected and
        label_probability, that of the label (otherwise NaN). No row uses anything that was fitted
        to the galaxy's own label. Anchors are no galaxies of the field: row -1.
    labels : sequence of path
        Tables of classes by eye, see `labels.read_labels`.
    seed : int
    anchors : path, optional
        The model's.
    """
    attributes = read_attributes(votes)
    classes, given = read_group_classes(names, attributes)
    vote = read_shard(votes, VOTES)
    check_length(votes, components)
    known = read_anchors(anchors)[0] if anchors else None
    if known is not None and not (enough(known) and set(classes.values()) <= set(CLASSES)):
        known = None
    by_eye = read_labels(labels, vote["id"], own_classes(names)) if labels else None
    seen = read_components(components, by_eye.row if by_eye else np.zeros(0, int))
    taught = teach(known, by_eye, vote, seen, seed)
    if taught is None:
        model, table = _fit_kept(vote, classes, components, seed)
        left_out = None
    else:
        model, table, left_out = taught
    model = complete_model(vote, classes, model)
    if by_eye:
        some = {name: vote[name][by_eye.row] for name in VOTES[2:]}
        eye = check_by_eye(some, classes, seen, model, by_eye, left_out, given)
        model, eye = correct_by_eye(model, eye, seed)
        drawn = eye.pop("random")
        eye["check"] = np.where(drawn, "eye", "labels")
        table = {name: np.concatenate([table[name], eye[name]]) for name in table}
    found = read_attributes(components)
    about = {name: found[name] for name in ("pca", "encoder") if name in found}
    about |= {
        "galaxies": len(table["row"]),
        "seed": seed,
        "labels": len(by_eye.row) if by_eye else 0,
    }
    write_model(output, "classifier", model, about)
    places = table.pop("row").astype(int)
    start = {
        "row": np.where(places < 0, -1, vote["row"][places]),
        "id": np.where(places < 0, "anchor", vote["id"][places]).astype(object),
    }
    text = {name: table[name].astype(object) for name in ("check", "class", "label")}
    write_shard(held_out, start | table | text)


def teach(
    anchors: dict[str, np.ndarray] | None,
    labels: Labels | None,
    vote: dict[str, np.ndarray],
    seen: np.ndarray,
    seed: int,
) -> tuple[dict, dict, np.ndarray | None] | None:
    """Fit the classifier to anchors and labels; None if there are not enough of either.

    Parameters
    ----------
    anchors : dict of ndarray or None
    labels : Labels or None
    vote : dict of ndarray, shape (N, ...)
    seen : ndarray, shape (L, P)
        Components of the labelled galaxies.
    seed : int

    Returns
    -------
    model : dict of ndarray
    table : dict of ndarray
        What held-out anchors get.
    left_out : ndarray, shape (L, C), or None
        Probabilities of the labelled galaxies, their own labels unseen; None if they did not teach.
    """
    use = np.zeros(0, bool)
    if labels is not None:
        use = np.isfinite(seen).all(axis=1) & (vote["group"][labels.row] >= 0)
    if use.any() and use.sum() > TRAINING_LIMIT:
        chosen = np.random.default_rng(seed).choice(np.flatnonzero(use), TRAINING_LIMIT, False)
        use = np.isin(np.arange(len(use)), chosen)
    if use.any() and enough_labels(labels.share[use]):
        taught = {"component": seen[use], "counts": vote["counts"][labels.row[use]]}
        taught["share"] = labels.share[use]
        model, held, chance = fit_taught(anchors, taught, labels.names, seed)
        left_out = np.full((len(use), len(labels.names)), np.nan)
        left_out[use] = chance
        truth = anchors["class"] if anchors else np.zeros(0, str)
        return model, _table(np.full(len(held), -1), truth, held, labels.names, "anchors"), left_out
    if labels is not None:
        log.info("%d labels are too few to teach the classifier", use.sum())
    if anchors is None:
        return None
    model, held = fit_anchored(anchors, seed)
    rows = np.full(len(held), -1)
    return model, _table(rows, anchors["class"], held, model["classes"], "anchors"), None


def _fit_kept(
    vote: dict[str, np.ndarray], classes: dict[int, str], components: str | Path, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Fit the classifier to the kept galaxies, each of the class of its group."""
    rows = np.flatnonzero(vote["kept"] & ~vote["outlier"])
    if len(rows) > TRAINING_LIMIT:
        chosen = np.random.default_rng(seed).choice(rows, TRAINING_LIMIT, replace=False)
        rows = np.sort(chosen)
    labels = np.array([classes[int(number)] for number in vote["group"][rows]], dtype=str)
    model, held = fit_classifier(read_components(components, rows), labels, seed)
    return model, _table(rows, labels, held, model["names"], "vote")


def _table(
    rows: np.ndarray, labels: np.ndarray, held: np.ndarray, names: Sequence[str], check: str
) -> dict[str, np.ndarray]:
    """Held-out galaxies: what they get and what they are."""
    best = held.argmax(axis=1) if held.size else np.zeros(len(rows), int)
    none = np.full(len(rows), np.nan)
    return {
        "row": rows,
        "check": np.full(len(rows), check, dtype=object),
        "class": np.array([*names, ""], dtype=object)[best],
        "label": np.asarray(labels).astype(object),
        "probability": held.max(axis=1) if held.size else np.zeros(len(rows)),
        "uncorrected": none,
        "label_probability": none,
    }


def read_components(components: str | Path, rows: np.ndarray) -> np.ndarray:
    """Components (M, P) of some galaxies (rows sorted), with one batch in memory at a time."""
    chosen = np.zeros(count_rows(components), bool)
    chosen[rows] = True
    parts, start = [], 0
    for batch in iterate_batches(components, ["component"], BATCH):
        size = len(batch["component"])
        parts.append(batch["component"][chosen[start : start + size]])
        start += size
    return np.concatenate(parts)
