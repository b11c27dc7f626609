"""Train the denoising autoencoder on a sample of the field's own cutouts."""

import torch

from morphovote.denoise import dense, recorrupted
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    params = snakemake.params
    files = (snakemake.input.cutouts, snakemake.output.weights, snakemake.output.history)
    settings = (params.latent, params.epochs, params.seed)
    if params.scheme == "published":
        dense.train_file(*files, *settings, params.scaling)
    else:
        recorrupted.train_file(*files, *settings)
