"""Summarise a run: counts, comparison with the controls, results of the checks, timings."""

from morphovote.catalogue.reading import read_bands, read_catalogue, read_properties
from morphovote.checks import class_tests, completeness, confounders, stability_scores
from morphovote.classify import calibration
from morphovote.fields.sources import read_notes
from morphovote.logs import rule_log
from morphovote.report import summary
from morphovote.storage import shards
from morphovote.storage.files import read_json
from morphovote.storage.model_folder import read_names
from morphovote.storage.numbers import read_rows

with rule_log(snakemake.log[0]):
    given, config = snakemake.input, snakemake.params.config
    tables = read_catalogue(given.catalogue), read_properties(given.sources)
    tests, ordering = read_rows(given.separation), read_rows(given.ordering)
    massive = config["diagnose"]["massive"]
    found = {
        "bands": read_bands(given.sources),
        "match": next(map(read_json, given.match), None),
        "notes": read_notes(given.sources),
        "stability": stability_scores.summarise_stability(
            shards.read_shard(given.stability), shards.read_attributes(given.stability)
        ),
        "calibration": calibration.summarise_checks(calibration.read_checks(given.held_out)),
        "labels": next(map(read_json, given.labels), None),
        "injection": next(map(completeness.read_recovery, given.injections), None),
        "separation": class_tests.summarise_tests(*tables, massive, tests, ordering),
        "confounders": confounders.summarise_audit(
            read_rows(given.confounders), read_rows(given.overall)
        ),
        "encoder": read_json(given.card),
        "model": read_json(given.model),
        "shift": next(map(read_json, given.shift), None),
        "timings": summary.read_benchmarks(snakemake.params.benchmarks),
    }
    about = (snakemake.wildcards.field, config, *tables, read_json(given.controls))
    numbers = summary.summarise(*about, read_names(given.names), found)
    summary.write_summary(numbers, snakemake.output[0])
