"""Train the denoising autoencoder on a sample of the field's own cutouts."""

import torch

from morphovote.denoise import schemes
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    params = snakemake.params
    schemes.SCHEMES[params.scheme].train(
        snakemake.input.cutouts,
        snakemake.output.weights,
        snakemake.output.history,
        latent=params.latent,
        epochs=params.epochs,
        seed=params.seed,
        scaling=params.scaling,
    )
