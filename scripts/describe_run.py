"""Describe a field's run as an RO-Crate: inputs with checksums, config, versions, outputs."""

import shutil
from importlib import metadata
from pathlib import Path

import yaml

from morphovote.logs import rule_log
from morphovote.model.description import fit_versions
from morphovote.report.crate import build_crate
from morphovote.storage.files import write_json, write_text

with rule_log(snakemake.log[0]):
    given, made = snakemake.input, snakemake.output
    shutil.copyfile(given.snakefile, made.snakefile)
    write_text(made.config, yaml.safe_dump(snakemake.params.config, sort_keys=False))
    described = build_crate(
        snakemake.wildcards.field,
        Path(made.crate).parent,
        inputs=given.files,
        outputs=given.results,
        versions=fit_versions() | {"snakemake": metadata.version("snakemake")},
    )
    write_json(made.crate, described, indent=1)
