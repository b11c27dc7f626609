"""All kinds of polar images; the config's `polar.scheme` chooses one of them, and only here."""

from pathlib import Path

import numpy as np

from morphovote import flags
from morphovote.errors import InputError
from morphovote.polar import extremes, moments
from morphovote.polar.small import shrink
from morphovote.storage import shards


def _by_moments(
    denoised: dict[str, np.ndarray], cutouts: dict[str, np.ndarray], empty: np.ndarray
) -> dict[str, np.ndarray]:
    image, place = denoised["image"], (cutouts["mask"], cutouts["x"], cutouts["y"])
    found = moments.unwrap(image, *place, empty)
    shown = found["image"]
    if "arcs" in cutouts:
        shown = moments.unwrap_with_arcs(image, cutouts["arcs"], *place, found)
    return found | {"picture": shrink(shown, np.isfinite(found["angle"]))}


def _by_extremes(
    denoised: dict[str, np.ndarray], cutouts: dict[str, np.ndarray], empty: np.ndarray
) -> dict[str, np.ndarray]:
    del cutouts
    limits = (denoised["low"], denoised["high"]) if "low" in denoised else None
    found = extremes.unwrap(denoised["image"], limits, empty)
    # Its rows are angles; its right half has the radii outwards.
    outwards = found["image"][:, :, extremes.RADII :].swapaxes(1, 2)
    return found | {"picture": shrink(outwards, np.isfinite(found["angle"]))}


# Functions (denoised, cutouts, galaxies without data) -> arrays of the polar images.
SCHEMES = {"moments": _by_moments, "published": _by_extremes}


def unwrap(
    scheme: str, denoised: dict[str, np.ndarray], cutouts: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Unwrap denoised galaxies into polar images.

    Parameters
    ----------
    scheme : {'moments', 'published'}
    denoised : dict of ndarray
        `image` (N, S, S); from the published denoiser also `low`, `high` (N,).
    cutouts : dict of ndarray
        For the same galaxies, `mask` (N, S, S), `flags`, `x`, `y` (N,); for pictures that show the
        arcs around galaxies (scheme 'moments'), `arcs` (N, S, S), see `fields.arcs`.

    Returns
    -------
    dict of ndarray
        See `moments.unwrap` and `extremes.unwrap`; and `picture`, see `small.shrink`.
    """
    empty = (cutouts["flags"] & flags.NO_DATA) > 0
    return SCHEMES[scheme](denoised, cutouts, empty)


def unwrap_shard(
    denoised: str | Path, cutouts: str | Path, output: str | Path, scheme: str
) -> None:
    """Unwrap a shard of denoised galaxies; see `unwrap`.

    Parameters
    ----------
    denoised, cutouts : path
        Shards of the same galaxies.
    output : path
        Shard to write, with `row`, `id` and the arrays from `unwrap`.
    scheme : {'moments', 'published'}

    Raises
    ------
    InputError
        If the two shards hold different galaxies.
    """
    with shards.open_shard(denoised) as file:
        limits = [name for name in ("low", "high") if name in file]
    galaxies = shards.read_shard(denoised, ["row", "id", "image", *limits])
    source = shards.read_shard(cutouts, ["row", "mask", "arcs", "flags", "x", "y"])
    if not np.array_equal(galaxies["row"], source["row"]):
        raise InputError(
            f"{denoised}: array 'row' differs from that of {cutouts}, expected the same galaxies. "
            "Delete both and run the workflow again."
        )
    shards.write_shard(
        output,
        {"row": galaxies["row"], "id": galaxies["id"], **unwrap(scheme, galaxies, source)},
        attributes={
            "scheme": scheme,
            "pixel_scale": shards.read_attributes(denoised).get("pixel_scale", np.nan),
        },
        units={"pole_x": "pix", "pole_y": "pix", "angle": "rad", "radius": "pix"},
    )
