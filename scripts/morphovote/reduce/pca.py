"""Principal components of the embeddings: fitted to a bounded sample, applied row by row."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.storage.model_files import digest, read_model, write_model
from morphovote.storage.rows import SAMPLE_LIMIT, sample_rows
from morphovote.storage.shards import (
    count_rows,
    create_array,
    create_hdf5,
    fixed,
    iterate_batches,
    read_attributes,
    text_type,
    text_width,
)

# Rows per matrix product. Blocks always have this length (the last is padded), because a product
# of another shape may round differently.
BLOCK = 512
# Embeddings that differ in any of these attributes cannot be compared.
IDENTITY = ("encoder", "rotations", "polar", "input")
KEPT_ATTRIBUTES = (*IDENTITY, "name", "weights", "precision", "pixel_scale")


def affine(rows: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """`rows @ matrix + offset`, where a row's result does not depend on the other rows.

    Parameters
    ----------
    rows : ndarray, shape (N, D)
    matrix : ndarray, shape (D, P)
    offset : ndarray, shape (P,)

    Returns
    -------
    ndarray, shape (N, P), float64
        NaN where the row is not finite.
    """
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    result = np.empty((len(rows), matrix.shape[1]))
    block = np.zeros((BLOCK, len(matrix)))
    # One thread, because the way threads share the work would change the last bit.
    with threadpool_limits(1):
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            finite = np.isfinite(part).all(axis=1)
            block[:] = 0
            block[: len(part)][finite] = part[finite]
            product = (block @ matrix)[: len(part)] + offset
            result[start : start + BLOCK] = np.where(finite[:, None], product, np.nan)
    return result


def common_attributes(paths: Sequence[str | Path]) -> dict:
    """Attributes that record how the embeddings were made, the same for all shards.

    Raises
    ------
    InputError
        If two shards come from different encoders.
    """
    first = read_attributes(paths[0])
    for path in paths[1:]:
        check_same_encoder(read_attributes(path), path, first, paths[0])
    return {name: first[name] for name in KEPT_ATTRIBUTES if name in first}


def check_same_encoder(found: dict, path: str | Path, expected: dict, source: str | Path) -> None:
    """Stop if two files belong to different embeddings.

    Raises
    ------
    InputError
        If the encoder (its SHA-256), the number of rotations, or the scheme of the polar images or
        of the encoder's input differs.
    """
    for name in IDENTITY:
        if name in expected and found.get(name) != expected[name]:
            raise InputError(
                f"{path}: attribute '{name}' is {found.get(name)}, but {source} was made with "
                f"{expected[name]}.\nA model works only with the encoder it was fitted with: set "
                "`encoder` in the config to the same one, or fit a model here."
            )


def fit_pca(sample: np.ndarray, components: float | int) -> dict[str, np.ndarray]:
    """Principal components, centred and not whitened.

    Parameters
    ----------
    sample : ndarray, shape (N, D)
        Embeddings, all finite.
    components : float or int
        Fraction of the variance (between 0 and 1) or number of components.

    Returns
    -------
    dict of ndarray
        mean (D,), components (P, D), explained_variance (P,), explained_ratio (P,), float64.

    Raises
    ------
    InputError
        If `components` is neither, or the sample is too small or has no variance.
    """
    is_number = isinstance(components, int | np.integer) and not isinstance(components, bool)
    if is_number and components >= 1:
        wanted: float | int = int(components)
    elif isinstance(components, float) and 0 < components < 1:
        wanted = components
    else:
        raise InputError(
            f"config, pca.components: found {components!r}, expected a fraction of the variance "
            "between 0 and 1 (such as 0.95) or a whole number of components. Correct it."
        )
    if len(sample) < 3:
        raise InputError(
            f"embeddings: only {len(sample)} galaxies have features, a PCA needs at least 3. "
            "Widen `select` in the config, or check the flags of the cutouts."
        )
    sample = sample.astype(np.float64)
    most = min(len(sample) - 1, sample.shape[1])
    if is_number and wanted > most:
        log.info(
            "%d components requested; %d galaxies with %d features give %d at most: using these",
            wanted,
            *sample.shape,
            most,
        )
        wanted = most
    if not np.ptp(sample, axis=0).any():
        raise InputError(
            "embeddings: all galaxies have the same features, so there is nothing to cluster. "
            "Check the cutouts and the encoder."
        )
    solver = "covariance_eigh" if len(sample) > sample.shape[1] else "full"
    with threadpool_limits(1):
        pca = PCA(n_components=wanted, svd_solver=solver).fit(sample)
    return {
        "mean": pca.mean_,
        "components": pca.components_,
        "explained_variance": pca.explained_variance_,
        "explained_ratio": pca.explained_variance_ratio_,
    }


def fit_pca_shards(
    paths: Sequence[str | Path], output: str | Path, components: float | int, seed: int
) -> None:
    """Fit a PCA on a random sample of embedding shards and save it.

    Parameters
    ----------
    paths : sequence of path
        Shards with `embedding` (N, D).
    output : path
        The model file, with `mean`, `components`, `explained_variance`, `explained_ratio`, and
        attributes that record how the embeddings were made.
    components : float or int
        See `fit_pca`.
    seed : int

    Raises
    ------
    InputError
        See `fit_pca` and `common_attributes`.
    """
    attributes = common_attributes(paths)
    sample, available = sample_rows(paths, "embedding", SAMPLE_LIMIT, seed)
    model = fit_pca(sample, components)
    log.info(
        "%d components hold %.1f %% of the variance of %d features (%d of %d galaxies)",
        len(model["components"]),
        100 * model["explained_ratio"].sum(),
        sample.shape[1],
        len(sample),
        available,
    )
    attributes |= {"galaxies": len(sample), "seed": seed, "asked": components}
    attributes["pca"] = digest(model["mean"], model["components"])
    write_model(output, "pca", model, attributes)


def project(embeddings: np.ndarray, pca: dict[str, np.ndarray]) -> np.ndarray:
    """Principal components of embeddings, row by row.

    Parameters
    ----------
    embeddings : ndarray, shape (N, D)
    pca : dict of ndarray
        As `fit_pca` returns it.

    Returns
    -------
    ndarray, shape (N, P), float32
        NaN rows where the embedding is not finite.
    """
    matrix = pca["components"].T
    # Subtract the mean first: after the product this would lose digits.
    return affine(embeddings - pca["mean"], matrix, np.zeros(matrix.shape[1])).astype(np.float32)


def project_shards(paths: Sequence[str | Path], model: str | Path, output: str | Path) -> None:
    """Project embedding shards into one file, one batch at a time.

    Parameters
    ----------
    paths : sequence of path
        Shards with `row`, `id`, `embedding` (N, D).
    model : path
        Written by `fit_pca_shards`, for this field or another.
    output : path
        File to write, with `row`, `id`, `component` (N, P) float32, in the order of the shards.

    Raises
    ------
    InputError
        If the embeddings come from an encoder other than the model's.
    """
    pca, attributes = read_model(model, "pca", ("mean", "components"))
    for path in paths:
        check_same_encoder(read_attributes(path), path, attributes, model)
    total = sum(count_rows(path) for path in paths)
    width = len(pca["components"])
    kept = {key: attributes[key] for key in (*KEPT_ATTRIBUTES, "pca") if key in attributes}
    longest = max((text_width(path, "id") for path in paths), default=1)
    with create_hdf5(output, kept) as file:
        rows = create_array(file, "row", (total,), np.dtype(np.int64))
        ids = create_array(file, "id", (total,), text_type(longest))
        values = create_array(file, "component", (total, width), np.dtype(np.float32))
        for start, batch in progress(_projected(paths, pca), _count(paths), "batches"):
            part = slice(start, start + len(batch["row"]))
            rows[part], values[part] = batch["row"], batch["component"]
            ids[part] = fixed(batch["id"]).astype(ids.dtype)


def _count(paths: Sequence[str | Path]) -> int:
    return sum(-(-count_rows(path) // 4096) for path in paths)


def _projected(paths: Sequence[str | Path], pca: dict) -> Iterator[tuple[int, dict]]:
    start = 0
    for path in paths:
        for batch in iterate_batches(path, ["row", "id", "embedding"], 4096):
            if batch["embedding"].shape[1] != len(pca["mean"]):
                raise InputError(
                    f"{path}: array 'embedding' has {batch['embedding'].shape[1]} features, the "
                    f"PCA expects {len(pca['mean'])}. Use the encoder that the PCA was fitted with."
                )
            yield start, batch | {"component": project(batch["embedding"], pca)}
            start += len(batch["row"])
