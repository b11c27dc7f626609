# Takes: the catalogue, the numbers of the checks, and the files of earlier stages.
# Leaves: figures with their numbers, summary.json, one self-contained report, the naming page, and the
# page on which to look at the galaxies.
# The table of all figures is in morphovote/report/figures/table.py.


for figure in FIGURES:

    rule:
        """Draw one figure of the table, and write the numbers behind it."""
        name:
            f"plot_{figure.name}"
        input:
            **{name: figure_input(path) for name, path in figure.inputs.items()},
        output:
            **figure_output(figure),
        log:
            f"results/{{field}}/logs/plot_{figure.name}.log",
        benchmark:
            f"results/{{field}}/benchmarks/plot_{figure.name}.tsv"
        conda:
            "../../envs/morphovote.yaml"
        params:
            # With the figure's own module, so that an edit redraws only this figure.
            code=code_digest("plot_figure", f"morphovote/report/figures/{figure.name}"),
            figure=figure.name,
            settings=figure_settings(figure),
        script:
            "../../scripts/plot_figure.py"


rule build_naming:
    """Build the page on which people name the groups, with images and numbers of every group."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        denoised=shards_of("denoised"),
        votes="results/{field}/votes.h5",
        confounders="results/{field}/figures/confounders.csv",
        names=model_file("names.yaml"),
        template=ROOT / "workflow/report/naming.html.j2",
        styles=[ROOT / f"workflow/report/{name}.css" for name in ("shared", "naming")],
        scripts=[ROOT / f"workflow/report/{name}.js" for name in ("shared", "naming")],
    output:
        "results/{field}/naming.html",
    log:
        "results/{field}/logs/build_naming.log",
    benchmark:
        "results/{field}/benchmarks/build_naming.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("build_naming"),
    script:
        "../../scripts/build_naming.py"


rule build_explore:
    """Build the page on which people look at the galaxies, with a map, pictures and numbers."""
    input:
        catalogue="results/{field}/catalogue.parquet",
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        denoised=shards_of("denoised"),
        components="results/{field}/components.h5",
        neighbours="results/{field}/neighbours.h5",
        votes="results/{field}/votes.h5",
        map="results/{field}/figures/tsne.csv",
        names=model_file("names.yaml"),
        to_label="results/{field}/to_label.csv",
        template=ROOT / "workflow/report/explore.html.j2",
        styles=[ROOT / f"workflow/report/{name}.css" for name in ("shared", "explore")],
        scripts=EXPLORE_SCRIPTS,
    output:
        "results/{field}/explore.html",
    log:
        "results/{field}/logs/build_explore.log",
    benchmark:
        "results/{field}/benchmarks/build_explore.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("build_explore"),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/build_explore.py"


rule write_summary:
    """Summarise a run: counts, comparison with the controls, results of the checks, timings."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
        controls="results/{field}/vote_controls.json",
        stability="results/{field}/stability.h5",
        held_out=held_out_of,
        labels=labels_of,
        injections=injections_of,
        separation="results/{field}/figures/separation.csv",
        ordering="results/{field}/figures/ordering.csv",
        confounders="results/{field}/figures/confounders.csv",
        overall="results/{field}/figures/confounders_overall.csv",
        card=encoder_file("encoder.json"),
        names=model_file("names.yaml"),
        match=lambda wildcards: (
            [f"results/{wildcards.field}/match.json"]
            if FIELDS[wildcards.field]["physical"]
            else []
        ),
        model=model_file("model.json"),
        transfer=transfer_of,
        shift=shift_of,
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
        config=repeatable_config,
        benchmarks="results/{field}/benchmarks",
    script:
        "../../scripts/write_summary.py"


rule build_report:
    """Put figures, captions and numbers into one HTML file."""
    input:
        summary="results/{field}/summary.json",
        names=model_file("names.yaml"),
        figures=figures_of,
        captions=[ROOT / f"workflow/report/{figure.name}.rst" for figure in FIGURES],
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


rule describe_run:
    """Describe a field's run as an RO-Crate: inputs with checksums, config, versions, outputs (on request)."""
    input:
        files=files_to_check,
        snakefile=ROOT / "Snakefile",
        results=expand(
            "results/{{field}}/{file}",
            file=[
                "catalogue.fits",
                "catalogue.parquet",
                "catalogue.vot",
                "report.html",
                "summary.json",
            ],
        ),
    output:
        crate="results/{field}/ro-crate-metadata.json",
        snakefile="results/{field}/provenance/Snakefile",
        config="results/{field}/provenance/config.yaml",
    log:
        "results/{field}/logs/describe_run.log",
    benchmark:
        "results/{field}/benchmarks/describe_run.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("describe_run"),
        given=given_files(files_to_check),
        config=repeatable_config,
    script:
        "../../scripts/describe_run.py"
