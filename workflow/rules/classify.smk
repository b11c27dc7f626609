# Takes: votes, components, anchors, labels by eye, and the groups' names (or, to suggest them, the anchors again and
# medians of the measurements).
# Leaves: the names and the classifier in the model folder, every galaxy's class, and the list of
# galaxies to classify by eye next.
NAMES = [path for path in [config["classes"]["names"]] if path]


rule name_groups:
    """Take the groups' classes from the file of names, or suggest them from anchors and medians."""
    input:
        votes="results/{field}/votes.h5",
        cutouts=shards_of("cutouts"),
        measurements=shards_of("measurements"),
        groups="results/{field}/groups.yaml",
        anchors="results/{field}/model/anchors.h5",
        components="results/{field}/components.h5",
        names=NAMES,
    output:
        "results/{field}/model/names.yaml",
    log:
        "results/{field}/logs/name_groups.log",
    benchmark:
        "results/{field}/benchmarks/name_groups.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("name_groups"),
        given=given_files(NAMES),
    script:
        "../../scripts/name_groups.py"


rule fit_classifier:
    """Teach the classifier with anchors and labels, or with galaxies on which the voters agree."""
    input:
        votes="results/{field}/votes.h5",
        names="results/{field}/model/names.yaml",
        components="results/{field}/components.h5",
        anchors="results/{field}/model/anchors.h5",
        labels=field_entry("labels"),
    output:
        classifier="results/{field}/model/classifier.h5",
        held_out="results/{field}/held_out.h5",
    log:
        "results/{field}/logs/fit_classifier.log",
    benchmark:
        "results/{field}/benchmarks/fit_classifier.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("fit_classifier"),
        given=given_files(field_entry("labels")),
    script:
        "../../scripts/fit_classifier.py"


rule classify_galaxies:
    """Give every galaxy a class and a probability, and record where they come from."""
    input:
        votes="results/{field}/votes.h5",
        names=model_file("names.yaml"),
        components="results/{field}/components.h5",
        classifier=model_file("classifier.h5"),
        cutouts=shards_of("cutouts"),
        labels=field_entry("labels"),
    output:
        "results/{field}/classes.h5",
    log:
        "results/{field}/logs/classify_galaxies.log",
    benchmark:
        "results/{field}/benchmarks/classify_galaxies.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("classify_galaxies"),
        given=given_files(
            model_file("names.yaml"), model_file("classifier.h5"), field_entry("labels")
        ),
    script:
        "../../scripts/classify_galaxies.py"


rule choose_labels:
    """List the galaxies to classify by eye next: half at random, half where a label teaches most."""
    input:
        classes="results/{field}/classes.h5",
        components="results/{field}/components.h5",
        names=model_file("names.yaml"),
        labels=field_entry("labels"),
    output:
        "results/{field}/to_label.csv",
    log:
        "results/{field}/logs/choose_labels.log",
    benchmark:
        "results/{field}/benchmarks/choose_labels.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("choose_labels"),
        given=given_files(model_file("names.yaml"), field_entry("labels")),
    script:
        "../../scripts/choose_labels.py"
