"""Put figures, captions and numbers into one HTML file."""

from morphovote import report, summary
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    page = report.render(
        template=snakemake.input.template,
        summary=summary.read_json(snakemake.input.summary),
        names=summary.read_names(snakemake.input.names),
        figures=snakemake.input.figures,
        captions=snakemake.input.captions,
    )
    report.write_page(page, snakemake.output[0])
