"""Measure the morphology of one shard of galaxies on their undenoised cutouts."""

from astropy.table import Table

from morphovote.logs import log, rule_log
from morphovote.measure.morphology import measure_shard, prepare_psf, select_rows
from morphovote.storage import shards

with rule_log(snakemake.log[0]):
    cutouts = snakemake.input.cutouts
    attributes = shards.read_attributes(cutouts)
    psf = None
    for path in snakemake.input.get("psf", []):
        scales = [attributes.get(name) for name in ("pixel_scale", "images_pixel_scale")]
        psf = prepare_psf(path, *scales)
    if psf is None:
        log.info("no PSF: r_e and n are not corrected for it, and no galaxy is flagged psf_limited")
    sources = Table.read(snakemake.input.sources, hdu="SOURCES")
    sersic = select_rows(sources, snakemake.params.select)
    arrays, units = measure_shard(cutouts, snakemake.threads, psf, sersic)
    kept = {name: attributes[name] for name in ("pixel_scale", "zero_point") if name in attributes}
    shards.write_shard(snakemake.output[0], arrays, kept | {"psf": psf is not None}, units)
