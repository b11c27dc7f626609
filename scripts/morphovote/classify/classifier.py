"""The classifier: learn the classes of the kept galaxies from their principal components.

It is a multinomial logistic regression, trained on kept galaxies. Its probabilities are calibrated
with one temperature (Guo et al. 2017) on galaxies left out of training. Classes are not balanced in
training: probabilities are meant to be frequencies, and reweighting would shift them. The
classifier learns the vote's own classes; how well these fit a galaxy on which the voters disagree
cannot be calibrated on kept galaxies.
"""

from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from morphovote.classify.classes import OWN_CLASS, order_names
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.reduce.pca import affine
from morphovote.storage.model_files import read_model

FOLDS = 5
# Inverse strengths of the L2 penalty to try, for components of unit total variance.
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
# Arrays of a model file: the logistic regression, how common each class is, the correction from
# classes by eye.
ARRAYS = (
    "names",
    "coefficients",
    "intercepts",
    "mean",
    "classes",
    "prior",
    "offset",
    "slope",
    # What anchors or labels teach (`anchored`, `taught`); empty without them.
    "share",
    "table",
    "pool",
    "anchor",
    "anchor_limit",
    "recover",
    "recover_range",
    # One word: "anchors", "anchors and labels", "labels" or "vote".
    "taught_by",
)


