"""Find the galaxies of a field that are most like given ones, and how strange these are."""

import torch

from morphovote.chain import MODELS, Chain
from morphovote.logs import rule_log
from morphovote.similar import find_similar_file

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    given, params = snakemake.input, snakemake.params
    models = {name: given[name] for name in MODELS}
    field = {
        name: given[name]
        for name in ("sources", "components", "neighbours", "strangeness", "catalogue")
    }
    find_similar_file(
        params.wanted,
        field | {"cutouts": given.cutouts[0]},
        snakemake.output[0],
        chain=lambda: Chain.load(models, params.steps, snakemake.threads),
        cutout=params.cutout,
    )
