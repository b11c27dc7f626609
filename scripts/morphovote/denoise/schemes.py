"""All denoisers; the config's `denoiser.scheme` chooses one of them, and only here.

To add a denoiser, add a module, a row of `SCHEMES`, and a word in the config's schema.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from morphovote.compute.batches import map_ordered
from morphovote.denoise import dense, recorrupted
from morphovote.denoise.network import load_denoiser
from morphovote.errors import InputError
from morphovote.flags import NO_DATA
from morphovote.logs import progress
from morphovote.storage import shards


class Scheme(NamedTuple):
    """Functions and settings of one denoiser.

    Attributes
    ----------
    train : callable
        (cutout shards, file of weights, file of the loss curve, latent, epochs, seed, scaling):
        trains on a sample of the cutouts and writes both files.
    load : callable
        (file of weights): returns the model.
    denoise : callable
        (model, cutouts, scaling): returns a dict with `image` (N, S, S), in the unit of the
        cutouts' `image`, and anything else that unwrapping needs.
    batch : int
        Galaxies per call.
    parallel : bool
        Whether each thread takes its own batch; if not, all threads share the work on one.
    """

    train: Callable
    load: Callable
    denoise: Callable
    batch: int
    parallel: bool


def _train_recorrupted(
    cutouts: Sequence[str | Path],
    weights: str | Path,
    history: str | Path,
    latent: int,
    epochs: int,
    seed: int,
    scaling: str,
) -> None:
    # The config allows only the scaling `flux` with this denoiser.
    del scaling
    recorrupted.train_file(cutouts, weights, history, latent, epochs, seed)


def _recorrupted(
    model: nn.Module, cutouts: dict[str, np.ndarray], scaling: str
) -> dict[str, np.ndarray]:
    del scaling
    return {"image": recorrupted.denoise(model, cutouts["image"], cutouts["rms"])}


def _dense(model: nn.Module, cutouts: dict[str, np.ndarray], scaling: str) -> dict[str, np.ndarray]:
    clean, low, high = dense.denoise(model, cutouts["image"], scaling)
    return {"image": clean, "low": low, "high": high}


SCHEMES = {
    "recorrupted": Scheme(
        _train_recorrupted, load_denoiser, _recorrupted, recorrupted.BATCH, parallel=True
    ),
    # Not parallel: it may run on a GPU, and otherwise uses all processors by itself.
    "published": Scheme(
        dense.train_file, dense.load_model, _dense, 4 * dense.BATCH, parallel=False
    ),
}


def denoise(
    scheme: str, model: nn.Module, cutouts: dict[str, np.ndarray], scaling: str
) -> dict[str, np.ndarray]:
    """Denoise cutouts; galaxies without data become zeros.

    Parameters
    ----------
    scheme : {'recorrupted', 'published'}
    model : nn.Module
        From the scheme's `load`.
    cutouts : dict of ndarray
        `image`, `rms` (N, S, S), `flags` (N,).
    scaling : {'flux', 'published'}
        The config's `cutout.scaling`.

    Returns
    -------
    dict of ndarray
        `image` (N, S, S) float32; of the published denoiser also `low`, `high` (N,).

    Raises
    ------
    InputError
        If the model was trained for cutouts of another size.
    """
    found = SCHEMES[scheme].denoise(model, cutouts, scaling)
    found["image"][(cutouts["flags"] & NO_DATA) != 0] = 0.0
    return found


def denoise_shard(
    scheme: str,
    model: nn.Module,
    cutouts: str | Path,
    path: str | Path,
    scaling: str = "flux",
    threads: int = 1,
) -> None:
    """Denoise a shard of cutouts and write the result to another shard; see `denoise`.

    Parameters
    ----------
    scheme, model, scaling
        See `denoise`.
    cutouts, path : path
        Shard to read, with `image`, `rms`, `flags`; shard to write, with `row`, `id`, the arrays
        from `denoise`, and the attributes of the first.
    threads : int
        Number of threads.

    Raises
    ------
    InputError
        If the model was trained for cutouts of another size.
    """

    def clean(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        try:
            return denoise(scheme, model, batch, scaling)
        except InputError as error:
            raise InputError(f"{cutouts}: {error}") from error

    names, size = ["image", "rms", "flags"], SCHEMES[scheme].batch
    count = shards.count_rows(cutouts)
    batches = shards.iterate_batches(cutouts, names, size)
    parallel = SCHEMES[scheme].parallel
    cleaned = map_ordered(clean, batches, threads) if parallel else map(clean, batches)
    parts = list(progress(cleaned, -(-count // size), f"batches of {size} galaxies"))
    parts = parts or [clean(shards.read_shard(cutouts, names))]
    arrays = shards.read_shard(cutouts, ["row", "id"])
    arrays |= {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    attributes = shards.read_attributes(cutouts)
    attributes.pop("made_by", None)
    shards.write_shard(path, arrays, attributes)
