"""Denoise one shard of cutouts."""

import torch

from morphovote import autoencoder, denoising
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    model = autoencoder.load_denoiser(snakemake.input.denoiser)
    denoising.denoise_shard(model, snakemake.input.cutouts, snakemake.output[0])
