"""The classifier that labels by eye teach, alone or together with anchors.

One logistic regression learns from anchors and labels, in which a label counts as much as several
anchors (`WEIGHTS`); so it is with the votes (`anchored`). For a galaxy x with components and votes,

    log P(c | x) = o(c) + a log [p(c | components) / w(c)] + b log [s(c | votes) / w(c)] + const

with w the shares of the classes in training. The offsets o say how common the classes are in the
field. Galaxies may be labelled because they are doubtful: that changes which galaxies are seen, but
not what a galaxy that looks like this is. a, b and o make the labels left out of training most
probable (five folds). So does the weight, but of several that do so about as well (within one
standard error) the one that trusts the anchors most is taken. A galaxy on which people disagree
counts for each of its classes in parts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from morphovote.classify.anchored import (
    SPREAD,
    cloud_limit,
    evidence_of,
    fit_recovery,
    normalised,
    untaught,
)
from morphovote.classify.classifier import spread_folds
from morphovote.logs import log

FOLDS = 5
# Fewest labels that teach; with fewer, weights and offsets could not be told by leaving some out.
FEWEST_LABELS = 20
# Anchors that one label counts as; infinite: anchors do not teach.
WEIGHTS = (1.0, 5.0, 25.0, np.inf)
# Inverse strength of the L2 penalty, for components of unit total variance.
STRENGTH = 1.0
# All anchors together count as so many labels where a, b and o are fitted.
ANCHORS_AS_LABELS = 100.0
# Inverse variance of the offsets, so that classes without a label do not vanish.
PENALTY = 8.0
# The cloud's limit where there are no anchors: no galaxy lies outside.
NO_LIMIT = 1e30


class Examples(NamedTuple):
    """Galaxies of known class: anchors, then labels.

    Attributes
    ----------
    component : ndarray, shape (N, P)
    votes : ndarray, shape (N, K)
        Shares of the voters.
    share : ndarray, shape (N, C)
        Of the classes; 0 and 1 where everybody agrees.
    labelled : ndarray of bool, shape (N,)
    fold : ndarray of int, shape (N,)
    """

    component: np.ndarray
    votes: np.ndarray
    share: np.ndarray
    labelled: np.ndarray
    fold: np.ndarray


class Trial(NamedTuple):
    """What left-out galaxies would get with one weight of the labels.

    Attributes
    ----------
    weight : float
    evidence : ndarray, shape (2, N, C)
        Of components and of votes.
    """

    weight: float
    evidence: np.ndarray


def enough_labels(share: np.ndarray) -> bool:
    """Whether labels (N, C) are enough to teach: `FEWEST_LABELS` of two classes."""
    return len(share) >= FEWEST_LABELS and len(np.unique(share.argmax(axis=1))) > 1


def gather(anchors: dict | None, labels: dict, classes: list[str], seed: int) -> Examples:
    """Put anchors and labels into one set of examples, each class spread evenly over the folds."""
    known = anchors or {name: values[:0] for name, values in labels.items()}
    names = known.get("class", ())
    target = np.array([classes.index(str(name)) for name in names], dtype=int)
    share = np.concatenate([np.eye(len(classes))[target], labels["share"]])
    labelled = np.arange(len(share)) >= len(target)
    fold = np.concatenate(
        [spread_folds(part.argmax(axis=1), seed) for part in (share[~labelled], share[labelled])]
    )
    votes = np.concatenate([known["counts"], labels["counts"]])
    component = np.concatenate([known["component"], labels["component"]]).astype(np.float64)
    return Examples(component, normalised(votes), share, labelled, fold)


def weigh(labelled: np.ndarray, weight: float) -> np.ndarray:
    """How much each example counts in training."""
    return np.where(labelled, 1.0, 0.0) if np.isinf(weight) else np.where(labelled, weight, 1.0)


def learn(
    examples: Examples, count: np.ndarray, start: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Regression, table of the groups and class shares from examples that count differently.

    Parameters
    ----------
    examples : Examples
        Components centred and scaled.
    count : ndarray, shape (N,)
        0 leaves an example out.
    start : ndarray, shape (C, P + 1), optional
        Coefficients from which to start.

    Returns
    -------
    dict of ndarray
        coefficient (C, P + 1), the intercepts last; table (K, C); share (C,).
    """
    classes = examples.share.shape[1]
    weighted = count[:, None] * examples.share
    share = (weighted.sum(axis=0) + 0.5) / (weighted.sum() + 0.5 * classes)
    used = count > 0
    coefficient = fit_regression(examples.component[used], weighted[used], start)
    table = normalised(examples.votes.T @ weighted + SPREAD * share)
    return {"coefficient": coefficient, "table": table, "share": share}


