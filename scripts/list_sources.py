"""List a field's sources: position, whether selected, and shard."""

from morphovote.catalogue.source_columns import read_source_columns
from morphovote.fields import bands, sources
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    params = snakemake.params
    catalogue = snakemake.input.get("catalogue", [])
    notes = []
    for path in catalogue:
        # What cannot be written in the end is said now.
        read_source_columns(path, notes)
    how = {
        key: params[key] for key in ("columns", "select", "shard_size", "pixel_origin", "missing")
    }
    how |= {"catalogue": catalogue[0] if catalogue else None, "notes": notes}
    if params.bands:
        found, tiles = bands.list_band_sources(params.bands, params.choice, params.kind, **how)
    else:
        found, tiles = sources.list_sources(
            snakemake.input.images,
            params.kind,
            pattern=params.pattern or "",
            rms=snakemake.input.get("rms", []),
            weight=snakemake.input.get("weight", []),
            **{key: params[key] for key in ("planes", "psfs", "pixel_scale", "zero_point")},
            **how,
        )
    sources.write_sources(snakemake.output.sources, found, tiles)
    sources.write_shard_list(snakemake.output.shards, found)
