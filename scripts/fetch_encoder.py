"""Write the encoder's weights and card: drawn at random, from the hub, or from a local file."""

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
