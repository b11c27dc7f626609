"""Write a model's description: the data and settings with which it was fitted."""

from morphovote.fields import sources
from morphovote.fields.psf_matching import cutout_psf
from morphovote.logs import rule_log
from morphovote.model import description as model_description
from morphovote.storage import shards
from morphovote.storage.files import read_json

with rule_log(snakemake.log[0]):
    table, tiles = sources.read_sources(snakemake.input.sources)
    psf = cutout_psf(tiles, snakemake.params.psf, snakemake.params.oversampling)
    card = read_json(snakemake.input.card)
    card["precision"] = shards.read_attributes(snakemake.input.embeddings[0])["precision"]
    description = model_description.describe_model(
        snakemake.wildcards.field,
        model_description.describe_field(table, tiles, snakemake.input.cutouts, psf),
        card,
        snakemake.params.config,
        snakemake.input.files,
    )
    model_description.write_description(description, snakemake.output[0])
