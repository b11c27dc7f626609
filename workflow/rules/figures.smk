# Which figures a field has, and what each is drawn from: the table of figures as rules take it.
# Functions only; the rules are in report.smk.
from morphovote.report.figures.table import FIGURES


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
    "labelled": lambda wildcards: bool(labels_of(wildcards)),
    "bands": lambda wildcards: len(FIELDS[wildcards.field]["bands"] or []) > 1,
    "injected": lambda wildcards: bool(config["inject"]["galaxies"]),
    "bulge_disc": lambda wildcards: config["measure"]["bulge_disc"] != "none",
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


# Scripts of the explore page, in the order in which they are joined.
EXPLORE_SCRIPTS = [
    ROOT / f"workflow/report/{name}.js"
    for name in ["shared"]
    + [
        f"explore/{part}"
        for part in "data map pictures panel filters select label samp page".split()
    ]
]
