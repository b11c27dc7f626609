"""In which band how many galaxies of a field were classified, as numbers and sentences."""

import numpy as np
from astropy.table import Table

from morphovote.config.bands import gather_bands, resolve_choice
from morphovote.flags import BAND_FLAGS, in_vote
from morphovote.report.text.words import count


def count_bands(catalogue: Table, listed: Table | None, field: dict) -> dict:
    """Galaxies of the vote by band.

    Parameters
    ----------
    catalogue : Table
        FLAGS, KEPT and CLASS, one row a source.
    listed : Table or None
        BAND, REST_WAVELENGTH (micrometres) and BAND_FLAG, in the same order; None where the field
        has no bands.
    field : dict
        Its entry in the config.

    Returns
    -------
    dict
        Empty, or `bands`: the choice (band, rest_frame, rest_frame_within); rows, one a band, with
        name, wavelength, galaxies, kept, rest_wavelength (16, 50 and 84 % of them; None where
        unknown) and classes; flags, the number of galaxies with each bit of BAND_FLAG.
    """
    if listed is None:
        return {}
    field = gather_bands("fields", field)
    voted, rows = in_vote(np.asarray(catalogue["FLAGS"])), []
    kept, name = np.asarray(catalogue["KEPT"], dtype=bool), np.asarray(listed["BAND"])
    rest = np.asarray(listed["REST_WAVELENGTH"], dtype=float)
    for band, about in field["bands"].items():
        here = voted & (name == band)
        known = rest[here & np.isfinite(rest)]
        classes, galaxies = np.unique(np.asarray(catalogue["CLASS"])[here], return_counts=True)
        rows.append({
            "name": band,
            "wavelength": about.get("wavelength"),
            "galaxies": int(here.sum()),
            "kept": int((here & kept).sum()),
            "rest_wavelength": np.percentile(known, (16, 50, 84)).tolist() if len(known) else None,
            "classes": dict(zip(classes.tolist(), galaxies.tolist(), strict=True)),
        })  # fmt: skip
    flag = np.asarray(listed["BAND_FLAG"])[voted]
    flags = {bit: int(((flag & value) > 0).sum()) for bit, (value, _) in BAND_FLAGS.items()}
    return {"bands": {"choice": resolve_choice(field), "rows": rows, "flags": flags}}


def describe_bands(bands: dict | None) -> list[str]:
    """How the band of each galaxy was chosen, and how many could not be taken as asked."""
    if not bands:
        return []
    choice, found = bands["choice"], bands["flags"]
    if choice["rest_frame"] is None:
        told = [f"All galaxies are taken in {choice['band']}."]
    else:
        told = [
            f"Each galaxy is taken in the band nearest to {choice['rest_frame']:g} micrometres in "
            "its rest frame; without a redshift, or without a band within "
            f"{choice['rest_frame_within']:g} micrometres of that, in {choice['band']}."
        ]
    reasons = {
        "no_redshift": "have no redshift",
        "far_band": "have no band that near",
        "not_covered": "lie outside the images of the band that they were to be taken in",
    }
    lost = [f"{count(found[bit])} {why}" for bit, why in reasons.items() if found[bit]]
    if lost:
        told.append(f"Of the galaxies in the vote {'; '.join(lost)} (BAND_FLAG in the catalogue).")
    return told
