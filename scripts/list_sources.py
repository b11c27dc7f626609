"""List a field's sources: where each lies, whether it is selected, and in which shard."""

from morphovote import sources
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    cutouts = snakemake.input.get("cutouts", [])
    catalogue = snakemake.input.get("catalogue", [])
    found, tiles = sources.list_sources(
        cutouts or snakemake.input.images,
        "cutouts" if cutouts else "images",
        catalogue[0] if catalogue else None,
        pattern=snakemake.params.get("pattern") or "*.fits",
        rms=snakemake.input.get("rms", []),
        weight=snakemake.input.get("weight", []),
        columns=snakemake.params.columns,
        select=snakemake.params.select,
        shard_size=snakemake.params.shard_size,
        pixel_scale=snakemake.params.pixel_scale,
        zero_point=snakemake.params.zero_point,
        pixel_origin=snakemake.params.get("pixel_origin", 0),
    )
    sources.write_sources(snakemake.output.sources, found, tiles)
    sources.write_shard_list(snakemake.output.shards, found)
