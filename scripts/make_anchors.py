"""Draw simulated galaxies of known class on the field's own sky, and encode them."""

import torch

from morphovote.anchors.making import make_anchors_file
from morphovote.embedding import Embedder
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    given, params = snakemake.input, snakemake.params
    models = {name: given[name] for name in ("denoiser", "weights", "card")}
    make_anchors_file(
        given.sources,
        given.get("sky", []),
        params.psf,
        given.cutouts,
        Embedder.load(models, params.steps, snakemake.threads),
        snakemake.output[0],
        count=params.anchors,
        seed=params.seed,
        cutout=params.cutout,
        oversampling=params.oversampling,
    )
