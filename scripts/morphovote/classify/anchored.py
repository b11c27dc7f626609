"""The classifier that anchors teach: probabilities of all classes, from components and votes.

For a galaxy x with components and votes,

    log P(c | x) = a log [p(c | components) / w(c)] + b log [s(c | votes) / w(c)] + const

with p a calibrated logistic regression trained on the anchors, s the share of class c among the
anchors of the groups for which the voters voted, and w the shares of the classes among the anchors.
Dividing by these makes all classes equally probable beforehand: how common they are in the field is
not taken from the field itself, because where simulations differ from the sky the estimate runs
away. a and b are not negative and make the left-out anchors most probable. Where a galaxy lies
farther from the anchors than they lie from each other, all classes become equally probable:
simulations are not the sky.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, softmax

from morphovote.classify.classes import CLASSES, order_names
from morphovote.classify.classifier import apply_classifier, fit_classifier
from morphovote.compute.neighbours import isolation
from morphovote.logs import log

# Anchors whose mean distance says how far a galaxy is from them all.
CLOSEST = 5
# The limit is this multiple of a quantile of the anchors' own distances; at FAR limits nothing is
# known any more.
QUANTILE, FACTOR, FAR = 0.99, 1.1, 2.0
# Probabilities below this say no more than this.
LEAST = 1e-4
# Anchors added to a group, spread as the classes are among all anchors.
SPREAD = 2.0


def vote_shares(
    counts: np.ndarray, anchor_counts: np.ndarray, target: np.ndarray, classes: int, own: bool
) -> np.ndarray:
    """Share of each class among the anchors in the groups for which a galaxy has votes.

    Parameters
    ----------
    counts : ndarray, shape (N, K)
        Votes of the galaxies for each group.
    anchor_counts : ndarray, shape (A, K)
    target : ndarray of int, shape (A,)
        Class of each anchor.
    classes : int
        Their number, C.
    own : bool
        Whether the galaxies are the anchors; then each is left out of its own shares.

    Returns
    -------
    ndarray, shape (N, C)
    """
    table = group_table(anchor_counts, target, classes)
    votes = normalised(counts)
    if not own:
        return votes @ normalised(table)
    mine = np.zeros((len(votes), *table.shape))
    mine[np.arange(len(votes)), :, target] = votes
    return np.einsum("ng,ngc->nc", votes, normalised(table[None] - mine))


def group_table(anchor_counts: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    """Anchors of each class in each group, (K, C): parts of an anchor where its votes differ."""
    one_hot = np.eye(classes)[target]
    return normalised(anchor_counts).T @ one_hot + SPREAD * one_hot.mean(axis=0)


def normalised(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(values.sum(axis=-1, keepdims=True), 1e-9)


def evidence_of(probability: np.ndarray, share: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probability, LEAST)) - np.log(np.maximum(share, LEAST))


def fit_pool(evidence: list[np.ndarray], share: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights (2,) of components and votes that make the known classes most probable.

    Parameters
    ----------
    evidence : list of ndarray, shape (A, C)
        Logarithms of how much each raises the classes.
    share : ndarray, shape (C,)
        Of the classes among the anchors.
    target : ndarray of int, shape (A,)
    """
    rows = np.arange(len(target))

    def loss(weight: np.ndarray) -> float:
        logits = np.log(share) + weight[0] * evidence[0] + weight[1] * evidence[1]
        return float(-log_softmax(logits, axis=1)[rows, target].mean())

    return minimize(loss, (0.7, 0.3), method="L-BFGS-B", bounds=((0, 2), (0, 2))).x


def cloud_limit(reference: np.ndarray) -> float:
    """Distance from the anchors (A, P) beyond which a galaxy lies outside their cloud."""
    own = isolation(reference, reference, CLOSEST)
    return float(FACTOR * np.quantile(own, QUANTILE))


def untaught(components: np.ndarray) -> dict[str, np.ndarray]:
    """What anchors would have taught a classifier, empty."""
    return {
        "share": np.zeros(0),
        "table": np.zeros((0, 0)),
        "pool": np.zeros(0),
        "anchor": np.zeros((0, components.shape[1]), np.float32),
        "anchor_limit": np.float64(0),
        "recover": np.zeros(0),
        "recover_range": np.zeros((0, 0)),
    }


