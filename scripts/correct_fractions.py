"""Count the classes overall and in bins, and correct their fractions for confusion and loss."""

from morphovote.checks.fractions import correct_file
from morphovote.logs import rule_log
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    given = snakemake.input
    names = ("votes", "components", "classifier", "anchors", "held_out")
    files = {name: given[name] for name in names}
    table = correct_file(given.catalogue, given.sources, snakemake.params.massive, **files)
    save_numbers(table, snakemake.output[0])
