# Takes: a fitted model; for a field that uses one frozen, what the stages before have left.
# Leaves: the model's description, on request the model as one archive; for a frozen one its files
# unpacked, the check of what it needs before the long jobs, and after them the shift report.
from morphovote.model.archive import FILES as ARCHIVED
from morphovote.storage.model_folder import MODEL_FILES


rule unpack_model:
    """Unpack the archive of a frozen model, and refuse it if it is not what its manifest says."""
    input:
        archive=archive_of,
    output:
        [f"{PLACES['unpacked']}/{name}" for name in ARCHIVED],
    log:
        "results/{field}/logs/unpack_model.log",
    benchmark:
        "results/{field}/benchmarks/unpack_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("unpack_model"),
        given=given_files(archive_of),
        folder=PLACES["unpacked"],
    script:
        "../../scripts/unpack_model.py"


rule check_model:
    """Hold what a frozen model needs against the field, before the long jobs."""
    input:
        sources="results/{field}/sources.fits",
        # New names of the reference's groups change this file, and nothing that is checked here.
        model=ancient(model_file("model.json")),
        card=encoder_file("encoder.json"),
    output:
        "results/{field}/transfer.json",
    log:
        "results/{field}/logs/check_model.log",
    benchmark:
        "results/{field}/benchmarks/check_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("check_model"),
        given=given_files(model_file("model.json")),
        settings={key: config[key] for key in ("cutout", "denoiser", "polar", "encoder", "voting")},
    script:
        "../../scripts/check_model.py"


rule describe_model:
    """Write what a model was fitted on, beside what was fitted."""
    input:
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        embeddings=shards_of("embeddings"),
        psf=field_entry("psf"),
        card="results/encoder/encoder.json",
        files=[f"results/{{field}}/model/{name}" for name in MODEL_FILES if name != "model.json"],
    output:
        "results/{field}/model/model.json",
    log:
        "results/{field}/logs/describe_model.log",
    benchmark:
        "results/{field}/benchmarks/describe_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("describe_model"),
        config={
            key: config[key] for key in ("cutout", "denoiser", "polar", "encoder", "pca", "voting")
        },
    script:
        "../../scripts/describe_model.py"


rule package_model:
    """Pack a model and its encoder into one archive, with a manifest."""
    input:
        [model_file(name) for name in MODEL_FILES],
        encoder_file("encoder.safetensors"),
        encoder_file("encoder.json"),
    output:
        "results/{field}/model.zip",
    log:
        "results/{field}/logs/package_model.log",
    benchmark:
        "results/{field}/benchmarks/package_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("package_model"),
    script:
        "../../scripts/package_model.py"


rule check_shift:
    """Measure how far a field lies from the galaxies that its frozen model was fitted on."""
    input:
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        embeddings=shards_of("embeddings"),
        psf=field_entry("psf"),
        components="results/{field}/components.h5",
        votes="results/{field}/votes.h5",
        transfer="results/{field}/transfer.json",
        model=model_file("model.json"),
        voters=model_file("voters.h5"),
    output:
        "results/{field}/shift.json",
    log:
        "results/{field}/logs/check_shift.log",
    benchmark:
        "results/{field}/benchmarks/check_shift.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("check_shift"),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/check_shift.py"


rule plot_shift:
    """Draw how far a field lies from the reference of its frozen model."""
    input:
        shift="results/{field}/shift.json",
    output:
        figure=report(
            "results/{field}/figures/shift.png",
            caption="../report/shift.rst",
            category="{field}",
        ),
        table="results/{field}/figures/shift.csv",
    log:
        "results/{field}/logs/plot_shift.log",
    benchmark:
        "results/{field}/benchmarks/plot_shift.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_shift"),
    script:
        "../../scripts/plot_shift.py"
