"""Train an encoder on simulated galaxies."""

import torch

from morphovote.encode.weights import write_encoder
from morphovote.logs import rule_log
from morphovote.pretrain.training import describe_training, train_encoder
from morphovote.storage.files import write_curve
from morphovote.storage.shards import read_shard

with rule_log(snakemake.log[0]):
    torch.set_num_threads(max(1, snakemake.threads - snakemake.params.settings["workers"]))
    settings = snakemake.params.settings
    validation = read_shard(snakemake.input.validation)
    model, curve = train_encoder(settings, validation, snakemake.params.checkpoint)
    about = describe_training(settings, curve)
    write_encoder(model.half(), snakemake.output.weights, snakemake.output.card, about)
    write_curve(snakemake.output.curve, curve)
