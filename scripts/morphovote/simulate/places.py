"""Places for anchors: pieces of a field's own sky, of its images or lent by its cutouts."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np
from astropy.table import Table

from morphovote.fields.cutouts import BORDER, fill_with_sky, grow
from morphovote.fields.sky import Sky
from morphovote.flags import NO_DATA, OWN
from morphovote.simulate.injection import CLEAR, Place, image_places
from morphovote.storage.shards import count_rows, read_shard

# Pixels around a galaxy's segment that are no sky; least share of sky in a cutout that lends its.
HALO, LEAST_SKY = 6, 0.4
# Cutouts tried for one anchor; the same where they are to be of one band, which few may be.
TRIES, MANY_TRIES = 40, 1000


def lent_by_cutouts(tiles: Table) -> bool:
    """Whether the sky for anchors is that of cutouts.

    That of ready-made ones; and of several bands, whose images may have other pixels than cutouts.
    """
    return tiles.meta["KIND"] == "cutouts" or "BAND" in tiles.colnames


def cutout_places(
    cutouts: Sequence,
    size: int,
    tile: np.ndarray | None = None,
    bands: np.ndarray | None = None,
) -> Callable[..., Place | None]:
    """A function that makes a section of sky from one cutout, its objects replaced by its own sky.

    It takes a random generator and, where the field has several bands, the one that is wanted; it
    returns None where no cutout with enough sky is found.

    Parameters
    ----------
    cutouts : sequence of path
        All shards.
    size : int
        Side of the cutouts (px).
    tile : ndarray of int, optional
        By row of the sources: the file, or the image, of its cutout.
    bands : ndarray of str, optional
        By tile: its band.
    """
    counts = np.array([count_rows(path) for path in cutouts])

    def find(rng: np.random.Generator, band: str | None = None) -> Place | None:
        for _ in range(TRIES if band is None else MANY_TRIES):
            number = int(rng.choice(len(cutouts), p=counts / counts.sum()))
            row = int(rng.integers(counts[number]))
            names = ["row", "image", "rms", "mask", "flags"]
            if band is not None:
                source = int(read_shard(cutouts[number], ["row"], slice(row, row + 1))["row"][0])
                if tile[source] < 0 or bands[tile[source]] != band:
                    continue
            one = read_shard(cutouts[number], names, slice(row, row + 1))
            mask, rms = one["mask"][0], one["rms"][0]
            own = grow((mask & OWN) > 0, HALO)
            sky = (mask == 0) & ~own
            if one["flags"][0] & NO_DATA or sky.mean() < LEAST_SKY:
                continue
            name = f"sky {number} {row} {rng.integers(2**31)}"
            image = fill_with_sky(one["image"][0], ~sky, sky, rms, name)
            noise = np.where(own, np.median(rms[sky]), rms)
            section = np.pad(image, BORDER, constant_values=np.nan)
            noise = np.pad(noise, BORDER, constant_values=np.nan).astype(np.float32)
            centre = tuple(BORDER + size / 2 + rng.uniform(-0.5, 0.5, 2))
            file = -1 if tile is None else int(tile[one["row"][0]])
            return Place(section, noise, False, None, centre, 0.0, file, (0, 0))
        return None

    return find


def anchor_places(
    stack: ExitStack,
    tiles: Table,
    cutouts: Sequence,
    size: int,
    tile: np.ndarray | None,
    sky: Sky | None,
) -> Callable[[np.random.Generator, str | None], Place | None]:
    """A function that finds a place for an anchor: random generator, band (or None) -> place."""
    if lent_by_cutouts(tiles):
        bands = np.asarray(tiles["BAND"]) if "BAND" in tiles.colnames else None
        return cutout_places(cutouts, size, tile, bands)
    clear = CLEAR / float(tiles.meta["PIXSCALE"])
    find = image_places(stack, tiles, size + 2 * BORDER, clear, sky)
    return lambda rng, band: find(rng)
