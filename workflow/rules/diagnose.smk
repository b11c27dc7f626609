# Takes: the catalogue, and what the stages before it left.
# Leaves: figures with their numbers, summary.json, and one self-contained report.


rule plot_votes:
    """Draw the kept fraction beside the null's, and the vote fractions."""
    input:
        catalogue="results/{field}/catalogue.fits",
        controls="results/{field}/vote_controls.json",
    output:
        figure=report(
            "results/{field}/figures/votes.png",
            caption="../report/votes.rst",
            category="{field}",
        ),
        table="results/{field}/figures/votes.csv",
    log:
        "results/{field}/logs/plot_votes.log",
    benchmark:
        "results/{field}/benchmarks/plot_votes.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_votes"),
    script:
        "../../scripts/plot_votes.py"


rule plot_galleries:
    """Draw the most typical and the most doubtful members of every group."""
    input:
        catalogue="results/{field}/catalogue.fits",
        cutouts=shards_of("cutouts"),
        denoised=shards_of("denoised"),
        votes="results/{field}/votes.h5",
        names=model_file("names.yaml"),
    output:
        figure=report(
            "results/{field}/figures/galleries.png",
            caption="../report/galleries.rst",
            category="{field}",
        ),
        table="results/{field}/figures/galleries.csv",
    log:
        "results/{field}/logs/plot_galleries.log",
    benchmark:
        "results/{field}/benchmarks/plot_galleries.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_galleries"),
    script:
        "../../scripts/plot_galleries.py"


rule plot_tsne:
    """Draw a t-SNE map of the components, by class and by vote fraction."""
    input:
        catalogue="results/{field}/catalogue.fits",
        components="results/{field}/components.h5",
    output:
        figure=report(
            "results/{field}/figures/tsne.png",
            caption="../report/tsne.rst",
            category="{field}",
        ),
        table="results/{field}/figures/tsne.csv",
    log:
        "results/{field}/logs/plot_tsne.log",
    benchmark:
        "results/{field}/benchmarks/plot_tsne.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_tsne"),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/plot_tsne.py"


rule plot_structure:
    """Draw Gini against M20 and concentration against asymmetry, by class."""
    input:
        catalogue="results/{field}/catalogue.fits",
    output:
        figure=report(
            "results/{field}/figures/structure.png",
            caption="../report/structure.rst",
            category="{field}",
        ),
        table="results/{field}/figures/structure.csv",
    log:
        "results/{field}/logs/plot_structure.log",
    benchmark:
        "results/{field}/benchmarks/plot_structure.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_structure"),
    script:
        "../../scripts/plot_structure.py"


rule plot_sizes:
    """Draw the distributions of Sersic index and effective radius, by class."""
    input:
        catalogue="results/{field}/catalogue.fits",
    output:
        figure=report(
            "results/{field}/figures/sizes.png",
            caption="../report/sizes.rst",
            category="{field}",
        ),
        table="results/{field}/figures/sizes.csv",
    log:
        "results/{field}/logs/plot_sizes.log",
    benchmark:
        "results/{field}/benchmarks/plot_sizes.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_sizes"),
    script:
        "../../scripts/plot_sizes.py"


rule plot_colours:
    """Draw the UVJ diagram by redshift, where the catalogue has the colours."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
    output:
        figure=report(
            "results/{field}/figures/colours.png",
            caption="../report/colours.rst",
            category="{field}",
        ),
        table="results/{field}/figures/colours.csv",
    log:
        "results/{field}/logs/plot_colours.log",
    benchmark:
        "results/{field}/benchmarks/plot_colours.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_colours"),
    script:
        "../../scripts/plot_colours.py"


rule plot_training:
    """Draw the denoiser's loss curve."""
    input:
        history="results/{field}/denoiser_training.csv",
    output:
        figure=report(
            "results/{field}/figures/training.png",
            caption="../report/training.rst",
            category="{field}",
        ),
        table="results/{field}/figures/training.csv",
    log:
        "results/{field}/logs/plot_training.log",
    benchmark:
        "results/{field}/benchmarks/plot_training.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_training"),
    script:
        "../../scripts/plot_training.py"


rule write_summary:
    """Count, compare with the controls, and collect the timings."""
    input:
        catalogue="results/{field}/catalogue.fits",
        controls="results/{field}/vote_controls.json",
        card="results/encoder/encoder.json",
        names=model_file("names.yaml"),
    output:
        "results/{field}/summary.json",
    log:
        "results/{field}/logs/write_summary.log",
    benchmark:
        "results/{field}/benchmarks/write_summary.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("write_summary"),
        config=lambda wildcards: config | {"fields": {wildcards.field: FIELDS[wildcards.field]}},
        benchmarks="results/{field}/benchmarks",
    script:
        "../../scripts/write_summary.py"


rule build_report:
    """Put figures, captions and numbers into one HTML file."""
    input:
        summary="results/{field}/summary.json",
        names=model_file("names.yaml"),
        figures=figures_of,
        captions=expand(
            ROOT / "workflow/report/{figure}.rst",
            figure=["votes", "galleries", "tsne", "structure", "sizes", "colours", "training"],
        ),
        template=ROOT / "workflow/report/report.html.j2",
    output:
        "results/{field}/report.html",
    log:
        "results/{field}/logs/build_report.log",
    benchmark:
        "results/{field}/benchmarks/build_report.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("build_report"),
    script:
        "../../scripts/build_report.py"
