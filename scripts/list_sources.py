"""List a field's sources: position, whether selected, and shard."""

from morphovote.catalogue.source_columns import read_source_columns
from morphovote.fields import sources
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    pattern = snakemake.params.pattern
    catalogue = snakemake.input.get("catalogue", [])
    notes = []
    for path in catalogue:
        # What cannot be written in the end is said now.
        read_source_columns(path, notes)
    found, tiles = sources.list_sources(
        snakemake.input.images,
        "cutouts" if pattern else "images",
        catalogue[0] if catalogue else None,
        pattern=pattern or "",
        rms=snakemake.input.get("rms", []),
        weight=snakemake.input.get("weight", []),
        planes=snakemake.params.planes,
        psfs=snakemake.params.psfs,
        columns=snakemake.params.columns,
        select=snakemake.params.select,
        shard_size=snakemake.params.shard_size,
        pixel_scale=snakemake.params.pixel_scale,
        zero_point=snakemake.params.zero_point,
        pixel_origin=snakemake.params.pixel_origin,
        missing=snakemake.params.missing,
        notes=notes,
    )
    sources.write_sources(snakemake.output.sources, found, tiles)
    sources.write_shard_list(snakemake.output.shards, found)
