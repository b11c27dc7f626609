"""Count, compare with the controls, and collect tests and timings."""

from morphovote.catalogue.reading import read_catalogue, read_sources
from morphovote.checks import completeness
from morphovote.checks.stability_scores import summarise_stability
from morphovote.classify import calibration
from morphovote.logs import rule_log
from morphovote.report import summary
from morphovote.report.text import findings
from morphovote.storage import shards
from morphovote.storage.files import read_json
from morphovote.storage.model_folder import read_names
from morphovote.storage.numbers import read_rows

with rule_log(snakemake.log[0]):
    stability = snakemake.input.stability
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_sources(snakemake.input.sources)
    comparisons, ordering, groups, overall = (
        read_rows(snakemake.input[name])
        for name in ("separation", "ordering", "confounders", "overall")
    )
    massive = snakemake.params.config["diagnose"]["massive"]
    summary.write_summary(
        summary.summarise(
            catalogue=catalogue,
            sources=sources,
            controls=read_json(snakemake.input.controls),
            stability=summarise_stability(
                shards.read_shard(stability), shards.read_attributes(stability)
            ),
            calibration=calibration.summarise_checks(
                calibration.read_checks(snakemake.input.held_out)
            ),
            recovery=next(map(completeness.read_recovery, snakemake.input.injections), None),
            tests=findings.summarise_tests(catalogue, sources, massive, comparisons, ordering),
            audit=findings.summarise_audit(groups, overall),
            card=read_json(snakemake.input.card),
            names=read_names(snakemake.input.names),
            timings=summary.read_benchmarks(snakemake.params.benchmarks),
            config=snakemake.params.config,
            field=snakemake.wildcards.field,
            match=next(map(read_json, snakemake.input.match), None),
            model=read_json(snakemake.input.model),
            frozen=summary.read_frozen(snakemake.input.get("shift", [])),
        ),
        snakemake.output[0],
    )
