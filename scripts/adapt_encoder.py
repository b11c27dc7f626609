"""Train the encoder further, on views of a field's galaxies and on simulated ones."""

from pathlib import Path

import torch

from morphovote.encode.weights import read_encoder, write_encoder
from morphovote.logs import rule_log
from morphovote.pretrain.adaptation import RECIPE, VALIDATION, VIEWED, split_views
from morphovote.pretrain.recipe import describe_training
from morphovote.pretrain.training import simulate_validation, train_encoder
from morphovote.storage.files import write_curve
from morphovote.storage.shards import concatenate

with rule_log(snakemake.log[0]):
    torch.set_num_threads(max(1, snakemake.threads - RECIPE["workers"]))
    learnt, _ = split_views(concatenate(snakemake.input.views, VIEWED))
    name, field = snakemake.params.name, snakemake.wildcards.field
    start, about = read_encoder(name, Path(snakemake.input.weights))
    settings = RECIPE | {"name": name, "seed": 0, "sky": {field: len(learnt["image"])}}
    settings["start"] = about["source"]
    model, curve = train_encoder(
        settings, simulate_validation(VALIDATION), snakemake.params.checkpoint, [learnt], start
    )
    card = describe_training(settings, curve)
    write_encoder(model.half(), snakemake.output.weights, snakemake.output.card, card)
    write_curve(snakemake.output.curve, curve)
