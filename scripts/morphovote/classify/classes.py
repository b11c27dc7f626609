"""The classes: what each stands for, their order, and why a galaxy has none."""

import re
from collections.abc import Iterable

CLASSES = {
    "SPH": "spheroid: smooth, round to elliptical, concentrated",
    "ETD": "early-type disc: a disc with a marked bulge",
    "LTD": "late-type disc: a disc, often with arms, with little or no bulge",
    "IRR": "irregular: clumpy, disturbed or merging",
    "UNC": "unclassifiable: too faint, too small or too damaged to tell",
}
# Why a galaxy has no class: CLASS_REASON -> what it means.
REASONS = {
    "": "classified",
    "not selected": "outside the field's `select` cuts",
    "no data": "no usable pixels, so no vote",
    "no light": "nothing seen at its place (S/N below 3), so that its vote is one on noise",
    "outlier": "unlike anything in the model's reference sample: to be looked at, not forced",
    "no classifier": "not kept by the vote, and no kept galaxies to train a classifier on",
    "unclassifiable": "its class is UNC, that of galaxies whose shape cannot be told",
}
# A class of a user's own: it has to fit into figures and columns.
OWN_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,11}")
# Below this S/N a source is not detected.
DETECTED = 3.0


def order_names(names: Iterable[str]) -> list[str]:
    """Classes that occur: those of `CLASSES` in their order, then others by alphabet."""
    found = {str(name) for name in names}
    return [name for name in CLASSES if name in found] + sorted(found - set(CLASSES))
