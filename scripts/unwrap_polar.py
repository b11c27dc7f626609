"""Unwrap the denoised galaxies of one shard into polar images."""

import torch

from morphovote.logs import rule_log
from morphovote.polar import schemes

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    schemes.unwrap_shard(
        snakemake.input.denoised,
        snakemake.input.cutouts,
        snakemake.output[0],
        scheme=snakemake.params.scheme,
    )
