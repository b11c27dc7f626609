"""Project the embeddings of a field onto the principal components."""

from morphovote.logs import rule_log
from morphovote.reduce.pca import project_shards

with rule_log(snakemake.log[0]):
    project_shards(snakemake.input.embeddings, snakemake.input.pca, snakemake.output[0])
