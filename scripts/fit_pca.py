"""Fit principal components to a random sample of the embeddings."""

from morphovote.logs import rule_log
from morphovote.reduce.pca import fit_pca_shards

with rule_log(snakemake.log[0]):
    fit_pca_shards(
        snakemake.input.embeddings,
        snakemake.output[0],
        components=snakemake.params.components,
        seed=snakemake.params.seed,
    )
