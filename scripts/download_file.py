"""Download one file of a field."""

from morphovote.config.files import read_downloads
from morphovote.fields.downloads import download_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    path = snakemake.output[0]
    entry = read_downloads(snakemake.params.table)[path]
    download_file(entry["url"], path, entry["sha256"])
