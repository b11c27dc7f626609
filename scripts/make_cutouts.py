"""Cut the galaxies of one shard from their images: sky subtracted, neighbours masked, flagged."""

from morphovote.fields import cutouts, sources
from morphovote.fields.psf_matching import match_kernels
from morphovote.fields.sky import read_sky
from morphovote.logs import rule_log
from morphovote.model import compatibility
from morphovote.storage import shards

with rule_log(snakemake.log[0]):
    table, tiles = sources.read_sources(snakemake.input.sources)
    size = int(snakemake.params.size)
    target = compatibility.read_pixel_scale(snakemake.input.get("transfer", []))
    scale = target or tiles.meta["PIXSCALE"]
    arrays = cutouts.make_cutouts(
        table[table["SHARD"] == int(snakemake.wildcards.shard)],
        tiles,
        size,
        neighbours=snakemake.params.neighbours,
        threads=snakemake.threads,
        target=target,
        sky=read_sky(snakemake.input.sky[0]) if snakemake.input.get("sky") else None,
        kernel=match_kernels(tiles, [], None, scale),
    )
    attributes = {
        "pixel_scale": scale,
        "images_pixel_scale": tiles.meta["PIXSCALE"],
        "zero_point": tiles.meta["ZEROPT"],
        "size": size,
    }
    shards.write_shard(snakemake.output[0], arrays, attributes, cutouts.UNITS)
