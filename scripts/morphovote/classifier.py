"""Classes of single galaxies: from the vote where it is kept, else from a classifier.

The classifier is a multinomial logistic regression on the principal components, trained on kept
galaxies. Its probabilities are calibrated with one temperature (Guo et al. 2017) on galaxies that
were left out in training. Classes are not balanced in training: probabilities are meant to be
frequencies, and reweighting would shift them. What the classifier learns is the vote's own
classes; how well these fit a galaxy on which the voters disagree, no calibration on kept galaxies
can tell.
"""

from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from morphovote.classes import CLASSES
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.models import read_model, write_model
from morphovote.reduction import affine
from morphovote.shards import (
    count_rows,
    iterate_batches,
    open_shard,
    read_attributes,
    read_shard,
    write_shard,
)

# Galaxies to train on, at most.
TRAINING_LIMIT = 10_000
FOLDS = 5
# Inverse strengths of the L2 penalty to choose from, for components of unit total variance.
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
BATCH = 4096


def fit_classifier(
    components: np.ndarray, labels: np.ndarray, seed: int = 0
) -> dict[str, np.ndarray]:
    """Train and calibrate the classifier.

    Penalty and temperature are those with the lowest log loss over five folds.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        All finite.
    labels : ndarray of str, shape (N,)
        Of `CLASSES`. One class alone, or none, gives a classifier that knows only that.
    seed : int
        Of the folds.

    Returns
    -------
    dict of ndarray
        names (C,) str, coefficients (C, P), intercepts (C,), mean (P,), all for components in
        their own units, with the temperature (a scalar) already divided out; temperature and
        loss (log loss of left-out galaxies, nat) for the record.
    """
    names = np.array([name for name in CLASSES if (labels == name).any()], dtype=str)
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
        log.info("only %d class among the kept galaxies: nothing to tell apart", len(names))
        return model
    data = components.astype(np.float64) - mean
    # One scale for all components: standardising each would raise the noise of the last ones.
    scale = np.sqrt((data**2).sum(axis=1).mean())
    data /= scale
    target = np.array([np.flatnonzero(names == label)[0] for label in labels])
    fold = _folds(target, seed)
    with threadpool_limits(1):
        trials = [_left_out(data, target, fold, len(names), strength) for strength in STRENGTHS]
        scores = [_temperature(logits, target) for logits in trials]
        best = int(np.argmin([loss for _, loss in scores]))
        temperature, loss = scores[best]
        coefficients, intercepts = _train(data, target, len(names), STRENGTHS[best])
    model |= {
        "coefficients": coefficients / scale / temperature,
        "intercepts": intercepts / temperature,
        "temperature": np.float64(temperature),
        "loss": np.float64(loss),
    }
    right = np.mean(trials[best].argmax(axis=1) == target)
    log.info(
        "classifier: %d galaxies, %d classes; of galaxies left out %.1f %% get the vote's class; "
        "temperature %.2f, log loss %.3f",
        len(target),
        len(names),
        100 * right,
        temperature,
        loss,
    )
    return model


def _folds(target: np.ndarray, seed: int) -> np.ndarray:
    """Number of the fold of each galaxy, each class spread evenly."""
    order = np.random.default_rng(seed).permutation(len(target))
    order = order[np.argsort(target[order], kind="stable")]
    fold = np.empty(len(target), int)
    fold[order] = np.arange(len(target)) % FOLDS
    return fold


