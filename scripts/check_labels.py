"""Tell from labels by eye how right the classes are, and what more labels would bring."""

from morphovote.checks.by_eye import check_labels_file
from morphovote.logs import rule_log
from morphovote.report.summary import plain
from morphovote.storage.files import write_json

with rule_log(snakemake.log[0]):
    names = ("labels", "votes", "components", "names", "anchors", "held_out")
    found = check_labels_file(**{name: snakemake.input[name] for name in names})
    write_json(snakemake.output[0], plain(found), ensure_ascii=False, allow_nan=False)
