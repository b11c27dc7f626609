"""The anchors of a model, as they are read: galaxies of known class in the field's own chain.

How common the classes are among the anchors is the simulation's choice, and not that of the
field.
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
