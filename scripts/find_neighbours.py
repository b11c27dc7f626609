"""Find every galaxy's similar galaxies, and how strange it is."""

from morphovote.logs import rule_log
from morphovote.vote.similarity import find_neighbours_file

with rule_log(snakemake.log[0]):
    find_neighbours_file(
        snakemake.input.components,
        snakemake.input.embeddings,
        snakemake.input.strangeness,
        snakemake.output[0],
        seed=snakemake.params.seed,
    )
