"""Hold what a frozen model needs against the field."""

from morphovote import sources, tiles, transfer
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    table, files = sources.read_sources(snakemake.input.sources)
    result = transfer.check_model(
        transfer.read_description(snakemake.input.model),
        transfer.read_card(snakemake.input.card),
        snakemake.input.card,
        snakemake.params.settings,
        snakemake.wildcards.field,
        float(files.meta["PIXSCALE"]),
        tiles.cutout_side(table, files),
    )
    transfer.write_check(result, snakemake.output[0])
