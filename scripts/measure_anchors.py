"""Measure anchors as the field's galaxies are, and once more without noise."""

from morphovote.anchors.measuring import measure_anchors_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    given = snakemake.input
    measure_anchors_file(
        given.anchors,
        given.sources,
        given.get("sky", []),
        snakemake.params.psf,
        given.cutouts,
        snakemake.output[0],
        size=snakemake.params.size,
        engine=snakemake.params.engine,
        processes=snakemake.threads,
        oversampling=snakemake.params.oversampling,
        bulge_disc=snakemake.params.bulge_disc != "none",
    )
