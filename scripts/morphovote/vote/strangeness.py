"""Galaxies that look like no other: how far their small pictures are from a model's reference.

The reference is a bounded sample of the galaxies to which the model was fitted, and part of the
model: the time grows in proportion to the number of galaxies, and a galaxy's value depends on no
other galaxy of its field.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morphovote.compute.neighbours import isolation
from morphovote.logs import log
from morphovote.storage.model_files import read_model, write_model
from morphovote.storage.rows import SAMPLE_LIMIT, sample_rows
from morphovote.storage.shards import iterate_batches, read_attributes

# Reference galaxies to which the distance is taken.
CLOSEST = 5
BATCH = 4096


def fit_strangeness_file(paths: Sequence[str | Path], output: str | Path, seed: int) -> None:
    """Draw the reference galaxies of a model, and see how isolated each is among the others.

    Parameters
    ----------
    paths : sequence of path
        Shards with `picture` (N, K), see `polar.small.shrink`.
    output : path
        The model file, with `picture` (R, K) and `isolation` (R,) of R galaxies, at most
        `SAMPLE_LIMIT`.
    seed : int
    """
    picture, available = sample_rows(paths, "picture", SAMPLE_LIMIT, seed)
    own = isolation(picture, picture, CLOSEST)
    attributes = {
        "galaxies": len(picture),
        "seed": seed,
        "polar": read_attributes(paths[0])["polar"],
    }
    # The shards have half precision, too.
    arrays = {"picture": picture.astype(np.float16), "isolation": own}
    write_model(output, "strangeness", arrays, attributes)
    log.info("the reference has %d of %d galaxies", len(picture), available)


def load_reference(path: str | Path) -> dict[str, np.ndarray]:
    """The reference of a model, as `fit_strangeness_file` writes it: picture and isolation.

    Raises
    ------
    InputError
        See `read_model`.
    """
    return read_model(path, "strangeness", ("picture", "isolation"))[0]


def isolation_of_shards(
    paths: Sequence[str | Path], reference: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Row and isolation (N,) of all galaxies of shards, in batches.

    The isolation is the mean distance to the five nearest reference galaxies, float64; NaN without
    usable pixels.
    """
    rows, isolated = [np.zeros(0, int)], [np.zeros(0)]
    for path in paths:
        for batch in iterate_batches(path, ["row", "picture"], BATCH):
            rows.append(batch["row"])
            isolated.append(isolation(batch["picture"], reference["picture"], CLOSEST))
    return np.concatenate(rows), np.concatenate(isolated)


def strangeness(pictures: np.ndarray, reference: dict[str, np.ndarray]) -> np.ndarray:
    """Share (N,) of the reference galaxies that are less isolated than each picture (N, K)."""
    isolated = isolation(pictures, reference["picture"], CLOSEST)
    return rank_strangeness(isolated, reference["isolation"])


def rank_strangeness(isolated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Share of the reference galaxies that are less isolated.

    Parameters
    ----------
    isolated : ndarray, shape (N,)
        From `neighbours.isolation`.
    reference : ndarray, shape (R,)
        The same of the reference galaxies themselves.

    Returns
    -------
    ndarray of float32, shape (N,)
        From 0 to 1: 1 is more isolated than every reference galaxy. NaN where `isolated` is.
    """
    below = np.searchsorted(np.sort(reference), isolated, side="left")
    return np.where(np.isfinite(isolated), below / max(len(reference), 1), np.nan).astype("f4")
