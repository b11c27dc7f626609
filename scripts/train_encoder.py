"""Train an encoder on simulated galaxies and, if there are any, on real ones."""

from pathlib import Path

import torch

from morphovote.encode.weights import read_encoder, write_encoder
from morphovote.logs import rule_log
from morphovote.pretrain.recipe import describe_training
from morphovote.pretrain.training import train_encoder
from morphovote.storage.files import write_curve
from morphovote.storage.shards import read_shard

with rule_log(snakemake.log[0]):
    settings, given = dict(snakemake.params.settings), snakemake.input
    torch.set_num_threads(max(1, snakemake.threads - settings["workers"]))
    sky = {Path(path).stem.removesuffix("_views"): read_shard(path) for path in given.sky}
    settings["sky"] = {survey: len(views["image"]) for survey, views in sky.items()}
    start = read_encoder(settings["name"], Path(given.start[0]))[0] if given.start else None
    validation = read_shard(given.validation)
    model, curve = train_encoder(
        settings, validation, snakemake.params.checkpoint, list(sky.values()), start
    )
    about = describe_training(settings, curve)
    write_encoder(model.half(), snakemake.output.weights, snakemake.output.card, about)
    write_curve(snakemake.output.curve, curve)
