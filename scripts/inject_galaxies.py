"""Put simulated galaxies of known class into the field's images, and see what is recovered."""

from morphovote.checks.recovery import inject_file
from morphovote.logs import rule_log

MODEL = ("denoiser", "weights", "card", "pca", "voters", "confidence", "classifier")

with rule_log(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    inject_file(
        given.sources,
        given.psf,
        given.votes,
        given.names,
        given.components,
        {name: given[name] for name in MODEL},
        snakemake.output[0],
        count=params.galaxies,
        seed=params.seed,
        cutout=params.cutout,
        detects=params.detects,
        steps=params.steps,
        precision=params.precision,
        rotations=params.rotations,
        threads=snakemake.threads,
    )
