"""Pictures of single galaxies: distances, pixels from the shards, and the stretch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from morphovote.storage import shards

# Sides of pictures are multiples of a JPEG block, so that no picture bleeds into the next one.
BLOCK = 8


def read_distances(path: str | Path, count: int) -> np.ndarray:
    """Distance of every source from its nearest reference galaxies, NaN if it was not in the vote.

    Parameters
    ----------
    path : str or Path
        votes.h5.
    count : int
        Sources of the catalogue.
    """
    votes = shards.read_shard(path, ["row", "distance"])
    distance = np.full(count, np.nan)
    distance[votes["row"]] = votes["distance"]
    return distance


def read_stamps(paths: Sequence[str | Path], name: str, rows: np.ndarray) -> dict[int, np.ndarray]:
    """Read the arrays of single galaxies from shards.

    Parameters
    ----------
    paths : sequence of path
        Shards; only the rows asked for are read.
    name : str
        The array.
    rows : ndarray of int
        Rows of the source list.

    Returns
    -------
    dict of ndarray
        By row; rows that no shard holds are left out.
    """
    found = {}
    for path in paths:
        with shards.open_shard(path) as file:
            here = file["row"][:]
            for place in np.flatnonzero(np.isin(here, rows)):
                found[int(here[place])] = file[name][place]
    return found


def stretch(image: np.ndarray, sky: float, bright: float, floor: float = 1.0) -> np.ndarray:
    """Asinh stretch to [0, 1] (Lupton et al. 2004, PASP 116, 133).

    Parameters
    ----------
    image : ndarray of float
    sky : float
        Standard deviation of the sky: the stretch turns from linear to logarithmic at 3 of it.
    bright : float
        The value shown as 1; at least 10 `sky`, so that noise alone stays faint.
    floor : float
        So many `sky` below zero are shown as 0.
    """
    soft = 3 * max(sky, 1e-30)
    low, high = np.arcsinh(-floor / 3), np.arcsinh(max(bright, 10 * sky) / soft)
    return np.clip((np.arcsinh(image / soft) - low) / (high - low), 0, 1)


def sky_of(image: np.ndarray, rms: np.ndarray) -> float:
    """Noise of a cutout's sky: of its noise map, or of the image itself where that has none."""
    for values in (rms, image - np.nanmedian(image) if np.isfinite(image).any() else image):
        values = np.abs(values[np.isfinite(values)])
        sky = float(np.median(values)) if len(values) else 0.0
        if sky > 0:
            return sky
    return 1.0


def fit_side(wide: int, side: int) -> int:
    """Side of a picture of an image of `wide` pixels: at most `side`, a multiple of `BLOCK`."""
    return max(min(side, wide) // BLOCK, 1) * BLOCK


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Bring a square image to `side` pixels: cut its edge off if that is enough, or average."""
    wide = len(image)
    picture = Image.fromarray(image)
    if side <= wide < side + BLOCK:
        edge = (wide - side) // 2
        picture = picture.crop((edge, edge, edge + side, edge + side))
    else:
        picture = picture.resize((side, side), Image.Resampling.BOX)
    return np.asarray(picture)
