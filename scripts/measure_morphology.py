"""Measure the morphology of one shard of galaxies on the images, never on denoised cutouts."""

from functools import partial

from morphovote.fields.psf import field_psf
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.logs import log, rule_log
from morphovote.measure.engines import ENGINES
from morphovote.measure.morphology import measure_galaxy, select_rows
from morphovote.measure.sections import measure_on_images
from morphovote.storage import shards

with rule_log(snakemake.log[0]):
    given = snakemake.input
    sources, tiles = read_sources(given.sources)
    scale = tiles.meta["PIXSCALE"]
    psf = field_psf(tiles, snakemake.params.psf, snakemake.params.oversampling)
    if psf is None:
        log.info("no PSF: r_e and n are not corrected for it, and no galaxy is flagged psf_limited")
    sky = read_sky(given.sky[0]) if given.get("sky") else None
    sersic = select_rows(sources, snakemake.params.select)
    measure = partial(measure_galaxy, engine=ENGINES[snakemake.params.engine])
    bulge_disc = snakemake.params.bulge_disc
    arrays, units = measure_on_images(
        given.cutouts, sources, tiles, sky, snakemake.threads, psf, sersic,
        measure=measure, bulge_disc=bulge_disc,
    )  # fmt: skip
    about = {"pixel_scale": scale, "zero_point": tiles.meta["ZEROPT"], "psf": psf is not None}
    about |= {} if bulge_disc == "none" else {"bulge_disc": bulge_disc}
    shards.write_shard(snakemake.output[0], arrays, about, units)
