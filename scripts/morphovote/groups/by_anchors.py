"""Suggest a class for a group from the anchors that the voters put there."""

import numpy as np

from morphovote.classify.classes import CLASSES
from morphovote.compute.neighbours import nearest
from morphovote.groups.suggestion import choose_core

# Fewest anchors in a group for a suggestion; with fewer, the class is that of the NEAREST anchors
# to the middle of the group.
FEWEST_ANCHORS, NEAREST = 5, 15
# With a smaller share of its anchors of the class, a group's name is weak.
WEAK = 0.5


def suggest_by_anchors(
    group: np.ndarray,
    kept: np.ndarray,
    components: np.ndarray,
    groups: int,
    anchors: dict[str, np.ndarray],
) -> dict[int, dict]:
    """Suggest a class for every group.

    All classes count as if there were equally many anchors of each.

    Parameters
    ----------
    group, kept : ndarray, shape (N,)
    components : ndarray, shape (N, P)
    groups : int
    anchors : dict of ndarray, shape (A, ...)
        From `anchors.read_anchors`.

    Returns
    -------
    dict
        Group number -> {"class", "reason", "anchors", "purity"}: the number of anchors in the
        group, and the share of the class among them.
    """
    order = list(CLASSES)
    target = np.array([order.index(str(name)) for name in anchors["class"]], dtype=int)
    # Anchors of each class in each group, shape (K, C).
    counts = np.zeros((groups, len(order)))
    np.add.at(counts, (anchors["group"], target), 1)
    weight = 1 / np.maximum(counts.sum(axis=0), 1)
    found = {}
    for number in range(groups):
        core = choose_core((group == number) & np.isfinite(components).all(axis=1), kept)
        inside = int(counts[number].sum())
        if not core.any():
            found[number] = {"class": "UNC", "reason": "no members", "anchors": inside}
            continue
        if inside >= FEWEST_ANCHORS:
            weights = counts[number] * weight
            where = f"of the {inside} anchors in the group"
        else:
            middle = components[core].mean(axis=0, keepdims=True)
            near = nearest(middle, anchors["component"], NEAREST)[0][0]
            weights = np.bincount(target[near], minlength=len(order)) * weight
            where = f"of the {len(near)} anchors nearest to it, for it holds {inside} itself"
        shares = weights / weights.sum()
        best = int(shares.argmax())
        found[number] = {
            "class": order[best],
            "reason": f"{100 * shares[best]:.0f} % {where}",
            "anchors": inside,
            "purity": round(float(shares[best]), 3),
        }
    return found


def is_weak(entry: dict) -> bool:
    """Whether less than half of a group's anchors are of the class that it was given for them."""
    purity = entry.get("purity")
    return purity is not None and purity < WEAK


def add_medians(by_anchors: dict[int, dict], by_medians: dict[int, dict]) -> dict[int, dict]:
    """Put what the measured medians say beside what the anchors say, as a check.

    Returns
    -------
    dict
        Group number -> the entry by anchors, with galaxies, kept, measured and medians, and
        medians_say, the class by the medians.
    """
    found = {}
    for number, entry in by_anchors.items():
        other = by_medians[number]
        kept = {key: value for key, value in other.items() if key not in ("class", "reason")}
        agree = entry["class"] == other["class"]
        check = "the medians agree" if agree else f"the medians say {other['class']}"
        reason = f"{entry['reason']}; {check} ({other['reason']})"
        found[number] = entry | {"reason": reason, "medians_say": other["class"]} | kept
    return found
