"""Put figures, captions and numbers into one HTML file."""

from morphovote.logs import rule_log
from morphovote.report import page as report_page
from morphovote.report import summary

with rule_log(snakemake.log[0]):
    page = report_page.render(
        template=snakemake.input.template,
        summary=summary.read_json(snakemake.input.summary),
        names=summary.read_names(snakemake.input.names),
        figures=snakemake.input.figures,
        captions=snakemake.input.captions,
    )
    report_page.write_page(page, snakemake.output[0])
