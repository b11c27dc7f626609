"""Roles: what a column of a catalogue can mean.

A role is a key of the config's `columns`. Its column in the source list has its name in capitals.
"""

import math
from typing import NamedTuple


class Role(NamedTuple):
    """Meaning of a role, in the words of the schema; its unit in the source list; and its kind.

    `low` and `high` enclose the values that a galaxy can have, in that unit. Catalogues write
    numbers far outside for a value that they do not have: -99, 99, -1, 0, 1e30.
    """

    meaning: str
    unit: str
    kind: str
    low: float = -math.inf
    high: float = math.inf


ROLES = {
    "id": Role("Identifier.", "", "name"),
    "ra": Role("Right ascension, degrees.", "deg", "place"),
    "dec": Role("Declination, degrees.", "deg", "place"),
    "x": Role("Column of the image, pixels.", "pix", "place"),
    "y": Role("Row of the image, pixels.", "pix", "place"),
    "file": Role("File name of the source's image or cutout.", "", "name"),
    # Instrumental magnitudes may be as low as -25.
    "mag": Role("Magnitude, AB.", "mag", "property", -30, 50),
    # The nearest galaxies come towards us.
    "redshift": Role("Redshift.", "", "property", -0.01, 30),
    "log_mass": Role("Stellar mass, log10 of solar masses.", "", "property", 1, 16),
    "u_v": Role("Rest-frame U-V, mag.", "mag", "property", -5, 8),
    "v_j": Role("Rest-frame V-J, mag.", "mag", "property", -5, 8),
}

# A magnitude of zero or less means that there is none where the median is above this: then they
# are calibrated, and no galaxy is so bright.
CALIBRATED = 8.0

# Where a source is.
PLACES = tuple(name for name, role in ROLES.items() if role.kind == "place")
# Properties kept for cuts, tests and figures, which may come from a physical catalogue.
PROPERTIES = tuple(name for name, role in ROLES.items() if role.kind == "property")
# Roles by which the sources of two catalogues can be matched.
MATCHED_BY = ("id", "ra", "dec")
# Columns of the source list with a unit.
UNITS = {name.upper(): role.unit for name, role in ROLES.items() if role.unit}

# Columns of the catalogue that simulate_field writes.
SIMULATED_COLUMNS = {
    "id": "ID",
    "ra": "RA",
    "dec": "DEC",
    "mag": "MAG_AUTO",
    "redshift": "Z",
    "log_mass": "LOG_MASS",
    "u_v": "U_V",
    "v_j": "V_J",
}
