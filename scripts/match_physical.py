"""Cross-match the source catalogue with a catalogue of physical properties."""

from morphovote.catalogue.parquet_file import write_parquet
from morphovote.fields.catalogues import read_table
from morphovote.fields.matching import match_catalogues
from morphovote.fields.role_columns import read_positions
from morphovote.logs import rule_log
from morphovote.storage.files import write_json

with rule_log(snakemake.log[0]):
    catalogue, physical = snakemake.input.catalogue[0], snakemake.input.physical
    match_by, radius = snakemake.params.match_by, snakemake.params.radius
    missing = snakemake.params.missing
    positions = read_positions(catalogue, snakemake.params.columns, missing)
    sources, other = read_table(catalogue), read_table(physical)
    joined, about = match_catalogues(sources, positions, other, match_by, radius, physical, missing)
    write_parquet(snakemake.output.catalogue, joined)
    write_json(snakemake.output.match, about)
