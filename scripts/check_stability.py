"""Turn a sample of galaxies, add noise, blur them, and see whether they keep their groups."""

import torch

from morphovote.checks.stability import check_stability_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    check_stability_file(
        snakemake.input.cutouts,
        snakemake.input.components,
        snakemake.input.votes,
        {name: snakemake.input[name] for name in ("denoiser", "weights", "card", "pca", "voters")},
        snakemake.output[0],
        steps=snakemake.params.steps,
        precision=snakemake.params.precision,
        rotations=snakemake.params.rotations,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
