# Takes: the catalogue, the numbers of the checks, and the files of earlier stages.
# Leaves: figures with their numbers, summary.json, one self-contained report, and the naming page.
# The table of all figures is in morphovote/report/figures/table.py.
from morphovote.report.figures.table import FIGURES


def held_out_of(wildcards):
    """Input function: held-out galaxies of the field to which the classifier was fitted."""
    model = FIELDS[wildcards.field]["model"]
    if model is None:
        return f"results/{wildcards.field}/held_out.h5"
    parts = Path(model).parts
    # A model unpacked from an archive lies under results/ too, but was not fitted there.
    fitted_here = parts[0::2] == ("results", "model") and parts[1] in FIELDS
    return f"results/{parts[1]}/held_out.h5" if fitted_here else []


def shift_of(wildcards):
    """Input function: how far a field differs from that of its frozen model, if it uses one."""
    own = FIELDS[wildcards.field]["model"] is None
    return [] if own else [f"results/{wildcards.field}/shift.json"]


def injections_of(wildcards):
    """Input function: the recovery of injected galaxies, if the config asks for any."""
    return [f"results/{wildcards.field}/injections.h5"] if config["inject"]["galaxies"] else []


# Whether a field has a figure, by the figure's condition in the table.
CONDITIONS = {
    "": lambda wildcards: True,
    "frozen": lambda wildcards: FIELDS[wildcards.field]["model"] is not None,
    "fitted": lambda wildcards: FIELDS[wildcards.field]["model"] is None,
    "scanned": lambda wildcards: (
        FIELDS[wildcards.field]["model"] is None and config["voting"]["groups"] == "auto"
    ),
    "held_out": lambda wildcards: bool(held_out_of(wildcards)),
    "injected": lambda wildcards: bool(config["inject"]["galaxies"]),
}


def figures_of(wildcards):
    """Input function: the figures of a field, in the order of the report."""
    return [
        f"results/{wildcards.field}/figures/{figure.name}.png"
        for figure in FIGURES
        if CONDITIONS[figure.condition](wildcards)
    ]


def figure_input(path):
    """Path or input function for Snakemake, from a path in the table of figures."""
    if path == "held_out.h5":
        return held_out_of
    if path.endswith("/"):
        return shards_of(path.removesuffix("/"))
    if path.startswith("model/"):
        return model_file(path.removeprefix("model/"))
    return f"results/{{field}}/{path}"


def figure_output(figure):
    """Output files: a figure, and the numbers behind it unless a check has written them."""
    path = f"results/{{field}}/figures/{figure.name}"
    caption = f"../report/{figure.name}.rst"
    drawn = report(f"{path}.png", caption=caption, category="{field}")
    return {"figure": drawn} | ({"table": f"{path}.csv"} if figure.numbers else {})


def figure_settings(figure):
    """Settings of the config that a figure uses."""
    found = {}
    for name, key in figure.settings.items():
        section, entry = key.split(".")
        found[name] = config[section][entry]
    return found


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
        # Each takes seconds, so on a cluster all of them are one job.
        group:
            FIGURES_JOB
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
        style=ROOT / "workflow/report/naming.css",
        script=ROOT / "workflow/report/naming.js",
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


rule write_summary:
    """Summarise a run: counts, comparison with the controls, results of the checks, timings."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
        controls="results/{field}/vote_controls.json",
        stability="results/{field}/stability.h5",
        held_out=held_out_of,
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
