"""Columns that only some catalogues have, and the notes on flags in the headers of their files."""

from collections.abc import Mapping

from morphovote.catalogue.columns import NAN, CatalogueColumn
from morphovote.flags import BAND_FLAGS, BULGE_DISC_FLAGS, FLAGS, MEASURE_FLAGS

_STAGE = "measurements"
_RADIUS, _RATIO = "phys.angSize.smajAxis", "phys.size.axisRatio"


def _with_error(name: str, unit: str, ucd: str, description: str, calibrated: bool = False):
    about = f"Error (1 sigma) of {name}{', calibrated on simulated galaxies' if calibrated else ''}"
    yield CatalogueColumn(name, unit, ucd, "f4", description, NAN, _STAGE)
    yield CatalogueColumn(f"{name}_ERR", unit, f"stat.error;{ucd}", "f4", about, NAN, _STAGE)


# Where `measure.bulge_disc` asks for bulge and disc.
BULGE_DISC_COLUMNS = (
    *_with_error(
        "BULGE_FRACTION",
        "",
        "src.morph.param",
        "B/T: light of a de Vaucouleurs bulge over all light, with an exponential disc, both "
        "convolved with the PSF",
        True,
    ),
    *_with_error("R_E_BULGE", "arcsec", _RADIUS, "Half-light radius of the bulge, major axis"),
    *_with_error(
        "R_E_DISC",
        "arcsec",
        _RADIUS,
        "Half-light radius of the disc along its major axis: 1.678 scale lengths",
    ),
    *_with_error("AXIS_RATIO_BULGE", "", _RATIO, "Minor over major axis of the bulge"),
    *_with_error("AXIS_RATIO_DISC", "", _RATIO, "Minor over major axis of the disc"),
    CatalogueColumn(
        "BULGE_DISC_DELTA_BIC",
        "",
        "stat.fit.goodness",
        "f4",
        "BIC of the single Sersic profile less that of bulge and disc: above 0 the two fit better, "
        "above 10 clearly",
        NAN,
        _STAGE,
    ),
    CatalogueColumn(
        "BULGE_DISC_FLAG",
        "",
        "meta.code.qual",
        "i4",
        "0 is a good fit of bulge and disc; bits, each explained in the header; -1 not fitted",
        -1,
        _STAGE,
    ),
)

# Of fields with several bands only: after those above, from the source list.
BAND_COLUMNS = (
    CatalogueColumn(
        "BAND",
        "",
        "meta.id;instr.bandpass",
        "U",
        "Band in which the galaxy was classified and measured",
        "",
    ),
    CatalogueColumn(
        "REST_WAVELENGTH",
        "um",
        "em.wl",
        "f4",
        "Wavelength of BAND in the galaxy's rest frame, NaN without redshift",
        NAN,
    ),
    CatalogueColumn(
        "BAND_FLAG",
        "",
        "meta.code",
        "i4",
        "0: BAND is the band that was asked for; bits, each explained in the header",
        0,
    ),
)


def extra_columns(told: Mapping[str, str | None]) -> tuple[CatalogueColumn, ...]:
    """Columns of this module that a catalogue has, in their order.

    Parameters
    ----------
    told : mapping
        Descriptions of the catalogue's columns by name: the user's own may have such a name, too.
    """
    sets = (BULGE_DISC_COLUMNS, BAND_COLUMNS)
    found = (some for some in sets if told.get(some[-1].name) == some[-1].description)
    return tuple(column for some in found for column in some)


def flag_notes(told: Mapping[str, str | None]) -> list[str]:
    """One sentence for each bit of a catalogue's columns of flags, for the header of a table.

    `told` is as for `extra_columns`.
    """
    extra = {column.name for column in extra_columns(told)}
    bits = {"FLAGS": FLAGS, "MEASURE_FLAG": MEASURE_FLAGS}
    more = {"BAND_FLAG": BAND_FLAGS, "BULGE_DISC_FLAG": BULGE_DISC_FLAGS}
    bits |= {column: flags for column, flags in more.items() if column in extra}
    return [
        f"{column} {bit} = {name}: {meaning}"
        for column, flags in bits.items()
        for name, (bit, meaning) in flags.items()
    ]
