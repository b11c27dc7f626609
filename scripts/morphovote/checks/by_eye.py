"""What labels by eye tell: accuracy, confusion, agreement, slips, and what more would bring."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morphovote.classify.anchored import weigh_anchored
from morphovote.classify.anchors import enough, read_anchors
from morphovote.classify.assignment import own_classes
from morphovote.classify.classes import CLASSES, order_names
from morphovote.classify.fitting import TRAINING_LIMIT, read_components
from morphovote.classify.labels import Labels, agreement, read_labels
from morphovote.classify.taught import FEWEST_LABELS, enough_labels, fit_taught
from morphovote.compute.statistics import fraction_interval
from morphovote.storage.shards import read_shard

# A label is a probable slip if the classifier that has not seen it is so sure of another class.
SURE, HARDLY = 0.85, 0.03
# Parts of the labels of which a learning curve is made, and draws of each.
PARTS, DRAWS = (0.4, 0.6, 0.8), 4
MORE = 50
# Slips that are listed.
SHOWN = 20


def count_confusion(held_out: dict[str, np.ndarray], check: str) -> list[dict]:
    """Galaxies of each class by eye (label) that get each class: rows of label, class, galaxies."""
    here = held_out["check"] == check
    pairs = list(zip(held_out["label"][here], held_out["class"][here], strict=True))
    names = order_names([name for pair in pairs for name in pair])
    return [
        {"label": label, "class": given, "galaxies": pairs.count((label, given))}
        for label in names
        for given in names
    ]


def find_slips(held_out: dict[str, np.ndarray]) -> list[dict]:
    """Labels that are probably slips, the surest first: id, label, class, probability."""
    by_eye = np.isin(held_out["check"], ("eye", "labels"))
    doubtful = by_eye & (held_out["uncorrected"] > SURE) & (held_out["label_probability"] < HARDLY)
    rows = np.flatnonzero(doubtful)
    rows = rows[np.argsort(-held_out["uncorrected"][rows], kind="stable")][:SHOWN]
    return [
        {
            "id": str(held_out["id"][row]),
            "label": str(held_out["label"][row]),
            "class": str(held_out["class"][row]),
            "probability": float(held_out["uncorrected"][row]),
        }
        for row in rows
    ]


def learning_curve(
    anchors: dict | None, taught: dict, random: np.ndarray, names: list[str], seed: int = 0
) -> list[dict]:
    """Share of left-out random labels that get their class, by the number of labels that teach.

    Parameters
    ----------
    anchors : dict of ndarray or None
    taught : dict of ndarray, shape (L, ...)
        component, counts, share, see `taught.fit_taught`.
    random : ndarray of bool, shape (L,)
        Labels that may be left out and judged.
    names : list of str
    seed : int

    Returns
    -------
    list of dict
        labels, right (share), galaxies (judged, in all draws); fewer rows where labels are few.
    """
    rng, size, found = np.random.default_rng(seed), len(random), []
    for part in PARTS:
        count, hits, judged = int(part * size), 0, 0
        for _ in range(DRAWS):
            chosen = np.isin(np.arange(size), rng.choice(size, count, replace=False))
            some = {name: values[chosen] for name, values in taught.items()}
            rest = ~chosen & random
            if not enough_labels(some["share"]) or not rest.any():
                continue
            model, *_ = fit_taught(anchors, some, names, seed, (5.0,))
            chance, _ = weigh_anchored(taught["component"][rest], taught["counts"][rest], model)
            truth = taught["share"][rest].argmax(axis=1)
            hits, judged = hits + int((chance.argmax(axis=1) == truth).sum()), judged + len(truth)
        if judged:
            found.append({"labels": count, "right": hits / judged, "galaxies": judged})
    return found


def extrapolate(curve: list[dict], size: int) -> dict | None:
    """What `MORE` labels would bring: gain in accuracy and its 90 % interval.

    The accuracy is taken to grow with the logarithm of the number of labels; the interval is that
    of the slope's binomial error.

    Returns
    -------
    dict or None
        labels (more), gain, low, high; None with fewer than two points.
    """
    if len(curve) < 2:
        return None
    place = np.log([row["labels"] for row in curve])
    right = np.array([row["right"] for row in curve])
    # Draws share galaxies: only those of one draw are independent.
    number = np.array([row["galaxies"] for row in curve]) / DRAWS
    spread = np.sqrt(np.maximum(right * (1 - right), 0.05) / number)
    centred = place - place.mean()
    slope = float((centred * right).sum() / (centred**2).sum())
    error = float(np.sqrt((centred**2 * spread**2).sum()) / (centred**2).sum())
    step = float(np.log((size + MORE) / size))
    ends = {"low": step * (slope - 1.645 * error), "high": step * (slope + 1.645 * error)}
    return {"labels": MORE, "gain": step * slope} | ends


def check_labels_file(
    labels: Sequence[str | Path],
    votes: str | Path,
    components: str | Path,
    names: str | Path,
    anchors: str | Path,
    held_out: str | Path,
) -> dict:
    """What a field's labels tell, for labels.json.

    Returns
    -------
    dict
        galaxies, random, people; accuracy (right, low, high, galaxies; of random labels, or of all
        if the tables do not say which are), check ("eye" or "labels"), confusion, agreement, slips,
        curve, more.
    """
    vote = read_shard(votes, ["id", "group", "counts"])
    by_eye = read_labels(labels, vote["id"], own_classes(names))
    held = read_shard(held_out)
    check = "eye" if (held["check"] == "eye").any() else "labels"
    here = held["check"] == check
    right = (held["class"] == held["label"])[here]
    share, low, high = fraction_interval(int(right.sum()), len(right))
    curve = _curve(by_eye, vote, components, anchors)
    return {
        "galaxies": len(by_eye.row),
        "random": int(by_eye.random.sum()),
        "people": len({who for _, who, _ in by_eye.answers}),
        "check": check,
        "accuracy": {"galaxies": len(right), "right": share, "low": low, "high": high},
        "confusion": count_confusion(held, check),
        "agreement": agreement(by_eye.answers),
        "slips": find_slips(held),
        "curve": curve,
        "more": extrapolate(curve, len(by_eye.row)),
    }


def _curve(by_eye: Labels, vote: dict, components: str | Path, anchors: str | Path) -> list[dict]:
    """The learning curve of a field's labels, with its anchors if there are enough."""
    seen = read_components(components, by_eye.row)
    use = np.isfinite(seen).all(axis=1) & (vote["group"][by_eye.row] >= 0)
    if use.sum() < FEWEST_LABELS or use.sum() > TRAINING_LIMIT:
        return []
    known = read_anchors(anchors)[0]
    known = known if enough(known) and set(known["class"]) <= set(CLASSES) else None
    taught = {"component": seen[use], "counts": vote["counts"][by_eye.row[use]]}
    random = by_eye.random[use] if by_eye.random.any() else np.ones(use.sum(), bool)
    return learning_curve(known, taught | {"share": by_eye.share[use]}, random, by_eye.names)
