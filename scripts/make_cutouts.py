"""Cut the galaxies of one shard from their images: sky subtracted, neighbours masked, flagged."""

from morphovote import cutouts, shards, sources
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    table, tiles = sources.read_sources(snakemake.input.sources)
    size = int(snakemake.params.size)
    arrays = cutouts.make_cutouts(
        table[table["SHARD"] == int(snakemake.wildcards.shard)],
        tiles,
        size,
        neighbours=snakemake.params.neighbours,
        threads=snakemake.threads,
    )
    attributes = {
        "pixel_scale": tiles.meta["PIXSCALE"],
        "zero_point": tiles.meta["ZEROPT"],
        "size": size,
    }
    shards.write_shard(snakemake.output[0], arrays, attributes, cutouts.UNITS)
