"""Files that fields name: looked into before the first job, not after hours of others."""

from pathlib import Path

from morphovote.config.files import split_plane
from morphovote.errors import InputError

# Of many PSFs, one for each image, so many are read: each job reads them.
FIRST = 10


def check_psfs(fields: dict[str, dict]) -> None:
    """Read the PSF of every field that has one and is there, or the first of several.

    Parameters
    ----------
    fields : dict
        Of the completed config, by name.

    Raises
    ------
    InputError
        Naming the key of the config.
    """
    for name, field in fields.items():
        if field["simulate"]:
            continue
        for band in field["bands"] or []:
            _check_psf(f"fields.{name}.bands.{band['name']}", band)
        if not field["bands"]:
            _check_psf(f"fields.{name}", field)


def _check_psf(where: str, field: dict) -> None:
    """As `check_psfs`, of one field or one of its bands."""
    given = field["psf_plane"] + field["psfs"]
    there = [path for path in given[:FIRST] if Path(split_plane(path)[0]).is_file()]
    scale = _pixel_scale(field) if there else None
    for path in there if scale else []:
        # Takes a second to import, and few fields have a PSF.
        from morphovote.fields.psf import psf_pixels

        try:
            psf_pixels(path, scale, field["psf_oversampling"])
        except InputError as error:
            raise InputError(f"config, {where}.psf: {error}") from error


def _pixel_scale(field: dict) -> float | None:
    """Pixel scale (arcsec) of a field; None where its first image does not tell it."""
    if field["pixel_scale"]:
        return field["pixel_scale"]
    from morphovote.fields.images import inspect_image

    try:
        return inspect_image(field["images"][0], plane=field["planes"]["images"]).pixel_scale
    except InputError:
        # Not the PSF's mistake: the job that reads the image says it.
        return None
