"""Angles as catalogues write them: in many units and spellings, or as 10:00:30.5."""

import re
from collections.abc import Sequence

import numpy as np
from astropy.units import UnitBase

# Degrees in one of each, by the spellings that are met in files.
DEGREES = {
    name: factor
    for factor, names in {
        1.0: "deg degs degree degrees decdeg decimaldegree decimaldegrees degr d °",
        15.0: "h hr hrs hour hours hourangle hourangles",
        180 / np.pi: "rad rads radian radians",
        1 / 60: "arcmin arcmins arcminute arcminutes amin",
        1 / 3600: "arcsec arcsecs arcsecond arcseconds asec",
        1 / 3_600_000: "mas milliarcsec milliarcsecond milliarcseconds",
    }.items()
    for name in names.split()
}
# Units of text: "h:m:s" says hours, "d:m:s" degrees.
HOURS_OF_TEXT = re.compile(r"h+\W*m+\W*s+|h(ou)?rs?|hours?|hourangle")
SEXAGESIMAL = re.compile(
    r"""\s*([+\-\N{MINUS SIGN}]?)\s*
    (\d{1,3})\s*(:|h|d|deg|°|\s)\s*
    (\d{1,2})\s*(?:(?::|m|'|\N{PRIME}|\s)\s*
    (\d{1,2}(?:\.\d*)?)?\s*(?:s|"|''|\N{DOUBLE PRIME})?)?\s*""",
    re.VERBOSE | re.IGNORECASE,
)


def degrees_in(unit: UnitBase | str | None) -> float | None:
    """Degrees in one of a unit as it stands in a file; None if that is no angle, or not known."""
    if unit is None:
        return None
    text = re.sub(r"[\s\[\](){}'\"_.-]", "", str(unit)).lower()
    return DEGREES.get(text)


def read_sexagesimal(texts: Sequence[str], hours: bool) -> np.ndarray:
    """Angles such as 10:00:30.5, +02 12 30, 10h00m30.5s or 2d12m30s, in degrees.

    Parameters
    ----------
    texts : sequence of str
        N of them.
    hours : bool
        Whether the first number means hours where the text does not say so.

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    ValueError
        At a text of another form; empty texts are NaN.
    """
    found = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        if not text:
            continue
        match = SEXAGESIMAL.fullmatch(text)
        if match is None or float(match[4]) >= 60 or float(match[5] or 0) > 60:
            raise ValueError(f"{text!r} is not an angle")
        sign, whole, mark, minutes, seconds = match.groups()
        value = int(whole) + int(minutes) / 60 + float(seconds or 0) / 3600
        mark = mark.lower()
        factor = 15 if mark == "h" or (hours and mark not in ("d", "deg", "°")) else 1
        found[row] = value * factor * (-1 if sign in ("-", "\N{MINUS SIGN}") else 1)
    return found


def text_in_hours(unit: UnitBase | str | None, role: str) -> bool:
    """Whether sexagesimal text of a position counts hours: right ascension, unless told else."""
    if unit is None or not str(unit).strip():
        return role == "ra"
    return bool(HOURS_OF_TEXT.fullmatch(re.sub(r"[\s\"\[\]()]", "", str(unit)).lower()))