def fit_anchored(
    anchors: dict[str, np.ndarray], seed: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Teach the classifier with the anchors.

    Parameters
    ----------
    anchors : dict of ndarray, shape (A, ...)
        From `anchors.read_anchors`.
    seed : int
        Of the folds.

    Returns
    -------
    model : dict of ndarray
        names, coefficients, intercepts, mean: the regression (see `classifier`); classes (C,), all
        of `CLASSES`; share (C,) among the anchors; prior (C,), equal for all with anchors; table
        (K, C); pool (2,); anchor (A, P), anchor_limit; recover, recover_range (see
        `fit_recovery`).
    held_out : ndarray, shape (A, C)
        Probabilities of each anchor, its own class unseen.
    """
    classes = order_names(CLASSES)
    target = np.array([classes.index(str(name)) for name in anchors["class"]])
    regression, left_out = fit_classifier(anchors["component"], anchors["class"], seed)
    share = (np.bincount(target, minlength=len(classes)) + 0.5) / (len(target) + 2.5)
    known = np.isin(np.arange(len(classes)), target).astype(float)
    reference = anchors["component"].astype(np.float32)
    model = {name: regression[name] for name in ("names", "coefficients", "intercepts", "mean")}
    model |= {
        "classes": np.array(classes, dtype=str),
        "share": share,
        "prior": known / known.sum(),
        "table": normalised(group_table(anchors["counts"], target, len(classes))),
        "anchor": reference,
        "anchor_limit": np.float64(cloud_limit(reference)),
    }
    columns = spread(left_out, regression["names"], classes)
    votes = vote_shares(anchors["counts"], anchors["counts"], target, len(classes), own=True)
    evidence = [evidence_of(columns, share), evidence_of(votes, share)]
    model["pool"] = fit_pool(evidence, share, target)
    held_out = _combine(evidence, model["pool"], model["prior"])
    model |= fit_recovery(anchors, held_out, classes)
    log.info(
        "%d anchors; %.1f %% of those left out get their class; weights of components and votes "
        "%.2f and %.2f",
        len(target),
        100 * np.mean(held_out.argmax(axis=1) == target),
        *model["pool"],
    )
    return model, held_out


def spread(probability: np.ndarray, names: np.ndarray, classes: list[str]) -> np.ndarray:
    """Columns of all classes, from those that the regression knows."""
    result = np.zeros((len(probability), len(classes)))
    result[:, [classes.index(str(name)) for name in names]] = probability
    return result


def _combine(evidence: list[np.ndarray], pool: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return softmax(
        np.log(np.maximum(prior, 1e-12)) + pool[0] * evidence[0] + pool[1] * evidence[1], axis=1
    )


def weigh_anchored(
    components: np.ndarray, counts: np.ndarray, model: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of all classes, row by row.

    Parameters
    ----------
    components, counts : ndarray, shape (N, P) and (N, K)
    model : dict of ndarray
        From `fit_anchored`.

    Returns
    -------
    probability : ndarray, shape (N, C)
        In the order of model["classes"].
    near : ndarray, shape (N,)
        1 within the cloud of the anchors, 0 at `FAR` times its limit and beyond: the weight of
        what the anchors say against the prior.
    """
    classes = [str(name) for name in model["classes"]]
    columns = spread(np.nan_to_num(apply_classifier(components, model)), model["names"], classes)
    votes = normalised(counts) @ model["table"]
    evidence = [evidence_of(columns, model["share"]), evidence_of(votes, model["share"])]
    found = _combine(evidence, model["pool"], model["prior"])
    distance = isolation(components, model["anchor"], CLOSEST) / model["anchor_limit"]
    near = np.clip((FAR - distance) / (FAR - 1), 0, 1)
    near = np.nan_to_num(near)
    return near[:, None] * found + (1 - near[:, None]) * model["prior"], near


def fit_recovery(
    anchors: dict[str, np.ndarray], held_out: np.ndarray, classes: list[str]
) -> dict[str, np.ndarray]:
    """Fit the chance that a galaxy keeps its class, as a function of its S/N and size.

    Kept is the class that it would have without noise and blur. A logistic regression on the
    logarithms of both, to second order; anchors without any class are left out.

    Parameters
    ----------
    anchors : dict of ndarray, shape (A,)
        clear, snr, segment.
    held_out : ndarray, shape (A, C)
        Probabilities, the anchor's own class unseen.
    classes : list of str

    Returns
    -------
    dict of ndarray
        recover (6,), coefficients; recover_range (2, 2), lowest and highest ln S/N and ln radius.
    """
    use = anchors["clear"] != "UNC"
    given = np.array(classes)[held_out.argmax(axis=1)]
    kept = (given == anchors["clear"])[use]
    place = np.log(np.stack([anchors["snr"], np.maximum(anchors["segment"], 1)], axis=1))[use]
    model = {"recover": np.zeros(6), "recover_range": np.quantile(place, [0.01, 0.99], axis=0)}
    terms = _terms(place, model["recover_range"])

    def loss(found: np.ndarray) -> float:
        odds = terms @ found
        fit = kept * log_expit(odds) + (1 - kept) * log_expit(-odds)
        return float(-fit.sum() + 0.05 * (found[1:] ** 2).sum())

    model["recover"] = minimize(loss, np.zeros(6), method="L-BFGS-B").x
    return model


def _terms(place: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Terms up to second order (N, 6), of places within the limits."""
    u, v = np.clip((place - limits[0]) / np.maximum(limits[1] - limits[0], 1e-6), 0, 1).T
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)


def chance_to_recover(
    snr: np.ndarray, segment: np.ndarray, model: dict[str, np.ndarray]
) -> np.ndarray:
    """Chance (N,) that a galaxy of this S/N and radius of its segment (px) keeps its class."""
    place = np.log(np.stack([np.maximum(snr, 1e-3), np.maximum(segment, 1)], axis=1))
    return expit(_terms(place.astype(float), model["recover_range"]) @ model["recover"])
