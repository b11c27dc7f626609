"""Measure the sky of a field's images on a coarse mesh, far from all sources."""

from morphovote.fields.sky import model_sky, write_sky
from morphovote.fields.tiles import inspect_tiles
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    given = snakemake.input
    noise = [given.get("rms", []), given.get("weight", [])]
    _, tiles = inspect_tiles(given.images, *noise, planes=snakemake.params.planes)
    sky, subtracted = model_sky(tiles, snakemake.params.sky, snakemake.threads)
    write_sky(snakemake.output[0], sky, subtracted)
