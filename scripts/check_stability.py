"""Rotate, mirror, blur and add noise to a sample of galaxies; see which keep their groups."""

import torch

from morphovote.chain import MODELS, Chain
from morphovote.checks.stability import check_stability_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    given, params = snakemake.input, snakemake.params
    chain = Chain.load({name: given[name] for name in MODELS}, params.steps, snakemake.threads)
    check_stability_file(
        given.cutouts, given.components, given.votes, chain, snakemake.output[0], seed=params.seed
    )
