"""Take galaxies through the model in each of their bands; see how group and class change."""

import torch

from morphovote.chain import CLASS_MODELS, Chain
from morphovote.checks.band_changes import compare_bands
from morphovote.logs import rule_log
from morphovote.model.compatibility import read_pixel_scale
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    given, params = snakemake.input, snakemake.params
    chain = Chain.load(
        {name: given[name] for name in CLASS_MODELS}, params.steps, snakemake.threads
    )
    changes = compare_bands(
        given.sources,
        given.get("sky", []),
        chain,
        seed=params.seed,
        cutout=params.cutout,
        target=read_pixel_scale(given.get("transfer", [])),
    )
    save_numbers(changes, snakemake.output[0])
