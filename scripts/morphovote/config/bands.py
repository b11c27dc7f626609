"""The bands of a field: which there are, and in which one each galaxy is taken."""

import difflib

from morphovote.config.check import check_maps
from morphovote.errors import InputError

# What belongs to the images of one band, and so stands below its name.
OF_A_BAND = ("images", "rms", "weight", "psf", "psf_oversampling")
# What says in which band a galaxy is taken.
CHOICE = ("band", "rest_frame", "rest_frame_within", "match_bands")
# How far a galaxy's band may lie from the rest-frame wavelength where the config does not say it,
# in units of that: wide enough for neighbouring bands a factor of 1.85 apart.
WITHIN = 0.3
# No galaxy has a higher redshift: bands that lie farther are in another unit.
FARTHEST = 30.0


def gather_bands(where: str, field: dict) -> dict:
    """Bring a field's bands to one form: `cutouts: {F115W: ...}` goes below `bands`.

    Parameters
    ----------
    where : str
        Place in the config, for messages.
    field : dict
        Its entry; not changed.

    Returns
    -------
    dict
        The entry itself if it has no bands.

    Raises
    ------
    InputError
        If the entry contradicts itself.
    """
    own = field.get("cutouts")
    if isinstance(own, dict):
        bands = {name: dict(band) for name, band in field.get("bands", {}).items()}
        for name, pattern in own.items():
            if {"images", "cutouts"} & set(bands.get(name, {})):
                raise InputError(
                    f"config, {where}: found cutouts of band {name} twice, below cutouts and below "
                    "bands. Keep one of them."
                )
            bands[name] = bands.get(name, {}) | {"cutouts": pattern}
        field = {key: value for key, value in field.items() if key != "cutouts"} | {"bands": bands}
    if "bands" not in field:
        if alone := [key for key in CHOICE if key in field]:
            raise InputError(
                f"config, {where}: found {alone[0]} but no bands to choose from. Add bands: "
                "{<name>: {images: <files>, wavelength: <micrometres>}, ...}, or remove "
                f"{alone[0]}."
            )
        return field
    if single := [key for key in (*OF_A_BAND, "cutouts") if key in field]:
        raise InputError(
            f"config, {where}: found {' and '.join(single)} beside bands, expected them below the "
            "name of each band. Move them there, or remove bands for a field of a single band."
        )
    for name, band in field["bands"].items():
        _check_band(f"{where}.bands.{name}", band)
    kinds = {key: [name for name, band in field["bands"].items() if key in band]
             for key in ("images", "cutouts")}  # fmt: skip
    if all(kinds.values()):
        raise InputError(
            f"config, {where}.bands: found images of {kinds['images'][0]} and cutouts of "
            f"{kinds['cutouts'][0]}, expected one kind for all bands. Give the images of each, or "
            "the cutouts of each."
        )
    _check_choice(where, field)
    return field


def _check_band(where: str, band: dict) -> None:
    """Stop if a band does not have exactly one kind of pixels, and at most one noise map."""
    pixels = [key for key in ("images", "cutouts") if key in band]
    if len(pixels) != 1:
        raise InputError(
            f"config, {where}: found {' and '.join(pixels) or 'neither images nor cutouts'}, "
            f"expected exactly one of the two. {'Keep one' if pixels else 'Add images: <files>'}."
        )
    check_maps(where, band)


def _check_choice(where: str, field: dict) -> None:
    """Stop if it is not said in which band a galaxy is to be taken, or cannot be worked out."""
    bands = field["bands"]
    named = field.get("band")
    lone = [name for name, band in bands.items() if "psf" not in band]
    if field.get("match_bands") and lone:
        raise InputError(
            f"config, {where}.bands.{lone[0]}: found no psf, which match_bands needs. Add psf: "
            "<file>, or remove match_bands."
        )
    if named is not None and named not in bands:
        spelled = {name.lower(): name for name in bands}
        close = difflib.get_close_matches(named.lower(), spelled, 1)
        hint = f"Did you mean {spelled[close[0]]}?" if close else "Correct it."
        raise InputError(
            f"config, {where}.band: found {named!r}, expected one of {', '.join(bands)}. {hint}"
        )
    if "rest_frame" not in field:
        if "rest_frame_within" in field:
            raise InputError(
                f"config, {where}: found rest_frame_within but no rest_frame. Add rest_frame: "
                "<micrometres>, or remove it."
            )
        if named is None and len(bands) > 1:
            raise InputError(
                f"config, {where}: found {len(bands)} bands, and not which one galaxies are to be "
                f"taken in. Add rest_frame: <micrometres>, or band: {next(iter(bands))}."
            )
        return
    if without := [name for name, band in bands.items() if "wavelength" not in band]:
        raise InputError(
            f"config, {where}.bands.{without[0]}: found no wavelength, which rest_frame needs. Add "
            "wavelength: <micrometres>."
        )
    target = field["rest_frame"]
    waves = [band["wavelength"] for band in bands.values()]
    if min(waves) > target * (1 + FARTHEST) or max(waves) < target / 2:
        raise InputError(
            f"config, {where}.rest_frame: found {target:g}, but bands at {min(waves):g} to "
            f"{max(waves):g}, which no redshift brings there. Write all of them in micrometres "
            "(5000 Angstrom are 0.5)."
        )
    if "catalogue" not in field and "physical" not in field:
        raise InputError(
            f"config, {where}: found rest_frame but no catalogue with redshifts. Add catalogue: "
            "<file> (or physical: for sources that are detected), or take all galaxies in one band "
            f"with band: {next(iter(bands))} alone."
        )


def resolve_choice(field: dict) -> dict:
    """What `CHOICE` names of a field, with what is left out filled in.

    Parameters
    ----------
    field : dict
        From `gather_bands`.

    Returns
    -------
    dict
        None where the field has no such thing: all of them without bands.
    """
    if "bands" not in field:
        return dict.fromkeys(CHOICE)
    target = field.get("rest_frame")
    within = None if target is None else field.get("rest_frame_within", WITHIN * target)
    return {
        "band": field.get("band", next(iter(field["bands"]))),
        "rest_frame": target,
        "rest_frame_within": within,
        "match_bands": field.get("match_bands", False),
    }


def join_bands(where: str, bands: list[dict]) -> dict:
    """Files of all bands together, as the entries of a field, for rules that need them to exist.

    Parameters
    ----------
    where : str
    bands : list of dict
        `name`, `images`, `rms`, `weight`, `planes`, `psf_plane` and `psfs` of each.

    Returns
    -------
    dict
        `images`, `rms`, `weight`, `psfs` and the like.

    Raises
    ------
    InputError
        If two bands have the same images.
    """
    seen: dict[tuple[str, str], str] = {}
    for band in bands:
        for path in band["images"]:
            key = (path, band["planes"]["images"])
            if key in seen:
                raise InputError(
                    f"config, {where}.bands: {path} is an image of {seen[key]} and of "
                    f"{band['name']}, expected images of their own. Correct the pattern of one."
                )
            seen[key] = band["name"]
    psfs = [path for band in bands for path in band["psf_plane"] + band["psfs"]]
    joined = {
        key: list(dict.fromkeys(path for band in bands for path in band[key]))
        for key in ("images", "rms", "weight")
    }
    return joined | {"psf": [], "psf_plane": [], "psfs": list(dict.fromkeys(psfs)), "planes": {}}
