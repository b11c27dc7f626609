"""Draw the reference galaxies from which strange ones are told."""

from morphovote.logs import rule_log
from morphovote.vote.strangeness import fit_strangeness_file

with rule_log(snakemake.log[0]):
    fit_strangeness_file(
        snakemake.input.embeddings, snakemake.output[0], seed=snakemake.params.seed
    )
