"""Which columns of a catalogue look like id, position and magnitude, for messages."""

import re
from collections.abc import Sequence

# Names in surveys and programs, the usual first; letters and digits only, in small letters.
PATTERNS = {
    "id": (
        "id", "number", "num", "source_?id", "obj_?id", "object_?id", "label", "gal_?id",
        "coadd_.*id",
        "ident(ifier)?", "designation", "name", "seq(nr)?", "id_.*", ".*_id", "nr", "no", "index",
    ),
    "ra": (
        "ra", "alpha_?j2000", "alphawin_?j2000", "ra_?j2000", "raj2000", "radeg", "ra_deg", "alpha",
        "right_?ascension", "_raj2000", "ra_icrs", "ra_.*", ".*[_.]ra", "ra(mean|stack)?",
        "x_world", "alpha.*",
    ),
    "dec": (
        "dec", "delta_?j2000", "deltawin_?j2000", "dec_?j2000", "dej2000", "decdeg", "dedeg",
        "dec_deg", "delta", "declination", "_dej2000", "de_icrs", "dec_.*", ".*[_.]dec",
        "dec(mean|stack)?", "y_world", "delta.*", "decl",
    ),
    "x": ("x", "x_?image", "xwin_?image", "x_?centroid", "x_?peak", "x_?pix", "xcen", "x_.*"),
    "y": ("y", "y_?image", "ywin_?image", "y_?centroid", "y_?peak", "y_?pix", "ycen", "y_.*"),
    "mag": ("mag", "mag_?auto", "mag_.*", ".*_mag", "kronmag.*", "mag.*"),
    "redshift": ("z", "redshift", "z_?phot", "photo_?z", "z_?best", "z_?spec", "zpdf", "lp_zbest"),
    "log_mass": ("log_?mass", "mass", "l?mass_?(med|best)", "lmass", "logm.*", "mstar.*"),
}  # fmt: skip


def guess_roles(names: Sequence[str], roles: Sequence[str] = tuple(PATTERNS)) -> dict[str, str]:
    """The column that looks most like each role; positions are pairs, on the sky if possible."""
    found = {role: name for role in roles if (name := _best(names, PATTERNS[role]))}
    if not {"ra", "dec"} <= set(found):
        found = {role: name for role, name in found.items() if role not in ("ra", "dec")}
    if "ra" in found or not {"x", "y"} <= set(found):
        found = {role: name for role, name in found.items() if role not in ("x", "y")}
    return found


def _best(names: Sequence[str], patterns: Sequence[str]) -> str | None:
    for pattern in patterns:
        for name in names:
            if re.fullmatch(pattern, name.strip().lower()):
                return name
    return None


def suggest_columns(names: Sequence[str], roles: Sequence[str] = tuple(PATTERNS)) -> str:
    """What a catalogue has, and the line for the config that names its columns."""
    shown = ", ".join(names[:20]) + (f", ... ({len(names)})" if len(names) > 20 else "")
    found = guess_roles(names, roles)
    if not found:
        return f"It has: {shown[:300]}.\nName them: `columns: {{id: ..., ra: ..., dec: ...}}`."
    line = ", ".join(f"{role}: {_quoted(name)}" for role, name in found.items())
    if "ra" in roles and not {"ra", "x"} & set(found):
        return (
            f"It has: {shown[:300]}.\nName those of the position: `columns: {{{line}, ra: ..., "
            "dec: ...}`. Parts of one in several columns have to be joined first."
        )
    return f"It has: {shown[:300]}.\nIf these are right, write `columns: {{{line}}}`."


def _quoted(name: str) -> str:
    """A name as YAML reads it back."""
    plain = re.fullmatch(r"[A-Za-z_][\w.+/-]*", name)
    words = ("no", "yes", "on", "off", "y", "n", "true", "false", "null")
    return name if plain and name.lower() not in words else f"'{name}'"
