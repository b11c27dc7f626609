"""Columns that the catalogue has where `measure.bulge_disc` asks for bulge and disc."""

from morphovote.catalogue.columns import NAN, CatalogueColumn

_STAGE = "measurements"
_RADIUS, _RATIO = "phys.angSize.smajAxis", "phys.size.axisRatio"


def _with_error(name: str, unit: str, ucd: str, description: str, calibrated: bool = False):
    about = f"Error (1 sigma) of {name}{', calibrated on simulated galaxies' if calibrated else ''}"
    yield CatalogueColumn(name, unit, ucd, "f4", description, NAN, _STAGE)
    yield CatalogueColumn(f"{name}_ERR", unit, f"stat.error;{ucd}", "f4", about, NAN, _STAGE)


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
