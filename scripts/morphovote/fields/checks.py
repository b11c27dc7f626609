"""Files that fields name: looked into before the first job, not after hours of others."""

from pathlib import Path

from morphovote.config.files import split_plane
from morphovote.errors import InputError


def check_psfs(fields: dict[str, dict]) -> None:
    """Read the PSF of every field that has one and is there.

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
        for path in field["psf_plane"]:
            if field["simulate"] or not Path(split_plane(path)[0]).is_file():
                continue
            # Takes a second to import, and few fields have a PSF.
            from morphovote.fields.images import read_psf

            try:
                read_psf(path)
            except InputError as error:
                raise InputError(f"config, fields.{name}.psf: {error}") from error
