"""Look into a field's files: which plane and column serve as what, how much is usable."""

from morphovote.fields.inspection import inspect_field
from morphovote.logs import log, rule_log
from morphovote.report.check_page import describe_check, render_check
from morphovote.storage.files import write_text

with rule_log(snakemake.log[0]):
    found = inspect_field(snakemake.params.field, snakemake.params.size)
    for line in describe_check(found):
        log.info("%s", line)
    write_text(snakemake.output[0], render_check(snakemake.wildcards.field, found))
