"""Encode the polar images of one shard with the encoder."""

from morphovote.compute.devices import choose_dtype, pick_device
from morphovote.encode import encoding, weights
from morphovote.logs import rule_log
from morphovote.storage import shards

with rule_log(snakemake.log[0]):
    polar = snakemake.input.polar
    model, card = weights.load_encoder(snakemake.input.weights, snakemake.input.card)
    precision, rotations = snakemake.params.precision, snakemake.params.rotations
    dtype = choose_dtype(precision, pick_device())
    scheme = snakemake.params.input_scheme
    embedding = encoding.encode_shard(
        polar, model, card, precision, rotations, snakemake.threads, scheme
    )
    shards.write_shard(
        snakemake.output[0],
        {**shards.read_shard(polar, ["row", "id", "picture"]), "embedding": embedding},
        attributes={
            "encoder": card["sha256"],
            "name": card["name"],
            "source": card["source"],
            "weights": card["weights"],
            "rotations": rotations,
            "polar": snakemake.params.scheme,
            "input": scheme,
            "precision": str(dtype).removeprefix("torch."),
        },
    )
