"""Measure one shard of galaxies in every band of its field."""

import json
from functools import partial

from morphovote.fields.psf import field_psf
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.logs import rule_log
from morphovote.measure.engines import ENGINES
from morphovote.measure.in_bands import measure_in_bands
from morphovote.measure.morphology import measure_galaxy, select_rows
from morphovote.storage import shards

with rule_log(snakemake.log[0]):
    given, bands = snakemake.input, snakemake.params.bands
    sources, tiles = read_sources(given.sources)
    arrays, units = measure_in_bands(
        given.cutouts,
        sources,
        tiles,
        [band["wavelength"] for band in bands],
        read_sky(given.sky[0]) if given.get("sky") else None,
        snakemake.threads,
        field_psf(tiles, []),
        select_rows(sources, snakemake.params.select),
        measure=partial(measure_galaxy, engine=ENGINES[snakemake.params.engine]),
    )
    about = {"bands": json.dumps([band["name"] for band in bands])}
    shards.write_shard(snakemake.output[0], arrays, about, units)
