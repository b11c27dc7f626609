"""Measure the sky of a field's images on a coarse mesh, far from all sources."""

from morphovote.fields.bands import inspect_bands
from morphovote.fields.sky import model_band_skies, model_sky, write_sky
from morphovote.fields.tiles import inspect_tiles
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    given, bands = snakemake.input, snakemake.params.bands
    noise = [given.get("rms", []), given.get("weight", [])]
    if bands:
        _, tiles = inspect_bands(bands)
    else:
        _, tiles = inspect_tiles(given.images, *noise, planes=snakemake.params.planes)
    model = model_band_skies if bands else model_sky
    sky, subtracted = model(tiles, snakemake.params.sky, snakemake.threads)
    write_sky(snakemake.output[0], sky, subtracted)