def fit_classifier(
    components: np.ndarray, labels: np.ndarray, seed: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Train and calibrate the classifier.

    Penalty and temperature minimise the log loss over five folds.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        All finite.
    labels : ndarray of str, shape (N,)
        Classes. With one class or none there is nothing to train.
    seed : int
        For the folds.

    Returns
    -------
    model : dict of ndarray
        names (C,) str, coefficients (C, P), intercepts (C,), mean (P,), all for components in their
        own units and already divided by the temperature; temperature (a scalar) and loss (log loss
        of left-out galaxies, nat) for information.
    held_out : ndarray, shape (N, C)
        Probabilities of each galaxy from training without its fold, with the penalty and
        temperature that suit the other folds best, so that nothing in a row was fitted to that
        galaxy's own label. All equal if there is one class, or none.
    """
    names = np.array(order_names(labels), dtype=str)
    width = components.shape[1]
    mean = components.mean(axis=0, dtype=np.float64) if len(components) else np.zeros(width)
    model = {
        "names": names,
        "coefficients": np.zeros((len(names), width)),
        "intercepts": np.zeros(len(names)),
        "mean": mean,
        "temperature": np.float64(1.0),
        "loss": np.float64(0.0),
    }
    if len(names) < 2:
        log.info("only %d class among the kept galaxies: no classifier is trained", len(names))
        return model, np.ones((len(labels), len(names)))
    data = components.astype(np.float64) - mean
    # One scale for all components: standardising each would amplify the noise in the last ones.
    scale = np.sqrt((data**2).sum(axis=1).mean())
    data /= scale
    target = np.array([np.flatnonzero(names == label)[0] for label in labels])
    fold = spread_folds(target, seed)
    with threadpool_limits(1):
        trials = [_left_out(data, target, fold, len(names), strength) for strength in STRENGTHS]
        scores = [_temperature(logits, target) for logits in trials]
        best = int(np.argmin([loss for _, loss in scores]))
        temperature, loss = scores[best]
        coefficients, intercepts = train_regression(data, target, len(names), STRENGTHS[best])
    model |= {
        "coefficients": coefficients / scale / temperature,
        "intercepts": intercepts / temperature,
        "temperature": np.float64(temperature),
        "loss": np.float64(loss),
    }
    held_out = _cross_fitted(trials, target, fold)
    right = np.mean(held_out.argmax(axis=1) == target)
    log.info(
        "classifier: %d galaxies, %d classes; %.1f %% of left-out galaxies get the vote's class; "
        "temperature %.2f, log loss %.3f",
        len(target),
        len(names),
        100 * right,
        temperature,
        loss,
    )
    return model, held_out


def _cross_fitted(trials: list[np.ndarray], target: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) of left-out galaxies, with settings from the other folds only."""
    result = np.zeros(trials[0].shape)
    for number in np.unique(fold):
        out = fold == number
        rest = ~out if not out.all() else out
        scores = [_temperature(logits[rest], target[rest]) for logits in trials]
        best = int(np.argmin([loss for _, loss in scores]))
        result[out] = softmax(trials[best][out] / scores[best][0], axis=1)
    return result


def spread_folds(target: np.ndarray, seed: int) -> np.ndarray:
    """Fold of each galaxy, with each class spread evenly over the folds."""
    order = np.random.default_rng(seed).permutation(len(target))
    order = order[np.argsort(target[order], kind="stable")]
    fold = np.empty(len(target), int)
    fold[order] = np.arange(len(target)) % FOLDS
    return fold


def train_regression(
    data: np.ndarray,
    target: np.ndarray,
    classes: int,
    strength: float,
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (C, P) and intercepts (C,); -30, no chance, for a class without galaxies."""
    coefficients, intercepts = np.zeros((classes, data.shape[1])), np.full(classes, -30.0)
    known = np.unique(target)
    if len(known) == 1:
        intercepts[known] = 0
        return coefficients, intercepts
    fitted = LogisticRegression(C=strength, max_iter=1000, tol=1e-5).fit(data, target, weight)
    if len(known) == 2:
        # scikit-learn gives only the difference of the two.
        coefficients[known[1]], intercepts[known] = fitted.coef_[0], (0, fitted.intercept_[0])
    else:
        coefficients[known], intercepts[known] = fitted.coef_, fitted.intercept_
    return coefficients, intercepts


def _left_out(
    data: np.ndarray, target: np.ndarray, fold: np.ndarray, classes: int, strength: float
) -> np.ndarray:
    """Logits (N, C) of each galaxy from training without its fold."""
    logits = np.zeros((len(data), classes))
    for number in np.unique(fold):
        out = fold == number
        if out.all():
            continue
        coefficients, intercepts = train_regression(data[~out], target[~out], classes, strength)
        logits[out] = data[out] @ coefficients.T + intercepts
    return logits


def _temperature(logits: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Temperature with the lowest log loss, and that loss (nat per galaxy).

    One extra galaxy is spread over all classes: without it, cleanly separated classes would get
    probabilities that no finite number of galaxies supports (Platt 1999).
    """
    size = len(logits)
    spread = 1 / (size + 1)

    def loss(logarithm: float) -> float:
        scaled = log_softmax(logits / np.exp(logarithm), axis=1)
        own = scaled[np.arange(size), target].mean()
        return float(-(1 - spread) * own - spread * scaled.mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def apply_classifier(components: np.ndarray, model: dict[str, np.ndarray]) -> np.ndarray:
    """Class probabilities, row by row.

    Parameters
    ----------
    components : ndarray, shape (N, P)
    model : dict of ndarray
        From `fit_classifier`.

    Returns
    -------
    ndarray, shape (N, C)
        In the order of model["names"]; NaN where the components are not finite.
    """
    logits = affine(components - model["mean"], model["coefficients"].T, model["intercepts"])
    return softmax(logits, axis=1) if logits.shape[1] else logits


def load_classifier(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read a classifier, and the attributes that tell what it was trained on.

    Raises
    ------
    InputError
        If the file does not hold a classifier, or its arrays do not fit together.
    """
    model, attributes = read_model(path, "classifier", ARRAYS)
    shape = (len(model["names"]), len(model["mean"]))
    unknown = [name for name in model["names"] if not OWN_CLASS.fullmatch(name)]
    if unknown or model["coefficients"].shape != shape or model["intercepts"].shape != shape[:1]:
        raise InputError(
            f"{path}: classes {', '.join(model['names'])} and coefficients of shape "
            f"{model['coefficients'].shape} do not fit. The file is damaged: fit it again."
        )
    return model, attributes
