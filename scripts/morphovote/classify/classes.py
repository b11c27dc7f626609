"""The classes: meaning, colour, marker and order; and the reasons why a galaxy has none."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Class(NamedTuple):
    """A class: its meaning, colour, marker, and family (early or late)."""

    meaning: str
    colour: str
    marker: str
    family: str


# In order from smooth and concentrated to irregular. Colours of Okabe & Ito (2008), which can be
# told apart with any colour vision; warm colours are early types.
CLASSES = {
    "SPH": Class("spheroid: smooth, round to elliptical, concentrated", "#D55E00", "o", "early"),
    "ETD": Class("early-type disc: a disc with a marked bulge", "#E69F00", "s", "early"),
    "LTD": Class(
        "late-type disc: a disc, often with arms, with little or no bulge", "#0072B2", "D", "late"
    ),
    "IRR": Class("irregular: clumpy, disturbed or merging", "#009E73", "^", "late"),
    "UNC": Class("unclassifiable: too faint, too small or too damaged to tell", "#888888", "X", ""),
}
EARLY, LATE = (
    tuple(name for name, row in CLASSES.items() if row.family == family)
    for family in ("early", "late")
)
# Colours and markers of a user's own classes.
OWN_LOOKS = (("#CC79A7", "v"), ("#56B4E9", "P"), ("#000000", "*"), ("#B8A800", "p"))
# Why a galaxy has no class: CLASS_REASON -> what it means.
REASONS = {
    "": "classified",
    "not selected": "outside the field's `select` cuts",
    "no data": "no usable pixels, so no vote",
    "no light": "not detected (S/N below 3), so that its vote is a vote on noise",
    "outlier": "unlike anything in the model's reference sample: to be looked at by eye",
    "no classifier": "not kept by the vote, and no kept galaxies to train a classifier on",
    "unclassifiable": "its class is UNC: its shape cannot be told",
}
# Name of a user's own class: it has to fit into figures and columns.
OWN_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,11}")
# Below this S/N a source is not detected.
DETECTED = 3.0


def order_names(names: Iterable[str]) -> list[str]:
    """Sort the classes that occur: those of `CLASSES` in their order, then others by alphabet.

    Empty texts and "none", which mean no class, are left out.
    """
    found = {str(name) for name in names} - {"", "none"}
    return [name for name in CLASSES if name in found] + sorted(found - set(CLASSES))


def class_style(name: str, names: Sequence[str] = ()) -> tuple[str, str]:
    """Colour and marker of a class; a user's own classes take further ones in order.

    Parameters
    ----------
    name : str
    names : sequence of str
        All classes that are shown together, in order.
    """
    if name in CLASSES:
        return CLASSES[name].colour, CLASSES[name].marker
    others = [other for other in names if other not in CLASSES]
    place = others.index(name) if name in others else 0
    return OWN_LOOKS[place % len(OWN_LOOKS)]
