"""Denoise one shard of cutouts."""

import torch

from morphovote.denoise import dense as dense_denoiser
from morphovote.denoise import network, recorrupted
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    weights, cutouts, output = (
        snakemake.input.denoiser,
        snakemake.input.cutouts,
        snakemake.output[0],
    )
    if snakemake.params.scheme == "published":
        dense = dense_denoiser.load_model(weights)
        dense_denoiser.denoise_shard(dense, cutouts, output, snakemake.params.scaling)
    else:
        denoiser = network.load_denoiser(weights)
        recorrupted.denoise_shard(denoiser, cutouts, output, snakemake.threads)
