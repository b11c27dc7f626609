"""Measure the morphology of one shard of galaxies on the images, never on denoised cutouts."""

from functools import partial

from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.logs import log, rule_log
from morphovote.measure.engines import ENGINES
from morphovote.measure.morphology import (
    half_light_radius,
    measure_galaxy,
    prepare_psf,
    select_rows,
)
from morphovote.measure.sections import measure_on_images
from morphovote.storage import shards

with rule_log(snakemake.log[0]):
    given = snakemake.input
    sources, tiles = read_sources(given.sources)
    scale = tiles.meta["PIXSCALE"]
    psf = None
    for path in snakemake.params.psf:
        psf = prepare_psf(path, scale)
    if psf is None:
        log.info("no PSF: r_e and n are not corrected for it, and no galaxy is flagged psf_limited")
    sky = read_sky(given.sky[0]) if given.get("sky") else None
    sersic = select_rows(sources, snakemake.params.select)
    measure = partial(measure_galaxy, engine=ENGINES[snakemake.params.engine])
    arrays, units = measure_on_images(
        given.cutouts, sources, tiles, sky, snakemake.threads, psf, sersic, measure=measure
    )
    about = {"pixel_scale": scale, "zero_point": tiles.meta["ZEROPT"], "psf": psf is not None}
    about["psf_radius"] = 0.0 if psf is None else half_light_radius(psf)
    shards.write_shard(snakemake.output[0], arrays, about, units)
