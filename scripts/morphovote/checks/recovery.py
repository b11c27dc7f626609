"""What becomes of injected galaxies: detected, classified, and given their own class or not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from morphovote.checks.stability import MAPS, encode_views
from morphovote.classify.assignment import classify, read_group_classes
from morphovote.classify.classifier import load_classifier
from morphovote.denoise import dense as dense_denoiser
from morphovote.denoise.network import load_denoiser
from morphovote.encode.weights import load_encoder
from morphovote.fields.images import read_psf
from morphovote.fields.sources import read_sources
from morphovote.flags import EDGE, NO_DATA
from morphovote.logs import log, progress
from morphovote.reduce.pca import project
from morphovote.simulate.injection import inject, plan_injections
from morphovote.storage import shards
from morphovote.storage.model_files import read_model
from morphovote.vote import unanimous
from morphovote.vote.bagged import cast_votes, load_voters
from morphovote.vote.confidence import load_confidence, look_up

# Cutouts in memory at once in the denoiser and the encoder.
BATCH = 64
# Columns of the table, in order.
KEPT = ("row", "id", "type", "mag", "r_e", "axis_ratio", "tile", "tile_x", "tile_y", "snr", "flags")
KEPT += ("detected",)
NEEDS_IMAGES = "the field is made of cutouts, and galaxies can be injected into images only"


def follow_chain(
    cutouts: dict[str, np.ndarray],
    model: dict[str, str | Path],
    components: str | Path,
    classes: dict[int, str],
    steps: dict[str, str],
    precision: str,
    rotations: int,
    threads: int,
) -> dict[str, np.ndarray]:
    """Take cutouts through denoiser, polar image, encoder, components, vote and classes.

    Parameters
    ----------
    cutouts : dict of ndarray, shape (N, ...)
        As from `injection.inject`.
    model : dict of path
        denoiser, weights, card, pca, voters, confidence, classifier.
    components : path
        Of the field; only the published vote looks at them.
    classes : dict of str
        Class of each group.
    steps : dict of str
        Which kind of each step: scaling, denoiser, polar, input, vote.
    precision, rotations, threads
        See `encoding.encode_shard`.

    Returns
    -------
    dict of ndarray, shape (N,)
        group, vote_fraction, kept, outlier, and what `classification.classify` gives.
    """
    dense = steps["denoiser"] == "published"
    denoiser = (dense_denoiser.load_model if dense else load_denoiser)(model["denoiser"])
    encoder = load_encoder(model["weights"], model["card"])
    pca, _ = read_model(model["pca"], "pca", ("mean", "components"))
    if steps["vote"] == "published":
        voters = unanimous.nearest_voters(components, model["voters"])
    else:
        voters, _ = load_voters(model["voters"])
    confidence, _ = load_confidence(model["confidence"], len(voters.labels))
    classifier, _ = load_classifier(model["classifier"])
    parts = []
    starts = range(0, len(cutouts["x"]), BATCH)
    for start in progress(starts, len(starts), f"batches of {BATCH} galaxies"):
        some = {name: cutouts[name][start : start + BATCH] for name in MAPS}
        embeddings = encode_views(some, denoiser, steps, encoder, precision, rotations, threads)
        place = project(embeddings, pca)
        votes = cast_votes(place, voters)
        own = np.maximum(votes["group"], 0).astype(int)[:, None]
        highest = np.take_along_axis(votes["counts"], own, axis=1)[:, 0]
        votes["vote_confidence"] = look_up(highest, confidence)
        snr = cutouts["snr"][start : start + BATCH]
        found = classify(votes, classes, place, classifier, snr)
        found |= {name: votes[name] for name in ("group", "vote_fraction", "kept", "outlier")}
        parts.append(found)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def inject_file(
    sources: str | Path,
    psf: Sequence[str | Path],
    votes: str | Path,
    names: str | Path,
    components: str | Path,
    model: dict[str, str | Path],
    output: str | Path,
    count: int,
    seed: int,
    cutout: dict,
    detects: bool,
    steps: dict[str, str],
    precision: str,
    rotations: int,
    threads: int,
) -> None:
    """Inject galaxies into a field's images, take them through its chain, and write a table.

    Parameters
    ----------
    sources, votes, names, components : path
        Of the field.
    psf : sequence of path
        One, or none.
    model : dict of path
        See `follow_chain`.
    output : path
        An HDF5 table, one row a galaxy: see `injection.inject` and `follow_chain`, and recovered.
    count, seed : int
        Galaxies to inject; seed of their types, light and places.
    cutout : dict
        size (px), neighbours.
    detects : bool
        Whether the field detects its own sources: a galaxy that is not detected is then lost. A
        field with a catalogue has its galaxies from there, so a usable cutout is enough.
    steps, precision, rotations, threads
        See `follow_chain`.
    """
    torch.set_num_threads(threads)
    table, tiles = read_sources(sources)
    attributes = {"seed": seed, "asked": count, "detects": detects, "missing": ""}
    if tiles.meta["KIND"] != "images":
        log.warning("nothing is injected: %s", NEEDS_IMAGES)
        shards.write_shard(output, empty_table(), attributes | {"missing": NEEDS_IMAGES})
        return
    selected = np.asarray(table["SELECTED"], dtype=bool)
    plan = plan_injections(count, np.asarray(table["MAG"], float)[selected], seed)
    image = read_psf(psf[0]) if len(psf) else None
    if image is None:
        log.warning("the field has no psf: injected galaxies are seen through that of HST/ACS")
    cutouts = inject(plan, tiles, cutout["size"], cutout["neighbours"], image, seed)
    if not cutouts:
        text = "no free place with data all around was found in the images"
        shards.write_shard(output, empty_table(), attributes | {"missing": text})
        return
    classes = read_group_classes(names, shards.read_attributes(votes))
    found = follow_chain(
        cutouts, model, components, classes, steps, precision, rotations, threads
    )  # fmt: skip
    result = {name: cutouts[name] for name in KEPT} | found
    result["recovered"] = is_recovered(result, detects)
    for name in ("id", "type"):
        result[name] = result[name].astype(object)
    shards.write_shard(output, result, attributes)
    log.info(
        "%d galaxies injected, %d detected, %d with their own class",
        len(result["row"]),
        result["detected"].sum(),
        result["recovered"].sum(),
    )


def is_recovered(found: dict[str, np.ndarray], detects: bool) -> np.ndarray:
    """Whether injected galaxies get into the catalogue with their own class."""
    seen = (found["flags"] & (NO_DATA | EDGE)) == 0
    if detects:
        seen &= found["detected"]
    return seen & (found["class_origin"] != "none") & (found["class"] == found["type"])


def empty_table() -> dict[str, np.ndarray]:
    """The columns of the table, without rows."""
    text = ("id", "type", "class", "class_second", "class_origin", "class_reason")
    whole = ("row", "tile", "flags", "group")
    truth = ("detected", "kept", "outlier", "recovered")
    number = ("mag", "r_e", "axis_ratio", "tile_x", "tile_y", "snr", "vote_fraction", "class_prob")
    kinds = {object: text, np.int64: whole, bool: truth, np.float32: number}
    return {name: np.zeros(0, kind) for kind, names in kinds.items() for name in names}
