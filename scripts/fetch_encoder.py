"""Write the encoder's weights and card: bundled, random, from the hub, or from a file."""

from morphovote.encode import weights
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    weights.fetch_encoder(
        snakemake.params.name,
        str(snakemake.params.weights),
        snakemake.params.seed,
        snakemake.output.weights,
        snakemake.output.card,
    )