def fit_regression(
    component: np.ndarray, weighted: np.ndarray, start: np.ndarray | None = None
) -> np.ndarray:
    """Coefficients (C, P + 1) of a multinomial logistic regression, the intercepts last.

    Parameters
    ----------
    component : ndarray, shape (N, P)
        Centred and scaled.
    weighted : ndarray, shape (N, C)
        How much each galaxy counts for each class.
    start : ndarray, shape (C, P + 1), optional
        Coefficients from which to start.
    """
    data = np.column_stack([component, np.ones(len(component))])
    shape = (weighted.shape[1], data.shape[1])
    count = weighted.sum(axis=1, keepdims=True)
    penalty = np.append(np.full(shape[1] - 1, 1 / STRENGTH), 1e-3)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        found = flat.reshape(shape)
        logits = data @ found.T
        logits -= logits.max(axis=1, keepdims=True)
        chance = np.exp(logits)
        total = chance.sum(axis=1, keepdims=True)
        chance /= total
        fit = (weighted * (np.log(total) - logits)).sum()
        slope = (count * chance - weighted).T @ data + penalty * found
        return float(fit + (penalty * found**2).sum() / 2), slope.ravel()

    first = np.zeros(shape) if start is None else start
    options = {"maxiter": 300, "ftol": 1e-7, "gtol": 1e-3}
    return minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(
        shape
    )


def evidence_from(examples: Examples, rows: np.ndarray, learnt: dict) -> np.ndarray:
    """Evidence (2, M, C) of components and votes for the classes of some examples."""
    found = learnt["coefficient"]
    logits = examples.component[rows] @ found[:, :-1].T + found[:, -1]
    by_components = softmax(logits, axis=1)
    by_votes = examples.votes[rows] @ learnt["table"]
    return np.stack([evidence_of(part, learnt["share"]) for part in (by_components, by_votes)])


def leave_out(examples: Examples, weights: Sequence[float] = WEIGHTS) -> list[Trial]:
    """Evidence of every example from training without its fold, for several weights of labels."""
    trials = []
    for weight in weights if not examples.labelled.all() else (np.inf,):
        count = weigh(examples.labelled, weight)
        evidence = np.zeros((2, *examples.share.shape))
        start = learn(examples, count)["coefficient"]
        for number in range(FOLDS):
            out = examples.fold == number
            learnt = learn(examples, np.where(out, 0, count), start)
            evidence[:, out] = evidence_from(examples, out, learnt)
        trials.append(Trial(weight, evidence))
    return trials


def fit_weights(evidence: np.ndarray, examples: Examples, use: np.ndarray) -> np.ndarray:
    """Weights of components and votes, and offsets of the classes: shape (2 + C,).

    Parameters
    ----------
    evidence : ndarray, shape (2, N, C)
    examples : Examples
    use : ndarray of bool, shape (N,)
        Examples to fit to.
    """
    anchor = use & ~examples.labelled
    count = np.where(examples.labelled, 1.0, ANCHORS_AS_LABELS / max(anchor.sum(), 1))[use]
    # How common the classes are among anchors is known; among the field's galaxies it is fitted.
    classes = examples.share.shape[1]
    known = examples.share[anchor].mean(axis=0) if anchor.any() else np.ones(classes)
    own = examples.labelled[use]
    start = np.where(own[:, None], 0.0, np.log(np.maximum(known, 1e-3)))
    evidence, share = evidence[:, use], examples.share[use]

    def loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        offset = found[2:]
        logits = start + found[0] * evidence[0] + found[1] * evidence[1] + own[:, None] * offset
        fit = log_softmax(logits, axis=1)
        wrong = count[:, None] * (np.exp(fit) - share)
        slope = (evidence * wrong).sum(axis=(1, 2)), wrong[own].sum(axis=0) + PENALTY * offset
        total = -(count[:, None] * share * fit).sum() + PENALTY / 2 * (offset**2).sum()
        return float(total), np.concatenate(slope)

    bounds = [(0, 3)] * 2 + [(-5, 5)] * classes
    first = np.array([0.7, 0.3] + [0.0] * classes)
    return minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds).x


