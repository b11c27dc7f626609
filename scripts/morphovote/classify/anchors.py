"""Anchors among the groups: what they say about a group, about a galaxy, and about the field.

An anchor is a simulated galaxy of known class that went through the field's own chain. The shares
of the classes among the anchors are the simulation's choice, so they are replaced by those of the
field, which the votes themselves tell.
"""

from pathlib import Path

import numpy as np

from morphovote.classify.classes import DETECTED
from morphovote.flags import OWN
from morphovote.storage.model_files import read_model

KIND = "anchors"
# Arrays of one row an anchor, beside components and votes.
CATALOGUED = (
    "row", "id", "class", "clear", "renderer", "kind", "bulge", "disc", "disturbed", "axis_ratio",
    "r_e", "flux", "true_snr", "snr", "segment", "flags",
)  # fmt: skip
READ = ("class", "clear", "kind", "snr", "segment", "component", "group", "kept", "counts")
# Fewest anchors, and classes among them, from which anything is concluded.
FEWEST, FEWEST_CLASSES = 50, 2
# Steps of the estimate of the field's shares, and the change at which it ends.
STEPS, CHANGE = 500, 1e-6


def read_anchors(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read the detected anchors of a model, and the attributes of the file.

    Returns
    -------
    anchors : dict of ndarray, shape (N, ...)
        `READ`.
    attributes : dict
        asked, missing, voters, groups, ...
    """
    arrays, attributes = read_model(path, KIND, READ)
    use = arrays["snr"] >= DETECTED
    return {name: values[use] for name, values in arrays.items()}, attributes


def segment_radius(mask: np.ndarray) -> np.ndarray:
    """Radius (px) of a circle of the area of each galaxy's segment, from masks (N, S, S)."""
    return np.sqrt(np.count_nonzero(mask & OWN, axis=(1, 2)) / np.pi).astype(np.float32)


def enough(anchors: dict[str, np.ndarray]) -> bool:
    """Whether there are anchors enough to name groups and classify galaxies."""
    return len(anchors["class"]) >= FEWEST and len(set(anchors["class"])) >= FEWEST_CLASSES


def estimate_shares(
    likelihood: np.ndarray, weight: np.ndarray | None = None, start: np.ndarray | None = None
) -> np.ndarray:
    """Shares of the classes in a field, from how likely each galaxy is in each class.

    The maximum of the likelihood of a mixture with known parts (expectation-maximisation; Saerens
    et al. 2002, Neural Computation 14, 21). One galaxy is spread over all classes, so that none is
    ruled out.

    Parameters
    ----------
    likelihood : ndarray, shape (N, C)
        Up to a factor that may differ from row to row.
    weight : ndarray, shape (N,), optional
        Of each row.
    start : ndarray, shape (C,), optional

    Returns
    -------
    ndarray, shape (C,)
        Sum 1.
    """
    classes = likelihood.shape[1]
    weight = np.ones(len(likelihood)) if weight is None else weight
    share = np.full(classes, 1 / classes) if start is None else start
    for _ in range(STEPS):
        posterior = likelihood * share
        total = posterior.sum(axis=1, keepdims=True)
        posterior = np.divide(posterior, total, out=np.zeros_like(posterior), where=total > 0)
        new = weight @ posterior + 1 / classes
        new /= new.sum()
        done = np.abs(new - share).max() < CHANGE
        share = new
        if done:
            break
    return share
