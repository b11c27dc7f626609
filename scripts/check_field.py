"""Look into a field's files: which plane and column serve as what, how much is usable."""

from morphovote.classify.labels import describe_labels
from morphovote.config.check import check_galaxies
from morphovote.errors import InputError
from morphovote.fields.inspection import inspect_field
from morphovote.groups.names import read_given_names
from morphovote.logs import log, rule_log
from morphovote.report.check_page import describe_check, render_check
from morphovote.storage.files import write_text

with rule_log(snakemake.log[0]):
    params, name = snakemake.params, snakemake.wildcards.field
    found = inspect_field(params.field, params.size)
    if params.field["labels"]:
        own = read_given_names(params.names)["classes"] if params.names else None
        found["labels"] = describe_labels(params.field["labels"], found["ids"], own or ())
    if found["galaxies"] is not None:
        try:
            check_galaxies(name, params.field, found["galaxies"], params.voting)
        except InputError as error:
            # Only the count of all sources decides: the run stops there.
            log.warning("%s", error)
            found["warnings"].append(str(error))
    for line in describe_check(found):
        log.info("%s", line)
    write_text(snakemake.output[0], render_check(name, found))
    if found["warnings"]:
        count = len(found["warnings"])
        log.warning("%d warning%s at the top of %s", count, "s" * (count > 1), snakemake.output[0])
