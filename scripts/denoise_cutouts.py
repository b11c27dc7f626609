"""Denoise one shard of cutouts."""

import torch

from morphovote.denoise import schemes
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    scheme = snakemake.params.scheme
    schemes.denoise_shard(
        scheme,
        schemes.SCHEMES[scheme].load(snakemake.input.denoiser),
        snakemake.input.cutouts,
        snakemake.output[0],
        scaling=snakemake.params.scaling,
        threads=snakemake.threads,
    )
