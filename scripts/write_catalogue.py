"""Join the results of all stages and the source catalogue into one table, in four formats."""

from morphovote.catalogue.cds import write_cds
from morphovote.catalogue.join import build_catalogue, read_source_columns, read_stages
from morphovote.catalogue.of_bands import read_band_columns
from morphovote.catalogue.writers import write_fits, write_parquet, write_votable
from morphovote.fields.sources import read_sources
from morphovote.logs import log, rule_log

with rule_log(snakemake.log[0]):
    given = snakemake.input
    sources, _ = read_sources(given.sources)
    source_catalogue = None
    for path in given.get("catalogue", []):
        source_catalogue = read_source_columns(path)
    stages = read_stages(
        given.cutouts, given.votes, given.classes, given.measurements, given.neighbours,
        given.calibration,
    )  # fmt: skip
    more = read_band_columns(given.get("bands", []), len(sources))
    catalogue = build_catalogue(sources, source_catalogue, **stages, more=more)
    write_fits(snakemake.output.fits, catalogue)
    write_parquet(snakemake.output.parquet, catalogue)
    write_votable(snakemake.output.votable, catalogue)
    write_cds(snakemake.output.cds, snakemake.output.readme, catalogue)
    log.info("%d sources, %d columns", len(catalogue), len(catalogue.colnames))
