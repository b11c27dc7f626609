"""Count, compare with the controls, and collect the timings."""

from morphovote import diagnostics, summary
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    summary.write_summary(
        summary.summarise(
            catalogue=diagnostics.read_catalogue(snakemake.input.catalogue),
            controls=summary.read_json(snakemake.input.controls),
            card=summary.read_json(snakemake.input.card),
            names=summary.read_names(snakemake.input.names),
            timings=summary.read_benchmarks(snakemake.params.benchmarks),
            config=snakemake.params.config,
            field=snakemake.wildcards.field,
        ),
        snakemake.output[0],
    )
