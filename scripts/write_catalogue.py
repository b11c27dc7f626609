"""Join the results of all stages and the source catalogue into one table, in four formats."""

from morphovote.catalogue.cds import write_cds
from morphovote.catalogue.fits_file import write_fits
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.catalogue.stages import catalogue_parts
from morphovote.catalogue.votable_file import write_votable
from morphovote.logs import log, rule_log

with rule_log(snakemake.log[0]):
    given, output = snakemake.input, snakemake.output
    catalogue = next(iter(given.get("catalogue", [])), None)
    stages = {
        "cutouts": given.cutouts,
        "votes": [given.votes],
        "classes": [given.classes],
        "measurements": given.measurements,
        "neighbours": [given.neighbours],
    }
    bands = given.get("bands", [])
    parts = catalogue_parts(given.sources, catalogue, stages, given.calibration, bands=bands)
    # The other formats are made from the Parquet file.
    written = write_parquet(output.parquet, parts)
    write_fits(output.fits, written)
    write_votable(output.votable, written)
    write_cds(output.cds, output.readme, written)
    log.info("%d sources, %d columns", written.rows, len(written.known))
