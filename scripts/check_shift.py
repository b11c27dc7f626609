"""Measure how far a field differs from the galaxies to which its frozen model was fitted."""

from morphovote.fields import sources
from morphovote.fields.psf_matching import cutout_psf
from morphovote.logs import log, rule_log
from morphovote.model import description, domain_shift
from morphovote.storage.files import read_json

with rule_log(snakemake.log[0]):
    table, tiles = sources.read_sources(snakemake.input.sources)
    psf = cutout_psf(tiles, snakemake.params.psf, snakemake.params.oversampling)
    found = domain_shift.check_shift_files(
        components=snakemake.input.components,
        votes=snakemake.input.votes,
        embeddings=snakemake.input.embeddings[0],
        voters=snakemake.input.voters,
        description=snakemake.input.model,
        transfer=read_json(snakemake.input.transfer),
        field=description.describe_field(table, tiles, snakemake.input.cutouts, psf),
        seed=snakemake.params.seed,
    )
    log.info("%s", found["sentence"])
    description.write_description(found, snakemake.output[0])
