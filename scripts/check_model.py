"""Check that a frozen model can be used on the field."""

from pathlib import Path

from morphovote.fields import sources, tiles
from morphovote.logs import rule_log
from morphovote.model import compatibility
from morphovote.storage.files import read_json
from morphovote.storage.model_folder import read_description

with rule_log(snakemake.log[0]):
    table, files = sources.read_sources(snakemake.input.sources)
    description = read_description(snakemake.input.model)
    compatibility.check_files(description, Path(snakemake.input.model).parent)
    result = compatibility.check_model(
        description,
        read_json(snakemake.input.card),
        snakemake.input.card,
        snakemake.params.settings,
        snakemake.wildcards.field,
        float(files.meta["PIXSCALE"]),
        tiles.cutout_side(table, files),
    )
    compatibility.write_check(result, snakemake.output[0])
