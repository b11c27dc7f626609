"""Denoise one shard of cutouts."""

import torch

from morphovote import autoencoder, denoising, published_denoiser
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    weights, cutouts, output = (
        snakemake.input.denoiser,
        snakemake.input.cutouts,
        snakemake.output[0],
    )
    if snakemake.params.scheme == "published":
        dense = published_denoiser.load_model(weights)
        published_denoiser.denoise_shard(dense, cutouts, output, snakemake.params.scaling)
    else:
        denoiser = autoencoder.load_denoiser(weights)
        denoising.denoise_shard(denoiser, cutouts, output, snakemake.threads)
