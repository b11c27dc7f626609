"""An encoder that learns a field: how long it trains, and whether that was of use.

A tenth of the galaxies is never trained on. On these the encoder before and after are compared.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from morphovote.classify.labels import Labels
from morphovote.encode.encoding import encode
from morphovote.errors import InputError
from morphovote.reduce import pca
from morphovote.vote.controls import check_vote

# What the shards of views hold.
VIEWED = ("row", "id", "image", "code")
# Fewest galaxies that an encoder can learn from.
LEAST = 2000
# Every tenth galaxy is held out.
HELD_OUT = 10
# Most galaxies that learn, and that are compared.
LARGEST, COMPARED = 30_000, 2000
# The recipe: fewer steps and a lower rate than a training from the beginning.
RECIPE = {
    "steps": 1200, "galaxies": 4, "reuse": 4, "sky_galaxies": 48, "learning_rate": 5e-4,
    "workers": 1, "check_every": 200,
}  # fmt: skip
# Simulated galaxies that the scales of the targets and the scores of the training are taken from.
VALIDATION = 256
# Groups of the vote on which the two are compared.
GROUPS = 20
# Fewest labelled galaxies of a class for it to be judged.
FEWEST = 5


def split_views(
    views: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Views (N, ...) that are trained on, and those that are held out, as many as are used.

    Raises
    ------
    InputError
        If there are fewer than 2,000 galaxies.
    """
    count = len(views["image"])
    if count < LEAST:
        raise InputError(
            f"Only {count} galaxies of the field have usable pixels, and an encoder learns "
            f"something from {LEAST} on. Use the encoder as it is, or add galaxies."
        )
    held = views["row"] % HELD_OUT == 0
    most = ((~held, LARGEST), (held, COMPARED))
    return tuple({name: v[rows][:limit] for name, v in views.items()} for rows, limit in most)


def retrieval(near: np.ndarray, far: np.ndarray) -> float:
    """Share of galaxies whose far view (N, D) has the own near view (N, D) as the most alike."""
    middle = near.mean(0)
    near, far = (_directions(features - middle) for features in (near, far))
    return float(((far @ near.T).argmax(1) == np.arange(len(near))).mean())


def _directions(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)


def label_accuracy(components: np.ndarray, classes: np.ndarray) -> float:
    """Balanced accuracy in five folds of a logistic regression on components (N, P)."""
    names, counts = np.unique(classes, return_counts=True)
    keep = np.isin(classes, names[counts >= FEWEST])
    kinds = np.unique(classes[keep])
    if len(kinds) < 2:
        return np.nan
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    )
    folds = StratifiedKFold(FEWEST, shuffle=True, random_state=0)
    found = cross_val_predict(model, components[keep], classes[keep], cv=folds)
    return float(np.mean([(found[classes[keep] == k] == k).mean() for k in kinds]))


def judge_encoder(
    model,
    card: dict,
    views: dict[str, np.ndarray],
    labels: tuple[np.ndarray, np.ndarray] | None,
    *,
    rotations: int,
    components: float | int,
    agreement: float,
    seed: int,
    threads: int,
) -> dict[str, float]:
    """Scores of one encoder on held-out views; see `QUANTITIES`.

    Parameters
    ----------
    model, card
        From `weights.load_encoder`.
    views : dict of ndarray
        Of N held-out galaxies, from `split_views`.
    labels : tuple of ndarray, optional
        Images (L, 64, 96), uint8, of labelled galaxies, and their classes (L,).
    """

    def features(images: np.ndarray) -> np.ndarray:
        polar = {"image": images / np.float32(255), "angle": np.zeros(len(images), np.float32)}
        return encode(polar, model, card, "auto", rotations, threads)

    near, far = features(views["image"][:, 0]), features(views["image"][:, 1])
    plane = pca.fit_pca(near, components)
    points = pca.project(near, plane)
    vote, _ = check_vote(points, GROUPS, agreement, seed, threads=threads)
    scores = {
        "retrieval": retrieval(near, far),
        "components": points.shape[1],
        "kept": vote["data"]["mean"],
        "null": vote["null"]["mean"],
        "seeds": vote["seed_ari"],
    }
    if labels is not None:
        scores["labels"] = label_accuracy(pca.project(features(labels[0]), plane), labels[1])
    return scores


QUANTITIES = {
    "retrieval": "share of galaxies, seen from further away, that are found among the others",
    "components": "principal components",
    "kept": "share that the voters agree on",
    "null": "the same of a null without structure",
    "seeds": "adjusted Rand index of votes with other seeds",
    "labels": "balanced accuracy with the labels by eye, five folds",
}
# What tells whether it was of use, and by how much it has to rise for that.
USEFUL = {"retrieval": 0.02, "seeds": 0.02, "labels": 0.02}


def compare_encoders(before: dict[str, float], after: dict[str, float]) -> tuple[list[dict], str]:
    """Table of both encoders' scores, and in a sentence whether the training was of use."""
    rows = [
        {"quantity": name, "before": before[name], "after": after[name], "meaning": meaning}
        for name, meaning in QUANTITIES.items()
        if name in before
    ]
    gain = {name: after[name] - before[name] for name in USEFUL if name in before}
    worse = [name for name, value in gain.items() if value < -USEFUL[name]]
    better = [name for name, value in gain.items() if value > USEFUL[name]]
    told = ", ".join(f"{name} {before[name]:.2f} to {after[name]:.2f}" for name in gain)
    if better and not worse:
        return rows, f"The training helped: {told}."
    if worse:
        return (
            rows,
            f"The training made it worse ({', '.join(worse)}): {told}. Keep the old encoder.",
        )
    return rows, f"The training did not help: {told}. Keep the old encoder."


def labelled_images(
    views: dict[str, np.ndarray], labels: Labels
) -> tuple[np.ndarray, np.ndarray] | None:
    """Images as they are and commonest class by eye of labelled galaxies; None without any."""
    place = {int(row): k for k, row in enumerate(views["row"])}
    names = np.array(labels.names)[labels.votes.argmax(1)]
    found = [(place[row], name) for row, name in zip(labels.row.tolist(), names, strict=True)
             if row in place]  # fmt: skip
    if not found:
        return None
    rows, classes = zip(*found, strict=True)
    return views["image"][list(rows), 0], np.array(classes)
