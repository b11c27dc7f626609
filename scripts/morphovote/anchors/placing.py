"""Anchors among the groups: their components and votes, as part of the model."""

from pathlib import Path

import numpy as np

from morphovote.classify.anchors import KIND
from morphovote.logs import log
from morphovote.reduce.pca import check_same_encoder, project
from morphovote.storage import shards
from morphovote.storage.model_files import read_model, write_model
from morphovote.vote import schemes as votings
from morphovote.vote.bagged import cast_votes
from morphovote.vote.confidence import add_confidence, load_confidence


def place_anchors_file(
    anchors: str | Path,
    pca: str | Path,
    voters: str | Path,
    confidence: str | Path,
    components: str | Path,
    scheme: str,
    output: str | Path,
) -> None:
    """Project the anchors, let the voters vote on them, and write both into the model folder.

    Parameters
    ----------
    anchors : path
        From `making.make_anchors_file`.
    pca, voters, confidence : path
        Of the model.
    components : path
        Of the field, used only by the published vote.
    scheme : str
        Of the vote.
    output : path
        A model file: the arrays of `anchors` but the embedding; component (N, P), group, kept,
        counts (N, K), vote_fraction, vote_confidence.
    """
    found, about = shards.read_shard(anchors), shards.read_attributes(anchors)
    model, attributes = read_model(pca, "pca", ("mean", "components"))
    embedding = found.pop("embedding")
    if len(embedding):
        check_same_encoder(about, anchors, attributes, pca)
    width = len(model["components"])
    component = project(embedding, model) if len(embedding) else np.zeros((0, width), np.float32)
    use = np.isfinite(component).all(axis=1)
    component = component[use]
    vote = votings.SCHEMES[scheme].load(voters, components)
    votes = add_confidence(
        cast_votes(component, vote), load_confidence(confidence, len(vote.labels))[0]
    )
    names = ("group", "kept", "counts", "vote_fraction", "vote_confidence")
    arrays = {name: values[use] for name, values in found.items()} | {"component": component}
    arrays |= {name: votes[name] for name in names}
    arrays = {
        name: values.astype(str) if values.dtype == object else values
        for name, values in arrays.items()
    }
    kept = {name: about[name] for name in ("asked", "seed", "has_psf", "missing") if name in about}
    kept |= {"voters": shards.read_attributes(voters)["voters"], "groups": vote.groups}
    kept |= {name: attributes[name] for name in ("pca",) if name in attributes}
    write_model(output, KIND, arrays, kept)
    log.info("%d anchors in %d of %d groups", len(component), len(set(votes["group"])), vote.groups)
