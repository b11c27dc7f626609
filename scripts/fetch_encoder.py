"""Write the encoder's weights and card: drawn at random, from the hub, or from a local file."""

from morphovote import encoder_files
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    encoder_files.fetch_encoder(
        snakemake.params.name,
        str(snakemake.params.weights),
        snakemake.params.seed,
        snakemake.output.weights,
        snakemake.output.card,
    )
