"""Put figures, captions and numbers into one HTML file."""

from morphovote.logs import rule_log
from morphovote.report import page as report_page
from morphovote.storage.files import read_json, write_text
from morphovote.storage.model_folder import read_names

with rule_log(snakemake.log[0]):
    page = report_page.render_report(
        template=snakemake.input.template,
        summary=read_json(snakemake.input.summary),
        names=read_names(snakemake.input.names),
        figures=snakemake.input.figures,
        captions=snakemake.input.captions,
    )
    write_text(snakemake.output[0], page)
