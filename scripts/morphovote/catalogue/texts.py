"""Units, descriptions and names as the standards of the formats want them."""

import re
import warnings

import astropy.units as u
from astropy.table import Column

# Characters not allowed in XML 1.0.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def unit_text(column: Column, form: str) -> str:
    """A column's unit in the notation of a standard, empty if the standard lacks it."""
    if column.unit is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text = column.unit.to_string(form)
            u.Unit(text, format=form)
    except (ValueError, TypeError, u.UnitsWarning, UserWarning):
        return ""
    return text


def describe(column: Column, form: str) -> str:
    """A column's description on one line, with the unit where the standard lacks it."""
    text = column.description or ""
    if column.unit is not None and not unit_text(column, form):
        # Readers would refuse it as a unit.
        text = f"{text} [{column.unit}]".strip()
    return " ".join(text.split())


def as_utf8(text: str) -> bytes:
    """Text as UTF-8, with ? for what has none."""
    return text.encode("utf-8", "replace")


def as_ascii(text: str) -> str:
    """Text with escapes for all but printable ASCII, for a FITS header."""
    text = text.encode("ascii", "backslashreplace").decode()
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def as_xml(text: str) -> str:
    """Text with U+FFFD for what XML does not allow."""
    return NOT_XML.sub("\ufffd", text)