def _train(
    data: np.ndarray, target: np.ndarray, classes: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (C, P) and intercepts (C,); a class without galaxies gets a hopeless one."""
    coefficients, intercepts = np.zeros((classes, data.shape[1])), np.full(classes, -30.0)
    known = np.unique(target)
    if len(known) == 1:
        intercepts[known] = 0
        return coefficients, intercepts
    fitted = LogisticRegression(C=strength, max_iter=1000, tol=1e-5).fit(data, target)
    if len(known) == 2:
        # scikit-learn keeps the difference of the two only.
        coefficients[known[1]], intercepts[known] = fitted.coef_[0], (0, fitted.intercept_[0])
    else:
        coefficients[known], intercepts[known] = fitted.coef_, fitted.intercept_
    return coefficients, intercepts


def _left_out(
    data: np.ndarray, target: np.ndarray, fold: np.ndarray, classes: int, strength: float
) -> np.ndarray:
    """Logits (N, C) of each galaxy from the training without its fold."""
    logits = np.zeros((len(data), classes))
    for number in np.unique(fold):
        out = fold == number
        if out.all():
            continue
        coefficients, intercepts = _train(data[~out], target[~out], classes, strength)
        logits[out] = data[out] @ coefficients.T + intercepts
    return logits


def _temperature(logits: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Temperature with the lowest log loss, and this loss (nat per galaxy).

    One galaxy's worth of every class is spread over all: without it classes that fall apart
    clearly would get probabilities that no number of galaxies supports (Platt 1999).
    """
    size, classes = logits.shape
    spread = classes / (size + classes)

    def loss(logarithm: float) -> float:
        scaled = log_softmax(logits / np.exp(logarithm), axis=1)
        own = scaled[np.arange(size), target].mean()
        return float(-(1 - spread) * own - spread * scaled.mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def apply_classifier(components: np.ndarray, model: dict[str, np.ndarray]) -> np.ndarray:
    """Probabilities of the classes, row by row.

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


def classify(
    votes: dict[str, np.ndarray],
    names: dict[int, str],
    components: np.ndarray,
    model: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Give each galaxy a class.

    Parameters
    ----------
    votes : dict of ndarray, shape (N, ...)
        group, kept, outlier, counts, from `cast_votes`.
    names : dict of str
        Class of each group.
    components : ndarray, shape (N, P)
    model : dict of ndarray
        From `fit_classifier`.

    Returns
    -------
    dict of ndarray, shape (N,)
        class : str. The group's class where the vote is kept, else the classifier's; "UNC" for
            outliers, and where the classifier knows no class; "" where there are no data.
        class_prob : float32. Share of the voters whose group has this class, or the classifier's
            probability; NaN where there is neither.
        class_second : str, the second most likely class, "" where there is none.
        class_origin : str, "vote", "classifier" or "none".
    """
    size = len(votes["group"])
    order = list(CLASSES)
    table = np.zeros((len(names), len(order)))
    for number, name in names.items():
        table[number, order.index(name)] = 1
    total = np.maximum(votes["counts"].sum(axis=1, keepdims=True), 1)
    by_vote = votes["counts"] @ table / total
    by_classifier = np.zeros((size, len(order)))
    if len(model["names"]):
        known = [order.index(str(name)) for name in model["names"]]
        by_classifier[:, known] = apply_classifier(components, model)
    has_data = votes["group"] >= 0
    from_vote = votes["kept"] & has_data & ~votes["outlier"]
    from_classifier = has_data & ~from_vote & ~votes["outlier"] & (len(model["names"]) > 0)
    own = np.array([order.index(names[number]) for number in range(len(names))])
    chosen = np.where(from_vote, own[np.maximum(votes["group"], 0)], -1)
    share = np.where(from_vote[:, None], by_vote, np.nan_to_num(by_classifier))
    chosen = np.where(from_classifier, share.argmax(axis=1), chosen)
    rows = np.arange(size)
    probability = share[rows, chosen]
    share[rows, chosen] = -1
    second = np.where(share.max(axis=1) > 0, share.argmax(axis=1), -1)
    decided = from_vote | from_classifier
    text = np.array([*order, ""], dtype=object)
    name = text[np.where(decided, chosen, -1)]
    name[has_data & ~decided] = "UNC"
    origin = np.full(size, "none", dtype=object)
    origin[from_vote], origin[from_classifier] = "vote", "classifier"
    return {
        "class": name,
        "class_prob": np.where(decided, probability, np.nan).astype(np.float32),
        "class_second": text[np.where(decided, second, -1)],
        "class_origin": origin,
    }


def read_group_classes(path: str | Path, attributes: dict) -> dict[int, str]:
    """Class of each group, from names.yaml.

    Parameters
    ----------
    path : path
    attributes : dict
        Of the votes: `groups` and `voters`.

    Raises
    ------
    InputError
        If the file is unreadable or belongs to another vote.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        names = {int(number): str(entry["class"]) for number, entry in content["groups"].items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}: not a file of group names ({error}). Delete it and run the workflow again."
        ) from error
    groups, voters = int(attributes["groups"]), attributes["voters"]
    if content.get("voters") != voters or sorted(names) != list(range(groups)):
        raise InputError(
            f"{path}: names {len(names)} groups of vote {content.get('voters')}, but the votes "
            f"are of {groups} groups of vote {voters}.\nTake names and voters from one model "
            "folder, or delete the file and run the workflow again."
        )
    unknown = sorted(set(names.values()) - set(CLASSES))
    if unknown:
        raise InputError(f"{path}: unknown class {unknown[0]}, expected {', '.join(CLASSES)}.")
    return names


def fit_classifier_file(
    votes: str | Path, names: str | Path, components: str | Path, output: str | Path, seed: int = 0
) -> None:
    """Train the classifier on a random sample (10,000 at most) of the kept galaxies of a field."""
    attributes = read_attributes(votes)
    classes = read_group_classes(names, attributes)
    vote = read_shard(votes, ["group", "kept", "outlier"])
    check_length(votes, components)
    rows = np.flatnonzero(vote["kept"] & ~vote["outlier"])
    if len(rows) > TRAINING_LIMIT:
        rows = np.sort(np.random.default_rng(seed).choice(rows, TRAINING_LIMIT, replace=False))
    chosen = np.zeros(len(vote["group"]), bool)
    chosen[rows] = True
    parts, start = [], 0
    for batch in iterate_batches(components, ["component"], BATCH):
        size = len(batch["component"])
        parts.append(batch["component"][chosen[start : start + size]])
        start += size
    labels = np.array([classes[int(number)] for number in vote["group"][rows]], dtype=str)
    model = fit_classifier(np.concatenate(parts), labels, seed)
    found = read_attributes(components)
    kept = {name: found[name] for name in ("pca", "encoder") if name in found}
    write_model(output, "classifier", model, kept | {"galaxies": len(rows), "seed": seed})


def load_classifier(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read a classifier and the attributes that say what it was trained on.

    Raises
    ------
    InputError
        If the file is no classifier, or its parts do not fit together.
    """
    arrays = ("names", "coefficients", "intercepts", "mean")
    model, attributes = read_model(path, "classifier", arrays)
    shape = (len(model["names"]), len(model["mean"]))
    unknown = [name for name in model["names"] if name not in CLASSES]
    if unknown or model["coefficients"].shape != shape or model["intercepts"].shape != shape[:1]:
        raise InputError(
            f"{path}: classes {', '.join(model['names'])} and coefficients of shape "
            f"{model['coefficients'].shape} do not fit. The file is damaged: fit it again."
        )
    return model, attributes


def check_length(votes: str | Path, components: str | Path) -> None:
    """Stop where two files are not of the same galaxies."""
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
    output: str | Path,
) -> None:
    """Classify all galaxies of a field, one batch in memory at a time.

    Raises
    ------
    InputError
        If names, classifier and votes are not of one model.
    """
    classes = read_group_classes(names, read_attributes(votes))
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
    columns = ["row", "id", "group", "kept", "outlier", "counts"]
    parts = []
    batches = iterate_batches(votes, columns, BATCH)
    for vote, batch in zip(batches, iterate_batches(components, ["component"], BATCH), strict=True):
        found_classes = classify(vote, classes, batch["component"], model)
        parts.append({"row": vote["row"], "id": vote["id"], **found_classes})
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for origin in ("vote", "classifier", "none"):
        log.info("%d galaxies classified by: %s", (arrays["class_origin"] == origin).sum(), origin)
    write_shard(output, arrays)
