"""Write what a model was fitted on."""

from morphovote import model_card, shards, sources, transfer
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    psf = snakemake.input.get("psf", [])
    table, tiles = sources.read_sources(snakemake.input.sources)
    card = transfer.read_card(snakemake.input.card)
    card["precision"] = shards.read_attributes(snakemake.input.embeddings[0])["precision"]
    description = model_card.describe_model(
        snakemake.wildcards.field,
        model_card.describe_field(table, tiles, snakemake.input.cutouts, psf[0] if psf else None),
        card,
        snakemake.params.config,
        snakemake.input.files,
    )
    model_card.write_description(description, snakemake.output[0])