def choose_trial(
    trials: list[Trial], examples: Examples, use: np.ndarray
) -> tuple[Trial, np.ndarray]:
    """The trial to believe by the labels among some examples, and its weights."""
    own = use & examples.labelled
    fitted, losses = [], []
    for trial in trials:
        fitted.append(fit_weights(trial.evidence, examples, use))
        chance = combine(trial.evidence[:, own], fitted[-1], known_classes(examples))
        losses.append(-(examples.share[own] * np.log(np.maximum(chance, 1e-9))).sum(axis=1))
    worse = np.array(losses) - losses[int(np.argmin([loss.mean() for loss in losses]))]
    good = worse.mean(axis=1) <= worse.std(axis=1) / np.sqrt(own.sum())
    # Ordered from the most trust in anchors.
    first = int(np.argmax(good))
    return trials[first], fitted[first]


def known_classes(examples: Examples) -> np.ndarray:
    """Classes (C,) of which there are examples."""
    return examples.share.sum(axis=0) > 0


def combine(evidence: np.ndarray, found: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) from evidence (2, N, C), weights and offsets, of the known classes."""
    total = found[0] * evidence[0] + found[1] * evidence[1] + found[2:]
    return softmax(np.where(known, total, -30), axis=1)


def fit_taught(
    anchors: dict[str, np.ndarray] | None,
    labels: dict[str, np.ndarray],
    names: Sequence[str],
    seed: int = 0,
    weights: Sequence[float] = WEIGHTS,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Teach the classifier with labels, and with anchors if there are any.

    Parameters
    ----------
    anchors : dict of ndarray, shape (A, ...), or None
        From `anchors.read_anchors`.
    labels : dict of ndarray, shape (L, ...)
        component, all finite; counts, votes for each group; share (L, C), of the people who gave
        each class.
    names : sequence of str
        The C classes of share, with all of `CLASSES`, in order.
    seed : int
        Of the folds.
    weights : sequence of float
        Anchors that one label may count as, ascending.

    Returns
    -------
    model : dict of ndarray
        As `anchored.fit_anchored` gives it; taught_by tells "anchors and labels" or "labels".
    anchor_chance : ndarray, shape (A, C)
        Probabilities of each anchor, its own class unseen, all classes equally probable.
    label_chance : ndarray, shape (L, C)
        Probabilities of each labelled galaxy: neither training nor weights have seen its fold.
    """
    classes = list(names)
    raw = gather(anchors, labels, classes, seed)
    mean = raw.component.mean(axis=0)
    scale = max(float(np.sqrt(((raw.component - mean) ** 2).sum(axis=1).mean())), 1e-12)
    examples = raw._replace(component=(raw.component - mean) / scale)
    known = known_classes(examples)
    every = np.ones(len(examples.labelled), bool)
    trials = leave_out(examples, weights)
    best, found = choose_trial(trials, examples, every)
    learnt = learn(examples, weigh(examples.labelled, best.weight))
    alone = np.isinf(best.weight)
    prior = np.where(known, softmax(found[2:]), 0)
    reference = raw.component[examples.labelled if alone else every].astype(np.float32)
    model = untaught(reference) | {
        "names": np.array(classes, dtype=str),
        "classes": np.array(classes, dtype=str),
        "coefficients": learnt["coefficient"][:, :-1] / scale,
        "intercepts": learnt["coefficient"][:, -1],
        "mean": mean,
        "share": learnt["share"],
        "table": learnt["table"],
        "pool": found[:2],
        "prior": prior / prior.sum(),
        "anchor": reference,
        "anchor_limit": np.float64(NO_LIMIT if alone else cloud_limit(reference)),
        "taught_by": np.array(["labels" if alone else "anchors and labels"]),
    }
    equal = np.append(found[:2], np.zeros(len(classes)))
    anchor_chance = combine(best.evidence[:, ~examples.labelled], equal, known)
    if anchors is not None:
        model |= fit_recovery(anchors, anchor_chance, classes)
    log.info(
        "%d labels teach, each as much as %s; weights of components and votes %.2f and %.2f",
        examples.labelled.sum(),
        "all there is: anchors do not" if alone else f"{best.weight:g} anchors",
        *model["pool"],
    )
    return model, anchor_chance, _left_out_labels(trials, examples)


def _left_out_labels(trials: list[Trial], examples: Examples) -> np.ndarray:
    """Probabilities (L, C) of labelled galaxies, weights chosen and fitted without their fold."""
    result, known = np.zeros(examples.share.shape), known_classes(examples)
    for number in range(FOLDS):
        out = (examples.fold == number) & examples.labelled
        if out.any():
            trial, found = choose_trial(trials, examples, examples.fold != number)
            result[out] = combine(trial.evidence[:, out], found, known)
    return result[examples.labelled]
