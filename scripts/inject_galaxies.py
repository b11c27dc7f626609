"""Inject simulated galaxies of known class into the field's images; see what is recovered."""

import torch

from morphovote.chain import CLASS_MODELS, Chain
from morphovote.checks.recovery import inject_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    given, params = snakemake.input, snakemake.params
    chain = Chain.load(
        {name: given[name] for name in CLASS_MODELS}, params.steps, snakemake.threads
    )
    inject_file(
        given.sources,
        given.get("sky", []),
        params.psf,
        chain,
        snakemake.output[0],
        count=params.galaxies,
        seed=params.seed,
        cutout=params.cutout,
        detects=params.detects,
        oversampling=params.oversampling,
    )
