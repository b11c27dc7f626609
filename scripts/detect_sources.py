"""Detect and deblend the sources of a field's images; write a catalogue, one row per source."""

from morphovote.fields import detection
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = detection.detect_sources(
        snakemake.input.images,
        rms=snakemake.input.get("rms", []),
        weight=snakemake.input.get("weight", []),
        planes=snakemake.params.planes,
        pixel_scale=snakemake.params.pixel_scale,
        zero_point=snakemake.params.zero_point,
    )
    detection.write_catalogue(snakemake.output[0], catalogue)
