"""Hold what a frozen model needs against the field."""

from pathlib import Path

from morphovote import sources, tiles, transfer
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    table, files = sources.read_sources(snakemake.input.sources)
    description = transfer.read_description(snakemake.input.model)
    transfer.check_files(description, Path(snakemake.input.model).parent)
    result = transfer.check_model(
        description,
        transfer.read_card(snakemake.input.card),
        snakemake.input.card,
        snakemake.params.settings,
        snakemake.wildcards.field,
        float(files.meta["PIXSCALE"]),
        tiles.cutout_side(table, files),
    )
    transfer.write_check(result, snakemake.output[0])
