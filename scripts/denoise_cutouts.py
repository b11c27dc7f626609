"""Denoise one shard of cutouts."""

import torch

from morphovote import denoising
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    model = denoising.load_denoiser(snakemake.input.denoiser)
    denoising.denoise_shard(model, snakemake.input.cutouts, snakemake.output[0])
